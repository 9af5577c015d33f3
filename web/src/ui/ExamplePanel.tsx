/** The pinned example: what it is, what lies near it, and every label in its style. */

import { batch } from "@preact/signals";
import { nearest } from "../analysis/neighbours";
import { type Values, formatNumber, textOf } from "../data/load";
import { t } from "../i18n";
import { shown } from "../marks";
import { codeOf, labelCentres, rowNumber, session, useResult, useValues } from "../session";
import { pinA, pinB, selection, tab } from "../state";
import { Decoded, PlayButton, Thumbnail } from "./Picture";
import { reconstructionOf, spectrogramOf } from "./play";

const NEIGHBOURS = 12;
const DECODED_AT_ONCE = 16;

/** The column of the label; null until it is loaded, or if the data have none. */
export function useLabel(): Values | null {
  const { manifest } = session().data;
  return useValues(manifest.columns.find((one) => one.role === "label")?.name ?? null);
}

/** A random row that is shown. */
export function randomRow(): number {
  const mask = shown.peek();
  for (let tries = 0; tries < 1000; tries++) {
    const row = Math.floor(Math.random() * mask.length);
    if (mask[row]) return row;
  }
  return mask.indexOf(1);
}

export function ExamplePanel() {
  const row = pinA.value;
  const pick = () => (pinA.value = randomRow());
  if (row === null) {
    return (
      <div class="empty">
        <p>{t("example.none")}</p>
        <button type="button" class="primary" onClick={pick}>
          {t("example.random")}
        </button>
      </div>
    );
  }
  return (
    <>
      <Facts row={row} />
      <div class="buttons">
        <button type="button" onClick={pick}>
          {t("example.another")}
        </button>
        <button type="button" onClick={() => (pinB.value = row)}>
          {t("example.asB")}
        </button>
        <button
          type="button"
          onClick={() =>
            batch(() => {
              selection.value = { kind: "near", row, count: 100 };
              tab.value = "selection";
            })
          }
        >
          {t("example.select")}
        </button>
      </div>
      <Rewrites row={row} />
      <Neighbours row={row} />
    </>
  );
}

function Facts({ row }: { row: number }) {
  const { data } = session();
  const { columns } = data.manifest;
  const label = useLabel();
  const alt = label ? `${label.column.name} ${textOf(label, row)}` : `${t("row")} ${rowNumber(row)}`;
  const again = useResult(() => reconstructionOf(row), [row]);
  return (
    <div class="facts">
      <figure>
        <Thumbnail row={row} size={128} alt={alt} />
        <figcaption>
          {t("example.original")} <PlayButton x={() => spectrogramOf(row)} label={t("play.example", { row: rowNumber(row) })} />
        </figcaption>
      </figure>
      {again && (
        <figure>
          <Decoded x={again} size={128} alt={`${t("example.reconstruction")}: ${alt}`} />
          <figcaption>
            {t("example.reconstruction")}{" "}
            <PlayButton x={async () => again} label={`${t("play")}: ${t("example.reconstruction")}`} />
          </figcaption>
        </figure>
      )}
      <dl>
        {columns.map((column) => (
          <Fact key={column.name} name={column.name} row={row} />
        ))}
      </dl>
    </div>
  );
}

function Fact({ name, row }: { name: string; row: number }) {
  const values = useValues(name);
  return (
    <div>
      <dt>{name}</dt>
      <dd>{values ? textOf(values, row) : "…"}</dd>
    </div>
  );
}

function Neighbours({ row }: { row: number }) {
  const { data } = session();
  const label = useLabel();
  const width = data.manifest.codes.z_rest.width;
  const mask = shown.value;
  const near = useResult(async () => {
    const codes = await data.codes("z_rest");
    const all = nearest(codes, width, row, NEIGHBOURS, mask).rows;
    if (!label) return { all, others: null };
    const other = mask.slice();
    const own = label.values[row];
    for (let i = 0; i < other.length; i++) if (label.values[i] === own) other[i] = 0;
    return { all, others: nearest(codes, width, row, NEIGHBOURS, other).rows };
  }, [row, label, mask]);
  if (!near) return null;
  return (
    <>
      {near.others && (
        <section>
          <h2>{t("example.neighbours")}</h2>
          <p class="help">{t("example.neighbours.help")}</p>
          <Row rows={near.others} label={label} />
        </section>
      )}
      <section>
        <h2>{t("example.nearest")}</h2>
        <Row rows={near.all} label={label} />
      </section>
    </>
  );
}

/** Examples as buttons: a click pins one. */
export function Row({ rows, label, size = 56 }: { rows: Uint32Array | number[]; label: Values | null; size?: number }) {
  return (
    <ul class="pictures">
      {[...rows].map((row) => (
        <li key={row}>
          <button type="button" class="pick" onClick={() => (pinA.value = row)}>
            <Thumbnail row={row} size={size} alt={`${t("row")} ${rowNumber(row)}`} />
            {label && <span>{textOf(label, row)}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Every label in the style of one code z_rest. */
export function RewrittenLabels({ zRest }: { zRest: Float32Array }) {
  const { data, network } = session();
  const { codes, classes, kind } = data.manifest;
  const decoded = useResult(async () => {
    const centres = labelCentres();
    const pictures: { index: number; x: Float32Array }[] = [];
    for (let from = 0; from < centres.length; from += DECODED_AT_ONCE) {
      const some = centres.slice(from, from + DECODED_AT_ONCE);
      const zLabel = new Float32Array(some.length * codes.z_label.width);
      const styles = new Float32Array(some.length * codes.z_rest.width);
      some.forEach(({ centre }, place) => {
        zLabel.set(centre, place * codes.z_label.width);
        styles.set(zRest, place * codes.z_rest.width);
      });
      const x = await network.decode(zLabel, styles);
      some.forEach(({ index }, place) => {
        pictures.push({ index, x: x.slice(place * network.size, (place + 1) * network.size) });
      });
    }
    return pictures;
  }, [zRest]);
  if (!decoded) return <p class="help">{t("loading")}</p>;
  if (kind === "table") return <CompareRows rows={decoded} />;
  return (
    <ul class="pictures rewritten">
      {decoded.map(({ index, x }) => (
        <li key={index}>
          <figure>
            <Decoded x={x} size={64} alt={classes[index]} />
            <figcaption>
              {classes[index]} <PlayButton x={async () => x} label={`${t("play")}: ${classes[index]}`} />
            </figcaption>
          </figure>
        </li>
      ))}
    </ul>
  );
}

/** Decoded rows of a table beside each other, a column for each label. */
function CompareRows({ rows }: { rows: { index: number; x: Float32Array }[] }) {
  const { values, classes } = session().data.manifest;
  return (
    <div class="compare" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <td />
            {rows.map(({ index }) => (
              <th key={index} scope="col">
                {classes[index]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {values?.columns.map((name, j) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {rows.map(({ index, x }) => (
                <td key={index}>{formatNumber(x[j])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Rewrites({ row }: { row: number }) {
  const zRest = useResult(() => codeOf("z_rest", row), [row]);
  if (!labelCentres().length || !zRest) return null;
  return (
    <section>
      <h2>{t("example.rewrite")}</h2>
      <RewrittenLabels zRest={zRest} />
    </section>
  );
}
