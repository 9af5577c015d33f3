"""How strokes lie in images, as the explorer's page needs it to place a drawing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import drawing_fixture
from wvae.datasets import load
from wvae.explorer.drawing import describe_drawing

Array = np.ndarray


def crosses(n: int = 60, seed: int = 0) -> Array:
    """Return upright crosses 12 pixels wide, 16 high and 3 thick, (n, 28, 24) in [0, 1]."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 28, 24))
    for image in x:
        peak = rng.choice([0.6, 0.7, 0.8])
        bar = 6 + int(rng.integers(0, 10))  # the bar's place moves the mass, but not the box
        image[5:21, 10:13] = peak
        image[bar : bar + 3, 6:18] = peak
    return x


def test_planted_strokes_are_measured() -> None:
    drawing = describe_drawing(crosses(), dark_strokes=False)
    assert drawing is not None
    assert drawing["size"] == 16
    assert (drawing["centre"], drawing["x"], drawing["y"]) == ("box", 12, 13)
    assert drawing["peak"] == pytest.approx(0.7)
    assert 2 < drawing["thickness"] < 4


def test_centre_of_mass_is_found_where_it_is_at_rest() -> None:
    x = crosses()
    for image in x:
        rows = round(13.5 - image.sum(1) @ np.arange(28) / image.sum())
        image[:] = np.roll(image, rows, axis=0)
    drawing = describe_drawing(x, dark_strokes=False)
    assert drawing is not None
    assert drawing["centre"] == "mass"
    assert drawing["y"] == pytest.approx(14, abs=0.5)


def test_dark_strokes_and_other_types_give_the_same_description() -> None:
    x = crosses()
    expected = describe_drawing(x, dark_strokes=False)
    assert expected is not None
    levels = np.rint(x * 255).astype(np.uint8)
    for given, dark in ((1 - x, True), (x[:, None], False), (levels, False), (255 - levels, True)):
        assert describe_drawing(given, dark_strokes=dark) == pytest.approx(expected, abs=0.01)


def test_blank_images_do_not_count() -> None:
    x = crosses()
    x[::3] = 0
    assert describe_drawing(x, dark_strokes=False) == describe_drawing(
        np.delete(x, slice(0, None, 3), 0), dark_strokes=False
    )


def not_strokes() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, 28)
    disc = (np.hypot(*np.mgrid[-14:14, -14:14]) < 10).astype(float)
    return {
        "noise": rng.random((50, 28, 28)),
        "grey noise": rng.normal(0.5, 0.1, (50, 28, 28)).clip(0, 1),
        "gradients": np.stack([np.outer(slope, slope**k) for k in range(1, 5)]) * 0.5 + 0.3,
        "filled shapes": disc[None],
        "strokes of the other kind": 1 - crosses(),
        "strokes on noise": (crosses() + 0.4 * rng.random((60, 28, 24))).clip(0, 1),
        "faint": crosses() * 0.1,
        "blank": np.zeros((5, 28, 28)),
        "colours": np.repeat(crosses()[:, None], 3, axis=1),
        "a table": rng.random((50, 7)),
    }


@pytest.mark.parametrize("name", list(not_strokes()))
def test_other_images_give_none(name: str) -> None:
    assert describe_drawing(not_strokes()[name], dark_strokes=False) is None


def test_handwriting_is_strokes() -> None:
    drawing = describe_drawing(load("handwriting").x[:500], dark_strokes=False)
    assert drawing is not None
    assert 17 < drawing["size"] < 23
    assert drawing["x"] == pytest.approx(14, abs=0.5)
    assert 2 < drawing["thickness"] < 4.5


def test_photographs_are_not_strokes() -> None:
    pytest.importorskip("skimage")
    x = load("scenes").x[:500].mean(1)
    x = x / 255 if x.max() > 1 else x
    assert describe_drawing(x, dark_strokes=False) is None
    assert describe_drawing(x, dark_strokes=True) is None


def test_fixture_holds_what_python_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (mirror / "mnist").is_dir():
        pytest.skip("MNIST is not in ../shared/data")
    monkeypatch.setenv("WVAE_MIRROR", str(mirror))
    stored = json.loads(drawing_fixture.PATH.read_text())
    computed = drawing_fixture.computed()
    hint = "run python tests/drawing_fixture.py"
    assert stored["images"] == computed["images"], hint
    assert stored["drawing"] == pytest.approx(computed["drawing"]), hint
    assert stored["thickness"] == pytest.approx(computed["thickness"]), hint
