"""Every hyper-parameter: defaults, ranges, choices, presets."""

from __future__ import annotations

import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvae.config import ARTICLE_WEIGHT, Config, Parameter, check_parameter_names, parameters

FLAGS = [p for p in parameters() if p.type is bool]
NUMBERS = [p for p in parameters() if not p.choices and p not in FLAGS]
CHOICES = [p for p in parameters() if p.choices]
# With these, every other hyper-parameter may take its whole range.
FREE: dict[str, Any] = {
    "decoder_label_input": "code",
    "alignment": "none",
    "style_weight": 0.0,
    "finetune_epochs": 0,
}
FREE |= {"backbone": "article"}


def config_with(**values: Any) -> Config:
    return Config(**values)


def name_of(spec: Parameter) -> str:
    return spec.name


def test_every_field_is_described_once_and_in_order():
    assert [p.name for p in parameters()] == [f.name for f in fields(Config)]
    assert len(NUMBERS) + len(CHOICES) + len(FLAGS) == len(parameters())


@pytest.mark.parametrize("spec", parameters(), ids=name_of)
def test_default_is_allowed_and_has_a_meaning(spec: Parameter):
    assert spec.meaning.strip()
    assert type(spec.default) is spec.type
    assert getattr(config_with(**{spec.name: spec.default}), spec.name) == spec.default
    if spec.choices:
        assert spec.default in spec.choices
    elif spec not in FLAGS:
        assert spec.low is not None
        assert spec.low <= spec.default
        assert spec.high is None or spec.default <= spec.high


@pytest.mark.parametrize("spec", NUMBERS, ids=name_of)
def test_both_ends_of_a_range_are_allowed_and_beyond_is_refused(spec: Parameter):
    assert spec.low is not None
    assert getattr(config_with(**FREE | {spec.name: spec.type(spec.low)}), spec.name) == spec.low
    with pytest.raises(ValueError, match=rf"{spec.name} is .*, expected at least"):
        config_with(**{spec.name: spec.type(spec.low - 1)})
    if spec.high is not None:
        assert (
            getattr(config_with(**FREE | {spec.name: spec.type(spec.high)}), spec.name) == spec.high
        )
        with pytest.raises(ValueError, match=rf"{spec.name} is .*, expected at most"):
            config_with(**{spec.name: spec.type(spec.high + 1)})


@pytest.mark.parametrize("spec", NUMBERS, ids=name_of)
@pytest.mark.parametrize("value", ["3", None, True, [1], 1j])
def test_what_is_no_number_is_refused_with_the_meaning(spec: Parameter, value: Any):
    with pytest.raises(TypeError, match=spec.name) as caught:
        config_with(**{spec.name: value})
    assert spec.meaning in str(caught.value)
    assert spec.type.__name__ in str(caught.value)


@pytest.mark.parametrize("spec", FLAGS, ids=name_of)
def test_a_flag_is_true_or_false(spec: Parameter):
    for value in (True, False, np.True_, np.False_):
        found = getattr(config_with(**{spec.name: value}), spec.name)
        assert found is bool(value)
    for value in (1, 0.0, "yes", None):
        with pytest.raises(TypeError, match=f"{spec.name} is .*, expected True or False") as caught:
            config_with(**{spec.name: value})
        assert spec.meaning in str(caught.value)


@pytest.mark.parametrize("spec", [p for p in NUMBERS if p.type is int], ids=name_of)
def test_a_fraction_is_no_integer(spec: Parameter):
    with pytest.raises(TypeError, match="expected int"):
        config_with(**{spec.name: 2.0})


@pytest.mark.parametrize("spec", [p for p in NUMBERS if p.type is float], ids=name_of)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_weight_is_nan_or_infinite(spec: Parameter, value: float):
    with pytest.raises(ValueError, match=spec.name):
        config_with(**{spec.name: value})


@pytest.mark.parametrize("spec", CHOICES, ids=name_of)
def test_choices_are_the_only_values(spec: Parameter):
    for choice in spec.choices:
        assert getattr(config_with(**FREE | {spec.name: choice}), spec.name) == choice
    with pytest.raises(ValueError, match=spec.name) as caught:
        config_with(**{spec.name: "other"})
    assert all(choice in str(caught.value) for choice in spec.choices)


