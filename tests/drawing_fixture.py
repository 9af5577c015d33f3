"""Digits and their description by Python, for the tests of the explorer's page.

    python tests/drawing_fixture.py

writes the file again. `test_explorer_drawing.py` fails if the file differs from what Python
computes.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from wvae.datasets import load
from wvae.evaluation.images import stroke_style
from wvae.explorer.drawing import describe_drawing

PATH = Path(__file__).parents[1] / "web" / "src" / "drawing" / "fixtures" / "mnist.json"
SOURCE = "MNIST, Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0"


def computed() -> dict[str, Any]:
    """Return a description of MNIST, and the first image of each digit."""
    mnist = load("mnist")
    rows = [int(np.flatnonzero(mnist.y == digit)[0]) for digit in range(10)]
    images = [np.asarray(mnist.x[row]) for row in rows]
    return {
        "source": SOURCE,
        "drawing": describe_drawing(mnist.x[:2000], dark_strokes=False),
        "thickness": [
            round(float(stroke_style(image[None])["thickness"][0]), 4) for image in images
        ],
        "images": [base64.b64encode(image.tobytes()).decode() for image in images],
    }


if __name__ == "__main__":
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(computed(), indent=1) + "\n")
