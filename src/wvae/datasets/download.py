"""Files from the network: official address first, then mirrors, verified, cached, never half-written.

What is trusted, and when:

- A file with an MD5 is checked on arrival. Up to `HASH_ALWAYS` bytes it is checked again at every use, which takes
  milliseconds; above that only its size is. What fails the check is fetched again.
- A file that is wanted for one member of a zip (`RemoteFile.member`) is checked by the zip's own CRC when the member is
  taken out. The zip is then removed: the member is all that is ever read.

A download is written to ``<file>.<random>.part`` next to its place and renamed when whole, so that two processes never
write the same file and a reader never sees half of one. A part that is left over is resumed with an HTTP range request;
if the joined file is not the right one, it is fetched once more from its first byte.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pooch

from . import CATALOGUE
from . import __name__ as package
from .transfer import FULL, CutError, DamagedError, RemoteFile, SourceError, Transfer, extract

__all__ = ["DownloadError", "RemoteFile", "Status", "cache_dir", "fetch", "fetch_all", "is_cached", "status"]

HASH_ALWAYS = 64 * 2**20  # bytes: hashing 64 MiB takes about 0.1 s
ATTEMPTS = 5  # at one address, as long as each brings the file further


class DownloadError(OSError):
    """A file could not be brought into the cache; the message names what was tried and the ways out."""


@dataclass(frozen=True)
class Status:
    """One row of ``wvae data list``; `path` is None where nothing has to be downloaded."""

    name: str
    what: str
    size: str
    licence: str
    cached: bool
    path: Path | None


def cache_dir() -> Path:
    """Return the cache folder: ``WVAE_CACHE`` or the platform's place for caches (it need not exist yet)."""
    chosen = os.environ.get("WVAE_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path(pooch.os_cache("wvae"))


def is_cached(dataset: str, file: RemoteFile) -> bool:
    """Say whether the file is in the cache and passes the checks described at the top of this module."""
    path = cache_dir() / dataset / file.local_name
    if not path.is_file():
        return False
    size = path.stat().st_size
    if file.member is not None:
        return size > 0
    if file.size is not None and size != file.size:
        return False
    return file.md5 is None or size > HASH_ALWAYS or pooch.file_hash(str(path), alg="md5") == file.md5


def fetch(dataset: str, file: RemoteFile, *, progress: bool = True) -> Path:
    """Return the path of a file in the cache, downloading it first if it is not there or is damaged.

    Parameters
    ----------
    dataset
        Folder of the file in the cache and at the mirror: ``<cache>/<dataset>/<file>``.
    file
        What to fetch. If ``WVAE_MIRROR`` is set (an address, a folder, or ``file://...``), then
        ``<mirror>/<dataset>/<file>`` is the only source tried.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    DownloadError
        If no address gives the right bytes or the cache cannot be written.
    ValueError
        If ``WVAE_MIRROR`` is an address of a kind that cannot be read.
    """
    folder = cache_dir() / dataset
    path = folder / file.local_name
    try:
        if is_cached(dataset, file):
            return path
    except OSError as error:
        raise _local_error(error, dataset, file) from error
    said: list[str] = []  # what each address answered
    for url in _addresses(dataset, file):
        try:
            _from_address(url, folder, file, progress)
        except SourceError as refused:
            said.append(f"{_without_password(url)}: {refused}")
        except OSError as error:  # what the addresses do wrong is SourceError, so this is the cache folder
            if not _meanwhile(dataset, file):
                raise _local_error(error, dataset, file) from error
            return path
        else:
            return path
    if _meanwhile(dataset, file):
        return path
    mirror = os.environ.get("WVAE_MIRROR")
    only = " (WVAE_MIRROR is set, so nothing else was tried)" if mirror else ""
    way = "Correct or unset WVAE_MIRROR" if mirror else "Set WVAE_MIRROR to an address or a folder that has it"
    raise DownloadError(
        f"cannot get {dataset}/{file.name} – {'; '.join(said)}{only}. "
        f"{way} as <mirror>/{dataset}/{file.name}, or put the file at {path}"
    )


def fetch_all(name: str, *, progress: bool = True) -> list[Path]:
    """Download all files of a data set of the catalogue and return their paths (none for what needs no download).

    Raises
    ------
    ValueError
        If there is no such data set.
    DownloadError
        As in `fetch`.
    """
    if name not in CATALOGUE:
        raise ValueError(f"no data set is called {name!r}; there are {', '.join(CATALOGUE)}")
    return [fetch(folder, file, progress=progress) for folder, files in _files(name).items() for file in files]


def status() -> list[Status]:
    """Return one row for each data set of the catalogue: what it is, how big, its licence, and whether it is here."""
    rows = []
    for source in CATALOGUE.values():
        files = _files(source.name)
        cached = all(is_cached(folder, file) for folder, group in files.items() for file in group)
        path = cache_dir() / next(iter(files)) if files else None
        rows.append(Status(source.name, source.what, source.size, source.licence, cached, path))
    return rows


def _files(name: str) -> dict[str, tuple[RemoteFile, ...]]:
    """Return a source's files by folder; a source without FILES downloads nothing."""
    return getattr(import_module(f"{package}.{CATALOGUE[name].module}"), "FILES", {})


def _addresses(dataset: str, file: RemoteFile) -> tuple[str, ...]:
    mirror = os.environ.get("WVAE_MIRROR")
    if not mirror:
        return file.urls
    scheme = urlsplit(mirror).scheme if "://" in mirror else "file"
    if scheme not in ("file", "http", "https"):
        raise ValueError(f"WVAE_MIRROR starts with {scheme}://, expected a folder, file://, http:// or https://")
    if "://" not in mirror:
        mirror = Path(mirror).expanduser().absolute().as_uri()
    return (f"{mirror.rstrip('/')}/{dataset}/{file.name}",)


def _without_password(url: str) -> str:
    """Return the address as it may be shown: a mirror's may hold a user's name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _meanwhile(dataset: str, file: RemoteFile) -> bool:
    """Say whether another process has brought the file while this one failed."""
    try:
        return is_cached(dataset, file)
    except OSError:
        return False


def _local_error(error: OSError, dataset: str, file: RemoteFile) -> DownloadError:
    path = cache_dir() / dataset / file.local_name
    cause = error.__cause__ if error.strerror is None else error  # pooch raises a text of its own from the cause
    way = getattr(cause, "strerror", None) or str(error)
    if error.errno not in FULL:
        way += ": make the folder writable"
    return DownloadError(f"cannot write {path} – {way}, or set WVAE_CACHE to another folder")


def _from_address(url: str, folder: Path, file: RemoteFile, progress: bool) -> None:
    """Bring the file from one address, asking again only where that can change the outcome."""
    if file.md5 is None and file.member is None:
        (folder / file.name).unlink(missing_ok=True)  # of a wrong size, which pooch alone would not see
    known_hash = f"md5:{file.md5}" if file.md5 else None
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        transfer = Transfer(folder, file, progress)
        try:
            with _quiet_pooch():
                # The protocol that pooch declares has other names than the ones it calls its own downloaders with.
                pooch.retrieve(url, known_hash, file.name, folder, downloader=transfer)  # pyright: ignore[reportArgumentType]
            if file.member is not None:
                extract(folder / file.name, file.member, folder / file.local_name, progress)
        except CutError:
            if last or not (transfer.received and transfer.resumable):
                raise
        except DamagedError:
            if last or transfer.fresh:
                raise
        except ValueError as error:  # pooch compared the MD5 and removed the file
            if last or transfer.fresh:
                raise DamagedError(f"what it sent is damaged: its MD5 is not {file.md5}") from error
        else:
            return


@contextmanager
def _quiet_pooch() -> Generator[None]:
    """Keep pooch's log lines off the screen; its logger belongs to the whole process, so only for as long as needed."""
    mute = _Mute()  # one for each call: threads add and remove their own
    pooch.get_logger().addFilter(mute)
    try:
        yield
    finally:
        pooch.get_logger().removeFilter(mute)


class _Mute(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False
