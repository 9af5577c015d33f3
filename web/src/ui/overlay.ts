/** What lies above the points: pins, the lasso that is being drawn, and that of the selection. */

import { positions } from "../marks";
import { toScreen } from "../scatter/camera";
import type { Scene } from "../scatter/scene";
import { map, pinA, pinB, selection } from "../state";

/** Draw the pins, the lasso that is being drawn, and that of the selection. */
export function drawOverlay(canvas: HTMLCanvasElement, scene: Scene, stroke: number[]): void {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = scene.camera;
  const [columns, lines] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== lines) {
    canvas.width = columns;
    canvas.height = lines;
  }
  const chosen = selection.peek();
  const isSelected = chosen?.kind === "lasso" && chosen.map === map.peek();
  const outline = stroke.length ? stroke : isSelected ? chosen.polygon : [];
  const isEmpty = !outline.length && pinA.peek() === null && pinB.peek() === null;
  if (isEmpty && canvas.hidden) return;
  canvas.hidden = isEmpty;
  const context = canvas.getContext("2d");
  if (!context || isEmpty) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const [ink, paper] = [style.getPropertyValue("--ink"), style.getPropertyValue("--paper")];
  if (outline.length >= 4) {
    context.beginPath();
    for (let i = 0; i < outline.length; i += 2) {
      context.lineTo(...toScreen(scene.camera, outline[i], outline[i + 1]));
    }
    context.closePath();
    context.strokeStyle = ink;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }
  for (const [name, row] of [
    ["A", pinA.peek()],
    ["B", pinB.peek()],
  ] as const) {
    if (row !== null && positions.peek()) drawPin(context, scene.screen(row), name, ink, paper);
  }
}

function drawPin(
  context: CanvasRenderingContext2D,
  [x, y]: [number, number],
  name: string,
  ink: string,
  paper: string,
): void {
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.lineWidth = 4;
  context.strokeStyle = paper;
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = ink;
  context.stroke();
  context.beginPath();
  context.arc(x + 13, y - 13, 10, 0, 2 * Math.PI);
  context.fillStyle = ink;
  context.fill();
  context.fillStyle = paper;
  context.font = "bold 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(name, x + 13, y - 12.5);
}
