/** A drawing becomes an example: it is scaled and placed as the training images are. */

import type { Drawing } from "../contract";
import { boxOf, centreOfMass, type Grey, peakOf, resampled, thicknessOf } from "./grey";
import { Edges } from "./thicken";

export { fromImage, strokesOf } from "./image";

// Thickness is part of a style, so only strokes beyond these shares of the median are changed.
const THINNEST = 0.72;
const THICKEST = 1.6;
const ROUNDS = 4; // of changing the thickness; the box and the scale follow it
const FINENESS = 6; // pixels in which thickness is changed, per pixel of the example
const LONGEST = 240; // such pixels along the longer side: larger examples need no finer ones

/**
 * Return a drawing as an example of shape (h, w), or null if nothing is drawn.
 *
 * @param grey - bright strokes on 0, (height × width), of any size and brightness
 * @param drawing - how strokes lie in the training images
 */
export function prepare(
  grey: Float32Array,
  width: number,
  height: number,
  drawing: Drawing,
  shape: [number, number],
): Float32Array<ArrayBuffer> | null {
  const source: Grey = { values: grey, width, height };
  if (!(peakOf(source) > 1e-3)) return null;
  const example = placed(source, drawing, shape);
  const [least, most] = [THINNEST * drawing.thickness, THICKEST * drawing.thickness];
  const thickness = thicknessOf(example);
  if (thickness >= least && thickness <= most) return example.values;
  return adapted(source, drawing, shape, thickness < least ? least : most);
}

/** Return the example of a drawing whose strokes are made about `wanted` pixels thick. */
function adapted(
  source: Grey,
  drawing: Drawing,
  shape: [number, number],
  wanted: number,
): Float32Array<ArrayBuffer> {
  const fineness = Math.min(FINENESS, LONGEST / drawing.size);
  const edges = new Edges(enlarged(source, fineness * drawing.size));
  let radius = 0; // in pixels of the example
  let example = placed(edges.moved(radius), drawing, shape);
  for (let round = 0; round < ROUNDS; round++) {
    const thickness = thicknessOf(example);
    if (Math.abs(thickness - wanted) < 0.05 * wanted) break;
    radius += (wanted - thickness) / 2;
    example = placed(edges.moved(radius * fineness), drawing, shape);
  }
  return example.values;
}

/** Return the ink alone, with its longer side `size` pixels long and a margin around it. */
function enlarged(source: Grey, size: number): Grey {
  const box = boxOf(source);
  const scale = size / Math.max(box.right - box.left, box.bottom - box.top);
  const margin = Math.ceil(size / 4);
  const width = Math.ceil((box.right - box.left) * scale) + 2 * margin;
  const height = Math.ceil((box.bottom - box.top) * scale) + 2 * margin;
  return resampled(
    source,
    width,
    height,
    scale,
    margin - box.left * scale,
    margin - box.top * scale,
  );
}

/** Scale and place the ink, and make its brightest value that of the training images. */
function placed(source: Grey, drawing: Drawing, [h, w]: [number, number]) {
  const box = boxOf(source);
  const scale = drawing.size / Math.max(box.right - box.left, box.bottom - box.top);
  const [x, y] =
    drawing.centre === "mass"
      ? centreOfMass(source)
      : [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const out = resampled(source, w, h, scale, drawing.x - x * scale, drawing.y - y * scale);
  const peak = peakOf(out);
  const factor = peak > 0 ? drawing.peak / peak : 0;
  for (let i = 0; i < out.values.length; i++) out.values[i] *= factor;
  return out;
}
