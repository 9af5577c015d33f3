/** A canvas to draw on, and a place to drop pictures. */

import { useEffect, useRef, useState } from "preact/hooks";
import { fromImage, prepare, strokesOf } from "../drawing/prepare";
import { t } from "../i18n";
import { session } from "../session";
import { fail } from "../state";
import { FileInput } from "./FileInput";

const SIDE = 280; // pixels of the canvas
const WAIT = 60; // milliseconds after the last movement

type Stroke = [number, number][];

export function ImageInput({ onExample }: { onExample: (x: Float32Array | null) => void }) {
  const { manifest } = session().data;
  const onFile = async (file: File) => {
    const bitmap = await createImageBitmap(file);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    if (!context) return;
    context.drawImage(bitmap, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    onExample(pictureToExample(data, width, height));
  };
  return (
    <FileInput accept="image/*" onFile={onFile} text={t(manifest.drawing ? "draw.image" : "draw.picture")}>
      {manifest.drawing && <Canvas onExample={onExample} />}
    </FileInput>
  );
}

function pictureToExample(rgba: Uint8ClampedArray, width: number, height: number): Float32Array | null {
  const { shape, model, drawing } = session().data.manifest;
  if (drawing) return placed(strokesOf(rgba, width, height), width, height);
  const x = fromImage(rgba, width, height, shape);
  if (model.unit_range) return x;
  const low = model.low ?? 0;
  const high = model.high ?? 1;
  return x.map((value) => low + value * (high - low));
}

/** Strokes of any size, bright on dark, where and how those of the data are. */
function placed(grey: Float32Array, width: number, height: number): Float32Array | null {
  const { shape, model, drawing } = session().data.manifest;
  if (!drawing) return null;
  const [h, w] = shape.slice(-2);
  const x = prepare(grey, width, height, drawing, [h, w]);
  return x && model.dark_strokes ? x.map((value) => 1 - value) : x;
}

function Canvas({ onExample }: { onExample: (x: Float32Array | null) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [strokes, setStrokes] = useState<Stroke[]>([]);
  const current = useRef<Stroke | null>(null);
  useEffect(() => {
    if (!canvas.current) return;
    paint(canvas.current, strokes);
    const timer = setTimeout(() => {
      if (canvas.current) onExample(placed(greyOf(canvas.current), SIDE, SIDE));
    }, WAIT);
    return () => clearTimeout(timer);
  }, [strokes]);
  const place = (event: PointerEvent): [number, number] => {
    const area = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const scale = SIDE / area.width;
    return [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
  };
  const down = (event: PointerEvent) => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    current.current = [place(event)];
    setStrokes([...strokes, current.current]);
  };
  const move = (event: PointerEvent) => {
    if (!current.current || !event.buttons) return;
    const longer: Stroke = [...current.current, place(event)];
    setStrokes((now) => [...now.slice(0, -1), longer]);
    current.current = longer;
  };
  const up = () => (current.current = null);
  return (
    <div class="drawing">
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={t("draw.canvas")}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
      />
      <div class="buttons">
        <button type="button" disabled={!strokes.length} onClick={() => setStrokes(strokes.slice(0, -1))}>
          {t("draw.undo")}
        </button>
        <button type="button" disabled={!strokes.length} onClick={() => setStrokes([])}>
          {t("draw.clear")}
        </button>
      </div>
    </div>
  );
}

/** Width of the brush: as thick, relative to the drawing, as the strokes of the data. */
function brush(): number {
  const { drawing } = session().data.manifest;
  return drawing ? Math.min(40, Math.max(8, (drawing.thickness / drawing.size) * SIDE * 0.7)) : 16;
}

function paint(canvas: HTMLCanvasElement, strokes: Stroke[]): void {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  context.fillStyle = "#000";
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = "#fff";
  context.lineWidth = brush();
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    // A single point becomes a dot.
    for (const point of stroke) context.lineTo(point[0], point[1] + (stroke.length === 1 ? 0.01 : 0));
    context.stroke();
  }
}

function greyOf(canvas: HTMLCanvasElement): Float32Array {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) {
    fail("the canvas cannot be read");
    return new Float32Array(SIDE * SIDE);
  }
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i] / 255);
}
