"""Small images and sounds for the entries."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def pixels(seed: int, shape: tuple[int, ...] = (12, 12)) -> np.ndarray:
    """Return noise of 8 bits; different seeds give different images."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, image: Any, **options: Any) -> Path:
    """Write an image in the format of the suffix, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    image.save(path, **options)
    return path


def grey(path: Path, seed: int) -> Path:
    return save(path, pixels(seed))


def classes(root: Path, *names: str, each: int = 4) -> Path:
    """Write a folder for each class, with grey images, and return the folder above them."""
    for i, name in enumerate(names or ("cat", "dog")):
        for j in range(each):
            grey(root / name / f"{j}.png", 100 * i + j)
    return root


def encoded(image: Any, kind: str = "PNG") -> bytes:
    """Return an image as the bytes of a file."""
    content = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    image.save(content, kind)
    return content.getvalue()


def wave(frequency: float, rate: int = 8000, seconds: float = 0.2) -> np.ndarray:
    """Return a tone, (samples,) float32."""
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def sound(path: Path, samples: np.ndarray, rate: int = 8000, **options: Any) -> Path:
    """Write a sound in the format of the suffix, with the folders above it."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def tones(root: Path, suffix: str = ".wav", each: int = 3, **options: Any) -> Path:
    """Write a folder of low and one of high tones, and return the folder above them."""
    for name, frequency in (("low", 300), ("high", 2000)):
        for i in range(each):
            sound(root / name / f"{i}{suffix}", wave(frequency + 50 * i), **options)
    return root
