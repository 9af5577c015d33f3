"""Downloads from a local server with faults on demand, and from folders as mirrors."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pooch
import pytest

from wvae.datasets import CATALOGUE, download
from wvae.datasets.catalogue import fetch_all, status
from wvae.datasets.download import DownloadError, RemoteFile, cache_dir, fetch, is_cached

BODY = np.random.default_rng(0).bytes(200_000)
CORRUPT = BODY[:-1] + bytes([BODY[-1] ^ 1])
MD5 = hashlib.md5(BODY).hexdigest()
MEMBER = b"the member" * 5000
DEAD = "http://127.0.0.1:9"  # the discard port, on which no server listens


class Web:
    """The server's files and faults by path, and the paths that were requested."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, str] = {}
        self.requested: list[str] = []
        self.address = ""
        self.together = threading.Barrier(2)  # holds a request until the second one arrives
        self.half_sent, self.released = threading.Event(), threading.Event()


class Handler(BaseHTTPRequestHandler):
    web: Web

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        web = self.web
        web.requested.append(self.path)
        body, fault = web.files.get(self.path), web.faults.get(self.path)
        if fault == "cut once":
            web.faults[self.path] = ""
        if fault == "overlap":
            web.together.wait(timeout=60)
        if body is None or fault in ("404", "500"):
            self.send_error(int(fault or 404))
            return
        body = {"corrupt": CORRUPT, "page": b"<html>We have moved</html>"}.get(fault or "", body)
        self.send_response(200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if fault in ("stall", "hang"):
            self.wfile.flush()
            web.half_sent.set()
            web.released.wait(timeout=60)
        elif fault not in ("cut", "cut once"):
            self.wfile.write(body[half:])


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (Handler,), {"web": web}))
    web.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    web.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("WVAE_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))
    return tmp_path / "cache" / "set"


@pytest.fixture
def file(web: Web) -> RemoteFile:
    web.files["/a.gz"] = BODY
    return RemoteFile("a.gz", (f"{web.address}/a.gz",), MD5, len(BODY))


@pytest.fixture
def zipped(web: Web) -> RemoteFile:
    web.files["/z.zip"] = make_zip()
    return RemoteFile("z.zip", (f"{web.address}/z.zip",), member="in/m.mat")


def make_zip(name: str = "in/m.mat") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("in/other.mat", BODY[:1000])
        opened.writestr(name, MEMBER)
    return buffer.getvalue()


def get(file: RemoteFile) -> Path:
    return fetch("set", file, progress=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def error_of(file: RemoteFile) -> str:
    with pytest.raises(DownloadError) as caught:
        get(file)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---------------------------------------------------------------------------- the cache


def test_a_file_is_downloaded_once(web: Web, file: RemoteFile, cache: Path) -> None:
    assert not is_cached("set", file)
    path = get(file)
    assert path == cache / "a.gz"
    assert path.read_bytes() == BODY
    assert is_cached("set", file)
    assert get(file) == path
    assert web.requested == ["/a.gz"]
    assert names(cache) == ["a.gz"]


def test_default_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WVAE_CACHE")
    assert cache_dir() == Path(pooch.os_cache("wvae"))


@pytest.mark.parametrize("fields", [{}, {"md5": None}, {"size": None}], ids=["both", "size", "MD5"])
@pytest.mark.parametrize("damaged", [CORRUPT, BODY[:-1]], ids=["corrupt", "short"])
def test_damaged_cached_file_is_downloaded_again(
    web: Web, file: RemoteFile, fields: dict[str, None], damaged: bytes
) -> None:
    file = RemoteFile(**{**vars(file), **fields})
    path = get(file)
    path.write_bytes(damaged)
    detectable = file.md5 is not None or len(damaged) != file.size
    assert is_cached("set", file) != detectable
    assert get(file).read_bytes() == (BODY if detectable else damaged)
    assert len(web.requested) == 1 + detectable


def test_a_sha256_is_compared_on_arrival_and_in_the_cache(web: Web, file: RemoteFile) -> None:
    right = replace(file, md5=None, sha256=hashlib.sha256(BODY).hexdigest())
    path = get(right)
    path.write_bytes(CORRUPT)
    assert not is_cached("set", right)
    assert get(right).read_bytes() == BODY
    path.unlink()
    with pytest.raises(DownloadError, match=r"SHA-256"):
        get(replace(right, sha256="0" * 64))
    assert not path.exists()


def test_above_the_hash_limit_only_the_size_is_compared(
    file: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "HASH_LIMIT", len(BODY) - 1)
    path = get(file)
    path.write_bytes(CORRUPT)
    assert is_cached("set", file)
    path.write_bytes(BODY[:-1])
    assert not is_cached("set", file)
    monkeypatch.setattr(download, "HASH_LIMIT", len(BODY))
    path.write_bytes(CORRUPT)
    assert not is_cached("set", file)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("which", ["file", "zipped"])
def test_cached_file_has_the_usual_permissions(
    cache: Path, tmp_path: Path, request: pytest.FixtureRequest, which: str
) -> None:
    (tmp_path / "plain").touch()
    assert get(request.getfixturevalue(which)).stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("progress", [True, False])
def test_progress_bar_is_on_stderr_and_optional(
    file: RemoteFile,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    progress: bool,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
    fetch("set", file, progress=progress)
    out, err = capfd.readouterr()
    assert out == ""
    assert ("a.gz" in err and "kB" in err) if progress else err == ""
    assert not pooch.get_logger().filters  # the log is muted only during a download


# ---------------------------------------------------------------------------- errors of addresses

FAULTS = {
    "404": "404",
    "500": "500",
    "page": f"sent 26 bytes, expected {len(BODY)}",
    "corrupt": MD5,
    "cut": "IncompleteRead",
    "stall": "timed out",
    "refused": "refused",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failing_address_is_reported_and_the_next_one_is_tried(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(download, "RETRIES", 0)
    monkeypatch.setattr(download, "TIMEOUT", (10.0, 0.1 if fault == "stall" else 10.0))
    web.files["/bad/a.gz"], web.faults["/bad/a.gz"] = BODY, fault
    bad = f"{DEAD if fault == 'refused' else web.address}/bad/a.gz"

    message = error_of(RemoteFile("a.gz", (bad, f"{web.address}/none.gz"), MD5, len(BODY)))
    assert (
        message.index(f"{bad}: ")
        < message.index(FAULTS[fault])
        < message.index(f"{web.address}/none.gz: 404")
    )
    for way_out in ("set/a.gz", "WVAE_MIRROR", str(cache / "a.gz")):
        assert way_out in message
    assert names(cache) == []

    both = RemoteFile("a.gz", (bad, *file.urls), MD5, len(BODY))
    assert get(both).read_bytes() == BODY
    assert names(cache) == ["a.gz"]


def test_broken_connection_is_retried(web: Web, file: RemoteFile) -> None:
    web.faults["/a.gz"] = "cut once"
    assert get(file).read_bytes() == BODY
    assert web.requested == ["/a.gz"] * 2


def test_response_without_a_length_is_accepted(web: Web, file: RemoteFile) -> None:
    web.faults["/a.gz"] = "no length"
    assert get(file).read_bytes() == BODY


def test_unknown_host_is_reported_in_one_line(file: RemoteFile) -> None:
    message = error_of(RemoteFile("a.gz", ("http://nowhere.invalid/a.gz",)))
    assert "http://nowhere.invalid/a.gz: " in message
    assert "HTTPConnectionPool" not in message


def test_reported_reason_is_the_networks_error_not_the_callers() -> None:
    try:
        raise FileNotFoundError(errno.ENOENT, "an earlier error")
    except FileNotFoundError:
        assert f"{DEAD}/a.gz: Connection refused" in error_of(RemoteFile("a.gz", (f"{DEAD}/a.gz",)))


# ---------------------------------------------------------------------------- errors of the cache


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "make the folder writable"),
        (errno.EIO, "make the folder writable"),
    ],
)
@pytest.mark.parametrize(
    ("which", "function"),
    [
        ("file", "pooch.downloaders.open"),
        ("zipped", "zipfile.open"),
        ("file", "wvae.datasets.download.temporary"),
    ],
    ids=["download", "unzip", "folder"],
)
def test_unwritable_cache_is_an_error_with_its_fix(
    web: Web,
    cache: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
    function: str,
    number: int,
    fix: str,
) -> None:
    file: RemoteFile = request.getfixturevalue(which)
    twice = RemoteFile(**{**vars(file), "urls": file.urls * 2})

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            raise OSError(number, os.strerror(number))

    def fail(*arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(
            function, Full if function == "pooch.downloaders.open" else fail, raising=False
        )
        message = error_of(twice)
    for part in (os.strerror(number), fix, "WVAE_CACHE", str(cache / twice.local_name)):
        assert part in message
    assert len(web.requested) <= 1  # the next address cannot help
    assert names(cache) == []
    assert get(twice).exists()


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root and Windows write to read-only folders"
)
def test_read_only_cache_serves_cached_files(file: RemoteFile, cache: Path) -> None:
    path = get(file)
    cache.chmod(0o500)
    assert get(file) == path  # nothing has to be written
    path.write_bytes(CORRUPT)
    assert "Permission denied" in error_of(file)
    cache.chmod(0o700)


def test_file_in_place_of_the_cache_is_an_error(tmp_path: Path, file: RemoteFile) -> None:
    (tmp_path / "cache").touch()
    assert "WVAE_CACHE" in error_of(file)


# ---------------------------------------------------------------------------- mirrors


@pytest.fixture(params=["folder", "file://", "http://", "http:///"])
def mirror(
    request: pytest.FixtureRequest, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Folder with the files of each kind of mirror; a test may change them."""
    folder = tmp_path / "the mirror" / "set"
    folder.mkdir(parents=True)
    web.files["/m/set/a.gz"] = BODY
    (folder / "a.gz").write_bytes(BODY)
    address = {
        "folder": str(folder.parent),
        "file://": folder.parent.as_uri(),
        "http://": f"{web.address}/m",
        "http:///": f"{web.address}/m/",
    }
    monkeypatch.setenv("WVAE_MIRROR", address[request.param])
    return folder


@pytest.mark.usefixtures("mirror")
def test_mirror_is_the_only_address(web: Web, file: RemoteFile, cache: Path) -> None:
    assert get(file).read_bytes() == BODY
    assert "/a.gz" not in web.requested
    assert names(cache) == ["a.gz"]


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        (None, ("404", "No such file")),
        (BODY[:-1000], (f"sent {len(BODY) - 1000} bytes, expected {len(BODY)}",)),
        (CORRUPT, (MD5,)),
    ],
    ids=["missing", "short", "corrupt"],
)
def test_files_of_a_mirror_are_verified(
    web: Web,
    mirror: Path,
    file: RemoteFile,
    cache: Path,
    body: bytes | None,
    reasons: tuple[str, ...],
) -> None:
    if body is None:
        (mirror / "a.gz").unlink()
        del web.files["/m/set/a.gz"]
    else:
        (mirror / "a.gz").write_bytes(body)
        web.files["/m/set/a.gz"] = body
    message = error_of(file)
    assert any(reason in message for reason in reasons)
    assert "WVAE_MIRROR is set" in message
    assert "/a.gz" not in web.requested
    assert names(cache) == []


@pytest.mark.parametrize(
    "address",
    ["http://user:secret@{host}", "http://user:secret@:bad", "http://user:secret@127.0.0.1:9"],
)
def test_password_of_a_mirror_is_not_shown(
    web: Web, file: RemoteFile, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("WVAE_MIRROR", address.format(host=web.address.removeprefix("http://")))
    with pytest.raises(DownloadError, match=r"/set/a\.gz: ") as caught:
        get(file)
    error: BaseException | None = caught.value
    while error is not None:  # a traceback shows these causes too
        assert "secret" not in str(error)
        error = error.__cause__ or error.__context__


def test_mirror_with_an_unsupported_scheme_is_an_error(
    file: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WVAE_MIRROR", "ftp://example.org/data")
    with pytest.raises(ValueError, match="ftp://"):
        get(file)


# ---------------------------------------------------------------------------- one member of a zip


def test_only_the_member_of_a_zip_is_kept(web: Web, zipped: RemoteFile, cache: Path) -> None:
    path = get(zipped)
    assert path == cache / "m.mat"
    assert path.read_bytes() == MEMBER
    assert names(cache) == ["m.mat"]
    assert get(zipped) == path
    assert len(web.requested) == 1
    path.write_bytes(b"")
    assert not is_cached("set", zipped)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (make_zip().replace(b"member", b"mumber", 1), "CRC"),
        (make_zip()[:-500], "not a zip file"),
        (make_zip("elsewhere.mat"), r"no member in/m.mat"),
        (b"<html>We have moved</html>", "not a zip file"),
    ],
    ids=["crc", "short", "no member", "page"],
)
def test_damaged_zip_is_an_error_and_not_kept(
    web: Web, zipped: RemoteFile, cache: Path, body: bytes, reason: str
) -> None:
    web.files["/bad.zip"] = body
    bad = f"{web.address}/bad.zip"
    message = error_of(RemoteFile("z.zip", (bad,), member="in/m.mat"))
    assert message.index(f"{bad}: ") < message.index(reason)
    assert names(cache) == []
    both = RemoteFile("z.zip", (bad, *zipped.urls), member="in/m.mat")
    assert get(both).read_bytes() == MEMBER


# ---------------------------------------------------------------------------- several processes

SCRIPT = """
import sys
from wvae.datasets.download import RemoteFile, fetch
name, url, md5, member = sys.argv[1:]
print(fetch("set", RemoteFile(name, (url,), md5 or None, member=member or None), progress=False))
"""


def start(file: RemoteFile) -> subprocess.Popen[str]:
    fields = [file.name, file.urls[0], file.md5 or "", file.member or ""]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *fields], text=True, stdout=-1, stderr=-1
    )


@pytest.mark.parametrize("which", ["file", "zipped"])
def test_two_processes_can_download_the_same_file(
    web: Web, cache: Path, request: pytest.FixtureRequest, which: str
) -> None:
    file: RemoteFile = request.getfixturevalue(which)
    web.faults |= {"/a.gz": "overlap", "/z.zip": "overlap"}
    processes = [start(file), start(file)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip(), err) == (0, str(cache / file.local_name), "")
    assert len(web.requested) == 2
    assert names(cache) == [file.local_name]
    assert is_cached("set", file)


def test_killed_download_leaves_no_partial_file(web: Web, file: RemoteFile, cache: Path) -> None:
    web.faults["/a.gz"] = "hang"
    with start(file) as process:
        assert web.half_sent.wait(timeout=60)
        assert not (cache / "a.gz").exists()
        process.kill()
    web.faults.clear()
    assert get(file).read_bytes() == BODY


# ---------------------------------------------------------------------------- the catalogue


def test_status_has_a_row_for_each_data_set(cache: Path) -> None:
    rows = {row.name: row for row in status()}
    assert list(rows) == list(CATALOGUE)
    assert rows["digits8x8"].cached
    assert rows["digits8x8"].path is None
    for name in ("mnist", "emnist"):
        assert not rows[name].cached
        assert rows[name].path == cache.parent / name
        assert rows[name].licence == CATALOGUE[name].licence
    assert not cache.parent.exists()  # nothing is created


def test_fetch_all_downloads_the_files_of_a_data_set(
    file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wvae.datasets.sources.mnist.FILES", {"set": (file,)})
    assert fetch_all("mnist", progress=False) == [cache / "a.gz"]
    assert {row.name: row.cached for row in status()}["mnist"]
    assert fetch_all("digits8x8", progress=False) == []
    with pytest.raises(ValueError, match=r"'mnits'.*'mnist'"):
        fetch_all("mnits")
