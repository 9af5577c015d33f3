/** The codes that are decoded now, and the plane that is dragged in. */

import { signal } from "@preact/signals";
import type { Dimension } from "../contract";

export interface Codes {
  zLabel: Float32Array;
  zRest: Float32Array;
}

/** The codes that are decoded now; kept when the panel is closed. */
export const codes = signal<Codes | null>(null);
/** The two dimensions of the plane, as in the name of a map. */
export const plane = signal("");

export const nameOf = ({ code, index }: Dimension) => `${code}.${index}`;

export function valueOf(now: Codes, code: "z_label" | "z_rest", index: number): number {
  return (code === "z_label" ? now.zLabel : now.zRest)[index];
}

/** Set some dimensions of the codes. */
export function change(changes: [code: "z_label" | "z_rest", index: number, value: number][]): void {
  const now = codes.value;
  if (!now) return;
  const next = { zLabel: now.zLabel.slice(), zRest: now.zRest.slice() };
  for (const [code, index, value] of changes) {
    (code === "z_label" ? next.zLabel : next.zRest)[index] = value;
  }
  codes.value = next;
}
