/** The map: points that one can hover over, pin, and select with a lasso. */

import { batch, effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { paint } from "../data/marks";
import { count, t } from "../i18n";
import { axesOf, colourValues, isSquare, positions, selectedMask, shown } from "../marks";
import { type Camera, type Extent, extentOf, pan, resize, showAll, toData, toScreen, zoom } from "../scatter/camera";
import { drawDensity } from "../scatter/density";
import { Grid } from "../scatter/grid";
import { Points } from "../scatter/points";
import { simplify } from "../analysis/lasso";
import { session } from "../session";
import { density, fail, map, pinA, pinB, selectedRows, selection, tab, theme, view } from "../state";
import { Tooltip } from "./Tooltip";
import { pinning } from "./Toolbar";

const HOVER_RADIUS = 14; // pixels
const CLICK_DISTANCE = 4; // pixels that a click may move
const ZOOM_STEP = 1.5;
const SLOW_FRAME = 28; // milliseconds; while the map moves, slower frames draw fewer points
const FAST_FRAME = 19; // faster ones more
const FIRST_MOVING = 200_000; // points that are drawn in the first of these frames
const LEAST_MOVING = 15_000; // points that are drawn in any case
const REST = 160; // milliseconds without a movement, after which all points are drawn

interface Hover {
  row: number;
  x: number;
  y: number;
}

/** All that is drawn, outside the framework: a frame must not wait for it. */
class Scene {
  camera: Camera;
  private grid: Grid | null = null;
  private points: Float32Array = new Float32Array(0);
  private extent: Extent = [-1, -1, 1, 1];
  private home: Camera;
  private readonly colours: Uint8Array;
  private frame = 0;
  private rest = 0;
  /** While the map moves, every k-th point is drawn. */
  private every = 1;
  private lastFrame = 0;
  private shownMap = "";
  private square = true;
  /** Called after each frame, for what lies above the points. */
  onFrame: () => void = () => undefined;

  constructor(
    private readonly layer: Points,
    private readonly cloud: HTMLCanvasElement,
    private readonly n: number,
    width: number,
    height: number,
  ) {
    this.colours = new Uint8Array(4 * n);
    this.every = Math.max(1, n / FIRST_MOVING);
    this.home = showAll(this.extent, width, height, true);
    this.camera = this.home;
  }

  setPositions(points: Float32Array, name: string): void {
    this.points = points;
    this.extent = extentOf(points);
    this.square = isSquare(name);
    this.grid = null; // built when the mouse first moves
    this.layer.setPositions(points);
    this.home = showAll(this.extent, this.camera.width, this.camera.height, this.square);
    const place = view.peek();
    const isNew = this.shownMap !== "" && this.shownMap !== name;
    this.shownMap = name;
    if (isNew) view.value = null;
    this.setView(isNew ? null : place);
  }

  /** Look at a view relative to the whole map. */
  setView(place: { x: number; y: number; zoom: number } | null): void {
    const home = this.home;
    if (!place) this.camera = home;
    else {
      const [x0, y0, x1, y1] = this.extent;
      this.camera = {
        ...home,
        x: x0 + place.x * (x1 - x0),
        y: y0 + place.y * (y1 - y0),
        scaleX: home.scaleX * place.zoom,
        scaleY: home.scaleY * place.zoom,
      };
    }
    this.request();
  }

  /** The view relative to the whole map; null if it is the whole map. */
  get place(): { x: number; y: number; zoom: number } | null {
    if (this.camera === this.home) return null;
    const [x0, y0, x1, y1] = this.extent;
    return {
      x: (this.camera.x - x0) / (x1 - x0),
      y: (this.camera.y - y0) / (y1 - y0),
      zoom: this.camera.scaleX / this.home.scaleX,
    };
  }

  resize(width: number, height: number): void {
    const wasHome = this.camera === this.home;
    this.home = showAll(this.extent, width, height, this.square);
    this.camera = wasHome ? this.home : resize(this.camera, width, height);
    this.request();
  }

  reset(): void {
    this.camera = this.home;
    this.request();
  }

  paint(mask: Uint8Array, selected: Uint8Array | null): void {
    paint(this.colours, mask, selected, colourValues.peek());
    this.layer.setColours(this.colours);
    this.request();
  }

  nearest(px: number, py: number, radius = HOVER_RADIUS): number {
    this.grid ??= new Grid(this.points, this.extent);
    const [x, y] = toData(this.camera, px, py);
    const { scaleX, scaleY } = this.camera;
    return this.grid.nearest(x, y, radius, scaleX, scaleY, (row) => this.colours[4 * row + 3] > 0);
  }

  screen(row: number): [number, number] {
    return toScreen(this.camera, this.points[2 * row], this.points[2 * row + 1]);
  }

  /** Look through another camera; the map is moving. */
  move(camera: Camera): void {
    this.camera = camera;
    clearTimeout(this.rest);
    this.rest = window.setTimeout(() => {
      this.rest = 0;
      this.request();
    }, REST);
    this.request();
  }

  request(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const { camera, home } = this;
    const magnified = Math.max(1, camera.scaleX / home.scaleX);
    const room = Math.sqrt((camera.width * camera.height) / Math.max(this.n, 1));
    const size = Math.min(16, Math.min(9, Math.max(2, 0.55 * room)) * Math.sqrt(magnified));
    const opacity = density.peek() ? 0.15 : Math.min(0.95, Math.max(0.5, room / 8));
    const every = this.rest ? this.adapt() : 1;
    const hasSelection = selectedMask.peek() !== null;
    this.layer.draw(camera, size * Math.sqrt(Math.min(every, 2)), opacity, every, hasSelection);
    if (density.peek()) drawDensity(this.cloud, this.points, this.colours, camera);
    this.cloud.hidden = !density.peek();
    this.onFrame();
  }

  /** Choose how many points are drawn while the map moves, by the time of the last frame. */
  private adapt(): number {
    const now = performance.now();
    const time = now - this.lastFrame;
    this.lastFrame = now;
    const most = Math.max(1, this.n / LEAST_MOVING);
    if (time < 10 * SLOW_FRAME) {
      if (time > SLOW_FRAME) this.every *= 1.4;
      if (time < FAST_FRAME) this.every *= 0.95;
    }
    this.every = Math.min(most, Math.max(1, this.every));
    return Math.round(this.every);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rest);
  }
}

