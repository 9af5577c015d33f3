/** Statistics of a selection: purity, shares and numbers, each against chance or the rest. */

import { logHypergeometric } from "./gamma";
import { seeded } from "./random";

const Z = 1.959964; // of a 95 % interval
const SELECTIONS = 200; // random selections that estimate the purity by chance

/** Return Wilson's 95 % interval of a share. */
export function wilson(successes: number, n: number, z = Z): [number, number] {
  if (n === 0) return [0, 1];
  const share = successes / n;
  const middle = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const reach =
    (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)];
}

/**
 * Return the number of rows in each category, (nCategories); numbers from nCategories on are
 * missing values.
 *
 * @param values - category of each example
 * @param rows - the rows that are counted, by default all
 */
export function countCategories(
  values: ArrayLike<number>,
  nCategories: number,
  rows?: ArrayLike<number>,
): Uint32Array {
  const counts = new Uint32Array(nCategories);
  const n = rows ? rows.length : values.length;
  for (let i = 0; i < n; i++) {
    const value = values[rows ? rows[i] : i];
    if (value < nCategories) counts[value]++;
  }
  return counts;
}

/** Purity of a selection, and that of random selections of as many examples. */
export interface Purity {
  /** Share of the most frequent category among the rows with a value. */
  purity: number;
  category: number;
  /** Selected rows with a value. */
  n: number;
  /** Mean purity of random selections, and their range without 2.5 % on either side. */
  chance: number;
  low: number;
  high: number;
  /** (purity − chance) / (1 − chance): 0 as by chance, 1 pure; comparable between sizes. */
  adjusted: number;
}

/**
 * Return the purity of a selection against chance, or null if no selected row has a value.
 *
 * @param values - category of each example; numbers from nCategories on are missing values
 * @param rows - the selected rows
 */
export function purity(
  values: ArrayLike<number>,
  nCategories: number,
  rows: ArrayLike<number>,
  seed = 0,
): Purity | null {
  const all = countCategories(values, nCategories);
  const selected = countCategories(values, nCategories, rows);
  const n = sumOf(selected);
  if (n === 0) return null;
  let category = 0;
  for (let c = 1; c < nCategories; c++) if (selected[c] > selected[category]) category = c;
  const random = seeded(seed);
  const purities = new Float64Array(SELECTIONS);
  for (let i = 0; i < SELECTIONS; i++) purities[i] = largestOfRandom(all, n, random) / n;
  const chance = sumOf(purities) / SELECTIONS;
  purities.sort();
  const found = selected[category] / n;
  return {
    purity: found,
    category,
    n,
    chance,
    low: purities[Math.floor(0.025 * SELECTIONS)],
    high: purities[Math.ceil(0.975 * SELECTIONS) - 1],
    adjusted: chance < 1 ? (found - chance) / (1 - chance) : 0,
  };
}

/** Draw n of all examples and return the largest count of a category. */
function largestOfRandom(all: Uint32Array, n: number, random: () => number): number {
  let rest = sumOf(all); // examples of this and later categories
  let draws = n;
  let largest = 0;
  for (let c = 0; c < all.length && draws > 0; c++) {
    const drawn = drawHypergeometric(rest, all[c], draws, random);
    largest = Math.max(largest, drawn);
    rest -= all[c];
    draws -= drawn;
  }
  return largest;
}

/**
 * Draw how many of `draws` examples without replacement are among `marked` of `total`.
 *
 * Inversion from the mode outwards takes about as many steps as the standard deviation, however
 * large a selection is.
 */
