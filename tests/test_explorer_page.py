"""The explorer's page in a real browser: what one sees, drags, draws, selects and downloads."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae import WVAE
from wvae.datasets import Dataset, load
from wvae.evaluation.supervised import train_cnn
from wvae.explorer.site import PAGE, write_site
from wvae.workflows.selections import read_selections, score_selections

sync_api = pytest.importorskip("playwright.sync_api")
Image = pytest.importorskip("PIL.Image")

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("WVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
AXE = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None,
        reason=f"no browser: install one of {', '.join(NAMES)}, or set WVAE_BROWSER",
    ),
    pytest.mark.skipif(not PAGE.joinpath("index.html").exists(), reason="no page: run `make web`"),
]
# Software WebGL, and no connections of the browser's own.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
THREE = [(0.3, 0.22), (0.5, 0.14), (0.68, 0.25), (0.62, 0.42), (0.46, 0.49), (0.64, 0.56)]
THREE += [(0.7, 0.72), (0.52, 0.86), (0.3, 0.78)]
TABS = ["example", "selection", "generate", "swap", "draw", "truth"]

Open = Callable[..., Any]


# ------------------------------------------------------------------------------- what is shown


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Return synthetic handwriting of 40 writers."""
    handwriting = load("handwriting")
    return handwriting.subset(handwriting.factors["writer"] < 40)


@pytest.fixture(scope="module")
def model(data: Dataset) -> WVAE:
    """Return a model that has learnt enough to read and to write."""
    options: dict[str, Any] = {"epochs": 12, "finetune_epochs": 2, "alignment_steps": 60}
    return WVAE(**options, device="cpu").fit(data)


@pytest.fixture(scope="module")
def site(model: WVAE, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(model, data, tmp_path_factory.mktemp("explorer") / "site", k=5)


@pytest.fixture(scope="module")
def address(site: Path) -> Generator[str]:
    """Serve the site by a plain file server, as a static host does."""
    yield from serve(site)


def serve(folder: Path) -> Generator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Write nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any, request: pytest.FixtureRequest) -> Generator[Open]:
    """Return a function that opens the page; at the end, its console must hold no error."""
    pages: list[Any] = []
    errors: list[str] = []

    def opened(
        view: str = "", base: str | None = None, width: int = 1200, height: int = 850
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="en", accept_downloads=True
        )
        page = context.new_page()
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{base or request.getfixturevalue('address')}#{view}")
        page.wait_for_selector("body[data-ready][data-map]:not([data-map=''])")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert errors == []


def values_of(page: Any, selector: str) -> np.ndarray:
    """Return the numbers that a decoded picture shows."""
    page.wait_for_function("selector => document.querySelector(selector)?.values", arg=selector)
    numbers = page.evaluate("s => [...document.querySelector(s).values]", selector)
    return np.array(numbers, np.float32)


def lasso(page: Any) -> None:
    """Draw a lasso around the middle of the map."""
    box = page.locator(".scatter").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.down("Shift")
    for step in range(25):
        angle = 2 * np.pi * step / 24
        at = middle[0] + 110 * np.cos(angle), middle[1] + 90 * np.sin(angle)
        page.mouse.move(*at)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_selector("[data-testid=selected]")


def selected(page: Any) -> int:
    text = page.inner_text("[data-testid=selected]")
    return int(re.sub(r"\D", "", text.split(" ")[0]))


def download(page: Any, button: str) -> bytes:
    with page.expect_download() as started:
        page.click(f"button[aria-label='{button}']")
    return Path(started.value.path()).read_bytes()


# --------------------------------------------------------------------------------------- tests


def test_another_example_under_the_mouse_has_another_picture(open_page: Open, data: Dataset):
    page = open_page()
    box = page.locator(".scatter").bounding_box()
    seen: dict[int, np.ndarray] = {}
    for step in range(12):
        page.mouse.move(box["x"] + 200 + 25 * step, box["y"] + box["height"] / 2)
        page.wait_for_timeout(60)
        tooltip = page.locator(".tooltip")
        if not tooltip.count():
            continue
        row = int(tooltip.get_attribute("data-row"))
        page.wait_for_function(
            "() => document.querySelector('.tooltip canvas')?.width === 28", timeout=5000
        )
        pixels = page.evaluate(
            "() => { const c = document.querySelector('.tooltip canvas');"
            " return [...c.getContext('2d').getImageData(0, 0, 28, 28).data]; }"
        )
        seen[row] = np.array(pixels, np.uint8).reshape(28, 28, 4)[..., 0]
    assert len(seen) > 2
    for row, pixels in seen.items():
        np.testing.assert_array_equal(pixels, data.x[row])


