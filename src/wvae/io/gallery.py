"""The gallery: small trained models, which are downloaded by name and checked by SHA-256.

`MANIFEST`, which ``benchmarks/gallery.py`` writes together with the zips, names the files. They
are assets of the release whose version the manifest has.
"""

from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from ..datasets.download import DownloadError, RemoteFile, cache_dir, fetch
from ..datasets.messages import did_you_mean
from ..validation.quoting import quoted
from .files import atomic_folder
from .model_folder import CONFIG_FILE, WEIGHTS_FILE
from .shared_files import CARD_FILE, MODEL_FILES

SCHEME = "gallery:"
FOLDER = "gallery"  # of the zips, in the cache and at a mirror
MANIFEST = Path(__file__).with_name("gallery.json")
MAX_UNZIPPED = 20_000_000  # bytes of a member, against zips that unpack to any size


@cache
def _manifest() -> dict[str, Any]:
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def gallery() -> dict[str, dict[str, Any]]:
    """Return the models of the gallery by name, with file, size, SHA-256, data and licence.

    Examples
    --------
    >>> sorted(gallery())
    ['fsdd', 'handwriting', 'scenes']
    """
    return _manifest()["models"]


def remote_file(name: str) -> RemoteFile:
    """Return the zip of one model.

    Parameters
    ----------
    name
        One of `gallery`.

    Raises
    ------
    ValueError
        If the gallery has no such model.
    """
    models = gallery()
    if name not in models:
        expected = ", ".join(f"{SCHEME}{known}" for known in models)
        hint = did_you_mean(name, list(models))
        raise ValueError(
            f"the gallery has no model {quoted(name)}, expected one of {expected}{hint}"
        )
    about = models[name]
    urls = (f"{_manifest()['url']}/{about['file']}",)
    return RemoteFile(about["file"], urls, size=about["size"], sha256=about["sha256"])


def gallery_folder(name: str, *, progress: bool = True) -> Path:
    """Return the model folder of a model of the gallery; download it first if necessary.

    The environment variable ``WVAE_MIRROR`` names another place: ``<mirror>/gallery/<file>``.

    Parameters
    ----------
    name
        One of `gallery`.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    ValueError
        If the gallery has no such model.
    wvae.datasets.download.DownloadError
        If the model can neither be found nor downloaded.
    """
    file = remote_file(name)
    folder = cache_dir() / FOLDER / f"{name}-{(file.sha256 or '')[:12]}"
    archive = fetch(FOLDER, file, progress=progress)
    if (folder / CONFIG_FILE).exists() and (folder / WEIGHTS_FILE).exists():
        return folder
    with zipfile.ZipFile(archive) as content, atomic_folder(folder) as new:
        for member in content.infolist():
            if member.filename not in (*MODEL_FILES, CARD_FILE):
                continue
            if member.file_size > MAX_UNZIPPED:
                raise DownloadError(
                    f"{archive} holds {member.filename} of {member.file_size:,} bytes, expected at "
                    f"most {MAX_UNZIPPED:,}: delete it"
                )
            (new / member.filename).write_bytes(content.read(member))
    return folder
