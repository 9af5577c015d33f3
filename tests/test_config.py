"""Every hyper-parameter: defaults, ranges, choices, descriptions, presets."""

from __future__ import annotations

import inspect
import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, fields
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wvae.config import ARTICLE_WEIGHT, Config, Parameter, check_parameter_names, parameters
from wvae.estimator import WVAE

FLAGS = [p for p in parameters() if p.type is bool]
NUMBERS = [p for p in parameters() if not p.choices and p not in FLAGS]
CHOICES = [p for p in parameters() if p.choices]
# With these, every other hyper-parameter may have any value of its range.
UNRESTRICTED: dict[str, Any] = {
    "decoder_label_input": "code",
    "alignment": "none",
    "style_weight": 0.0,
    "finetune_epochs": 0,
    "backbone": "article",
}


def config_with(**values: Any) -> Config:
    return Config(**values)


def name_of(spec: Parameter) -> str:
    return spec.name


def test_parameters_are_the_fields_in_order():
    assert [p.name for p in parameters()] == [f.name for f in fields(Config)]
    assert len(NUMBERS) + len(CHOICES) + len(FLAGS) == len(parameters())


def test_advanced_parameters():
    assert [p.name for p in parameters() if p.advanced] == [
        "kind",
        "depth",
        "label_prior",
        "decoder_label_input",
        "alignment_steps",
        "min_steps_per_epoch",
        "schedule",
        "adam_beta2",
        "lr_multipliers",
        "init",
        "validation_fraction",
        "n_iter_no_change",
        "test_samples",
    ]


@pytest.mark.parametrize("spec", parameters(), ids=name_of)
def test_a_default_is_allowed_and_described(spec: Parameter):
    assert spec.description.strip()
    assert not spec.description.endswith(".")
    assert type(spec.default) is spec.type
    assert getattr(config_with(**{spec.name: spec.default}), spec.name) == spec.default
    if spec.choices:
        assert spec.default in spec.choices
    elif spec not in FLAGS:
        assert spec.minimum is not None
        assert spec.minimum <= spec.default
        assert spec.maximum is None or spec.default <= spec.maximum


# ------------------------------------------------------------------------- signature, docstrings


def test_the_signature_of_the_estimator_is_the_config():
    signature = list(inspect.signature(WVAE, eval_str=True).parameters.values())
    assert [p.name for p in signature[:2]] == ["code", "warm_start"]
    assert {p.kind for p in signature} == {inspect.Parameter.KEYWORD_ONLY}
    assert {p.name: p.default for p in signature[2:]} == asdict(Config())
    assert [p.name for p in signature[2:]] == [f.name for f in fields(Config)]
    annotations = {p.name: p.annotation for p in signature[2:]}
    # As in scikit-learn, the seed may be absent or a generator.
    assert annotations.pop("random_state") == int | np.random.RandomState | None
    hints = get_type_hints(Config)
    assert annotations == {name: hints[name] for name in annotations}


def documented(cls: type) -> dict[str, str]:
    """Return the texts of a docstring's section Parameters by their headings."""
    text = inspect.getdoc(cls) or ""
    section = re.split(r"\n\w+\n-+\n", text.split("Parameters\n----------\n")[1])[0]
    entries = re.findall(r"^(\S.*)\n((?:    .*\n?)+)", section, re.MULTILINE)
    return {head: " ".join(body.split()) for head, body in entries}


def heading(spec: Parameter) -> str:
    """Return the first line of a parameter's entry, in numpy style."""
    if spec.choices:
        names = ", ".join(f'"{choice}"' for choice in spec.choices)
        return f'{spec.name} : {{{names}}}, default "{spec.default}"'
    limits = ""
    if spec.minimum is not None:
        limits = f" ≥ {spec.minimum}"
        if spec.maximum is not None:
            limits = f" in [{spec.minimum}, {spec.maximum}]"
    return f"{spec.name} : {spec.type.__name__}{limits}, default {spec.default}"


