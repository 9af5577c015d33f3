/** What the example under the mouse is. */

import { textOf } from "../data/load";
import { rowNumber, session, useValues } from "../session";
import { colour, SELECTIONS } from "../state";
import { Thumbnail } from "./Picture";
import { t } from "../i18n";

const SIZE = 96;

interface Props {
  row: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export function Tooltip({ row, x, y, width, height }: Props) {
  const { manifest } = session().data;
  const label = useValues(manifest.columns.find((one) => one.role === "label")?.name ?? null);
  const coloured = useValues(colour.value && colour.value !== SELECTIONS ? colour.value : null);
  const lines: [string, string][] = [];
  if (label) lines.push([label.column.name, textOf(label, row)]);
  if (coloured && coloured.column.name !== label?.column.name) {
    lines.push([coloured.column.name, textOf(coloured, row)]);
  }
  const left = Math.min(x + 16, width - 150);
  const below = y + 16 + 190 < height;
  return (
    <div class="tooltip" data-row={row} style={{ left: `${left}px`, top: `${below ? y + 16 : Math.max(0, y - 180)}px` }}>
      <Thumbnail row={row} size={SIZE} alt={lines.map((line) => line.join(" ")).join(", ")} />
      <dl>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>{t("row")}</dt>
          <dd>{rowNumber(row)}</dd>
        </div>
      </dl>
    </div>
  );
}
