/** The points as they are now: positions, colours, filters and selection, kept up to date. */

import { computed, effect, signal } from "@preact/signals";
import type { Values } from "./data/load";
import { columnOfGroups, rowsOf, shownMask } from "./data/marks";
import { nearest } from "./analysis/neighbours";
import { inside } from "./analysis/lasso";
import { session } from "./session";
import {
  SELECTIONS,
  colour,
  fail,
  filters,
  map,
  named,
  selectedRows,
  selection,
  type Filter,
} from "./state";

/** Positions of the map that is shown, (n, 2), with the map they belong to. */
export const positions = signal<{ map: string; points: Float32Array } | null>(null);
/** Values of the column that gives the colours. */
export const colourValues = signal<Values | null>(null);
/** 1 for the examples that pass all filters. */
export const shown = signal<Uint8Array>(new Uint8Array(0));
/** 1 for the selected examples that are shown; null without a selection. */
export const selectedMask = computed<Uint8Array | null>(() => {
  const rows = selectedRows.value;
  if (!rows) return null;
  const mask = new Uint8Array(shown.value.length);
  for (const row of rows) mask[row] = 1;
  return mask;
});

/** Whether a map has the same scale along both axes. */
export function isSquare(id: string): boolean {
  const described = session().data.manifest.maps.find((one) => one.id === id);
  return described ? described.method === "tsne" || described.method === "umap" : false;
}

/** Positions of a map of the manifest, or of two dimensions of the codes. */
export async function pointsOf(id: string): Promise<Float32Array> {
  const { data } = session();
  const described = data.manifest.maps.find((one) => one.id === id);
  if (described) return data.points(described);
  const axes = axesOf(id);
  if (!axes) throw new Error(`there is no map ${id}`);
  const points = new Float32Array(2 * data.manifest.n);
  for (const [place, { code, index }] of axes.entries()) {
    const codes = await data.codes(code);
    const width = data.manifest.codes[code].width;
    for (let i = 0; i < data.manifest.n; i++) points[2 * i + place] = codes[i * width + index];
  }
  return points;
}

export interface Axis {
  code: "z_label" | "z_rest";
  index: number;
}

/** The two dimensions that a name such as `z_rest.0,z_label.2` means. */
export function axesOf(id: string): [Axis, Axis] | null {
  const found = id.split(",").map((text) => /^(z_label|z_rest)\.(\d+)$/.exec(text));
  const axes: Axis[] = [];
  for (const match of found) {
    if (!match) return null;
    const axis: Axis = { code: match[1] as Axis["code"], index: Number(match[2]) };
    if (axis.index >= session().data.manifest.codes[axis.code].width) return null;
    axes.push(axis);
  }
  return axes.length === 2 ? [axes[0], axes[1]] : null;
}

/** Follow the state: load what it names, and apply filters and selection. */
export function followState(): void {
  const { data } = session();
  const { n } = data.manifest;
  shown.value = new Uint8Array(n).fill(1);

  effect(() => {
    const id = map.value;
    pointsOf(id)
      .then((points) => {
        if (map.peek() === id) positions.value = { map: id, points };
      })
      .catch(fail);
  });

  effect(() => {
    const name = colour.value;
    if (name === SELECTIONS) {
      colourValues.value = columnOfGroups(n, named.value);
    } else if (!name) {
      colourValues.value = null;
    } else {
      data
        .values(name)
        .then((values) => {
          if (colour.peek() === name) colourValues.value = values;
        })
        .catch(fail);
    }
  });

  effect(() => {
    const wanted = Object.entries(filters.value);
    Promise.all(
      wanted.map(async ([name, filter]): Promise<[Values, Filter]> => [
        await data.values(name),
        filter,
      ]),
    )
      .then((loaded) => {
        shown.value = shownMask(n, loaded);
      })
      .catch(fail);
  });

  effect(() => {
    const chosen = selection.value;
    const mask = shown.value;
    if (!chosen) {
      selectedRows.value = null;
      return;
    }
    rowsOfSelection(chosen, mask)
      .then((rows) => {
        if (selection.peek() === chosen) selectedRows.value = rows;
      })
      .catch(fail);
  });
}

async function rowsOfSelection(
  chosen: NonNullable<typeof selection.value>,
  mask: Uint8Array,
): Promise<Uint32Array> {
  const { data } = session();
  if (chosen.kind === "shown") return rowsOf(mask);
  if (chosen.kind === "near") {
    const codes = await data.codes("z_rest");
    const width = data.manifest.codes.z_rest.width;
    const found = nearest(codes, width, codes.subarray(chosen.row * width, (chosen.row + 1) * width), chosen.count, mask);
    return found.rows.slice().sort();
  }
  const points = await pointsOf(chosen.map);
  const within = inside(points, Float32Array.from(chosen.polygon));
  for (let i = 0; i < within.length; i++) within[i] &= mask[i];
  return rowsOf(within);
}
