import { describe, expect, test } from "vitest";
import type { Drawing } from "../contract";
import data from "./fixtures/mnist.json"; // written by tests/drawing_fixture.py
import { boxOf, centreOfMass, type Grey, peakOf, thicknessOf } from "./grey";
import { fromImage, strokesOf } from "./image";
import { prepare } from "./prepare";
import { Edges } from "./thicken";

const drawing = data.drawing as Drawing;
const shape: [number, number] = [28, 28];
const digits = data.images.map((text) =>
  Float32Array.from(atob(text), (letter) => letter.charCodeAt(0) / 255),
);

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}

function grey(values: Float32Array, width = 28, height = 28): Grey {
  return { values, width, height };
}

/** Draw a line with round ends, in pixels of a square canvas. */
function line(points: [number, number][], radius: number, side = 280): Float32Array {
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) + 0.5, Math.floor(i / side) + 0.5];
    let nearest = Infinity;
    for (let k = 1; k < points.length; k++) {
      const [[x1, y1], [x2, y2]] = [points[k - 1], points[k]];
      const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
      const along = Math.min(
        1,
        Math.max(0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length),
      );
      nearest = Math.min(
        nearest,
        Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)),
      );
    }
    return Math.min(1, Math.max(0, radius - nearest + 0.5));
  });
}

const SEVEN: [number, number][] = [
  [70, 60],
  [200, 60],
  [110, 230],
];

