// The benchmark's points in the EmbeddingView of Embedding Atlas.
// The part for one view: the package as a whole brings its viewer and a database too.
import { EmbeddingView } from "./node_modules/embedding-atlas/dist/component.js";

async function read(name: string): Promise<ArrayBuffer> {
  return (await fetch(name)).arrayBuffer();
}

const points = new Float32Array(await read("points.f32"));
const category = new Uint8Array(await read("groups.u8"));
const x = points.filter((_, i) => i % 2 === 0);
const y = points.filter((_, i) => i % 2 === 1);
new EmbeddingView(document.getElementById("plot")!, {
  data: { x, y, category },
  width: 860,
  height: 780,
  pixelRatio: 1,
  config: { mode: "points", autoLabelEnabled: false },
});
document.body.dataset.ready = "true";
