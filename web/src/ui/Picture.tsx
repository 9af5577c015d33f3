/** Pictures of examples: thumbnails of the data, and what the decoder returns. */

import { useEffect, useRef } from "preact/hooks";
import { formatNumber } from "../data/load";
import { type Rgb, numberColour } from "../data/colours";
import { t } from "../i18n";
import { session, useResult } from "../session";
import { fail } from "../state";
import { playSpectrogram } from "./play";

/** A canvas that keeps the numbers it shows, which have more digits than its pixels. */
export interface ExampleCanvas extends HTMLCanvasElement {
  values?: Float32Array;
}

/** Columns of a table that a profile shows at most. */
const PROFILE = 24;

/** The picture of an example of the data. */
export function Thumbnail({ row, size, alt }: { row: number; size: number; alt: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data, thumbnails } = session();
  const isTable = data.manifest.pictures === null;
  useEffect(() => {
    if (canvas.current && !isTable) thumbnails.draw(row, canvas.current).catch(fail);
  }, [row]);
  if (isTable) return <RowProfile row={row} size={size} alt={alt} />;
  return (
    <canvas
      ref={canvas}
      class={pictureClass()}
      role="img"
      aria-label={alt}
      data-row={row}
      style={square(size)}
    />
  );
}

/** A decoded example: a picture, or the profile of a row of a table. */
export function Decoded({ x, size, alt }: { x: Float32Array; size: number; alt: string }) {
  const canvas = useRef<ExampleCanvas>(null);
  const { data } = session();
  const isTable = data.manifest.kind === "table";
  useEffect(() => {
    if (!canvas.current || isTable) return;
    canvas.current.values = x;
    drawExample(x, canvas.current);
  }, [x]);
  if (isTable) return <Profile x={x} size={size} alt={alt} />;
  return (
    <canvas
      ref={canvas}
      class={`${pictureClass()} decoded`}
      role="img"
      aria-label={alt}
      style={square(size)}
    />
  );
}

function square(size: number): { width: string; height: string } {
  return { width: `${size}px`, height: `${size}px` };
}

function pictureClass(): string {
  const side = session().data.manifest.pictures?.width ?? 0;
  return side <= 64 ? "picture small" : "picture";
}

/** Draw the values of an example, (size), into a canvas of its own size. */
export function drawExample(x: Float32Array, canvas: HTMLCanvasElement): void {
  const { shape, kind, model } = session().data.manifest;
  const [channels, height, width] = shape.length === 3 ? shape : [1, ...shape];
  const low = model.unit_range ? 0 : (model.low ?? 0);
  const high = model.unit_range ? 1 : (model.high ?? 1);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(width, height);
  const size = width * height;
  for (let i = 0; i < size; i++) {
    // Spectrograms begin with the low frequencies, which a viewer expects at the bottom.
    const line = Math.floor(i / width);
    const source = kind === "audio" ? (height - 1 - line) * width + (i % width) : i;
    for (let c = 0; c < 3; c++) {
      const value = x[(channels >= 3 ? c * size : 0) + source];
      image.data[4 * i + c] = Math.round((255 * (value - low)) / (high - low));
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function RowProfile({ row, size, alt }: { row: number; size: number; alt: string }) {
  const { data } = session();
  const values = data.manifest.values;
  const all = useResult(() => (values ? data.floats(values.file) : null), []);
  if (!values || !all) return <span class="picture" style={square(size)} />;
  const d = values.columns.length;
  return <Profile x={all.slice(row * d, (row + 1) * d)} size={size} alt={alt} />;
}

/** Bars of a row of a table, in standard deviations from the mean of each column. */
function Profile({ x, size, alt }: { x: Float32Array; size: number; alt: string }) {
  const values = session().data.manifest.values;
  if (!values) return null;
  const n = Math.min(values.columns.length, PROFILE);
  const bars = [];
  for (let j = 0; j < n; j++) {
    const z = Math.max(-3, Math.min(3, (x[j] - values.mean[j]) / values.sd[j]));
    const height = Math.max(0.6, (Math.abs(z) / 3) * 48);
    const [r, g, b]: Rgb = numberColour(z, -3, 3);
    bars.push(
      <rect
        key={j}
        x={(100 / n) * j + 1}
        y={z > 0 ? 50 - height : 50}
        width={Math.max(1, 100 / n - 2)}
        height={height}
        fill={`rgb(${r} ${g} ${b})`}
      >
        <title>{`${values.columns[j]}: ${formatNumber(x[j])}`}</title>
      </rect>,
    );
  }
  return (
    <svg class="picture profile" viewBox="0 0 100 100" style={square(size)} role="img" aria-label={alt}>
      <line x1="0" x2="100" y1="50" y2="50" stroke="currentColor" stroke-width="0.5" />
      {bars}
    </svg>
  );
}

/** The values of a decoded or real row of a table, as a list. */
export function RowTable({ x }: { x: Float32Array }) {
  const values = session().data.manifest.values;
  if (!values) return null;
  return (
    <div class="row-table" tabIndex={0}>
      <table>
        <tbody>
          {values.columns.map((name, j) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{formatNumber(x[j])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A button that plays a spectrogram; nothing for other data. */
export function PlayButton({ x, label }: { x: () => Promise<Float32Array>; label: string }) {
  const { sound } = session().data.manifest;
  if (!sound) return null;
  return (
    <button
      type="button"
      class="play"
      aria-label={label}
      title={label}
      onClick={() => {
        x().then(playSpectrogram).catch(fail);
      }}
    >
      ▶<span class="hidden">{t("play")}</span>
    </button>
  );
}
