"""MNIST with its writers, EMNIST, and scikit-learn's digits."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.datasets import load_digits

from wvae.datasets import Dataset, load
from wvae.datasets.catalogue import status
from wvae.datasets.download import DownloadError
from wvae.datasets.sources import digits8x8, mnist

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

needs_mnist = pytest.mark.skipif(
    not (SHARED / "mnist").is_dir(), reason="MNIST's files are not in ../shared/data"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WVAE_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "cache"


def test_import_of_the_sources_does_not_load_torch() -> None:
    code = "import sys, wvae.datasets.catalogue as c; c.status(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ------------------------------------------------------------------------------- digits8x8


def test_digits8x8_equals_scikit_learns_digits() -> None:
    data = load("digits8x8", progress=False)
    assert data.x.dtype == np.uint8
    assert data.x.shape == (1797, 8, 8)
    assert (data.x.min(), data.x.max()) == (0, 255)
    values, y = load_digits(return_X_y=True)
    np.testing.assert_allclose(
        data.x.reshape(-1, 64) * (16 / 255), values, atol=0.5 * 16 / 255 + 1e-9
    )
    np.testing.assert_array_equal(data.y, y)
    assert data.y.dtype == np.int64
    assert data.factors == {}
    assert data.split is None
    assert digits8x8.load().name == data.name == "digits8x8"


# ------------------------------------------------------------------------------- MNIST


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """MNIST, downloaded from a local server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SHARED)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
            patch.setenv("WVAE_MIRROR", f"http://127.0.0.1:{server.server_port}")
            return load("mnist", progress=False)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@needs_mnist
def test_mnist_is_the_same_from_server_folder_and_cache(
    real: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WVAE_MIRROR", str(SHARED))
    first = load("mnist", progress=False)
    assert {row.name: row.cached for row in status()}["mnist"]
    monkeypatch.setenv("WVAE_MIRROR", str(SHARED / "gone"))
    for data in (first, load("mnist", progress=False)):
        np.testing.assert_array_equal(data.x, real.x)
        np.testing.assert_array_equal(data.factors["writer"], real.factors["writer"])


@needs_mnist
def test_mnist_has_the_published_counts_and_means(real: Dataset) -> None:
    assert real.x.shape == (70_000, 28, 28)
    assert real.x.dtype == np.uint8
    assert real.y.dtype == np.int64
    counts = "6903 7877 6990 7141 6824 6313 6876 7293 6825 6958"
    assert " ".join(map(str, np.bincount(real.y))) == counts
    assert real.split is not None
    assert (real.split == np.repeat(["train", "test"], [60_000, 10_000])).all()
    # Published facts: the first digit of each part, and the mean grey value of each part.
    assert real.y[[0, 60_000]].tolist() == [5, 7]
    assert real.x[:60_000].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert real.x[60_000:].mean() / 255 == pytest.approx(0.1325, abs=5e-5)


@needs_mnist
def test_mnist_has_the_writers_of_qmnist(real: Dataset) -> None:
    assert real.split is not None
    train, test = real.split == "train", real.split == "test"
    writer, hsf, population = (real.factors[name] for name in ("writer", "hsf", "population"))
    assert list(real.factors) == ["writer", "hsf", "population"]
    assert len(np.unique(writer[train])) == 539
    assert len(np.unique(writer[test])) == 297
    assert not np.intersect1d(writer[train], writer[test]).size
    assert np.unique(hsf).tolist() == [0, 4]
    assert ((population == "student") == (writer >= 2100)).all()
    assert ((population == "employee") == (writer < 611)).all()
    assert (population[test] == "employee").sum() == 4999
    # QMNIST's documentation gives the row of the first image of each part.
    assert [(int(writer[i]), int(hsf[i])) for i in (0, 60_000)] == [(2154, 4), (2578, 4)]
    assert "BSD" in real.licence


def idx(kind: int, shape: tuple[int, ...], values: bytes) -> bytes:
    return gzip.compress(
        struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape) + values, mtime=0
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(8, (2, 3), bytes(6))[:-12], r"not a complete \.gz file"),
        (b"plain", r"not a complete \.gz file"),
        (gzip.compress(b"", mtime=0), "starts with nothing"),
        (gzip.compress(b"\x00\x00\x08", mtime=0), "000008"),
        (idx(9, (2, 3), bytes(6)), "00000902"),
        (idx(8, (2, 3, 1), bytes(6)), "2 dimensions"),
        (idx(8, (3, 2), bytes(6)), r"shape \(3, 2\), expected \(2, 3\)"),
        (idx(8, (2, 3), bytes(5)), "5 bytes.*expected 6"),
        (idx(12, (2, 3), bytes(25)), "25 bytes.*expected 24"),
    ],
    ids=["cut", "plain", "empty", "header", "type", "dimensions", "shape", "short", "long"],
)
def test_damaged_idx_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file.gz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        mnist._read_idx(tmp_path / "file.gz", (2, 3))


