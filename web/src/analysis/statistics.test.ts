import { describe, expect, test } from "vitest";
import { logHypergeometric } from "./gamma";
import { trainProbe, type ProbeScore } from "./probe";
import type { ProbeKind } from "./classifiers";
import { seeded, shuffled } from "./random";
import {
  compareNumbers,
  compareShares,
  countCategories,
  drawHypergeometric,
  purity,
  wilson,
} from "./statistics";

const range = (n: number, start = 0) => Uint32Array.from({ length: n }, (_, i) => i + start);

function normals(n: number, seed: number): Float32Array {
  const random = seeded(seed);
  return Float32Array.from({ length: n }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

test.each([
  [0, 10, 0, 0.2775],
  [5, 10, 0.2366, 0.7634],
  [81, 263, 0.2553, 0.3662], // Newcombe (1998), method 3
  [10, 10, 0.7225, 1],
])("Wilson's interval of %i of %i", (successes, n, low, high) => {
  const [foundLow, foundHigh] = wilson(successes, n);
  expect(foundLow).toBeCloseTo(low, 4);
  expect(foundHigh).toBeCloseTo(high, 4);
});

describe("drawHypergeometric", () => {
  test.each([
    [30, 12, 9],
    [1000, 300, 950],
    [1_000_000, 100_000, 400_000],
  ])("has the right mean and variance: %i, %i, %i", (total, marked, draws) => {
    const random = seeded(3);
    const drawn = Array.from({ length: 4000 }, () =>
      drawHypergeometric(total, marked, draws, random),
    );
    const share = marked / total;
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const variance = drawn.reduce((sum, k) => sum + (k - mean) ** 2, 0) / drawn.length;
    const expected = (draws * share * (1 - share) * (total - draws)) / (total - 1);
    expect(Math.abs(mean - draws * share) / Math.sqrt(expected)).toBeLessThan(0.08);
    expect(variance / expected).toBeGreaterThan(0.9);
    expect(variance / expected).toBeLessThan(1.1);
  });

  test("probabilities sum to 1", () => {
    let sum = 0;
    for (let k = 0; k <= 400; k++) sum += Math.exp(logHypergeometric(k, 5000, 400, 2000));
    expect(sum).toBeCloseTo(1, 6);
  });
});

describe("purity", () => {
  const values = Uint8Array.from({ length: 1000 }, (_, i) => (i < 100 ? 255 : i % 10));

  test("of one category is 1, far above chance", () => {
    const rows = range(1000).filter((i) => i % 10 === 4);
    const found = purity(values, 10, rows);
    expect(found).toMatchObject({ purity: 1, category: 4, n: 90, adjusted: 1 });
    expect(found?.high).toBeLessThan(0.3);
    expect(found?.chance).toBeGreaterThan(0.1); // the largest of ten counts is above the mean
  });

  test("of random selections lies within chance, of any size", () => {
    for (const size of [5, 50, 500]) {
      let within = 0;
      for (let seed = 0; seed < 40; seed++) {
        const rows = shuffled(range(900, 100), seeded(seed)).subarray(0, size);
        const found = purity(values, 10, rows, seed);
        if (found && found.purity >= found.low && found.purity <= found.high) within++;
      }
      expect(within).toBeGreaterThan(33);
    }
  });

  test("has no value if all are missing, and no excess if there is one category", () => {
    expect(purity(values, 10, range(100))).toBeNull();
    expect(purity(new Uint8Array(50), 1, range(7))).toMatchObject({
      purity: 1,
      chance: 1,
      adjusted: 0,
    });
  });
});

test("countCategories leaves missing values out", () => {
  expect([...countCategories(Uint8Array.of(0, 2, 2, 255), 3)]).toEqual([1, 0, 2]);
  expect([...countCategories(Uint8Array.of(0, 2, 2, 255), 3, [1, 3])]).toEqual([0, 0, 1]);
});

test("compareShares finds the planted category", () => {
  // 40 of 50 selected rows are of category 0, and 10 of the 100 others.
  const values = Uint8Array.from({ length: 150 }, (_, i) =>
    i < 40 || (i >= 50 && i < 60) ? 0 : 1,
  );
  const [first, second, third] = compareShares(values, 3, range(50));
  expect(first).toMatchObject({ inside: 40, outside: 10, insideShare: 0.8, outsideShare: 0.1 });
  expect(first.z).toBeCloseTo(0.7 / Math.sqrt((1 / 3) * (2 / 3) * (1 / 50 + 1 / 100)), 6);
  expect(first.logOdds).toBeCloseTo(Math.log(40.5 / 10.5 / (10.5 / 90.5)), 6);
  expect(second.z).toBeCloseTo(-first.z, 6);
  expect(third).toMatchObject({ inside: 0, outside: 0, z: 0 });
  for (const one of compareShares(values, 3, range(150))) expect(one.z).toBe(0); // all selected
});

describe("compareNumbers", () => {
  test("finds a planted difference and skips NaN", () => {
    const values = normals(2000, 1).map((value, i) => (i < 500 ? value + 0.8 : value));
    values[3] = values[1000] = NaN;
    const found = compareNumbers(values, range(500));
    expect([found.inside.n, found.outside.n]).toEqual([499, 1499]);
    expect(found.low).toBeLessThan(0.8);
    expect(found.high).toBeGreaterThan(0.8);
    expect(found.high - found.low).toBeLessThan(0.25);
    expect(found.inside.sd).toBeCloseTo(1, 0);
  });

  test("corrects for few rows, and knows constant and empty columns", () => {
    const found = compareNumbers([1, 2, 3, 4], [0, 1]);
    expect(found.effect).toBeCloseTo((-2 / Math.SQRT1_2) * (1 - 3 / 7), 6);
    expect(compareNumbers([2, 2, 2, 2], [0, 1]).effect).toBe(0);
    expect(compareNumbers([2, 2, 2, 2], []).effect).toBeNaN();
  });
});

describe("trainProbe", () => {
  const kinds: ProbeKind[] = ["logistic", "knn", "mean"];
  const width = 8;

  function planted(n: number, categories: number, strength: number) {
    const codes = normals(n * width, 5);
    const target = Uint8Array.from({ length: n }, (_, i) => (i * 7) % categories);
    for (let i = 0; i < n; i++) codes[i * width + (target[i] % width)] += strength;
    return { codes, target };
  }

  test.each(kinds)("%s finds separable categories", async (kind) => {
    const { codes, target } = planted(600, 4, 7);
    const found = (await trainProbe(codes, width, range(600), target, kind, 0)) as ProbeScore;
    expect(found.accuracy).toBeGreaterThan(0.97);
    expect(found.low).toBeGreaterThan(0.9);
    expect(found.permuted.high).toBeLessThan(0.45);
    expect(found.majority).toBeCloseTo(0.25, 1);
    expect(found).toMatchObject({ train: 300, test: 300, rows: 600, categories: 4 });
  });

  test.each(kinds)("%s finds nothing in noise", async (kind) => {
    const { codes, target } = planted(800, 4, 0);
    let within = 0;
    for (let seed = 0; seed < 10; seed++) {
      const found = (await trainProbe(codes, width, range(800), target, kind, seed)) as ProbeScore;
      if (found.low <= 0.25 && found.high >= 0.25) within++;
      expect(Math.abs(found.permuted.mean - 0.25)).toBeLessThan(0.05);
    }
    expect(within).toBeGreaterThanOrEqual(8);
  });

  test("logistic needs no equal scales, nearest mean does", async () => {
    const { codes, target } = planted(1000, 2, 0);
    for (let i = 0; i < 1000; i++) {
      codes[i * width] = 0.01 * codes[i * width] + 0.02 * (target[i] ? 1 : -1);
      codes[i * width + 1] *= 100;
    }
    const rows = range(1000);
    const logistic = (await trainProbe(codes, width, rows, target, "logistic", 0)) as ProbeScore;
    const mean = (await trainProbe(codes, width, rows, target, "mean", 0)) as ProbeScore;
    expect(logistic.accuracy).toBeGreaterThan(0.9);
    expect(mean.accuracy).toBeLessThan(0.65);
  });

  test("a probe of shuffled categories answers the most frequent one", async () => {
    const { codes } = planted(600, 1, 0);
    const target = Uint8Array.from({ length: 600 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    for (let i = 0; i < 600; i++) codes[i * width] += 9 * target[i];
    const rows = range(600);
    const found = (await trainProbe(codes, width, rows, target, "logistic", 0)) as ProbeScore;
    expect(found.accuracy).toBeGreaterThan(0.97);
    expect(found.majority).toBeCloseTo(0.8, 2);
    expect(found.permuted.mean).toBeGreaterThan(0.75); // 0.68 if only the test half is shuffled
    expect(found.permuted.high).toBeLessThan(0.83);
  });

  test("the same seed gives the same score, another seed another split", async () => {
    const { codes, target } = planted(300, 3, 1);
    const score = (seed: number) => trainProbe(codes, width, range(300), target, "mean", seed);
    expect(await score(1)).toEqual(await score(1));
    expect(await score(1)).not.toEqual(await score(2));
  });

  test("missing categories are left out, and few rows or one category are refused", async () => {
    const { codes, target } = planted(100, 2, 3);
    target.fill(255, 0, 50);
    const options = { missing: 255 };
    const train = (rows: Uint32Array) => trainProbe(codes, width, rows, target, "mean", 0, options);
    expect(await train(range(100))).toMatchObject({ rows: 50, categories: 2 });
    expect(await train(range(60))).toEqual({ reason: "few rows", rows: 10, categories: 2 });
    const same = range(100).filter((i) => i % 2 === 0);
    expect(await train(same)).toEqual({ reason: "one category", rows: 25, categories: 1 });
  });

  test("ends when it is aborted", async () => {
    const { codes, target } = planted(4000, 8, 1);
    const control = new AbortController();
    const options = { signal: control.signal };
    const training = trainProbe(codes, width, range(4000), target, "logistic", 0, options);
    control.abort();
    await expect(training).rejects.toThrow(/abort/i);
  });
});
