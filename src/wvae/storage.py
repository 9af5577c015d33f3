"""Files: a model folder is data (config.json + model.safetensors), never code; and the original's weights."""

from __future__ import annotations

import json
import math
import os
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

FORMAT = 1
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


class ModelFileError(ValueError):
    """A model folder or file cannot be read; the message says what is wrong with it."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes that name only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`; it replaces `path` only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename folder `new` to `path`, removing what was there; at no moment is `path` half-written."""
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.replace(old)
    new.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any, *, lines: bool = False) -> None:
    """Write JSON atomically; with `lines`, one line per item."""
    with atomic(path) as temporary:
        text = "\n".join(json.dumps(item) for item in value) if lines else json.dumps(value, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write tensors and strings as one safetensors file, atomically."""
    from safetensors.torch import save_file

    with atomic(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary, about)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is damaged or no safetensors file ({error}): restore it or train again"
        ) from error


def write_model(path: Path, about: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model folder, atomically: config.json and model.safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(path) as folder:
        write_json(folder / CONFIG_FILE, {"format": FORMAT, **about})
        write_tensors(folder / WEIGHTS_FILE, tensors, {})


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder.

    Raises
    ------
    ModelFileError
        If it is none, is damaged, or was written by a newer version.
    """
    file = path / CONFIG_FILE
    if not file.exists():
        raise ModelFileError(f"{path} is no model folder: it has no {CONFIG_FILE}")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        version = about["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{file} is damaged ({error}): restore it or train again") from error
    if version != FORMAT:
        raise ModelFileError(f"{file} has format {version}, this version reads {FORMAT}: update wvae")
    return about, read_tensors(path / WEIGHTS_FILE)[0]


# The notebook's link names (a is the label code, b the rest) and ours.
_ORIGINAL = {
    "le1": "trunk.1",
    "le2_mu_a": "label_mean",
    "le2_ln_var_a": "label_log_variance",
    "le2_mu_b": "rest_mean",
    "le2_ln_var_b": "rest_log_variance",
    "ld1_a": "decoder.from_label",
    "ld1_b": "decoder.from_rest",
    "ld2": "decoder.output",
}
_ORIGINAL_CLASSIFIER = "l_c"  # missing in the variant without labels


def read_original(path: Path) -> dict[str, np.ndarray]:
    """Read the original's Chainer file into our names, for upright images.

    The originals were trained on EMNIST as stored, that is transposed: the weights that touch pixels are permuted.

    Raises
    ------
    ModelFileError
        If it is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} is no Chainer .model file, which is an npz ({error})") from error
    links = dict(_ORIGINAL)
    if f"{_ORIGINAL_CLASSIFIER}/W" in arrays:
        links[_ORIGINAL_CLASSIFIER] = "classifier"
    missing = [f"{link}/{part}" for link in links for part in "Wb" if f"{link}/{part}" not in arrays]
    if missing:
        raise ModelFileError(f"{path} lacks {', '.join(missing)}: it is not a model of the notebook")
    weights = {
        f"{ours}.{name}": arrays[f"{link}/{part}"]
        for link, ours in links.items()
        for part, name in (("W", "weight"), ("b", "bias"))
    }
    side = math.isqrt(weights["trunk.1.weight"].shape[1])
    if side * side != weights["trunk.1.weight"].shape[1] or len(weights["decoder.output.bias"]) != side * side:
        raise ModelFileError(f"{path} is not for square images: le1/W has shape {arrays['le1/W'].shape}")
    upright = np.arange(side * side).reshape(side, side).T.ravel()
    weights["trunk.1.weight"] = weights["trunk.1.weight"][:, upright]
    weights["decoder.output.weight"] = weights["decoder.output.weight"][upright]
    weights["decoder.output.bias"] = weights["decoder.output.bias"][upright]
    return weights
