"""The report on the article's experiments in a real browser: narrow, dark, printed, by keyboard."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test_report import measurements, metrics_of, settings_of
from wvae.config import Config
from wvae.experiments.panels import leakage_figure
from wvae.reporting import figures, scatter
from wvae.reporting.html import write_report
from wvae.workflows.run_folder import Run

sync_api = pytest.importorskip("playwright.sync_api")

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("WVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None,
        reason=f"no browser: install one of {', '.join(NAMES)}, or set WVAE_BROWSER",
    ),
]
# What a reader cannot see: outside of the screen, or beneath the fold of what does not scroll.
OUTSIDE = """() => [...document.querySelectorAll("body *:not(thead, thead *)")].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && (box.left < 0 || box.right > innerWidth + 0.5 || e.scrollWidth > e.clientWidth
    + 1 && getComputedStyle(e).display !== "inline" && getComputedStyle(e).overflowX !== "visible");
}).map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a report with figures of planted numbers, and return its address as a file."""
    rng = np.random.default_rng(0)
    settings = settings_of(Config.preset("article"), name="emnist", label_name="digit")
    settings["command"] += " --data a-data-set-of-some-length" * 5
    metrics = metrics_of(2) | measurements("plane") | measurements("writers")
    run = Run(tmp_path_factory.mktemp("page") / "run", settings)
    codes, labels, writers = rng.normal(size=(300, 2)), np.arange(300) % 10, np.arange(300) % 40
    measured = {"positive_control": 0.97, "mean.logistic": 0.2, "mean.mlp": 0.4}
    measured |= {"mean.majority": 0.1, "mean.null": 0.12, "mean.low": 0.36, "mean.high": 0.44}
    for name in ("plane", "writers"):
        by_key = {f"leakage.{key}": value for key, value in measured.items()}
        run.save_figure(f"{name}-leakage", leakage_figure(by_key, "digit"))
    plane = scatter.plane(codes, labels, (-3, 3), (-3, 3), legend="digit")
    by_group = scatter.by_group(codes[:, 1], writers, legend="writer")
    by_label = scatter.map_by_label(codes, labels, title="z_rest by digit", legend="digit")
    by_factor = scatter.map_by_factor(codes, writers, title="z_rest by writer", legend="writer")
    scores = figures.scores({"raw pixels, K-Means": [0.1, 0.2], "z_rest": [0.4, 0.5]}, name="AMI")
    for name, figure in (
        ("plane", plane),
        ("plane-by-factor", by_group),
        ("writers-map-z_rest-label", by_label),
        ("writers-map-z_rest-factor", by_factor),
        ("writers-scores", scores),
    ):
        run.save_figure(name, figure)
    return write_report(run.folder, settings, metrics).as_uri()


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.mark.parametrize("width", [320, 390, 1000])
def test_nothing_is_cut_and_the_page_does_not_scroll_sideways(
    browser: Any, address: str, width: int
):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    # A control: the test sees what is too wide.
    page.evaluate("document.querySelector('main p').style.minWidth = '2000px'")
    assert page.evaluate(OUTSIDE) != []
    page.close()


def test_figures_are_as_large_as_a_telephone_allows(browser: Any, address: str):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    widths = page.evaluate("[...document.images].map(i => i.getBoundingClientRect().width)")
    # 358 px are left beside the margins; 8 points of a figure are then 11 px, or 9 in the widest.
    assert min(widths) > 340
    printed = page.evaluate(
        "[...document.images].map(i => parseFloat(i.style.getPropertyValue('--inches')))"
    )
    for shown, inches in zip(widths, printed, strict=True):
        assert 8 / 72 * shown / inches > 9
    page.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is missing: run `npm ci` in web/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1000])
def test_axe_finds_nothing_serious(browser: Any, address: str, scheme: str, width: int):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(address)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = [(fault["id"], fault["nodes"][0]["html"]) for fault in report["violations"]]
    assert faults == [], json.dumps(faults)[:2000]
    page.close()


def test_terms_are_explained_to_mouse_and_keyboard(browser: Any, address: str):
    page = browser.new_page(viewport={"width": 390, "height": 600})
    page.goto(address)
    term = page.locator("a.term").first
    assert re.match("How well the label can be predicted", term.get_attribute("title"))
    while page.evaluate("document.activeElement.className") != "term":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash === '#term-leakage'")
    box = page.locator("#term-leakage").bounding_box()
    assert 0 <= box["y"] < 600
    page.close()


def test_it_prints_on_a_few_pages_in_black_on_white(browser: Any, address: str, tmp_path: Path):
    page = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="dark")
    page.goto(address)
    page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
    page.emulate_media(media="print", color_scheme="dark")
    style = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    assert style == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    page.close()