def test_a_slider_changes_the_picture_as_torch_does(open_page: Open, model: WVAE, data: Dataset):
    page = open_page("tab=generate&a=7")
    z_label, z_rest = model.encode(data.x[7:8])
    first = values_of(page, ".live canvas")
    np.testing.assert_allclose(first, model.decode(z_label, z_rest).ravel(), atol=1e-3)
    slider = page.locator("input[data-dimension^='z_rest']").first
    index = int(slider.get_attribute("data-dimension").split(".")[1])
    z_rest[0, index] = 1.25
    slider.evaluate(
        "e => { e.value = '1.25'; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    z_rest[0, index] = float(slider.input_value())  # rounded to the steps of the slider
    page.wait_for_function(
        "before => document.querySelector('.live canvas').values.some((v, i) => v !== before[i])",
        arg=first.tolist(),
    )
    page.wait_for_timeout(200)
    moved = values_of(page, ".live canvas")
    np.testing.assert_allclose(moved, model.decode(z_label, z_rest).ravel(), atol=1e-3)
    assert np.abs(moved - first).max() > 0.05


def test_a_drag_in_the_plane_moves_two_sliders_and_the_picture(open_page: Open):
    page = open_page("tab=generate&a=7")
    before = values_of(page, ".live canvas")
    box = page.locator(".plane").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=6)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert np.abs(values_of(page, ".live canvas") - before).max() > 0.05
    knob = page.locator(".plane > i").bounding_box()
    assert abs(knob["x"] + knob["width"] / 2 - box["x"] - 200) < 3
    assert abs(knob["y"] + knob["height"] / 2 - box["y"] - 60) < 3


def test_a_drawn_three_is_read_and_every_digit_comes_back(open_page: Open, data: Dataset):
    page = open_page("tab=draw")
    box = page.locator(".drawing canvas").bounding_box()
    for step, (x, y) in enumerate(THREE):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("[data-testid=predicted][data-label='3']")
    page.wait_for_function("() => document.querySelectorAll('.rewritten canvas').length === 10")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.rewritten canvas')].every(c => c.values)"
    )
    pictures = page.evaluate(
        "() => [...document.querySelectorAll('.rewritten canvas')].map(c => [...c.values])"
    )
    judge = train_cnn(data.x, data.y, epochs=4, seed=1)
    rewritten = np.array(pictures, np.float32).reshape(10, 28, 28)
    assert (judge.predict(rewritten) == np.arange(10)).mean() >= 0.8
    assert page.locator(".groups li").count() > 0  # the nearest writers


def test_a_swap_says_whether_it_worked(open_page: Open, model: WVAE, data: Dataset):
    a = int(np.flatnonzero(data.y == 4)[0])
    b = int(np.flatnonzero(data.y == 7)[5])
    page = open_page(f"tab=swap&a={a}&b={b}")
    shown = values_of(page, f"[data-swap='{a},{b}'] canvas")
    expected = model.swap(data.x[a : a + 1], data.x[b : b + 1])
    np.testing.assert_allclose(shown, expected.ravel(), atol=1e-3)
    again = model.predict(expected)[0]
    assert f"seen as {again}" in page.inner_text(f"[data-swap='{a},{b}']")


def test_the_downloaded_selection_is_what_lies_in_the_lasso(
    open_page: Open, site: Path, data: Dataset
):
    from matplotlib.path import Path as Polygon

    page = open_page("map=rest-pca")
    lasso(page)
    page.wait_for_function("() => location.hash.includes('lasso')")
    query = re.search(r"lasso=([^&]+)", page.url)
    assert query
    numbers = [float(v) for v in query.group(1).replace("%7E", "~").split("~")[1:]]
    points = np.fromfile(site / "data" / "maps" / "rest-pca.f32", "<f4").reshape(-1, 2)
    inside = Polygon(np.reshape(numbers, (-1, 2))).contains_points(points)
    text = download(page, "Download, CSV").decode()
    import pandas as pd

    table = pd.read_csv(io.StringIO(text))
    assert len(table) == selected(page) > 100
    # The corners in the link have six digits.
    assert abs(len(table) - inside.sum()) <= 2
    assert len(set(table["row"]) ^ set(np.flatnonzero(inside).tolist())) <= 2
    np.testing.assert_array_equal(table["digit"], data.y[table["row"]])
    np.testing.assert_array_equal(table["writer"], data.factors["writer"][table["row"]])
    parquet = pd.read_parquet(io.BytesIO(download(page, "Download, Parquet")))
    np.testing.assert_array_equal(parquet["row"].astype(int), table["row"])


