"""The explorer's local server and site: what is served, what is refused, and how it stops."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from explorer_stub import stub_page_and_data, write_page
from wvae.datasets import Dataset
from wvae.estimator import WVAE
from wvae.io.files import OutputExistsError

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from wvae.explorer import notebook, server, site
from wvae.explorer.server import LocalServer, listen

SECRET = "secret of the machine"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site, with secrets beside it and links to them."""
    folder = tmp_path / "site"
    write_page(folder)
    (folder / "data").mkdir()
    (folder / "data" / "z_rest.f32").write_bytes(np.arange(500_000, dtype="<f4").tobytes())
    (folder / "data" / "explorer.json").write_text("{}")
    (folder / "data" / "a b%2e.txt").write_text("named oddly")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "site-of-others").mkdir()
    (tmp_path / "site-of-others" / "secret.txt").write_text(SECRET)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "linked").symlink_to(tmp_path / "site-of-others")
    return folder


@pytest.fixture
def running(folder: Path) -> Iterator[LocalServer]:
    local = LocalServer(folder, listen())
    local.start()
    yield local
    local.stop()


class Answer(SimpleNamespace):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    local: LocalServer,
    path: str = "/",
    method: str = "GET",
    host: str | None = None,
    body: bytes | None = None,
    **headers: str,
) -> Answer:
    """Send one request as it is: http.client changes neither the path nor the host."""
    connection = HTTPConnection("127.0.0.1", local.port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", f"127.0.0.1:{local.port}" if host is None else host)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response: HTTPResponse = connection.getresponse()
    content = response.read()
    connection.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=named, body=content)


