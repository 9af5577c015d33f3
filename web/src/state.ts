/** What the user sees and has chosen. The address of the page holds it, so that links restore it. */

import { batch, effect, signal } from "@preact/signals";

export const TABS = ["example", "selection", "generate", "swap", "draw", "truth"] as const;
export type Tab = (typeof TABS)[number];

export const LANGUAGES = ["en", "ja"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Categories that are shown, or a range of numbers, of one column. */
export type Filter = { shown: number[] } | { low: number; high: number };

/** Examples that are selected, as a rule that can be applied again. */
export type Selection =
  | { kind: "lasso"; map: string; polygon: number[] }
  | { kind: "shown" }
  | { kind: "near"; row: number; count: number };

export interface View {
  x: number;
  y: number;
  zoom: number;
}

/** A group of examples that the user has named. */
export interface Named {
  name: string;
  rows: Uint32Array;
}

export const tab = signal<Tab>("example");
export const language = signal<Language>(navigator.language.startsWith("ja") ? "ja" : "en");
/** Identifier of a map of the manifest, or two dimensions such as `z_rest.0,z_label.2`. */
export const map = signal("");
/** Name of the column that gives the colours; `SELECTIONS` for the named selections. */
export const colour = signal("");
/** Light or dark as the user wants it; null follows the system. */
export const theme = signal<"light" | "dark" | null>(null);
export const density = signal(false);
/** The view of the map, relative to all points; null shows all. */
export const view = signal<View | null>(null);
/** Rows of the two pinned examples. */
export const pinA = signal<number | null>(null);
export const pinB = signal<number | null>(null);
export const filters = signal<Record<string, Filter>>({});
export const selection = signal<Selection | null>(null);
/** Rows of the selection; null while they are not known. */
export const selectedRows = signal<Uint32Array | null>(null);
export const named = signal<Named[]>([]);
export const failure = signal<string | null>(null);

export const SELECTIONS = "\u0000selections";

/** Show an error in the page. */
export function fail(error: unknown): void {
  failure.value = error instanceof Error ? error.message : String(error);
  console.error(error);
}

const SEPARATOR = "~";

function round(value: number): string {
  return Number(value.toPrecision(6)).toString();
}

/** Return the state as the part of an address behind `#`. */
export function toHash(): string {
  const query = new URLSearchParams();
  const put = (key: string, value: string | number | null) => {
    if (value !== null && value !== "") query.set(key, String(value));
  };
  put("tab", tab.value);
  put("map", map.value);
  put("colour", colour.value === SELECTIONS ? null : colour.value);
  put("density", density.value ? 1 : null);
  const place = view.value;
  put("view", place && [place.x, place.y, place.zoom].map(round).join(SEPARATOR));
  put("a", pinA.value);
  put("b", pinB.value);
  for (const [column, filter] of Object.entries(filters.value)) {
    const values = "shown" in filter ? filter.shown : [filter.low, filter.high];
    put(`${"shown" in filter ? "only" : "range"}.${column}`, values.map(round).join(SEPARATOR) || "none");
  }
  const chosen = selection.value;
  if (chosen?.kind === "lasso") {
    put("lasso", [chosen.map, ...chosen.polygon.map(round)].join(SEPARATOR));
  }
  if (chosen?.kind === "near") put("near", `${chosen.row}${SEPARATOR}${chosen.count}`);
  if (chosen?.kind === "shown") put("shown", 1);
  put("lang", language.value);
  return query.toString();
}

/** Take the state from the part of an address behind `#`; unknown values are left out. */
export function fromHash(hash: string): void {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const row = (key: string) => {
    const value = query.get(key);
    return value !== null && /^\d+$/.test(value) ? Number(value) : null;
  };
  batch(() => {
    const wanted = query.get("tab");
    if (isOneOf(TABS, wanted)) tab.value = wanted;
    const spoken = query.get("lang");
    if (isOneOf(LANGUAGES, spoken)) language.value = spoken;
    map.value = query.get("map") ?? map.value;
    colour.value = query.get("colour") ?? colour.value;
    density.value = query.get("density") === "1";
    pinA.value = row("a");
    pinB.value = row("b");
    const place = numbers(query.get("view"));
    view.value = place.length === 3 ? { x: place[0], y: place[1], zoom: place[2] } : null;
    const found: Record<string, Filter> = {};
    for (const [key, value] of query) {
      if (key.startsWith("only.")) found[key.slice(5)] = { shown: value === "none" ? [] : numbers(value) };
      const range = numbers(value);
      if (key.startsWith("range.") && range.length === 2) {
        found[key.slice(6)] = { low: range[0], high: range[1] };
      }
    }
    filters.value = found;
    selection.value = selectionOf(query);
  });
}

function selectionOf(query: URLSearchParams): Selection | null {
  const lasso = query.get("lasso");
  if (lasso) {
    const [name, ...rest] = lasso.split(SEPARATOR);
    const polygon = rest.map(Number);
    if (polygon.length >= 6 && polygon.every(Number.isFinite)) {
      return { kind: "lasso", map: name, polygon };
    }
  }
  const near = numbers(query.get("near"));
  if (near.length === 2) return { kind: "near", row: near[0], count: near[1] };
  return query.get("shown") === "1" ? { kind: "shown" } : null;
}

function numbers(text: string | null): number[] {
  if (!text) return [];
  const values = text.split(SEPARATOR).map(Number);
  return values.every(Number.isFinite) ? values : [];
}

function isOneOf<T extends string>(values: readonly T[], value: string | null): value is T {
  return values.some((one) => one === value);
}

/** Keep the address up to date, and follow it when a link or "back" changes it. */
export function followAddress(): void {
  let written = "";
  let timer = 0;
  effect(() => {
    const hash = toHash();
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      written = `#${hash}`;
      if (location.hash !== written) history.replaceState(null, "", written);
    }, 150);
  });
  addEventListener("hashchange", () => {
    if (location.hash !== written) fromHash(location.hash);
  });
}
