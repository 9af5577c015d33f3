/** The opened data and model, shared by all parts of the page. */

import { useEffect, useState } from "preact/hooks";
import type { Data, Numbers, Values } from "./data/load";
import type { Thumbnails } from "./data/pictures";
import type { Network } from "./network/session";
import { fail } from "./state";

export interface Session {
  data: Data;
  network: Network;
  thumbnails: Thumbnails;
  /** Number of each example's row in the user's data; null if these are 0, 1, 2, … */
  rowNumbers: Numbers | null;
}

let opened: Session | null = null;

export function setSession(session: Session): void {
  opened = session;
}

export function session(): Session {
  if (!opened) throw new Error("the data are not open yet");
  return opened;
}

/** The result of a promise, null until it is there; errors are shown in the page. */
export function useResult<T>(make: () => Promise<T> | null, inputs: unknown[]): T | null {
  const [result, setResult] = useState<T | null>(null);
  useEffect(() => {
    let current = true;
    setResult(null);
    make()?.then(
      (value) => current && setResult(() => value),
      (error: unknown) => current && fail(error),
    );
    return () => {
      current = false;
    };
  }, inputs);
  return result;
}

/** The values of a column, null until they are loaded. */
export function useValues(name: string | null): Values | null {
  return useResult(() => (name ? session().data.values(name) : null), [name]);
}

/** One code of one example. */
export async function codeOf(name: "z_label" | "z_rest", row: number): Promise<Float32Array> {
  const { data } = session();
  const width = data.manifest.codes[name].width;
  const codes = await data.codes(name);
  return codes.slice(row * width, (row + 1) * width);
}

/** The mean z_label of every class that has one, with the number of the class. */
export function labelCentres(): { index: number; centre: Float32Array }[] {
  const { label_centres } = session().data.manifest.model;
  const found: { index: number; centre: Float32Array }[] = [];
  label_centres.forEach((centre, index) => {
    if (centre.length) found.push({ index, centre: Float32Array.from(centre) });
  });
  return found;
}

/** The number of an example's row in the user's data. */
export function rowNumber(row: number): number {
  return opened?.rowNumbers ? opened.rowNumbers[row] : row;
}

/** The example with a number in the user's data, or −1. */
export function rowOfNumber(number: number): number {
  const { data, rowNumbers } = session();
  if (rowNumbers) return rowNumbers.indexOf(number);
  return Number.isInteger(number) && number >= 0 && number < data.manifest.n ? number : -1;
}
