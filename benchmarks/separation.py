"""Methods of keeping the label out of z_rest, with the same network, trials and probes.

    make bench-separation

For each data set and seed there is a trial of 100 writers (`wvae.experiments.writers.make_trial`).
Each method of `METHODS` is trained on its training rows with the labels only, and measured on its
test rows. A finished cell is one line of ``runs/bench-separation/<data>.jsonl``, so an interrupted
bench can be resumed, and processes with different ``--data`` can run side by side. At the end the
files docs/results/separation-*.json and the picture docs/pictures/separation.png are written
from all lines; ``--report-only`` does only that.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from threadpoolctl import threadpool_limits

from results import add_run, current_commit, machine, rounded
from wvae import WVAE, datasets
from wvae.config import ARTICLE_WEIGHT, Config
from wvae.datasets import Dataset
from wvae.evaluation import images, leakage, style, sufficiency
from wvae.evaluation.clustering import agreement, kmeans
from wvae.evaluation.probes import Kind
from wvae.experiments.writers import check_writers, make_trial
from wvae.io.files import atomic
from wvae.nn.alignment import Alignment
from wvae.training.examples import Examples
from wvae.training.finetune import finetune_decoder
from wvae.workflows.encoded_split import encode_split

Array = np.ndarray
Row = dict[str, Any]  # method, seed, setting, metrics
ROOT = Path(__file__).resolve().parents[1]
DATA = ("handwriting", "mnist")
KINDS: tuple[Kind, ...] = ("logistic", "mlp", "knn")
ALL_ROWS = 10**9  # all rows of a trial are measured


@dataclass(frozen=True)
class Method:
    """Changes to the preset ``best``, the alignment, and whether the decoder is fine-tuned."""

    changes: dict[str, Any] = field(default_factory=dict)
    alignment: str = "none"
    finetunes: bool = False

    def after_training(self) -> dict[str, Any]:
        """Return the hyper-parameters of the alignment and the fine-tuning."""
        return {
            "alignment": self.alignment,
            "finetune_epochs": Config().finetune_epochs if self.finetunes else 0,
        }


# The decoder gets z_label itself, with the prior N(0, I) and the weight of an ELBO, so that only
# the penalty separates.
OPEN = {
    "decoder_label_input": "code",
    "label_prior": "standard",
    "label_kl_weight": 1.0,
    "style_weight": 0.0,
}
CLOSED = {
    "style_weight": 0.0
}  # the decoder gets only the class, which costs no KL with a prior for each class


def _open(separation: str, weight: float) -> Method:
    return Method(OPEN | {"separation": separation, "separation_weight": weight})


METHODS: dict[str, Method] = {
    "none": Method(OPEN),
    "covariance 39": _open("covariance", ARTICLE_WEIGHT),  # the notebook's, 10,000 per batch of 256
    "covariance 1000": _open("covariance", 1000.0),
    "hsic 200": _open("hsic", 200.0),
    "hsic 500": _open("hsic", 500.0),
    "adversary 10": _open("adversary", 10.0),
    "adversary 30": _open("adversary", 30.0),
    "swap 5": _open("swap", 5.0),
    "swap 20": _open("swap", 20.0),
    "conditional": Method(CLOSED),
    "conditional + mean (LEACE)": Method(CLOSED, "mean"),
    "conditional + gaussian": Method(CLOSED, "gaussian"),
    "conditional + transport": Method(CLOSED, "transport"),
    "best without alignment": Method(),
    "best": Method({}, "transport", finetunes=True),
}
# Key of a cell's metrics, decimals in the log.
COLUMNS = (
    ("leakage.max", 3),
    ("leakage.logistic", 3),
    ("reconstruction", 1),
    ("label.accuracy", 3),
    ("writer.ami", 3),
    ("style.r2", 3),
    ("label.style", 3),
)


# -------------------------------------------------------------------------------------------------
# One cell


def training_config(method: Method, epochs: int, seed: int, **changes: Any) -> Config:
    """Return the config of a method's training, without alignment and fine-tuning."""
    return Config.preset(
        "best",
        **{"epochs": epochs, **changes, **method.changes, **Method().after_training()},
        random_state=seed,
    )


