import { fileURLToPath } from "node:url";

const stub = fileURLToPath(new URL("no_mosaic.ts", import.meta.url));
export default {
  base: "./",
  build: { target: "esnext", chunkSizeWarningLimit: 10_000 },
  resolve: { alias: { "@uwdata/mosaic-core": stub, "@uwdata/mosaic-sql": stub } },
};
