"""The report: every metric is on the page, and the page needs no other file."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wvae.config import Config
from wvae.experiments.writers import ROWS, SCORES, _summary
from wvae.reporting.glossary import TERMS
from wvae.reporting.html import write_report
from wvae.reporting.tables import ARTICLE_PLANE, panel_values, plane_rows, writer_rows

VOID = {"meta", "img", "br", "hr", "link", "input"}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101005a4d6bf60000000049454e44ae426082"
)
SWAP_SCORES = ["0.861", "0.955", "0.987", "0.733"]
PICTURES = ("plane", "plane-losses", "writers-map-z_rest-label", "writers-scores")
LOSSES = ("reconstruction", "kl_label", "kl_rest", "classification", "loss", "accuracy")


class Page(HTMLParser):
    """A parsed page: its text, its table rows and its links. Every tag must be closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str] = []
        self.language = ""
        self.rows: list[list[str]] = []
        self.text, self.tags = "", set()
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"] or "")
        if tag == "img":
            self.alts.append(attributes.get("alt") or "")
        if tag == "html":
            self.language = attributes.get("lang") or ""
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            assert not re.search(r"url\(|@import", data)
            return
        self.text += data
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, *start: str) -> list[str]:
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        matching = [row for row in rows if row[: len(start)] == list(start)]
        assert len(matching) == 1, start
        return matching[0]


def settings_of(config: Config, **data: Any) -> dict[str, Any]:
    about = {
        "name": "planted",
        "source": "made here",
        "licence": "MIT",
        "label_name": "animal",
        "examples": 12345,
        "shape": [8, 8],
        "factors": ["writer"],
    }
    machine = {"system": "Minix", "python": "3.11.7", "threads": 1}
    libraries = dict.fromkeys(("wvae", "torch", "numpy", "scikit-learn", "openTSNE"), "1.2.3")
    return {
        "experiment": "all",
        "title": "preset best",
        "command": "wvae reproduce all --trials 3",
        "trials": 3,
        "data": about | data,
        "config": vars(config),
        "machine": machine | libraries,
    }


def metrics_of(draws: int, objective: str = "classifier") -> dict[str, Any]:
    """Return metrics in which all numbers differ."""
    rng = np.random.default_rng(0)
    names = [f"{row}.{score}" for row in ROWS for score in SCORES]
    names += (
        [f"{row}.label_ami" for row in ROWS[:10]]
        + ["ceiling.accuracy"]
        + [f"test.{term}" for term in LOSSES]
    )
    counts = {"writers": 100, "eligible": 580, "test.examples": 1000}
    results = [counts | {n: float(rng.random()) for n in names} for _ in range(draws)]
    plane = {f"plane.test.{term}": float(rng.uniform(10, 99)) for term in LOSSES}
    if objective == "plain":
        plane = {
            n: v
            for n, v in plane.items()
            if n.rsplit(".", 1)[1] not in ("classification", "accuracy")
        }
    counts = {
        "plane.train.examples": 8700,
        "plane.test.examples": 1030,
        "plane.train.seconds": 61.0,
        "plane.train.epochs": 30,
        "seconds": 99.0,
    }
    return plane | counts | {"writers.trials": draws} | _summary(results)


def measurements(name: str) -> dict[str, Any]:
    """Return the metrics of one measured model, all different."""
    values = {
        "leakage.mean.logistic": 0.211,
        "leakage.mean.mlp": 0.413,
        "leakage.mean.knn": 0.315,
        "leakage.mean.max": 0.413,
        "leakage.max": 0.413,
        "leakage.low": 0.402,
        "leakage.high": 0.424,
        "leakage.rows": 1030.0,
        "leakage.majority": 0.107,
        "leakage.null": 0.118,
        "leakage.positive_control": 0.971,
        "leakage.information.lower": 0.51,
        "leakage.information.upper": 1.27,
        "leakage.clean": 0.0,
        "swap.label": 0.861,
        "swap.label.ant": 0.842,
        "swap.rest_r2": 0.733,
        "swap.control.label": 0.955,
        "swap.judge": 0.987,
    }
    return {f"{name}.measure.{key}": value for key, value in values.items()}


def page_of(folder: Path, settings: dict[str, Any], metrics: dict[str, Any]) -> Page:
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    assert write_report(folder, settings, metrics) == folder / "report.html"
    assert sorted(p.name for p in folder.iterdir()) == ["figures", "report.html"]
    return Page(folder / "report.html")