export function drawHypergeometric(
  total: number,
  marked: number,
  draws: number,
  random: () => number,
): number {
  const least = Math.max(0, draws - (total - marked));
  const most = Math.min(draws, marked);
  if (least === most) return least;
  const mode = Math.floor(((draws + 1) * (marked + 1)) / (total + 2));
  const start = Math.min(Math.max(mode, least), most);
  const pStart = Math.exp(logHypergeometric(start, total, marked, draws));
  let u = random() - pStart;
  let [lower, upper, pLower, pUpper] = [start, start, pStart, pStart];
  while (u > 0 && (lower > least || upper < most)) {
    if (upper < most) {
      pUpper *=
        ((marked - upper) * (draws - upper)) / ((upper + 1) * (total - marked - draws + upper + 1));
      upper++;
      u -= pUpper;
      if (u <= 0) return upper;
    }
    if (lower > least) {
      pLower *=
        (lower * (total - marked - draws + lower)) / ((marked - lower + 1) * (draws - lower + 1));
      lower--;
      u -= pLower;
      if (u <= 0) return lower;
    }
    if (pLower + pUpper < 1e-18) break; // what is left of u is rounding
  }
  return start;
}

/** A category's share of the selection and of all other examples. */
export interface ShareComparison {
  category: number;
  inside: number;
  outside: number;
  insideShare: number;
  outsideShare: number;
  /** Difference of the shares in standard errors; 0 if it is not defined. */
  z: number;
  /** Logarithm of the odds ratio; 0.5 is added to each count, so that it is finite. */
  logOdds: number;
}

/** Compare the shares of all categories in a selection with those of the other examples. */
export function compareShares(
  values: ArrayLike<number>,
  nCategories: number,
  rows: ArrayLike<number>,
): ShareComparison[] {
  const all = countCategories(values, nCategories);
  const selected = countCategories(values, nCategories, rows);
  const n = sumOf(selected);
  const m = sumOf(all) - n;
  return Array.from(selected, (inside, category) => {
    const outside = all[category] - inside;
    const insideShare = n > 0 ? inside / n : 0;
    const outsideShare = m > 0 ? outside / m : 0;
    const pooled = all[category] / Math.max(1, n + m);
    const error = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
    const isDefined = error > 0 && Number.isFinite(error);
    const odds = (inside + 0.5) / (n - inside + 0.5) / ((outside + 0.5) / (m - outside + 0.5));
    return {
      category,
      inside,
      outside,
      insideShare,
      outsideShare,
      z: isDefined ? (insideShare - outsideShare) / error : 0,
      logOdds: Math.log(odds),
    };
  });
}

/** A numeric column in the selection and outside; NaN where there are too few values. */
export interface NumberComparison {
  inside: Moments;
  outside: Moments;
  /** Difference of the means in pooled standard deviations, corrected for few rows (Hedges' g). */
  effect: number;
  /** 95 % interval of the effect. */
  low: number;
  high: number;
}

/** Number, mean and standard deviation (n − 1) of values that are not NaN. */
export interface Moments {
  n: number;
  mean: number;
  sd: number;
}

/** Compare a numeric column in a selection with the other examples. */
export function compareNumbers(
  values: ArrayLike<number>,
  rows: ArrayLike<number>,
): NumberComparison {
  const isInside = new Uint8Array(values.length);
  for (let i = 0; i < rows.length; i++) isInside[rows[i]] = 1;
  const inside = moments(values, (i) => isInside[i] === 1);
  const outside = moments(values, (i) => isInside[i] === 0);
  const freedom = inside.n + outside.n - 2;
  const squares = (one: Moments) => (one.n > 1 ? one.sd ** 2 * (one.n - 1) : 0);
  const sd = Math.sqrt((squares(inside) + squares(outside)) / freedom);
  const difference = inside.mean - outside.mean;
  const raw = sd > 0 ? difference / sd : difference === 0 ? 0 : NaN;
  const effect = freedom > 1 ? raw * (1 - 3 / (4 * freedom - 1)) : NaN;
  const total = inside.n + outside.n;
  const error = Math.sqrt(total / (inside.n * outside.n) + effect ** 2 / (2 * total));
  return { inside, outside, effect, low: effect - Z * error, high: effect + Z * error };
}

function moments(values: ArrayLike<number>, isCounted: (row: number) => boolean): Moments {
  let n = 0;
  let mean = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value) || !isCounted(i)) continue;
    n++;
    const step = value - mean; // Welford
    mean += step / n;
    squares += step * (value - mean);
  }
  return { n, mean: n > 0 ? mean : NaN, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : NaN };
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}
