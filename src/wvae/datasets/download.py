"""Download files into a local cache with `pooch`, verify them, and never expose a partial file.

- A file with a checksum is hashed on arrival. Up to `HASH_LIMIT` bytes it is hashed again at every
  use, which takes milliseconds; above that, only its size is compared. A damaged file is fetched
  again.
- One member of a zip (`RemoteFile.member`) is verified by its CRC during extraction. The zip itself
  is not kept.
- Every download runs in its own temporary folder inside the cache, and only a verified file is
  renamed to its final name, so processes that download the same file do not disturb each other.
  The next download removes the folders of killed processes.
- A download that breaks starts again from its first byte.
"""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch

from .temporaries import temporary

__all__ = ["DownloadError", "RemoteFile", "cache_dir", "fetch", "is_cached"]

HASH_LIMIT = 64 * 2**20  # bytes; hashing 64 MiB takes about 0.1 s
RETRIES = 1  # per address, after a broken connection or a wrong MD5
TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds without a byte


class DownloadError(OSError):
    """A file could not be brought into the cache; the message lists each attempt and the fixes."""


class _AddressError(Exception):
    """An address did not provide the file; the next one may."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Parameters
    ----------
    name
        File name in the cache and at a mirror.
    urls
        Addresses in the order in which they are tried.
    md5
        32 hexadecimal digits, or None if no MD5 is published.
    size
        Size in bytes, or None if it is not known.
    member
        Path of the only file that is needed from a zip; the cache keeps this file, not the zip.
    sha256
        64 hexadecimal digits, or None if no SHA-256 is published. It goes before the MD5.

    Examples
    --------
    >>> RemoteFile("all.zip", ("https://example.org/all.zip",), member="data/digits.mat").local_name
    'digits.mat'
    """

    name: str
    urls: tuple[str, ...]
    md5: str | None = None
    size: int | None = None
    member: str | None = None
    sha256: str | None = None

    @property
    def checksum(self) -> tuple[str, str] | None:
        """The algorithm and its hexadecimal digits, or None if there is none."""
        if self.sha256:
            return "sha256", self.sha256
        return ("md5", self.md5) if self.md5 else None

    @property
    def local_name(self) -> str:
        """Name of the file that the cache keeps."""
        return self.name if self.member is None else self.member.rsplit("/", 1)[-1]


def cache_dir() -> Path:
    """Return the cache folder: ``WVAE_CACHE``, or the platform's default. It may not exist yet."""
    folder = os.environ.get("WVAE_CACHE")
    return Path(folder).expanduser().absolute() if folder else Path(pooch.os_cache("wvae"))


def is_cached(dataset: str, file: RemoteFile) -> bool:
    """Return whether a file is in the cache and passes verification (see the module docstring).

    Parameters
    ----------
    dataset
        Folder of the file in the cache.
    file
        The file.
    """
    path = cache_dir() / dataset / file.local_name
    if not path.is_file():
        return False
    size = path.stat().st_size
    if file.member is not None:
        return size > 0
    if file.size is not None and size != file.size:
        return False
    if file.checksum is None or size > HASH_LIMIT:
        return True
    algorithm, digits = file.checksum
    return pooch.file_hash(str(path), algorithm) == digits


def fetch(dataset: str, file: RemoteFile, *, progress: bool = True) -> Path:
    """Return the path of a cached file; download the file first if it is missing or damaged.

    Parameters
    ----------
    dataset
        Folder of the file in the cache and at a mirror: ``<cache>/<dataset>/<file>``.
    file
        The file to fetch. If the environment variable ``WVAE_MIRROR`` is set to a folder, a
        ``file://`` or an ``http(s)://`` address, only ``<mirror>/<dataset>/<file>`` is tried.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    DownloadError
        If no address provides the right bytes, or the cache cannot be written.
    ValueError
        If ``WVAE_MIRROR`` has an unsupported scheme.
    """
    path = cache_dir() / dataset / file.local_name
    failures: list[str] = []
    try:
        if is_cached(dataset, file):
            return path
        for url in _addresses(dataset, file):
            try:
                _download(url, file, path, progress)
            except _AddressError as error:
                failures.append(_without_password(f"{url}: {error}", url))
            else:
                return path
    except OSError as error:  # the cache's: _download raises _AddressError for an address
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fix = "free some space there" if is_full else "make the folder writable"
        reason = error.strerror or error
        message = f"cannot write {path}: {reason}; {fix}, or set WVAE_CACHE to another folder"
        raise DownloadError(message) from error
    mirror = os.environ.get("WVAE_MIRROR")
    only = " (WVAE_MIRROR is set, so no other address was tried)" if mirror else ""
    fix = "correct or unset" if mirror else "set"
    raise DownloadError(
        f"cannot download {dataset}/{file.name}: {'; '.join(failures)}{only}. To fix it, {fix} "
        f"WVAE_MIRROR (a folder or address with {dataset}/{file.name}), or put the file at {path}"
    )