@pytest.fixture
def metrics() -> dict[str, Any]:
    return metrics_of(3)


@pytest.fixture
def page(tmp_path: Path, metrics: dict[str, Any]) -> Page:
    return page_of(tmp_path, settings_of(Config()), metrics)


TABLE = {
    "raw.kmeans": ("raw pixels", "K-Means"),
    "raw.gmm": ("raw pixels", "GMM"),
    "relative.kmeans": ("data centred and scaled per label", "K-Means"),
    "relative.gmm": ("data centred and scaled per label", "GMM"),
    "features.kmeans": ("style features, no learning", "K-Means"),
    "features.gmm": ("style features, no learning", "GMM"),
    "z_rest.kmeans": ("z_rest", "K-Means"),
    "z_rest.gmm": ("z_rest", "GMM"),
    "z_label.kmeans": ("z_label", "K-Means"),
    "z_label.gmm": ("z_label", "GMM"),
    "random": ("random assignment", ""),
    "ceiling": ("network trained with writer labels", ""),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_table_has_every_score_with_its_spread(page: Page, metrics: dict[str, Any], row: str):
    cells = page.row(*TABLE[row])[2:]

    def shown(name: str) -> str:
        mean, sd = metrics.get(f"writers.{name}.mean"), metrics.get(f"writers.{name}.sd")
        return "–" if mean is None else f"{mean:.3f} ± {sd:.3f}"

    scores = [shown(f"{row}.{score}") for score in SCORES]
    assert cells == [*scores, shown(f"paired.{row}.ami"), shown(f"{row}.label_ami")]
    assert all("±" in cell for cell in cells[:3])


def test_the_page_says_how_far_z_rest_is_above_its_baselines(
    page: Page, metrics: dict[str, Any], tmp_path: Path
):
    text = " ".join(page.text.split())
    for baseline, title in (
        ("relative", "data centred and scaled per label"),
        ("features", "style features, no learning"),
    ):
        mean, sd = (metrics[f"writers.above.{baseline}.kmeans.ami.{m}"] for m in ("mean", "sd"))
        z_rest, other = (metrics[f"writers.{row}.kmeans.ami.mean"] for row in ("z_rest", baseline))
        assert mean == pytest.approx(z_rest - other)
        assert f"{title} {mean:.3f} ± {sd:.3f}" in text
    # Control: the article's model has no style features.
    without = {name: value for name, value in metrics.items() if "features." not in name}
    text = page_of(tmp_path / "without", settings_of(Config()), without).text
    assert "style features, no learning" not in text
    assert "data centred and scaled per label" in text


@pytest.mark.parametrize("term", LOSSES)
def test_the_plane_has_every_term(page: Page, metrics: dict[str, Any], term: str):
    value = metrics[f"plane.test.{term}"]
    if term == "accuracy":
        assert page.row("accuracy of the animal predicted from z_label")[1] == f"{value:.3f}"
    else:
        assert page.row(term)[1] == f"{value:.2f}"


def test_every_metric_is_listed(page: Page, metrics: dict[str, Any]):
    for name, value in metrics.items():
        assert page.row(name)[1] == ("–" if value is None else f"{value:.5f}")


def test_settings_are_on_the_page(page: Page):
    for text in (
        "planted, preset best",
        "12,345 examples of 8 × 8",
        "wvae reproduce all --trials 3",
        "Minix",
        "MIT",
    ):
        assert text in page.text
    assert "5 % of the mean variance" in " ".join(page.text.split())  # of the Gaussian mixture
    for name, value in vars(Config()).items():
        assert page.row(name)[1] == str(value)


def test_the_page_needs_no_other_file(page: Page):
    pictures = [link for link in page.links if link.startswith("data:image/png;base64,")]
    assert len(pictures) == len(PICTURES)
    inside = set(page.links) - set(pictures)
    assert {link.removeprefix("#") for link in inside} <= set(page.ids)
    assert all(link.startswith("#") for link in inside)
    assert not page.tags & {"script", "link", "iframe", "object"}


def test_one_trial_has_no_spread(tmp_path: Path):
    page = page_of(tmp_path, settings_of(Config()), metrics_of(1))
    assert "±" not in page.text
    assert "One trial, seed 0" in page.text


def test_several_trials_show_their_seeds(tmp_path: Path, metrics: dict[str, Any]):
    page = page_of(tmp_path, settings_of(Config(random_state=7)), metrics)
    text = " ".join(page.text.split())
    assert "over 3 trials (seeds 7–9)" in text
    assert "its own writers" in text
    assert "the same writers" not in text


def test_the_page_shows_that_all_trials_have_the_same_writers(
    tmp_path: Path, metrics: dict[str, Any]
):
    page = page_of(tmp_path, settings_of(Config()), metrics | {"writers.eligible.mean": 100.0})
    text = " ".join(page.text.split())
    assert "its own writers" not in text
    assert "the same writers" in text


def test_each_experiment_has_a_page_of_its_own(tmp_path: Path, metrics: dict[str, Any]):
    only_plane = {name: value for name, value in metrics.items() if not name.startswith("writers.")}
    page = page_of(tmp_path / "a", settings_of(Config()), only_plane)
    assert "Experiment I: the plane" in page.text
    assert "Experiment II" not in page.text
    only_writers = {name: value for name, value in metrics.items() if not name.startswith("plane.")}
    page = page_of(tmp_path / "b", settings_of(Config()), only_writers)
    assert "Experiment II: the writers" in page.text
    assert "Experiment I:" not in page.text


@pytest.mark.parametrize("objective", ["classifier", "covariance", "plain"])
def test_the_notebooks_figures_stand_beside_its_own_variant(tmp_path: Path, objective: Any):
    config = Config.preset("article", objective)
    metrics = metrics_of(2, objective)
    page = page_of(tmp_path, settings_of(config, name="emnist"), metrics)
    for term, value in ARTICLE_PLANE[objective].items():
        assert page.row(term)[1:] == [f"{metrics[f'plane.test.{term}']:.2f}", f"{value:.1f}"]
    assert page.row("kl_rest")[2] == "–"
    best = plane_rows(settings_of(Config(), name="emnist"), metrics)
    assert all(row["article"] is None for row in best)


@pytest.mark.parametrize(
    ("data", "is_there", "other"), [("emnist", True, False), ("mnist", True, True)]
)
def test_the_articles_figures_stand_beside_real_digits(
    tmp_path: Path, metrics: dict[str, Any], data: str, is_there: bool, other: bool
):
    settings = settings_of(Config.preset("article"), name=data)
    page = page_of(tmp_path, settings, metrics)
    assert page.row("the article, z_rest on EMNIST")[2:5] == ["0.1971", "0.0275", "0.0736"]
    text = " ".join(page.text.split())
    assert ("whose writers and images are others than these" in text) == other
    assert ("which are other images than these" in text) == other


def test_the_articles_figures_do_not_stand_beside_synthetic_digits(
    tmp_path: Path, metrics: dict[str, Any]
):
    settings = settings_of(Config.preset("article"), name="handwriting")
    page = page_of(tmp_path, settings, metrics)
    assert "EMNIST" not in page.text
    assert all(row["article"] is None for row in plane_rows(settings, metrics))


@pytest.mark.parametrize("name", ["plane", "writers"])
def test_the_panels_of_a_measured_model(tmp_path: Path, metrics: dict[str, Any], name: str):
    (tmp_path / "figures").mkdir()
    for picture in ("leakage", "swap"):
        (tmp_path / "figures" / f"{name}-{picture}.png").write_bytes(PIXEL)
    page = page_of(tmp_path, settings_of(Config()), metrics | measurements(name))
    text = " ".join(page.text.split())
    assert "Leakage 0.41 [0.40, 0.42] against chance 0.11: the strongest probe, an MLP" in text
    assert "predicts the animal from z_rest in 41.3 % of 1,030 test examples, 34 % of the" in text
    assert page.row("logistic regression") == ["logistic regression", "0.211", "0.107", "0.118"]
    assert page.row("MLP, 2 × 256 units")[1] == "0.413"
    assert page.row("k-NN")[1] == "0.315"
    control = page.row("positive control: logistic regression on z_label")
    assert control[1:] == ["0.971", "0.107", ""]
    assert "0.402–0.424" in text
    assert "between 0.51 and about 1.27 nats" in text
    assert [row[1] for row in page.rows if len(row) == 2 and row[1] in SWAP_SCORES] == SWAP_SCORES
    assert "clean" not in text.replace("leakage.clean", "")
    assert text.count("does z_rest still contain the animal?") == 1
    assert len([link for link in page.links if link.startswith("data:")]) == len(PICTURES) + 2


def test_a_model_that_was_not_measured_has_no_panels(page: Page, metrics: dict[str, Any]):
    assert panel_values("plane", settings_of(Config()), metrics) == {}
    assert "Leakage:" not in page.text
    assert "Swap:" not in page.text
    assert "How to read it" not in page.text


def test_doubts_are_on_the_page(tmp_path: Path, metrics: dict[str, Any]):
    metrics |= measurements("writers") | {"writers.measure.swap.label": 0.1}
    metrics["writers.measure.leakage.low"] = 0.1
    text = " ".join(page_of(tmp_path, settings_of(Config()), metrics).text.split())
    assert "1,030 test examples do not tell the strongest probe, an MLP, from a constant" in text
    assert "The decoder ignores z_label: 10.0 %" in text


def test_the_summary_is_three_sentences_and_the_leakage(tmp_path: Path, metrics: dict[str, Any]):
    metrics |= measurements("plane") | measurements("writers")
    metrics |= {"writers.z_rest.kmeans.ami.mean": 0.372, "writers.z_rest.kmeans.ami.sd": 0.008}
    page = page_of(tmp_path, settings_of(Config()), metrics)
    text = " ".join(page.text.split())
    summary = text[text.index("Summary") : text.index("Contents")]
    assert "the animal as the only label" in summary
    assert (
        "a probe predicts the animal of 97.1 % of the test examples, and 86.1 % of the" in summary
    )
    assert "with an AMI of 0.37 ± 0.01 (3 trials; 0 is chance, 1 perfect)" in summary
    assert f"raw pixels {metrics['writers.raw.kmeans.ami.mean']:.2f}," in summary
    assert summary.count("Leakage 0.41 [0.40, 0.42] against chance 0.11") == 2
    assert text.index("Summary") < text.index("Experiment I:")


def test_figures_and_tables_are_numbered_in_order(tmp_path: Path, metrics: dict[str, Any]):
    page = page_of(tmp_path, settings_of(Config()), metrics | measurements("writers"))
    for kind, least in (("Figure", 4), ("Table", 4)):
        numbers = list(map(int, re.findall(rf"{kind} (\d+)\.", page.text)))
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= least
    assert len(page.alts) == len(PICTURES)
    assert all(len(alt) > 20 for alt in page.alts)
    assert len(set(page.ids)) == len(page.ids)
    assert page.language == "en"


def test_every_term_is_defined_where_its_links_lead(page: Page):
    used = {link.removeprefix("#term-") for link in page.links if link.startswith("#term-")}
    assert {"z_rest", "ami", "nats"} <= used <= set(TERMS)
    for key, (name, meaning) in TERMS.items():
        assert f"term-{key}" in page.ids
        assert name in page.text
        assert meaning in page.text


@pytest.mark.parametrize(("shown", "rows"), [(530, "a random sample of 530"), (1000, "all 1,000")])
def test_the_map_says_which_rows_it_shows(
    tmp_path: Path, metrics: dict[str, Any], shown: int, rows: str
):
    metrics |= {"writers.map.examples": shown, "writers.test.examples.mean": 1000.0}
    text = " ".join(page_of(tmp_path, settings_of(Config()), metrics).text.split())
    assert f"t-SNE of both codes of {rows}" in text
    assert "test images of trial 1 of 3, seed 0, none of which the model was trained on" in text


def test_the_page_names_the_formats_of_its_figures(tmp_path: Path, metrics: dict[str, Any]):
    settings = settings_of(Config()) | {"figures": ["pdf", "svg"]}
    assert "as PNG and as PDF and SVG" in " ".join(
        page_of(tmp_path, settings, metrics).text.split()
    )


def test_a_run_without_writers_has_no_rows():
    assert writer_rows({"plane.test.loss": 1.0}) == []


def test_markup_in_a_name_is_escaped(tmp_path: Path, metrics: dict[str, Any]):
    name = '"><script>alert(1)</script><img src="http://evil.example/x.png"> & Söhne'
    settings = settings_of(Config(), name=name, source=name, licence=name, label_name=name)
    settings |= {"title": name, "command": name}
    page = page_of(tmp_path, settings, metrics)
    assert name in page.text
    assert "script" not in page.tags
    assert not any("evil" in link for link in page.links)


def test_a_failure_leaves_the_old_page(tmp_path: Path, metrics: dict[str, Any]):
    page_of(tmp_path, settings_of(Config()), metrics)
    before = (tmp_path / "report.html").read_bytes()
    with pytest.raises(KeyError):
        write_report(tmp_path, {"config": {}}, metrics)
    assert (tmp_path / "report.html").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "report.html"]
