"""How fast the explorer's page is, in headless Chromium with software WebGL.

    python benchmarks/explorer.py                     # 100,000 and 1,000,000 points, five minutes
    python benchmarks/explorer.py --points 100000 --repeat 3

The data are synthetic: points in 20 groups, codes of 16 dimensions, a label, a number, and for
100,000 points thumbnails of 28 × 28 pixels. Each figure is the median of some runs, beside its
goal. The peer is Plotly's `scattergl`, which other explorers are made of, with the same points in
the same browser; it needs the package plotly.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from wvae import WVAE
from wvae.datasets.values import ValueScale
from wvae.explorer.contract import VERSION, Manifest
from wvae.explorer.files import FileWriter
from wvae.explorer.site import PAGE
from wvae.io.onnx import export_onnx
from wvae.workflows.thumbnails import Thumbnails, write_sheets

GROUPS, WIDTH, SIDE = 20, 16, 28
MOST_PICTURES = 100_000
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
GOALS = {
    100_000: {
        "open": "< 3 s",
        "pan": "≥ 30",
        "zoom": "≥ 30",
        "lasso": "< 150 ms",
        "hover": "< 30 ms",
        "memory": "",
    },
    1_000_000: {
        "open": "< 15 s",
        "pan": "",
        "zoom": "",
        "lasso": "< 1,000 ms",
        "hover": "",
        "memory": "< 1,500 MB",
    },
}
UNITS = {"open": "s", "pan": "frames/s", "zoom": "frames/s", "lasso": "ms", "hover": "ms"}
UNITS["memory"] = "MB"
# Counts frames, and measures from the release of the mouse to the frame that shows the result.
PROBE = """
window.frames_ = 0;
(function tick() { window.frames_++; requestAnimationFrame(tick); })();
window.released = 0;
addEventListener("pointerup", () => { window.released = performance.now(); }, true);
window.afterFrame = () => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
"""


def write_site(folder: Path, n: int) -> None:
    """Write a site with n synthetic points."""
    shutil.copytree(PAGE, folder)
    rng = np.random.default_rng(0)
    group = rng.integers(0, GROUPS, n)
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


def write_plotly(folder: Path, n: int) -> bool:
    """Write a page that shows the same points by Plotly; return False if it is not installed."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        return False
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
    return True


@contextmanager
def serve(folder: Path) -> Generator[str]:
    """Serve a folder on a free port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Write nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def memory_of(marker: str) -> float:
    """Return the memory of a browser's processes, in MB; shared pages count once."""
    parents: dict[int, int] = {}
    roots: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents[int(entry.name)] = parent
        if marker in command:
            roots.add(int(entry.name))
    total = 0
    for pid in parents:
        chain = pid
        while chain and chain not in roots:
            chain = parents.get(chain, 0)
        if not chain:
            continue
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1000


def frames_while(page: Page, seconds: float, act: Any) -> float:
    """Return the frames per second while something is done again and again."""
    before, start, step = page.evaluate("frames_"), time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        act(step)
        step += 1
    return (page.evaluate("frames_") - before) / (time.perf_counter() - start)


