import { parquetReadObjects } from "hyparquet";
import { describe, expect, test } from "vitest";
import { toCsv, toParquet } from "./export";
import { inside, simplify } from "./lasso";
import { groupMeans, nearest, nearestGroups } from "./neighbours";
import { walk } from "./order";
import { seeded, shuffled } from "./random";

function randoms(n: number, seed = 0): Float32Array {
  const random = seeded(seed);
  return Float32Array.from({ length: n }, () => 2 * random() - 1);
}

describe("nearest", () => {
  const width = 6;
  const codes = randoms(500 * width);
  const distance = (i: number, to: ArrayLike<number>) => {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += (codes[i * width + j] - to[j]) ** 2;
    return Math.sqrt(sum);
  };

  test.each([
    ["a row", 7, undefined],
    ["a vector", randoms(width, 3), undefined],
    ["a mask", 7, Uint8Array.from({ length: 500 }, (_, i) => i % 2)],
  ] as [string, number | Float32Array, Uint8Array | undefined][])(
    "equals sorting by distance: %s",
    (_, target, mask) => {
      const vector =
        typeof target === "number" ? codes.slice(target * width, (target + 1) * width) : target;
      const order = [...Array(500).keys()]
        .filter((i) => i !== target && (!mask || mask[i]))
        .sort((a, b) => distance(a, vector) - distance(b, vector));
      const found = nearest(codes, width, target, 9, mask);
      expect([...found.rows]).toEqual(order.slice(0, 9));
      expect(found.distances[8]).toBeCloseTo(distance(order[8], vector), 5);
    },
  );

  test("k above n gives all other rows, 0 none", () => {
    expect(nearest(codes, width, 0, 999).rows.length).toBe(499);
    expect(nearest(codes, width, 0, 0).rows.length).toBe(0);
  });
});

test("nearestGroups ranks planted groups and counts those nearby", () => {
  // Group g lies around (g, 0); 255 stands for a missing group; group 4 has no rows.
  const noise = randoms(2 * 400, 1);
  const groups = Uint8Array.from({ length: 400 }, (_, i) => (i < 5 ? 255 : i % 4));
  const codes = noise.map((value, i) => value * 0.1 + (i % 2 ? 0 : groups[i >> 1] % 255));
  const ranked = nearestGroups([1.9, 0], codes, 2, groups, 5, 255);
  expect(ranked.map((one) => one.group)).toEqual([2, 1, 3, 0]);
  expect(ranked[0].distance).toBeCloseTo(0.01, 1);
  expect([ranked[0].near, ranked[1].near, ranked[0].count]).toEqual([50, 0, 99]);
  const known = groupMeans(codes, 2, groups, 5);
  expect(nearestGroups([1.9, 0], codes, 2, groups, 5, 255, 50, known)).toEqual(ranked);
});

