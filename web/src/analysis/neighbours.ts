/** Exact nearest neighbours in a code, and the categories whose examples lie nearest. */

type Codes = Float32Array | Float64Array;

/** Rows in order of distance; `distances` are Euclidean, not squared. */
export interface Neighbours {
  rows: Uint32Array;
  distances: Float32Array;
}

/**
 * Return the k rows of `codes` (n × width) nearest to a row, which is left out, or to a vector.
 *
 * @param target - index of a row, or (width)
 * @param mask - (n), 0 for rows that are left out
 */
export function nearest(
  codes: Codes,
  width: number,
  target: number | ArrayLike<number>,
  k: number,
  mask?: Uint8Array,
): Neighbours {
  const n = codes.length / width;
  const self = typeof target === "number" ? target : -1;
  const vector = vectorOf(codes, width, target);
  const best = new Nearest(Math.min(k, n));
  for (let i = 0; i < n; i++) {
    if (i === self || (mask && mask[i] === 0)) continue;
    const distance = squaredDistance(codes, i * width, vector, best.worst);
    if (distance < best.worst) best.add(i, distance);
  }
  return best.result();
}

/** A category and how near its examples are to a vector. */
export interface NearGroup {
  group: number;
  /** Squared distance from the vector to the mean code of the category. */
  distance: number;
  /** Number of examples of the category. */
  count: number;
  /** How many of them are among the nearest examples of all categories. */
  near: number;
}

/** Mean codes of categories. */
export interface GroupMeans {
  /** (nGroups × width); 0 for a category without examples. */
  means: Float64Array;
  /** Examples of each category, (nGroups). */
  counts: Uint32Array;
}

/** Return the mean code of each category; rows whose category is at least nGroups are left out. */
export function groupMeans(
  codes: Float32Array,
  width: number,
  groups: ArrayLike<number>,
  nGroups: number,
): GroupMeans {
  const means = new Float64Array(nGroups * width);
  const counts = new Uint32Array(nGroups);
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (!(group < nGroups)) continue;
    counts[group]++;
    for (let j = 0; j < width; j++) means[group * width + j] += codes[i * width + j];
  }
  for (let i = 0; i < means.length; i++) means[i] /= Math.max(1, counts[Math.floor(i / width)]);
  return { means, counts };
}

/**
 * Rank categories, such as writers, by the squared distance of their mean code to a vector.
 *
 * @param vector - (width)
 * @param groups - category of each row of `codes` (n × width)
 * @param missing - number that stands for a missing category; so does any from nGroups on
 * @param near - number of nearest examples whose categories are counted
 * @returns categories with examples, nearest first
 */
export function nearestGroups(
  vector: ArrayLike<number>,
  codes: Float32Array,
  width: number,
  groups: ArrayLike<number>,
  nGroups: number,
  missing: number,
  near = 50,
  known?: GroupMeans,
): NearGroup[] {
  const kept = new Uint8Array(groups.length);
  for (let i = 0; i < groups.length; i++) {
    kept[i] = groups[i] !== missing && groups[i] < nGroups ? 1 : 0;
  }
  const { means, counts } = known ?? groupMeans(codes, width, groups, nGroups);
  const nearCounts = new Uint32Array(nGroups);
  for (const row of nearest(codes, width, vector, near, kept).rows) nearCounts[groups[row]]++;
  const ranked: NearGroup[] = [];
  for (let group = 0; group < nGroups; group++) {
    if (counts[group] === 0 || group === missing) continue;
    let distance = 0;
    for (let j = 0; j < width; j++) distance += (means[group * width + j] - vector[j]) ** 2;
    ranked.push({ group, distance, count: counts[group], near: nearCounts[group] });
  }
  return ranked.sort((a, b) => a.distance - b.distance);
}

function vectorOf(codes: Codes, width: number, target: number | ArrayLike<number>): Float64Array {
  if (typeof target !== "number") return Float64Array.from(target);
  return Float64Array.from(codes.subarray(target * width, (target + 1) * width));
}

/** Return a squared distance, or any number from `enough` on if it is not below that. */
function squaredDistance(
  codes: Codes,
  start: number,
  vector: Float64Array,
  enough: number,
): number {
  const width = vector.length;
  let sum = 0;
  let j = 0;
  // Most rows are far away: look after each four dimensions.
  for (; j + 4 <= width; j += 4) {
    const a = codes[start + j] - vector[j];
    const b = codes[start + j + 1] - vector[j + 1];
    const c = codes[start + j + 2] - vector[j + 2];
    const d = codes[start + j + 3] - vector[j + 3];
    sum += a * a + b * b + c * c + d * d;
    if (sum >= enough) return sum;
  }
  for (; j < width; j++) {
    const a = codes[start + j] - vector[j];
    sum += a * a;
  }
  return sum;
}

/** The k smallest distances so far, in order. */
class Nearest {
  /** Distance that a further row has to be below. */
  worst: number;
  private count = 0;
  private readonly rows: Uint32Array;
  private readonly squares: Float64Array;

  constructor(private readonly k: number) {
    this.rows = new Uint32Array(k);
    this.squares = new Float64Array(k);
    this.worst = k > 0 ? Infinity : -Infinity;
  }

  /** Add a row whose squared distance is below `worst`. */
  add(row: number, square: number): void {
    let at = this.count < this.k ? this.count++ : this.k - 1;
    for (; at > 0 && this.squares[at - 1] > square; at--) {
      this.squares[at] = this.squares[at - 1];
      this.rows[at] = this.rows[at - 1];
    }
    this.squares[at] = square;
    this.rows[at] = row;
    if (this.count === this.k) this.worst = this.squares[this.k - 1];
  }

  result(): Neighbours {
    const squares = this.squares.subarray(0, this.count);
    return {
      rows: this.rows.slice(0, this.count),
      distances: Float32Array.from(squares, (square) => Math.sqrt(square)),
    };
  }
}