@pytest.mark.parametrize("cls", [Config, WVAE])
def test_docstrings_describe_every_parameter(cls: type):
    entries = documented(cls)
    own = [head for head in entries if head.startswith(("code :", "warm_start :"))]
    assert len(own) == (2 if cls is WVAE else 0)
    assert [head for head in entries if head not in own] == [heading(p) for p in parameters()]
    for spec in parameters():
        sentence = f"{spec.description[0].upper()}{spec.description[1:]}."
        assert entries[heading(spec)].startswith(sentence)


# ------------------------------------------------------------------------- ranges and types


@pytest.mark.parametrize("spec", NUMBERS, ids=name_of)
def test_a_range_includes_both_ends(spec: Parameter):
    for end, beyond, word in ((spec.minimum, -1, "least"), (spec.maximum, 1, "most")):
        if end is None:
            continue
        value = spec.type(end)
        assert getattr(config_with(**UNRESTRICTED | {spec.name: value}), spec.name) == value
        with pytest.raises(ValueError, match=rf"{spec.name} is .* at {word}"):
            config_with(**{spec.name: spec.type(end + beyond)})


@pytest.mark.parametrize("spec", NUMBERS, ids=name_of)
def test_numbers_of_a_wrong_type_are_rejected(spec: Parameter):
    wrong = ["3", None, True, [1], 1j]
    if spec.type is int:
        wrong.append(2.0)
    for value in wrong:
        with pytest.raises(TypeError, match=spec.name) as error:
            config_with(**{spec.name: value})
        assert spec.description in str(error.value)
        assert spec.type.__name__ in str(error.value)


@pytest.mark.parametrize("spec", FLAGS, ids=name_of)
def test_flags_are_true_or_false(spec: Parameter):
    for value in (True, False, np.True_, np.False_):
        assert getattr(config_with(**{spec.name: value}), spec.name) is bool(value)
    for value in (1, 0.0, "yes", None):
        with pytest.raises(TypeError, match=f"{spec.name} is .*True or False") as error:
            config_with(**{spec.name: value})
        assert spec.description in str(error.value)


@pytest.mark.parametrize("spec", [p for p in NUMBERS if p.type is float], ids=name_of)
def test_numbers_must_be_finite(spec: Parameter):
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=spec.name):
            config_with(**{spec.name: value})


@pytest.mark.parametrize("spec", CHOICES, ids=name_of)
def test_only_the_choices_are_allowed(spec: Parameter):
    for choice in spec.choices:
        assert getattr(config_with(**UNRESTRICTED | {spec.name: choice}), spec.name) == choice
    with pytest.raises(ValueError, match=spec.name) as error:
        config_with(**{spec.name: "other"})
    assert all(choice in str(error.value) for choice in spec.choices)


@given(st.sampled_from([np.int8, np.uint16, np.int64]), st.integers(1, 100))
def test_numpy_numbers_become_python_numbers(kind: Any, value: int):
    config = config_with(
        d_rest=kind(value), rest_kl_weight=np.float32(value), classifier_weight=kind(value)
    )
    assert type(config.d_rest) is int
    assert type(config.rest_kl_weight) is type(config.classifier_weight) is float
    assert (config.d_rest, config.rest_kl_weight, config.classifier_weight) == (value, value, value)
    assert config_with(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("change", [{"label_prior": "standard"}, {"classifier_weight": 0.0}])
def test_decoding_the_class_needs_classes(change: dict[str, Any]):
    with pytest.raises(ValueError, match="decoder_label_input='code'"):
        Config(decoder_label_input="class", **change)
    assert Config(**UNRESTRICTED | change).decoder_label_input == "code"


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"alignment": "mean"}, "alignment='none'"),
        ({"style_weight": 3}, "style_weight=0.0"),
        ({"finetune_epochs": 2}, "finetune_epochs=0"),
        ({"separation": "hsic"}, "separation='none'"),
        ({"separation": "adversary"}, "separation='none'"),
        ({"separation": "swap"}, "separation='none'"),
        ({"alignment": "transport", "style_weight": 1.0}, "alignment='none', style_weight=0.0"),
    ],
)
def test_terms_that_need_labels_are_rejected_without_labels(change: dict[str, Any], remedy: str):
    with pytest.raises(ValueError, match="classifier_weight is 0") as error:
        config_with(**UNRESTRICTED | change, classifier_weight=0.0)
    assert f"take {remedy}, or classifier_weight above 0" in str(error.value)
    for name in change:
        assert f"{name} is " in str(error.value)
    assert Config(**UNRESTRICTED | change).classifier_weight > 0


