"""What of a folder is read, left out, or refused: system files, links, names, permissions."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from folder_cases import grid, open_path, refused, tree
from reader_cases import picture, save

GA = "が"
NFC, NFD = (unicodedata.normalize(form, GA) for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "name",
    [
        *("@eaDir", "$RECYCLE.BIN", "lost+found", "__MACOSX", "System Volume Information"),
        *(".ipynb_checkpoints", ".git", ".AppleDouble", "#recycle", "@Recycle", "__pycache__"),
        *("cat/@eaDir", "cat/.ipynb_checkpoints", "$Recycle.Bin"),
    ],
)
def test_system_folders_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    grid(tmp_path, ("cat", "dog"))
    tree(tmp_path / name, "x/thumb.jpg", "y/other.png")
    data, log = open_path(tmp_path)
    assert (len(data), data.classes.tolist()) == (4, ["cat", "dog"])
    line = next(line for line in log if line.startswith("left out: 1 hidden or system"))
    assert Path(name).name in line


@pytest.mark.parametrize("name", ["._0.png", "Thumbs.db", "desktop.ini", ".DS_Store", ".0.png"])
def test_system_files_are_left_out_and_counted(tmp_path: Path, name: str) -> None:
    grid(tmp_path, ("cat", "dog"))
    for folder in ("cat", "dog"):
        (tmp_path / folder / name).write_bytes(b"no image")
    data, log = open_path(tmp_path)
    assert len(data) == 4
    assert sum("2 hidden or system" in line for line in log) == 1


def test_a_folder_that_cannot_be_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid(tmp_path, ("cat", "dog", "eel"))
    scandir: Callable[..., Any] = os.scandir

    def closed(path: Any = ".") -> Any:
        if os.fspath(path).endswith("eel"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    refused(tmp_path, "eel", "Permission denied")


def test_files_that_may_not_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid(tmp_path, ("cat", "dog"))
    monkeypatch.setattr(os, "access", lambda path, mode: "dog" not in os.fspath(path))
    refused(tmp_path, "2 of 4 files", "'dog/0.png'")


@pytest.mark.parametrize("link", ["cat/9.png", "eel", "notes.txt"])
def test_broken_links_are_refused(tmp_path: Path, link: str) -> None:
    grid(tmp_path, ("cat", "dog"))
    (tmp_path / link).symlink_to("/nowhere/at/all")
    refused(tmp_path, link, "broken link", "/nowhere/at/all")


@pytest.mark.parametrize("target", ["loop.png", "../loop/cat/loop.png"])
def test_a_link_to_itself_is_refused(tmp_path: Path, target: str) -> None:
    grid(tmp_path / "loop", ("cat", "dog"))
    (tmp_path / "loop" / "cat" / "loop.png").symlink_to(target)
    refused(tmp_path / "loop", "loop.png", "broken link")


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_links_to_folders_above_are_left_out(tmp_path: Path, target: str) -> None:
    root = tmp_path / "above" / "root"
    grid(root, ("cat", "dog"))
    tree(tmp_path / "above", "other/0.png")
    (root / "cat" / "up").symlink_to(target)
    data, log = open_path(root)
    assert len(data) == 4
    assert sum("'cat/up'" in line for line in log) == 1


def test_two_links_to_one_folder_are_refused(tmp_path: Path) -> None:
    grid(tmp_path / "far", ("cat", "dog"))
    for part in ("train", "test"):
        (tmp_path / "near" / part).mkdir(parents=True)
        (tmp_path / "near" / part / "cat").symlink_to(tmp_path / "far" / "cat")
        tree(tmp_path / "near" / part, "dog/0.png")
    refused(tmp_path / "near", "test/cat", "train/cat", "one folder")


def test_a_pipe_among_images_is_refused(tmp_path: Path) -> None:
    grid(tmp_path, ("cat", "dog"))
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    refused(tmp_path, "pipe.png", "no regular file")


@pytest.mark.parametrize("part", ["folder", "file", "root"])
def test_names_that_are_not_utf8_are_refused(tmp_path: Path, part: str) -> None:
    name = os.fsdecode(b"caf\xe9")
    root = tmp_path / name if part == "root" else tmp_path
    grid(root, ("cat", "dog"))
    if part == "folder":
        tree(root, f"{name}/0.png", f"{name}/1.png")
    if part == "file":
        (root / "cat" / "0.png").rename(root / "cat" / f"{name}.png")
    message = refused(root, "caf\\xe9", "UTF-8", "rename")
    message.encode()


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (NFC, NFD, NFC),
        ("cat", "cat ", "cat"),
        (" cat", "cat", "cat"),
        ("e\u0301te", "\u00e9te", "\u00e9te"),
        ("caf\u00e9 ", "cafe\u0301", "caf\u00e9"),
    ],
)
@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
def test_names_that_look_the_same_are_one_class(
    tmp_path: Path, one: str, other: str, name: str, parts: tuple[str, ...]
) -> None:
    tree(tmp_path, *(f"{parts[0]}{one}/{i}.png" for i in range(3)))
    tree(tmp_path, *(f"{parts[-1]}{other}/{i}.jpg" for i in range(3)))
    tree(tmp_path, *(f"{part}dog/{i}.png" for part in parts for i in range(3)))
    data, log = open_path(tmp_path)
    assert sorted(data.classes.tolist()) == sorted([name, "dog"])
    assert sum((data.y == name).tolist()) == 6
    assert sum(repr(name) in line and "are one" in line for line in log) == 1


@pytest.mark.parametrize(
    "suffix", ["heic", "svg", "psd", "cr2", "dng", "dcm", "npy", "jp2", "nii.gz", "mp4"]
)
def test_formats_that_are_not_read_are_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / f"9.{suffix}").write_bytes(b"data")
    refused(tmp_path, "no images and no sounds", f"'cat/9.{suffix}'", "convert")
    grid(tmp_path, ("cat", "dog"))
    data, log = open_path(tmp_path)
    assert len(data) == 4
    assert sum("1 files of formats that are not read" in line for line in log) == 1
    (tmp_path / "eel").mkdir()
    (tmp_path / "eel" / f"0.{suffix}").write_bytes(b"data")
    refused(tmp_path, "eel", f"'0.{suffix}'", "convert")


def test_a_folder_of_system_files_only_holds_no_images(tmp_path: Path) -> None:
    tree(tmp_path / "@eaDir", "0.png")
    save(tmp_path / "._1.png", picture())
    refused(tmp_path, "no images and no sounds")
