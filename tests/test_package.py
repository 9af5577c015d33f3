"""The package `wvae`: its public names, its imports, and the threads of OpenMP."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

import wvae

NAMES = [
    "Config",
    "WVAE",
    "__version__",
    "datasets",
    "import_original",
    "load",
    "measure",
    "rest_scorer",
]


def test_dir_lists_the_public_names():
    assert dir(wvae) == NAMES == sorted(wvae.__all__)
    for name in NAMES:
        assert getattr(wvae, name) is not None
    assert not hasattr(wvae, "mesure")


def test_measure_is_the_function():
    from wvae.workflows.measure import measure

    assert wvae.measure is measure


def test_import_does_not_load_torch_and_limits_spinning():
    program = (
        "import os, sys, wvae; wvae.Config();"
        "print('torch' in sys.modules, os.environ.get('GOMP_SPINCOUNT'), len(dir(wvae)))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    spincount = "1000" if sys.platform == "linux" else "None"
    assert output.split() == ["False", spincount, str(len(NAMES))]


VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux, and no variable set."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in VARIABLES:
        monkeypatch.setenv(name, "0")  # so that it is restored after the test
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("unset")
def test_an_earlier_import_of_torch_is_warned_of_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", object())
    with pytest.warns(UserWarning, match="import wvae first.*GOMP_SPINCOUNT=1000"):
        wvae._limit_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
    wvae._limit_spinning()


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize("name", VARIABLES)
def test_the_choice_of_the_user_is_kept(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "7")
    wvae._limit_spinning()
    assert {n: os.environ[n] for n in VARIABLES if n in os.environ} == {name: "7"}


@pytest.mark.usefixtures("unset")
def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wvae._limit_spinning()
    assert "GOMP_SPINCOUNT" not in os.environ
