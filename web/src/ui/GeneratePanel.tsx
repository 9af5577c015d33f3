/** Draw from the codes: a plane to drag in, a slider for every dimension, a walk between two examples. */

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Dimension } from "../contract";
import { walk } from "../analysis/order";
import { percent, t } from "../i18n";
import { axesOf } from "../marks";
import { Latest } from "../network/session";
import { codeOf, session, useResult } from "../session";
import { fail, pinA, pinB } from "../state";
import { Decoded, PlayButton, RowTable } from "./Picture";
import { DimensionSelect } from "./Toolbar";

const FIRST_SLIDERS = 8;
const WALK_STEPS = 9;

interface Codes {
  zLabel: Float32Array;
  zRest: Float32Array;
}

/** The codes that are decoded now; kept when the panel is closed. */
const codes = signal<Codes | null>(null);
/** The two dimensions of the plane, as in the name of a map. */
const plane = signal("");

const nameOf = ({ code, index }: Dimension) => `${code}.${index}`;

function valueOf(now: Codes, code: "z_label" | "z_rest", index: number): number {
  return (code === "z_label" ? now.zLabel : now.zRest)[index];
}

function change(changes: [code: "z_label" | "z_rest", index: number, value: number][]): void {
  const now = codes.value;
  if (!now) return;
  const next = { zLabel: now.zLabel.slice(), zRest: now.zRest.slice() };
  for (const [code, index, value] of changes) {
    (code === "z_label" ? next.zLabel : next.zRest)[index] = value;
  }
  codes.value = next;
}

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

function Plane() {
  const { data } = session();
  const axes = axesOf(plane.value);
  const box = useRef<HTMLDivElement>(null);
  const now = codes.value;
  if (!axes || !now) return null;
  const ranges = axes.map((axis) => {
    const dimension = data.manifest.dimensions.find((one) => one.code === axis.code && one.index === axis.index);
    return { low: dimension?.low ?? -3, high: dimension?.high ?? 3 };
  });
  const share = (place: 0 | 1) => {
    const { low, high } = ranges[place];
    const value = valueOf(now, axes[place].code, axes[place].index);
    return Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
  };
  const set = (x: number, y: number) => {
    const at = (place: 0 | 1, part: number) =>
      ranges[place].low + Math.min(1, Math.max(0, part)) * (ranges[place].high - ranges[place].low);
    change([
      [axes[0].code, axes[0].index, at(0, x)],
      [axes[1].code, axes[1].index, at(1, y)],
    ]);
  };
  const follow = (event: PointerEvent) => {
    const area = box.current?.getBoundingClientRect();
    if (!area || !(event.buttons & 1)) return;
    set((event.clientX - area.left) / area.width, 1 - (event.clientY - area.top) / area.height);
  };
  const onKey = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-0.02, 0],
      ArrowRight: [0.02, 0],
      ArrowUp: [0, 0.02],
      ArrowDown: [0, -0.02],
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    set(share(0) + step[0], share(1) + step[1]);
  };
  const setAxis = (place: 0 | 1, name: string) => {
    const names = plane.value.split(",");
    names[place] = name;
    plane.value = names.join(",");
  };
  return (
    <div class="plane-box">
      <div
        ref={box}
        class="plane"
        tabIndex={0}
        role="application"
        aria-label={t("generate.drag")}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          follow(event);
        }}
        onPointerMove={follow}
        onKeyDown={onKey}
      >
        <PlanePictures axes={axes} ranges={ranges} />
        <i style={{ left: `${100 * share(0)}%`, top: `${100 * (1 - share(1))}%` }} />
      </div>
      <div class="axes">
        {([0, 1] as const).map((place) => (
          <label key={place}>
            <span>{t(place === 0 ? "generate.horizontal" : "generate.vertical")}</span>
            <DimensionSelect value={plane.value.split(",")[place]} onChange={(name) => setAxis(place, name)} />
          </label>
        ))}
      </div>
    </div>
  );
}

