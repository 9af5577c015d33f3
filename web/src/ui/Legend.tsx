/** The colours of the map; a click on a category shows or hides it. */

import { useState } from "preact/hooks";
import { css, numberColour } from "../data/colours";
import { type Values, formatNumber } from "../data/load";
import { paletteOf, rangeOf } from "../data/marks";
import { count, t } from "../i18n";
import { colourValues } from "../marks";
import { useResult } from "../session";
import { SELECTIONS, colour, filters } from "../state";

const MOST = 40; // categories that are listed at once

export function Legend() {
  const values = colourValues.value;
  if (!values) return null;
  if (values.column.type === "category") return <Categories values={values} />;
  return <Numbers values={values} />;
}

function Categories({ values }: { values: Values }) {
  const [search, setSearch] = useState("");
  const names = values.column.categories ?? [];
  const counts = useResult(async () => countsOf(values, names.length), [values]);
  const name = values.column.name;
  const filter = filters.value[name];
  const shown = filter && "shown" in filter ? new Set(filter.shown) : null;
  const palette = paletteOf(values);
  const canFilter = colour.value !== SELECTIONS;
  const indices = names.map((_, index) => index);
  const order = names.length > 20 && counts ? indices.sort((a, b) => counts[b] - counts[a]) : indices;
  const found = order.filter((index) => names[index].toLowerCase().includes(search.toLowerCase()));
  const setShown = (next: Set<number> | null) => {
    const rest = { ...filters.value };
    if (next && next.size < names.length) rest[name] = { shown: [...next] };
    else delete rest[name];
    filters.value = rest;
  };
  const toggle = (index: number) => {
    // The first click shows one category alone; further clicks add and remove.
    const next = shown ? new Set(shown) : new Set<number>();
    if (next.has(index)) next.delete(index);
    else next.add(index);
    setShown(next.size ? next : null);
  };
  return (
    <div class="legend" role="group" aria-label={`${t("colour")}: ${name}`}>
      <div class="legend-head">
        <strong>{colour.value === SELECTIONS ? t("selections") : name}</strong>
        {canFilter && shown && (
          <button type="button" onClick={() => setShown(null)}>
            {t("legend.all")}
          </button>
        )}
      </div>
      {names.length > MOST / 2 && (
        <input
          type="search"
          value={search}
          placeholder={t("legend.search")}
          aria-label={t("legend.search")}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <ul>
        {found.slice(0, MOST).map((index) => (
          <li key={index}>
            <button
              type="button"
              disabled={!canFilter}
              aria-pressed={!shown || shown.has(index)}
              onClick={() => toggle(index)}
            >
              <i style={{ background: css(palette[index]) }} />
              <span>{names[index]}</span>
              <small>{counts ? count(counts[index]) : ""}</small>
            </button>
          </li>
        ))}
      </ul>
      {found.length > MOST && <p>{t("legend.more", { n: count(found.length - MOST) })}</p>}
    </div>
  );
}

function countsOf(values: Values, n: number): number[] {
  const counts = new Array<number>(n).fill(0);
  for (const value of values.values) if (value < n) counts[value]++;
  return counts;
}

function Numbers({ values }: { values: Values }) {
  const [low, high] = rangeOf(values);
  const name = values.column.name;
  const filter = filters.value[name];
  const now = filter && "low" in filter ? filter : { low, high };
  const set = (next: { low: number; high: number }) => {
    const rest = { ...filters.value };
    if (next.low > low || next.high < high) rest[name] = next;
    else delete rest[name];
    filters.value = rest;
  };
  const step = (high - low) / 100 || 1;
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => css(numberColour(share, 0, 1))).join(", ");
  return (
    <div class="legend" role="group" aria-label={`${t("colour")}: ${name}`}>
      <div class="legend-head">
        <strong>{name}</strong>
      </div>
      <div class="ramp" style={{ background: `linear-gradient(to right, ${stops})` }} />
      {(["low", "high"] as const).map((side) => (
        <label key={side} class="range">
          <span>{t(side === "low" ? "legend.from" : "legend.to")}</span>
          <input
            type="range"
            min={low}
            max={high}
            step={step}
            value={now[side]}
            onInput={(event) => set({ ...now, [side]: event.currentTarget.valueAsNumber })}
          />
          <output>{formatNumber(now[side])}</output>
        </label>
      ))}
    </div>
  );
}
