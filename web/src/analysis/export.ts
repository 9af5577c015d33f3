/** Columns as CSV and Parquet. */

/** A named column; null and NaN are missing values. */
export interface ExportColumn {
  name: string;
  values:
    | readonly (string | null)[]
    | readonly (number | null)[]
    | Float32Array
    | Float64Array
    | Uint8Array
    | Uint16Array
    | Uint32Array
    | Int32Array;
}

/**
 * Return columns of equal length as CSV (RFC 4180, with a header and line feeds).
 *
 * Texts stay as they are, so that they come back as they were: a spreadsheet may take a text that
 * begins with = for a formula. Numbers have as many digits as bring them back exactly. Missing
 * values are empty fields, an empty text is "".
 */
export function toCsv(columns: readonly ExportColumn[]): string {
  const n = lengthOf(columns);
  const lines = [columns.map((column) => quoted(column.name)).join(",")];
  const fields = new Array<string>(columns.length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < columns.length; j++) fields[j] = field(columns[j].values, i);
    lines.push(fields.join(","));
  }
  return lines.join("\n") + "\n";
}

/**
 * Return columns of equal length as a Parquet file.
 *
 * Uint8 and uint16 become int32, uint32 becomes int64, float32 stays, other numbers become double.
 */
export async function toParquet(
  columns: readonly ExportColumn[],
): Promise<Uint8Array<ArrayBuffer>> {
  lengthOf(columns);
  const { parquetWriteBuffer } = await import("hyparquet-writer"); // few people export
  const columnData = columns.map(({ name, values }) => ({
    name,
    nullable: true,
    ...typed(values),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

type ParquetType = "STRING" | "INT32" | "INT64" | "FLOAT" | "DOUBLE";

function typed(values: ExportColumn["values"]): { data: unknown[]; type: ParquetType } {
  if (values instanceof Uint32Array) {
    return { data: Array.from(values, (value) => BigInt(value)), type: "INT64" };
  }
  const data = Array.from<unknown, unknown>(values as ArrayLike<unknown>, (value) =>
    Number.isNaN(value) ? null : value,
  );
  if (values instanceof Float32Array) return { data, type: "FLOAT" };
  if (ArrayBuffer.isView(values) && !(values instanceof Float64Array))
    return { data, type: "INT32" };
  const isText = data.some((value) => typeof value === "string") || data.every((v) => v === null);
  return { data, type: isText ? "STRING" : "DOUBLE" };
}

function lengthOf(columns: readonly ExportColumn[]): number {
  const n = columns[0]?.values.length ?? 0;
  for (const { name, values } of columns) {
    if (values.length !== n) {
      throw new RangeError(`column ${name} has ${values.length} values, expected ${n}`);
    }
  }
  return n;
}

function field(values: ExportColumn["values"], i: number): string {
  const value = values[i];
  if (value === null) return "";
  if (typeof value === "string") return quoted(value);
  if (Number.isNaN(value)) return "";
  return values instanceof Float32Array ? shortest(value) : String(value);
}

/** Return the fewest digits that give the same float32. */
function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}

function quoted(text: string): string {
  const isPlain = text !== "" && !/[",\r\n]|^\s|\s$/.test(text);
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
}
