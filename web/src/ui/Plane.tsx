/** A plane of two dimensions to drag in, with what the decoder draws at the places of a coarse grid. */

import { useRef } from "preact/hooks";
import { t } from "../i18n";
import { axesOf } from "../marks";
import { session, useResult } from "../session";
import { type Codes, change, codes, plane, valueOf } from "./generated";
import { Decoded } from "./Picture";
import { DimensionSelect } from "./Toolbar";

export function Plane() {
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
