/** How many points lie where: a picture of the density, from a histogram of the view. */

import { type Rgb, numberColour } from "../data/colours";
import type { Camera } from "./camera";

const CELL = 3; // CSS pixels

/** Draw the density of the points that are shown into a canvas as large as the view. */
export function drawDensity(
  canvas: HTMLCanvasElement,
  points: Float32Array,
  colours: Uint8Array,
  camera: Camera,
): void {
  const width = Math.max(1, Math.ceil(camera.width / CELL));
  const height = Math.max(1, Math.ceil(camera.height / CELL));
  const counts = smooth(histogram(points, colours, camera, width, height), width, height);
  let highest = 0;
  for (const count of counts) if (count > highest) highest = count;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context || !highest) return;
  const image = context.createImageData(width, height);
  const lowest = 0.02;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] < lowest) continue;
    const level = Math.log1p(counts[i]) / Math.log1p(highest);
    const [r, g, b]: Rgb = numberColour(level, 0, 1);
    image.data.set([r, g, b, Math.round(255 * Math.min(1, counts[i] * 2))], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

function histogram(
  points: Float32Array,
  colours: Uint8Array,
  camera: Camera,
  width: number,
  height: number,
): Float32Array {
  const counts = new Float32Array(width * height);
  const scaleX = camera.scaleX / CELL;
  const scaleY = camera.scaleY / CELL;
  const left = camera.width / 2 / CELL - camera.x * scaleX;
  const top = camera.height / 2 / CELL + camera.y * scaleY;
  for (let i = 0, k = 3; i < points.length; i += 2, k += 4) {
    if (colours[k] === 0) continue;
    const column = Math.floor(left + points[i] * scaleX);
    const line = Math.floor(top - points[i + 1] * scaleY);
    if (column >= 0 && column < width && line >= 0 && line < height) counts[column + width * line]++;
  }
  return counts;
}

/** Average over neighbouring cells, once along each axis, twice. */
function smooth(counts: Float32Array, width: number, height: number): Float32Array {
  let result = counts;
  for (let pass = 0; pass < 2; pass++) {
    result = blur(result, width, height, 1, width);
    result = blur(result, width, height, width, height);
  }
  return result;
}

function blur(
  counts: Float32Array,
  width: number,
  height: number,
  step: number,
  length: number,
): Float32Array {
  const result = new Float32Array(width * height);
  for (let i = 0; i < counts.length; i++) {
    const place = step === 1 ? i % width : Math.floor(i / width);
    const before = place > 0 ? counts[i - step] : 0;
    const after = place < length - 1 ? counts[i + step] : 0;
    result[i] = (before + 2 * counts[i] + after) / 4;
  }
  return result;
}