const ACROSS = 7;

/** The plane itself: what the decoder draws at the places of a coarse grid. */
function PlanePictures(props: {
  axes: NonNullable<ReturnType<typeof axesOf>>;
  ranges: { low: number; high: number }[];
}) {
  const { data, network } = session();
  const { codes: widths, kind } = data.manifest;
  const start = codes.value;
  // The other dimensions: the plane is decoded anew when one of them has come to rest.
  const others = start && othersThan(start, props.axes);
  const pictures = useResult(async () => {
    if (!start || kind === "table") return null;
    await new Promise((done) => setTimeout(done, 200));
    const lines: Float32Array[] = [];
    for (let line = 0; line < ACROSS; line++) {
      const zLabel = new Float32Array(ACROSS * widths.z_label.width);
      const zRest = new Float32Array(ACROSS * widths.z_rest.width);
      for (let column = 0; column < ACROSS; column++) {
        zLabel.set(start.zLabel, column * widths.z_label.width);
        zRest.set(start.zRest, column * widths.z_rest.width);
        const parts = [(column + 0.5) / ACROSS, 1 - (line + 0.5) / ACROSS];
        props.axes.forEach(({ code, index }, place) => {
          const { low, high } = props.ranges[place];
          const z = code === "z_label" ? zLabel : zRest;
          z[column * widths[code].width + index] = low + parts[place] * (high - low);
        });
      }
      const x = await network.decode(zLabel, zRest);
      for (let column = 0; column < ACROSS; column++) {
        lines.push(x.slice(column * network.size, (column + 1) * network.size));
      }
    }
    return lines;
  }, [others, plane.value]);
  return (
    <div class="plane-pictures" aria-hidden="true">
      {pictures?.map((x, place) => <Decoded key={place} x={x} size={40} alt="" />)}
    </div>
  );
}

function othersThan(now: Codes, axes: { code: "z_label" | "z_rest"; index: number }[]): string {
  const copy = { zLabel: [...now.zLabel], zRest: [...now.zRest] };
  for (const { code, index } of axes) (code === "z_label" ? copy.zLabel : copy.zRest)[index] = 0;
  return JSON.stringify(copy);
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

function Walk() {
  const { data, network } = session();
  const { codes: widths, kind } = data.manifest;
  const [what, setWhat] = useState<"both" | "label" | "rest">("both");
  const a = pinA.value;
  const b = pinB.value;
  const film = useResult(
    a === null || b === null
      ? () => null
      : async () => {
          const along = async (name: "z_label" | "z_rest", moves: boolean) => {
            const [from, to] = await Promise.all([codeOf(name, a), codeOf(name, b)]);
            return walk(from, moves ? to : from, WALK_STEPS);
          };
          const zLabel = await along("z_label", what !== "rest");
          const zRest = await along("z_rest", what !== "label");
          const x = await network.decode(zLabel, zRest);
          return Array.from({ length: WALK_STEPS }, (_, i) => x.slice(i * network.size, (i + 1) * network.size));
        },
    [a, b, what],
  );
  return (
    <section>
      <h2>{t("generate.walk")}</h2>
      {a === null || b === null ? (
        <p class="help">{t("generate.walk.help")}</p>
      ) : (
        <>
          <div class="buttons" role="group" aria-label={t("generate.walk")}>
            {(["both", "label", "rest"] as const).map((one) => (
              <button key={one} type="button" aria-pressed={what === one} onClick={() => setWhat(one)}>
                {t(`generate.walk.${one}`)}
              </button>
            ))}
          </div>
          <ol class="film" data-widths={widths.z_rest.width}>
            {film?.map((x, i) => (
              <li key={i}>
                <Decoded x={x} size={56} alt={`${i + 1} / ${WALK_STEPS}`} />
                <PlayButton x={async () => x} label={`${t("play")} ${i + 1}`} />
                {kind === "table" && <RowTable x={x} />}
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}
