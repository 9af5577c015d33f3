"""Models on the Hub: upload, load, offline, and errors, against a server on this machine."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants

import wvae
from command_line import Command
from hub_server import TOKEN, Hub, hub_server
from wvae.datasets import Dataset
from wvae.io import hub as module
from wvae.io.files import ModelFileError, write_json
from wvae.io.hub import HubError
from wvae.workflows.inputs import write_training_record
from wvae.workflows.measures_file import measures_record

# huggingface_hub calls httpx as an older version wanted it.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FIGURES = {
    "leakage.max": 0.3,
    "leakage.low": 0.25,
    "leakage.high": 0.36,
    "leakage.majority": 0.25,
    "leakage.positive_control": 0.99,
    "sufficiency.predict": 0.98,
}
UPLOADED = {"README.md", "config.json", "measures.json", "model.safetensors", "rows.json"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The server, as the Hub of this process, with an empty cache and a token."""
    with hub_server() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def folder(fitted: wvae.WVAE, planted: Dataset, tmp_path: Path) -> Path:
    """A model folder with everything that `wvae fit` and `wvae measure` put there."""
    path = tmp_path / "secret-place" / "model"
    fitted.save(path)
    write_training_record(path, planted, str(tmp_path / "secret-place" / "photos"))
    write_json(path / "measures.json", measures_record(planted, FIGURES, 0))
    (path / "swaps.png").write_bytes(b"a picture of examples")
    return path


def same_codes(a: wvae.WVAE, b: wvae.WVAE, data: Dataset) -> bool:
    pairs = zip(a.encode(data.x[:9]), b.encode(data.x[:9]), strict=True)
    return all(np.array_equal(left, right) for left, right in pairs)


# ------------------------------------------------------------------------------ there and back


def test_an_uploaded_model_loads_with_the_same_codes(
    hub: Hub, folder: Path, fitted: wvae.WVAE, planted: Dataset
):
    assert module.upload(folder, "ada/animals") == f"{hub.address}/ada/animals"
    assert set(hub.files("ada/animals")) == UPLOADED
    assert not hub.private["ada/animals"]
    assert same_codes(wvae.load("hf://ada/animals"), fitted, planted)


def test_neither_pictures_nor_paths_are_uploaded(hub: Hub, folder: Path):
    module.upload(folder, "ada/animals")
    for name, content in hub.files("ada/animals").items():
        assert b"secret-place" not in content, name
    assert "source" in json.loads((folder / "rows.json").read_text())
    assert set(json.loads(hub.files("ada/animals")["rows.json"])) == {
        "data",
        "examples",
        "fingerprint",
    }


def test_nothing_is_requested_before_the_model_is_known_to_be_whole(hub: Hub, folder: Path):
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelFileError):
        module.upload(folder, "ada/animals")
    assert hub.requested == []


def test_a_second_upload_replaces_the_first(hub: Hub, folder: Path):
    module.upload(folder, "ada/animals")
    module.upload(folder, "ada/animals", card="---\nlicense: mit\n---\nMine.\n")
    assert hub.files("ada/animals")["README.md"].endswith(b"Mine.\n")
    assert set(hub.files("ada/animals")) == UPLOADED


def test_push_to_hub_makes_a_private_repository(hub: Hub, fitted: wvae.WVAE, planted: Dataset):
    fitted.push_to_hub("ada/animals", private=True, measures=measures_record(planted, FIGURES, 0))
    assert hub.private["ada/animals"]
    card = hub.files("ada/animals")["README.md"].decode()
    assert "0.300" in card
    assert "planted" in card
    assert same_codes(wvae.load("hf://ada/animals"), fitted, planted)


def test_push_to_hub_takes_plain_figures(hub: Hub, fitted: wvae.WVAE):
    fitted.push_to_hub("ada/animals", measures=FIGURES)
    assert b"0.300" in hub.files("ada/animals")["README.md"]


def test_only_the_files_of_a_model_are_downloaded(hub: Hub, folder: Path, tmp_path: Path):
    module.upload(folder, "ada/animals")
    marker = tmp_path / "executed"
    evil = pickle.dumps(Touch(str(marker)))
    extra = {"pytorch_model.bin": evil, "wvae.py": b"raise SystemExit", "model.pkl": evil}
    hub.add("ada/animals", hub.files("ada/animals") | extra)
    hub.requested.clear()
    wvae.load("hf://ada/animals")
    wanted = {path.rpartition("/")[2] for _, path in hub.requested if "/resolve/" in path}
    assert wanted == UPLOADED - {"README.md"}
    assert not marker.exists()


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_revision_is_loaded_by_name_and_by_commit(hub: Hub, folder: Path, fitted: wvae.WVAE):
    module.upload(folder, "ada/animals")
    first = hub.branches["ada/animals"]["main"]
    hub.branches["ada/animals"]["v2"] = first
    about = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", about | {"epochs_trained": 7})
    module.upload(folder, "ada/animals", revision="v2")
    assert wvae.load("hf://ada/animals").n_iter_ == fitted.n_iter_
    assert wvae.load("hf://ada/animals@v2").n_iter_ == 7
    assert wvae.load(f"hf://ada/animals@{first}").n_iter_ == fitted.n_iter_