def align_and_finetune(model: WVAE, train: Dataset, method: Method) -> WVAE:
    """Return a copy of a trained model, aligned and fine-tuned as `WVAE.fit` does it."""
    if method.alignment == "none":
        return model
    predicted = model.predict_proba(train.x).argmax(1)
    _, (mean, sd) = model.posterior(train.x)
    copied = copy.deepcopy(model)
    copied.config_ = replace(model.config_, **method.after_training())
    network = copied.model_
    network.config = copied.config_
    network.alignment = Alignment(copied.config_, network.n_classes).to(
        next(network.parameters()).device
    )
    loadings = network.style.weighted_loadings() if network.uses_style else None
    network.alignment.fit(mean, sd, predicted, loadings, copied.config_.random_state)
    finetune_decoder(network, Examples(train.x, np.searchsorted(model.classes_, train.y)))
    return copied


def measure_model(model: WVAE, data: Dataset, seed: int) -> dict[str, float]:
    """Return the metrics of one model on the rows of a trial with their split."""
    split = encode_split(model, data, None, (ALL_ROWS, ALL_ROWS), seed, samples=False)
    (z, z_test), (label, label_test), (y, y_test) = split.z_rest, split.z_label, split.y
    who = split.factors["writer"][1]
    factors = (
        split.continuous_factors()
    )  # handwriting knows its style; elsewhere slant, width and thickness are measured
    factors_train = {name: pair.train for name, pair in factors.items()}
    factors_test = {name: pair.test for name, pair in factors.items()}
    # The probes' matrices are small: more threads only wait for each other.
    with threadpool_limits(1, user_api="blas"):
        metrics = leakage.leakage(z, y, z_test, y_test, kinds=KINDS, null=False, seed=seed)
        clusters = kmeans(z_test, len(np.unique(who)), seed=seed)
        r2 = style.factor_r2(z, factors_train, z_test, factors_test, seed=seed)
        in_label = sufficiency.factors_in_label(
            label, y, factors_train, label_test, y_test, factors_test, seed=seed
        )
    decoded = model.decode(label_test, z_test)
    return metrics | {
        "reconstruction": images.reconstruction_loss(split.x[1], decoded, y_test)[
            "rest.reconstruction"
        ],
        "label.accuracy": float((model.predict(split.x[1]) == y_test).mean()),
        "writer.ami": agreement(clusters, who)["ami"],
        "style.r2": r2["rest.r2.mean"],
        "label.style": in_label["sufficiency.leak.max"],
    }


def trial_rows(data: Dataset, seed: int) -> Dataset:
    """Return the rows of one trial, with its split."""
    return make_trial(data.factors["writer"], seed).dataset(data)


def run(
    data: Dataset,
    file: Path,
    seeds: Sequence[int],
    epochs: int,
    methods: Sequence[str] = tuple(METHODS),
    log: Callable[[str], None] = print,
    **changes: Any,
) -> None:
    """Fill the missing cells, one line each; methods with the same training are trained once."""
    done = {(row["method"], row["seed"]) for row in rows(file, epochs, changes)}
    for seed in seeds:
        trainings: dict[str, list[str]] = {}
        for name in methods:
            if (name, seed) not in done:
                trainings.setdefault(_key(METHODS[name].changes), []).append(name)
        if not trainings:
            continue
        both = trial_rows(data, seed)
        train = both.subset(both.split == "train")
        for names in trainings.values():
            config = training_config(METHODS[names[0]], epochs, seed, **changes)
            start = time.process_time()
            model = WVAE(**asdict(config)).fit(train.x, train.y)
            seconds = time.process_time() - start
            for name in names:
                start = time.process_time()
                model_after = align_and_finetune(model, train, METHODS[name])
                total = seconds + time.process_time() - start
                metrics = measure_model(model_after, both, seed) | {"seconds": total}
                row = {
                    "method": name,
                    "seed": seed,
                    "setting": setting(name, epochs, changes),
                    "commit": current_commit(),
                    "machine": machine(str(torch.get_num_threads())),
                    "metrics": metrics,
                }
                _append(file, row)
                values = (f"{key} {metrics[key]:.{digits}f}" for key, digits in COLUMNS)
                log(f"{data.name}, seed {seed}, {name}: {', '.join(values)}")


