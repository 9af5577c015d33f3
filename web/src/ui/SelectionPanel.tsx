/** The selection: how many, how pure against chance, what it looks like; named and downloaded. */

import { useState } from "preact/hooks";
import { type ExportColumn, toCsv, toParquet } from "../analysis/export";
import { compareNumbers, compareShares, purity } from "../analysis/statistics";
import { categoryColour, css } from "../data/colours";
import { type Values, formatNumber, textOf } from "../data/load";
import { columnOfGroups } from "../data/marks";
import { count, percent, t } from "../i18n";
import { shown } from "../marks";
import { session, useResult, useValues } from "../session";
import { SELECTIONS, colour, fail, named, selectedRows, selection } from "../state";
import { Row, useLabel } from "./ExamplePanel";
import { ProbePanel } from "./ProbePanel";

const SHEET = 40; // examples of the contact sheet
const BARS = 8; // categories of a column
const COLUMN = "selection"; // in the downloaded files

export function SelectionPanel() {
  const rows = selectedRows.value;
  return (
    <>
      {rows && rows.length > 0 ? <Selected rows={rows} /> : <NoSelection />}
      <NamedSelections />
      <ProbePanel rows={rows} />
    </>
  );
}

function NoSelection() {
  return (
    <div class="empty">
      <p>{t("selection.none")}</p>
      <button type="button" class="primary" onClick={() => (selection.value = { kind: "shown" })}>
        {t("selection.shown")}
      </button>
    </div>
  );
}

function Selected({ rows }: { rows: Uint32Array }) {
  const { columns } = session().data.manifest;
  const label = useLabel();
  const ofShown = useResult(async () => shown.value.reduce((sum, one) => sum + one, 0), [shown.value]);
  // The map shows the selection first; thumbnails and statistics need more time.
  const isLater = useResult(() => new Promise<boolean>((done) => setTimeout(() => done(true), 100)), [rows]);
  return (
    <>
      <p class="big" data-testid="selected">
        {t("selection.count", { n: count(rows.length), share: ofShown ? percent(rows.length / ofShown) : "…" })}
      </p>
      <div class="buttons">
        <button type="button" onClick={() => (selection.value = null)}>
          {t("selection.clear")}
        </button>
        <Downloads make={() => columnsOf(rows, null)} name="selection" label={t("selection.download")} />
      </div>
      <NameForm rows={rows} />
      <section>
        <h2>{t("selection.sheet")}</h2>
        {isLater && <Row rows={sheetOf(rows)} label={label} size={44} />}
      </section>
      {isLater &&
        columns
          .filter((column) => column.type !== "text" && column.role !== "row")
          .map((column) => <ColumnSummary key={column.name} name={column.name} rows={rows} />)}
    </>
  );
}

/** At most `SHEET` rows at equal distances. */
function sheetOf(rows: Uint32Array): number[] {
  const step = Math.max(1, rows.length / SHEET);
  const some: number[] = [];
  for (let i = 0; i < rows.length && some.length < SHEET; i += step) some.push(rows[Math.floor(i)]);
  return some;
}

function ColumnSummary({ name, rows }: { name: string; rows: Uint32Array }) {
  const values = useValues(name);
  if (!values) return null;
  return (
    <section class="summary">
      <h2>{name}</h2>
      {values.column.type === "category" ? (
        <CategoryBars values={values} rows={rows} />
      ) : (
        <NumberSummary values={values} rows={rows} />
      )}
    </section>
  );
}