def test_named_selections_are_scored_like_clusters(
    open_page: Open, model: WVAE, data: Dataset, tmp_path: Path
):
    """Two digits, named by their own names, agree with the label entirely."""
    page = open_page("colour=digit")
    for digit in ("3", "8"):
        page.evaluate(f"location.hash = 'tab=selection&colour=digit&only.digit={digit}&shown=1'")
        page.wait_for_function("() => document.querySelector('[data-testid=selected]')")
        page.wait_for_timeout(300)
        page.fill(".name input", f"digit {digit}")
        page.click(".name button")
    file = tmp_path / "selections.csv"
    file.write_bytes(download(page, "Download the named selections, CSV"))
    scores = score_selections(model, data, read_selections(file, data)).scores
    assert scores["digit"]["purity"] == 1
    assert scores["digit"]["ari"] == pytest.approx(1)


def test_a_link_restores_the_view(open_page: Open):
    page = open_page("map=rest-pca&colour=writer&a=12&b=31")
    lasso(page)
    page.wait_for_function("() => location.hash.includes('lasso')")
    count = selected(page)
    other = open_page(page.url.split("#")[1])
    other.wait_for_selector("[data-testid=selected]")
    assert selected(other) == count
    assert other.locator(".toolbar select").nth(1).input_value() == "writer"
    assert other.locator(".goto input").input_value() == "12"
    assert other.locator("[role=tab][aria-selected=true]").inner_text() == "Selection"


def test_an_unknown_link_shows_the_whole_map(open_page: Open):
    page = open_page("map=none&colour=none&a=99999999&tab=none&view=x&lasso=y")
    assert page.locator("[role=tab][aria-selected=true]").inner_text() == "Example"
    assert page.locator(".failure").count() == 0


def test_a_filter_hides_and_the_keyboard_pins(open_page: Open, data: Dataset):
    page = open_page("colour=digit")
    page.click(".legend li:nth-child(5) button")
    page.wait_for_function("() => location.hash.includes('only.digit=4')")
    page.focus(".scatter")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function("() => /[&#]a=\\d/.test(location.hash)")
    row = int(re.search(r"[&#]a=(\d+)", page.url).group(1))  # type: ignore[union-attr]
    assert data.y[row] == 4


def test_a_probe_on_the_selection_reads_the_label_from_z_label_only(open_page: Open):
    page = open_page("tab=truth")
    found: dict[str, float] = {}
    for code in ("z_label", "z_rest"):
        page.locator(".choices select").nth(1).select_option(code)
        page.click(".choices button")
        page.wait_for_selector(".choices button:not([disabled])", timeout=60_000)
        text = page.inner_text("[data-testid=probe]")
        found[code] = float(text.split(" ")[0])
        page.locator(".choices select").nth(0).select_option("digit")
    assert found["z_label"] > 90
    assert found["z_rest"] < found["z_label"] - 30


def test_the_badge_and_the_panel_say_the_amount_of_the_leakage(open_page: Open, site: Path):
    manifest = json.loads((site / "data" / "explorer.json").read_text(encoding="utf-8"))
    metrics = manifest["truth"]["metrics"]
    page = open_page("tab=truth")
    names = ("max", "low", "high", "majority")
    highest, low, high, chance = (f"{metrics[f'leakage.{name}']:.2f}" for name in names)
    assert page.inner_text("header .badge") == f"leakage {highest}, chance {chance}"
    amount = f"Leakage {highest} [{low}, {high}] against chance {chance}"
    assert page.inner_text(".panel-body p.verdict") == amount


