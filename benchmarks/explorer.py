"""How fast the explorer's page is, in headless Chromium with software WebGL.

    python benchmarks/explorer.py                     # 100,000 and 1,000,000 points, five minutes
    python benchmarks/explorer.py --points 100000 --repeat 3 --peers

The data are synthetic: points in 20 groups, codes of 16 dimensions, a label, a number, and for
100,000 points thumbnails of 28 × 28 pixels. Each figure is the median of some runs, beside its
goal. The peers show the same points in the same browser: Plotly's `scattergl`, which other
explorers are made of (needs the package plotly), and with --peers the EmbeddingView of Apple's
Embedding Atlas (needs npm and web/node_modules). Version 0.23.0 is the last that can do without
WebGPU; later ones need its feature shader-f16, which software rendering does not have.

`open` ends when a picture of the screen shows points. `pan` and `zoom` count the frames in which
the page drew on a WebGL canvas, while the mouse or its wheel moves in every frame: ticks of
requestAnimationFrame would also count frames that show nothing new.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession, ConsoleMessage, FloatRect, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from explorer_pages import write_atlas, write_plotly, write_site
from results import add_table

OURS, PLOTLY, ATLAS = "wvae explore", "Plotly scattergl", "Embedding Atlas"
SELECTORS = {OURS: ".scatter", PLOTLY: "#plot .nsewdrag", ATLAS: "#plot"}
PATIENCE = 60  # seconds that a page gets to show its points
LEAST_COVERED = 0.1  # the points cover more than this share of the canvas
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
# Counts the frames with a draw call on a WebGL canvas; moves the mouse, whose button is down, or
# its wheel once in each frame; and measures from the release of the mouse to the next frames.
# Movements come between the frames, as a browser's own do: a page that asks for a frame when the
# mouse moves would otherwise get every second one.
PROBE = """
window.drawn_ = 0;
let tick_ = 0, last_ = -1;
(function tick() { tick_++; requestAnimationFrame(tick); })();
for (const {prototype} of [WebGLRenderingContext, WebGL2RenderingContext]) {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (!/^draw(Arrays|Elements|Range)/.test(name)) continue;
    const draw = prototype[name];
    prototype[name] = function (...values) {
      if (last_ !== tick_) { last_ = tick_; window.drawn_++; }
      return draw.apply(this, values);
    };
  }
}
window.drive = (wheel, x, y, seconds) => new Promise((done) => {
  const start = performance.now(), before = window.drawn_;
  let i = 0;
  function next() {
    requestAnimationFrame(() => scheduler.postTask(move, {priority: "user-blocking"}));
  }
  function move() {
    const now = performance.now();
    if (now - start > 1000 * seconds) {
      done((window.drawn_ - before) / (now - start) * 1000);
      return;
    }
    const where = {clientX: x, clientY: y, bubbles: true, cancelable: true, view: window};
    if (wheel) {
      where.deltaY = Math.floor(i / 20) % 2 ? 40 : -40;
      document.elementFromPoint(x, y).dispatchEvent(new WheelEvent("wheel", where));
    } else {
      where.clientX += 80 * Math.sin(i / 9);
      where.clientY += 60 * Math.cos(i / 9);
      const pointer = {...where, buttons: 1, pointerId: 1, pointerType: "mouse", isPrimary: true};
      const target = document.elementFromPoint(x, y);
      target.dispatchEvent(new PointerEvent("pointermove", pointer));
      target.dispatchEvent(new MouseEvent("mousemove", {...where, buttons: 1}));
    }
    i++;
    next();
  }
  next();
});
window.released = 0;
addEventListener("pointerup", (event) => { window.released = event.timeStamp; }, true);
window.afterFrame = () => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
"""


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


def wait_for_points(page: Page, browser: CDPSession, selector: str) -> FloatRect:
    """Return the box of the map as soon as a picture of the screen shows points in it."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        box = page.locator(selector).bounding_box()
        if box is None:
            raise RuntimeError(f"it shows no {selector}")
        clip = box | {"scale": 1}
        shot = browser.send("Page.captureScreenshot", {"clip": clip, "optimizeForSpeed": True})
        image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("L")
        counts = image.histogram()
        if sum(counts) - max(counts) > LEAST_COVERED * sum(counts):
            return box
    raise RuntimeError(f"no points are on the screen after {PATIENCE} s")


