"""MNIST's images joined with QMNIST's record of who wrote each of them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from ..catalogue import CATALOGUE
from ..dataset import Array, Dataset
from ..download import RemoteFile, fetch

__all__ = ["FILES", "load"]

_MNIST = (
    "http://yann.lecun.com/exdb/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_QMNIST = ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",)


def _file(bases: tuple[str, ...], name: str, md5: str, size: int) -> RemoteFile:
    return RemoteFile(name, tuple(base + name for base in bases), md5, size)


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": (
        _file(_MNIST, "train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        _file(_MNIST, "t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        _file(_MNIST, "train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        _file(_MNIST, "t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    "qmnist": (
        _file(_QMNIST, "qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4", 463_024),
        _file(_QMNIST, "qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa", 526_800),
    ),
}

# QMNIST's columns that are used here.
DIGIT, HSF, WRITER = 0, 1, 2
# NIST collected series 0-3 from employees of the Census Bureau and series 4 from high-school students.
STUDENTS_HSF, FIRST_STUDENT = 4, 2100

_IDX_DTYPES = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}


def load(*, progress: bool = True) -> Dataset:
    """Load MNIST's 70,000 images, (n, 28, 28) uint8, with the writer of each.

    The rows are MNIST's train images, then its test images, in the official order. QMNIST's 60,000 train rows and the
    first 10,000 of its test rows describe these very images; this is checked by comparing all digit labels.

    Factors
        ``writer``
            NIST's writer number, int64: 539 writers in train, 297 others in test, no one in both.
        ``hsf``
            NIST's series of forms, int64: 0 (Census Bureau employees, writers 0-373 here) or 4 (high-school students,
            writers 2100-2599).
        ``population``
            ``"employee"`` or ``"student"``, from ``hsf``; the writer numbers say the same of every image (checked).

    Parameters
    ----------
    progress
        Show a progress bar on stderr while downloading (12.6 MB, once).

    Raises
    ------
    DownloadError
        If a file cannot be brought into the cache.
    ValueError
        If the files do not fit each other.

    References
    ----------
    LeCun, Cortes, Burges. The MNIST database of handwritten digits.
    Yadav, Bottou. Cold Case: The Lost MNIST Digits. NeurIPS 2019.
    """
    mnist = [fetch("mnist", file, progress=progress) for file in FILES["mnist"]]
    qmnist = [fetch("qmnist", file, progress=progress) for file in FILES["qmnist"]]
    train, test = 60_000, 10_000
    x = np.empty((train + test, 28, 28), np.uint8)
    x[:train] = _read_idx(mnist[0], (train, 28, 28))
    x[train:] = _read_idx(mnist[1], (test, 28, 28))
    y = np.concatenate([_read_idx(mnist[2], (train,)), _read_idx(mnist[3], (test,))]).astype(np.int64)
    rows = [_read_idx(qmnist[0], (60_000, 8))[:train], _read_idx(qmnist[1], (60_000, 8))[:test]]
    extended = np.concatenate(rows).astype(np.int64)  # (70000, 8)
    _check_join(y, extended)
    hsf = extended[:, HSF].copy()
    return Dataset(
        x,
        y,
        {
            "writer": extended[:, WRITER].copy(),
            "hsf": hsf,
            "population": np.where(hsf == STUDENTS_HSF, "student", "employee"),
        },
        split=np.repeat(["train", "test"], [train, test]),
        label_name="digit",
        name="mnist",
        source="MNIST (LeCun, Cortes, Burges) with the writers of QMNIST (Yadav, Bottou 2019)",
        licence=CATALOGUE["mnist"].licence,
    )


def _read_idx(path: Path, shape: tuple[int, ...]) -> Array:
    """Read a gzipped idx file of bytes (type 8) or big-endian int32 (type 12), checking that it has this shape."""
    try:
        raw = zlib.decompress(path.read_bytes(), wbits=31)  # 31: a gzip header; faster than the gzip module
    except zlib.error as error:
        raise ValueError(f"{path} is not a whole .gz file ({error}): delete it and load again") from error
    dtype = _IDX_DTYPES.get(raw[2]) if raw[:2] == b"\0\0" and len(raw) >= 4 + 4 * len(shape) else None
    if dtype is None or raw[3] != len(shape):
        expected = f"0000, a type of {sorted(_IDX_DTYPES)} and {len(shape)} dimensions"
        raise ValueError(
            f"{path} starts with {raw[:4].hex() or 'nothing'}, expected {expected}: it is not the idx file"
        )
    counts = tuple(np.frombuffer(raw, ">u4", len(shape), offset=4).tolist())
    start = 4 + 4 * len(shape)
    if counts != shape:
        raise ValueError(
            f"{path} holds an array of shape {counts}, expected {shape}: it is another file of the same kind"
        )
    size = int(np.prod(shape)) * dtype.itemsize
    if len(raw) - start != size:
        raise ValueError(
            f"{path} has {len(raw) - start} bytes of values, expected {size}: it is cut short or has a tail"
        )
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


def _check_join(y: Array, extended: Array) -> None:
    """Check that QMNIST's rows describe MNIST's images: same digits, and the two accounts of who wrote agree."""
    differ = np.flatnonzero(extended[:, DIGIT] != y)
    if differ.size:
        raise ValueError(
            f"MNIST and QMNIST disagree on {differ.size} of {y.size} digits, first on row {differ[0]}: "
            "the files do not belong together"
        )
    differ = np.flatnonzero((extended[:, HSF] == STUDENTS_HSF) != (extended[:, WRITER] >= FIRST_STUDENT))
    if differ.size:
        raise ValueError(
            f"QMNIST's series and writer numbers disagree on who is a student in {differ.size} rows, "
            f"first in row {differ[0]}: series {extended[differ[0], HSF]}, writer {extended[differ[0], WRITER]}"
        )
