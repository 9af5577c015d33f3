"""Models on the Hugging Face Hub: weights, JSON and a model card, uploaded when the user asks.

Nothing that is loaded is code: of a repository, only the files of a model folder are downloaded.
The variables HF_TOKEN, HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..datasets.messages import one_line
from ..validation.quoting import quoted
from .model_folder import CONFIG_FILE, WEIGHTS_FILE
from .shared_files import MODEL_FILES, shared_files

SCHEME = "hf://"
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
OFFLINE = "the network is off (HF_HUB_OFFLINE is set)"
NETWORK_PACKAGES = ("httpx2", "httpx", "requests")  # of several versions of huggingface_hub


class HubError(OSError):
    """A model could not be uploaded to the Hub or loaded from it; the message names the fix."""


def check_repo(repo: str) -> str:
    """Return the name of a repository if it can be one, else raise a ValueError.

    Examples
    --------
    >>> check_repo("ada/digits")
    'ada/digits'
    """
    if not REPO.fullmatch(repo):
        raise ValueError(f"repo is {quoted(repo)}, expected OWNER/NAME such as ada/digits")
    return repo


def upload(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    card: str | None = None,
) -> str:
    """Upload a model folder and return the address of its page.

    Weights, config, schema, figures and a model card are uploaded; pictures, the history and the
    path of the data are not. The repository is created if it does not exist.

    Parameters
    ----------
    folder
        The model folder.
    repo
        Name of the repository, ``"owner/name"``.
    private
        Whether a new repository is private.
    revision
        Branch to write to, which must exist; None is the main branch.
    card
        Text of the model card; None to write it from the folder.

    Raises
    ------
    ValueError
        If the name cannot be that of a repository.
    wvae.io.files.ModelFileError
        If the folder is missing or damaged.
    HubError
        If there is no token, or the Hub cannot be reached or refuses.
    """
    hub = _hub()
    files = shared_files(folder, f"{SCHEME}{check_repo(repo)}", card)
    operations: list[Any] = []
    for name, content in files.items():
        operations.append(hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content))
    if hub.constants.HF_HUB_OFFLINE:
        raise HubError(f"{repo} cannot be uploaded: {OFFLINE}: unset it")
    if hub.get_token() is None:
        raise HubError(
            f"{repo} cannot be uploaded: there is no token of the Hub: run `hf auth login`, or set "
            "HF_TOKEN to a token that may write"
        )
    api = hub.HfApi(library_name="wvae")
    with _clear_errors(hub, f"{repo} cannot be uploaded"):
        address = api.create_repo(repo, private=private, exist_ok=True)
        message = "Upload a wvae model"
        api.create_commit(repo, operations, commit_message=message, revision=revision)
    return str(address)


def download(address: str) -> Path:
    """Return the folder of a model on the Hub, in the Hub's own cache.

    Parameters
    ----------
    address
        ``"hf://owner/name"``, or ``"hf://owner/name@revision"`` with a branch, tag or commit.

    Raises
    ------
    ValueError
        If the address is of another form.
    HubError
        If the repository or the revision does not exist or holds no model, or if the network is
        off and the cache does not have it.
    """
    repo, at, revision = address.removeprefix(SCHEME).partition("@")
    if not REPO.fullmatch(repo) or (at and not revision):
        raise ValueError(
            f"{quoted(address)} is no model on the Hub, expected hf://OWNER/NAME or "
            "hf://OWNER/NAME@REVISION"
        )
    hub = _hub()
    with _clear_errors(hub, f"{address} cannot be loaded"):
        snapshot = hub.snapshot_download(
            repo, revision=revision or None, allow_patterns=list(MODEL_FILES), library_name="wvae"
        )
    folder = Path(snapshot)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).exists():
            raise HubError(
                f"{address} is no model of wvae: it has no {name}; check the name, or upload it "
                "with `wvae export MODEL --to hub`"
            )
    return folder


def _hub() -> Any:
    """Import and return huggingface_hub."""
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        message = "models on the Hub need huggingface_hub: pip install 'wvae[hub]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    return huggingface_hub


@contextmanager
def _clear_errors(hub: Any, what: str) -> Generator[None]:
    """Raise the errors of huggingface_hub again as a HubError of one line that names the fix."""
    try:
        yield
    except Exception as error:
        # An upload that breaks is a RuntimeError, whose cause says why.
        cause = (error.__cause__ or error) if type(error) is RuntimeError else error
        reason = _reason(hub, cause)
        if reason is None:
            raise
        raise HubError(f"{what}: {reason}") from error


def _reason(hub: Any, error: BaseException) -> str | None:
    """Return what went wrong and how to fix it, or None if the error is not the Hub's."""
    errors, constants = hub.errors, hub.constants
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision: check its name"
    if isinstance(error, errors.GatedRepoError):
        return "its owner must give you access: ask on its page"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            "there is no such repository, or it is private: check the name, or set HF_TOKEN to a "
            "token that may see it"
        )
    if isinstance(error, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError):
        reason = OFFLINE if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} cannot be reached"
        cache = constants.HF_HUB_CACHE
        return f"{reason}, and the cache {cache} does not have it: load it once while online"
    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(getattr(error, "response", None), "status_code", None)
        answer = getattr(error, "server_message", None) or one_line(error)
        fix = "set HF_TOKEN to a token that may do this" if status in (401, 403) else "try later"
        return f"the Hub answered {status} ({answer}): {fix}"
    if type(error).__module__.partition(".")[0] in NETWORK_PACKAGES:
        return f"{constants.ENDPOINT} cannot be reached ({one_line(error)}): check the network"
    return None
