/** Three classifiers of codes: logistic regression, nearest neighbours and nearest mean. */

import { nearest } from "./neighbours";
import type { Halves } from "./probe";

export type ProbeKind = "logistic" | "knn" | "mean";

const NEIGHBOURS = 10;
const STEPS = 40; // of accelerated gradient descent
const BLOCK = 512; // rows between two pauses
const PENALTY = 1e-3; // on the squared weights of whitened codes, per training row

/** A classifier that is trained again and again on other labels of the same rows. */
export class Classifier {
  private readonly train: Float64Array; // (train rows × width), whitened for "logistic"
  private readonly test: Float64Array;
  private neighbours: Uint32Array | null = null; // (test rows × k), train rows

  constructor(
    private readonly kind: ProbeKind,
    codes: Float32Array,
    private readonly width: number,
    halves: Halves,
    private readonly categories: number,
    private readonly pause: () => Promise<void>,
  ) {
    this.train = gather(codes, width, halves.trainRows);
    this.test = gather(codes, width, halves.testRows);
    if (kind === "logistic") whiten(this.train, this.test, width);
  }

  /** Train on some labels (train rows) and return the accuracy for others (test rows). */
  async accuracy(labels: Uint32Array, testLabels: Uint32Array): Promise<number> {
    if (this.kind === "knn") return this.vote(labels, testLabels);
    const weights =
      this.kind === "logistic" ? await this.logistic(labels) : this.meansAsWeights(labels);
    return this.score(weights, testLabels);
  }

  /** Score weights (categories × (width + 1)), the last of which is the offset. */
  private score(weights: Float64Array, testLabels: Uint32Array): number {
    const { test, width, categories } = this;
    let right = 0;
    for (let i = 0; i < testLabels.length; i++) {
      let best = -Infinity;
      let answer = 0;
      for (let c = 0; c < categories; c++) {
        const value = logit(weights, c, test, i, width);
        if (value > best) [best, answer] = [value, c];
      }
      if (answer === testLabels[i]) right++;
    }
    return right / testLabels.length;
  }

  /** The nearest of the means m has the largest 2 m·x − ‖m‖². */
  private meansAsWeights(labels: Uint32Array): Float64Array {
    const { train, width, categories } = this;
    const weights = new Float64Array(categories * (width + 1));
    const counts = new Float64Array(categories);
    for (let i = 0; i < labels.length; i++) {
      counts[labels[i]]++;
      const at = labels[i] * (width + 1);
      for (let j = 0; j < width; j++) weights[at + j] += train[i * width + j];
    }
    for (let c = 0; c < categories; c++) {
      const mean = weights.subarray(c * (width + 1), (c + 1) * (width + 1));
      let square = 0;
      for (let j = 0; j < width; j++) {
        mean[j] /= Math.max(1, counts[c]);
        square += mean[j] ** 2;
        mean[j] *= 2;
      }
      mean[width] = counts[c] > 0 ? -square : -Infinity;
    }
    return weights;
  }

  /**
   * Multinomial logistic regression by accelerated gradient descent (Nesterov, 1983).
   *
   * Codes are white and have an offset: the curvature is at most 1/2 (Böhning, 1992), so the step
   * is 2.
   */
  private async logistic(labels: Uint32Array): Promise<Float64Array> {
    const { train, width, categories } = this;
    const n = labels.length;
    const size = categories * (width + 1);
    let weights = new Float64Array(size);
    let ahead = new Float64Array(size);
    const gradient = new Float64Array(size);
    const p = new Float64Array(categories);
    const step = 1 / (0.5 + PENALTY);
    for (let t = 1; t <= STEPS; t++) {
      gradient.fill(0);
      for (let start = 0; start < n; start += BLOCK) {
        await this.pause();
        addGradient(ahead, train, width, labels, start, Math.min(n, start + BLOCK), p, gradient);
      }
      const next = new Float64Array(size);
      const momentum = (t - 1) / (t + 2);
      for (let k = 0; k < size; k++) {
        next[k] = ahead[k] - step * (gradient[k] / n + PENALTY * ahead[k]);
        ahead[k] = next[k] + momentum * (next[k] - weights[k]);
      }
      weights = next;
    }
    return weights;
  }

