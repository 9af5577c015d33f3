"""The local server of a site: read-only, for browsers on this machine alone."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

ADDRESS = "127.0.0.1"
MAX_URL = 8_000  # bytes of a path with its query, in which the page may keep a view
MAX_HEADERS = 32_768  # bytes
STOP_SECONDS = 5.0  # after which a thread that still serves is left to the end of the process

POLICY = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",  # cells of notebooks
)
HEADERS = {
    "content-security-policy": "; ".join(POLICY),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}

# The system's own table of types may be incomplete, or wrong on Windows.
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
OTHER_TYPE = "application/octet-stream"
# The build puts a hash of eight characters into the names of assets. A word of eight letters, as in
# ort-wasm-simd-threaded.mjs, is none.
HASHED = re.compile(r"/assets/.*[-.](?=[\w-]*[0-9A-Z])[\w-]{8}\.\w+")


class Site:
    """An ASGI application that serves the files of a folder, as they are when it is made.

    Only names that the folder had can be asked for, so no path leads out of it; links are left out.

    Parameters
    ----------
    folder
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.files = _files(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        response = self._response(Request(scope))
        await response(scope, receive, send_with_headers)

    def _response(self, request: Request) -> Response:
        """Return the file that a request asks for, or why there is none."""
        if not _is_own_host(request):
            return _refusal(400, "this server answers only to 127.0.0.1 and localhost")
        if request.method not in ("GET", "HEAD"):
            response = _refusal(405, "this server only reads")
            response.headers["allow"] = "GET, HEAD"
            return response
        if request.headers.get("content-length", "0") != "0" or (
            "transfer-encoding" in request.headers
        ):
            return _refusal(413, "requests have no body")
        scope = request.scope
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MAX_URL:
            return _refusal(414, "the address is too long")
        path = scope["path"]
        file = self.files.get(f"{path}index.html" if path.endswith("/") else path)
        if file is None:
            return _refusal(404, "there is no such file")
        return _file_response(file, path, request)


class _File(FileResponse):
    chunk_size = 1 << 20  # codes of a million rows are large


def _files(folder: Path) -> dict[str, Path]:
    """Return the regular files below a folder by the path of their addresses."""
    files: dict[str, Path] = {}
    for parent, _, names in os.walk(folder.resolve()):
        for name in names:
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                files["/" + file.relative_to(folder.resolve()).as_posix()] = file
    return files


def _is_own_host(request: Request) -> bool:
    """Return whether a request names this server, and not a host that resolves to it.

    The pages of such a host could read the data otherwise (DNS rebinding).
    """
    port = request.scope["server"][1]
    names = ("127.0.0.1", "localhost", "[::1]")
    allowed = {f"{name}:{port}" for name in names}
    if port == 80:  # browsers leave it out
        allowed.update(names)
    hosts = request.headers.getlist("host")
    return len(hosts) == 1 and hosts[0].lower() in allowed


def _refusal(status: int, reason: str) -> Response:
    """Return an error of one line; it ends the connection, whose body may be unread."""
    headers = {"connection": "close", "cache-control": "no-store"}
    return PlainTextResponse(f"{reason}\n", status, headers)


def _file_response(file: Path, path: str, request: Request) -> Response:
    """Return a file, or that the browser's copy of it is still right."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return _refusal(404, "the file was removed")
    is_hashed = HASHED.fullmatch(path) is not None
    caching = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
    media_type = TYPES.get(PurePosixPath(file.name).suffix.lower(), OTHER_TYPE)
    response = _File(file, 200, {"cache-control": caching}, media_type, stat_result=status)
    tags = request.headers.get("if-none-match", "").split(",")
    if response.headers["etag"] in [tag.strip().removeprefix("W/") for tag in tags]:
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=304, headers=kept)
    return response


# ------------------------------------------------------------------------------------- the server


class LocalServer:
    """Serves a site on 127.0.0.1, in this thread or in one of its own.

    Requests wait until `run` or `start`.

    Parameters
    ----------
    folder
        The site.
    listener
        What `listen` returned; the server closes it.
    """

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        site = Site(folder)
        self._socket = listener
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{ADDRESS}:{self.port}/"
        config = uvicorn.Config(
            site,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            # At the end, transfers are cut off, and uvicorn would log each as an error.
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEADERS,
            timeout_graceful_shutdown=0,
        )
        self._server = _Server(config)
        self._thread: threading.Thread | None = None

    def run(self, on_start: Callable[[], object] | None = None) -> None:
        """Serve in this thread until SIGINT or SIGTERM, which then reach their handlers.

        Parameters
        ----------
        on_start
            Called as soon as requests are answered.
        """
        self._server.on_start = on_start
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serve in a thread that ends with the process; return when requests are answered."""
        started = threading.Event()
        self._server.on_start = started.set

        def serve() -> None:
            try:
                self.run(started.set)
            finally:
                started.set()  # also if it failed, so that the caller stops waiting

        self._thread = threading.Thread(target=serve, name="wvae-explorer", daemon=True)
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Stop serving, within a second; a second call does nothing."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._socket.close()


class _Server(uvicorn.Server):
    """A server that calls `on_start`, and that lets no connection delay its end."""

    on_start: Callable[[], object] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer requests."""
        await super().startup(sockets=sockets)
        if self.on_start is not None:
            self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections."""
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(
            0
        )  # the loop closes the sockets of aborted connections in its next turn


def listen(port: int | None = None) -> socket.socket:
    """Return a socket that listens on a port of this machine, to this machine only.

    Parameters
    ----------
    port
        The port, or None for a free one.

    Raises
    ------
    ValueError
        If the port cannot be used.

    Examples
    --------
    >>> with listen() as listener:
    ...     listener.getsockname()[0]
    '127.0.0.1'
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # a port whose last connections have just ended; elsewhere, a theft
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ADDRESS, port or 0))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            reason = "is in use"
        elif error.errno in (errno.EACCES, errno.EPERM):
            reason = "is reserved for the system"
        else:
            raise
        raise ValueError(
            f"port {port} {reason}: take another --port, or leave it out for a free one"
        ) from error
    return listener
