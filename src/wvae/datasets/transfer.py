"""How one address is read: parts that can be resumed, what a server may do wrong, and one member out of a zip."""

from __future__ import annotations

import errno
import math
import os
import secrets
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without a byte
ORPHAN = 3600.0  # seconds after which a part is taken to be abandoned by a process that was killed
CHUNK = 2**16  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT)
MAGIC = {".gz": b"\x1f\x8b", ".zip": b"PK"}


class SourceError(Exception):
    """One address did not give the file; the next one may."""


class DamagedError(SourceError):
    """The bytes came, but are not the right ones."""


class CutError(SourceError):
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


@contextmanager
def _room(size: int | None, missing: int | None, folder: Path) -> Generator[None]:
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


class Transfer:
    """A downloader for pooch: one address into a part file, then onto the name that pooch asks for."""

    def __init__(self, folder: Path, file: RemoteFile, progress: bool) -> None:
        self.folder: Path = folder
        self.file: RemoteFile = file
        self.progress: bool = progress
        self.received: int = 0  # bytes in this attempt
        self.resumable: bool = False  # the server can send the rest of a file
        self.fresh: bool = False  # all bytes are from this attempt

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        """Bring `url` to `output_file`, as pooch asks its downloaders to."""
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
                raise SourceError(f"offers {stream.total} bytes, expected {self.file.size}")
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
            raise SourceError(f"sent {end} bytes, expected {expected}")
        if expected is not None and end < expected:
            raise CutError(f"the connection ended after {end} of {expected} bytes")


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
        raise SourceError(f"sent {'a web page' if page else 'something else'} instead of a {Path(name).suffix} file")


@contextmanager
def _open_file(url: str, offset: int) -> Generator[_Stream]:
    path = Path(url2pathname(urlsplit(url).path))
    if not path.parent.is_dir():
        raise SourceError(f"there is no folder {path.parent}")
    try:
        handle = open(path, "rb")  # noqa: SIM115 (closed below; only the opening may be refused)
    except OSError as error:
        raise SourceError(f"{error.strerror}") from error
    with handle:
        total = os.fstat(handle.fileno()).st_size
        offset = offset if offset <= total else 0
        handle.seek(offset)

        def chunks() -> Iterator[bytes]:
            try:
                while chunk := handle.read(CHUNK):
                    yield chunk
            except OSError as error:
                raise CutError(f"reading failed: {error.strerror}") from error

        yield _Stream(chunks(), offset, total, resumable=True)


@contextmanager
def _open_http(url: str, offset: int) -> Generator[_Stream]:
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
            raise SourceError(_why(error)) from error
        with response:
            if response.status_code not in (200, 206):
                raise SourceError(f"{response.status_code} {response.reason}")

            def chunks() -> Iterator[bytes]:
                try:
                    yield from response.raw.stream(CHUNK, decode_content=False)
                except HTTPError as error:
                    raise CutError(f"the connection broke: {_why(error)}") from error

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


def extract(archive: Path, member: str, path: Path, progress: bool) -> None:
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
        raise DamagedError(f"the zip has no {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        archive.unlink(missing_ok=True)
        raise DamagedError(f"the zip is damaged: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    archive.unlink(missing_ok=True)


@contextmanager
def _bar(name: str, total: int | None, done: int, shown: bool) -> Generator[Callable[[int], object]]:
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
