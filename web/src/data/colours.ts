/** Colours of categories and numbers, readable on light and on dark ground. */

export type Rgb = [number, number, number];

// Ten colours that people with a colour deficiency can tell apart by hue or by lightness.
const TEN: Rgb[] = [
  [66, 105, 208],
  [239, 177, 24],
  [255, 114, 92],
  [60, 169, 81],
  [163, 99, 242],
  [108, 197, 176],
  [156, 107, 78],
  [255, 138, 183],
  [151, 187, 245],
  [148, 152, 160],
];

// Viridis at equal distances (Smith & van der Walt, 2015; CC0).
const VIRIDIS: Rgb[] = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
];

export const MISSING: Rgb = [140, 140, 140];

/** The colour of category `index` of `count`. */
export function categoryColour(index: number, count: number): Rgb {
  if (count <= TEN.length) return TEN[index % TEN.length];
  const hue = (index * 137.508) % 360; // golden angle: neighbours in the list differ
  const lightness = [0.62, 0.48, 0.72][index % 3];
  return fromHsl(hue, 0.62, lightness);
}

/** The colour of a number between `low` and `high`. */
export function numberColour(value: number, low: number, high: number): Rgb {
  if (Number.isNaN(value)) return MISSING;
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5;
  const place = share * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(place));
  const [a, b] = [VIRIDIS[i], VIRIDIS[i + 1]];
  const mix = (k: number) => Math.round(a[k] + (b[k] - a[k]) * (place - i));
  return [mix(0), mix(1), mix(2)];
}

/** A colour as CSS text. */
export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}

function fromHsl(hue: number, saturation: number, lightness: number): Rgb {
  const a = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
