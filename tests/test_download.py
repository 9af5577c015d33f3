"""Downloads against a real server on loopback that misbehaves on demand."""

from __future__ import annotations

import builtins
import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest

from wvae.datasets import CATALOGUE, download, transfer
from wvae.datasets.download import DownloadError, RemoteFile, cache_dir, fetch, fetch_all, is_cached, status

BODY = b"\x1f\x8b" + np.random.default_rng(0).bytes(200_000)  # looks like a .gz: its start is checked
MD5 = hashlib.md5(BODY).hexdigest()
MEMBER = b"the member" * 5000
DEAD = "http://127.0.0.1:9"  # the discard port: nobody listens


@dataclass
class Web:
    """What the server serves, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    ranges: bool = True
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    web: Web

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        web, asked = self.web, self.headers.get("Range")
        web.asked.append((self.path, asked))
        fault, body = web.faults.get(self.path), web.files.get(self.path)
        if fault == "cut once":
            del web.faults[self.path]
            fault = "cut"
        if fault == "html":
            body = b"\n<!doctype html><title>We have moved</title>"
        if fault == "corrupt" and body:
            body = body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]
        if body is None or fault in ("404", "500"):
            self.send_error(int(fault or "404"))
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and web.ranges else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if web.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if fault == "gzip encoding":
            self.send_header("Content-Encoding", "gzip")
        if fault != "no length":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self._send(body[start:], fault)

    def _send(self, body: bytes, fault: str | None) -> None:
        half = len(body) // 2
        if fault in ("cut", "stall"):
            self.wfile.write(body[:half])
            self.wfile.flush()
            if fault == "stall":
                time.sleep(1)
        elif fault == "drip":
            for i in range(0, len(body), 10_000):
                try:
                    self.wfile.write(body[i : i + 10_000])
                except OSError:  # the test killed the reader
                    return
                time.sleep(0.03)
        else:
            self.wfile.write(body)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (Handler,), {"web": web}))
    web.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield web
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("WVAE_MIRROR", raising=False)
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
        opened.writestr("in/other.mat", np.random.default_rng(1).bytes(100_000))
        opened.writestr(name, MEMBER)
    return buffer.getvalue()


def get(file: RemoteFile) -> Path:
    return fetch("set", file, progress=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def refusal(file: RemoteFile) -> str:
    with pytest.raises(DownloadError) as caught:
        get(file)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---------------------------------------------------------------------------------------------- the way it should be


def test_a_file_is_fetched_once_and_then_read_from_the_cache(web: Web, file: RemoteFile, cache: Path) -> None:
    assert not is_cached("set", file)
    path = get(file)
    assert path == cache / "a.gz"
    assert path.read_bytes() == BODY
    assert is_cached("set", file)
    assert get(file) == path
    assert web.asked == [("/a.gz", None)]
    assert names(cache) == ["a.gz"]


def test_the_default_cache_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WVAE_CACHE")
    assert cache_dir() == Path(pooch.os_cache("wvae"))


def test_progress_goes_to_stderr_and_can_be_silenced(
    file: RemoteFile, cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get(file)
    assert capfd.readouterr() == ("", "")  # pooch's log lines neither
    (cache / "a.gz").unlink()
    monkeypatch.setenv("FORCE_COLOR", "1")
    fetch("set", file)
    out, err = capfd.readouterr()
    assert out == ""
    assert "a.gz" in err
    assert "kB" in err


def test_pooch_may_still_log_for_others(file: RemoteFile) -> None:
    get(file)
    assert not pooch.get_logger().filters


@pytest.mark.parametrize("fault", ["gzip encoding", "no length"])
def test_odd_but_right_answers_are_taken(web: Web, file: RemoteFile, fault: str) -> None:
    web.faults["/a.gz"] = fault
    assert get(file).read_bytes() == BODY


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    file: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert get(file).read_bytes() == BODY


# ---------------------------------------------------------------------------------------------- faults on the way

FAULTS = {
    "cut": "connection",
    "corrupt": f"damaged: its MD5 is not {MD5}",
    "404": "404 Not Found",
    "500": "500 Internal Server Error",
    "html": "a web page",
    "stall": "timed out",
}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_the_next_call_recovers(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str, ranges: bool
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (2.0, 0.1))
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    web.faults["/a.gz"], web.ranges = fault, ranges
    message = refusal(file)
    assert FAULTS[fault] in message
    for part in ("set/a.gz", file.urls[0], "WVAE_MIRROR", str(cache / "a.gz")):
        assert part in message
    assert "a.gz" not in names(cache)
    assert not is_cached("set", file)
    assert len(names(cache)) <= 1  # at most one part, no matter how often it fails
    refusal(file)
    assert len(names(cache)) <= 1
    web.faults.clear()
    assert get(file).read_bytes() == BODY
    assert names(cache) == ["a.gz"]


def test_nobody_listening(file: RemoteFile, cache: Path) -> None:
    dead = RemoteFile(file.name, (f"{DEAD}/a.gz",), file.md5, file.size)
    assert "refused" in refusal(dead)
    assert names(cache) == []
    assert get(file).read_bytes() == BODY


@pytest.mark.parametrize("fault", [*FAULTS, "refused"])
def test_the_second_address_helps_out(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (2.0, 0.1))
    web.files["/bad/a.gz"] = BODY
    web.faults["/bad/a.gz"] = fault
    first = f"{DEAD if fault == 'refused' else web.address}/bad/a.gz"
    both = RemoteFile(file.name, (first, *file.urls), file.md5, file.size)
    assert get(both).read_bytes() == BODY
    assert names(cache) == ["a.gz"]


def test_all_addresses_are_named_with_what_they_said(web: Web, file: RemoteFile) -> None:
    web.faults["/a.gz"] = "html"
    both = RemoteFile(file.name, (f"{web.address}/none.gz", *file.urls), file.md5, file.size)
    message = refusal(both)
    assert f"{both.urls[0]}: 404 Not Found; {both.urls[1]}: " in message


def test_a_page_of_unknown_size_is_recognised_by_its_first_bytes(web: Web, cache: Path) -> None:
    web.files["/a.gz"] = b"<html>Log in first</html>"
    assert "sent a web page instead of a .gz file" in refusal(RemoteFile("a.gz", (f"{web.address}/a.gz",)))
    web.files["/a.gz"] = b"a text"
    assert "sent something else instead of a .gz file" in refusal(RemoteFile("a.gz", (f"{web.address}/a.gz",)))
    assert names(cache) == []


# ---------------------------------------------------------------------------------------------- resuming


def test_a_broken_connection_is_resumed_where_it_broke(web: Web, file: RemoteFile) -> None:
    web.faults["/a.gz"] = "cut once"
    assert get(file).read_bytes() == BODY
    assert web.asked == [("/a.gz", None), ("/a.gz", f"bytes={len(BODY) // 2}-")]


@pytest.mark.parametrize("name", ["a.gz.part", "a.gz.0123abcd.part"])
def test_an_earlier_calls_part_is_resumed(web: Web, file: RemoteFile, cache: Path, name: str) -> None:
    cache.mkdir(parents=True)
    (cache / name).write_bytes(BODY[:70_000])
    os.utime(cache / name, (0, 0))
    assert get(file).read_bytes() == BODY
    assert web.asked == [("/a.gz", "bytes=70000-")]
    assert names(cache) == ["a.gz"]


def test_a_part_that_is_still_growing_is_left_alone(web: Web, file: RemoteFile, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "a.gz.0123abcd.part").write_bytes(BODY[:70_000])
    assert get(file).read_bytes() == BODY
    assert web.asked == [("/a.gz", None)]
    assert (cache / "a.gz.0123abcd.part").read_bytes() == BODY[:70_000]


@pytest.mark.parametrize("part", [b"x" * 70_000, BODY, BODY + b"x", b""], ids=["wrong", "whole", "long", "empty"])
def test_a_useless_part_costs_one_more_try(web: Web, file: RemoteFile, cache: Path, part: bytes) -> None:
    cache.mkdir(parents=True)
    (cache / "a.gz.part").write_bytes(part)
    assert get(file).read_bytes() == BODY
    assert web.asked[-1] == ("/a.gz", None)
    assert names(cache) == ["a.gz"]


def test_a_server_without_ranges_sends_all_again(web: Web, file: RemoteFile, cache: Path) -> None:
    web.ranges = False
    cache.mkdir(parents=True)
    (cache / "a.gz.part").write_bytes(BODY[:70_000])
    assert get(file).read_bytes() == BODY


def test_a_page_does_not_cost_the_part(web: Web, file: RemoteFile, cache: Path) -> None:
    web.faults["/a.gz"] = "html"
    cache.mkdir(parents=True)
    (cache / "a.gz.part").write_bytes(BODY[:70_000])
    refusal(file)
    assert (cache / "a.gz.part").read_bytes() == BODY[:70_000]


# ---------------------------------------------------------------------------------------------- the cache


def test_a_damaged_file_in_the_cache_is_fetched_again(web: Web, file: RemoteFile) -> None:
    path = get(file)
    path.write_bytes(BODY[:-1] + b"\0")
    assert not is_cached("set", file)
    assert get(file).read_bytes() == BODY
    assert len(web.asked) == 2


def test_of_a_big_file_only_the_size_is_compared(web: Web, file: RemoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "HASH_ALWAYS", 1000)
    path = get(file)
    path.write_bytes(BODY[:-1] + b"\0")
    assert is_cached("set", file)
    path.write_bytes(BODY[:-1])
    assert get(file).read_bytes() == BODY


def test_without_a_checksum_a_wrong_size_is_fetched_again(web: Web, file: RemoteFile) -> None:
    plain = RemoteFile(file.name, file.urls, size=file.size)
    get(plain).write_bytes(BODY[:-1])
    assert get(plain).read_bytes() == BODY


def test_a_cached_file_is_used_where_nothing_can_be_written(file: RemoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = get(file)
    break_writing(monkeypatch, errno.EROFS)
    assert get(file) == path


def break_writing(monkeypatch: pytest.MonkeyPatch, number: int, after: int = 0) -> None:
    """Let every file opened for writing by download.py fail after some bytes."""

    class Broken(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > after:
                raise OSError(number, os.strerror(number))
            return super().write(data)

    def broken(path: Path, mode: str = "r") -> Any:
        return builtins.open(path, mode) if mode == "rb" else Broken(path, mode)

    monkeypatch.setattr(transfer, "open", broken, raising=False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_it_at_once_and_leaves_nothing(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    both = RemoteFile(file.name, file.urls * 2, file.md5, file.size)
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "CHUNK", 1000)
        break_writing(patch, number, after=50_000)
        message = refusal(both)
    assert "no space left on the device: free 1 MB there" in message
    assert "WVAE_CACHE" in message
    assert len(web.asked) == 1  # another address would not help
    assert names(cache) == []
    assert get(both).read_bytes() == BODY


def test_a_disk_that_is_too_small_is_not_filled(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(transfer.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
        assert "no space left" in refusal(file)
    assert names(cache) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO])
def test_a_cache_that_cannot_be_written(
    file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        break_writing(patch, number)
        message = refusal(file)
    assert os.strerror(number) in message
    assert "WVAE_CACHE" in message
    assert names(cache) == []
    assert get(file).read_bytes() == BODY


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows write to read-only folders")
def test_a_read_only_folder(file: RemoteFile, cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    assert "Permission denied" in refusal(file)
    cache.chmod(0o700)
    assert get(file).read_bytes() == BODY


def test_a_folder_that_pooch_finds_read_only(file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    cache.mkdir(parents=True)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", denied)
    assert "Permission denied: make the folder writable" in refusal(file)


def test_a_file_where_the_cache_should_be(tmp_path: Path, file: RemoteFile) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert "WVAE_CACHE" in refusal(file)


# ---------------------------------------------------------------------------------------------- mirrors


@pytest.fixture(params=["folder", "file://", "http://", "http:///"])
def mirror(request: pytest.FixtureRequest, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same file at a mirror of each kind; the test may change what the mirror has."""
    folder = tmp_path / "the mirror" / "set"
    folder.mkdir(parents=True)
    (folder / "a.gz").write_bytes(BODY)
    web.files["/m/set/a.gz"] = BODY
    address = {
        "folder": str(folder.parent),
        "file://": folder.parent.as_uri(),
        "http://": f"{web.address}/m",
        "http:///": f"{web.address}/m/",
    }
    monkeypatch.setenv("WVAE_MIRROR", address[request.param])
    return folder