def test_the_covariance_penalty_needs_no_labels():
    config = Config(**UNRESTRICTED, classifier_weight=0.0, separation="covariance")
    assert config.separation == "covariance"


def test_multipliers_per_layer_need_the_article_backbone():
    with pytest.raises(ValueError, match=r"backbone='article'.*'mlp'"):
        Config(lr_multipliers="per_layer", backbone="mlp")
    assert Config(lr_multipliers="per_layer", backbone="article").lr_multipliers == "per_layer"


def test_a_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Config().width = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_the_preset_article_is_the_notebook():
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


def test_the_preset_best_is_the_default():
    assert Config.preset() == Config.preset("best") == Config()


def test_the_preset_quick_differs_from_article_in_the_optimiser_only():
    article, quick = asdict(Config.preset("article")), asdict(Config.preset("quick"))
    changed = {name for name in quick if quick[name] != article[name]}
    only_quick = {"schedule", "adam_beta2", "lr_multipliers", "init"}
    assert changed == only_quick | {"epochs", "learning_rate"}
    for spec in parameters():
        assert ("the preset quick" in spec.description) == (spec.name in only_quick)


@pytest.mark.parametrize("preset", ["article", "best"])
def test_objectives_change_only_what_they_are_about(preset: Any):
    values = asdict(Config.preset(preset))
    assert asdict(Config.preset(preset, "classifier")) == values
    covariance = {"separation": "covariance", "separation_weight": 39.0625}
    assert asdict(Config.preset(preset, "covariance")) == values | covariance
    plain = {
        "classifier_weight": 0.0,
        "separation": "none",
        "separation_weight": 0.0,
        "label_prior": "standard",
        "label_kl_weight": 1.0,
        "decoder_label_input": "code",
        "style_weight": 0.0,
        "alignment": "none",
        "finetune_epochs": 0,
    }
    assert asdict(Config.preset(preset, "plain")) == values | plain


def test_changes_override_preset_and_objective():
    config = Config.preset("article", "covariance", separation_weight=5.0, epochs=2)
    assert (config.separation_weight, config.epochs, config.width) == (5.0, 2, 500)


@pytest.mark.parametrize(
    ("name", "objective", "message"),
    [
        ("good", None, "preset is 'good'.*best, article, quick"),
        ("best", "gan", "objective is 'gan'.*classifier, covariance, plain"),
    ],
)
def test_unknown_presets_and_objectives_are_rejected(name: Any, objective: Any, message: str):
    with pytest.raises(ValueError, match=message):
        Config.preset(name, objective)


def test_unknown_names_are_rejected_with_the_closest_match():
    with pytest.raises(TypeError, match=r"'epoch'.*'epochs'"):
        Config.preset(epoch=3)
    with pytest.raises(TypeError, match=r"'zzzzz'$"):
        check_parameter_names(["width", "zzzzz"])
    check_parameter_names(["width"])


@pytest.mark.parametrize(
    ("changes", "n", "size"),
    [
        ({}, 100, 32),
        ({}, 2000, 80),
        ({}, 60_000, 256),
        ({"batch_size": 16}, 60_000, 16),
        ({"batch_size": 16}, 100, 16),
        ({"min_steps_per_epoch": 1}, 200, 200),
    ],
)
def test_batch_sizes_follow_the_number_of_examples(changes: dict[str, int], n: int, size: int):
    assert config_with(**changes).batch_size_for(n) == size
