/** The map: points that one can hover over, pin, and select with a lasso. */

import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { count, t } from "../i18n";
import { axesOf, colourValues, positions, selectedMask, shown } from "../marks";
import { Points } from "../scatter/points";
import { Scene } from "../scatter/scene";
import { session } from "../session";
import { density, fail, map, pinA, pinB, selectedRows, theme, view } from "../state";
import { drawOverlay } from "./overlay";
import { type Hover, followPointer, moveByKey } from "./pointer";
import { Tooltip } from "./Tooltip";

export function ScatterMap({ lasso }: { lasso: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cloud = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const scene = useRef<Scene | null>(null);
  const stroke = useRef<number[]>([]);
  const [hover, setHover] = useState<Hover | null>(null);

  useEffect(() => {
    const [frame, ground, above, density_] = [box.current, canvas.current, overlay.current, cloud.current];
    if (!frame || !ground || !above || !density_) return;
    const { n } = session().data.manifest;
    let layer: Points;
    try {
      layer = new Points(ground);
    } catch (error) {
      fail(error);
      return;
    }
    const made = new Scene(layer, density_, n, frame.clientWidth, frame.clientHeight);
    made.onFrame = () => drawOverlay(above, made, stroke.current);
    scene.current = made;
    const stops = [
      effect(() => {
        const now = positions.value;
        if (now) made.setPositions(now.points, now.map);
        document.body.dataset.map = now?.map ?? "";
      }),
      effect(() => {
        colourValues.value; // repaints when it changes
        made.paint(shown.value, selectedMask.value);
      }),
      effect(() => {
        theme.value;
        density.value;
        pinA.value;
        pinB.value;
        made.request();
      }),
      effect(() => {
        const place = view.value;
        const now = made.place;
        if (JSON.stringify(place) !== JSON.stringify(now)) made.setView(place);
      }),
    ];
    const observer = new ResizeObserver(() => made.resize(frame.clientWidth, frame.clientHeight));
    observer.observe(frame);
    const stopPointer = followPointer(frame, made, stroke.current, () => lassoNow.current, setHover);
    return () => {
      for (const stop of stops) stop();
      observer.disconnect();
      stopPointer();
      made.stop();
    };
  }, []);
  const lassoNow = useRef(lasso);
  lassoNow.current = lasso;

  const onKey = (event: KeyboardEvent) => {
    const made = scene.current;
    if (made && moveByKey(made, event)) event.preventDefault();
  };
  const { n } = session().data.manifest;
  return (
    <div
      ref={box}
      class={lasso ? "scatter lasso" : "scatter"}
      tabIndex={0}
      role="application"
      aria-label={t("map.help")}
      onKeyDown={onKey}
    >
      <canvas ref={cloud} class="layer density" aria-hidden="true" hidden />
      <canvas ref={canvas} class="layer" aria-hidden="true" />
      <canvas ref={overlay} class="layer" aria-hidden="true" />
      {hover && box.current && (
        <Tooltip row={hover.row} x={hover.x} y={hover.y} width={box.current.clientWidth} height={box.current.clientHeight} />
      )}
      <AxisNames />
      <p class="map-count">
        {selectedRows.value
          ? `${count(selectedRows.value.length)} / ${count(n)}`
          : t("examples", { n: count(n) })}
      </p>
    </div>
  );
}

/** The names of the axes: a map by t-SNE or UMAP has none. */
function AxisNames() {
  const described = session().data.manifest.maps.find((one) => one.id === map.value);
  const names = described ? described.axes : (axesOf(map.value) ?? []).map(({ code, index }) => `${code} ${index}`);
  if (!names[0] && !names[1]) return null;
  return (
    <>
      <span class="axis x">{names[0]} →</span>
      <span class="axis y">↑ {names[1]}</span>
    </>
  );
}
