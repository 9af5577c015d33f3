"""Where a model is: a folder, a repository of the Hub, or a model of the gallery."""

from __future__ import annotations

from pathlib import Path

from . import gallery, hub


def locate_model(name: str | Path, *, progress: bool = True) -> Path:
    """Return the folder of a model, which is downloaded if its name is an address.

    Parameters
    ----------
    name
        A folder; ``hf://owner/name`` or ``hf://owner/name@revision`` on the Hugging Face Hub; or
        ``gallery:name``, one of `wvae.io.gallery.gallery`.
    progress
        Show a progress bar on stderr while a model of the gallery is downloaded.

    Raises
    ------
    ValueError
        If an address cannot be one, or the gallery has no such model.
    wvae.io.hub.HubError, wvae.datasets.download.DownloadError
        If the model cannot be downloaded.

    Examples
    --------
    >>> print(locate_model("models/digits").as_posix())
    models/digits
    """
    if isinstance(name, str) and name.startswith(hub.SCHEME):
        return hub.download(name)
    if isinstance(name, str) and name.startswith(gallery.SCHEME):
        return gallery.gallery_folder(name.removeprefix(gallery.SCHEME), progress=progress)
    return Path(name)
