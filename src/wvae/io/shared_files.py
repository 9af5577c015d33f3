"""The files of a model folder that are shared with others: weights, JSON and a model card.

Neither pictures of examples nor paths of this machine are among them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..datasets.messages import one_line
from .files import ModelFileError
from .model_card import model_card
from .model_folder import (
    CONFIG_FILE,
    MEASURES_FILE,
    ROWS_FILE,
    WEIGHTS_FILE,
    read_model_folder,
)

CARD_FILE = "README.md"
# All that is read of a shared model, whatever else its author put beside it.
MODEL_FILES = (CONFIG_FILE, WEIGHTS_FILE, ROWS_FILE, MEASURES_FILE)
PUBLIC_ROWS_KEYS = ("data", "examples", "fingerprint", "licence")  # not the path of the data


def shared_files(folder: Path, address: str, card: str | None = None) -> dict[str, bytes]:
    """Return the content of the files to share, by name.

    Parameters
    ----------
    folder
        A model folder.
    address
        What `wvae.load` will take, for the model card.
    card
        Text of the model card; None to write it from the folder.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the folder is missing or damaged.
    """
    record, measures = read_record(folder / ROWS_FILE), read_record(folder / MEASURES_FILE)
    if card is None:
        card = folder_card(folder, address)
    else:
        read_model_folder(folder)  # raises an error if others could not read it either
    files = {CARD_FILE: card.encode()}
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        files[name] = (folder / name).read_bytes()
    if record:
        public = {key: record[key] for key in PUBLIC_ROWS_KEYS if key in record}
        files[ROWS_FILE] = _to_json(public)
    if measures:
        files[MEASURES_FILE] = _to_json(measures)
    return files


def folder_card(folder: Path, address: str) -> str:
    """Return the model card of a model folder.

    Parameters
    ----------
    folder, address
        As in `shared_files`.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the folder is missing or damaged.
    """
    saved = read_model_folder(folder)
    measures = read_record(folder / MEASURES_FILE)
    return model_card(saved, read_record(folder / ROWS_FILE), measures or None, address)


def read_record(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, empty if there is no such file.

    Raises
    ------
    wvae.io.files.ModelFileError
        If the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(
            f"{path} is damaged ({one_line(error)}): delete it, or restore it"
        ) from error
    if not isinstance(record, dict):
        raise ModelFileError(f"{path} is damaged (it holds no object): delete it, or restore it")
    return record


def _to_json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
