"""`open_data` for a model: its seed and expressions; files without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reader_cases import Reader, picture, save
from wvae import WVAE
from wvae.datasets.schema import Naming, Schema

QUICK: dict[str, Any] = {
    **{"epochs": 1, "width": 8, "depth": 1, "d_label": 2, "d_rest": 2, "min_steps_per_epoch": 1},
    **{"alignment": "none", "finetune_epochs": 0},
}
SPECIES = Naming(label_from_name=r"^(?P<species>[a-z]+)_")
DRAWER = Naming(factors_from_name=(r"drawer=(?P<drawer>\d+)",))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(40, 3)) * [1, 5, 20]
    return pd.DataFrame(values, columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> WVAE:
    return WVAE(random_state=3, **QUICK).fit(frame, np.arange(40) % 2)


def test_the_split_of_training_data_is_that_of_the_model(
    reader: Reader, tmp_path: Path, frame: pd.DataFrame, model: WVAE
) -> None:
    path = tmp_path / "train.csv"
    frame.assign(label=np.arange(40) % 2).to_csv(path, index=False)
    model.save(tmp_path / "m")
    expected, other = reader(path, seed=3).split, reader(path, like=model, seed=0).split
    assert expected is not None
    assert other is not None
    assert (other != expected).any()
    for like in (model, tmp_path / "m"):
        split = reader(path, like=like, seed="auto").split
        assert split is not None
        np.testing.assert_array_equal(split, expected)
    assert reader(path, like=model, seed=None).split is None


def test_data_without_labels_have_no_split(
    reader: Reader, tmp_path: Path, frame: pd.DataFrame
) -> None:
    frame.to_csv(tmp_path / "new.csv", index=False)
    assert reader(tmp_path / "new.csv", unlabelled=True, seed=0).split is None


@pytest.mark.parametrize("naming", [SPECIES, DRAWER], ids=["label", "factor"])
def test_new_files_may_lack_what_a_model_finds_in_names(
    reader: Reader, tmp_path: Path, naming: Naming
) -> None:
    for i in range(4):
        save(tmp_path / f"{i}.png", picture(i))
    factors = ("drawer",) if naming == DRAWER else ()
    schema = Schema("image", (12, 12), "species", ("robin", "wren"), factors, naming=naming)
    data = reader(tmp_path, like=schema, unlabelled=True)
    assert (len(data), data.labelled.any(), data.factors) == (4, False, {})
    with pytest.raises(ValueError, match=r"species|drawer"):
        reader(tmp_path, like=schema)