describe("inside", () => {
  const star = Float32Array.from({ length: 2 * 201 }, (_, i) => {
    const angle = (2 * Math.PI * (i >> 1) * 2) / 5 + (i >> 1) * 0.01; // crosses itself
    return 0.8 * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });

  function byDefinition(points: Float32Array, polygon: Float32Array): number[] {
    const m = polygon.length / 2;
    return Array.from({ length: points.length / 2 }, (_, p) => {
      const [x, y] = [points[2 * p], points[2 * p + 1]];
      let mark = 0;
      for (let i = 0, j = m - 1; i < m; j = i++) {
        const [xi, yi] = [polygon[2 * i], polygon[2 * i + 1]];
        const [xj, yj] = [polygon[2 * j], polygon[2 * j + 1]];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) mark ^= 1;
      }
      return mark;
    });
  }

  test.each([
    ["triangle", Float32Array.of(0, 0, 1, 0, 0, 1)],
    ["star", star],
    ["random", randoms(2 * 60, 4)],
    ["tiny", randoms(10, 5).map((value) => value * 1e-3)],
  ])("equals the even-odd rule: %s", (_, polygon) => {
    const points = randoms(2 * 5000, 2);
    points.set(polygon.subarray(0, 6)); // vertices too
    const marks = inside(points, polygon);
    expect([...marks]).toEqual(byDefinition(points, polygon));
  });

  test("knows a square, its hole of points that are not finite, and lines", () => {
    const square = Float32Array.of(0, 0, 2, 0, 2, 2, 0, 2);
    const points = Float32Array.of(1, 1, 3, 1, -1, 1, 1, 3, NaN, 1, 1, Infinity, 0.1, 1.9);
    const out = new Uint8Array(7).fill(9);
    expect(inside(points, square, out)).toBe(out);
    expect([...out]).toEqual([1, 0, 0, 0, 0, 0, 1]);
    expect([...inside(points, square.subarray(0, 4))]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect([...inside(points, Float32Array.of(0, 1, 2, 1, 1, 1))]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("simplify", () => {
  test("keeps corners and drops what lies between", () => {
    const line = Float32Array.of(0, 0, 1, 0.01, 2, 0, 3, 0, 3, 1, 3.01, 2, 3, 3);
    expect([...simplify(line, 0.1)]).toEqual([0, 0, 3, 0, 3, 3]);
    expect([...simplify(line, 0)].length).toBeGreaterThan(6);
  });

  test("a circle stays within the tolerance", () => {
    const circle = Float32Array.from({ length: 2000 }, (_, i) => {
      const angle = (2 * Math.PI * (i >> 1)) / 1000;
      return i % 2 ? Math.sin(angle) : Math.cos(angle);
    });
    const fewer = simplify(circle, 0.01);
    expect(fewer.length).toBeLessThan(120);
    const points = randoms(2 * 5000);
    const differs = inside(points, fewer).filter((mark, i) => {
      const radius = Math.hypot(points[2 * i], points[2 * i + 1]);
      return Math.abs(radius - 1) > 0.011 && mark !== Number(radius < 1);
    });
    expect(differs.length).toBe(0);
  });
});

test("walk goes straight from one code to the other", () => {
  expect([...walk([0, 4], [1, 0], 5)]).toEqual([0, 4, 0.25, 3, 0.5, 2, 0.75, 1, 1, 0]);
  expect([...walk([0, 4], [1, 0], 1)]).toEqual([0, 4]);
});

test("random numbers depend on the seed, are uniform and shuffle", () => {
  const values = Array.from({ length: 4000 }, seeded(1));
  expect(Array.from({ length: 4000 }, seeded(1))).toEqual(values);
  expect(Array.from({ length: 4000 }, seeded(2))).not.toEqual(values);
  expect(values.reduce((a, b) => a + b) / 4000).toBeCloseTo(0.5, 1);
  const order = shuffled(
    Uint32Array.from({ length: 100 }, (_, i) => i),
    seeded(0),
  );
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
  expect([...order]).not.toEqual([...Array(100).keys()]);
});

/** Parse CSV as RFC 4180 says; an empty field without quotes is null. */
function parsed(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [[]];
  for (const [, quotedField, plain, end] of text.matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g,
  )) {
    rows[rows.length - 1].push(quotedField?.replaceAll('""', '"') ?? (plain === "" ? null : plain));
    if (end === "\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

const texts = ["a", 'say "b"', "x,y", "two\nlines", "=1+1", " a ", "", null, "日本"];
const numbers = [0, 0.1, -1e-20, 1e21, 1 / 3, NaN, null, 16777217, -0.5];
const singles = Float32Array.of(0, 0.1, -1e-20, 1e21, 1 / 3, NaN, 3.4e38, 16777216, 5e-324);
const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 255);

describe("toCsv", () => {
  test("brings texts and numbers back as they were", () => {
    const [header, ...rows] = parsed(
      toCsv([
        { name: 'na,m"e', values: texts },
        { name: "number", values: numbers },
        { name: "single", values: singles },
        { name: "byte", values: bytes },
      ]),
    );
    expect(header).toEqual(['na,m"e', "number", "single", "byte"]);
    expect(rows.map((row) => row[0])).toEqual(texts);
    const back = rows.map((row) => (row[1] === null ? null : Number(row[1])));
    expect(back).toEqual(numbers.map((value) => (Number.isNaN(value) ? null : value)));
    const backSingles = rows.map((row) => (row[2] === null ? NaN : Number(row[2])));
    expect(Float32Array.from(backSingles)).toEqual(singles);
    expect(rows[1][2]).toBe("0.1");
    expect(rows.map((row) => Number(row[3]))).toEqual([...bytes]);
  });

  test("refuses columns of different lengths", () => {
    const columns = [
      { name: "a", values: [1] },
      { name: "b", values: [1, 2] },
    ];
    expect(() => toCsv(columns)).toThrow("column b has 2 values, expected 1");
  });
});

test("toParquet brings texts and numbers back as they were", async () => {
  const file = await toParquet([
    { name: "text", values: texts },
    { name: "number", values: numbers },
    { name: "single", values: singles },
    { name: "byte", values: bytes },
    { name: "row", values: Uint32Array.from(bytes, (value) => value * 16843009) },
  ]);
  const rows = await parquetReadObjects({ file: file.buffer });
  expect(rows.map((row) => row.text ?? null)).toEqual(texts);
  const isMissing = (value: unknown) => value === null || Number.isNaN(value);
  expect(rows.map((row) => row.number ?? null)).toEqual(
    numbers.map((v) => (isMissing(v) ? null : v)),
  );
  expect(Float32Array.from(rows, (row) => row.single ?? NaN)).toEqual(singles);
  expect(rows.map((row) => row.byte)).toEqual([...bytes]);
  expect(rows[8].row).toBe(4294967295n);
});
