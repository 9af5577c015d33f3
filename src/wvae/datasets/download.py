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

import errno
import logging
import math
import os
import secrets
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch

from . import CATALOGUE
from . import __name__ as package

if TYPE_CHECKING:
    import requests

__all__ = ["DownloadError", "RemoteFile", "Status", "cache_dir", "fetch", "fetch_all", "is_cached", "status"]

HASH_ALWAYS = 64 * 2**20  # bytes: hashing 64 MiB takes about 0.1 s
TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without a byte
ATTEMPTS = 5  # at one address, as long as each brings the file further
ORPHAN = 3600.0  # seconds after which a part is taken to be abandoned by a process that was killed
CHUNK = 2**16  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT)
MAGIC = {".gz": b"\x1f\x8b", ".zip": b"PK"}


class DownloadError(OSError):
    """A file could not be brought into the cache; the message names what was tried and the ways out."""


class _SourceError(Exception):
    """One address did not give the file; the next one may."""


class _DamagedError(_SourceError):
    """The bytes came, but are not the right ones."""


class _CutError(_SourceError):
    """The connection broke after some bytes; the same address may give the others."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Parameters
    ----------
    name
        Its name at the mirror and in the cache.
    urls
        Official address first, then mirrors.
    md5
        32 hexadecimal digits, or None where no checksum is published.
    size
        In bytes, or None.
    member
        The one file wanted out of a zip; the cache then keeps this file in place of the zip.

    Examples
    --------
    >>> RemoteFile("matlab.zip", ("https://example.org/matlab.zip",), member="matlab/digits.mat").local_name
    'digits.mat'
    """

    name: str
    urls: tuple[str, ...]
    md5: str | None = None
    size: int | None = None
    member: str | None = None

    @property
    def local_name(self) -> str:
        """Name of what the cache keeps."""
        return self.name if self.member is None else self.member.rsplit("/", 1)[-1]


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
        except _SourceError as refused:
            said.append(f"{_without_password(url)}: {refused}")
        except OSError as error:  # what the addresses do wrong is _SourceError, so this is the cache folder
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


@contextmanager
def _room(size: int | None, missing: int | None, folder: Path) -> Iterator[None]:
    """Report a full disk, foreseen or met while writing, with the space that the whole file takes."""
    need = f"{math.ceil(size / 1e6)} MB" if size else "some space"
    full = OSError(errno.ENOSPC, f"no space left on the device: free {need} there")
    if missing and missing > shutil.disk_usage(folder).free:
        raise full
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full from error
        raise


def _orphans(folder: Path, name: str) -> Iterator[Path]:
    """Yield the parts that a killed process left behind."""
    for part in folder.glob(f"{name}.*.part"):
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - part.stat().st_mtime > ORPHAN:
                yield part


def _from_address(url: str, folder: Path, file: RemoteFile, progress: bool) -> None:
    """Bring the file from one address, asking again only where that can change the outcome."""
    if file.md5 is None and file.member is None:
        (folder / file.name).unlink(missing_ok=True)  # of a wrong size, which pooch alone would not see
    known_hash = f"md5:{file.md5}" if file.md5 else None
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        transfer = _Transfer(folder, file, progress)
        try:
            with _quiet_pooch():
                # The protocol that pooch declares has other names than the ones it calls its own downloaders with.
                pooch.retrieve(url, known_hash, file.name, folder, downloader=transfer)  # pyright: ignore[reportArgumentType]
            if file.member is not None:
                _extract(folder / file.name, file.member, folder / file.local_name, progress)
        except _CutError:
            if last or not (transfer.received and transfer.resumable):
                raise
        except _DamagedError:
            if last or transfer.fresh:
                raise
        except ValueError as error:  # pooch compared the MD5 and removed the file
            if last or transfer.fresh:
                raise _DamagedError(f"what it sent is damaged: its MD5 is not {file.md5}") from error
        else:
            return


@contextmanager
def _quiet_pooch() -> Iterator[None]:
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


class _Transfer:
    """A downloader for pooch: one address into a part file, then onto the name that pooch asks for."""

    def __init__(self, folder: Path, file: RemoteFile, progress: bool) -> None:
        self.folder, self.file, self.progress = folder, file, progress
        self.received = 0  # bytes in this attempt
        self.resumable = False  # the server can send the rest of a file
        self.fresh = False  # all bytes are from this attempt

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        kept = self.folder / f"{self.file.name}.part"
        part = self.folder / f"{self.file.name}.{secrets.token_hex(4)}.part"
        # Renaming is how one of several processes gets the kept part.
        for left in (*_orphans(self.folder, self.file.name), kept):
            with suppress(FileNotFoundError):
                os.replace(left, part)
        keep = True
        try:
            self._receive(url, part)
            os.replace(part, output_file)
        except OSError as error:
            keep = error.errno not in FULL  # on a full disk every byte counts
            raise
        finally:
            if part.exists():
                if keep and part.stat().st_size:
                    os.replace(part, kept)
                else:
                    part.unlink()

    def _receive(self, url: str, part: Path) -> None:
        offset = part.stat().st_size if part.exists() else 0
        opener = _open_file if url.startswith("file:") else _open_http
        with opener(url, offset) as stream:
            self.fresh, self.resumable = stream.offset == 0, stream.resumable
            first = next(stream.chunks, b"")
            if not stream.offset:
                _check_magic(self.file.name, first)
            if self.file.size is not None and stream.total not in (None, self.file.size):
                raise _SourceError(f"offers {stream.total} bytes, expected {self.file.size}")
            size = stream.total or self.file.size
            with (
                _room(size, size and size - stream.offset, self.folder),
                open(part, "ab" if stream.offset else "wb") as out,
                _bar(self.file.name, size, stream.offset, self.progress) as advance,
            ):
                for chunk in chain((first,), stream.chunks):
                    out.write(chunk)
                    self.received += len(chunk)
                    advance(len(chunk))
        end, expected = stream.offset + self.received, self.file.size or stream.total
        if expected is not None and end > expected:
            raise _SourceError(f"sent {end} bytes, expected {expected}")
        if expected is not None and end < expected:
            raise _CutError(f"the connection ended after {end} of {expected} bytes")


