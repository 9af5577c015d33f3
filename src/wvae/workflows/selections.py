"""Groups of rows that a user selected and named: read from a file, and scored like clusters."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..datasets.dataset import Array
from ..estimator import WVAE
from ..evaluation.clustering import kmeans
from ..validation.quoting import quoted
from .cluster import Scores, agreement_scores, baseline_scores, scored_targets
from .inputs import add_column, metadata_columns
from .progress import Progress, Silent

ROW, SELECTION = "row", "selection"  # the columns of the file


@dataclass(frozen=True)
class Selections:
    """The result of `score_selections`.

    Attributes
    ----------
    names
        Name of the selection of each row, (n,); empty for rows in none.
    scores
        Purity, ARI and AMI by factor, over the rows in a selection.
    chance
        The same scores of a random permutation of the names: groups of the same sizes.
    baselines
        The same scores of as many clusters of these rows without a network; see
        `wvae.workflows.cluster.Clustering`.
    """

    names: Array
    scores: Scores
    chance: Scores
    baselines: dict[str, Scores]

    def columns(self, data: Dataset) -> dict[str, Array]:
        """Return ``selection`` and the metadata of each example, as columns of (n,).

        Raises
        ------
        ValueError
            If the data have a column of that name.
        """
        columns: dict[str, Array] = {SELECTION: self.names}
        for name, values in metadata_columns(data).items():
            add_column(columns, name, values, data.name)
        return columns


def read_selections(file: str | Path, data: Dataset) -> Array:
    """Return the name of the selection of each row of data, (n,); empty for rows in none.

    Parameters
    ----------
    file
        A .csv or .parquet file with the columns ``row``, the number of a row in the data, from 0,
        and ``selection``, its name. Rows that are absent or have no name are in no selection.
    data
        The data. If rows of their source were left out, ``row`` counts those, too, like the column
        ``row`` that `wvae encode` writes.

    Raises
    ------
    ValueError
        If the file cannot be read, a column is missing, a row is not one of the data or has two
        names, or there are fewer than two names.

    Examples
    --------
    >>> import tempfile
    >>> data = Dataset(np.zeros((4, 2)), np.arange(4) % 2, kind="table")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "selection.csv"
    ...     _ = file.write_text("row,selection\\n0,wide\\n3,narrow\\n")
    ...     read_selections(file, data).tolist()
    ['wide', '', '', 'narrow']
    """
    file = Path(file)
    pairs = _read_parquet(file) if file.suffix.lower() == ".parquet" else _read_csv(file)
    numbers = np.arange(len(data)) if data.rows is None else data.rows
    places = {number: place for place, number in enumerate(numbers.tolist())}
    names: list[str] = [""] * len(data)
    for where, row, value in pairs:
        name = _name(value)
        if not name:
            continue
        number = _row_number(row)
        if number is None:
            raise ValueError(
                f"{file}, {where}: row is {quoted(row)}, expected the number of a row, from 0"
            )
        place = places.get(number)
        if place is None:
            raise ValueError(f"{file}, {where}: {_no_such_row(number, data)}")
        if names[place] not in ("", name):
            raise ValueError(
                f"{file}, {where}: row {number} is in {quoted(names[place])} and in "
                f"{quoted(name)}, expected one selection for each row: remove one"
            )
        names[place] = name
    distinct = sorted(set(names) - {""})
    if len(distinct) < 2:
        found = f"only the selection {quoted(distinct[0])}" if distinct else "no selection"
        raise ValueError(f"{file} has {found}, expected at least two names: name another one")
    return np.array(names)


def score_selections(
    model: WVAE,
    data: Dataset,
    names: Array,
    *,
    factors: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Selections:
    """Score named groups of rows by the label and the categorical factors, like clusters.

    Rows without a name are left out, also from chance and the baselines.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    names
        What `read_selections` returned.
    factors
        Factors to score by, besides the label; None is all categorical factors.
    seed
        Seed of the permutation and of the baselines' clusters.
    progress
        Shows the progress.

    Raises
    ------
    ValueError
        If a factor cannot be used.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> data = load("digits8x8").subset(slice(300))
    >>> model = WVAE(epochs=1, width=16, alignment="none", finetune_epochs=0).fit(data.x, data.y)
    >>> names = np.where(data.y == 8, "eights", np.where(data.y == 1, "ones", ""))
    >>> scores = score_selections(model, data, names).scores["digit"]
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'purity': 1.0, 'ari': 1.0, 'ami': 1.0}
    """
    selected = data.subset(names != "")
    groups = np.unique(names[names != ""], return_inverse=True)[1]
    targets = scored_targets(selected, factors)
    shuffled = np.random.default_rng(seed).permutation(groups)
    scores, chance = agreement_scores(groups, targets), agreement_scores(shuffled, targets)
    baselines: dict[str, Scores] = {}
    if targets:
        k = int(groups.max()) + 1
        options = {"k": k, "method": kmeans, "seed": seed, "progress": progress or Silent()}
        baselines = baseline_scores(model, selected, targets, **options)
    return Selections(names, scores, chance, baselines)


def describe_selections(selections: Selections) -> str:
    """Return a sentence on the number and the sizes of selections.

    Parameters
    ----------
    selections
        What `score_selections` returned.
    """
    is_named = selections.names != ""
    sizes = np.unique(selections.names[is_named], return_counts=True)[1]
    sentence = (
        f"{len(sizes)} selections of {sizes.min():,} to {sizes.max():,} rows each, together "
        f"{sizes.sum():,} of {len(is_named):,} rows"
    )
    if not selections.scores:
        return f"{sentence}; among these, neither the label nor a categorical factor varies"
    return sentence


# ------------------------------------------------------------------------------------ read a file

Pairs = Iterable[tuple[str, Any, Any]]  # where it is, row and selection


def _read_csv(file: Path) -> Pairs:
    """Return the place, the row and the selection of each line of a CSV file."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            _check_columns(file, reader.fieldnames or ())
            return [(f"line {reader.line_num}", line[ROW], line[SELECTION]) for line in reader]
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {file}: export a selection from the page") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no CSV file in UTF-8 ({error}): export it again") from error


def _read_parquet(file: Path) -> Pairs:
    """Return the place, the row and the selection of each row of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as opened:
            _check_columns(file, opened.schema_arrow.names)
            table = opened.read([ROW, SELECTION])
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {file}: export a selection from the page") from error
    except pa.ArrowInvalid as error:
        raise ValueError(f"{file} is no Parquet file ({error}): export it again") from error
    rows, names = table.column(ROW).to_pylist(), table.column(SELECTION).to_pylist()
    places = [f"row {place} of the file" for place in range(len(rows))]
    return zip(places, rows, names, strict=True)


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    """Raise a ValueError if a column is missing."""
    for name in (ROW, SELECTION):
        if name not in columns:
            found = ", ".join(quoted(column) for column in columns) or "none"
            raise ValueError(
                f"{file} has no column {quoted(name)} (its columns: {found}): it needs {ROW} and "
                f"{SELECTION}"
            )


def _name(value: Any) -> str:
    """Return the name of a selection, empty for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


def _row_number(value: Any) -> int | None:
    """Return the number of a row, or None if it is none; 3.0 is what data frames make of 3."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() and number >= 0 else None


def _no_such_row(number: int, data: Dataset) -> str:
    """Return why a row's number is not one of the data."""
    if data.rows is not None and number <= data.rows.max():
        return f"row {number} of {data.name} was left out: remove it"
    last = len(data) - 1 if data.rows is None else data.rows.max()
    return f"{data.name} has no row {number}, its rows are 0 to {last}: are these other data?"
