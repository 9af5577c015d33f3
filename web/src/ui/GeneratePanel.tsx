/** Draw from the codes: a plane to drag in, a slider for every dimension, a walk between two examples. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Dimension } from "../contract";
import { percent, t } from "../i18n";
import { Latest } from "../network/session";
import { codeOf, session } from "../session";
import { fail, pinA } from "../state";
import { type Codes, change, codes, nameOf, plane, valueOf } from "./generated";
import { Decoded, PlayButton, RowTable } from "./Picture";
import { Plane } from "./Plane";
import { Walk } from "./Walk";

const FIRST_SLIDERS = 8;

export function GeneratePanel() {
  const { data } = session();
  const { dimensions, codes: widths } = data.manifest;
  const a = pinA.value;
  useEffect(() => {
    if (!plane.value) plane.value = firstPlane(dimensions);
  }, []);
  useEffect(() => {
    const start = async (): Promise<Codes> => {
      if (a === null) {
        return {
          zLabel: await meanCode("z_label", widths.z_label.width),
          zRest: await meanCode("z_rest", widths.z_rest.width),
        };
      }
      const [zLabel, zRest] = await Promise.all([codeOf("z_label", a), codeOf("z_rest", a)]);
      return { zLabel, zRest };
    };
    start()
      .then((found) => (codes.value = found))
      .catch(fail);
  }, [a]);
  if (!codes.value || !plane.value) return <p class="help">{t("loading")}</p>;
  return (
    <>
      <p class="help">{t("generate.drag")}</p>
      <div class="generate">
        <Plane />
        <LivePicture now={codes.value} />
      </div>
      <Sliders now={codes.value} />
      <Walk />
    </>
  );
}

/** The two dimensions that change most: of both codes if each has one, else of z_rest. */
function firstPlane(dimensions: Dimension[]): string {
  const rest = dimensions.filter(({ code }) => code === "z_rest");
  const label = dimensions.filter(({ code }) => code === "z_label");
  if (rest.length > 1) return `${nameOf(rest[0])},${nameOf(rest[1])}`;
  return `${nameOf(label[0])},${nameOf(rest[0] ?? label[1] ?? label[0])}`;
}

async function meanCode(name: "z_label" | "z_rest", width: number): Promise<Float32Array> {
  const { data } = session();
  const z = await data.codes(name);
  const sums = new Float64Array(width);
  for (let i = 0; i < z.length; i++) sums[i % width] += z[i];
  return Float32Array.from(sums, (sum) => sum / data.manifest.n);
}

/** The picture of the codes, decoded anew whenever they change. */
function LivePicture({ now }: { now: Codes }) {
  const { network, data } = session();
  const [shown, setShown] = useState<{ x: Float32Array; ms: number } | null>(null);
  const latest = useRef<Latest<{ x: Float32Array; ms: number }> | null>(null);
  latest.current ??= new Latest((result) => setShown(result), fail);
  useEffect(() => {
    latest.current?.request(async () => {
      await network.warmUp(); // the time that is shown is that of a picture, not of loading
      const x = await network.decode(now.zLabel, now.zRest);
      return { x, ms: network.milliseconds };
    });
  }, [now]);
  if (!shown) return <p class="help">{t("loading")}</p>;
  return (
    <figure class="live">
      <Decoded x={shown.x} size={176} alt={t("tab.generate")} />
      <figcaption>
        <span data-testid="milliseconds">{t("generate.milliseconds", { ms: shown.ms.toFixed(1) })}</span>{" "}
        <PlayButton x={async () => shown.x} label={t("play")} />
      </figcaption>
      {data.manifest.kind === "table" && <RowTable x={shown.x} />}
    </figure>
  );
}

function Sliders({ now }: { now: Codes }) {
  const { dimensions } = session().data.manifest;
  const [all, setAll] = useState(false);
  // By what they explain within each code; those of z_rest first, because the label has pictures of its own.
  const ordered = [...dimensions].sort((p, q) => (p.code === q.code ? 0 : p.code === "z_rest" ? -1 : 1));
  const some = all ? ordered : ordered.slice(0, FIRST_SLIDERS);
  return (
    <section>
      <h2>{t("generate.sliders")}</h2>
      <p class="help">{t("generate.sliders.help")}</p>
      <div class="sliders">
        {some.map((dimension) => (
          <Slider key={nameOf(dimension)} dimension={dimension} value={valueOf(now, dimension.code, dimension.index)} />
        ))}
      </div>
      {dimensions.length > FIRST_SLIDERS && (
        <button type="button" onClick={() => setAll(!all)}>
          {all ? t("generate.fewer") : t("generate.more", { n: dimensions.length })}
        </button>
      )}
    </section>
  );
}

function Slider({ dimension, value }: { dimension: Dimension; value: number }) {
  const { code, index, low, high, share } = dimension;
  const margin = 0.25 * (high - low);
  return (
    <label class="slider">
      <span>{`${code} ${index}`}</span>
      <input
        type="range"
        min={low - margin}
        max={high + margin}
        step={(high - low) / 200 || 0.01}
        value={value}
        data-dimension={nameOf(dimension)}
        onInput={(event) => change([[code, index, event.currentTarget.valueAsNumber]])}
      />
      <output>{value.toFixed(2)}</output>
      <small title={t("generate.share")}>{percent(share)}</small>
    </label>
  );
}
