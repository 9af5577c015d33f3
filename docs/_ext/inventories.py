"""The names of other projects that pages link to, so that a build needs no network.

Sphinx would download whole inventories. These are written from the lists below instead; a name
that is missing here is an error of the build, and takes one more line.
"""

from __future__ import annotations

import zlib
from pathlib import Path

PYTHON = {
    "py:class": {
        "library/functions.html": "bool bytes dict float frozenset int list object set str tuple",
        "library/pathlib.html": "pathlib.Path",
        "library/collections.abc.html": (
            "collections.abc.Callable collections.abc.Iterable collections.abc.Iterator "
            "collections.abc.Mapping collections.abc.Sequence"
        ),
    },
    "py:exception": {
        "library/exceptions.html": (
            "FileExistsError FileNotFoundError ImportError KeyError OSError RuntimeError "
            "TypeError UserWarning ValueError"
        ),
    },
    "py:data": {"library/constants.html": "None True False", "library/typing.html": "typing.Any"},
}
NUMPY = {
    "py:class": {
        "reference/generated/$.html": "numpy.ndarray numpy.dtype numpy.random.Generator",
    },
    "py:data": {"reference/typing.html": "numpy.typing.ArrayLike numpy.typing.NDArray"},
}
PYTORCH = {
    "py:class": {
        "tensors.html": "torch.Tensor",
        "distributions.html": "torch.distributions.Normal",
        "generated/torch.nn.Sequential.html": "torch.nn.modules.container.Sequential",
    }
}
SKLEARN = {
    "py:class": {
        "modules/generated/$.html": (
            "sklearn.base.BaseEstimator sklearn.base.ClassifierMixin "
            "sklearn.base.TransformerMixin sklearn.model_selection.GridSearchCV"
        )
    },
    "py:exception": {"modules/generated/$.html": "sklearn.exceptions.NotFittedError"},
}
PANDAS = {"py:class": {"reference/api/$.html": "pandas.DataFrame"}}
PROJECTS = {
    "python": ("https://docs.python.org/3", PYTHON),
    "numpy": ("https://numpy.org/doc/stable", NUMPY),
    "torch": ("https://docs.pytorch.org/docs/stable", PYTORCH),
    "sklearn": ("https://scikit-learn.org/stable", SKLEARN),
    "pandas": ("https://pandas.pydata.org/docs", PANDAS),
}


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write every inventory into a folder, and return Sphinx's ``intersphinx_mapping``."""
    folder.mkdir(parents=True, exist_ok=True)
    result: dict[str, tuple[str, str]] = {}
    for project, (address, names) in PROJECTS.items():
        file = folder / f"{project}.inv"
        file.write_bytes(_inventory(project, names))
        result[project] = (address, str(file))
    return result


def _inventory(project: str, names: dict[str, dict[str, str]]) -> bytes:
    """Return an inventory in the format of Sphinx, version 2."""
    header = (
        f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    lines = []
    for role, pages in names.items():
        for page, listed in pages.items():
            lines += [
                f"{name} {role} 1 {page.replace('$', name)}#{name} -\n" for name in listed.split()
            ]
    return header.encode() + zlib.compress("".join(lines).encode())
