"""The explorer in a cell of a notebook: a frame that shows a server in the kernel's process."""

from __future__ import annotations

import atexit
import threading
import webbrowser
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..datasets import Dataset
from .server import LocalServer, listen
from .site import temporary_site

if TYPE_CHECKING:
    from ..estimator import WVAE


class Explorer:
    """The page of a model and its data, shown in a notebook's cell; `WVAE.explore` makes it.

    It serves until `close`, or until the process ends: a cell keeps only the address.

    Parameters
    ----------
    model
        A fitted model.
    data
        A data set, or examples without labels.
    height
        Height of the cell in pixels.
    open_browser
        Whether to open the page in a browser, too.
    **options
        As in `wvae.explorer.site.write_site`.

    Attributes
    ----------
    url
        Address of the page on this machine.
    """

    def __init__(
        self,
        model: WVAE,
        data: Any,
        *,
        height: int = 800,
        open_browser: bool = False,
        **options: Any,
    ) -> None:
        if height < 1:
            raise ValueError(f"height is {height}, expected pixels, such as 800")
        if not isinstance(data, Dataset):
            data = _unlabelled(model, data)
        self.height = height
        with ExitStack() as stack:
            folder = stack.enter_context(temporary_site(model, data, **options))
            server = LocalServer(folder, listen())
            stack.callback(server.stop)
            server.start()
            self._stack = stack.pop_all()
        self.url = server.url
        # It also keeps this object, which nothing else holds after `display(model.explore(data))`.
        atexit.register(self.close)
        if open_browser:
            open_in_browser(self.url)

    def close(self) -> None:
        """Stop the server and remove its files; a second call does nothing."""
        atexit.unregister(self.close)
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{self.url}" title="wvae explore" width="100%" height="{self.height}" '
            'style="border: 0" allow="microphone; clipboard-write; fullscreen"></iframe>'
        )

    def __repr__(self) -> str:
        return self.url


def open_in_browser(url: str) -> None:
    """Open a page in the user's browser, without waiting for it.

    Parameters
    ----------
    url
        Its address.
    """
    # Some browsers return only when they are closed.
    threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()


def _unlabelled(model: WVAE, X: Any) -> Dataset:
    """Return examples as a data set without labels, of the kind of the training data."""
    schema, kind = model.schema_, model.config_.kind
    missing = np.full(len(X), None, object)
    label = schema.label if schema is not None and schema.label else "label"
    rate = schema.rate if schema is not None and kind == "audio" else None
    return Dataset(X, missing, kind=kind, label_name=label, rate=rate)
