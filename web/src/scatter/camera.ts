/** Where the map is looked at: from positions of the data to pixels, and back. */

export interface Camera {
  /** Position of the data in the middle of the view, in units of the data. */
  x: number;
  y: number;
  /** CSS pixels per unit of the data, horizontally and vertically. */
  scaleX: number;
  scaleY: number;
  /** Size of the view in CSS pixels. */
  width: number;
  height: number;
}

/** Smallest and largest positions, (x0, y0, x1, y1). */
export type Extent = [number, number, number, number];

/** The extent of positions, (n, 2); those that are not finite do not count. */
export function extentOf(points: Float32Array): Extent {
  const extent: Extent = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i];
    const y = points[i + 1];
    if (x < extent[0]) extent[0] = x;
    if (x > extent[2]) extent[2] = x;
    if (y < extent[1]) extent[1] = y;
    if (y > extent[3]) extent[3] = y;
  }
  return extent.every(Number.isFinite) ? extent : [-1, -1, 1, 1];
}

/** A camera that shows the whole extent; with `square`, one unit is as long in both directions. */
export function showAll(extent: Extent, width: number, height: number, square: boolean): Camera {
  const margin = 1.06;
  const w = Math.max(extent[2] - extent[0], 1e-9) * margin;
  const h = Math.max(extent[3] - extent[1], 1e-9) * margin;
  let scaleX = width / w;
  let scaleY = height / h;
  if (square) scaleX = scaleY = Math.min(scaleX, scaleY);
  const x = (extent[0] + extent[2]) / 2;
  const y = (extent[1] + extent[3]) / 2;
  return { x, y, scaleX, scaleY, width, height };
}

/** Pixels of a position; y grows downwards on the screen. */
export function toScreen(camera: Camera, x: number, y: number): [number, number] {
  return [
    camera.width / 2 + (x - camera.x) * camera.scaleX,
    camera.height / 2 - (y - camera.y) * camera.scaleY,
  ];
}

/** Position under a pixel. */
export function toData(camera: Camera, px: number, py: number): [number, number] {
  return [
    camera.x + (px - camera.width / 2) / camera.scaleX,
    camera.y - (py - camera.height / 2) / camera.scaleY,
  ];
}

/** The camera after a drag by some pixels. */
export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scaleX, y: camera.y + dy / camera.scaleY };
}

/** The camera zoomed by a factor, so that the position under a pixel stays there. */
export function zoom(camera: Camera, factor: number, px: number, py: number): Camera {
  const [x, y] = toData(camera, px, py);
  const scaleX = camera.scaleX * factor;
  const scaleY = camera.scaleY * factor;
  return {
    ...camera,
    scaleX,
    scaleY,
    x: x - (px - camera.width / 2) / scaleX,
    y: y + (py - camera.height / 2) / scaleY,
  };
}

/** The camera of a view of another size. */
export function resize(camera: Camera, width: number, height: number): Camera {
  const factor = Math.min(width / camera.width, height / camera.height);
  const scaleX = camera.scaleX * factor;
  const scaleY = camera.scaleY * factor;
  return { ...camera, scaleX, scaleY, width, height };
}
