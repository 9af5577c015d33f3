"""A server on the loopback interface that speaks the Hub's upload and download calls."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_test"


class Hub:
    """The repositories, each with its commits by branch, and what was requested."""

    def __init__(self) -> None:
        self.address = ""
        self.requested: list[tuple[str, str]] = []
        self.private: dict[str, bool] = {}
        self.branches: dict[str, dict[str, str]] = {}  # repository, branch, commit
        self.commits: dict[str, dict[str, bytes]] = {}  # commit, file name, content
        self.objects: dict[str, bytes] = {}  # large files by SHA-256

    def add(self, repo: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Add a commit to a repository and return its name."""
        digest = hashlib.sha1(repr((repo, sorted(files.items()))).encode(), usedforsecurity=False)
        commit = digest.hexdigest()
        self.commits[commit] = files
        self.branches.setdefault(repo, {})[branch] = commit
        self.private.setdefault(repo, False)
        return commit

    def files(self, repo: str, branch: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[repo][branch]]


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin"))


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    # -------------------------------------------------------------------------------- answers

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    @property
    def is_owner(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def missing(self, code: str = "RepoNotFound") -> None:
        status = 401 if code == "RepoNotFound" and not self.is_owner else 404
        self.send_json({"error": "not found"}, status, X_Error_Code=code)

    def path_parts(self) -> list[str]:
        self.hub.requested.append((self.command, self.path))
        return [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]

    # --------------------------------------------------------------------------------- upload

    def do_POST(self) -> None:
        parts, body = self.path_parts(), self.body()
        if parts == ["api", "validate-yaml"]:
            content = json.loads(body)["content"]
            errors = [] if content.startswith("---\n") else [{"message": "no front matter"}]
            self.send_json({"errors": errors, "warnings": []}, 400 if errors else 200)
        elif not self.is_owner:
            self.send_json({"error": "this token may not write"}, 403)
        elif parts == ["api", "repos", "create"]:
            self.create(json.loads(body))
        elif parts[-4:] == ["info", "lfs", "objects", "batch"]:
            self.batch(json.loads(body))
        elif parts[:2] == ["api", "models"] and parts[4] == "preupload":
            files = json.loads(body)["files"]
            answers: list[dict[str, Any]] = []
            for file in files:
                mode = "lfs" if is_large(file["path"]) else "regular"
                answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
            self.send_json({"files": answers})
        elif parts[:2] == ["api", "models"] and parts[4] == "commit":
            self.commit(f"{parts[2]}/{parts[3]}", parts[5], body)
        else:
            self.send_json({"error": "unknown call"}, 500)

    def create(self, request: dict[str, Any]) -> None:
        repo = f"{request['organization']}/{request['name']}"
        url = f"{self.hub.address}/{repo}"
        if repo in self.hub.branches:
            self.send_json({"url": url, "error": "exists"}, 409)
            return
        self.hub.add(repo, {})
        self.hub.private[repo] = (
            request.get("visibility") == "private" or request.get("private") is True
        )
        self.send_json({"url": url})

    def batch(self, request: dict[str, Any]) -> None:
        objects: list[dict[str, Any]] = []
        for item in request["objects"]:
            href = f"{self.hub.address}/objects/{item['oid']}"
            objects.append({**item, "actions": {"upload": {"href": href}}})
        self.send_json({"transfer": "basic", "objects": objects})

    def do_PUT(self) -> None:
        parts, body = self.path_parts(), self.body()
        if hashlib.sha256(body).hexdigest() != parts[-1]:
            self.send_json({"error": "wrong content"}, 400)
            return
        self.hub.objects[parts[-1]] = body
        self.send(200)

    def commit(self, repo: str, branch: str, body: bytes) -> None:
        if branch not in self.hub.branches.get(repo, {}):
            self.missing("RevisionNotFound" if repo in self.hub.branches else "RepoNotFound")
            return
        files = dict(self.hub.files(repo, branch))
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        commit = self.hub.add(repo, files, branch)
        url = f"{self.hub.address}/{repo}/commit/{commit}"
        self.send_json({"success": True, "commitOid": commit, "commitUrl": url})

    # ------------------------------------------------------------------------------- download

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path_parts()
        is_api = parts[:2] == ["api", "models"]
        repo = "/".join(parts[2:4] if is_api else parts[:2])
        hidden = self.hub.private.get(repo, True) and not self.is_owner
        if repo not in self.hub.branches or hidden:
            self.missing()
        elif is_api:
            self.describe(repo, parts[4:])
        else:
            self.resolve(repo, parts[3], "/".join(parts[4:]))

    def find(self, repo: str, revision: str) -> str | None:
        commit = self.hub.branches[repo].get(revision, revision)
        return commit if commit in self.hub.commits else None

    def describe(self, repo: str, call: list[str]) -> None:
        commit = self.find(repo, call[1] if len(call) > 1 else "main")
        if commit is None:
            self.missing("RevisionNotFound")
            return
        files = self.hub.commits[commit]
        if not call or call[0] == "revision":
            siblings = [{"rfilename": name} for name in files]
            about = {"id": repo, "modelId": repo, "sha": commit, "siblings": siblings}
            about |= {"private": self.hub.private[repo], "tags": [], "downloads": 0, "likes": 0}
            self.send_json(about)
            return
        entries: list[dict[str, Any]] = []
        for name, content in files.items():
            digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            entry: dict[str, Any] = {"type": "file", "path": name, "oid": digest}
            entry["size"] = len(content)
            if is_large(name):
                oid = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 134}
            entries.append(entry)
        self.send_json(entries)

    def resolve(self, repo: str, revision: str, name: str) -> None:
        commit = self.find(repo, revision)
        if commit is None or name not in self.hub.commits[commit]:
            self.missing("EntryNotFound" if commit else "RevisionNotFound")
            return
        content = self.hub.commits[commit][name]
        digest = hashlib.sha256(content).hexdigest()
        self.send(200, content, X_Repo_Commit=commit, ETag=f'"{digest}"', Accept_Ranges="bytes")


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Yield a hub that answers at its `address` until the block ends."""
    hub = Hub()
    handler = type("HubHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
