/** The files of `data/`: fetched when they are first needed, and checked against the manifest. */

import type { Column, Manifest, PointMap } from "../contract";

export type Numbers = Uint8Array | Uint16Array | Uint32Array | Float32Array;

/** A column of all examples. */
export interface Values {
  column: Column;
  /** Indices of categories, or numbers; empty for text. */
  values: Numbers;
  /** The value that means "missing" in a column of categories. */
  missing: number;
  /** Texts, for columns of names. */
  texts: string[];
}

const ARRAYS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f32: Float32Array };
const MISSING = { u8: 0xff, u16: 0xffff, u32: 0xffffffff, f32: NaN, text: NaN };
const VERSION = 1;

/** The manifest and the files it names. */
export class Data {
  private readonly cache = new Map<string, Promise<ArrayBuffer>>();
  private readonly columns = new Map<string, Promise<Values>>();

  constructor(
    readonly manifest: Manifest,
    private readonly base: string,
  ) {}

  /** The bytes of a file. */
  bytes(path: string): Promise<ArrayBuffer> {
    let bytes = this.cache.get(path);
    if (!bytes) {
      bytes = fetchBytes(this.base + path, this.manifest.files[path]);
      this.cache.set(path, bytes);
    }
    return bytes;
  }

  /** Numbers of a file, (n, width). */
  async floats(path: string): Promise<Float32Array> {
    return new Float32Array(await this.bytes(path));
  }

  /** Positions of a map, (n, 2). */
  points(map: PointMap): Promise<Float32Array> {
    return this.floats(map.file);
  }

  /** Codes, (n, width). */
  codes(name: "z_label" | "z_rest"): Promise<Float32Array> {
    return this.floats(this.manifest.codes[name].file);
  }

  /** The description of a column by its name. */
  describe(name: string): Column | undefined {
    return this.manifest.columns.find((column) => column.name === name);
  }

  /** The values of a column. */
  values(name: string): Promise<Values> {
    let values = this.columns.get(name);
    if (!values) {
      values = this.readColumn(name);
      this.columns.set(name, values);
    }
    return values;
  }

  /** The address of a picture or another file that the browser loads by itself. */
  address(path: string): string {
    return this.base + path;
  }

  private async readColumn(name: string): Promise<Values> {
    const column = this.describe(name);
    if (!column) throw new Error(`the data have no column ${name}`);
    const bytes = await this.bytes(column.file);
    const missing = MISSING[column.dtype];
    if (column.dtype === "text") {
      const texts = new TextDecoder().decode(bytes).replace(/\n$/, "").split("\n");
      return { column, values: new Uint8Array(0), missing, texts };
    }
    return { column, values: new ARRAYS[column.dtype](bytes), missing, texts: [] };
  }
}

/** Read `explorer.json` of a folder. */
export async function openData(base: string): Promise<Data> {
  const address = base + "explorer.json";
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  const manifest = (await answer.json()) as Manifest;
  if (manifest.version !== VERSION) {
    throw new Error(
      `${address} has version ${manifest.version}, expected ${VERSION}: write it again with this version of wvae`,
    );
  }
  return new Data(manifest, base);
}

async function fetchBytes(address: string, size: number | undefined): Promise<ArrayBuffer> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  const bytes = await answer.arrayBuffer();
  if (bytes.byteLength !== size) {
    throw new Error(`${address} has ${bytes.byteLength} bytes, expected ${size}: copy it again`);
  }
  return bytes;
}

/** The text of one value: a category, a number or a name. */
export function textOf(values: Values, row: number): string {
  const { column } = values;
  if (column.type === "text") return values.texts[row] ?? "";
  const value = values.values[row];
  if (column.type === "category") return column.categories?.[value] ?? "–";
  return Number.isNaN(value) ? "–" : formatNumber(value);
}

/** A number with about four digits. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  return Number(value.toPrecision(4)).toString();
}