function CategoryBars({ values, rows }: { values: Values; rows: Uint32Array }) {
  const names = values.column.categories ?? [];
  const shares = compareShares(values.values, names.length, rows).filter((one) => one.inside > 0);
  shares.sort((p, q) => q.inside - p.inside);
  const pure = purity(values.values, names.length, rows);
  return (
    <>
      {pure && (
        <p>
          {t("selection.purity", {
            category: names[pure.category],
            share: percent(pure.purity),
            low: percent(pure.low),
            high: percent(pure.high),
          })}
        </p>
      )}
      <table class="bars">
        <thead class="hidden">
          <tr>
            <th scope="col">{values.column.name}</th>
            <th scope="col">{t("selection.inside")}</th>
            <th scope="col">{t("selection.outside")}</th>
          </tr>
        </thead>
        <tbody>
          {shares.slice(0, BARS).map((one) => (
            <tr key={one.category}>
              <th scope="row">{names[one.category]}</th>
              <td>
                <i
                  style={{
                    width: `${100 * one.insideShare}%`,
                    background: css(categoryColour(one.category, names.length)),
                  }}
                />
                <b style={{ left: `${100 * one.outsideShare}%` }} title={`${t("selection.outside")}: ${percent(one.outsideShare)}`} />
              </td>
              <td>
                {count(one.inside)} · {percent(one.insideShare)}
                <span class="hidden"> {percent(one.outsideShare)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function NumberSummary({ values, rows }: { values: Values; rows: Uint32Array }) {
  const { inside, outside, effect } = compareNumbers(values.values, rows);
  return (
    <p>
      {t("selection.mean", {
        inside: formatNumber(inside.mean),
        outside: outside.n ? formatNumber(outside.mean) : "–",
        effect: Number.isFinite(effect) ? effect.toFixed(2) : "–",
      })}
    </p>
  );
}

function NameForm({ rows }: { rows: Uint32Array }) {
  const [name, setName] = useState("");
  const save = (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    // A row has one name: the newest.
    const taken = new Set(rows);
    const others = named.value
      .filter((one) => one.name !== wanted)
      .map((one) => ({ ...one, rows: one.rows.filter((row) => !taken.has(row)) }));
    named.value = [...others, { name: wanted, rows }];
    setName("");
  };
  return (
    <form class="name" onSubmit={save}>
      <label>
        <span>{t("selection.name")}</span>
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} maxLength={80} />
      </label>
      <button type="submit" disabled={!name.trim()}>
        {t("selection.add")}
      </button>
    </form>
  );
}

function NamedSelections() {
  const groups = named.value;
  if (!groups.length) return null;
  return (
    <section>
      <h2>{t("selection.saved")}</h2>
      <ul class="named">
        {groups.map((group, index) => (
          <li key={group.name}>
            <i style={{ background: css(categoryColour(index, groups.length)) }} />
            {group.name} <small>{count(group.rows.length)}</small>
            <button
              type="button"
              aria-label={t("selection.remove", { name: group.name })}
              onClick={() => {
                named.value = groups.filter((one) => one !== group);
                if (colour.value === SELECTIONS && groups.length === 1) colour.value = "";
              }}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <div class="buttons">
        <button type="button" onClick={() => (colour.value = SELECTIONS)}>
          {t("colour.selections")}
        </button>
        <Downloads make={() => columnsOf(namedRows(), groups)} name="selections" label={t("selection.downloadNamed")} />
      </div>
      <p class="help">{t("selection.cluster")}</p>
    </section>
  );
}

function namedRows(): Uint32Array {
  const rows = new Set<number>();
  for (const group of named.value) for (const row of group.rows) rows.add(row);
  return Uint32Array.from([...rows].sort((p, q) => p - q));
}

/** All columns of some rows, with the name of the selection that each belongs to. */
async function columnsOf(
  rows: Uint32Array,
  groups: { name: string; rows: Uint32Array }[] | null,
): Promise<ExportColumn[]> {
  const { data } = session();
  const { columns, n } = data.manifest;
  const result: ExportColumn[] = [];
  for (const column of columns) {
    const values = await data.values(column.name);
    const isNumber = column.type === "number";
    result.push({
      name: column.name,
      values: isNumber
        ? Array.from(rows, (row) => values.values[row])
        : Array.from(rows, (row) => (isMissing(values, row) ? null : textOf(values, row))),
    });
  }
  if (!columns.some((column) => column.role === "row")) {
    result.unshift({ name: "row", values: rows });
  }
  const group = groups && columnOfGroups(n, groups);
  const name = (row: number) => (group ? textOf(group, row) : COLUMN);
  result.push({ name: COLUMN, values: Array.from(rows, name) });
  return result;
}

function isMissing(values: Values, row: number): boolean {
  return values.column.type === "category" && values.values[row] === values.missing;
}

function Downloads(props: { make: () => Promise<ExportColumn[]>; name: string; label: string }) {
  const save = async (kind: "csv" | "parquet") => {
    const columns = await props.make();
    const content = kind === "csv" ? toCsv(columns) : await toParquet(columns);
    download(new Blob([content]), `${props.name}.${kind}`);
  };
  return (
    <>
      {(["csv", "parquet"] as const).map((kind) => (
        <button
          key={kind}
          type="button"
          aria-label={`${props.label}, ${kind === "csv" ? "CSV" : "Parquet"}`}
          onClick={() => save(kind).catch(fail)}
        >
          ↓ {kind === "csv" ? "CSV" : "Parquet"}
        </button>
      ))}
    </>
  );
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
