"""Files of other formats under a table's name, interrupted downloads, odd paths."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

from .entries import Entries, Right, put, refused
from .tables import PLAIN, READ

ENTRIES = Entries()
text = ENTRIES.text


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("data.csv", PLAIN)
    return content.getvalue()


for _name, _content, _word in (
    ("excel_workbook", zipped(), "xlsx"),
    ("old_excel_workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "xls"),
    ("gzip", gzip.compress(PLAIN.encode()), "gzip"),
    ("login_page", "<!DOCTYPE html>\n<html><body>Please log in</body></html>", "HTML"),
    ("page_after_blank_lines", "\n\n  <html><body>Not found</body></html>", "HTML"),
    ("json_records", json.dumps([{"a": 1, "label": "cat"}]), "JSON"),
    ("json_error", '{"error": "quota exceeded"}', "JSON"),
    (
        "lfs_pointer",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "git lfs",
    ),
    ("pdf", b"%PDF-1.7\n" + bytes(100), "PDF"),
    ("png", b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
    ("pickle", b"\x80\x05\x95" + bytes(100), "pickle"),
    ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    ("sqlite", b"SQLite format 3\0" + bytes(100), "SQLite"),
    ("feather", b"ARROW1\0\0" + bytes(100), "Feather"),
    ("parquet", b"PAR1" + bytes(100), ".parquet"),
    ("numpy", b"\x93NUMPY\1\0" + bytes(100), ".npy"),
    ("empty", "", "empty"),
    ("blank", "  \n\n \n", "empty"),
    ("reserved_but_not_downloaded", bytes(2000), "zero bytes"),
    ("zeros_at_the_end", PLAIN.encode() + bytes(600), "zero bytes"),
):
    text(f"{_name}_as_csv", _content, refused("data.csv", _word))
for _suffix, _hint in (
    ("xlsx", "as CSV"),
    ("zip", "unpack"),
    ("csv.gz", "unpack"),
    ("tar.gz", "unpack"),
    ("pkl", "pickle"),
    ("pt", "pickle"),
    ("mat", "numpy.savez"),
    ("sav", "as CSV"),
    ("rds", "as CSV"),
    ("json", "as CSV"),
    ("txt", "rename"),
    ("arff", "as CSV"),
    ("csv.crdownload", "again"),
    ("csv.part", "again"),
    ("h5", "numpy.savez"),
):
    text(
        f"suffix_{_suffix.replace('.', '_')}",
        PLAIN,
        refused(f"data.{_suffix}", _hint),
        file=f"data.{_suffix}",
    )
text("no_suffix", PLAIN, refused("data", "format"), file="data")
ENTRIES.add("missing", lambda root: root / "dta.csv", refused("dta.csv"))


@ENTRIES(refused("datas.csv", "data.csv"))
def misspelt_path(root: Path) -> Path:
    put(root / "data.csv", PLAIN)
    return root / "datas.csv"


@ENTRIES(refused("data.csv", "images"))
def folder_called_csv(root: Path) -> Path:
    (root / "data.csv").mkdir()
    return root / "data.csv"


@ENTRIES(refused("data.csv"))
def folder_of_a_table(root: Path) -> Path:
    return put(root / "results" / "data.csv", PLAIN).parent


@ENTRIES(refused("dangling.csv", "broken link", "gone.csv"))
def broken_link(root: Path) -> Path:
    (root / "dangling.csv").symlink_to(root / "gone.csv")
    return root / "dangling.csv"


@ENTRIES(READ)
def link(root: Path) -> Path:
    put(root / "real" / "data.csv", PLAIN)
    (root / "link.csv").symlink_to("real/data.csv")
    return root / "link.csv"


@ENTRIES(READ)
def path_with_spaces_and_brackets(root: Path) -> Path:
    return put(root / "my data (1) [final].csv", PLAIN)


@ENTRIES(READ)
def path_in_japanese(root: Path) -> Path:
    return put(root / "観測 データ.csv", PLAIN)


@ENTRIES(refused("bad", "numbers"))
def path_with_a_line_break(root: Path) -> Path:
    return put(root / "bad\nname.csv", "label\na\nb\na\nb\n")


@ENTRIES(Right((40, 3), {"a": 20, "b": 20}, factors={"device": None}), fit=True)
def sensor_log(root: Path) -> Path:
    lines = ["time,temperature,humidity,unix,device,label"]
    for i in range(40):
        values = f"{20 + i * 0.37 % 3:.2f},{40 + i % 7}.5,{1.7e9 + i * i:.1f}"
        lines.append(f"2024-05-01T12:{i:02d}:00Z,{values},d{i // 20},{'ab'[i % 2]}")
    return put(root / "log.csv", "\n".join(lines))