@dataclass
class _Stream:
    """An open source: `chunks` starts at byte `offset` of a file of `total` bytes."""

    chunks: Iterator[bytes]
    offset: int
    total: int | None
    resumable: bool


def _check_magic(name: str, chunk: bytes) -> None:
    expected = MAGIC.get(Path(name).suffix, b"")
    if not chunk.startswith(expected):
        page = chunk.lstrip()[:1] == b"<"
        raise _SourceError(f"sent {'a web page' if page else 'something else'} instead of a {Path(name).suffix} file")


@contextmanager
def _open_file(url: str, offset: int) -> Iterator[_Stream]:
    path = Path(url2pathname(urlsplit(url).path))
    if not path.parent.is_dir():
        raise _SourceError(f"there is no folder {path.parent}")
    try:
        handle = open(path, "rb")  # noqa: SIM115 (closed below; only the opening may be refused)
    except OSError as error:
        raise _SourceError(f"{error.strerror}") from error
    with handle:
        total = os.fstat(handle.fileno()).st_size
        offset = offset if offset <= total else 0
        handle.seek(offset)

        def chunks() -> Iterator[bytes]:
            try:
                while chunk := handle.read(CHUNK):
                    yield chunk
            except OSError as error:
                raise _CutError(f"reading failed: {error.strerror}") from error

        yield _Stream(chunks(), offset, total, resumable=True)


@contextmanager
def _open_http(url: str, offset: int) -> Iterator[_Stream]:
    # Imported here: `wvae data list` and cached data need no network code.
    import requests
    from urllib3.exceptions import HTTPError

    # "identity" and reading the raw stream: a .gz must arrive as it is, even from a server that calls it an encoding.
    headers = {"Accept-Encoding": "identity", "User-Agent": "wvae"}
    with requests.Session() as session:
        # A proxy cannot reach this machine's own servers.
        session.trust_env = urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1")
        try:
            rest = {"Range": f"bytes={offset}-"} if offset else {}
            response = session.get(url, stream=True, timeout=TIMEOUT, headers=headers | rest)
            if offset and not _continues(response, offset):
                response.close()
                offset = 0
                response = session.get(url, stream=True, timeout=TIMEOUT, headers=headers)
        except requests.RequestException as error:
            raise _SourceError(_why(error)) from error
        with response:
            if response.status_code not in (200, 206):
                raise _SourceError(f"{response.status_code} {response.reason}")

            def chunks() -> Iterator[bytes]:
                try:
                    yield from response.raw.stream(CHUNK, decode_content=False)
                except HTTPError as error:
                    raise _CutError(f"the connection broke: {_why(error)}") from error

            length = response.headers.get("Content-Length", "")
            total = offset + int(length) if length.isdigit() else None
            resumable = response.status_code == 206 or response.headers.get("Accept-Ranges") == "bytes"
            yield _Stream(chunks(), offset, total, resumable)


def _continues(response: requests.Response, offset: int) -> bool:
    """Say whether the server sends exactly what follows the first `offset` bytes."""
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _why(error: BaseException) -> str:
    """Return the reason at the bottom of a network error, in a few words: requests and urllib3 wrap it many times."""
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        wrapped = (error.__cause__, getattr(error, "reason", None), *error.args)
        inner = next((value for value in wrapped if isinstance(value, BaseException)), None)
    words = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return " ".join(words.split())


def _extract(archive: Path, member: str, path: Path, progress: bool) -> None:
    """Take one member out of a zip, checking its CRC, and remove the zip."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    for left in _orphans(path.parent, path.name):
        left.unlink(missing_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            with (
                _room(info.file_size, info.file_size, path.parent),
                opened.open(info) as source,
                open(part, "wb") as out,
                _bar(path.name, info.file_size, 0, progress) as advance,
            ):
                while chunk := source.read(CHUNK):  # the last read compares the CRC
                    out.write(chunk)
                    advance(len(chunk))
        os.replace(part, path)
    except KeyError as error:
        archive.unlink(missing_ok=True)
        raise _DamagedError(f"the zip has no {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        archive.unlink(missing_ok=True)
        raise _DamagedError(f"the zip is damaged: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    archive.unlink(missing_ok=True)


@contextmanager
def _bar(name: str, total: int | None, done: int, shown: bool) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on stderr and yield the function that moves it on by some bytes."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=total, completed=done)
        yield lambda step: bars.advance(task, step)
