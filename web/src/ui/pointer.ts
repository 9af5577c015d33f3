/** Keys, mouse, pen and fingers on the map. */

import { batch } from "@preact/signals";
import { simplify } from "../analysis/lasso";
import { pan, toData, toScreen, zoom } from "../scatter/camera";
import type { Scene } from "../scatter/scene";
import { map, pinA, pinB, selection, tab, view } from "../state";
import { pinning } from "./Toolbar";

const CLICK_DISTANCE = 4; // pixels that a click may move
const ZOOM_STEP = 1.5;

/** The example under the mouse, and where it is drawn. */
export interface Hover {
  row: number;
  x: number;
  y: number;
}

function remember(scene: Scene): void {
  view.value = scene.place;
}

/** Move, zoom or pin by a key; return whether the key means anything here. */
export function moveByKey(scene: Scene, event: KeyboardEvent): boolean {
  const { width, height } = scene.camera;
  const step = 60;
  const moves: Record<string, () => void> = {
    ArrowLeft: () => (scene.camera = pan(scene.camera, step, 0)),
    ArrowRight: () => (scene.camera = pan(scene.camera, -step, 0)),
    ArrowUp: () => (scene.camera = pan(scene.camera, 0, step)),
    ArrowDown: () => (scene.camera = pan(scene.camera, 0, -step)),
    "+": () => (scene.camera = zoom(scene.camera, ZOOM_STEP, width / 2, height / 2)),
    "-": () => (scene.camera = zoom(scene.camera, 1 / ZOOM_STEP, width / 2, height / 2)),
    "0": () => scene.reset(),
    Enter: () => pin(scene.nearest(width / 2, height / 2, Math.hypot(width, height)), event.shiftKey),
    Escape: () => (selection.value = null),
  };
  const move = moves[event.key === "=" ? "+" : event.key];
  if (!move || event.ctrlKey || event.metaKey) return false;
  move();
  scene.request();
  remember(scene);
  return true;
}

function pin(row: number, second: boolean): void {
  if (row < 0) return;
  batch(() => {
    if (second || pinning.value === "b") {
      pinB.value = row;
      if (pinA.value !== null && tab.value !== "generate") tab.value = "swap";
    } else {
      pinA.value = row;
      if (tab.value !== "swap" && tab.value !== "generate") tab.value = "example";
    }
  });
}

/** Mouse, pen and fingers: hover, drag, pinch, click, lasso. */
export function followPointer(
  box: HTMLDivElement,
  scene: Scene,
  stroke: number[],
  lassoIsOn: () => boolean,
  setHover: (hover: Hover | null) => void,
): () => void {
  const fingers = new Map<number, [number, number]>();
  let mode: "none" | "drag" | "lasso" | "pinch" = "none";
  let moved = 0;
  let startedWithShift = false;
  const place = (event: PointerEvent | WheelEvent): [number, number] => {
    const area = box.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    moved = 0;
    startedWithShift = event.shiftKey;
    mode = fingers.size > 1 ? "pinch" : lassoIsOn() || event.shiftKey ? "lasso" : "drag";
    stroke.length = 0;
    if (mode === "lasso") stroke.push(...toData(scene.camera, ...place(event)));
    setHover(null);
  };
  const move = (event: PointerEvent) => {
    const now = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") hoverAt(now);
      return;
    }
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.hypot(dx, dy);
    if (mode === "drag") scene.move(pan(scene.camera, dx, dy));
    if (mode === "lasso") stroke.push(...toData(scene.camera, ...now));
    if (mode === "pinch") pinch(event.pointerId, before, now);
    fingers.set(event.pointerId, now);
    scene.request();
  };
  const pinch = (id: number, before: [number, number], now: [number, number]) => {
    const other = [...fingers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const distance = (from: [number, number]) => Math.hypot(from[0] - other[0], from[1] - other[1]);
    const factor = distance(now) / Math.max(1, distance(before));
    scene.move(zoom(scene.camera, factor, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2));
  };
  const up = (event: PointerEvent) => {
    const now = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    if (!now) return;
    if (mode === "lasso" && moved > CLICK_DISTANCE) finishLasso(scene, stroke);
    else if (mode !== "pinch" && moved <= CLICK_DISTANCE) {
      pin(scene.nearest(...now), startedWithShift);
    } else remember(scene);
    stroke.length = 0;
    mode = "none";
    scene.request();
  };
  const hoverAt = (at: [number, number]) => {
    const row = scene.nearest(...at);
    if (row < 0) setHover(null);
    else {
      const [x, y] = scene.screen(row);
      setHover({ row, x, y });
    }
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    scene.move(zoom(scene.camera, Math.exp(-event.deltaY / 500), ...place(event)));
    remember(scene);
  };
  const leave = () => setHover(null);
  const cancel = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    stroke.length = 0;
    mode = "none";
  };
  box.addEventListener("pointerdown", down);
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", cancel);
  box.addEventListener("pointerleave", leave);
  box.addEventListener("wheel", wheel, { passive: false });
  return () => {
    box.removeEventListener("pointerdown", down);
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", up);
    box.removeEventListener("pointercancel", cancel);
    box.removeEventListener("pointerleave", leave);
    box.removeEventListener("wheel", wheel);
  };
}

function finishLasso(scene: Scene, stroke: number[]): void {
  // Corners of less than two pixels cannot be seen, but make the link long.
  const { camera } = scene;
  const pixels = convert(stroke, (x, y) => toScreen(camera, x, y));
  const polygon = convert([...simplify(Float32Array.from(pixels), 2)], (x, y) => toData(camera, x, y));
  if (polygon.length < 6) return;
  batch(() => {
    selection.value = { kind: "lasso", map: map.value, polygon };
    tab.value = "selection";
  });
}

function convert(places: number[], to: (x: number, y: number) => [number, number]): number[] {
  const converted: number[] = [];
  for (let i = 0; i < places.length; i += 2) converted.push(...to(places[i], places[i + 1]));
  return converted;
}
