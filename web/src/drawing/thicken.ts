/** Thicker and thinner strokes. */

import { type Grey, peakOf } from "./grey";

const FAR = 1e12;

/** Distances from the edges of strokes, positive within, so that any radius is quick. */
export class Edges {
  private readonly width: number;
  private readonly height: number;
  private readonly signed: Float64Array;
  private readonly thickest: number;

  /** Find the edges of an image: they lie at half of its brightest value. */
  constructor(image: Grey) {
    this.width = image.width;
    this.height = image.height;
    const half = peakOf(image) / 2;
    const isInk = (i: number) => image.values[i] >= half;
    const outside = distances(image.width, image.height, isInk); // 0 on ink
    const within = distances(image.width, image.height, (i) => !isInk(i)); // 0 on paper
    this.signed = within.map((distance, i) => (outside[i] > 0 ? 0.5 - outside[i] : distance - 0.5));
    this.thickest = this.signed.reduce((most, distance) => Math.max(most, distance), 0);
  }

  /**
   * Return strokes whose edges are moved outwards by a radius in pixels, inwards if it is negative,
   * by at most 60 % of the thickest place, so that something is left.
   */
  moved(radius: number): Grey<ArrayBuffer> {
    const { width, height, signed } = this;
    const offset = Math.max(radius, -0.6 * this.thickest) + 0.5; // an edge is one pixel wide
    const values = Float32Array.from(signed, (distance) =>
      Math.min(1, Math.max(0, distance + offset)),
    );
    return { values, width, height };
  }
}

/** Return the distance of each pixel from the nearest marked one (Felzenszwalb & Huttenlocher). */
function distances(width: number, height: number, isMarked: (i: number) => boolean): Float64Array {
  const squares = Float64Array.from({ length: width * height }, (_, i) => (isMarked(i) ? 0 : FAR));
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const roots = new Int32Array(longest);
  const borders = new Float64Array(longest + 1);
  const along = (start: number, step: number, n: number) => {
    for (let i = 0; i < n; i++) line[i] = squares[start + i * step];
    let last = 0; // parabola of the lower envelope
    roots[0] = 0;
    borders[0] = -Infinity;
    borders[1] = Infinity;
    for (let q = 1; q < n; q++) {
      const meets = (p: number) => (line[q] + q * q - line[p] - p * p) / (2 * q - 2 * p);
      let at = meets(roots[last]);
      while (at <= borders[last]) at = meets(roots[--last]);
      roots[++last] = q;
      borders[last] = at;
      borders[last + 1] = Infinity;
    }
    for (let q = 0, k = 0; q < n; q++) {
      while (borders[k + 1] < q) k++;
      squares[start + q * step] = (q - roots[k]) ** 2 + line[roots[k]];
    }
  };
  for (let x = 0; x < width; x++) along(x, width, height);
  for (let y = 0; y < height; y++) along(y * width, 1, width);
  return squares.map(Math.sqrt);
}