def measure(page: Page, address: str, selector: str, profile: str) -> dict[str, float]:
    """Return all figures of one page: ours, or the peer's."""
    ours = selector == ".scatter"
    empty = memory_of(profile)
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    if ours:
        page.wait_for_selector("body[data-map]:not([data-map=''])", timeout=120_000)
    page.evaluate("afterFrame()")
    figures = {"open": time.perf_counter() - start}
    box = page.locator(selector).bounding_box()
    if box is None:
        raise RuntimeError(f"{address} shows no {selector}")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.wait_for_timeout(1500)
    page.mouse.move(x, y)
    page.mouse.down()
    figures["pan"] = frames_while(
        page, 3, lambda i: page.mouse.move(x + 80 * np.sin(i / 9), y + 60 * np.cos(i / 9))
    )
    page.mouse.up()
    figures["zoom"] = frames_while(
        page, 3, lambda i: page.mouse.wheel(0, 40 if i // 20 % 2 else -40)
    )
    page.wait_for_timeout(500)
    if ours:
        page.click("button:text-is('Show all')")
    else:
        page.evaluate("Plotly.relayout('plot', {'xaxis.autorange': true, 'yaxis.autorange': true})")
        page.evaluate("Plotly.relayout('plot', {dragmode: 'lasso'})")
    page.wait_for_timeout(1000)
    figures["lasso"] = lasso(page, x, y, box["width"], box["height"], ours)
    if ours:
        figures["hover"] = hover(page, x, y)
    figures["memory"] = memory_of(profile) - empty
    return figures


def lasso(page: Page, x: float, y: float, width: float, height: float, ours: bool) -> float:
    """Select about half of the points; return milliseconds from the release to the picture."""
    if ours:
        page.keyboard.down("Shift")
    for step in range(41):
        angle = 2 * np.pi * step / 40
        page.mouse.move(x + 0.27 * width * np.cos(angle), y + 0.27 * height * np.sin(angle))
        if step == 0:
            page.mouse.down()
    if ours:
        page.evaluate(
            "() => { new MutationObserver(async (_, o) => { if (!document.querySelector("
            "'[data-testid=selected]')) return; o.disconnect(); window.shown = await afterFrame();"
            " }).observe(document.body, {childList: true, subtree: true}); }"
        )
    page.mouse.up()
    if ours:
        page.keyboard.up("Shift")
    page.wait_for_function("window.shown", timeout=120_000)
    return page.evaluate("shown - released")


def hover(page: Page, x: float, y: float) -> float:
    """Return the median of milliseconds from the movement of the mouse to the picture."""
    if not page.evaluate("fetch('data/explorer.json').then(r => r.json()).then(m => !!m.pictures)"):
        return float("nan")
    page.evaluate(
        "() => { window.times = []; let start = 0;"
        " addEventListener('pointermove', () => { start = performance.now(); }, true);"
        " new MutationObserver(async () => {"
        "   const c = document.querySelector('.tooltip canvas');"
        "   if (!c || c.width !== 28 || c.dataset.row === window.last) return;"
        "   window.last = c.dataset.row; const from = start;"
        "   await new Promise(requestAnimationFrame); times.push(performance.now() - from);"
        " }).observe(document.querySelector('.scatter'),"
        "   {subtree: true, childList: true, attributes: true}); }"
    )
    for step in range(40):
        page.mouse.move(x + 5 * step - 100, y + 3 * step - 60)
        page.wait_for_timeout(60)
    times = page.evaluate("times")
    return statistics.median(times) if times else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--points", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    executable = os.environ.get("WVAE_BROWSER") or found
    with tempfile.TemporaryDirectory() as name, serve(Path(name)) as address:
        folder = Path(name)
        for n in options.points:
            write_site(folder / f"site-{n}", n)
            pages = {"wvae explore": (f"{address}/site-{n}/#lang=en", ".scatter")}
            if write_plotly(folder / f"plotly-{n}", n):
                pages["Plotly scattergl"] = (f"{address}/plotly-{n}/", "#plot .nsewdrag")
            results: dict[str, list[dict[str, float]]] = {title: [] for title in pages}
            for run in range(options.repeat):
                for title, (where, selector) in pages.items():  # they alternate
                    profile = folder / f"profile-{n}-{run}-{title.split()[0]}"
                    with sync_playwright() as playwright:
                        context = playwright.chromium.launch_persistent_context(
                            str(profile),
                            executable_path=executable,
                            args=ARGUMENTS,
                            viewport={"width": 1600, "height": 900},
                        )
                        page = context.new_page()
                        page.add_init_script(PROBE)
                        results[title].append(measure(page, where, selector, str(profile)))
                        context.close()
            print(f"\n{n:,} points, medians of {options.repeat} runs")
            for key, goal in GOALS.get(n, GOALS[100_000]).items():
                cells = []
                for title, runs in results.items():
                    values = [one[key] for one in runs if key in one]
                    middle = statistics.median(values) if values else float("nan")
                    cells.append(f"{title} {middle:8.1f}")
                print(f"  {key:8} {UNITS[key]:9} {'   '.join(cells)}   {goal and f'goal {goal}'}")
            print(json.dumps(results))


if __name__ == "__main__":
    main()
