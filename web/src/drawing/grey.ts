/** Measurements and resampling of grey images with bright ink on 0. */

/** A grey image, (height × width), row by row. */
export interface Grey<T extends ArrayBufferLike = ArrayBufferLike> {
  values: Float32Array<T>;
  width: number;
  height: number;
}

/** Edges of the box around the ink, in pixels from the left and the upper edge. */
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Share of the brightest value from which a pixel is ink; as in Python's `describe_drawing`. */
export const INK = 0.2;

/** Return the brightest value. */
export function peakOf({ values }: Grey): number {
  let peak = 0;
  for (const value of values) if (value > peak) peak = value;
  return peak;
}

/** Return the box around the ink. */
export function boxOf(image: Grey): Box {
  const { values, width, height } = image;
  const least = INK * peakOf(image);
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (values[y * width + x] <= least) continue;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      if (y < top) top = y;
      bottom = y + 1;
    }
  }
  return { left, right, top, bottom };
}

/** Return x and y of the ink's centre of mass. */
export function centreOfMass(image: Grey): [number, number] {
  const { values, width } = image;
  const least = INK * peakOf(image);
  let [sum, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value <= least) continue;
    sum += value;
    sumX += value * ((i % width) + 0.5);
    sumY += value * (Math.floor(i / width) + 0.5);
  }
  return [sumX / sum, sumY / sum];
}

/**
 * Return the thickness of the strokes in pixels, twice their area over the length of their edge;
 * as in Python's `stroke_style`.
 */
export function thicknessOf({ values, width, height }: Grey): number {
  const at = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height ? values[y * width + x] : 0;
  let area = 0;
  let edge = 0;
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      area += at(x, y);
      const falling = at(x, y) - at(x - 1, y - 1);
      const rising = at(x, y - 1) - at(x - 1, y);
      edge += Math.sqrt((falling * falling + rising * rising) / 2);
    }
  }
  return edge > 0 ? (2 * area) / edge : 0;
}

/**
 * Return an image (height × width) in which a pixel of the source is `scale` pixels wide and the
 * source's upper left corner lies at (x, y).
 *
 * Pixels are averages over their area, or over a pixel of the source where that is larger. Outside
 * of the source are zeros, or there is nothing to average if `isCut`, for a source that goes on.
 */
export function resampled(
  source: Grey,
  width: number,
  height: number,
  scale: number,
  x: number,
  y: number,
  isCut = false,
): Grey<ArrayBuffer> {
  const across = weights(source.width, width, scale, x, isCut);
  const down = weights(source.height, height, scale, y, isCut);
  const rows = new Float32Array(source.height * width); // resampled from left to right
  for (let row = 0; row < source.height; row++) {
    const line = source.values.subarray(row * source.width, (row + 1) * source.width);
    for (let i = 0; i < width; i++) {
      const { first, shares } = across[i];
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * line[first + k];
      rows[row * width + i] = sum;
    }
  }
  const values = new Float32Array(height * width);
  for (let j = 0; j < height; j++) {
    const { first, shares } = down[j];
    for (let k = 0; k < shares.length; k++) {
      const row = (first + k) * width;
      for (let i = 0; i < width; i++) values[j * width + i] += shares[k] * rows[row + i];
    }
  }
  return { values, width, height };
}

/** Return the pixels of the source that each pixel averages, and their shares. */
function weights(
  sourceLength: number,
  length: number,
  scale: number,
  offset: number,
  isCut: boolean,
) {
  const reach = Math.max(1 / scale, 1); // pixels of the source
  return Array.from({ length }, (_, i) => {
    const middle = (i + 0.5 - offset) / scale;
    const [from, to] = [middle - reach / 2, middle + reach / 2];
    const first = Math.min(Math.max(0, Math.floor(from)), sourceLength);
    const stop = Math.max(first, Math.min(sourceLength, Math.ceil(to)));
    const shares = new Float64Array(stop - first);
    for (let k = 0; k < shares.length; k++) {
      const at = first + k;
      shares[k] = Math.max(0, Math.min(to, at + 1) - Math.max(from, at)) / reach;
    }
    const sum = shares.reduce((total, share) => total + share, 0);
    return { first, shares: isCut && sum > 0 ? shares.map((share) => share / sum) : shares };
  });
}
