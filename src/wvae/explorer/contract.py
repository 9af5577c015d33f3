"""The explorer's data as types: what ``contract.schema.json`` says, for Python.

The schema describes every field; the page reads the same files. A test compares both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "Column",
    "Dimension",
    "Drawing",
    "Manifest",
    "Matrix",
    "ModelFiles",
    "Pictures",
    "PointMap",
    "Sound",
    "Truth",
    "Values",
    "read_schema",
]

VERSION: Literal[1] = 1
MANIFEST_FILE = "explorer.json"

Code = Literal["z_label", "z_rest"]
Role = Literal["label", "predicted", "factor", "split", "cluster", "row", "file"]
Dtype = Literal["u8", "u16", "u32", "f32", "text"]


class Column(TypedDict):
    """Metadata of the examples: a category, a number or a name each."""

    name: str
    role: Role
    type: Literal["category", "number", "text"]
    dtype: Dtype
    file: str
    categories: NotRequired[list[str]]
    low: NotRequired[float]
    high: NotRequired[float]


class Matrix(TypedDict):
    """A file of float32, (n, width)."""

    file: str
    width: int


class Codes(TypedDict):
    """Both codes of all examples."""

    z_label: Matrix
    z_rest: Matrix


class PointMap(TypedDict):
    """Positions of the examples in a plane."""

    id: str
    code: Literal["z_rest", "z_label", "plane"]
    method: Literal["tsne", "umap", "pca", "axes"]
    file: str
    axes: list[str]


class Dimension(TypedDict):
    """A dimension of a code, and how much it changes the decoded examples."""

    code: Code
    index: int
    share: float
    low: float
    high: float


class Pictures(TypedDict):
    """Sheets of thumbnails."""

    sheets: list[str]
    width: int
    height: int
    across: int
    per_sheet: int


class Values(TypedDict):
    """The rows of a table."""

    file: str
    columns: list[str]
    mean: list[float]
    sd: list[float]


class ModelFiles(TypedDict):
    """The model for the browser (``Model`` of the schema)."""

    encoder: str
    decoder: str
    label_centres: list[list[float]]
    unit_range: bool
    low: NotRequired[float]
    high: NotRequired[float]
    dark_strokes: bool


class Drawing(TypedDict):
    """How a drawing becomes an example; lengths are in pixels of the example."""

    size: float
    centre: Literal["mass", "box"]
    x: float
    y: float
    thickness: float
    peak: float


class Sound(TypedDict):
    """How sounds become spectrograms and back."""

    rate: int
    mels: int
    frames: int
    n_fft: int
    window: int
    hop: int
    filters: str
    seconds: float
    range_db: float
    trim_db: float


class Truth(TypedDict):
    """Metrics of the split and what to know about them."""

    metrics: dict[str, float]
    command: NotRequired[str]
    warnings: list[str]


class Manifest(TypedDict):
    """The content of ``explorer.json``."""

    version: Literal[1]
    wvae: str
    title: str
    source: NotRequired[str]
    licence: NotRequired[str]
    kind: Literal["image", "audio", "table"]
    shape: list[int]
    n: int
    total: NotRequired[int]
    label: str
    classes: list[str]
    columns: list[Column]
    codes: Codes
    maps: list[PointMap]
    dimensions: list[Dimension]
    pictures: Pictures | None
    values: Values | None
    model: ModelFiles
    drawing: Drawing | None
    sound: Sound | None
    truth: Truth
    files: dict[str, int]


def read_schema() -> dict[str, Any]:
    """Return the JSON schema of ``explorer.json``.

    Examples
    --------
    >>> read_schema()["title"]
    'Manifest'
    """
    path = Path(__file__).with_name("contract.schema.json")
    return json.loads(path.read_text(encoding="utf-8"))
