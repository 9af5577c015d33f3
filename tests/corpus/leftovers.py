"""Folders of images, and what systems, programs and people leave beside the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .entries import Entries, Right, put
from .folders import FOUR, READ
from .media import classes

ENTRIES = Entries()


def beside(name: str, expect: Any, *files: str, content: bytes = b"") -> None:
    """Add two classes of four images, and these other files."""

    def write(root: Path) -> Path:
        classes(root / "data")
        for file in files:
            put(root / "data" / file, content)
        return root / "data"

    ENTRIES.add(name, write, expect)


beside("mac", READ, ".DS_Store", "cat/.DS_Store", "._cat", "cat/._0.png", "__MACOSX/cat/._0.png")
beside(
    "windows",
    READ,
    "Thumbs.db",
    "cat/Thumbs.db",
    "desktop.ini",
    "$RECYCLE.BIN/S-1/x.png",
    "System Volume Information/x",
)
beside("linux", READ, "lost+found/x.png", ".Trash-1000/files/x.png", "cat/.nfs0001")
beside(
    "file_server",
    READ,
    "@eaDir/0.png/THUMB.jpg",
    "cat/@eaDir/0.png/SYNO.jpg",
    "#recycle/x.png",
    "@Recycle/x.png",
)
beside(
    "notebook",
    READ,
    ".ipynb_checkpoints/0.png",
    "cat/.ipynb_checkpoints/0-checkpoint.png",
    "__pycache__/x.pyc",
)
beside("git", READ, ".git/config", ".gitattributes", ".gitignore", "README.md", "LICENSE")
beside("cloud_placeholders", READ, "cat/.0.png.icloud", ".dropbox", ".dropbox.cache/0.png")
beside("sync_conflict", READ, "cat/.~lock.0.png#", "cat/~$notes.docx", ".stfolder/x", ".sync/x.png")
beside(
    "unfinished_downloads",
    Right((8, 12, 12), FOUR, log=("9.png.part",)),
    "cat/9.png.part",
    "dog/9.jpg.crdownload",
    "cat/9.tmp",
)
beside("notes", Right((8, 12, 12), FOUR, log=("notes.txt",)), "notes.txt", "cat/list.xml")
beside(
    "labelme",
    Right((8, 12, 12), FOUR, log=("0.json",)),
    *(f"{name}/{i}.json" for name in ("cat", "dog") for i in range(4)),
    content=b"{}",
)
beside(
    "archive_beside_them", Right((8, 12, 12), FOUR, log=("data.zip",)), "data.zip", content=b"PK"
)
beside(
    "table_of_something_else",
    Right((8, 12, 12), FOUR, log=("prices.csv",)),
    "prices.csv",
    content=b"item,price\nfood,3\ntoys,4\n",
)
beside("empty_table", Right((8, 12, 12), FOUR, log=("notes.csv",)), "notes.csv")
beside(
    "class_of_texts",
    Right((8, 12, 12), FOUR, log=("without images", "'fish'")),
    "fish/1.txt",
    "fish/2.txt",
)