@given(st.sampled_from([np.int8, np.uint16, np.int64]), st.integers(1, 100))
def test_numpy_numbers_become_pythons(kind: Any, value: int):
    config = config_with(
        d_rest=kind(value), rest_kl_weight=np.float32(value), classifier_weight=kind(value)
    )
    assert type(config.d_rest) is int
    assert type(config.rest_kl_weight) is type(config.classifier_weight) is float
    assert (config.d_rest, config.rest_kl_weight, config.classifier_weight) == (value, value, value)
    assert config_with(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("change", [{"label_prior": "standard"}, {"classifier_weight": 0.0}])
def test_a_path_through_the_class_needs_classes(change: dict[str, Any]):
    with pytest.raises(ValueError, match="take decoder_label_input='code'"):
        Config(decoder_label_input="class", **change)
    assert Config(**FREE | change).decoder_label_input == "code"


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (
            {"alignment": "mean"},
            "alignment is 'mean': take alignment='none', or classifier_weight above 0",
        ),
        ({"style_weight": 3}, "style_weight is 3.0: take style_weight=0.0, or"),
        ({"separation": "hsic"}, "separation is 'hsic': take separation='none', or"),
        ({"separation": "adversary"}, "separation is 'adversary'"),
        ({"separation": "swap"}, "separation is 'swap'"),
        (
            {"alignment": "transport", "style_weight": 1.0},
            "alignment is 'transport', style_weight is 1.0: take alignment='none', style_weight=0.0, or",
        ),
    ],
)
def test_what_needs_labels_is_refused_without_them(change: dict[str, Any], remedy: str):
    with pytest.raises(ValueError, match=re.escape(remedy)):
        config_with(**FREE | change, classifier_weight=0.0)
    assert Config(**FREE | change).classifier_weight > 0
    # The notebook's penalty compares the codes alone.
    assert Config(**FREE, classifier_weight=0.0, separation="covariance").separation == "covariance"


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Config().width = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_preset_article_is_the_notebook():
    config = Config.preset("article")
    assert ARTICLE_WEIGHT == 39.0625
    expected = {
        "likelihood": "bernoulli",
        "backbone": "article",
        "width": 500,
        "depth": 1,
        "label_prior": "standard",
        "decoder_label_input": "code",
        "label_kl_weight": 1.0,
        "style_weight": 0.0,
        "augment": 0.0,
        "alignment": "none",
        "rest_kl_weight": 1.0,
        "classifier_weight": 10_000 / 256,
        "separation": "none",
        "separation_weight": 0.0,
        "epochs": 50,
        "batch_size": 256,
        "min_steps_per_epoch": 1,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "test_samples": 10,
    }
    assert {name: getattr(config, name) for name in expected} == expected


def test_preset_best_is_the_default():
    assert Config.preset() == Config.preset("best") == Config()


@pytest.mark.parametrize("preset", ["article", "best"])
def test_objectives_change_only_what_they_are_about(preset: Any):
    own = asdict(Config.preset(preset))
    assert asdict(Config.preset(preset, "classifier")) == own
    covariance = own | {"separation": "covariance", "separation_weight": 39.0625}
    assert asdict(Config.preset(preset, "covariance")) == covariance
    plain = Config.preset(preset, "plain")
    assert (plain.classifier_weight, plain.separation_weight) == (0, 0)  # no labels at all:
    assert (plain.separation, plain.label_prior, plain.label_kl_weight) == ("none", "standard", 1)
    assert (plain.decoder_label_input, plain.style_weight, plain.alignment) == ("code", 0, "none")
    about = {
        "classifier_weight",
        "separation",
        "separation_weight",
        "label_prior",
        "label_kl_weight",
        "decoder_label_input",
    }
    about |= {"style_weight", "alignment", "finetune_epochs"}
    assert {n: v for n, v in asdict(plain).items() if n not in about} == {
        n: own[n] for n in own if n not in about
    }


def test_changes_win_over_preset_and_objective():
    config = Config.preset("article", "covariance", separation_weight=5.0, epochs=2)
    assert (config.separation_weight, config.epochs, config.width) == (5.0, 2, 500)


@pytest.mark.parametrize(
    ("name", "objective", "word"), [("good", None, "preset"), ("best", "gan", "objective")]
)
def test_unknown_preset_or_objective_names_the_known_ones(name: Any, objective: Any, word: str):
    with pytest.raises(ValueError, match=f"{word} is .*expected one of .*(article|plain)"):
        Config.preset(name, objective)


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(TypeError, match="no hyper-parameter 'epoch'; did you mean 'epochs'"):
        Config.preset(epoch=3)
    with pytest.raises(TypeError, match=r"no hyper-parameter 'zzzzz'$"):
        check_parameter_names(["width", "zzzzz"])
    check_parameter_names(["width"])
