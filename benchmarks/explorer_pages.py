"""The pages that benchmarks/explorer.py measures: the explorer's, Plotly's, Embedding Atlas's."""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from wvae import WVAE
from wvae.datasets.values import ValueScale
from wvae.explorer.contract import VERSION, Manifest
from wvae.explorer.files import FileWriter
from wvae.explorer.site import PAGE
from wvae.io.onnx import export_onnx
from wvae.workflows.thumbnails import Thumbnails, write_sheets

GROUPS, WIDTH, SIDE = 20, 16, 28
MOST_PICTURES = 100_000
PEERS = Path(__file__).parent / "explorer_peers"
VITE = Path(__file__).parents[1] / "web" / "node_modules" / ".bin" / "vite"


def groups(n: int) -> np.ndarray[Any, Any]:
    """Return the group of each point."""
    return np.random.default_rng(1).integers(0, GROUPS, n)


def write_site(folder: Path, n: int) -> None:
    """Write a site with n synthetic points."""
    shutil.copytree(PAGE, folder)
    rng = np.random.default_rng(0)
    group = groups(n)
    centres = rng.normal(0, 10, (GROUPS, 2))
    points = centres[group] + rng.normal(0, 2.2, (n, 2))
    writer = FileWriter(folder / "data")
    codes = {
        "z_label": writer.matrix("codes/z_label.f32", rng.normal(size=(n, 4))),
        "z_rest": writer.matrix("codes/z_rest.f32", rng.normal(size=(n, WIDTH))),
    }
    maps = [writer.points("rest-tsne", "z_rest", "tsne", points)]
    writer.column("group", "label", group, list(range(GROUPS)))
    writer.column("number", "factor", points[:, 0])
    pictures = None
    if n <= MOST_PICTURES:
        images = rng.integers(0, 256, (n, SIDE, SIDE)).astype(np.uint8)
        draw = Thumbnails(images, "image", ValueScale(white=255, unit_range=True))
        sheets = write_sheets(draw, folder / "data" / "pictures")
        files = [writer.add(path) for path in sheets.files]
        pictures = {"sheets": files, "width": SIDE, "height": SIDE}
        pictures |= {"across": sheets.across, "per_sheet": sheets.per_sheet}
    x = rng.random((60, SIDE, SIDE)).astype(np.float32)
    options: dict[str, Any] = {"d_label": 4, "d_rest": WIDTH, "width": 32, "epochs": 1}
    options |= {"finetune_epochs": 0, "alignment": "none", "device": "cpu"}
    model = WVAE(**options).fit(x, np.arange(60) % GROUPS)
    export_onnx(model, folder / "data" / "model")
    networks = [folder / "data" / "model" / f"{name}.onnx" for name in ("encoder", "decoder")]
    ranges = {"share": 1 / WIDTH, "low": -2.3, "high": 2.3}
    manifest: Any = {
        "version": VERSION,
        "wvae": version("wvae"),
        "title": f"{n:,} points",
        "kind": "image",
        "shape": [SIDE, SIDE],
        "n": n,
        "label": "group",
        "classes": [str(k) for k in range(GROUPS)],
        "codes": codes,
        "maps": maps,
        "dimensions": [{"code": "z_rest", "index": i} | ranges for i in range(WIDTH)],
        # A million points have no thumbnails here, and a page without them shows a table.
        "pictures": pictures,
        "values": None,
        "model": {
            "encoder": writer.add(networks[0]),
            "decoder": writer.add(networks[1]),
            "label_centres": model.label_centres_.tolist(),
            "unit_range": True,
            "dark_strokes": False,
        },
        "drawing": None,
        "sound": None,
        "truth": {"metrics": {}, "warnings": []},
    }
    checked: Manifest = manifest
    writer.finish(checked)


def write_plotly(folder: Path, n: int) -> None:
    """Write a page that shows the same points by Plotly."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package plotly is not installed; run pip install '.[bench]'")
    folder.mkdir()
    script = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    shutil.copy(script, folder / "plotly.min.js")
    shutil.copy(folder.parent / f"site-{n}" / "data" / "maps" / "rest-tsne.f32", folder)
    page = """<!doctype html><html><body><div id="plot" style="width:860px;height:780px"></div>
<script src="plotly.min.js"></script><script>
(async () => {
  const p = new Float32Array(await (await fetch("rest-tsne.f32")).arrayBuffer());
  const x = p.filter((_, i) => i % 2 === 0), y = p.filter((_, i) => i % 2 === 1);
  const data = [{x, y, type: "scattergl", mode: "markers", marker: {size: 3, color: x}}];
  const config = {scrollZoom: true};
  await Plotly.newPlot("plot", data, {dragmode: "pan", hovermode: false}, config);
  document.getElementById("plot").on("plotly_selected", async (e) => {
    window.selected = e.points.length; window.shown = await window.afterFrame(); });
  document.body.dataset.ready = "true";
})();
</script></body></html>"""
    (folder / "index.html").write_text(page, encoding="utf-8")


def write_atlas(folder: Path, n: int) -> None:
    """Write a page that shows the same points by Embedding Atlas; installs it on the first call."""
    if not VITE.exists():
        raise RuntimeError("Vite is not installed in web/; run 'make web'")
    if shutil.which("npm") is None:
        raise RuntimeError("npm is not installed")
    # Its peer dependencies are React, Svelte and a database, which one view does without.
    install = ["npm", "ci", "--legacy-peer-deps", "--no-fund", "--no-audit", "--silent"]
    build = [str(VITE), "build", "--logLevel", "error", "--outDir", str(folder)]
    for command in (install, build):
        done = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise RuntimeError(f"'{' '.join(command[:2])}' failed: {lines[0]}")
    data = folder.parent / f"site-{n}" / "data"
    shutil.copy(data / "maps" / "rest-tsne.f32", folder / "points.f32")
    groups(n).astype("u1").tofile(folder / "groups.u8")