export function ScatterMap({ lasso }: { lasso: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cloud = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const scene = useRef<Scene | null>(null);
  const stroke = useRef<number[]>([]);
  const [hover, setHover] = useState<Hover | null>(null);

  useEffect(() => {
    const [frame, ground, above, density_] = [box.current, canvas.current, overlay.current, cloud.current];
    if (!frame || !ground || !above || !density_) return;
    const { n } = session().data.manifest;
    let layer: Points;
    try {
      layer = new Points(ground);
    } catch (error) {
      fail(error);
      return;
    }
    const made = new Scene(layer, density_, n, frame.clientWidth, frame.clientHeight);
    made.onFrame = () => drawOverlay(above, made, stroke.current);
    scene.current = made;
    const stops = [
      effect(() => {
        const now = positions.value;
        if (now) made.setPositions(now.points, now.map);
        document.body.dataset.map = now?.map ?? "";
      }),
      effect(() => {
        colourValues.value; // repaints when it changes
        made.paint(shown.value, selectedMask.value);
      }),
      effect(() => {
        theme.value;
        density.value;
        pinA.value;
        pinB.value;
        made.request();
      }),
      effect(() => {
        const place = view.value;
        const now = made.place;
        if (JSON.stringify(place) !== JSON.stringify(now)) made.setView(place);
      }),
    ];
    const observer = new ResizeObserver(() => made.resize(frame.clientWidth, frame.clientHeight));
    observer.observe(frame);
    const stopPointer = followPointer(frame, made, stroke.current, () => lassoNow.current, setHover);
    return () => {
      for (const stop of stops) stop();
      observer.disconnect();
      stopPointer();
      made.stop();
    };
  }, []);
  const lassoNow = useRef(lasso);
  lassoNow.current = lasso;

  const onKey = (event: KeyboardEvent) => {
    const made = scene.current;
    if (made && moveByKey(made, event)) event.preventDefault();
  };
  const { n } = session().data.manifest;
  return (
    <div
      ref={box}
      class={lasso ? "scatter lasso" : "scatter"}
      tabIndex={0}
      role="application"
      aria-label={t("map.help")}
      onKeyDown={onKey}
    >
      <canvas ref={cloud} class="layer density" aria-hidden="true" hidden />
      <canvas ref={canvas} class="layer" aria-hidden="true" />
      <canvas ref={overlay} class="layer" aria-hidden="true" />
      {hover && box.current && (
        <Tooltip row={hover.row} x={hover.x} y={hover.y} width={box.current.clientWidth} height={box.current.clientHeight} />
      )}
      <AxisNames />
      <p class="map-count">
        {selectedRows.value
          ? `${count(selectedRows.value.length)} / ${count(n)}`
          : t("examples", { n: count(n) })}
      </p>
    </div>
  );
}

/** The names of the axes: a map by t-SNE or UMAP has none. */
function AxisNames() {
  const described = session().data.manifest.maps.find((one) => one.id === map.value);
  const names = described ? described.axes : (axesOf(map.value) ?? []).map(({ code, index }) => `${code} ${index}`);
  if (!names[0] && !names[1]) return null;
  return (
    <>
      <span class="axis x">{names[0]} →</span>
      <span class="axis y">↑ {names[1]}</span>
    </>
  );
}

function remember(scene: Scene): void {
  view.value = scene.place;
}

function moveByKey(scene: Scene, event: KeyboardEvent): boolean {
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
function followPointer(
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

/** Draw the pins, the lasso that is being drawn, and that of the selection. */
function drawOverlay(canvas: HTMLCanvasElement, scene: Scene, stroke: number[]): void {
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

