"""MNIST with the writer of each image, from QMNIST's extended labels."""

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
_INT2 = "labels-idx2-int.gz"


def _file(folders: tuple[str, ...], name: str, md5: str, size: int) -> RemoteFile:
    return RemoteFile(name, tuple(folder + name for folder in folders), md5, size)


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": (
        _file(_MNIST, "train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        _file(_MNIST, "t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        _file(_MNIST, "train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        _file(_MNIST, "t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    "qmnist": (
        _file(_QMNIST, f"qmnist-train-{_INT2}", "0058f8dd561b90ffdd0f734c6a30e5e4", 463_024),
        _file(_QMNIST, f"qmnist-test-{_INT2}", "5b5b05890a5e13444e108efe57b788aa", 526_800),
    ),
}

TRAIN, TEST = 60_000, 10_000  # MNIST's images
# Columns of QMNIST's extended labels that are used here.
DIGIT, HSF, WRITER = 0, 1, 2
# NIST collected series 0 to 3 from Census Bureau employees and series 4 from high-school students.
STUDENTS_HSF, FIRST_STUDENT = 4, 2100

_IDX_DTYPES = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}


def load(*, progress: bool = True) -> Dataset:
    """Load MNIST's 70,000 images with the writer of each.

    The rows are MNIST's train images, then its test images, in the official order. QMNIST's 60,000
    train rows and the first 10,000 of its test rows describe the same images; this is verified by
    comparing all digit labels.

    Parameters
    ----------
    progress
        Show a progress bar on stderr during the download (12.6 MB, once).

    Returns
    -------
    Dataset
        ``x`` (70000, 28, 28) uint8; ``y`` the digits, int64; ``split`` the official one; and

        ==========  ============================================================================
        factor      meaning
        ==========  ============================================================================
        writer      NIST's writer number, int64: 539 writers in train, 297 others in test
        hsf         NIST's series of forms, int64: 0 (Census Bureau employees, here writers 0 to
                    373) or 4 (high-school students, writers 2100 to 2599)
        population  ``"employee"`` or ``"student"``, from ``hsf``; verified by writer number
        ==========  ============================================================================

    Raises
    ------
    wvae.datasets.download.DownloadError
        If a file cannot be downloaded.
    ValueError
        If a file has the wrong structure, or the files do not match each other.

    References
    ----------
    LeCun, Cortes, Burges. The MNIST database of handwritten digits.
    Yadav, Bottou. Cold Case: The Lost MNIST Digits. NeurIPS 2019.
    """
    mnist = [fetch("mnist", file, progress=progress) for file in FILES["mnist"]]
    qmnist = [fetch("qmnist", file, progress=progress) for file in FILES["qmnist"]]
    x = np.empty((TRAIN + TEST, 28, 28), np.uint8)
    x[:TRAIN] = _read_idx(mnist[0], (TRAIN, 28, 28))
    x[TRAIN:] = _read_idx(mnist[1], (TEST, 28, 28))
    labels = [_read_idx(mnist[2], (TRAIN,)), _read_idx(mnist[3], (TEST,))]
    y = np.concatenate(labels).astype(np.int64)
    train_rows = _read_idx(qmnist[0], (60_000, 8))
    test_rows = _read_idx(qmnist[1], (60_000, 8))[:TEST]  # QMNIST has more test images than MNIST
    extended = np.concatenate([train_rows, test_rows]).astype(np.int64)  # (70000, 8)
    _check_match(y, extended)
    hsf = extended[:, HSF].copy()
    factors = {
        "writer": extended[:, WRITER].copy(),
        "hsf": hsf,
        "population": np.where(hsf == STUDENTS_HSF, "student", "employee"),
    }
    return Dataset(
        x,
        y,
        factors,
        split=np.repeat(["train", "test"], [TRAIN, TEST]),
        label_name="digit",
        name="mnist",
        source="MNIST (LeCun, Cortes, Burges) with the writers of QMNIST (Yadav, Bottou 2019)",
        licence=CATALOGUE["mnist"].licence,
    )


def _read_idx(path: Path, shape: tuple[int, ...]) -> Array:
    """Read a gzipped idx file of bytes (type 8) or big-endian int32 (type 12); check its shape."""
    try:
        # wbits=31 expects a gzip header; this is faster than the gzip module.
        raw = zlib.decompress(path.read_bytes(), wbits=31)
    except zlib.error as error:
        raise ValueError(
            f"{path} is not a complete .gz file ({error}): delete it and load again"
        ) from error
    n_dims = len(shape)
    header = 4 + 4 * n_dims  # bytes: 0, 0, type, number of dimensions; each dimension as uint32
    dtype = _IDX_DTYPES.get(raw[2]) if raw[:2] == b"\0\0" and len(raw) >= header else None
    if dtype is None or raw[3] != n_dims:
        raise ValueError(
            f"{path} starts with {raw[:4].hex() or 'nothing'}, expected an idx file: 0000, a type "
            f"of {sorted(_IDX_DTYPES)} and {n_dims} dimensions; replace it"
        )
    file_shape = tuple(np.frombuffer(raw, ">u4", n_dims, offset=4).tolist())
    if file_shape != shape:
        raise ValueError(
            f"{path} has an array of shape {file_shape}, expected {shape}: replace the file"
        )
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    if len(raw) - header != n_bytes:
        raise ValueError(
            f"{path} has {len(raw) - header} bytes of values, expected {n_bytes}: replace the file"
        )
    return np.frombuffer(raw, dtype, offset=header).reshape(shape)


def _check_match(y: Array, extended: Array) -> None:
    """Raise ValueError unless QMNIST's rows describe MNIST's images and agree on the students."""
    differ = np.flatnonzero(extended[:, DIGIT] != y)
    if differ.size:
        raise ValueError(
            f"MNIST and QMNIST disagree on {differ.size} of {y.size} digits, first in row "
            f"{differ[0]}, expected equal ones: delete the files and load again"
        )
    student_by_series = extended[:, HSF] == STUDENTS_HSF
    student_by_number = extended[:, WRITER] >= FIRST_STUDENT
    differ = np.flatnonzero(student_by_series != student_by_number)
    if differ.size:
        first = differ[0]
        raise ValueError(
            f"QMNIST's series and writer numbers disagree on who is a student in {differ.size} "
            f"rows, first in row {first} (series {extended[first, HSF]}, writer "
            f"{extended[first, WRITER]}): delete the files and load again"
        )