@pytest.mark.parametrize("language", ["en", "ja"])
def test_all_views_speak_the_language(open_page: Open, language: str):
    page = open_page(f"lang={language}&a=3&b=9")
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(150)
        text = page.inner_text(".panel-body")
        assert text.strip()
        assert bool(japanese.search(text)) == (language == "ja")
        assert not re.search(r"\{\w+\}", page.inner_text("body"))
    assert page.evaluate("document.documentElement.lang") == language


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is missing: run `npm ci` in web/")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, theme: str):
    page = open_page("a=3&b=9&near=3~200")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(400)
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (violation["id"], violation["nodes"][0]["html"], violation["nodes"][0]["any"])
            for violation in report["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == [], (tab, json.dumps(serious)[:2000])


@pytest.mark.parametrize("width", [390, 1000, 1600])
def test_nothing_is_wider_than_the_screen(open_page: Open, width: int):
    page = open_page("a=3&b=9&near=3~200", width=width, height=850)
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(250)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(
            "() => { const p = document.querySelector('.panel-body');"
            " return p.scrollWidth <= p.clientWidth; }"
        )


def test_a_damaged_file_is_named(open_page: Open, site: Path, tmp_path: Path, browser: Any):
    broken = tmp_path / "broken"
    shutil.copytree(site, broken)
    codes = broken / "data" / "codes" / "z_rest.f32"
    codes.write_bytes(codes.read_bytes()[:-4])
    for base in serve(broken):
        page = browser.new_page()
        page.goto(f"{base}#tab=example&a=3")
        page.wait_for_selector(".failure")
        assert "z_rest.f32" in page.inner_text(".failure")
        page.close()


def test_sounds_can_be_played_and_read(browser: Any, open_page: Open, tmp_path: Path):
    """A wave file comes back as the spectrogram that Python computes, and every digit is heard."""
    soundfile = pytest.importorskip("soundfile")
    from wvae.datasets import audio

    rate, time = 8000, np.arange(4000) / 8000
    rng = np.random.default_rng(0)
    waves = []
    for i in range(120):
        pitch = 300 + 900 * (i % 2) + 100 * rng.random()
        waves.append(np.sin(2 * np.pi * pitch * time) * np.hanning(4000))
    x = audio.log_mel(waves, rate, mels=32, frames=32)
    y = np.arange(120) % 2
    sounds = Dataset(x, y, {"speaker": np.arange(120) % 3}, kind="audio", rate=rate, name="tones")
    small: dict[str, Any] = {"d_label": 4, "d_rest": 4, "width": 64, "epochs": 25}
    model = WVAE(**small, finetune_epochs=1, alignment_steps=5, device="cpu").fit(sounds)
    folder = write_site(model, sounds, tmp_path / "site", k=2)
    wav = tmp_path / "tone.wav"
    soundfile.write(wav, waves[1], rate, subtype="PCM_16")
    for base in serve(folder):
        page = open_page("tab=draw", base=base)
        page.set_input_files("input[type=file]", wav)
        page.wait_for_selector("[data-testid=predicted]")
        seen = values_of(page, ".answer canvas").reshape(32, 32)
        expected, _ = audio.read_log_mel(wav, rate, mels=32, frames=32)
        assert np.abs(seen - expected).mean() < 0.01
        page.click(".rewritten .play >> nth=0")
        page.wait_for_timeout(500)
        assert page.locator(".failure").count() == 0


def test_a_table_is_entered_and_rewritten(open_page: Open, tmp_path: Path):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = np.c_[5.0 * y + rng.normal(size=200), rng.normal(100, 20, 200)]
    import pandas as pd

    frame: Any = pd.DataFrame(x, columns=["width", "weight"])
    table = Dataset(frame, y, kind="table", name="leaves")
    model = WVAE(epochs=20, width=16, finetune_epochs=1, device="cpu").fit(frame, y)
    folder = write_site(model, table, tmp_path / "site", k=2)
    for base in serve(folder):
        page = open_page("tab=draw", base=base)
        page.wait_for_selector("[data-testid=predicted]")
        page.fill(".row-input input >> nth=0", "6")
        page.keyboard.press("Tab")
        page.wait_for_selector("[data-testid=predicted][data-label='1']")
        page.fill(".row-input input >> nth=0", "-1")
        page.keyboard.press("Tab")
        page.wait_for_selector("[data-testid=predicted][data-label='0']")
        assert page.locator(".compare tbody tr").count() == 2
        assert "weight" in page.inner_text(".compare")
