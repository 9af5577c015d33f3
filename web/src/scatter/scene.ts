/** The map as it is drawn: camera, points, density, and the point under the mouse. */

import { paint } from "../data/marks";
import { colourValues, isSquare, selectedMask } from "../marks";
import { density, view } from "../state";
import { type Camera, type Extent, extentOf, resize, showAll, toData, toScreen } from "./camera";
import { drawDensity } from "./density";
import { Grid } from "./grid";
import type { Points } from "./points";

const HOVER_RADIUS = 14; // pixels
const SLOW_FRAME = 28; // milliseconds; while the map moves, slower frames draw fewer points
const FAST_FRAME = 19; // faster ones more
const FIRST_MOVING = 200_000; // points that are drawn in the first of these frames
const LEAST_MOVING = 15_000; // points that are drawn in any case
const REST = 160; // milliseconds without a movement, after which all points are drawn

/** All that is drawn, outside the framework: a frame must not wait for it. */
export class Scene {
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
