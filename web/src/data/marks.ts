/** Which examples are shown and selected, and in which colour. */

import { type Rgb, MISSING, categoryColour, numberColour } from "./colours";
import type { Values } from "./load";
import type { Filter } from "../state";

/** Opacities of points: hidden, not selected, shown, selected. */
const HIDDEN = 0;
const DIM = 46;
const SHOWN = 200;
const SELECTED = 255;
const PLAIN: Rgb = [88, 112, 180];

/** Whether each example passes all filters, (n) of 0 and 1. */
export function shownMask(n: number, filters: [Values, Filter][]): Uint8Array {
  const mask = new Uint8Array(n).fill(1);
  for (const [{ values, column }, filter] of filters) {
    if ("shown" in filter) {
      const isShown = new Uint8Array((column.categories?.length ?? 0) + 1);
      for (const index of filter.shown) isShown[Math.min(index, isShown.length - 1)] = 1;
      const missing = isShown.length - 1;
      for (let i = 0; i < n; i++) if (!isShown[Math.min(values[i], missing)]) mask[i] = 0;
    } else {
      for (let i = 0; i < n; i++) {
        if (!(values[i] >= filter.low && values[i] <= filter.high)) mask[i] = 0;
      }
    }
  }
  return mask;
}

/** Rows of a mask. */
export function rowsOf(mask: Uint8Array): Uint32Array {
  let count = 0;
  for (const value of mask) count += value ? 1 : 0;
  const rows = new Uint32Array(count);
  let k = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i]) rows[k++] = i;
  return rows;
}

/** Range of a column of numbers. */
export function rangeOf(values: Values): [number, number] {
  const { low = 0, high = 1 } = values.column;
  return [low, high];
}

/** Write the colours of all points, (n, 4), into `out`. */
export function paint(
  out: Uint8Array,
  shown: Uint8Array,
  selected: Uint8Array | null,
  colour: Values | null,
): void {
  const palette = colour?.column.type === "category" ? paletteOf(colour) : null;
  const [low, high] = colour ? rangeOf(colour) : [0, 1];
  const values = colour?.values;
  for (let i = 0, k = 0; i < shown.length; i++, k += 4) {
    let rgb: Rgb = PLAIN;
    if (palette && values) rgb = palette[values[i]] ?? MISSING;
    else if (values?.length) rgb = numberColour(values[i], low, high);
    out[k] = rgb[0];
    out[k + 1] = rgb[1];
    out[k + 2] = rgb[2];
    if (!shown[i]) out[k + 3] = HIDDEN;
    else if (selected) out[k + 3] = selected[i] ? SELECTED : DIM;
    else out[k + 3] = SHOWN;
  }
}

/** The colours of a column's categories. */
export function paletteOf(values: Values): Rgb[] {
  const count = values.column.categories?.length ?? 0;
  return Array.from({ length: count }, (_, index) => categoryColour(index, count));
}

/** A column of named groups: category k for the rows of group k, missing for all others. */
export function columnOfGroups(n: number, groups: { name: string; rows: Uint32Array }[]): Values {
  const values = new Uint16Array(n).fill(0xffff);
  groups.forEach((group, index) => {
    for (const row of group.rows) values[row] = index;
  });
  return {
    column: {
      name: "selection",
      role: "cluster",
      type: "category",
      dtype: "u16",
      file: "",
      categories: groups.map((group) => group.name),
    },
    values,
    missing: 0xffff,
    texts: [],
  };
}
