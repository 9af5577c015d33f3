"""Figures: they show the arrays that they are given, and nothing is saved."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from wvae.reporting import figures


def rendered(figure: Figure) -> bytes:
    """Render a figure: only this shows a warning or an error of the layout."""
    file = io.BytesIO()
    figure.savefig(file, dpi=30)
    return file.getvalue()


def points_in(figure: Figure, axes: int = 0) -> list[np.ndarray]:
    collections = figure.axes[axes].collections
    return [np.asarray(c.get_offsets()) for c in collections if isinstance(c, PathCollection)]


def legend_of(figure: Figure, axes: int = 0) -> list[str]:
    legend = figure.axes[axes].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 2))


def test_tiles_are_in_rows_and_columns():
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    picture = figures.tiles(images)
    assert picture.shape == (8, 15)
    np.testing.assert_array_equal(picture[4:8, 10:15], images[1, 2])
    np.testing.assert_array_equal(picture[0:4, 5:10], images[0, 1])
    colour = np.stack([images, -images, images + 1], 2)
    np.testing.assert_array_equal(figures.tiles(colour)[..., 1], -picture)


def test_limits_exclude_only_the_outermost_values():
    values = np.concatenate([np.linspace(-1, 1, 10_000), [1e6]])
    low, high = figures.limits(values)
    assert -1.2 < low < -1
    assert 1 < high < 1.2
    low, high = figures.limits(np.zeros(5))  # a collapsed code has no range
    assert low < 0 < high


@pytest.mark.parametrize("n", [1, 10, 11, 47])
def test_label_colours_are_distinct(n: int):
    assert len(np.unique(figures.label_colours(n), axis=0)) == n


def test_plane_shows_every_point_and_the_grid_in_the_same_coordinates(codes: np.ndarray):
    labels = np.array(["a", "b"])[np.arange(200) % 2]
    images = np.zeros((3, 4, 2, 2))
    images[0, 0] = 1  # the smallest z_rest and z_label: lower left
    figure = figures.plane(codes, labels, images, (-3, 3), (-2, 2), legend="kind")
    points = points_in(figure)[0]
    np.testing.assert_allclose(points[np.lexsort(points.T)], codes[np.lexsort(codes.T)])
    assert legend_of(figure) == ["a", "b"]
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim() == (-3, 3)
    assert left.get_ylim() == right.get_ylim() == (-2, 2)
    picture = right.images[0]
    assert tuple(picture.get_extent()) == (-3, 3, -2, 2)
    pixels = np.asarray(picture.get_array())  # row 0 is at the top
    assert picture.origin == "upper"
    assert pixels[-2:, :2].min() == 1
    assert pixels.sum() == 4
    assert rendered(figure)


def test_scatter_gives_each_point_its_labels_colour(codes: np.ndarray):
    labels = np.arange(200) % 3
    figure = Figure()
    figures.scatter(figure.subplots(), codes, labels, legend="l")
    collection = figure.axes[0].collections[0]
    assert isinstance(collection, PathCollection)
    points, colours = map(np.asarray, (collection.get_offsets(), collection.get_facecolor()))
    expected = figures.label_colours(3)[labels]
    by_point = np.lexsort(points.T), np.lexsort(codes.T)
    np.testing.assert_allclose(points[by_point[0]], codes[by_point[1]])
    np.testing.assert_allclose(colours[by_point[0], :3], expected[by_point[1], :3])


def test_highlight_colours_the_largest_groups(codes: np.ndarray):
    groups = np.repeat(np.arange(20), 10)
    groups[:5] = 19  # now the largest
    figure = figures.plane_by_factor(codes, groups, (-3, 3), (-3, 3), legend="writer")
    names = legend_of(figure)
    assert len(names) == 10
    assert "19" in names
    assert "0" not in names
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert legend.get_title().get_text() == "writer (10 of 20)"
    in_grey, *coloured = points_in(figure)
    assert len(in_grey) == 200
    np.testing.assert_array_equal(coloured[names.index("19")], codes[groups == 19])
    assert rendered(figure)


def test_originals_are_above_their_reconstructions():
    originals, decoded = np.zeros((7, 8, 8)), np.ones((7, 8, 8))
    figure = figures.reconstructions(originals, decoded)
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("original", "decoded")
    assert np.asarray(above.images[0].get_array()).max() == 0
    assert np.asarray(below.images[0].get_array()).min() == 1
    assert rendered(figure)


@pytest.mark.parametrize("has_test", [True, False])
def test_losses_show_every_term_but_not_the_accuracy(has_test: bool):
    history = [
        {"epoch": float(e), "train.kl_rest": e, "train.loss": 9 - e, "train.accuracy": 0.5}
        for e in (1, 2, 3)
    ]
    if has_test:
        history = [row | {"test.loss": row["train.loss"] + 1} for row in history]
    figure = figures.losses(history)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "kl_rest"]
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in figure.axes[0].lines}
    assert set(lines) == ({"train", "test"} if has_test else {"train"})
    np.testing.assert_array_equal(lines["train"], [8, 7, 6])
    assert rendered(figure)


def test_losses_of_one_epoch():
    assert rendered(figures.losses([{"epoch": 1.0, "train.loss": 3.0}]))


def test_embeddings_have_labels_above_and_groups_below(codes: np.ndarray):
    maps = {"z_label": codes, "z_rest": -codes}
    figure = figures.embeddings(
        maps, np.arange(200) % 2, np.arange(200) % 12, label="digit", factor="writer"
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "z_label by digit",
        "z_rest by digit",
        "z_label by writer",
        "z_rest by writer",
    ]
    np.testing.assert_array_equal(points_in(figure, 3)[0], -codes)
    assert rendered(figure)


def test_many_labels_leave_room_for_the_points():
    points = np.random.default_rng(0).normal(size=(310, 2))
    figure = figures.embeddings(
        {"z_rest": points}, np.arange(310) % 62, np.arange(310) % 5, label="letter", factor="font"
    )
    rendered(figure)  # a legend that is higher than its axes leaves them no room, with a warning
    assert len(legend_of(figure)) == 62
    for axes in figure.axes:
        assert axes.get_position().width > 0.3


def test_scores_are_a_bar_at_the_mean_and_a_dot_for_each_trial():
    rows = {
        "raw": {"purity": [0.1, 0.3], "ami": [0.0, 0.1]},
        "z_rest": {"purity": [0.5, 0.5], "ami": [0.4, 0.2]},
    }
    figure = figures.scores(rows)
    assert [axes.get_title() for axes in figure.axes] == ["purity", "AMI"]
    bars = [bar.get_width() for bar in figure.axes[1].patches]  # pyright: ignore[reportAttributeAccessIssue]
    assert bars == pytest.approx([0.05, 0.3])
    np.testing.assert_array_equal(np.asarray(figure.axes[1].lines[1].get_xdata()), [0.4, 0.2])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["raw", "z_rest"]
    assert rendered(figure)


def test_rewritten_has_sources_left_of_their_labels():
    sources, images = np.zeros((3, 4, 4)), np.ones((3, 5, 4, 4))
    figure = figures.rewritten(sources, images, list("abcde"))
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (12, 4)
    assert np.asarray(figure.axes[1].images[0].get_array()).shape == (12, 20)
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == list("abcde")
    assert rendered(figure)


def test_leakage_has_a_bar_for_each_probe_and_the_control():
    probes = {"logistic": 0.2, "mlp": 0.4, "knn": 0.3}
    figure = figures.leakage(
        probes, control=0.95, interval=(0.35, 0.46), majority=0.11, null=0.13, label="digit"
    )
    axes = figure.axes[0]
    bars = [bar.get_width() for bar in axes.patches]  # pyright: ignore[reportAttributeAccessIssue]
    assert bars == pytest.approx([0.2, 0.4, 0.3, 0.95])
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["z_rest, logistic", "z_rest, mlp", "z_rest, knn", "z_label, positive control"]
    lines = {line.get_label(): float(np.asarray(line.get_xdata())[0]) for line in axes.lines}
    assert lines["most common label"] == 0.11
    assert lines["permuted labels"] == 0.13
    whisker = np.asarray(axes.collections[0].get_paths()[0].vertices)
    np.testing.assert_allclose(whisker, [[0.35, 1], [0.46, 1]])  # on the longest bar of z_rest
    assert axes.get_xlim() == (0, 1)
    assert "digit" in axes.get_xlabel()
    assert rendered(figure)


def test_swapped_has_its_sources_on_the_margins():
    labels, rests = np.full((5, 4, 4), 0.2), np.full((3, 4, 4), 0.7)
    images = np.zeros((3, 5, 4, 4))
    images[2, 4] = 1
    figure = figures.swapped(labels, rests, images)
    above, left, middle = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[1:])
    assert (above.shape, left.shape, middle.shape) == ((4, 20), (12, 4), (12, 20))
    assert above.max() == 0.2
    assert left.max() == 0.7
    assert middle[8:, 16:].min() == 1
    assert middle.sum() == 16
    assert rendered(figure)


def test_figures_are_not_saved_or_registered_with_pyplot(
    codes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    figures.plane_by_factor(codes, np.arange(200) % 3, (-1, 1), (-1, 1), legend="l")
    assert list(tmp_path.iterdir()) == []
    assert pyplot.get_fignums() == []