@pytest.mark.usefixtures("mirror")
def test_a_mirror_is_the_only_source(web: Web, file: RemoteFile, cache: Path) -> None:
    assert get(file).read_bytes() == BODY
    assert ("/a.gz", None) not in web.asked
    assert names(cache) == ["a.gz"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, ("404 Not Found", "No such file")),
        (BODY[:-1000], (f"offers {len(BODY) - 1000} bytes, expected {len(BODY)}",)),
        (BODY[:-1] + b"\0", ("MD5",)),
    ],
    ids=["missing", "short", "corrupt"],
)
def test_a_mirror_is_checked_like_any_address(
    web: Web, mirror: Path, file: RemoteFile, cache: Path, body: bytes | None, said: tuple[str, ...]
) -> None:
    if body is None:
        (mirror / "a.gz").unlink()
        del web.files["/m/set/a.gz"]
    else:
        (mirror / "a.gz").write_bytes(body)
        web.files["/m/set/a.gz"] = body
    message = refusal(file)
    assert any(words in message for words in said)
    assert "WVAE_MIRROR is set, so nothing else was tried" in message
    assert ("/a.gz", None) not in web.asked
    assert names(cache) == []
    (mirror / "a.gz").write_bytes(BODY)
    web.files["/m/set/a.gz"] = BODY
    assert get(file).read_bytes() == BODY


