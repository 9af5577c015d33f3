/** How many points lie where: a picture of the density, from a histogram of the view. */

import { type Rgb, numberColour } from "../data/colours";
import type { Camera } from "./camera";

const CELL = 3; // CSS pixels
const FAINTEST = 0.02; // of the highest density

/** Draw the density of the points that are shown into a canvas as large as the view. */
export function drawDensity(
  canvas: HTMLCanvasElement,
  points: Float32Array,
  colours: Uint8Array,
  camera: Camera,
): void {
  const width = Math.max(1, Math.ceil(camera.width / CELL));
  const height = Math.max(1, Math.ceil(camera.height / CELL));
  // Wider where points are far apart, so that they merge into one surface.
  const room = Math.sqrt((camera.width * camera.height) / Math.max(1, points.length / 2));
  const radius = Math.min(12, Math.max(1, Math.round(room / CELL)));
  const counts = smooth(histogram(points, colours, camera, width, height), width, height, radius);
  let highest = 0;
  for (const count of counts) if (count > highest) highest = count;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context || !highest) return;
  const image = context.createImageData(width, height);
  for (let i = 0; i < counts.length; i++) {
    const level = counts[i] / highest;
    if (level < FAINTEST) continue;
    const [r, g, b]: Rgb = numberColour(Math.sqrt(level), 0, 1);
    image.data.set([r, g, b, Math.round(255 * Math.min(1, level / (4 * FAINTEST)))], 4 * i);
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

/** Three sliding averages along each axis, which come close to a Gaussian. */
function smooth(counts: Float32Array, width: number, height: number, radius: number): Float32Array {
  let result = counts;
  for (let pass = 0; pass < 3; pass++) {
    result = average(result, height, width, 1, width, radius);
    result = average(result, width, height, width, 1, radius);
  }
  return result;
}

/** Average every line of `length` cells, `step` apart, over `radius` cells to both sides. */
function average(
  counts: Float32Array,
  lines: number,
  length: number,
  step: number,
  stride: number,
  radius: number,
): Float32Array {
  const result = new Float32Array(counts.length);
  for (let line = 0; line < lines; line++) {
    const start = line * stride;
    let sum = 0;
    for (let i = 0; i < Math.min(radius, length); i++) sum += counts[start + i * step];
    for (let i = 0; i < length; i++) {
      if (i + radius < length) sum += counts[start + (i + radius) * step];
      if (i > radius) sum -= counts[start + (i - radius - 1) * step];
      result[start + i * step] = sum / (2 * radius + 1);
    }
  }
  return result;
}
