"""Figures: they show the arrays that they are given, and nothing is saved."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps, pyplot
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from wvae.reporting import figures, pictures, scatter, style
from wvae.workflows.run_folder import Run


def rendered(figure: Figure) -> bytes:
    """Render a figure: only this shows a warning or an error of the layout."""
    file = io.BytesIO()
    figure.savefig(file, dpi=30)
    return file.getvalue()


def points_in(figure: Figure, axes: int = 0) -> list[np.ndarray]:
    collections = figure.axes[axes].collections
    return [np.asarray(c.get_offsets()) for c in collections if isinstance(c, PathCollection)]


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 2))


def test_tiles_are_in_rows_and_columns():
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    picture = pictures.tiles(images)
    assert picture.shape == (8, 15)
    np.testing.assert_array_equal(picture[4:8, 10:15], images[1, 2])
    np.testing.assert_array_equal(picture[0:4, 5:10], images[0, 1])
    colour = np.stack([images, -images, images + 1], 2)
    np.testing.assert_array_equal(pictures.tiles(colour)[..., 1], -picture)


def test_limits_exclude_only_the_outermost_values():
    values = np.concatenate([np.linspace(-1, 1, 10_000), [1e6]])
    low, high = scatter.limits(values)
    assert -1.2 < low < -1
    assert 1 < high < 1.2
    low, high = scatter.limits(np.zeros(5))  # a collapsed code has no range
    assert low < 0 < high


@pytest.mark.parametrize("n", [1, 10, 11, 47, 100])
def test_every_class_has_a_colour_and_a_marker_of_its_own(n: int):
    styles = style.class_styles(n)
    assert len(set(styles)) == n
    first = styles[:10]
    assert (
        len({colour for colour, _ in first}) == len({marker for _, marker in first}) == len(first)
    )


# What people see who lack one kind of cones, as a matrix of linear RGB (Viénot et al., 1999).
DICHROMATS = {
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}
RGB_TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def smallest_difference(colours: list[str], vision: str) -> float:
    """Return the smallest distance between two colours, ΔE of CIELAB, as dichromats see them."""
    linear = np.array([to_rgb(colour) for colour in colours]) ** 2.2
    xyz = (linear @ np.transpose(DICHROMATS[vision])).clip(0, 1) @ np.transpose(RGB_TO_XYZ)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)
    distance = np.linalg.norm(lab[:, None] - lab, axis=-1)
    return float(distance[~np.eye(len(colours), dtype=bool)].min())


@pytest.mark.parametrize("vision", DICHROMATS)
def test_colour_blind_readers_tell_the_colours_apart(vision: str):
    assert smallest_difference([colour for colour, _ in style.class_styles(10)], vision) > 15
    assert smallest_difference([style.BLUE, style.ORANGE], vision) > 40
    tab10 = [to_hex(colour) for colour in colormaps["tab10"].colors]  # pyright: ignore
    assert smallest_difference(tab10, vision) < 8  # a control


def all_points(figure: Figure, axes: int = 0) -> np.ndarray:
    return np.concatenate(points_in(figure, axes))


def names_in(figure: Figure) -> dict[str, tuple[float, float]]:
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts}


def by_row(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.T)]


def test_plane_shows_every_point_in_the_coordinates_of_the_decoded_plane(codes: np.ndarray):
    labels = np.array(["a", "b"])[np.arange(200) % 2]
    figure = scatter.plane(codes, labels, (-3, 3), (-2, 2), legend="kind")
    np.testing.assert_allclose(by_row(all_points(figure)), by_row(codes))
    assert legend_of(figure) == ["a", "b"]  # their medians are equal, so names would collide
    images = np.zeros((3, 4, 2, 2))
    images[0, 0] = 1  # the smallest z_rest and z_label: lower left
    decoded = pictures.decoded_plane(images, (-3, 3), (-2, 2))
    for one in (figure, decoded):
        assert one.axes[0].get_xlim() == (-3, 3)
        assert one.axes[0].get_ylim() == (-2, 2)
        assert rendered(one)
    picture = decoded.axes[0].images[0]
    assert tuple(picture.get_extent()) == (-3, 3, -2, 2)
    pixels = np.asarray(picture.get_array())  # row 0 is at the top
    assert picture.origin == "upper"
    assert pixels[-2:, :2].min() == 1
    assert pixels.sum() == 4


def test_names_stand_at_separate_classes_and_need_no_legend(codes: np.ndarray):
    labels = np.arange(200) % 3
    points = codes * 0.1 + labels[:, None]
    figure = scatter.plane(points, labels, (-1, 3), (-1, 3), legend="kind")
    assert figure.legends == []
    places = names_in(figure)
    assert list(places) == ["0", "1", "2"]
    for label in range(3):
        np.testing.assert_allclose(places[str(label)], np.median(points[labels == label], axis=0))


def test_each_point_has_its_labels_colour_and_marker(codes: np.ndarray):
    labels = np.arange(200) % 3
    figure = scatter.map_by_label(codes, labels, title="t", legend="l")
    expected = [to_rgb(colour) for colour, _ in style.class_styles(3)]
    shown: dict[tuple[float, ...], set[tuple[float, ...]]] = {}
    shapes: dict[tuple[float, ...], set[int]] = {}
    for collection in figure.axes[0].collections:
        assert isinstance(collection, PathCollection)
        colour = tuple(np.asarray(collection.get_facecolor())[0, :3].tolist())
        points = np.asarray(collection.get_offsets())
        shown.setdefault(colour, set()).update(map(tuple, points.tolist()))
        shapes.setdefault(colour, set()).add(np.shape(collection.get_paths()[0].vertices)[0])
    for label, colour in enumerate(expected):
        assert shown[colour] == set(map(tuple, codes[labels == label].tolist()))
    assert len(set(map(frozenset, shapes.values()))) == 3


def test_the_largest_groups_are_in_colour(codes: np.ndarray):
    groups = np.repeat(np.arange(20), 10)
    groups[:5] = 19  # now the largest
    figure = scatter.map_by_factor(codes, groups, title="t", legend="writer")
    names = legend_of(figure)
    assert len(names) == 10
    assert "19" in names
    assert "0" not in names
    assert figure.legends[0].get_title().get_text() == "writer (10 of 20)"
    in_grey, *coloured = points_in(figure)
    assert len(in_grey) == 200
    np.testing.assert_array_equal(coloured[names.index("19")], codes[groups == 19])
    assert rendered(figure)


@pytest.mark.parametrize(("effect", "ratio"), [(3.0, 5.0), (0.0, 1.0)])
def test_groups_in_order_are_steep_only_if_they_decide_the_code(effect: float, ratio: float):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 20)
    z = rng.normal(size=600) + effect * rng.normal(size=30)[groups]
    figure = scatter.by_group(z, groups, legend="writer")
    means, at_random = (np.asarray(line.get_ydata()) for line in figure.axes[0].lines)
    assert (np.diff(means) >= 0).all()
    np.testing.assert_allclose(np.sort([z[groups == g].mean() for g in range(30)]), means)
    steepness = np.ptp(means) / np.ptp(at_random)
    assert steepness > ratio if effect else steepness == pytest.approx(ratio, rel=0.5)
    ranks, values = points_in(figure)[0].T
    for rank in (1, 17, 30):
        assert values[ranks == rank].mean() == pytest.approx(means[rank - 1])
    assert rendered(figure)


def test_originals_are_above_their_reconstructions():
    originals, decoded = np.zeros((13, 8, 8)), np.ones((13, 8, 8))
    figure = pictures.reconstructions(originals, decoded)
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["original", "decoded"] * 2
    pixels = np.asarray(axes.images[0].get_array())
    assert pixels.shape == (4 * 8, 10 * 8)
    rows = pixels.reshape(4, 8, 80).mean(1)
    assert rows[0].max() == rows[2].max() == 0
    assert rows[1].min() == 1
    assert rows[3, :24].min() == 1
    assert rows[3, 24:].max() == 0  # there are no more than 13
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


def test_a_map_keeps_the_shape_of_its_points(codes: np.ndarray):
    wide = codes * [4, 1]
    figure = scatter.map_by_label(wide, np.arange(200) % 2, title="z_rest by digit", legend="digit")
    assert figure.axes[0].get_title() == "z_rest by digit"
    assert figure.axes[0].get_aspect() == 1
    assert figure.get_figheight() < figure.get_figwidth()
    np.testing.assert_allclose(by_row(all_points(figure)), by_row(wide))
    assert rendered(figure)


def test_many_labels_leave_room_for_the_points():
    points = np.random.default_rng(0).normal(size=(310, 2))
    figure = scatter.map_by_label(points, np.arange(310) % 62, title="t", legend="letter")
    rendered(figure)  # a legend that is higher than its figure leaves no room, with a warning
    assert len(legend_of(figure)) == 62
    assert figure.axes[0].get_position().width > 0.3


def test_scores_are_a_bar_at_the_mean_and_a_dot_for_each_trial():
    figure = figures.scores({"raw": [0.0, 0.1], "z_rest": [0.4, 0.2]}, name="AMI")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "AMI"
    bars = [bar.get_width() for bar in axes.patches]  # pyright: ignore[reportAttributeAccessIssue]
    assert bars == pytest.approx([0.05, 0.3])
    np.testing.assert_array_equal(np.asarray(axes.lines[1].get_xdata()), [0.4, 0.2])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["raw", "z_rest"]
    assert [text.get_text() for text in axes.texts] == ["0.05", "0.30"]
    assert rendered(figure)
    assert not figures.scores({"raw": [0.1]}, name="AMI").axes[0].lines  # one trial has no spread


def test_rewritten_has_sources_left_of_their_labels():
    sources, images = np.zeros((3, 4, 4)), np.ones((3, 5, 4, 4))
    figure = pictures.rewritten(sources, images, list("abcde"))
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
    probes = ["z_rest, logistic regression", "z_rest, MLP", "z_rest, k-NN"]
    assert names == [*probes, "z_label, positive control"]
    assert [text.get_text() for text in axes.texts] == ["0.200", "0.400", "0.300", "0.950"]
    lines = {line.get_label(): float(np.asarray(line.get_xdata())[0]) for line in axes.lines}
    assert lines["most common label"] == 0.11
    assert lines["permuted labels"] == 0.13
    whisker = np.asarray(axes.collections[0].get_paths()[0].vertices)
    np.testing.assert_allclose(whisker, [[0.35, 1], [0.46, 1]])  # on the longest bar of z_rest
    assert axes.get_xlim()[0] == 0
    assert "digit" in axes.get_xlabel()
    assert rendered(figure)


def test_swapped_has_its_sources_on_the_margins():
    labels, rests = np.full((5, 4, 4), 0.2), np.full((3, 4, 4), 0.7)
    images = np.zeros((3, 5, 4, 4))
    images[2, 4] = 1
    figure = pictures.swapped(labels, rests, images)
    above, left, middle = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[1:])
    assert (above.shape, left.shape, middle.shape) == ((4, 20), (12, 4), (12, 20))
    assert above.max() == 0.2
    assert left.max() == 0.7
    assert middle[8:, 16:].min() == 1
    assert middle.sum() == 16
    assert rendered(figure)


PLOTS: dict[str, Callable[[], Figure]] = {
    "plane": lambda: scatter.plane(
        np.random.default_rng(0).normal(size=(50, 2)),
        np.arange(50) % 10,
        (-2, 2),
        (-2, 2),
        legend="digit",
    ),
    "group": lambda: scatter.by_group(np.arange(50.0), np.arange(50) % 5, legend="writer"),
    "losses": lambda: figures.losses(
        [{"epoch": e, "train.loss": 2.0**-e, "train.kl": e} for e in range(9)]
    ),
    "leakage": lambda: figures.leakage(
        {"logistic": 0.2}, control=0.9, interval=(0.1, 0.3), majority=0.1, null=0.1
    ),
    "swapped": lambda: pictures.swapped(
        np.zeros((4, 9, 9)), np.zeros((3, 9, 9)), np.zeros((3, 4, 9, 9))
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_no_text_is_smaller_than_7_points_in_a_column_of_a_paper(name: str):
    figure = PLOTS[name]()
    rendered(figure)
    assert figure.get_figwidth() <= 4  # inches: a column, or a telephone, shows it unreduced
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    sizes = [float(text.get_fontsize()) for text in texts if text.get_visible()]
    assert sizes
    assert min(sizes) >= 7
    assert max(sizes) <= 8


def test_a_figure_is_the_same_file_in_every_run(tmp_path: Path):
    files: list[bytes] = []
    for run in ("a", "b"):
        folder = Run(tmp_path / run, {"figures": ["pdf", "svg"]})
        folder.save_figure("plane", PLOTS["plane"]())
        written = sorted((folder.folder / "figures").iterdir())
        assert [path.name for path in written] == ["plane.pdf", "plane.png", "plane.svg"]
        files.append(b"".join(path.read_bytes() for path in written))
    assert files[0] == files[1]
    svg = (tmp_path / "a.partial" / "figures" / "plane.svg").read_text(encoding="utf-8")
    assert ">z_rest</text>" in svg  # text stays text
    alone = Run(tmp_path / "c", {})
    alone.save_figure("plane", PLOTS["plane"]())
    assert [path.name for path in (alone.folder / "figures").iterdir()] == ["plane.png"]


def test_figures_are_not_saved_or_registered_with_pyplot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for plot in PLOTS.values():
        plot()
    assert list(tmp_path.iterdir()) == []
    assert pyplot.get_fignums() == []
