"""The report on several data sets in a real browser: its content, its layout and its pixels."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae.config import Config
from wvae.datasets import Dataset
from wvae.experiments import worlds
from wvae.workflows import measure

Image = pytest.importorskip("PIL.Image")
soundfile = pytest.importorskip("soundfile")
pytest.importorskip("librosa")

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("WVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None,
        reason=f"no browser: install one of {', '.join(NAMES)}, or set WVAE_BROWSER",
    ),
]

Browse = Callable[..., str]

# Appended to a copy of the page: it reports what only a browser can measure, such as the size of a
# decoded picture.
MEASURE = """<script>
addEventListener("load", async () => {
  const sounds = [...document.querySelectorAll("audio")];
  await Promise.all(sounds.map(a => a.readyState || new Promise(done => {
    a.onloadedmetadata = a.onerror = done; a.load(); setTimeout(done, 5000); })));
  const box = e => e.getBoundingClientRect();
  const overflows = e => box(e).left < 0 || box(e).right > innerWidth;
  const shown = [...document.querySelectorAll("body *:not(details *, thead, thead *)")];
  parent.postMessage(JSON.stringify({
    width: innerWidth,
    scroll: document.documentElement.scrollWidth,
    pictures: [...document.images].map(i => [i.complete && i.naturalWidth, box(i).width]),
    seconds: sounds.map(a => a.duration),
    outside: shown.filter(overflows).map(e => e.tagName + ": " + e.textContent.slice(0, 80)),
  }), "*");
});
</script>"""
# A frame of any width for that copy: the window of a browser cannot be as narrow as a telephone.
FRAME = """<iframe src="copy.html" style="border: 0; width: WIDTHpx; height: 3000px"></iframe>
<pre></pre><script>
addEventListener("message", event => { document.querySelector("pre").textContent = event.data; });
</script>"""


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of its headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("h1", "h2"):
            self.headings.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("h1", "h2")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.headings[-1] += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [attrs.get(attribute) or "" for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def report(
    planted: Dataset, small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A report on images and speech, as `wvae reproduce worlds` writes it."""
    mel = np.random.default_rng(0).random((len(planted), 64, 64), dtype=np.float32)
    mel[:, :32] += (planted.factors["writer"] / 5)[:, None, None]
    speech: dict[str, Any] = {
        "kind": "audio",
        "name": "speech",
        "rate": 8000,
        "source": "made here",
        "licence": "MIT",
    }
    changes: dict[str, Any] = {"epochs": 3, "alignment_steps": 20, "finetune_epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "MIN_JUDGE_EXAMPLES", 500)
        patch.setattr(measure, "KINDS", ("logistic", "knn"))
        patch.setattr("wvae.evaluation.probes.EPOCHS", 3)
        patch.setattr(worlds, "N_SOUNDS", 2)
        patch.setattr(worlds, "JUDGE_EPOCHS", 1)
        folder = worlds.reproduce_worlds(
            [
                replace(planted, name="pictures"),
                replace(planted, x=(mel / mel.max()).astype(np.float32), **speech),
                # Its name begins with another data set's name, which must not get its sounds.
                replace(
                    planted,
                    x=(1 - mel / mel.max()).astype(np.float32),
                    **speech | {"name": "speech-too"},
                ),
            ],
            Config(**small | changes),
            tmp_path_factory.mktemp("browser") / "run",
            title="preset best",
            command="wvae reproduce worlds" + " --data a-data-set-of-some-length" * 4,
        )
    return folder / "report.html"


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a file in a headless browser, and return its output."""

    def run(path: Path, *flags: str, width: int = 1200, height: int = 3000) -> str:
        command = [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
        ]
        command += [
            f"--window-size={width},{height}",
            "--virtual-time-budget=10000",
            *flags,
            path.as_uri(),
        ]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120
        ).stdout

    return run


def data_of(uri: str, kind: str) -> bytes:
    head, _, content = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(content, validate=True)


def test_the_page_is_complete_and_needs_no_network(report: Path, browse: Browse):
    html = browse(report, "--dump-dom")
    page = Page(html)
    about = "label: animal, hidden factor: writer"
    names = ["pictures", "speech", "speech-too"]
    assert page.headings[0] == "3 data sets, preset best"
    assert page.headings[1:4] == ["Summary", "Contents", "Comparison"]
    assert page.headings[4:7] == [f"{name} {about}" for name in names]
    links = [link for link in page.all("a", "href") if not link.startswith("#term-")]
    assert links == [f"#{name}" for name in ("comparison", *names, "glossary", "made")]
    pictures, sounds = page.all("img", "src"), page.all("audio", "src")
    assert (len(pictures), len(sounds)) == (12, 2 * 2 * 4)
    for uri in pictures:
        with Image.open(io.BytesIO(data_of(uri, "image/png"))) as image:
            image.load()
            assert min(image.size) > 100
    for uri in sounds:
        wave, rate = soundfile.read(io.BytesIO(data_of(uri, "audio/wav")))
        assert (rate, len(wave)) == (8000, 4000)
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", html)
    assert all(page.all("img", "alt"))


@pytest.mark.parametrize("width", [1200, 800, 400])
def test_all_media_load_and_nothing_overflows(
    report: Path, browse: Browse, tmp_path: Path, width: int
):
    (tmp_path / "copy.html").write_text(
        report.read_text(encoding="utf-8") + MEASURE, encoding="utf-8"
    )
    (tmp_path / "frame.html").write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    output = re.search(
        r"<pre>(.+?)</pre>", browse(tmp_path / "frame.html", "--dump-dom"), re.DOTALL
    )
    assert output is not None
    measured = json.loads(unescape(output[1]))
    assert measured["width"] == width
    assert measured["scroll"] <= width
    assert measured["outside"] == []
    assert all(natural > 100 and 200 < shown <= width for natural, shown in measured["pictures"])
    assert measured["seconds"] == [0.5] * 16


@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_is_rendered(report: Path, browse: Browse, tmp_path: Path, width: int):
    shot = tmp_path / "shot.png"
    browse(report, "--hide-scrollbars", f"--screenshot={shot}", width=width)
    with Image.open(shot) as image:
        assert image.size == (width, 3000)
        grey = np.asarray(image.convert("L"))
    assert (grey[:, : width // 40] > 250).all()  # the margin is empty
    ink = (grey < 200).any(1)
    assert ink.reshape(-1, 300).any(1).all()  # but no part of the page is
    if sys.platform == "linux":
        assert 0.02 < (grey < 200).mean() < 0.6