def test_idx_integers_are_big_endian(tmp_path: Path) -> None:
    (tmp_path / "file.gz").write_bytes(idx(12, (2, 1), struct.pack(">2i", 1, -2)))
    assert mnist._read_idx(tmp_path / "file.gz", (2, 1)).tolist() == [[1], [-2]]


def test_qmnist_rows_that_do_not_match_are_an_error() -> None:
    extended = np.array([[5, 4, 2154, 0, 0, 0, 0, 0], [0, 0, 7, 0, 0, 0, 0, 0]])
    mnist._check_match(np.array([5, 0]), extended)
    with pytest.raises(ValueError, match="1 of 2 digits, first in row 1"):
        mnist._check_match(np.array([5, 1]), extended)
    extended[1, mnist.WRITER] = 2100
    with pytest.raises(ValueError, match=r"1 rows, first in row 1 \(series 0, writer 2100\)"):
        mnist._check_match(np.array([5, 0]), extended)


# ------------------------------------------------------------------------------- EMNIST


def content(train: int = 30, test: int = 20) -> tuple[dict[str, Any], np.ndarray]:
    """Return a struct like that of emnist-digits.mat, and the upright images."""
    rng = np.random.default_rng(0)
    upright = rng.integers(0, 256, (train + test, 28, 28), dtype=np.uint8)
    parts = {}
    for name, rows in (("train", slice(0, train)), ("test", slice(train, None))):
        n = len(upright[rows])
        parts[name] = {
            # The file stores each image column by column.
            "images": upright[rows].transpose(0, 2, 1).reshape(n, 784),
            "labels": (np.arange(n) % 10)[:, None].astype(np.float64),
            "writers": rng.integers(0, 4000, (n, 1)).astype(np.float64),
        }
    parts["mapping"] = np.stack([np.arange(10), np.arange(48, 58)], 1).astype(np.float64)
    return parts, upright