describe("prepare", () => {
  test.each(digits.map((digit, label) => ({ digit, label })))(
    "a large, moved and faint $label comes back as itself",
    ({ digit }) => {
      const faint = new Float32Array(500 * 400);
      for (let y = 0; y < 280; y++) {
        for (let x = 0; x < 280; x++) {
          const value = digit[Math.floor(y / 10) * 28 + Math.floor(x / 10)];
          faint[(y + 31) * 500 + x + 150] = 0.4 * value;
        }
      }
      const again = prepare(faint, 500, 400, drawing, shape) ?? new Float32Array();
      expect(difference(again, digit)).toBeLessThan(0.07); // it lies up to half a pixel elsewhere
      const box = boxOf(grey(digit));
      const [x, y] = centreOfMass(grey(digit));
      const size = Math.max(box.right - box.left, box.bottom - box.top);
      const exact = prepare(faint, 500, 400, { ...drawing, size, x, y }, shape);
      expect(difference(exact ?? [], digit)).toBeLessThan(0.003);
      const other = digits[(digits.indexOf(digit) + 1) % 10]; // control
      expect(difference(again, other)).toBeGreaterThan(0.1);
    },
  );

  test("neither the drawing's place nor its size matters", () => {
    const one = prepare(line(SEVEN, 9), 280, 280, drawing, shape) ?? new Float32Array();
    const smaller = SEVEN.map(([x, y]) => [x / 2 + 20, y / 2 + 90] as [number, number]);
    const two = prepare(line(smaller, 4.5), 280, 280, drawing, shape) ?? new Float32Array();
    expect(difference(two, one)).toBeLessThan(0.01);
    expect(Math.max(...one)).toBeCloseTo(drawing.peak, 5);
  });

  test.each(["mass", "box"] as const)("the centre of the %s comes to its place", (centre) => {
    const wanted: Drawing = { ...drawing, size: 12, centre, x: 11.3, y: 15.8, peak: 0.6 };
    const found = grey(prepare(line(SEVEN, 12), 280, 280, wanted, [30, 24]) ?? digits[0], 24, 30);
    const box = boxOf(found);
    const [x, y] =
      centre === "mass"
        ? centreOfMass(found)
        : [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    expect(Math.abs(x - 11.3)).toBeLessThan(centre === "mass" ? 0.25 : 0.6);
    expect(Math.abs(y - 15.8)).toBeLessThan(centre === "mass" ? 0.25 : 0.6);
    expect(Math.max(box.right - box.left, box.bottom - box.top)).toBeLessThanOrEqual(14);
    expect(Math.max(box.right - box.left, box.bottom - box.top)).toBeGreaterThanOrEqual(12);
    expect(peakOf(found)).toBeCloseTo(0.6, 5);
  });

  test.each([1, 2, 10, 25, 40])(
    "strokes of radius %i come out about as thick as in the data",
    (radius) => {
      const found = prepare(line(SEVEN, radius), 280, 280, drawing, shape) ?? new Float32Array();
      const thickness = thicknessOf(grey(found));
      expect(thickness).toBeGreaterThan(0.65 * drawing.thickness);
      expect(thickness).toBeLessThan(1.75 * drawing.thickness);
    },
  );

  test("the strokes' thickness is still part of the style", () => {
    const thin = prepare(line(SEVEN, 8), 280, 280, drawing, shape) ?? new Float32Array();
    const thick = prepare(line(SEVEN, 13), 280, 280, drawing, shape) ?? new Float32Array();
    expect(thicknessOf(grey(thick)) / thicknessOf(grey(thin))).toBeGreaterThan(1.3);
  });

  test("a dot and the whole canvas give an example, an empty drawing none", () => {
    expect(prepare(new Float32Array(280 * 280), 280, 280, drawing, shape)).toBeNull();
    const dot = new Float32Array(280 * 280);
    dot[12345] = 1;
    for (const drawn of [dot, new Float32Array(280 * 280).fill(1)]) {
      const found = prepare(drawn, 280, 280, drawing, shape) ?? new Float32Array();
      expect(found.every(Number.isFinite)).toBe(true);
      expect(Math.max(...found)).toBeCloseTo(drawing.peak, 5);
    }
  });
});

test("thickness is that of Python", () => {
  digits.forEach((digit, i) => expect(thicknessOf(grey(digit))).toBeCloseTo(data.thickness[i], 3));
});

describe("Edges", () => {
  test.each([-4, -2, 0, 3, 7])("moves the edges of a bar by %i", (radius) => {
    const bar = Float32Array.from({ length: 3600 }, (_, i) =>
      i % 60 >= 20 && i % 60 < 40 ? 1 : 0,
    );
    const row = new Edges(grey(bar, 60, 60)).moved(radius).values.subarray(1800, 1860);
    expect(row.reduce((a, b) => a + b)).toBeCloseTo(20 + 2 * radius, 5);
  });

  test("something is left of a thin stroke", () => {
    const found = new Edges(grey(line(SEVEN, 5), 280, 280)).moved(-50);
    expect(peakOf(found)).toBe(1);
  });
});

/** Return a picture whose grey values are given. */
function picture(values: ArrayLike<number>, alpha = 255): Uint8ClampedArray {
  const out = new Uint8ClampedArray(4 * values.length);
  for (let i = 0; i < values.length; i++) {
    out.fill(255 * values[i], 4 * i, 4 * i + 3);
    out[4 * i + 3] = alpha;
  }
  return out;
}

describe("strokesOf", () => {
  const bright = line(SEVEN, 9);

  test.each([
    ["bright on dark", picture(bright)],
    ["dark on bright", picture(bright.map((value) => 1 - value))],
    ["grey on paper", picture(bright.map((value) => 0.85 - 0.5 * value))],
    [
      "pencil on uneven paper",
      picture(bright.map((v, i) => 0.9 - 0.6 * v - 0.03 * ((i % 280) / 280))),
    ],
  ])("finds the strokes: %s", (_, rgba) => {
    expect(difference(strokesOf(rgba, 280, 280), bright)).toBeLessThan(0.01);
  });

  test.each([0, 1])("finds strokes of grey %i on nothing", (ink) => {
    const rgba = picture(new Float32Array(280 * 280).fill(ink));
    bright.forEach((value, i) => (rgba[4 * i + 3] = 255 * value));
    expect(difference(strokesOf(rgba, 280, 280), bright)).toBeLessThan(0.01);
  });

  test("a blank picture has none", () => {
    expect(peakOf(grey(strokesOf(picture(new Float32Array(100).fill(0.7)), 10, 10)))).toBe(0);
  });
});

describe("fromImage", () => {
  test("colours become channels or grey, in the middle's proportions", () => {
    const rgba = new Uint8ClampedArray(4 * 40 * 20).fill(255); // white at the sides
    for (let y = 0; y < 20; y++) {
      for (let x = 10; x < 30; x++) rgba.set([255, 0, 51, 255], 4 * (y * 40 + x));
    }
    const colour = fromImage(rgba, 40, 20, [3, 8, 8]);
    expect(
      difference(
        colour,
        [1, 0, 0.2].flatMap((v) => Array(64).fill(v)),
      ),
    ).toBeLessThan(1e-6);
    const luminance = 0.299 + 0.114 * 0.2;
    for (const one of [
      [8, 8],
      [1, 8, 8],
    ]) {
      expect(difference(fromImage(rgba, 40, 20, one), Array(64).fill(luminance))).toBeLessThan(
        1e-6,
      );
    }
  });

  test("a small picture is enlarged without a dark border", () => {
    const found = fromImage(picture(new Float32Array(9).fill(0.6)), 3, 3, [28, 28]);
    expect(difference(found, Array(784).fill(0.6))).toBeLessThan(1e-6);
  });

  test("strokes become dark or bright as those of the data", () => {
    const bright = digits[3];
    const dark = bright.map((value) => 1 - value);
    for (const drawn of [bright, dark]) {
      expect(difference(fromImage(picture(drawn), 28, 28, shape, false), bright)).toBeLessThan(
        0.003,
      );
      expect(difference(fromImage(picture(drawn), 28, 28, shape, true), dark)).toBeLessThan(0.003);
      expect(difference(fromImage(picture(drawn), 28, 28, shape), drawn)).toBeLessThan(0.003);
    }
  });

  test("refuses shapes that are no image", () => {
    expect(() => fromImage(picture([0]), 1, 1, [5])).toThrow(RangeError);
    expect(() => fromImage(picture([0]), 1, 1, [2, 4, 4])).toThrow(RangeError);
  });
});