def raw(local: LocalServer, request: bytes) -> bytes:
    """Send bytes and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", local.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = list(iter(lambda: connection.recv(65_536), b""))
    return b"".join(parts)


# ---------------------------------------------------------------------- what is served


def test_the_site_is_served_with_types_caching_and_bytes(running: LocalServer, folder: Path):
    cases = [
        ("/", "text/html; charset=utf-8", False, "index.html"),
        ("/index.html", "text/html; charset=utf-8", False, "index.html"),
        ("/?rows=3", "text/html; charset=utf-8", False, "index.html"),
        ("/assets/index-D3f_a9xK.js", "text/javascript", True, "assets/index-D3f_a9xK.js"),
        (
            "/assets/ort-wasm-simd-threaded.mjs",
            "text/javascript",
            False,
            "assets/ort-wasm-simd-threaded.mjs",
        ),
        ("/assets/ort-B1c2d3e4.wasm", "application/wasm", True, "assets/ort-B1c2d3e4.wasm"),
        ("/data/explorer.json", "application/json", False, "data/explorer.json"),
        ("/data/z_rest.f32", "application/octet-stream", False, "data/z_rest.f32"),
        ("/data/a%20b%252e.txt", "text/plain; charset=utf-8", False, "data/a b%2e.txt"),
    ]
    for path, media_type, is_immutable, name in cases:
        answer = ask(running, path)
        assert answer.status == 200, path
        assert answer.body == (folder / name).read_bytes(), path
        assert answer.headers["content-type"].startswith(media_type), path
        caching = answer.headers["cache-control"]
        assert ("immutable" in caching, caching == "no-cache") == (is_immutable, not is_immutable)
        head = ask(running, path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(answer.body))


def test_a_browsers_copy_is_used_until_the_file_changes(running: LocalServer, folder: Path):
    tag = ask(running, "/data/explorer.json").headers["etag"]
    for tags in (tag, f'"other", W/{tag}'):
        answer = ask(running, "/data/explorer.json", If_None_Match=tags)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    assert ask(running, "/data/explorer.json", If_None_Match='"other"').status == 200
    (folder / "data" / "explorer.json").write_text('{"title": "new"}')
    answer = ask(running, "/data/explorer.json", If_None_Match=tag)
    assert (answer.status, answer.body) == (200, b'{"title": "new"}')


def test_a_part_of_a_file_can_be_asked_for(running: LocalServer):
    answer = ask(running, "/data/z_rest.f32", Range="bytes=4-11")
    assert (answer.status, np.frombuffer(answer.body, "<f4").tolist()) == (206, [1.0, 2.0])


# ---------------------------------------------------------------------- what is refused

REFUSED_PATHS = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E%2Fsecret.txt",
    "/data/../../secret.txt",
    "/data/..%2f..%2fsecret.txt",
    "/..%5csecret.txt",
    "/../site-of-others/secret.txt",
    "//secret.txt",
    "//etc/passwd",
    "/etc/passwd",
    "/%2fetc/passwd",
    "http://127.0.0.1/index.html",
    "/link.txt",
    "/linked/secret.txt",
    "/index.html%00",
    "/index.html%00.txt",
    "/data",
    "/data/",
    "/./index.html",
    "/data//explorer.json",
    "/%ff%fe",
    "*",
]


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_no_path_leads_out_of_the_site(running: LocalServer, path: str):
    for method in ("GET", "HEAD"):
        answer = ask(running, path, method)
        assert answer.status == 404
        assert SECRET.encode() not in answer.body
        assert b"root:" not in answer.body


def test_only_this_machines_names_are_answered(running: LocalServer):
    port = running.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"LocalHost:{port}"):
        assert ask(running, host=host).status == 200, host
    foreign = ["evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""]
    foreign += [f"127.0.0.1:{port}.evil.example", f"127.0.0.1.evil.example:{port}"]
    foreign += [f"evil.example@127.0.0.1:{port}", f"0.0.0.0:{port}"]
    for host in foreign:
        answer = ask(running, host=host)
        assert (answer.status, b"<!doctype" in answer.body) == (400, False), host


@pytest.mark.parametrize(
    "hosts", [b"", b"Host: 127.0.0.1:PORT\r\nHost: evil.example\r\n", b"X: y\r\n"]
)
def test_a_request_needs_exactly_one_host(running: LocalServer, hosts: bytes):
    lines = hosts.replace(b"PORT", str(running.port).encode())
    answer = raw(running, b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    old = raw(running, b"GET / HTTP/1.0\r\n\r\n")  # which may lack a host
    assert b" 400 " in old.splitlines()[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"])
def test_the_server_only_reads(running: LocalServer, folder: Path, method: str):
    answer = ask(running, "/index.html", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = ask(running, "/index.html", method, body=b"new content")
    assert answer.status == 405
    assert (folder / "index.html").read_text().startswith("<!doctype")


def test_requests_are_small(running: LocalServer):
    assert ask(running, f"/?view={'a' * (server.MAX_URL - 20)}").status == 200
    assert ask(running, f"/?view={'a' * server.MAX_URL}").status == 414
    assert ask(running, "/" + "a" * server.MAX_URL).status == 414
    assert ask(running, body=b"x").status == 413
    host = f"Host: 127.0.0.1:{running.port}\r\n".encode()
    chunked = b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert raw(running, chunked).startswith(b"HTTP/1.1 413")
    endless = b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * server.MAX_HEADERS
    assert raw(running, endless).startswith(b"HTTP/1.1 400")
    assert ask(running).status == 200


POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'self' http://localhost:* http://127.0.0.1:*",
}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 200),
        ({"path": "/data/z_rest.f32", "Range": "bytes=0-3"}, 206),
        ({"path": "/data/z_rest.f32", "Range": "bytes=9-3"}, 416),
        ({"path": "/missing"}, 404),
        ({"method": "POST"}, 405),
        ({"host": "evil.example"}, 400),
        ({"body": b"x"}, 413),
        ({"method": "HEAD"}, 200),
    ],
)
def test_every_answer_has_the_strict_headers(
    running: LocalServer, options: dict[str, Any], status: int
):
    answer = ask(running, **options)
    assert answer.status in (status, 400 if status == 416 else status)
    directives = (part.strip().partition(" ") for part in
                  answer.headers["content-security-policy"].split(";"))  # fmt: skip
    assert {name: value for name, _, value in directives} == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    expected = "microphone=(self), camera=(), geolocation=()"
    assert answer.headers["permissions-policy"] == expected
    assert not {"server", "access-control-allow-origin", "set-cookie"} & set(answer.headers)


def test_only_this_machine_is_listened_to_and_a_busy_port_is_one_line():
    with listen() as first:
        address, port = first.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(ValueError, match=rf"^port {port} is in use: take another --port.*$"):
            listen(port)
    listen(port).close()


# ---------------------------------------------------------------------- how it stops

SERVE = """
import signal, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
signal.signal(signal.SIGINT, signal.default_int_handler)
from wvae.cli.terminal import handle_signals, report_stop
from wvae.explorer.server import LocalServer, listen
import typer
handle_signals()
try:
    with report_stop(quiet=False), listen() as listener:
        server = LocalServer(Path(sys.argv[1]), listener)
        server.run(lambda: print(server.port, flush=True))
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_while_browsers_hold_connections(
    folder: Path, number: signal.Signals, code: int
):
    large = folder / "data" / "large.f32"
    large.write_bytes(bytes(50_000_000))
    pipe = subprocess.PIPE
    command = [sys.executable, "-X", "dev", "-c", SERVE, str(folder)]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            host = f"Host: 127.0.0.1:{port}\r\n\r\n".encode()
            silent, kept, slow = (
                socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(3)
            )
            kept.sendall(b"GET / HTTP/1.1\r\n" + host)
            assert kept.recv(12) == b"HTTP/1.1 200"
            slow.sendall(b"GET /data/large.f32 HTTP/1.1\r\n" + host)
            assert slow.recv(12) == b"HTTP/1.1 200"
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    for connection in (silent, kept, slow):
        connection.close()
    # With -X dev, asyncio also says which steps took long: any does on a busy machine.
    lines = [line for line in err.splitlines() if not line.startswith("Executing <")]
    assert (process.returncode, lines) == (code, ["stopped"])


