/** Walks between codes. */

/** Return `steps` codes (steps × width) on the straight line from a to b, both included. */
export function walk(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  steps: number,
): Float32Array<ArrayBuffer> {
  const width = a.length;
  const out = new Float32Array(steps * width);
  for (let i = 0; i < steps; i++) {
    const share = steps > 1 ? i / (steps - 1) : 0;
    for (let j = 0; j < width; j++) out[i * width + j] = (1 - share) * a[j] + share * b[j];
  }
  return out;
}
