"""A site: the explorer's page and the data that it shows, in one folder for any static host."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets.temporaries import temporary
from ..io.files import atomic_folder, check_replaceable

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..estimator import WVAE

PAGE = Path(__file__).parent / "page"  # made by `make web`
# What the extra `explore` installs.
PACKAGES = ("starlette", "uvicorn", "openTSNE", "pyarrow", "PIL", "onnx", "onnxscript")
DATA_FOLDER = "data"
# Marks the folders that may be replaced. Many sites of other people have an index.html, too.
MARKER = "wvae-explorer.txt"
ABOUT = """This folder was written by `wvae explore --export`. Any static host can serve it. On your
own machine, run `python -m http.server --bind 127.0.0.1` here and open http://127.0.0.1:8000/.
"""


class PageError(ValueError):
    """The explorer's page has not been built; the message says how to build it."""


def check_page() -> None:
    """Raise an error if this installation lacks the explorer's page, or a package that it needs.

    Raises
    ------
    PageError
        If the page has not been built.
    ModuleNotFoundError
        If a package of the extra ``explore`` is not installed. The model would be read, the data
        encoded and mapped before most of them are imported.
    """
    for name in PACKAGES:
        if find_spec(name) is None:
            raise ModuleNotFoundError(
                f"the explorer needs the package {name}: pip install 'wvae[explore]'", name=name
            )
    if not (PAGE / "index.html").is_file():
        raise PageError(
            "this installation lacks the explorer's page: run `make web` in a clone, or reinstall "
            "the wheel of wvae"
        )


def check_site_replaceable(out: Path, *, overwrite: bool) -> None:
    """Raise an error if `out` may not be replaced by a site.

    Parameters
    ----------
    out
        The folder to be written.
    overwrite
        Whether an earlier site may be replaced.

    Raises
    ------
    wvae.io.files.OutputExistsError
        If the folder holds anything else, or may only be replaced with `overwrite`.

    Examples
    --------
    >>> check_site_replaceable(Path("no-such-folder"), overwrite=False)
    """
    check_replaceable(
        out,
        markers={MARKER},
        what="a site of wvae explore",
        overwrite=overwrite,
        flag="--export",
    )


def write_site(
    model: WVAE, data: Dataset, out: str | Path, *, overwrite: bool = False, **options: Any
) -> Path:
    """Write the explorer's page with a model and its data into a folder, and return the folder.

    The folder works on any static host, at any address. It is complete or not there at all.

    Parameters
    ----------
    model
        A fitted model.
    data
        Data in the form of its training data.
    out
        The folder to create, with the folders above it.
    overwrite
        Whether an earlier site may be replaced. Anything else is never replaced.
    **options
        Passed to `wvae.explorer.bundle.write_data`: ``map_method``, ``max_rows``, ``metrics``,
        ``k``, ``seed``, ``progress`` and ``log``.

    Raises
    ------
    PageError
        If the page has not been built.
    wvae.io.files.OutputExistsError
        If `out` may not be replaced.
    """
    out = Path(out)
    check_page()
    check_site_replaceable(out, overwrite=overwrite)
    from .bundle import write_data

    with atomic_folder(out) as folder:
        # Contents without permissions: those of an installed package may be read-only.
        shutil.copytree(PAGE, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        write_data(model, data, folder / DATA_FOLDER, **options)
        (folder / MARKER).write_text(ABOUT, encoding="utf-8")
    return out


@contextmanager
def temporary_site(model: WVAE, data: Dataset, **options: Any) -> Generator[Path]:
    """Yield a site that only this user can read, and remove it at the end.

    What a killed process left is removed by the next.

    Parameters
    ----------
    model, data, **options
        As in `write_site`.
    """
    check_page()
    with temporary(Path(tempfile.gettempdir()) / "wvae-explore", folder=True) as folder:
        folder.chmod(0o700)  # other people may use this machine
        yield write_site(model, data, folder / "site", **options)