def test_a_thread_stops_and_frees_its_port(folder: Path):
    before = threading.active_count()
    local = LocalServer(folder, listen())
    local.start()
    with socket.create_connection(("127.0.0.1", local.port)) as held:
        held.sendall(b"GET /")
        assert ask(local).status == 200
        local.stop()
        local.stop()
    assert threading.active_count() <= before + 1  # a worker of anyio may linger for a moment
    listen(local.port).close()
    with pytest.raises(ConnectionRefusedError):
        ask(local)


# ---------------------------------------------------------------------- sites


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return stub_page_and_data(monkeypatch, tmp_path)


def test_a_site_has_the_page_and_the_data(
    fitted: WVAE, planted: Dataset, tmp_path: Path, calls: dict[str, Any]
):
    out = tmp_path / "new" / "site"
    assert site.write_site(fitted, planted, out, max_rows=10) == out
    assert calls["max_rows"] == 10
    assert calls["data"] is planted
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    expected = {"index.html", "wvae-explorer.txt", "data/explorer.json", "data/z_rest.f32"}
    assert expected <= names
    assert (out / "assets" / "ort-B1c2d3e4.wasm").read_bytes() == b"\0asm"
    assert sorted(os.listdir(out.parent)) == ["site"]


def test_only_an_earlier_site_is_replaced(
    fitted: WVAE, planted: Dataset, tmp_path: Path, calls: dict[str, Any]
):
    out, own = tmp_path / "site", tmp_path / "own"
    site.write_site(fitted, planted, out)
    with pytest.raises(OutputExistsError, match="take another --export"):
        site.write_site(fitted, planted, out)
    (out / "old.txt").touch()
    site.write_site(fitted, planted, out, overwrite=True)
    assert not (out / "old.txt").exists()
    write_page(own)  # a page of somebody else, with an index.html, too
    calls.clear()
    with pytest.raises(OutputExistsError, match="is not a site of wvae explore"):
        site.write_site(fitted, planted, own, overwrite=True)
    assert calls == {}  # refused before the hard work


def test_a_failure_leaves_the_old_site(
    fitted: WVAE, planted: Dataset, tmp_path: Path, calls: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    out = tmp_path / "site"
    site.write_site(fitted, planted, out)

    def fail(*arguments: Any, **options: Any) -> None:
        raise ValueError("no map")

    monkeypatch.setattr(sys.modules["wvae.explorer.bundle"], "write_data", fail)
    with pytest.raises(ValueError, match="no map"):
        site.write_site(fitted, planted, out, overwrite=True)
    assert (out / "data" / "explorer.json").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith((".part", ".old"))]


