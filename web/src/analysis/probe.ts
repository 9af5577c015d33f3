/** A probe that a user trains on a selection: what can be predicted from a code? */

import { Classifier, type ProbeKind } from "./classifiers";
import { seeded, shuffled } from "./random";
import { wilson } from "./statistics";

export type { ProbeKind } from "./classifiers";

const LEAST_ROWS = 20;
const MOST_ROWS = 10_000; // a random sample of more rows is used, so that the page does not wait
const PERMUTATIONS = { logistic: 5, knn: 20, mean: 20 };

/** Accuracy of a probe on the half of the rows on which it was not trained. */
export interface ProbeScore {
  accuracy: number;
  /** Wilson's 95 % interval. */
  low: number;
  high: number;
  /** Accuracy of always answering the category that is most frequent in the training half. */
  majority: number;
  /** Accuracy of the same probe where categories are shuffled: mean and largest of some runs. */
  permuted: { mean: number; high: number; runs: number };
  /** Rows of both halves, and selected rows with a category. */
  train: number;
  test: number;
  rows: number;
  categories: number;
}

/** Why a probe was not trained. */
export interface ProbeRefusal {
  reason: "few rows" | "one category";
  rows: number;
  categories: number;
}

export interface ProbeOptions {
  /** Number that stands for a missing category; so do NaN and negative numbers. */
  missing?: number;
  /** Ends the training with an AbortError. */
  signal?: AbortSignal;
}

/**
 * Train a probe on half of the selected rows, stratified, and score it on the other half.
 *
 * It gives control back every few milliseconds, so that a page stays usable.
 *
 * @param codes - (n × width)
 * @param rows - the selected rows
 * @param target - category of each of the n examples
 */
export async function trainProbe(
  codes: Float32Array,
  width: number,
  rows: ArrayLike<number>,
  target: ArrayLike<number>,
  kind: ProbeKind,
  seed: number,
  options: ProbeOptions = {},
): Promise<ProbeScore | ProbeRefusal> {
  const random = seeded(seed);
  const groups = rowsByCategory(rows, target, options.missing);
  const n = groups.reduce((sum, group) => sum + group.length, 0);
  const counts = { rows: n, categories: groups.length };
  if (n < LEAST_ROWS) return { reason: "few rows", ...counts };
  if (groups.length < 2) return { reason: "one category", ...counts };
  const halves = split(groups, Math.min(1, MOST_ROWS / n), random);
  const pause = pauses(options.signal);
  const classifier = new Classifier(kind, codes, width, halves, groups.length, pause);
  const accuracy = await classifier.accuracy(halves.trainLabels, halves.testLabels);
  const [trainLabels, testLabels] = [halves.trainLabels.slice(), halves.testLabels.slice()];
  let [sum, high] = [0, 0];
  const runs = PERMUTATIONS[kind];
  for (let i = 0; i < runs; i++) {
    // Labels of both halves: else codes in a few clumps would be right or wrong all at once.
    shuffled(trainLabels, random);
    shuffled(testLabels, random);
    const permuted = await classifier.accuracy(trainLabels, testLabels);
    sum += permuted;
    high = Math.max(high, permuted);
  }
  const test = halves.testRows.length;
  const [low, up] = wilson(Math.round(accuracy * test), test);
  return {
    accuracy,
    low,
    high: up,
    majority: majority(halves, groups.length),
    permuted: { mean: sum / runs, high, runs },
    train: halves.trainRows.length,
    test,
    ...counts,
  };
}

/** Rows of a probe; labels count the categories that occur. */
export interface Halves {
  trainRows: Uint32Array;
  trainLabels: Uint32Array;
  testRows: Uint32Array;
  testLabels: Uint32Array;
}

function rowsByCategory(
  rows: ArrayLike<number>,
  target: ArrayLike<number>,
  missing?: number,
): number[][] {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const category = target[rows[i]];
    if (!(category >= 0) || category === missing) continue;
    const group = groups.get(category);
    if (group) group.push(rows[i]);
    else groups.set(category, [rows[i]]);
  }
  return [...groups.keys()].sort((a, b) => a - b).map((category) => groups.get(category) ?? []);
}

/** Put half of each category, of which a share is used, in each half. */
function split(groups: number[][], share: number, random: () => number): Halves {
  const [trainRows, trainLabels, testRows, testLabels] = [[], [], [], []] as number[][];
  groups.forEach((group, label) => {
    shuffled(group, random);
    const used = Math.max(1, Math.round(share * group.length));
    // The half that gets one more of an odd number is drawn, or rare categories were all trained.
    const half = Math.floor((used + (random() < 0.5 ? 1 : 0)) / 2);
    for (let i = 0; i < used; i++) {
      (i < half ? trainRows : testRows).push(group[i]);
      (i < half ? trainLabels : testLabels).push(label);
    }
  });
  return {
    trainRows: Uint32Array.from(trainRows),
    trainLabels: Uint32Array.from(trainLabels),
    testRows: Uint32Array.from(testRows),
    testLabels: Uint32Array.from(testLabels),
  };
}

function majority({ trainLabels, testLabels }: Halves, categories: number): number {
  const counts = new Uint32Array(categories);
  for (const label of trainLabels) counts[label]++;
  const answer = counts.indexOf(Math.max(...counts));
  return testLabels.filter((label) => label === answer).length / testLabels.length;
}

/** Return a function that lets the page do its work if the last such pause was a while ago. */
function pauses(signal?: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 12) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    last = performance.now();
  };
}