# -------------------------------------------------------------------------------------------------
# The lines


def setting(name: str, epochs: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a cell; a line with other settings does not count."""
    method = METHODS[name]
    finetuning = (
        {"finetune_epochs": method.after_training()["finetune_epochs"]} if method.finetunes else {}
    )
    return {
        "epochs": epochs,
        **changes,
        **method.changes,
        "alignment": method.alignment,
        **finetuning,
    }


def rows(file: Path, epochs: int, changes: dict[str, Any] | None = None) -> list[Row]:
    """Return the finished cells of these settings, the latest of each, without incomplete lines."""
    found: dict[tuple[str, int], Row] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["method"] in METHODS and row["setting"] == setting(
            row["method"], epochs, changes or {}
        ):
            found[row["method"], row["seed"]] = row
    order = list(METHODS)
    return sorted(found.values(), key=lambda row: (order.index(row["method"]), row["seed"]))


def _append(file: Path, row: Row) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cut_off = file.exists() and not file.read_bytes().endswith(b"\n") and file.stat().st_size > 0
    with file.open("a", encoding="utf-8") as lines:
        lines.write(("\n" if cut_off else "") + json.dumps(row) + "\n")


def _key(changes: dict[str, Any]) -> str:
    return json.dumps(changes, sort_keys=True)


def _grouped(found: Iterable[Row]) -> dict[str, list[Row]]:
    by_method: dict[str, list[Row]] = {}
    for row in found:
        by_method.setdefault(row["method"], []).append(row)
    return by_method


# -------------------------------------------------------------------------------------------------
# The picture


def picture(panels: dict[str, list[Row]]) -> Figure:
    """Plot leakage against reconstruction, a panel for each data set, a marker for each method."""
    figure = Figure(figsize=(9, 5.4 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    drawn = [
        (axes, _panel(axes, name, found))
        for axes, (name, found) in zip(
            figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels.items(), strict=True
        )
    ]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the labels are placed for this layout
    for axes, points in drawn:
        _label(axes, points)
    return figure


def _panel(axes: Axes, name: str, found: list[Row]) -> dict[str, Array]:
    """Draw the markers and return where each method's is, and its error bars: (x, y), (sd, sd)."""
    by_method = _grouped(found)
    keys = ("reconstruction", "leakage.max", "writer.ami", "style.r2")
    values = {
        m: np.array([[row["metrics"][key] for key in keys] for row in cells])
        for m, cells in by_method.items()
    }
    mean = {method: v.mean(0) for method, v in values.items()}
    sd = {method: v.std(0, ddof=1) if len(v) > 1 else np.zeros(4) for method, v in values.items()}
    ami = np.array([m[2] for m in mean.values()])
    chance = float(np.mean([row["metrics"]["leakage.majority"] for row in found]))
    axes.axhline(chance, color="#7a828c", linestyle="--", linewidth=1)
    beside = {"transform": axes.get_yaxis_transform(), "fontsize": 9, "color": "#5a626c"}
    axes.text(0.006, chance - 0.012, "a constant guess", va="top", **beside)
    x, y = (np.array([m[i] for m in mean.values()]) for i in (0, 1))
    for i, method in enumerate(mean):
        axes.errorbar(
            x[i],
            y[i],
            xerr=sd[method][0],
            yerr=sd[method][1],
            color="#9aa2ac",
            linewidth=1.1,
            zorder=2,
        )
    sizes = [_area(m[3]) for m in mean.values()]
    dots = axes.scatter(
        x, y, s=sizes, c=ami, cmap="viridis", edgecolors="white", linewidths=0.8, zorder=3
    )
    assert axes.figure is not None
    axes.figure.colorbar(dots, ax=axes, label="writer AMI", pad=0.015)
    shown = []
    for r2 in (0.2, 0.5, 0.8):
        size = _area(r2) ** 0.5
        marker = Line2D([], [], linestyle="", marker="o", color="#9aa2ac", markersize=size)
        marker.set_label(f"{r2:g}")
        shown.append(marker)
    axes.legend(
        handles=shown, title="style R²", loc="upper right", ncols=3, frameon=False, fontsize=9
    )
    error = np.array([v[0] for v in sd.values()])
    left, right = (x - error).min(), (x + error).max()
    pad = 0.09 * max(float(right - left), 1.0)
    axes.set(
        xlim=(left - pad, right + pad),
        ylim=(0, 1.3),
        xlabel="reconstruction, nats (left is better)",
    )
    axes.set(
        ylabel="leakage: label predicted from z_rest", title=name, yticks=np.arange(0, 1.1, 0.2)
    )
    axes.grid(visible=True, color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return {method: np.array([m[:2], sd[method][:2]]) for method, m in mean.items()}


def _area(r2: float) -> float:
    return 30 + 170 * max(r2, 0.0)


def _label(axes: Axes, points: dict[str, Array]) -> None:
    """Write each method's name near its marker, where it covers the fewest other elements."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    renderer = figure.canvas.get_renderer()  # pyright: ignore[reportAttributeAccessIssue]
    dpi = figure.dpi / 72
    inside = axes.get_window_extent(renderer).extents
    at = np.array(
        [axes.transData.transform(point) for point, _ in points.values()]
    )  # (n, 2), pixels
    markers = np.hstack([at - 7 * dpi, at + 7 * dpi])
    bars = np.array(
        [
            axes.transData.transform([p - sd * a, p + sd * a]).ravel()
            for p, sd in points.values()
            for a in np.eye(2)
        ]
    )
    bars += np.array([-1.5, -1.5, 1.5, 1.5]) * dpi
    legend = axes.get_legend()
    fixed = [legend.get_window_extent(renderer).extents] if legend else []
    line = {"arrowstyle": "-", "color": "#9aa2ac", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 5}
    texts = [
        axes.annotate(
            method,
            tuple(point),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=9.5,
            ha="center",
            va="center",
            zorder=5,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            arrowprops=line,
        )
        for method, (point, _) in points.items()
    ]
    half = (
        np.array([text.get_window_extent(renderer).size for text in texts]) / 2 + 1.5 * dpi
    )  # (n, 2)
    angles, far = np.arange(16) * np.pi / 8, np.array([1.0, 1.6, 2.3, 3.2, 4.2, 5.5])
    directions = np.array(
        [(np.cos(a) * (1 + 0.25 * (f - 1)), np.sin(a) * f, f) for a, f in product(angles, far)]
    )
    steps = np.linspace(0.15, 0.85, 8)[:, None]
    place = np.full((len(at), 4), np.nan)  # boxes of the names
    for i in [*range(len(at))] * 3:  # again, when the others have found their places
        others = np.array(
            [*fixed, *place[[k for k in range(len(at)) if k != i and not np.isnan(place[k, 0])]]]
        )
        cheapest = np.inf
        for *way, f in directions:
            away = way * (half[i] + np.array([8, 2 + 0.25 * half[i, 1] / dpi]) * dpi)
            box = np.concatenate([at[i] + away - half[i], at[i] + away + half[i]])
            out = 4 * half[i].prod() - _shared(box, np.reshape(inside, (1, 4)))
            cost = (
                5 * _shared(box, others)
                + 2 * _shared(box, markers)
                + 3 * _shared(box, bars)
                + 5 * out
            )
            crossed = _holds(others, at[i] + steps * away) + _holds(
                np.delete(markers, i, 0), at[i] + steps * away
            )
            cost += (40 * crossed + 14 * f) * dpi**2
            if cost < cheapest:
                cheapest, place[i] = cost, box
                texts[i].set_position(tuple(away / dpi))


def _shared(box: Array, boxes: Array) -> float:
    """Return the summed overlap of a box (x0, y0, x1, y1) with other boxes, (n, 4)."""
    if not len(boxes):
        return 0.0
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return float(sides.clip(min=0).prod(1).sum())


def _holds(boxes: Array, points: Array) -> int:
    """Return how many of the points, (m, 2), lie in one of the boxes, (n, 4)."""
    if not len(boxes):
        return 0
    x, y = points[:, :1], points[:, 1:]  # (m, 1), against (n,)
    within = (x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])
    return int(np.count_nonzero(within.sum(1)))


# -------------------------------------------------------------------------------------------------


def report(folder: Path, image: Path, epochs: int) -> list[str]:
    """Write docs/results and the picture from all lines; return the data sets that have lines."""
    panels = {name: found for name in DATA if (found := rows(folder / f"{name}.jsonl", epochs))}
    if not panels:
        return []
    for name, found in panels.items():
        for seed in sorted({row["seed"] for row in found}):
            write_result(name, seed, [row for row in found if row["seed"] == seed], epochs)
    with mpl.rc_context({"font.size": 10}), atomic(image) as temporary:
        picture(panels).savefig(temporary, dpi=150, format="png")
    return list(panels)


def write_result(name: str, seed: int, found: list[Row], epochs: int) -> None:
    """Write the cells of a seed to docs/results/separation-NAME.json."""
    metrics: dict[str, float] = {}
    parts: list[dict[str, Any]] = []  # cells may come from several machines
    for row in found:
        part = {"commit": row["commit"], "machine": row["machine"]}
        if part not in parts:
            parts.append(part)
        for key in ("leakage.majority", *(key for key, _ in COLUMNS)):
            metrics[f"{row['method']}: {key}"] = row["metrics"][key]
    entry = {
        "seed": seed,
        "commands": [f"python benchmarks/separation.py --data {name} --seeds {seed}"],
        **parts[0],
        "parts": parts,
        "date": date.today().isoformat(),
        "epochs": epochs,
        "metrics": rounded(metrics),
    }
    add_run(f"separation-{name}", entry)


def main() -> None:
    """Run what is missing, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", action="append", choices=DATA, help="data set, again for more (default: all)"
    )
    parser.add_argument(
        "--method", action="append", choices=METHODS, help="method, again for more (default: all)"
    )
    parser.add_argument(
        "--seeds", default="0,1,2", help="seeds of trials and trainings (default: 0,1,2)"
    )
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument(
        "--threads", type=int, default=1, help="torch's threads; the number moves the last digits"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the lines there, and write no page (default: runs/…)"
    )
    parser.add_argument(
        "--report-only", action="store_true", help="write the page and the picture, train nothing"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = options.folder or ROOT / "runs" / "bench-separation"
    for name in () if options.report_only else options.data or DATA:
        try:
            data = datasets.load(name)
            check_writers(data)
        except (OSError, ValueError) as error:
            print(f"{name} is skipped: {str(error).splitlines()[0]}")
            continue
        seeds = [int(seed) for seed in options.seeds.split(",")]
        run(
            data,
            folder / f"{name}.jsonl",
            seeds,
            options.epochs,
            options.method or tuple(METHODS),
            _say,
        )
    if options.folder:
        return
    image = ROOT / "docs" / "pictures" / "separation.png"
    names = report(folder, image, options.epochs)
    print(f"{image}: {', '.join(names)}" if names else f"{folder} has no line of these epochs")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
