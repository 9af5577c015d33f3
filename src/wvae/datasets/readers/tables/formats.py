"""Tell what a file holds from its first bytes, whatever its name says."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["check_is_file", "foreign_format"]

# First bytes, what they mean, and how to bring such a file to a table.
SIGNATURES = (
    (b"PAR1", "Parquet", "rename it to .parquet"),
    (b"PK\x03\x04", "a zip archive, such as an Excel workbook (.xlsx)", "save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save it as CSV"),
    (b"\x1f\x8b", "gzip", "unpack it first"),
    (b"BZh", "bzip2", "unpack it first"),
    (b"\xfd7zXZ", "xz", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"ARROW1", "Arrow's IPC format (Feather)", "save it as Parquet"),
    (b"FEA1", "Feather", "save it as Parquet"),
    (b"\x89HDF", "HDF5", "save it as CSV or Parquet"),
    (b"\x93NUMPY", "a NumPy array", "rename it to .npy"),
    (b"SQLite format 3", "an SQLite database", "save the table as CSV"),
    (b"%PDF", "a PDF", "save the table as CSV"),
    (b"\x89PNG", "a PNG image", "give its folder"),
    (b"\xff\xd8\xff", "a JPEG image", "give its folder"),
    (b"\x80\x04", "a pickle", "save the table as CSV or Parquet"),
    (b"\x80\x05", "a pickle", "save the table as CSV or Parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
)
MARKUP = re.compile(rb"\s*<(!doctype|html|table|head|body|\?xml|!--)", re.IGNORECASE)
JSON = re.compile(rb'\s*(\{\s*("|\})|\[\s*[\[{"\d\-])')


def foreign_format(start: bytes) -> tuple[str, str] | None:
    """Return the format of a file that is no text table and the fix, or None for a text.

    Parameters
    ----------
    start
        The first bytes of the file; 64 are enough.

    Examples
    --------
    >>> foreign_format(b"\\x1f\\x8b\\x08"), foreign_format(b"width,label")
    (('gzip', 'unpack it first'), None)
    """
    for signature, name, fix in SIGNATURES:
        if start.startswith(signature):
            return name, fix
    start = start.removeprefix(b"\xef\xbb\xbf")
    if MARKUP.match(start):
        return "HTML or XML", "save the table as CSV"
    if JSON.match(start):
        return "JSON", "save the table as CSV or Parquet"
    return None


def check_is_file(path: Path) -> None:
    """Raise a ValueError if a path is not that of a file that can be read."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected a table in a file: rename the folder")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be opened: {error.strerror or error}") from error
