"""EMNIST Digits with their writers, from the official Matlab file."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..catalogue import CATALOGUE
from ..dataset import Array, Dataset
from ..download import DownloadError, RemoteFile, fetch, is_cached

__all__ = ["FILES", "load"]

FILES: dict[str, tuple[RemoteFile, ...]] = {
    "emnist": (
        # NIST publishes no checksum for this file, so the zip's own CRC and the structure below are what is checked.
        RemoteFile(
            "matlab.zip",
            (
                "https://biometrics.nist.gov/cs_links/EMNIST/matlab.zip",
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/matlab.zip",
            ),
            member="matlab/emnist-digits.mat",
        ),
    ),
}

_PIXELS = 28 * 28


def load(*, progress: bool = True) -> Dataset:
    """Load EMNIST Digits, 280,000 images (n, 28, 28) uint8, upright, with the writer of each.

    The rows are the 240,000 train images, then the 40,000 test images. The only factor is ``writer``, NIST's writer
    number, int64; there are 3,579 writers. Other counts than these are taken as they come.

    The official zip (about 740 MB) is downloaded once; ``emnist-digits.mat`` is taken out of it and kept in the cache,
    the zip is not.

    Parameters
    ----------
    progress
        Show progress bars on stderr while downloading and unpacking.

    Raises
    ------
    DownloadError
        If the file cannot be brought into the cache, or a freshly downloaded one cannot be read.
    ValueError
        If the file has another structure than EMNIST's.

    References
    ----------
    Cohen, Afshar, Tapson, van Schaik. EMNIST: an extension of MNIST to handwritten letters. 2017. arXiv:1702.05373
    """
    content, path = _content(progress)
    parts = {name: _part(content, name, path) for name in ("train", "test")}
    lengths = [len(labels) for _, labels, _ in parts.values()]
    x = np.empty((sum(lengths), 28, 28), np.uint8)
    start = 0
    for images, labels, _ in parts.values():
        # A row holds an image column by column; Fortran order reads it that way, so [i, row, column] comes out upright.
        x[start : start + len(labels)] = images.reshape((-1, 28, 28), order="F")
        start += len(labels)
    return Dataset(
        x,
        np.concatenate([labels for _, labels, _ in parts.values()]),
        {"writer": np.concatenate([writers for _, _, writers in parts.values()])},
        split=np.repeat(["train", "test"], lengths),
        label_name="digit",
        name="emnist",
        source="EMNIST Digits (Cohen, Afshar, Tapson, van Schaik 2017), from NIST Special Database 19",
        licence=CATALOGUE["emnist"].licence,
    )


class _UnreadableError(Exception):
    """The bytes are not those of a .mat file."""


def _content(progress: bool) -> tuple[Any, Path]:
    """Return the struct ``dataset`` and the path it is from; a file damaged in the cache is fetched once more."""
    (file,) = FILES["emnist"]
    while True:
        was_here = is_cached("emnist", file)
        path = fetch("emnist", file, progress=progress)
        try:
            return _read_mat(path), path
        except _UnreadableError as error:
            path.unlink(missing_ok=True)
            if not was_here:
                raise DownloadError(
                    f"{file.name} arrived whole, but its {file.member} cannot be read ({error}): set WVAE_MIRROR "
                    f"to a place that has the official file as <mirror>/emnist/{file.name}"
                ) from error


def _read_mat(path: Path) -> Any:
    """Return the struct ``dataset`` of a Matlab file."""
    from scipy.io import loadmat  # slow to import
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=["dataset"])
    except OSError as error:
        if error.errno is not None:  # the system's, such as a missing permission; scipy's own have no number
            raise
        raise _UnreadableError(str(error)) from error
    # What else scipy raises on damaged bytes depends on where the damage is.
    except (MatReadError, zlib.error, ValueError, TypeError, LookupError, EOFError, RuntimeError) as error:
        raise _UnreadableError(str(error) or type(error).__name__) from error
    if "dataset" not in content:
        raise ValueError(f"{path} has no variable 'dataset': it is not EMNIST's file; delete it and load again")
    return content["dataset"]


def _part(content: Any, name: str, path: Path) -> tuple[Array, Array, Array]:
    """Return images (n, 784) uint8, digits (n,) and writers (n,) of one part, checking all of them."""

    def wrong(what: str) -> ValueError:
        return ValueError(f"{path}: {what}; this is not EMNIST's structure: delete the file and load again")

    part = _field(content, name, wrong)
    images, labels, writers = (_field(part, field, wrong) for field in ("images", "labels", "writers"))
    mapping = _field(content, "mapping", wrong)
    if images.ndim != 2 or images.shape[1] != _PIXELS or images.dtype != np.uint8 or not len(images):
        raise wrong(f"{name}.images has shape {images.shape} and type {images.dtype}, expected (n, {_PIXELS}) uint8")
    for column, values in (("labels", labels), ("writers", writers)):
        if values.shape != (len(images), 1) or values.dtype.kind not in "uif" or (values != np.floor(values)).any():
            raise wrong(f"{name}.{column} has shape {values.shape}, expected ({len(images)}, 1) of whole numbers")
    if mapping.ndim != 2 or mapping.shape[1] < 2 or mapping.dtype.kind not in "uif":
        raise wrong(f"mapping has shape {mapping.shape}, expected (10, 2): label, ASCII code")
    code = {int(row[0]): int(row[1]) - ord("0") for row in mapping}  # label -> digit
    found = np.unique(labels).astype(np.int64).tolist()
    if not all(0 <= code.get(label, -1) <= 9 for label in found):
        raise wrong(f"{name}.labels has {found}, which mapping does not take to the digits 0-9")
    digits = np.zeros(max(found) + 1, np.int64)
    digits[found] = [code[label] for label in found]
    return images, digits[labels[:, 0].astype(np.int64)], writers[:, 0].astype(np.int64)


def _field(struct: Any, name: str, wrong: Any) -> Any:
    """Return one field of a Matlab struct, which scipy gives as a (1, 1) array of records."""
    if getattr(struct, "shape", None) != (1, 1) or name not in (struct.dtype.names or ()):
        raise wrong(f"there is no {name!r} where it belongs")
    return struct[name][0, 0]
