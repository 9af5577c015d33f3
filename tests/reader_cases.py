"""Shared by the tests of the readers: files as users have them, and a reader that keeps its log."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wvae.datasets import Dataset, open_data


class Reader:
    """Opens data and keeps the lines of the log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, source: str | Path, **options: Any) -> Dataset:
        options = {"seed": None} | options
        return open_data(source, log=self.lines.append, progress=False, **options)

    def line(self, text: str) -> str:
        """Return the only line of the log that contains a text."""
        lines = [line for line in self.lines if text in line]
        assert len(lines) == 1, f"{text!r} is in {len(lines)} of {self.lines}"
        return lines[0]


def check_error(reader: Reader, source: str | Path, *texts: str, **options: Any) -> None:
    """Check that the error is one line that contains these texts."""
    with pytest.raises(ValueError, match=re.escape(texts[0])) as error:
        reader(source, **options)
    message = str(error.value)
    assert "\n" not in message
    assert [text for text in texts if text not in message] == []


def picture(seed: int = 0, shape: tuple[int, ...] = (12, 12)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, pixels: np.ndarray | Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def folder_of_classes(
    root: Path, each: int = 3, classes: tuple[str, ...] = ("cat", "dog")
) -> np.ndarray:
    """Write grey 12×12 PNGs and return them in the order of their paths."""
    images = []
    for i, name in enumerate(classes):
        for j in range(each):
            images.append(picture(100 * i + j))
            save(root / name / f"{j:03d}.png", images[-1])
    return np.array(images)


def tone(frequency: float, rate: int = 8000, seconds: float = 0.2) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def write_wav(path: Path, wave: np.ndarray, rate: int = 8000) -> None:
    soundfile = pytest.importorskip("soundfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)


def folder_of_tones(root: Path, each: int = 4) -> None:
    pytest.importorskip("librosa")
    for name, frequency in (("low", 300), ("high", 3000)):
        for i in range(each):
            write_wav(root / name / "ab"[i % 2] / f"{i}.wav", tone(frequency))


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def images_table(n: int = 8) -> Any:
    """Return a table in Hugging Face's form: images as {bytes, path}, class names as metadata."""
    import pyarrow as pa

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": encoded(picture(i)), "path": None} for i in range(n)]
    table = pa.table(
        {
            "image": pa.array(images, kind),
            "label": [i % 2 for i in range(n)],
            "who": list("uuvv") * (n // 4),
        }
    )
    features = {
        "image": {"_type": "Image"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    }
    content = json.dumps({"info": {"features": features}}).encode()
    return table.replace_schema_metadata({b"huggingface": content})


def open_unlabelled(reader: Reader, source: Path, **options: Any) -> Dataset:
    """Open data without labels, and check that they are an error unless `unlabelled` is given."""
    with pytest.raises(ValueError, match=r"label|do not lie in folders for"):
        reader(source, **options)
    data = reader(source, unlabelled=True, **options)
    assert not data.labelled.any()
    assert data.y.tolist() == [None] * len(data)
    assert (data.classes.tolist(), set(data.indices.tolist())) == ([], {-1})
    return data