def measure(page: Page, address: str, title: str, profile: str) -> dict[str, float]:
    """Return all figures of one page: ours, or a peer's."""
    empty = memory_of(profile)
    browser = page.context.new_cdp_session(page)
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    if title == OURS:
        page.wait_for_selector("body[data-map]:not([data-map=''])", timeout=120_000)
    box = wait_for_points(page, browser, SELECTORS[title])
    figures = {"open": time.perf_counter() - start}
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.wait_for_timeout(1500)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 9, y + 9)
    figures["pan"] = page.evaluate("([x, y]) => drive(false, x, y, 3)", [x, y])
    page.mouse.up()
    page.wait_for_timeout(500)
    figures["zoom"] = page.evaluate("([x, y]) => drive(true, x, y, 3)", [x, y])
    page.wait_for_timeout(500)
    if title == OURS:
        page.click("button:text-is('Show all')")
    elif title == PLOTLY:
        page.evaluate("Plotly.relayout('plot', {'xaxis.autorange': true, 'yaxis.autorange': true})")
        page.evaluate("Plotly.relayout('plot', {dragmode: 'lasso'})")
    page.wait_for_timeout(1000)
    if title != ATLAS:  # its event gives an outline, and a database of the caller selects points
        figures["lasso"] = lasso(page, x, y, box["width"], box["height"], title == OURS)
    if title == OURS:
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
        " addEventListener('pointermove', (e) => { start = e.timeStamp; }, true);"
        " new MutationObserver(async () => {"
        "   const c = document.querySelector('.tooltip canvas');"
        "   if (!c || c.width !== 28 || c.dataset.row === window.last) return;"
        "   window.last = c.dataset.row; const from = start;"
        "   times.push(await afterFrame() - from);"
        " }).observe(document.querySelector('.scatter'),"
        "   {subtree: true, childList: true, attributes: true}); }"
    )
    for step in range(40):
        page.mouse.move(x + 5 * step - 100, y + 3 * step - 60)
        page.wait_for_timeout(120)
    times = page.evaluate("times")
    return statistics.median(times) if times else float("nan")


def pages_of(folder: Path, n: int, peers: bool) -> dict[str, str]:
    """Write the pages, and return their addresses; say in a line what cannot be written."""
    write_site(folder / f"site-{n}", n)
    pages = {OURS: f"site-{n}/#lang=en"}
    writers: dict[str, Callable[[Path, int], None]] = {PLOTLY: write_plotly}
    if peers:
        writers[ATLAS] = write_atlas
    for title, write in writers.items():
        name = f"{title.split()[0].lower()}-{n}"
        try:
            write(folder / name, n)
            pages[title] = f"{name}/"
        except RuntimeError as error:
            print(f"{title} is not measured: {error}")
    return pages


def run_once(address: str, title: str, profile: Path) -> dict[str, float]:
    """Measure one page in a new browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=os.environ.get("WVAE_BROWSER") or found,
            args=ARGUMENTS,
            viewport={"width": 1600, "height": 900},
        )
        page = context.new_page()
        page.add_init_script(PROBE)
        complaints: list[str] = []

        def keep(message: ConsoleMessage) -> None:
            if message.type == "error":
                complaints.append(message.text)

        page.on("console", keep)
        try:
            return measure(page, address, title, str(profile))
        except (RuntimeError, BrowserError) as error:
            reason = "; ".join([str(error).splitlines()[0], *dict.fromkeys(complaints)])
            raise RuntimeError(reason) from error
        finally:
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--points", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peers", action="store_true", help="measure Embedding Atlas too")
    options = parser.parse_args()
    table: list[list[str]] = []
    heading: list[str] = []
    with tempfile.TemporaryDirectory() as name, serve(Path(name)) as address:
        folder = Path(name)
        for n in options.points:
            pages = pages_of(folder, n, options.peers)
            results: dict[str, list[dict[str, float]]] = {title: [] for title in pages}
            for run in range(options.repeat):
                for title, where in list(pages.items()):  # they alternate
                    profile = folder / f"profile-{n}-{run}-{title.split()[0]}"
                    try:
                        results[title].append(run_once(f"{address}/{where}", title, profile))
                    except RuntimeError as error:
                        if title == OURS:
                            raise
                        print(f"{title} does not run here: {error}")
                        del pages[title], results[title]
            print(f"\n{n:,} points, medians of {options.repeat} runs")
            for key, goal in GOALS.get(n, GOALS[100_000]).items():
                medians: list[str] = []
                for runs in results.values():
                    values = [one[key] for one in runs if key in one]
                    medians.append(f"{statistics.median(values):.1f}" if values else "–")
                cells = [f"{t} {m:>8}" for t, m in zip(results, medians, strict=True)]
                print(f"  {key:8} {UNITS[key]:9} {'   '.join(cells)}   {goal and f'goal {goal}'}")
                table.append([f"{n:,}", f"{key}, {UNITS[key]}", goal, *medians])
            heading = ["points", "measured", "goal", *results]
            print(json.dumps(results))
    command = f"python benchmarks/explorer.py {' '.join(sys.argv[1:])}".strip()
    add_table("explorer", command, [heading, *table])


if __name__ == "__main__":
    main()