def test_a_page_that_was_not_built_is_one_line(
    fitted: WVAE, planted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(site, "PAGE", tmp_path / "none")
    with pytest.raises(ValueError, match=r"^this installation lacks .*`make web` .*reinstall.*$"):
        site.write_site(fitted, planted, tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- notebooks


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_cell_shows_the_page_until_it_is_closed(
    fitted: WVAE, planted: Dataset, calls: dict[str, Any], temporary_folder: Path
):
    with fitted.explore(planted, height=500, seed=3) as shown:
        html = shown._repr_html_()
        assert repr(shown) == shown.url
        assert f'src="{shown.url}"' in html
        assert 'height="500"' in html
        assert calls["seed"] == 3
        port = int(shown.url.rstrip("/").rpartition(":")[2])
        local: Any = SimpleNamespace(port=port)
        assert ask(local, "/data/explorer.json").body == b'{"title": "planted"}'
        (private,) = temporary_folder.iterdir()
        assert private.stat().st_mode & 0o777 == 0o700
    shown.close()
    assert list(temporary_folder.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        ask(local)


def test_examples_without_labels_are_shown(
    fitted: WVAE, planted: Dataset, calls: dict[str, Any], temporary_folder: Path
):
    with fitted.explore(planted.x[:5]):
        data = calls["data"]
        np.testing.assert_array_equal(data.x, planted.x[:5])
        assert not data.labelled.any()
        assert data.kind == "image"


def test_an_explorer_that_fails_leaves_nothing(
    fitted: WVAE, planted: Dataset, calls: dict[str, Any], temporary_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    with pytest.raises(ValueError, match="height is 0"):
        fitted.explore(planted, height=0)

    def fail(*arguments: Any) -> None:
        raise OSError("no sockets")

    monkeypatch.setattr(notebook, "listen", fail)
    with pytest.raises(OSError, match="no sockets"):
        fitted.explore(planted)
    assert list(temporary_folder.iterdir()) == []


IN_A_KERNEL = """
import sys, warnings
from pathlib import Path
import pytest
warnings.simplefilter("error")
import numpy as np
import tempfile
tempfile.tempdir = sys.argv[1]
from explorer_stub import stub_page_and_data
from wvae import WVAE
patch = pytest.MonkeyPatch()
stub_page_and_data(patch, Path(sys.argv[2]))
model = WVAE(epochs=1, width=8, alignment="none", finetune_epochs=0, style_weight=0.0)
rng = np.random.default_rng(0)
model.fit(rng.random((40, 6)), np.arange(40) % 2)
model.explore(rng.random((4, 6)))
print("shown")
"""


@pytest.mark.slow
def test_the_end_of_the_kernel_ends_the_server_and_removes_its_files(
    tmp_path: Path, temporary_folder: Path
):
    arguments = [sys.executable, "-c", IN_A_KERNEL, str(temporary_folder), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "shown\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert list(temporary_folder.iterdir()) == []


# ---------------------------------------------------------------------- in a browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("WVAE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
# It runs a module, reads data and compiles the smallest WebAssembly; an inline script is refused.
PAGE = """<!doctype html><title>waiting</title>
<script>document.title = "an inline script ran"</script>
<script type="module" src="./assets/index-D3f_a9xK.js"></script>"""
SCRIPT = """
const wasm = await WebAssembly.compileStreaming(fetch("./assets/ort-B1c2d3e4.wasm"));
const numbers = new Float32Array(await (await fetch("./data/z_rest.f32")).arrayBuffer());
document.body.textContent = `${document.title} ${WebAssembly.Module.exports(wasm).length} `
  + numbers[3];
"""


@pytest.fixture
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)}, or set WVAE_BROWSER")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
def test_a_browser_runs_the_page_in_a_notebooks_frame_only(
    chromium: Any, folder: Path, tmp_path: Path
):
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "index-D3f_a9xK.js").write_text(SCRIPT)
    (folder / "assets" / "ort-B1c2d3e4.wasm").write_bytes(b"\0asm\1\0\0\0")
    shown = LocalServer(folder, listen())
    frame = f'<!doctype html><iframe src="{shown.url}"></iframe>'
    (tmp_path / "notebook").mkdir()
    (tmp_path / "notebook" / "index.html").write_text(frame)
    (tmp_path / "foreign.html").write_text(frame)
    # Another server, on another port, in the place of a notebook's. It has no policy of its own.
    handler = partial(Quiet, directory=str(tmp_path / "notebook"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        shown.start()
        try:
            for host in ("127.0.0.1", "localhost"):
                page = chromium.new_page()
                page.goto(f"http://{host}:{other.server_port}/")
                body = page.frame_locator("iframe").locator("body")
                body.get_by_text("waiting 0 3").wait_for(timeout=20_000)
            page = chromium.new_page()
            errors: list[str] = []
            page.on("console", lambda message: errors.append(message.text))
            page.goto((tmp_path / "foreign.html").as_uri())
            page.wait_for_timeout(500)
            assert "waiting" not in page.frames[1].content()
            assert any("frame-ancestors" in text for text in errors), errors
        finally:
            other.shutdown()
            thread.join()
            shown.stop()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 – the name of the library
        pass