def test_a_mirror_folder_that_is_missing(file: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WVAE_MIRROR", str(tmp_path / "gone"))
    assert f"there is no folder {tmp_path / 'gone' / 'set'}" in refusal(file)


def test_a_password_in_the_mirrors_address_is_not_shown(
    web: Web, file: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WVAE_MIRROR", web.address.replace("//", "//user:secret@"))
    message = refusal(file)
    assert f"{web.address}/set/a.gz: 404" in message
    assert "secret" not in message


def test_the_reason_is_that_of_the_network_not_of_the_caller(file: RemoteFile) -> None:
    try:
        raise FileNotFoundError(errno.ENOENT, "the caller's own trouble")
    except FileNotFoundError:
        message = refusal(RemoteFile(file.name, (f"{DEAD}/a.gz",)))
    assert f"{DEAD}/a.gz: Connection refused" in message


def test_a_name_that_nobody_knows(file: RemoteFile) -> None:
    message = refusal(RemoteFile(file.name, ("http://nowhere.invalid/a.gz",)))
    assert message.startswith("cannot get set/a.gz – http://nowhere.invalid/a.gz: ")
    assert "HTTPConnectionPool" not in message


def test_a_mirror_of_an_unknown_kind(file: RemoteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WVAE_MIRROR", "ftp://example.org/data")
    with pytest.raises(ValueError, match="starts with ftp://, expected a folder, file://, http:// or https://"):
        get(file)


# ---------------------------------------------------------------------------------------------- one member of a zip


def test_only_the_member_is_kept(web: Web, zipped: RemoteFile, cache: Path) -> None:
    path = get(zipped)
    assert path == cache / "m.mat"
    assert path.read_bytes() == MEMBER
    assert is_cached("set", zipped)
    assert names(cache) == ["m.mat"]
    get(zipped)
    assert len(web.asked) == 1


def flip(body: bytes) -> bytes:
    at = body.index(b"the member") + 1000
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (flip(make_zip()), "the zip is damaged: Bad CRC-32"),
        (make_zip()[:-500], "the zip is damaged: File is not a zip file"),
        (make_zip("elsewhere.mat"), "the zip has no in/m.mat"),
        (b"PK, or so it says", "the zip is damaged"),
    ],
    ids=["crc", "short", "no member", "not a zip"],
)
def test_a_bad_zip_is_refused_and_not_kept(web: Web, zipped: RemoteFile, cache: Path, body: bytes, said: str) -> None:
    web.files["/z.zip"] = body
    assert said in refusal(zipped)
    assert len(web.asked) == 1
    assert names(cache) == []
    web.files["/z.zip"] = make_zip()
    assert get(zipped).read_bytes() == MEMBER


def test_a_zip_joined_from_a_wrong_part_is_fetched_again(web: Web, zipped: RemoteFile, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "z.zip.part").write_bytes(flip(make_zip())[:-100])
    assert get(zipped).read_bytes() == MEMBER
    assert [asked is None for _, asked in web.asked] == [False, True]


def test_what_a_killed_unpacking_left_is_removed(zipped: RemoteFile, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "m.mat.0123abcd.part").write_bytes(MEMBER[:100])
    os.utime(cache / "m.mat.0123abcd.part", (0, 0))
    assert get(zipped).read_bytes() == MEMBER
    assert names(cache) == ["m.mat"]


def test_a_zip_survives_a_disk_too_full_for_the_member(
    web: Web, zipped: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(make_zip())
    with monkeypatch.context() as patch:
        free = iter([size, 1000])
        patch.setattr(transfer.shutil, "disk_usage", lambda _: type("Usage", (), {"free": next(free)}))
        assert "no space left on the device" in refusal(zipped)
    assert names(cache) == ["z.zip"]
    assert get(zipped).read_bytes() == MEMBER
    assert len(web.asked) == 1  # it was all here


# ---------------------------------------------------------------------------------------------- several processes

SCRIPT = """
import sys
from wvae.datasets.download import RemoteFile, fetch
name, url, md5, size, member = sys.argv[1:]
print(fetch("set", RemoteFile(name, (url,), md5 or None, int(size) or None, member or None), progress=False))
"""


def start(file: RemoteFile) -> subprocess.Popen[str]:
    fields = [file.name, file.urls[0], file.md5 or "", str(file.size or 0), file.member or ""]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *fields], text=True, stdout=-1, stderr=-1)