def _addresses(dataset: str, file: RemoteFile) -> tuple[str, ...]:
    mirror = os.environ.get("WVAE_MIRROR")
    if not mirror:
        return file.urls
    if "://" not in mirror:
        mirror = Path(mirror).expanduser().absolute().as_uri()
    scheme = mirror.partition("://")[0].lower()
    if scheme not in ("file", "http", "https"):
        expected = "a folder, file://, http:// or https://"
        raise ValueError(f"WVAE_MIRROR starts with {scheme}://, expected {expected}: correct it")
    return (f"{mirror.rstrip('/')}/{dataset}/{file.name}",)


def _without_password(text: str, url: str) -> str:
    """Remove the user name and password of `url` from a text that quotes it."""
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    return text.replace(login + at, "") if at else text


def _download(url: str, file: RemoteFile, path: Path, progress: bool) -> None:
    """Bring the file from one address to `path`, or raise _AddressError."""
    import requests  # imported here because cached files need no network code

    known_hash = ":".join(file.checksum) if file.checksum else None
    unzip = pooch.Unzip(members=[file.member], extract_dir="unzip") if file.member else None
    receive = partial(_receive, file, progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path, folder=True) as folder, _quiet_pooch():
        manager = pooch.create(
            folder,
            "",
            registry={file.name: known_hash},
            urls={file.name: url},
            retry_if_failed=RETRIES,
        )
        try:
            # pooch declares other names for a downloader's arguments than it uses.
            manager.fetch(file.name, unzip, receive)  # pyright: ignore[reportArgumentType]
        except requests.RequestException as error:
            raise _AddressError(_reason(error)) from error
        except ValueError as error:
            algorithm, digits = file.checksum or ("", "")
            name = {"md5": "MD5", "sha256": "SHA-256"}[algorithm]
            raise _AddressError(f"the file is damaged: its {name} is not {digits}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise _AddressError(f"the zip is damaged: {error}") from error
        done = Path(folder, "unzip", file.member) if file.member else Path(folder, file.name)
        if not done.is_file():
            raise _AddressError(f"the zip has no member {file.member}")
        os.replace(done, path)


def _receive(file: RemoteFile, progress: bool, url: str, output: str, _: object) -> None:
    """Write what one address sends to `output`; pooch retries after a RequestException."""
    os.unlink(output)  # only its owner may read pooch's file; a new one has the usual permissions
    if url.startswith("file:"):
        try:
            source = open(url2pathname(urlsplit(url).path), "rb")  # noqa: SIM115 (closed below)
        except OSError as error:
            raise _AddressError(error.strerror) from error
        with source, open(output, "wb") as target:
            shutil.copyfileobj(source, target)
    else:
        headers = {"Accept-Encoding": "identity", "User-Agent": "wvae"}  # keep a .gz compressed
        with _progress_bar(file.name, progress) as bar, ExitStack() as responses:
            # pooch leaves a response open after an error.
            hooks = {"response": lambda response, **_: responses.push(response)}
            options = {"timeout": TIMEOUT, "headers": headers, "hooks": hooks}
            pooch.HTTPDownloader(bar, chunk_size=2**16, **options)(url, output, None)
    size = os.path.getsize(output)
    if file.size not in (None, size):
        raise _AddressError(f"sent {size} bytes, expected {file.size}")


def _reason(error: BaseException) -> str:
    """Return the message of the innermost error: requests and urllib3 wrap it several times."""
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            return _reason(inner)
    message = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return " ".join(message.partition(" for url:")[0].split())


@contextmanager
def _progress_bar(name: str, shown: bool) -> Generator[Any]:
    """Yield what `pooch.HTTPDownloader` takes as its progress bar."""
    if not shown:
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=None)
        bar = SimpleNamespace(total=0, reset=lambda: bars.reset(task), close=lambda: None)
        bar.update = lambda size: bars.update(task, advance=size, total=bar.total or None)
        yield bar


@contextmanager
def _quiet_pooch() -> Generator[None]:
    """Suppress pooch's log lines inside the context only: the whole process shares its logger."""

    def suppress(record: object) -> bool:
        return False

    pooch.get_logger().addFilter(suppress)
    try:
        yield
    finally:
        pooch.get_logger().removeFilter(suppress)
