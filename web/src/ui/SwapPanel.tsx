/** A's label in B's style and back, with the figures that say whether it worked. */

import { batch } from "@preact/signals";
import { textOf } from "../data/load";
import { percent, t } from "../i18n";
import { codeOf, rowNumber, session, useResult } from "../session";
import { pinA, pinB } from "../state";
import { randomRow, useLabel } from "./ExamplePanel";
import { Decoded, PlayButton, RowTable, Thumbnail } from "./Picture";
import { spectrogramOf } from "./play";

const GOOD_R2 = 0.5;

interface Swapped {
  x: Float32Array;
  /** Index of the class that the model sees in the result, and how sure it is. */
  seen: number;
  probability: number;
  /** Share of the style's z_rest that is found again: 1 is all of it. */
  r2: number;
}

export function SwapPanel() {
  const a = pinA.value;
  const b = pinB.value;
  const pick = () =>
    batch(() => {
      pinA.value = randomRow();
      pinB.value = randomRow();
    });
  if (a === null || b === null) {
    return (
      <div class="empty">
        <p>{t("swap.none")}</p>
        <button type="button" class="primary" onClick={pick}>
          {t("swap.random")}
        </button>
      </div>
    );
  }
  const exchange = () =>
    batch(() => {
      pinA.value = b;
      pinB.value = a;
    });
  return (
    <>
      <h2>{t("swap.title")}</h2>
      <div class="swap">
        <Original row={a} name="A" />
        <Original row={b} name="B" />
        <SwapResult label={a} style={b} title={t("swap.ab")} />
        <SwapResult label={b} style={a} title={t("swap.ba")} />
      </div>
      <div class="buttons">
        <button type="button" onClick={exchange}>
          {t("swap.exchange")}
        </button>
        <button type="button" onClick={pick}>
          {t("swap.random")}
        </button>
      </div>
      <p class="help">{t("swap.help")}</p>
      <Overall />
    </>
  );
}

function Original({ row, name }: { row: number; name: string }) {
  const label = useLabel();
  const text = label ? `${label.column.name} ${textOf(label, row)}` : `${t("row")} ${rowNumber(row)}`;
  return (
    <figure>
      <Thumbnail row={row} size={132} alt={`${name}: ${text}`} />
      <figcaption>
        <strong>{name}</strong> {text} <PlayButton x={() => spectrogramOf(row)} label={t("play.example", { row: rowNumber(row) })} />
      </figcaption>
    </figure>
  );
}

function SwapResult({ label, style, title }: { label: number; style: number; title: string }) {
  const { data } = session();
  const { classes, kind } = data.manifest;
  const labels = useLabel();
  const result = useResult(() => swap(label, style), [label, style]);
  if (!result) return <figure class="waiting">{t("loading")}</figure>;
  const wanted = labels ? textOf(labels, label) : null;
  const rightLabel = wanted === null || classes[result.seen] === wanted;
  const worked = rightLabel && result.r2 >= GOOD_R2;
  return (
    <figure data-swap={`${label},${style}`}>
      <Decoded x={result.x} size={132} alt={title} />
      <figcaption>
        <strong>{title}</strong> <PlayButton x={async () => result.x} label={`${t("play")}: ${title}`} />
        <ul class="checks">
          <li class={rightLabel ? "good" : "bad"}>
            {t("swap.label", { label: classes[result.seen], probability: percent(result.probability) })}
          </li>
          <li class={result.r2 >= GOOD_R2 ? "good" : "bad"}>
            {t("swap.style", { r2: result.r2.toFixed(2) })}
          </li>
        </ul>
        <span class={worked ? "badge good" : "badge bad"}>{t(worked ? "swap.worked" : "swap.failed")}</span>
      </figcaption>
      {kind === "table" && <RowTable x={result.x} />}
    </figure>
  );
}

async function swap(label: number, style: number): Promise<Swapped> {
  const { data, network } = session();
  const { classes } = data.manifest;
  const [zLabel, zRest] = await Promise.all([codeOf("z_label", label), codeOf("z_rest", style)]);
  const x = await network.decode(zLabel, zRest);
  const again = await network.encode(x);
  let seen = 0;
  for (let k = 1; k < classes.length; k++) {
    if (again.probabilities[k] > again.probabilities[seen]) seen = k;
  }
  const r2 = await restFound(zRest, again.zRest);
  return { x, seen, probability: again.probabilities[seen], r2 };
}

/** R² of one code: 1 − squared distance / squared distance of the code to the mean of all codes. */
async function restFound(wanted: Float32Array, found: Float32Array): Promise<number> {
  const mean = await meanRest();
  let error = 0;
  let total = 0;
  for (let j = 0; j < wanted.length; j++) {
    error += (wanted[j] - found[j]) ** 2;
    total += (wanted[j] - mean[j]) ** 2;
  }
  return 1 - error / Math.max(total, 1e-12);
}

let mean: Promise<Float64Array> | null = null;

function meanRest(): Promise<Float64Array> {
  mean ??= (async () => {
    const { data } = session();
    const { n, codes } = data.manifest;
    const z = await data.codes("z_rest");
    const result = new Float64Array(codes.z_rest.width);
    for (let i = 0; i < z.length; i++) result[i % codes.z_rest.width] += z[i] / n;
    return result;
  })();
  return mean;
}

function Overall() {
  const { metrics } = session().data.manifest.truth;
  const label = metrics["swap.label"];
  const rest = metrics["swap.rest_r2"];
  if (label === undefined && rest === undefined) return null;
  return (
    <section>
      <h2>{t("swap.overall")}</h2>
      {label !== undefined && (
        <p>{t("truth.swap", { value: percent(label), control: percent(metrics["swap.control.label"] ?? NaN) })}</p>
      )}
      {rest !== undefined && <p>{t("truth.rest", { value: rest.toFixed(2) })}</p>}
    </section>
  );
}