@pytest.mark.parametrize("which", ["file", "zipped"])
def test_processes_do_not_disturb_each_other(web: Web, cache: Path, request: pytest.FixtureRequest, which: str) -> None:
    wanted: RemoteFile = request.getfixturevalue(which)
    web.faults |= {"/a.gz": "drip", "/z.zip": "drip"}
    processes = [start(wanted) for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip(), err) == (0, str(cache / wanted.local_name), "")
    assert names(cache) == [wanted.local_name]
    assert is_cached("set", wanted)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_download_is_taken_up(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.faults["/a.gz"] = "drip"
    with start(file) as process:
        while not any(path.stat().st_size for path in cache.glob("*.part")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not is_cached("set", file)
    web.faults.clear()
    monkeypatch.setattr(transfer, "ORPHAN", 0.0)
    assert get(file).read_bytes() == BODY
    assert web.asked[-1][1] is not None  # resumed
    assert [name for name in names(cache) if name.endswith(".part")] == []


# ---------------------------------------------------------------------------------------------- the list


def test_status_has_a_row_for_each_source(cache: Path) -> None:
    rows = {row.name: row for row in status()}
    assert list(rows) == list(CATALOGUE)
    assert rows["digits8x8"].cached
    assert rows["digits8x8"].path is None
    for name in ("mnist", "emnist"):
        assert not rows[name].cached
        assert rows[name].path == cache.parent / name
        assert rows[name].licence == CATALOGUE[name].licence
    assert not cache.parent.exists()  # looking leaves no trace


def test_fetch_all_takes_what_the_source_lists(
    web: Web, file: RemoteFile, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wvae.datasets.mnist.FILES", {"set": (file,)})
    assert fetch_all("mnist", progress=False) == [cache / "a.gz"]
    assert {row.name: row.cached for row in status()}["mnist"]
    assert fetch_all("digits8x8", progress=False) == []
    with pytest.raises(ValueError, match="no data set is called 'mnits'"):
        fetch_all("mnits")
