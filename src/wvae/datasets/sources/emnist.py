"""EMNIST Digits with their writers, from the official Matlab file."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..catalogue import CATALOGUE
from ..dataset import Array, Dataset
from ..download import DownloadError, RemoteFile, fetch, is_cached

__all__ = ["FILES", "load"]

FILES: dict[str, tuple[RemoteFile, ...]] = {
    "emnist": (
        # NIST publishes no checksum of this file. The zip's CRC and the structure are verified.
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

SOURCE = "EMNIST Digits (Cohen, Afshar, Tapson, van Schaik 2017), from NIST Special Database 19"

_PIXELS = 28 * 28
# The type of scipy's error depends on where the file is damaged.
_DAMAGE = (ValueError, TypeError, LookupError, EOFError, RuntimeError)


def load(*, progress: bool = True) -> Dataset:
    """Load EMNIST Digits, 280,000 images with the writer of each.

    The rows are the 240,000 train images, then the 40,000 test images. The official zip, about
    740 MB, is downloaded once; the cache keeps only ``emnist-digits.mat`` from it. The numbers of
    images and writers are not verified.

    Parameters
    ----------
    progress
        Show a progress bar on stderr during the download.

    Returns
    -------
    Dataset
        ``x`` (280000, 28, 28) uint8, upright; ``y`` the digits, int64; ``split`` the official one;
        the only factor is ``writer``, NIST's writer number, int64, with 3,579 values.

    Raises
    ------
    wvae.datasets.download.DownloadError
        If the file cannot be downloaded, or a newly downloaded one cannot be read.
    ValueError
        If the structure of the file is not that of EMNIST.

    References
    ----------
    Cohen, Afshar, Tapson, van Schaik. EMNIST: an extension of MNIST to handwritten letters. 2017.
    arXiv:1702.05373
    """
    content, path = _content(progress)
    train = _part(content, "train", path)
    test = _part(content, "test", path)
    lengths = [len(train[1]), len(test[1])]
    x = np.empty((sum(lengths), 28, 28), np.uint8)
    # Each row stores an image column by column; Fortran order makes [i, row, column] upright.
    x[: lengths[0]] = train[0].reshape((-1, 28, 28), order="F")
    x[lengths[0] :] = test[0].reshape((-1, 28, 28), order="F")
    return Dataset(
        x,
        np.concatenate([train[1], test[1]]),
        {"writer": np.concatenate([train[2], test[2]])},
        split=np.repeat(["train", "test"], lengths),
        label_name="digit",
        name="emnist",
        source=SOURCE,
        licence=CATALOGUE["emnist"].licence,
    )


class _UnreadableError(Exception):
    """The bytes are not those of a .mat file."""


def _content(progress: bool) -> tuple[Any, Path]:
    """Return the struct ``dataset`` and its path; replace a damaged file in the cache."""
    (file,) = FILES["emnist"]
    while True:
        was_cached = is_cached("emnist", file)
        path = fetch("emnist", file, progress=progress)
        try:
            return _read_mat(path), path
        except _UnreadableError as error:
            path.unlink(missing_ok=True)
            if not was_cached:
                raise DownloadError(
                    f"{file.name} was downloaded, but its member {file.member} cannot be read "
                    f"({error}): set WVAE_MIRROR to a folder or address with the official file "
                    f"at emnist/{file.name}"
                ) from error


def _read_mat(path: Path) -> Any:
    """Return the struct ``dataset`` of a Matlab file."""
    from scipy.io import loadmat  # slow to import
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=["dataset"])
    except OSError as error:
        # System errors, such as a missing permission, have a number; scipy's own have none.
        if error.errno is not None:
            raise
        raise _UnreadableError(str(error)) from error
    except (MatReadError, zlib.error, *_DAMAGE) as error:
        raise _UnreadableError(str(error) or type(error).__name__) from error
    if "dataset" not in content:
        raise ValueError(
            f"{path} has no variable 'dataset', expected EMNIST's file: delete it and load again"
        )
    return content["dataset"]


def _part(content: Any, name: str, path: Path) -> tuple[Array, Array, Array]:
    """Return images (n, 784) uint8, digits (n,) and writers (n,) of one part; check all of them."""

    def error(problem: str) -> ValueError:
        return ValueError(
            f"{path}: {problem}; this is not EMNIST's structure: delete the file and load again"
        )

    part = _field(content, name, error)
    mapping = _field(content, "mapping", error)
    images = _field(part, "images", error)
    labels = _field(part, "labels", error)
    writers = _field(part, "writers", error)
    shape_is_right = images.ndim == 2 and images.shape[1] == _PIXELS and len(images) > 0
    if not shape_is_right or images.dtype != np.uint8:
        raise error(
            f"{name}.images has shape {images.shape} and dtype {images.dtype}, "
            f"expected (n, {_PIXELS}) uint8"
        )
    for column, values in (("labels", labels), ("writers", writers)):
        if values.shape != (len(images), 1) or not _is_whole(values):
            raise error(
                f"{name}.{column} has shape {values.shape} and dtype {values.dtype}, "
                f"expected ({len(images)}, 1) of whole numbers"
            )
    digits = _digits(labels[:, 0].astype(np.int64), mapping, name, error)
    return images, digits, writers[:, 0].astype(np.int64)


def _is_whole(values: Array) -> bool:
    """Return whether all values are whole numbers."""
    return values.dtype.kind in "uif" and bool((values == np.floor(values)).all())


def _digits(labels: Array, mapping: Array, name: str, error: Callable[[str], ValueError]) -> Array:
    """Return the digits (n,) of labels (n,) by EMNIST's mapping from labels to ASCII codes."""
    if mapping.ndim != 2 or mapping.shape[1] < 2 or mapping.dtype.kind not in "uif":
        raise error(f"mapping has shape {mapping.shape}, expected (10, 2): label, ASCII code")
    digit_of = {int(row[0]): int(row[1]) - ord("0") for row in mapping}
    present = np.unique(labels).tolist()
    if not all(0 <= digit_of.get(label, -1) <= 9 for label in present):
        raise error(
            f"{name}.labels has the values {present}, expected values that mapping maps to the "
            "digits 0-9"
        )
    digits = np.zeros(max(present) + 1, np.int64)
    for label in present:
        digits[label] = digit_of[label]
    return digits[labels]


def _field(struct: Any, name: str, error: Callable[[str], ValueError]) -> Any:
    """Return one field of a Matlab struct, which scipy reads as a (1, 1) array of records."""
    if getattr(struct, "shape", None) != (1, 1) or name not in (struct.dtype.names or ()):
        raise error(f"the field {name!r} is missing")
    return struct[name][0, 0]