# ---------------------------------------------------------------------------------- offline


def test_a_loaded_model_loads_again_without_a_network(
    hub: Hub, folder: Path, planted: Dataset, fitted: wvae.WVAE, monkeypatch: pytest.MonkeyPatch
):
    module.upload(folder, "ada/animals")
    wvae.load("hf://ada/animals")
    hub.requested.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same_codes(wvae.load("hf://ada/animals"), fitted, planted)
    assert hub.requested == []


@pytest.mark.slow
def test_the_variables_of_the_hub_are_obeyed_in_a_new_process(
    hub: Hub, folder: Path, tmp_path: Path
):
    module.upload(folder, "ada/animals")
    code = "import wvae; print(wvae.load('hf://ada/animals').n_iter_)"
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_ENDPOINT": hub.address}

    def run(**variables: str) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env=environment | variables, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    online = run()
    n_requests = len(hub.requested)
    assert run(HF_HUB_OFFLINE="1") == online == "25"
    assert len(hub.requested) == n_requests


# ----------------------------------------------------------------------------------- errors


def no_token(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.delenv("HF_TOKEN")
    patch.setattr(huggingface_hub, "get_token", lambda: None)


def wrong_token(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("HF_TOKEN", "hf_other")


def offline(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "HF_HUB_OFFLINE", True)


def unreachable(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    dead = "http://127.0.0.1:9"  # the discard port, on which no server listens
    patch.setattr(constants, "ENDPOINT", dead)
    template = dead + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def nothing(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    pass


Change = Callable[[Hub, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_token, ["ada/animals", "hf auth login", "HF_TOKEN"]),
        (wrong_token, ["ada/animals", "403", "HF_TOKEN"]),
        (offline, ["HF_HUB_OFFLINE"]),
        (unreachable, ["ada/animals", "127.0.0.1:9", "network"]),
    ],
)
def test_an_upload_that_cannot_be_is_one_line(
    change: Change, words: list[str], hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    change(hub, monkeypatch)
    with pytest.raises(HubError) as caught:
        module.upload(folder, "ada/animals")
    check_line(str(caught.value), words)
    assert "ada/animals" not in hub.branches


@pytest.mark.parametrize(
    ("change", "address", "words"),
    [
        (nothing, "hf://ada/none", ["hf://ada/none", "no such repository", "HF_TOKEN"]),
        (no_token, "hf://ada/private", ["hf://ada/private", "private", "HF_TOKEN"]),
        (nothing, "hf://ada/other", ["hf://ada/other", "config.json"]),
        (nothing, "hf://ada/animals@v9", ["hf://ada/animals@v9", "revision"]),
        (offline, "hf://ada/animals", ["HF_HUB_OFFLINE", "online"]),
        (unreachable, "hf://ada/animals", ["cannot be reached"]),
    ],
)
def test_a_model_that_cannot_be_loaded_is_one_line(
    change: Change, address: str, words: list[str], hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    hub.add("ada/animals", {"config.json": b"{}"})
    hub.add("ada/other", {"README.md": b"Another library's.", "weights.bin": b"?"})
    hub.add("ada/private", {"config.json": b"{}"})
    hub.private["ada/private"] = True
    change(hub, monkeypatch)
    with pytest.raises(HubError) as caught:
        wvae.load(address)
    check_line(str(caught.value), words)


def check_line(message: str, words: list[str]) -> None:
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("address", ["hf://animals", "hf://a/b/c", "hf://a/b@", "hf://a b/c"])
def test_an_address_of_another_form_is_refused(address: str):
    with pytest.raises(ValueError, match="hf://OWNER/NAME"):
        wvae.load(address)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"wvae\[hub\]"):
        wvae.load("hf://ada/animals")


# --------------------------------------------------------------------------- the command line


def test_the_command_line_uploads_and_prints_the_address(hub: Hub, folder: Path, command: Command):
    result = command("export", folder, "--to", "hub", "--repo", "ada/animals", "--private")
    assert (result.code, result.out.strip()) == (0, f"{hub.address}/ada/animals")
    assert hub.private["ada/animals"]
    code = command("swap", "hf://ada/animals", "x.npy", "y.npy").code
    assert code == 2  # the files do not exist; the model was found
    assert any("/resolve/" in path for _, path in hub.requested)


def test_card_only_prints_the_card_and_uploads_nothing(hub: Hub, folder: Path, command: Command):
    result = command("export", folder, "--to", "hub", "--card-only")
    assert result.code == 0
    assert result.out.startswith("---\nlibrary_name: ")
    assert "hf://OWNER/NAME" in result.out
    assert hub.requested == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "hub"], ["--repo"]),
        (["--to", "hub", "--repo", "animals"], ["OWNER/NAME"]),
        (["--to", "hub", "--repo", "a/b", "--out", "x"], ["--out", "onnx"]),
        (["--repo", "a/b"], ["--repo", "hub"]),
        (["--card-only"], ["--card-only", "hub"]),
    ],
)
def test_flags_of_the_other_format_are_refused(
    arguments: list[str], words: list[str], folder: Path, command: Command
):
    result = command("export", folder, *arguments)
    assert result.code == 2
    check_line(result.err.strip(), words)
