"""The tests of the explorer's page that run in node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[1] / "web"
VITEST = WEB / "node_modules" / ".bin" / "vitest"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not VITEST.exists(),
    reason="node or web/node_modules is missing: run `npm ci` in web/",
)

PARQUET = """
import { writeFileSync } from "node:fs";
import { createServer } from "vite";
const server = await createServer({ server: { middlewareMode: true }, appType: "custom" });
const { toParquet } = await server.ssrLoadModule("/src/analysis/export.ts");
const columns = [
  { name: "name", values: ["a", 'say "b", é', null, "日本"] },
  { name: "row", values: Uint32Array.of(0, 1, 4294967295, 7) },
  { name: "class", values: Uint8Array.of(0, 200, 255, 3) },
  { name: "x", values: Float32Array.of(0.1, -1e-20, NaN, 3) },
  { name: "y", values: [0.1, 1e300, -0.5, 2] },
];
writeFileSync(process.argv[1], await toParquet(columns));
await server.close();
"""


@needs_node
def test_units_of_the_page() -> None:
    run = subprocess.run([VITEST, "run"], cwd=WEB, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


@needs_node
def test_pyarrow_reads_the_exported_parquet(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "selection.parquet"
    command = ["node", "--input-type=module", "-e", PARQUET, str(path)]
    run = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    table = pq.read_table(path)
    assert [str(field.type) for field in table.schema] == [
        "string",
        "int64",
        "int32",
        "float",
        "double",
    ]
    columns = table.to_pydict()
    assert columns["name"] == ["a", 'say "b", é', None, "日本"]
    assert columns["row"] == [0, 1, 4294967295, 7]
    assert columns["class"] == [0, 200, 255, 3]
    assert columns["x"][2] != columns["x"][2] or columns["x"][2] is None
    assert columns["x"][0] == pytest.approx(0.1, rel=1e-6)
    assert columns["y"] == [0.1, 1e300, -0.5, 2]
