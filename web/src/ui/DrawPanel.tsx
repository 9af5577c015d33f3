/** One's own example: drawn, dropped, recorded or typed; encoded and rewritten in the browser. */

import { useEffect, useState } from "preact/hooks";
import { nearest, nearestGroups } from "../analysis/neighbours";
import type { Column } from "../contract";
import type { Encoded } from "../network/session";
import { percent, t } from "../i18n";
import { session, useResult } from "../session";
import { fail } from "../state";
import { RewrittenLabels, Row, useLabel } from "./ExamplePanel";
import { ImageInput } from "./ImageInput";
import { Decoded, PlayButton } from "./Picture";
import { RowInput } from "./RowInput";
import { SoundInput } from "./SoundInput";

const SIMILAR = 12;
const NEAREST = 6;
const CLASSES = 5;
const MOST_GROUPS = 5000;

export function DrawPanel() {
  const { kind } = session().data.manifest;
  const [x, setX] = useState<Float32Array | null>(null);
  return (
    <>
      {kind === "image" && <ImageInput onExample={setX} />}
      {kind === "audio" && <SoundInput onExample={setX} />}
      {kind === "table" && <RowInput onExample={setX} />}
      {x && <Answer x={x} />}
    </>
  );
}

/** What the model makes of an example. */
function Answer({ x }: { x: Float32Array }) {
  const { network, data } = session();
  const [code, setCode] = useState<Encoded | null>(null);
  useEffect(() => {
    let current = true;
    network
      .encode(x)
      .then((found) => current && setCode(found))
      .catch(fail);
    return () => {
      current = false;
    };
  }, [x]);
  if (!code) return <p class="help">{t("loading")}</p>;
  const { kind } = data.manifest;
  return (
    <>
      <div class="answer">
        {kind !== "table" && (
          <figure>
            <Decoded x={x} size={112} alt={t("draw.seen")} />
            <figcaption>
              {t("draw.seen")} <PlayButton x={async () => x} label={`${t("play")}: ${t("draw.seen")}`} />
            </figcaption>
          </figure>
        )}
        <Prediction probabilities={code.probabilities} />
      </div>
      <section>
        <h2>{t(kind === "audio" ? "draw.rewritten.sound" : "draw.rewritten")}</h2>
        <RewrittenLabels zRest={code.zRest} />
      </section>
      {data.manifest.columns
        .filter((column) => column.role === "factor" && column.type === "category")
        .map((column) => (
          <NearestGroups key={column.name} column={column} zRest={code.zRest} />
        ))}
      <Similar zRest={code.zRest} />
    </>
  );
}

function Prediction({ probabilities }: { probabilities: Float32Array }) {
  const { classes } = session().data.manifest;
  const order = classes.map((_, index) => index).sort((p, q) => probabilities[q] - probabilities[p]);
  return (
    <div class="prediction">
      <p class="big" data-testid="predicted" data-label={classes[order[0]]} aria-live="polite">
        {t("draw.predicted")}: <strong>{classes[order[0]]}</strong>
      </p>
      <ul>
        {order.slice(0, CLASSES).map((index) => (
          <li key={index}>
            <span>{classes[index]}</span>
            <meter min={0} max={1} value={probabilities[index]} aria-label={classes[index]} />
            <small>{percent(probabilities[index])}</small>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The categories of a factor, such as writers, whose mean z_rest is nearest. */
function NearestGroups({ column, zRest }: { column: Column; zRest: Float32Array }) {
  const { data } = session();
  const names = column.categories ?? [];
  const width = data.manifest.codes.z_rest.width;
  const found = useResult(async () => {
    const [codes, values] = await Promise.all([data.codes("z_rest"), data.values(column.name)]);
    return nearestGroups(zRest, codes, width, values.values, names.length, values.missing);
  }, [zRest, column.name]);
  if (!found || names.length > MOST_GROUPS) return null;
  return (
    <section>
      <h2>{t("draw.nearest", { factor: column.name })}</h2>
      <p class="help">{t("draw.nearest.help")}</p>
      <ol class="groups">
        {found.slice(0, NEAREST).map(({ group, near }) => (
          <li key={group}>
            {names[group]} <small>({near})</small>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Similar({ zRest }: { zRest: Float32Array }) {
  const { data } = session();
  const label = useLabel();
  const width = data.manifest.codes.z_rest.width;
  const rows = useResult(
    async () => nearest(await data.codes("z_rest"), width, zRest, SIMILAR).rows,
    [zRest],
  );
  return (
    <section>
      <h2>{t("draw.similar")}</h2>
      {rows && <Row rows={rows} label={label} />}
    </section>
  );
}
