/** A row of a table of one's own. */

import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { session } from "../session";

export function RowInput({ onExample }: { onExample: (x: Float32Array) => void }) {
  const { values } = session().data.manifest;
  const [row, setRow] = useState<number[]>(values?.mean ?? []);
  useEffect(() => onExample(Float32Array.from(row)), [row]);
  if (!values) return null;
  return (
    <>
      <p class="help">{t("draw.table")}</p>
      <div class="row-input">
        {values.columns.map((name, j) => (
          <label key={name}>
            <span>{name}</span>
            <input
              type="number"
              step="any"
              value={Number(row[j].toPrecision(6))}
              onChange={(event) => {
                const value = event.currentTarget.valueAsNumber;
                if (Number.isFinite(value)) setRow(row.map((old, k) => (k === j ? value : old)));
              }}
            />
          </label>
        ))}
      </div>
    </>
  );
}
