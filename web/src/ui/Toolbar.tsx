/** What the map shows and how: which map, which colours, lasso, pins. */

import { signal } from "@preact/signals";
import type { PointMap } from "../contract";
import { t } from "../i18n";
import { type Axis, axesOf } from "../marks";
import { rowNumber, rowOfNumber, session } from "../session";
import { SELECTIONS, colour, density, map, named, pinA, tab, view } from "../state";

/** Which pin a click on the map sets. */
export const pinning = signal<"a" | "b">("a");

const TWO = "two";

export function nameOfMap(one: PointMap): string {
  if (one.code === "plane") return t("map.plane");
  return t(`map.${one.method}`, { code: one.code });
}

export function Toolbar({ lasso, setLasso }: { lasso: boolean; setLasso: (on: boolean) => void }) {
  const { manifest } = session().data;
  const axes = manifest.maps.some((one) => one.id === map.value) ? null : axesOf(map.value);
  const onMap = (id: string) => {
    const { z_rest, z_label } = manifest.codes;
    const second = z_rest.width > 1 ? "z_rest.1" : z_label.width > 0 ? "z_label.0" : "z_rest.0";
    map.value = id === TWO ? `z_rest.0,${second}` : id;
  };
  return (
    <div class="toolbar" role="toolbar" aria-label={t("map")}>
      <label>
        <span>{t("map")}</span>
        <select value={axes ? TWO : map.value} onChange={(event) => onMap(event.currentTarget.value)}>
          {manifest.maps.map((one) => (
            <option key={one.id} value={one.id}>
              {nameOfMap(one)}
            </option>
          ))}
          <option value={TWO}>{t("map.two")}</option>
        </select>
      </label>
      {axes && <AxisPicker axes={axes} onChange={(next) => (map.value = next)} />}
      <label>
        <span>{t("colour")}</span>
        <select value={colour.value} onChange={(event) => (colour.value = event.currentTarget.value)}>
          {manifest.columns
            .filter((one) => one.type !== "text" && one.role !== "row")
            .map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
              </option>
            ))}
          {named.value.length > 0 && <option value={SELECTIONS}>{t("colour.selections")}</option>}
          <option value="">{t("colour.none")}</option>
        </select>
      </label>
      <div class="buttons">
        <Toggle on={lasso} onClick={() => setLasso(!lasso)} title={t("lasso.help")} label={t("lasso")} />
        <Toggle on={density.value} onClick={() => (density.value = !density.value)} label={t("density")} />
        <Toggle
          on={pinning.value === "b"}
          onClick={() => (pinning.value = pinning.value === "a" ? "b" : "a")}
          label={t("pin.b")}
        />
        <button type="button" onClick={() => (view.value = null)}>
          {t("all")}
        </button>
      </div>
      <label class="goto">
        <span>{t("go.to")}</span>
        <input
          type="number"
          min={0}
          value={pinA.value === null ? "" : rowNumber(pinA.value)}
          onChange={(event) => {
            const row = rowOfNumber(event.currentTarget.valueAsNumber);
            if (row >= 0) {
              pinA.value = row;
              tab.value = "example";
            }
          }}
        />
      </label>
    </div>
  );
}

function Toggle(props: { on: boolean; onClick: () => void; label: string; title?: string }) {
  return (
    <button type="button" aria-pressed={props.on} onClick={props.onClick} title={props.title}>
      {props.label}
    </button>
  );
}

function AxisPicker({ axes, onChange }: { axes: [Axis, Axis]; onChange: (map: string) => void }) {
  const name = ({ code, index }: Axis) => `${code}.${index}`;
  const set = (place: 0 | 1, value: string) => {
    const names = axes.map(name);
    names[place] = value;
    onChange(names.join(","));
  };
  return (
    <>
      {([0, 1] as const).map((place) => (
        <label key={place}>
          <span>{t(place === 0 ? "map.horizontal" : "map.vertical")}</span>
          <DimensionSelect value={name(axes[place])} onChange={(value) => set(place, value)} />
        </label>
      ))}
    </>
  );
}

/** A choice of one dimension, those that change the examples most first. */
export function DimensionSelect(props: { value: string; onChange: (value: string) => void; label?: string }) {
  const { dimensions } = session().data.manifest;
  return (
    <select
      value={props.value}
      aria-label={props.label}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    >
      {dimensions.map(({ code, index }) => (
        <option key={`${code}.${index}`} value={`${code}.${index}`}>
          {`${code} ${index}`}
        </option>
      ))}
    </select>
  );
}