def publish(folder: Path, struct: Any, variable: str = "dataset", damage: bool = False) -> None:
    """Put the struct at the mirror, as the member of matlab.zip."""
    folder = folder / "mirror" / "emnist"
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "m.mat", {variable: struct}, do_compression=True)
    raw = (folder / "m.mat").read_bytes()
    with zipfile.ZipFile(folder / "matlab.zip", "w") as opened:
        opened.writestr("matlab/emnist-letters.mat", b"not this one")
        opened.writestr("matlab/emnist-digits.mat", raw[: len(raw) // 2] if damage else raw)


def test_emnist_gives_upright_images_digits_writers_and_split(tmp_path: Path, cache: Path) -> None:
    parts, upright = content()
    publish(tmp_path, parts)
    data = load("emnist", progress=False)
    np.testing.assert_array_equal(data.x, upright)
    assert data.x.dtype == np.uint8
    assert data.x.flags.c_contiguous
    assert data.y.dtype == np.int64
    np.testing.assert_array_equal(data.y, [*np.arange(30) % 10, *np.arange(20) % 10])
    assert list(data.factors) == ["writer"]
    assert data.factors["writer"].dtype == np.int64
    np.testing.assert_array_equal(
        data.factors["writer"],
        np.concatenate([parts["train"]["writers"], parts["test"]["writers"]])[:, 0],
    )
    assert data.split is not None
    assert (data.split == np.repeat(["train", "test"], [30, 20])).all()
    # The zip is not kept, the data set counts as cached, and nothing is downloaded again.
    assert [path.name for path in (cache / "emnist").iterdir()] == ["emnist-digits.mat"]
    assert {row.name: row.cached for row in status()}["emnist"]
    (tmp_path / "mirror" / "emnist" / "matlab.zip").unlink()
    np.testing.assert_array_equal(load("emnist").x, upright)


def test_emnist_digits_follow_the_files_mapping(tmp_path: Path) -> None:
    parts, _ = content()
    parts["mapping"] = np.stack([np.arange(10), np.arange(57, 47, -1)], 1)
    publish(tmp_path, parts)
    assert load("emnist", progress=False).y[:10].tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("damage", ["short", "flipped", "empty header"])
def test_emnist_damaged_in_the_cache_is_downloaded_again(
    tmp_path: Path, cache: Path, damage: str
) -> None:
    parts, upright = content()
    publish(tmp_path, parts)
    load("emnist", progress=False)
    path = cache / "emnist" / "emnist-digits.mat"
    raw = bytearray(path.read_bytes())
    if damage == "short":
        raw = raw[: len(raw) // 2]
    elif damage == "flipped":
        raw[len(raw) // 2] ^= 255
    else:
        raw[:200] = bytes(200)
    path.write_bytes(raw)
    np.testing.assert_array_equal(load("emnist", progress=False).x, upright)


def test_emnist_damaged_at_the_mirror_is_an_error_and_not_kept(tmp_path: Path, cache: Path) -> None:
    parts, upright = content()
    publish(tmp_path, parts, damage=True)
    with pytest.raises(
        DownloadError, match=r"matlab\.zip.*matlab/emnist-digits\.mat cannot be read"
    ):
        load("emnist", progress=False)
    assert list((cache / "emnist").iterdir()) == []
    publish(tmp_path, parts)
    np.testing.assert_array_equal(load("emnist", progress=False).x, upright)


def change(parts: dict[str, Any], what: str) -> None:
    train = parts["train"]
    match what:
        case "no train":
            del parts["train"]
        case "no writers":
            del parts["test"]["writers"]
        case "other size":
            train["images"] = train["images"][:, :700]
        case "floats":
            train["images"] = train["images"] / 255
        case "fewer labels":
            train["labels"] = train["labels"][1:]
        case "broken writer":
            train["writers"][3] = 0.5
        case "letters":
            parts["mapping"][:, 1] += 49
        case "unknown label":
            train["labels"][3] = 10
        case "not a struct":
            parts["train"] = np.zeros((1, 1))
        case "no mapping":
            parts["mapping"] = np.zeros((10, 1))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no train", "'train' is missing"),
        ("no writers", "'writers' is missing"),
        ("other size", r"train\.images has shape \(30, 700\).*expected \(n, 784\) uint8"),
        ("floats", r"dtype float64, expected \(n, 784\) uint8"),
        ("fewer labels", r"train\.labels has shape \(29, 1\).*expected \(30, 1\)"),
        ("broken writer", r"train\.writers .*expected \(30, 1\) of whole numbers"),
        ("letters", r"train\.labels.*mapping"),
        ("unknown label", r"train\.labels.*mapping"),
        ("not a struct", "'images' is missing"),
        ("no mapping", r"mapping has shape \(10, 1\), expected \(10, 2\)"),
    ],
)
def test_emnist_with_another_structure_is_an_error(tmp_path: Path, what: str, message: str) -> None:
    parts, _ = content()
    change(parts, what)
    publish(tmp_path, parts)
    with pytest.raises(ValueError, match=message) as caught:
        load("emnist", progress=False)
    assert "delete the file" in str(caught.value)


def test_emnist_without_its_variable_is_an_error(tmp_path: Path) -> None:
    publish(tmp_path, content()[0], variable="data")
    with pytest.raises(ValueError, match="'dataset'"):
        load("emnist", progress=False)
