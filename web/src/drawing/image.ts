/** Pictures that a user drops on the page. */

import { resampled } from "./grey";

const FAINT = 0.1; // share of the contrast below which a pixel is paper
const LUMINANCE = [0.299, 0.587, 0.114]; // of red, green and blue: Rec. 601

/**
 * Return a picture as an example of shape (h, w) or (channels, h, w), in [0, 1].
 *
 * The middle of the picture is cut out in the shape's proportions and averaged. Colours become grey
 * for examples of one channel.
 *
 * @param rgba - (height × width × 4), 0 to 255, as a canvas gives it
 * @param darkStrokes - for examples of strokes, whether they are dark on bright paper; strokes of
 *   the other kind are turned into such. null for other examples
 */
export function fromImage(
  rgba: Uint8ClampedArray | Uint8Array,
  width: number,
  height: number,
  shape: readonly number[],
  darkStrokes: boolean | null = null,
): Float32Array<ArrayBuffer> {
  const [h, w] = shape.slice(-2);
  const channels = shape.length === 3 ? shape[0] : 1;
  if (shape.length < 2 || shape.length > 3 || (channels !== 1 && channels !== 3)) {
    throw new RangeError(`examples have shape ${shape}, expected (h, w), (1, h, w) or (3, h, w)`);
  }
  const scale = Math.max(w / width, h / height);
  const [x, y] = [(w - width * scale) / 2, (h - height * scale) / 2];
  const out = new Float32Array(channels * h * w);
  planes(rgba, width, height, channels, darkStrokes).forEach((values, c) => {
    const image = resampled({ values, width, height }, w, h, scale, x, y, true);
    out.set(image.values, c * h * w);
  });
  return out;
}

/**
 * Return the strokes in a picture, bright on 0 and at most 1, (height × width); for `prepare`.
 *
 * The border tells whether paper is bright or dark; faint values are paper.
 */
export function strokesOf(
  rgba: Uint8ClampedArray | Uint8Array,
  width: number,
  height: number,
): Float32Array<ArrayBuffer> {
  const [grey] = planes(rgba, width, height, 1, null);
  const paper = borderMedian(grey, width, height);
  let [low, high] = [1, 0];
  for (const value of grey) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const isDark = paper - low > high - paper; // ink
  const contrast = isDark ? paper - low : high - paper;
  const out = new Float32Array(grey.length);
  if (contrast < 0.02) return out; // a blank picture
  for (let i = 0; i < out.length; i++) {
    const ink = (isDark ? paper - grey[i] : grey[i] - paper) / contrast;
    out[i] = Math.max(0, (ink - FAINT) / (1 - FAINT));
  }
  return out;
}

/** Return the channels of a picture, (height × width) each, in [0, 1]. */
function planes(
  rgba: Uint8ClampedArray | Uint8Array,
  width: number,
  height: number,
  channels: number,
  darkStrokes: boolean | null,
): Float32Array<ArrayBuffer>[] {
  const n = width * height;
  const below = backdrop(rgba, n);
  const out = Array.from({ length: channels }, () => new Float32Array(n));
  const grey = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const alpha = rgba[4 * i + 3] / 255;
    for (let c = 0; c < 3; c++) {
      const value = (alpha * rgba[4 * i + c]) / 255 + (1 - alpha) * below;
      grey[i] += LUMINANCE[c] * value;
      if (channels === 3) out[c][i] = value;
    }
    if (channels === 1) out[0][i] = grey[i];
  }
  if (darkStrokes === null) return out;
  const isBright = borderMedian(grey, width, height) > 0.5;
  if (isBright !== darkStrokes)
    for (const plane of out) plane.forEach((v, i) => (plane[i] = 1 - v));
  return out;
}

/** Return what lies below transparent parts: white, or black if all else is bright. */
function backdrop(rgba: Uint8ClampedArray | Uint8Array, n: number): number {
  let [opaque, bright] = [0, 0];
  for (let i = 0; i < n; i++) {
    opaque += rgba[4 * i + 3];
    bright += (rgba[4 * i + 3] * rgba[4 * i + 1]) / 255;
  }
  const isTransparent = opaque < 0.95 * 255 * n;
  return isTransparent && bright > 0.5 * opaque ? 0 : 1;
}

/** Return the median of the pixels along the border. */
function borderMedian(grey: Float32Array, width: number, height: number): number {
  const values: number[] = [];
  for (let x = 0; x < width; x++) values.push(grey[x], grey[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) values.push(grey[y * width], grey[(y + 1) * width - 1]);
  values.sort((a, b) => a - b);
  return values[values.length >> 1];
}
