import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the page works in any folder of a static host
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/wvae/explorer/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would need a weaker content security policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
});
