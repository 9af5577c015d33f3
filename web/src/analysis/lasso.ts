/** Points inside a polygon. */

/**
 * Mark the points (n × 2) that lie inside a polygon (m × 2), even-odd; return (n), 1 or 0.
 *
 * The polygon is closed by itself and may cross itself. Points that are not finite lie outside.
 *
 * @param out - (n), written and returned if given
 */
export function inside(points: Float32Array, polygon: Float32Array, out?: Uint8Array): Uint8Array {
  const n = points.length / 2;
  const marks = out ?? new Uint8Array(n);
  marks.fill(0);
  if (polygon.length < 6) return marks;
  const { left, right, bottom, top, bandOf, starts, edges } = banded(polygon);
  for (let i = 0; i < n; i++) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (!(x >= left && x <= right && y >= bottom && y <= top)) continue;
    const band = bandOf(y);
    let mark = 0;
    for (let e = starts[band]; e < starts[band + 1]; e++) {
      const at = 4 * e;
      const y1 = edges[at + 1];
      const y2 = edges[at + 3];
      if (y1 > y === y2 > y) continue;
      const x1 = edges[at];
      if (x < ((edges[at + 2] - x1) * (y - y1)) / (y2 - y1) + x1) mark ^= 1;
    }
    marks[i] = mark;
  }
  return marks;
}

/** Sort the edges into bands of y: a point is compared with the edges of its band only. */
function banded(polygon: Float32Array) {
  const m = polygon.length / 2;
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < m; i++) {
    left = Math.min(left, polygon[2 * i]);
    right = Math.max(right, polygon[2 * i]);
    bottom = Math.min(bottom, polygon[2 * i + 1]);
    top = Math.max(top, polygon[2 * i + 1]);
  }
  const bands = Math.min(1024, 4 * m);
  const scale = top > bottom ? bands / (top - bottom) : 0;
  // It never decreases with y, so an edge's bands include those of all points beside it.
  const bandOf = (y: number) => Math.min(bands - 1, Math.floor((y - bottom) * scale));
  const starts = new Uint32Array(bands + 1);
  const eachBand = (visit: (band: number, i: number, j: number) => void) => {
    for (let i = 0, j = m - 1; i < m; j = i++) {
      const [a, b] = [polygon[2 * i + 1], polygon[2 * j + 1]];
      if (a === b) continue; // a level edge is never crossed
      const last = bandOf(Math.max(a, b));
      for (let band = bandOf(Math.min(a, b)); band <= last; band++) visit(band, i, j);
    }
  };
  eachBand((band) => starts[band + 1]++);
  for (let band = 0; band < bands; band++) starts[band + 1] += starts[band];
  const edges = new Float64Array(4 * starts[bands]);
  const next = starts.slice();
  eachBand((band, i, j) => {
    const at = 4 * next[band]++;
    edges.set([polygon[2 * i], polygon[2 * i + 1], polygon[2 * j], polygon[2 * j + 1]], at);
  });
  return { left, right, bottom, top, bandOf, starts, edges };
}

/**
 * Return a polygon or line (m × 2) with fewer vertices, none of which moves further than the
 * tolerance (Douglas & Peucker); its ends stay.
 */
export function simplify(polygon: Float32Array, tolerance: number): Float32Array {
  const m = polygon.length / 2;
  if (m < 3) return polygon.slice();
  const kept = new Uint8Array(m);
  kept[0] = kept[m - 1] = 1;
  const pending: [number, number][] = [[0, m - 1]];
  for (let part = pending.pop(); part; part = pending.pop()) {
    const [from, to] = part;
    let farthest = tolerance;
    let at = -1;
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToSegment(polygon, i, from, to);
      if (distance > farthest) [farthest, at] = [distance, i];
    }
    if (at < 0) continue;
    kept[at] = 1;
    pending.push([from, at], [at, to]);
  }
  const out: number[] = [];
  for (let i = 0; i < m; i++) if (kept[i]) out.push(polygon[2 * i], polygon[2 * i + 1]);
  return Float32Array.from(out);
}

function distanceToSegment(points: Float32Array, i: number, from: number, to: number): number {
  const [x, y] = [points[2 * i] - points[2 * from], points[2 * i + 1] - points[2 * from + 1]];
  const dx = points[2 * to] - points[2 * from];
  const dy = points[2 * to + 1] - points[2 * from + 1];
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
  return Math.hypot(x - along * dx, y - along * dy);
}