  /** Each test row gets the label of most neighbours; of equal ones, that of the nearest. */
  private async vote(labels: Uint32Array, testLabels: Uint32Array): Promise<number> {
    this.neighbours ??= await this.findNeighbours();
    const k = this.neighbours.length / testLabels.length;
    const votes = new Float64Array(this.categories);
    let right = 0;
    for (let i = 0; i < testLabels.length; i++) {
      votes.fill(0);
      // Half a vote more in all for nearer rows only decides between equal numbers.
      for (let j = 0; j < k; j++) votes[labels[this.neighbours[i * k + j]]] += 1 + 2 ** -(j + 2);
      let answer = 0;
      for (let c = 1; c < votes.length; c++) if (votes[c] > votes[answer]) answer = c;
      if (answer === testLabels[i]) right++;
    }
    return right / testLabels.length;
  }

  private async findNeighbours(): Promise<Uint32Array> {
    const { train, test, width } = this;
    const m = test.length / width;
    const k = Math.min(NEIGHBOURS, train.length / width);
    const out = new Uint32Array(m * k);
    for (let i = 0; i < m; i++) {
      if (i % 16 === 0) await this.pause();
      out.set(nearest(train, width, test.subarray(i * width, (i + 1) * width), k).rows, i * k);
    }
    return out;
  }
}

function gather(codes: Float32Array, width: number, rows: Uint32Array): Float64Array {
  const out = new Float64Array(rows.length * width);
  rows.forEach((row, i) => out.set(codes.subarray(row * width, (row + 1) * width), i * width));
  return out;
}

function logit(
  weights: Float64Array,
  category: number,
  x: Float64Array,
  row: number,
  width: number,
): number {
  const at = category * (width + 1);
  let sum = weights[at + width];
  for (let j = 0, k = row * width; j < width; j++, k++) sum += weights[at + j] * x[k];
  return sum;
}

/** Add the gradient of −log p of the rows from `start` to `stop`, (categories × (width + 1)). */
function addGradient(
  weights: Float64Array,
  x: Float64Array,
  width: number,
  labels: Uint32Array,
  start: number,
  stop: number,
  p: Float64Array,
  gradient: Float64Array,
): void {
  for (let i = start; i < stop; i++) {
    softmax(weights, x, i, width, p);
    p[labels[i]] -= 1;
    for (let c = 0, at = 0; c < p.length; c++, at += width + 1) {
      const error = p[c];
      for (let j = 0, k = i * width; j < width; j++, k++) gradient[at + j] += error * x[k];
      gradient[at + width] += error;
    }
  }
}

function softmax(
  weights: Float64Array,
  x: Float64Array,
  row: number,
  width: number,
  out: Float64Array,
): void {
  let largest = -Infinity;
  for (let c = 0; c < out.length; c++) {
    out[c] = logit(weights, c, x, row, width);
    largest = Math.max(largest, out[c]);
  }
  let sum = 0;
  for (let c = 0; c < out.length; c++) sum += out[c] = Math.exp(out[c] - largest);
  for (let c = 0; c < out.length; c++) out[c] /= sum;
}

/**
 * Give the training rows mean 0 and covariance 1 in place, and the test rows the same change.
 *
 * The covariance of few rows is shrunk towards that of independent dimensions.
 */
function whiten(train: Float64Array, test: Float64Array, width: number): void {
  const n = train.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < train.length; i++) mean[i % width] += train[i] / n;
  const factor = new Float64Array(width * width); // Cholesky factor of the covariance, lower
  for (const x of [train, test]) for (let i = 0; i < x.length; i++) x[i] -= mean[i % width];
  for (let i = 0; i < n; i++) {
    for (let a = 0; a < width; a++) {
      const value = train[i * width + a];
      for (let b = 0; b <= a; b++) factor[a * width + b] += (value * train[i * width + b]) / n;
    }
  }
  const least = new Float64Array(width); // what the shrinkage adds; 1 for constant dimensions
  for (let a = 0; a < width; a++) {
    least[a] = (factor[a * width + a] * width) / n || 1;
    factor[a * width + a] += least[a];
  }
  for (let a = 0; a < width; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = factor[a * width + b];
      for (let j = 0; j < b; j++) sum -= factor[a * width + j] * factor[b * width + j];
      factor[a * width + b] =
        a === b ? Math.sqrt(Math.max(sum, least[a] / 2)) : sum / factor[b * width + b];
    }
  }
  for (const x of [train, test]) {
    for (let start = 0; start < x.length; start += width) {
      for (let a = 0; a < width; a++) {
        let sum = x[start + a];
        for (let b = 0; b < a; b++) sum -= factor[a * width + b] * x[start + b];
        x[start + a] = sum / factor[a * width + a];
      }
    }
  }
}
