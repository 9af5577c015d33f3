// Write src/contract.ts, the types of data/explorer.json, from the schema that Python tests against.
import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const schema = new URL("../../src/wvae/explorer/contract.schema.json", import.meta.url);
const out = new URL("../src/contract.ts", import.meta.url);
const types = await compile(JSON.parse(readFileSync(schema, "utf8")), "Manifest", {
  ignoreMinAndMaxItems: true,
  bannerComment: "// Made by `npm run contract` from contract.schema.json: change that file.",
});
writeFileSync(out, types);
