"""Write the explorer's data: what ``contract.schema.json`` describes, for a model and its data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array, Kind
from ..datasets.messages import Log
from ..estimator import WVAE
from ..io.files import atomic_folder, check_replaceable
from ..io.onnx import export_onnx
from ..training.columns import check_same_columns
from ..training.inference import probabilities
from ..workflows.encode import encode_rows
from ..workflows.maps import map_points
from ..workflows.progress import Progress, Silent
from ..workflows.sheet_image import is_drawable
from ..workflows.thumbnails import Thumbnails, shown_range, write_sheets
from .contract import MANIFEST_FILE, VERSION, Code, Manifest, ModelFiles, Pictures, PointMap, Values
from .dimensions import describe_dimensions
from .drawing import describe_drawing
from .files import FileWriter
from .sound import describe_sound
from .truth import find_clusters, measure_truth

MapMethod = Literal["tsne", "umap", "none"]
MAX_ROWS = 100_000
DRAWING_ROWS = 2000  # examples from which the page learns how drawings look
MIN_MAP_POINTS = 5  # fewer points have no neighbours that a map could show


def write_data(
    model: WVAE,
    data: Dataset,
    folder: Path,
    *,
    map_method: MapMethod = "tsne",
    max_rows: int = MAX_ROWS,
    metrics: Mapping[str, float] | None = None,
    k: int | None = None,
    seed: int = 0,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
    log: Log | None = None,
) -> Manifest:
    """Write ``explorer.json`` and all files that it names, atomically, and return its content.

    The same model, data and seed give the same bytes.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data; labels may be missing.
    folder
        The folder to write. Earlier data of the explorer are replaced, anything else never.
    map_method
        Maps of codes of more than two dimensions: ``"tsne"``, ``"umap"``, or ``"none"`` for
        principal components only, which are there in any case.
    max_rows
        Of more rows, a random sample of so many is written, in the order of the data.
    metrics
        Metrics of `wvae.workflows.measure.measure`. None is its quick form, if the data have
        labels and test rows.
    k
        Number of clusters of z_rest; None lets `wvae.evaluation.n_clusters.choose_k` choose it.
    seed
        Seed of the sample, maps and clusters.
    notes
        Warnings that the page shows beside the metrics.
    progress
        Shows the progress.
    log
        Receives messages.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If the folder holds anything else.
    wvae.io.onnx.ExportError
        If the model cannot be exported.
    ValueError
        If a parameter is out of range or the data are empty.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from wvae.datasets import load
    >>> data = load("digits8x8")
    >>> model = WVAE(d_label=1, d_rest=1, epochs=1, width=16, alignment="none").fit(data.x, data.y)
    >>> with TemporaryDirectory() as folder:
    ...     manifest = write_data(model, data, Path(folder) / "data", k=5, metrics={})
    >>> [plane["id"] for plane in manifest["maps"]], manifest["n"]
    (['plane'], 1797)
    """
    if max_rows < 1:
        raise ValueError(f"max_rows is {max_rows}, expected at least 1")
    if not len(data):
        raise ValueError(f"{data.name} has no rows, expected at least one")
    check_replaceable(folder, markers={MANIFEST_FILE}, what="the explorer's data", overwrite=True)
    has_columns = _has_columns_of(model, data)
    rows = _chosen_rows(len(data), max_rows, seed)
    notes = list(notes)
    if len(rows) < len(data):
        notes.append(f"a random sample of {len(rows):,} of {len(data):,} rows is shown")
        if log is not None:
            log(f"the explorer shows {notes[-1].removesuffix(' is shown')}")
    shown = data.subset(rows) if len(rows) < len(data) else data
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), atomic_folder(folder) as new:
        if has_columns:  # the rows are encoded as arrays, which have no names
            warnings.filterwarnings("ignore", "X does not have valid feature names")
        bundle = _Bundle(model, shown, FileWriter(new), seed, progress or Silent())
        manifest = bundle.manifest(map_method)
        numbers = rows if data.rows is None else data.rows[rows]
        notes += bundle.add_columns(k, numbers)
        notes += bundle.add_model(manifest)
        manifest["truth"] = measure_truth(model, data, metrics, notes, bundle.progress)
        if len(rows) < len(data):
            manifest["total"] = len(data)
        bundle.writer.finish(manifest)
    return manifest


def _has_columns_of(model: WVAE, data: Dataset) -> bool:
    """Return whether data have the columns of a model that was fitted to a data frame.

    Raises
    ------
    ValueError
        If their columns differ.
    """
    expected = getattr(model, "feature_names_in_", None)
    names = data.schema.columns if data.schema is not None else None
    if expected is None or names is None:
        return False
    check_same_columns(names, expected.tolist(), data.name)
    return True


def _chosen_rows(n: int, max_rows: int, seed: int) -> Array:
    """Return all rows, or a random sample of them in their order."""
    if n <= max_rows:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:max_rows])


@dataclass
class _Bundle:
    """The parts of the data of one model, written one after the other."""

    model: WVAE
    data: Dataset
    writer: FileWriter
    seed: int
    progress: Progress

    def __post_init__(self) -> None:
        self.z_label, self.z_rest = encode_rows(self.model, self.data, self.progress)
        # Rows of numbers are a table, also if `kind` was left at its default.
        is_table = len(self.model.shape_) == 1
        self.kind: Kind = "table" if is_table else self.model.config_.kind
        self.drawable = is_drawable(self.kind, self.model.shape_)

    def manifest(self, map_method: MapMethod) -> Manifest:
        """Write codes, maps, pictures and values, and return a manifest without the rest."""
        writer, data = self.writer, self.data
        values = self._values()
        unit = 1.0 if values is None else np.array(values["sd"])
        manifest: Manifest = {
            "version": VERSION,
            "wvae": version("wvae"),
            "title": data.name,
            "kind": self.kind,
            "shape": list(self.model.shape_),
            "n": len(data),
            "label": data.label_name,
            "classes": _names(self.model.classes_),
            "columns": [],
            "codes": {
                "z_label": writer.matrix("codes/z_label.f32", self.z_label),
                "z_rest": writer.matrix("codes/z_rest.f32", self.z_rest),
            },
            "maps": self._maps(map_method),
            "dimensions": describe_dimensions(
                self.model,
                self.z_label,
                self.z_rest,
                seed=self.seed,
                unit=unit,
                progress=self.progress,
            ),
            "pictures": self._pictures(),
            "values": values,
            "model": {
                "encoder": "",
                "decoder": "",
                "label_centres": [],
                "unit_range": self.model.scale_.unit_range,
                "dark_strokes": self.model.scale_.dark_strokes,
            },
            "drawing": None,
            "sound": None,
            "truth": {"metrics": {}, "warnings": []},
            "files": {},
        }
        if data.source:
            manifest["source"] = data.source
        if data.licence:
            manifest["licence"] = data.licence
        return manifest

    def add_columns(self, k: int | None, numbers: Array) -> list[str]:
        """Write the columns, and return what to say about them.

        Parameters
        ----------
        k
            Number of clusters of z_rest, or None.
        numbers
            Number of each row in the source, (n,).
        """
        writer, data, classes = self.writer, self.data, self.model.classes_.tolist()
        if data.labelled.any():
            writer.column(data.label_name, "label", data.y, classes)
        for name, values in data.factors.items():
            writer.column(name, "factor", values)
        if self.model.config_.classifier_weight:  # otherwise there is no classifier
            predicted = probabilities(self.model.model_, self.z_label).argmax(1)
            writer.column("predicted", "predicted", self.model.classes_[predicted], classes)
        clusters, notes = find_clusters(self.z_rest, k, self.seed, self.progress)
        if clusters is not None:
            writer.column("cluster", "cluster", clusters)
        if data.split is not None:
            writer.column("split", "split", data.split, ["train", "test"])
        writer.row_column("row", numbers)
        if data.files is not None:
            writer.file_column("file", data.files.tolist())
        return notes

    def add_model(self, manifest: Manifest) -> list[str]:
        """Write the networks and what the page needs to use them; return warnings about them."""
        with self.progress.task("exporting the networks", 1) as advance:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                exported = export_onnx(self.model, self.writer.folder / "model")
            advance(1)
        manifest["model"] = self._model_files(exported)
        manifest["drawing"] = self._drawing()
        rate = self._rate()
        if self.kind == "audio" and rate is not None and len(self.model.shape_) == 2:
            mels, frames = self.model.shape_
            sound = describe_sound(rate, mels, frames, self.writer.folder)
            self.writer.add(self.writer.folder / sound["filters"])
            manifest["sound"] = sound
        return [str(w.message) for w in caught if w.category is UserWarning]

    def _maps(self, method: MapMethod) -> list[PointMap]:
        """Write the maps and return their entries, in the order in which the page offers them."""
        write = self.writer.points
        d_label, d_rest = self.z_label.shape[1], self.z_rest.shape[1]
        if d_label == d_rest == 1:
            plane = np.hstack([self.z_label, self.z_rest])
            return [write("plane", "plane", "axes", plane, ("z_label", "z_rest"))]
        maps: list[PointMap] = []
        if len(self.data) < MIN_MAP_POINTS:
            method = "none"
        codes: dict[Code, Array] = {"z_rest": self.z_rest, "z_label": self.z_label}
        for code, z in codes.items():
            name = code.removeprefix("z_")
            if z.shape[1] == 2:
                maps.append(write(f"{name}-axes", code, "axes", z, (f"{code}0", f"{code}1")))
            elif z.shape[1] > 2 and method != "none":
                points = map_points(z, method, seed=self.seed, progress=self.progress)
                maps.append(write(f"{name}-{method}", code, method, points))
        if d_rest > 2:
            maps.append(self._principal("rest", "z_rest", self.z_rest))
        if not maps:
            maps.append(self._principal("label", "z_label", self.z_label))
        return maps

    def _principal(self, name: str, code: Literal["z_rest", "z_label"], z: Array) -> PointMap:
        points = map_points(z, "pca") if len(z) > 1 else np.zeros((1, 2), np.float32)
        return self.writer.points(f"{name}-pca", code, "pca", points, ("PC 1", "PC 2"))

    def _pictures(self) -> Pictures | None:
        """Write the thumbnails, or return None if the examples cannot be drawn."""
        if not self.drawable:
            return None
        draw = Thumbnails(self.data.x, self.kind, self.model.scale_)
        sheets = write_sheets(draw, self.writer.folder / "pictures", progress=self.progress)
        return {
            "sheets": [self.writer.add(path) for path in sheets.files],
            "width": sheets.width,
            "height": sheets.height,
            "across": sheets.across,
            "per_sheet": sheets.per_sheet,
        }

    def _values(self) -> Values | None:
        """Write the rows of a table, or return None for other data."""
        if self.kind != "table":
            return None
        x = np.asarray(self.data.x).reshape(len(self.data), -1)
        matrix = self.writer.matrix("values.f32", x)
        mean, sd = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
        sd[sd == 0] = 1.0
        return {
            "file": matrix["file"],
            "columns": self._column_names(x.shape[1]),
            "mean": mean.tolist(),
            "sd": sd.tolist(),
        }

    def _column_names(self, n: int) -> list[str]:
        """Return the names of a table's columns, or their numbers."""
        known = getattr(self.model, "feature_names_in_", None)
        names: Any = None if known is None else known.tolist()
        if names is None and self.model.schema_ is not None:
            names = self.model.schema_.columns
        if names is None and self.data.schema is not None:
            names = self.data.schema.columns
        return [str(name) for name in names or range(1, n + 1)]

    def _model_files(self, exported: Path) -> ModelFiles:
        """Return the entry of the networks."""
        centres = [
            centre.tolist() if np.isfinite(centre).all() else []
            for centre in self.model.label_centres_
        ]
        scale = self.model.scale_
        files: ModelFiles = {
            "encoder": self.writer.add(exported / "encoder.onnx"),
            "decoder": self.writer.add(exported / "decoder.onnx"),
            "label_centres": centres,
            "unit_range": scale.unit_range,
            "dark_strokes": scale.dark_strokes,
        }
        if not scale.unit_range and self.kind != "table":
            files["low"], files["high"] = shown_range(self.data.x, scale)
        return files

    def _drawing(self) -> Any:
        """Return how drawings become examples, or None if examples are not grey images."""
        shape, scale = self.model.shape_, self.model.scale_
        is_grey = len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)
        if self.kind != "image" or not is_grey or not scale.unit_range:
            return None
        n = len(self.data)
        rows = np.sort(np.random.default_rng(self.seed).permutation(n)[:DRAWING_ROWS])
        x = scale.apply(np.asarray(self.data.x[rows])).reshape(len(rows), *shape[-2:])
        return describe_drawing(x, dark_strokes=scale.dark_strokes)

    def _rate(self) -> int | None:
        """Return samples per second of the sounds, None if it is unknown."""
        if self.data.rate is not None:
            return self.data.rate
        return None if self.model.schema_ is None else self.model.schema_.rate


def _names(classes: Array) -> list[str]:
    return [str(name) for name in classes.tolist()]
