"""NumPy files: names of arrays, types, shapes, labels, damage."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .entries import Entries, Right, put, refused
from .media import pixels

ENTRIES = Entries()
IMAGES = pixels(0, (8, 6, 5))
TABLE = np.arange(16.0).reshape(8, 2) ** 2
Y = np.arange(8) % 2
WORDS = np.array(["cat", "dog"])[Y]
FOUR = {0: 4, 1: 4}
READ = Right((8, 6, 5), FOUR, first=IMAGES[:2], kind="image")


def npz(name: str, expect: Any, *flags: str, fit: bool = False, **arrays: Any) -> None:
    """Add an archive of these arrays."""

    def write(root: Path) -> Path:
        np.savez(root / "data.npz", **arrays)
        return root / "data.npz"

    ENTRIES.add(name, write, expect, *flags, fit=fit)


# ------------------------------------------------------------------------------ names of arrays
npz("x_and_y", READ, x=IMAGES, y=Y)
npz("capital_x", READ, X=IMAGES, Y=Y)
npz("images_and_labels", READ, images=IMAGES, labels=Y)
npz("data_and_target", READ, data=IMAGES, target=Y)
npz(
    "keras_digits",
    Right((8, 6, 5), FOUR, split={"train": 6, "test": 2}, factors={}),
    x_train=IMAGES[:6],
    y_train=Y[:6],
    x_test=IMAGES[6:],
    y_test=Y[6:],
)
MED: dict[str, Any] = {
    f"{part}_{what}": (IMAGES if what == "images" else Y[:, None])[rows]
    for part, rows in (("train", slice(4)), ("val", slice(4, 6)), ("test", slice(6, 8)))
    for what in ("images", "labels")
}
npz(
    "med_mnist",
    Right((8, 6, 5), FOUR, split={"train": 6, "test": 2}, log=("val is taken as train",)),
    **MED,
)
npz(
    "med_mnist_without_test_labels",
    refused("data.npz", "'test_images'", "labels"),
    **{name: array for name, array in MED.items() if name != "test_labels"},
)
npz(
    "med_mnist_of_other_lengths",
    refused("data.npz", "'val_labels'", "(1, 1)", "'val_images'"),
    **dict(MED, val_labels=Y[:1, None]),
)
npz(
    "parts_of_two_shapes",
    refused("data.npz", "x_test", "(2, 4, 4)"),
    x_train=IMAGES[:6],
    y_train=Y[:6],
    x_test=pixels(1, (2, 4, 4)),
    y_test=Y[6:],
)
npz("without_names", refused("data.npz", "'arr_0' (8, 6, 5)", "rename"), arr_0=IMAGES, arr_1=Y)
npz("two_candidates", refused("data.npz", "'x'", "'images'"), x=IMAGES, images=IMAGES, y=Y)
npz("no_labels", refused("data.npz", "label"), x=IMAGES)
npz(
    "two_labels",
    refused("data.npz", "'label'", "'class'", "--label"),
    **{"x": IMAGES, "label": Y, "class": Y},
)
npz(
    "label_named",
    Right((8, 6, 5), FOUR, factors={"kind": None}),
    "--label",
    "who",
    x=IMAGES,
    who=Y,
    kind=WORDS,
)
npz("label_misspelt", refused("data.npz", "'whom'", "'who'"), "--label", "whom", x=IMAGES, who=Y)
npz(
    "factors",
    Right((8, 6, 5), FOUR, factors={"plate": [0, 0, 1, 1] * 2, "drawer": None}),
    x=IMAGES,
    y=Y,
    plate=Y.repeat(2)[:8],
    drawer=WORDS,
)
npz(
    "factor_of_another_length",
    refused("data.npz", "'plate'", "(7,)", "(8,)"),
    "--factor",
    "plate",
    x=IMAGES,
    y=Y,
    plate=Y[:7],
)
npz(
    "settings_beside_them", Right((8, 6, 5), log=("'version'",)), x=IMAGES, y=Y, version=np.array(3)
)
npz(
    "scipy_sparse_matrix",
    refused("data.npz", "sparse", "toarray"),
    format=np.array(b"csr"),
    shape=np.array([8, 2]),
    data=np.ones(8),
    indices=np.zeros(8, int),
    indptr=np.arange(9),
)
npz("size_for_an_array", refused("data.npz", "size"), "--size", "8", x=IMAGES, y=Y)

# ---------------------------------------------------------------------------------------- types
for _type in ("int64", "uint16", "float32", "float64", ">f4", ">i2", "float16", "longdouble"):
    npz(f"images_of_type_{_type.replace('>', 'big_endian_')}", READ, x=IMAGES.astype(_type), y=Y)
    npz(
        f"table_of_type_{_type.replace('>', 'big_endian_')}",
        Right((8, 2), FOUR, first=TABLE[:3], kind="table"),
        x=TABLE.astype(_type),
        y=Y,
    )
npz("images_of_fractions", Right((8, 6, 5), first=IMAGES[:2] / 255), x=IMAGES / 255, y=Y, fit=True)
npz("images_of_bool", Right((8, 6, 5), first=IMAGES[:2] > 99), x=IMAGES > 99, y=Y)
npz("fortran_order", READ, x=np.asfortranarray(IMAGES), y=Y)
npz("complex_numbers", refused("data.npz", "complex"), x=TABLE + 1j, y=Y)
npz("words_as_examples", refused("data.npz", "words"), x=np.array([["a", "b"]] * 8), y=Y)
npz("dates_as_examples", refused("data.npz", "datetime64"), x=np.zeros((8, 2), "M8[D]"), y=Y)
npz("records", refused("data.npz", "records"), x=np.zeros((8, 2), [("a", "f4")]), y=Y)
npz(
    "ragged_rows",
    refused("data.npz", "'x'", "Python objects"),
    x=np.array([np.zeros(i) for i in range(2, 10)], object),
    y=Y,
)
npz(
    "nan",
    refused("data.npz", "row 3", "NaN"),
    x=np.where(np.arange(8)[:, None] == 2, np.nan, TABLE),
    y=Y,
)
npz(
    "infinity",
    refused("data.npz", "row 8", "infinity"),
    x=np.where(np.arange(8)[:, None] == 7, np.inf, TABLE),
    y=Y,
)
npz(
    "beyond_float64",
    refused("data.npz", "infinity"),
    x=np.full((8, 2), np.longdouble("1e4000")),
    y=Y,
)

# --------------------------------------------------------------------------------------- shapes
npz("one_channel_first", READ, x=IMAGES[:, None], y=Y)
npz("one_channel_last", READ, x=IMAGES[..., None], y=Y)
npz(
    "colours_first",
    Right((8, 3, 6, 5), first=pixels(2, (8, 3, 6, 5))[:2]),
    x=pixels(2, (8, 3, 6, 5)),
    y=Y,
)
npz(
    "colours_last",
    Right((8, 3, 6, 5), first=pixels(2, (8, 6, 5, 3)).transpose(0, 3, 1, 2)[:2], log=("front",)),
    x=pixels(2, (8, 6, 5, 3)),
    y=Y,
)
npz("transparent", refused("data.npz", "4 channels", "transparent"), x=pixels(2, (8, 6, 5, 4)), y=Y)
npz("ten_bands", refused("data.npz", "(10, 6, 5)", "channels"), x=pixels(2, (8, 10, 6, 5)), y=Y)
npz(
    "three_by_three_images",
    refused("data.npz", "(3, 6, 3)", "unclear"),
    x=pixels(2, (8, 3, 6, 3)),
    y=Y,
)
npz("videos", refused("data.npz", "(8, 2, 6, 5, 3)"), x=pixels(2, (8, 2, 6, 5, 3)), y=Y)
npz("one_number_each", refused("data.npz", "(8,)", "(n, *shape)"), x=TABLE[:, 0], y=Y)
npz("a_single_number", refused("data.npz", "()"), x=np.array(3.5), y=Y)
npz("no_rows", refused("data.npz", "(0, 6, 5)"), x=IMAGES[:0], y=Y[:0])
npz("no_columns", refused("data.npz", "(8, 0)"), x=TABLE[:, :0], y=Y)
npz("rows_and_columns_exchanged", refused("data.npz", "'y'", "(8,)", "(2,)"), x=TABLE.T, y=Y)

# --------------------------------------------------------------------------------------- labels
npz("labels_too_few", refused("data.npz", "'y'", "(7,)", "(8,)"), x=IMAGES, y=Y[:7])
npz("labels_in_a_column", READ, x=IMAGES, y=Y[:, None])
npz("labels_one_hot", refused("data.npz", "'y'", "(8, 2)", "argmax"), x=IMAGES, y=np.eye(2)[Y])
npz("labels_of_fractions", READ, x=IMAGES, y=Y.astype(float))
npz(
    "labels_with_nan",
    Right((8, 6, 5), {0: 3, 1: 4, None: 1}, log=("1 of 8 rows",)),
    x=IMAGES,
    y=np.where(np.arange(8) == 0, np.nan, Y),
)
npz(
    "labels_with_minus_one",
    Right((8, 6, 5), {0: 3, 1: 4, None: 1}, log=("−1",)),
    x=IMAGES,
    y=np.where(np.arange(8) == 0, -1, Y),
)
npz("labels_of_bool", Right((8, 6, 5), {False: 4, True: 4}), x=IMAGES, y=Y == 1)
npz("labels_of_bytes", Right((8, 6, 5), {"cat": 4, "dog": 4}), x=IMAGES, y=WORDS.astype("S"))
npz(
    "labels_of_latin_bytes",
    refused("data.npz", "'y'", "UTF-8"),
    x=IMAGES,
    y=np.array([b"K\xfche", b"Hund"])[Y],
)
npz(
    "labels_of_dates",
    Right((8, 6, 5), {"2024-01-02": 4, "2024-01-03": 4}),
    x=IMAGES,
    y=np.datetime64("2024-01-02") + Y,
)
npz("labels_unsigned", READ, x=IMAGES, y=Y.astype(np.uint64))
npz(
    "labels_beyond_64_bits",
    refused("data.npz", "'y'", "18446744073709551615"),
    x=IMAGES,
    y=np.where(Y, 2**64 - 1, 0).astype(np.uint64),
)
npz("labels_complex", refused("data.npz", "'y'", "complex"), x=IMAGES, y=Y + 1j)
npz(
    "labels_as_objects", refused("data.npz", "'y'", "astype(str)"), x=IMAGES, y=WORDS.astype(object)
)
npz(
    "split_array",
    Right((8, 6, 5), split={"train": 6, "test": 2}),
    x=IMAGES,
    y=Y,
    split=np.repeat(["train", "test"], [6, 2]),
)

# --------------------------------------------------------------------------------------- damage
ENTRIES.text("empty_file", b"", refused("data.npz", "0 bytes"), file="data.npz")
ENTRIES.text("web_page", "<html>Not found</html>", refused("data.npz", "HTML"), file="data.npz")
ENTRIES.text(
    "pickle_as_npz", pickle.dumps([1, 2]), refused("data.npz", "a pickle"), file="data.npz"
)
ENTRIES.text(
    "pickle_as_npy", pickle.dumps([1, 2]), refused("data.npy", "a pickle"), file="data.npy"
)
ENTRIES.text("empty_npy", b"", refused("data.npy", "0 bytes"), file="data.npy")
ENTRIES.text(
    "lfs_pointer",
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    refused("data.npz", "git lfs pull"),
    file="data.npz",
)


def _archive() -> bytes:
    content = io.BytesIO()
    np.savez(content, x=IMAGES, y=Y)
    return content.getvalue()


@ENTRIES(refused("data.npz", "complete"))
def download_cut_off(root: Path) -> Path:
    return put(root / "data.npz", _archive()[:-100])


@ENTRIES(refused("data.npz", "complete"))
def one_byte_flipped(root: Path) -> Path:
    content = bytearray(_archive())
    content[200] ^= 0xFF
    return put(root / "data.npz", bytes(content))


@ENTRIES(READ)
def compressed(root: Path) -> Path:
    np.savez_compressed(root / "data.npz", x=IMAGES, y=Y)
    return root / "data.npz"


@ENTRIES(READ)
def notes_in_the_archive(root: Path) -> Path:
    np.savez(root / "data.npz", x=IMAGES, y=Y)
    with zipfile.ZipFile(root / "data.npz", "a") as archive:
        archive.writestr("README.txt", "made by hand")
    return root / "data.npz"


@ENTRIES(refused("data.npz", "no arrays"))
def zip_of_other_files(root: Path) -> Path:
    with zipfile.ZipFile(root / "data.npz", "w") as archive:
        archive.writestr("data.csv", "a,label\n1,x\n")
    return root / "data.npz"


@ENTRIES(refused("data.npz", "rename it to .npy"))
def npy_called_npz(root: Path) -> Path:
    np.save(root / "data.npy", IMAGES)
    return (root / "data.npy").rename(root / "data.npz")


npz(
    "column_of_one_part_only",
    Right((8, 6, 5), FOUR, split={"train": 6, "test": 2}, factors={}, log=("'plate_train'",)),
    x_train=IMAGES[:6],
    y_train=Y[:6],
    plate_train=Y[:6],
    x_test=IMAGES[6:],
    y_test=Y[6:],
)
