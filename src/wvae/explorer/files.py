"""The binary files of the explorer's data, with their sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..datasets.dataset import Array
from ..io.files import write_json
from .columns import DTYPES, EncodedColumn, encode_column, row_numbers, text_lines, unique_name
from .contract import MANIFEST_FILE, Column, Manifest, Matrix, PointMap, Role

BLOCK = 1 << 16  # rows converted at once


class FileWriter:
    """Writes arrays into a folder and remembers the size of every file.

    Parameters
    ----------
    folder
        The folder. It is not written atomically, so no other program may write there.

    Attributes
    ----------
    sizes
        Size of every file in bytes, by its path relative to the folder.
    columns
        What `column` and its like wrote.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     writer = FileWriter(Path(folder))
    ...     matrix = writer.matrix("codes/z_rest.f32", np.zeros((3, 2)))
    ...     column = writer.column("writer", "factor", np.array(["a", "b", "a"]))
    >>> matrix, writer.sizes
    ({'file': 'codes/z_rest.f32', 'width': 2}, {'codes/z_rest.f32': 24, 'columns/0-writer.u8': 3})
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes: dict[str, int] = {}
        self.columns: list[Column] = []

    def matrix(self, file: str, values: Array) -> Matrix:
        """Write a matrix, (n, width), as float32, and return its entry."""
        self._write(file, values, "<f4")
        return {"file": file, "width": int(values.shape[1])}

    def points(
        self,
        name: str,
        code: Literal["z_rest", "z_label", "plane"],
        method: Literal["tsne", "umap", "pca", "axes"],
        positions: Array,
        axes: tuple[str, str] = ("", ""),
    ) -> PointMap:
        """Write the positions of a map, (n, 2), and return its entry."""
        file = f"maps/{name}.f32"
        self._write(file, positions, "<f4")
        return {"id": name, "code": code, "method": method, "file": file, "axes": list(axes)}

    def column(self, name: str, role: Role, values: Array, first: Sequence[object] = ()) -> Column:
        """Write a column, (n,), as categories or numbers; see `encode_column`."""
        return self._column(name, role, encode_column(values, first))

    def row_column(self, name: str, rows: Array) -> Column:
        """Write the numbers of the rows in their source, (n,)."""
        return self._column(name, "row", row_numbers(rows))

    def file_column(self, name: str, names: Sequence[str]) -> Column:
        """Write the names of the examples' files, n of them."""
        file = self._column_file(name, "txt")
        self.write_bytes(file, text_lines(names))
        column: Column = {
            "name": self._free(name, "file"),
            "role": "file",
            "type": "text",
            "dtype": "text",
            "file": file,
        }
        self.columns.append(column)
        return column

    def write_bytes(self, file: str, content: bytes) -> None:
        """Write a file of bytes."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.add(path)

    def add(self, path: Path) -> str:
        """Remember the size of a file that is in the folder already, and return its entry."""
        file = path.relative_to(self.folder).as_posix()
        self.sizes[file] = path.stat().st_size
        return file

    def finish(self, manifest: Manifest) -> None:
        """Write ``explorer.json``, with the columns and sizes of the files written so far."""
        manifest["columns"] = self.columns
        manifest["files"] = dict(sorted(self.sizes.items()))
        write_json(self.folder / MANIFEST_FILE, manifest)

    def _column(self, name: str, role: Role, encoded: EncodedColumn) -> Column:
        file = self._column_file(name, encoded.dtype)
        self._write(file, encoded.values, DTYPES[encoded.dtype])
        column: Column = {
            "name": self._free(name, role),
            "role": role,
            "type": "number" if encoded.categories is None else "category",
            "dtype": encoded.dtype,
            "file": file,
        }
        if encoded.categories is not None:
            column["categories"] = encoded.categories
        if encoded.limits:
            column["low"], column["high"] = encoded.limits
        self.columns.append(column)
        return column

    def _free(self, name: str, role: Role) -> str:
        return unique_name(name, [column["name"] for column in self.columns], role)

    def _column_file(self, name: str, suffix: str) -> str:
        """Return a file name that every system and every URL can hold."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30]
        parts = [str(len(self.columns)), plain] if plain else [str(len(self.columns))]
        return f"columns/{'-'.join(parts)}.{suffix}"

    def _write(self, file: str, values: Array, dtype: Any) -> None:
        """Write an array row by row, in blocks: it may be large or of another type."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as output:
            for start in range(0, len(values), BLOCK):
                output.write(np.ascontiguousarray(values[start : start + BLOCK], dtype).tobytes())
        self.add(path)
