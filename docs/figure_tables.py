"""The tables of README and documentation, from ``docs/results/*.json``.

All rows of a table have the same seeds: those that every result of the table has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from figure_goals import goals
from figure_values import MISSING, common_seeds, markdown, percent, runs, source, spread, values

DATA = ("handwriting", "mnist")
DOMAINS = {"handwriting": "writer", "fsdd": "speaker", "scenes": "scene"}
SCORES = ("purity", "ari", "ami")
METHOD_COLUMNS = {
    "leakage.max": ("leakage", 3),
    "leakage.logistic": ("linear leakage", 3),
    "reconstruction": ("reconstruction, nats", 1),
    "label.accuracy": ("label from z_label", 3),
    "writer.ami": ("writer AMI", 3),
    "style.r2": ("style R²", 3),
    "label.style": ("style in z_label", 3),
}


def how(results: Sequence[str], seeds: Sequence[int]) -> str:
    """Return the lines below a table: number of runs, and the commands with machine and commit."""
    sources = "\n".join(f"- {source(result)}" for result in results)
    if len(seeds) < 2:
        return f"\n\n*{len(seeds) or 'No'} run{'' if seeds else ' yet'}:*\n\n{sources}"
    of_runs = f"{len(seeds)} runs (seeds {', '.join(map(str, seeds))})"
    return f"\n\n*Mean ± standard deviation of {of_runs}:*\n\n{sources}"


# ------------------------------------------------------------------------------------------ README


WRITERS_EN = (
    "AMI of clusters with the writers, mean ± sd of {n} trials",
    "raw pixels",
    "z_rest of the notebook's model (preset `article`)",
    "**z_rest (preset `best`)**",
    "*network trained with writer labels*",
)
WRITERS_JA = (
    "クラスタと書き手の AMI（{n} 試行の平均 ± 標準偏差）",
    "元の画素",
    "ノートブックのモデルの z_rest（プリセット `article`）",
    "**z_rest（プリセット `best`）**",
    "*書き手のラベルで学習したネットワーク*",
)
DOMAINS_EN = (
    "test accuracy, mean ± sd of {n} seeds",
    "{data} / {factor}",
    "label, predicted from z_label",
    "hidden factor, predicted from z_rest (chance)",
    "label, predicted from z_rest by the best of four probes (chance)",
    "swapped examples with the label that was asked for",
)
DOMAINS_JA = (
    "テストでの正解率（{n} シードの平均 ± 標準偏差）",
    "{data} / {factor}",
    "z_label から予測したラベル",
    "z_rest から予測した隠れた要因（チャンスレート）",
    "z_rest から予測したラベル、四つのプローブの最良値（チャンスレート）",
    "入れ替えたデータが、指定したラベルに見える割合",
)
FACTORS_EN = {"scene": "background"}
FACTORS_JA = {"writer": "書き手", "speaker": "話者", "scene": "背景"}


def readme_writers(words: Sequence[str]) -> str:
    """Return the AMI of clusters with the writers, one column for each data set."""
    seeds = common_seeds([f"writers-{data}-{preset}" for data in DATA for preset in PRESETS])
    heading, *titles = words
    places = (
        ("best", "raw.kmeans.ami"),
        ("article", "z_rest.kmeans.ami"),
        ("best", "z_rest.kmeans.ami"),
        ("best", "ceiling.ami"),
    )
    rows = [[heading.format(n=len(seeds)), *(f"`{data}`" for data in DATA)]]
    for title, (preset, metric) in zip(titles, places, strict=True):
        numbers = [spread(values(f"writers-{data}-{preset}", metric, seeds)) for data in DATA]
        rows.append([title, *numbers])
    return markdown(rows)


def readme_domains(words: Sequence[str], factors: dict[str, str]) -> str:
    """Return four figures of each domain."""
    seeds = common_seeds([f"domain-{data}" for data in DOMAINS])
    heading, column, label, factor, leakage, swap = words
    names = [
        column.format(data=f"`{d}`", factor=(factors or {}).get(f, f)) for d, f in DOMAINS.items()
    ]
    rows = [[heading.format(n=len(seeds)), *names]]
    for title, key, chance in (
        (label, "sufficiency.predict", ""),
        (factor, "rest.factor.{factor}.accuracy", "rest.factor.{factor}.chance"),
        (leakage, "leakage.max", "leakage.majority"),
        (swap, "swap.label", ""),
    ):
        cells = [_domain_cell(data, f, key, chance, seeds) for data, f in DOMAINS.items()]
        rows.append([title, *cells])
    return markdown(rows)


def _domain_cell(data: str, factor: str, key: str, chance: str, seeds: Sequence[int]) -> str:
    """Return a figure of a domain, with its chance if there is one."""
    result = f"domain-{data}"
    cell = spread(values(result, key.format(factor=factor), seeds))
    if not chance or cell == MISSING:
        return cell
    guess = values(result, chance.format(factor=factor), seeds)
    return f"{cell} ({sum(guess) / len(guess):.2f})"


# ------------------------------------------------------------------------------------- experiments


PRESETS = ("article", "best")
SPACES = {
    "raw": ("best", "raw pixels"),
    "relative": ("best", "*pixels, centred and scaled per label*"),
    "features": ("best", "*style features, no learning*"),
    "z_rest article": ("article", "z_rest, preset `article`"),
    "z_rest": ("best", "**z_rest, preset `best`**"),
    "z_label": ("best", "z_label, preset `best`"),
}


def writers() -> str:
    """Return Experiment II: purity, ARI and AMI of K-Means and GMM."""
    results = [f"writers-{data}-{preset}" for data in DATA for preset in PRESETS]
    seeds = common_seeds(results)
    rows = [["data", "clustered", "purity", "ARI", "AMI", "AMI by a mixture of Gaussians"]]
    for data in DATA:
        for space, (preset, title) in SPACES.items():
            key, result = space.split()[0], f"writers-{data}-{preset}"
            cells = [spread(values(result, f"{key}.kmeans.{score}", seeds)) for score in SCORES]
            mixture = spread(values(result, f"{key}.gmm.ami", seeds))
            rows.append([f"`{data}`", title, *cells, mixture])
        for key, title in (
            ("ceiling", "*network trained with writer labels*"),
            ("random", "*random assignment*"),
        ):
            cells = [spread(values(f"writers-{data}-best", f"{key}.{s}", seeds)) for s in SCORES]
            rows.append([f"`{data}`", title, *cells, "–"])
    article = ["EMNIST", "the article's best figures (2018)", "0.1971", "0.0275", "0.0736", "–"]
    return markdown([*rows, article]) + how(results, seeds)


def plane() -> str:
    """Return Experiment I on mnist."""
    results = [f"plane-mnist-{preset}" for preset in PRESETS]
    seeds = common_seeds(results)
    rows = [["", *(f"`{preset}`" for preset in PRESETS)]]
    for title, key, digits in (
        ("digit predicted from the one number z_label, accuracy", "test.accuracy", 3),
        (
            "digit predicted from the one number z_rest, best of three probes",
            "measure.leakage.max",
            3,
        ),
        ("– a constant guess", "measure.leakage.majority", 3),
        ("reconstruction of test images, nats", "test.reconstruction", 1),
        ("decoded images at the centres of the digits that a judge recognises", "judge", 3),
        ("swapped images with the digit that was asked for", "measure.swap.label", 3),
        ("z_rest of a swapped image comes back, R²", "measure.swap.rest_r2", 3),
    ):
        cells = [spread(values(result, key, seeds, optional=True), digits) for result in results]
        rows.append([title, *cells])
    return markdown(rows) + how(results, seeds)


def domains() -> str:
    """Return the figures of the three domains."""
    results = [f"domain-{data}" for data in DOMAINS]
    seeds = common_seeds(results)
    rows = [["", *(f"`{data}` / {FACTORS_EN.get(f, f)}" for data, f in DOMAINS.items())]]
    for title, key, chance in (
        ("label from z_label, accuracy", "sufficiency.predict", ""),
        ("factor from z_rest, accuracy (chance)", "rest.factor.{factor}.accuracy",
         "rest.factor.{factor}.chance"),
        ("– with one probe for each label", "rest.factor.{factor}.within_label",
         "rest.factor.{factor}.within_label.chance"),
        ("AMI of clusters of z_rest with the factor", "clusters.z_rest.ami", ""),
        ("– of clusters of raw data", "clusters.raw.ami", ""),
        ("– of clusters of style features, no learning", "clusters.{factor}.features", ""),
        ("leakage: label from z_rest, best of four probes (chance)", "leakage.max",
         "leakage.majority"),
        ("– linear probe", "leakage.linear", ""),
        ("swapped: the label that was asked for, by a judge", "swap.label", ""),
        ("– the same judge on plain reconstructions", "swap.control.label", ""),
        ("swapped: z_rest comes back, R²", "swap.rest_r2", ""),
        ("swapped: the factor is still recognised, by a judge", "swap.factor", ""),
        ("– the same judge on real examples", "swap.factor.before", ""),
        ("Fréchet distance to real examples: swapped", "swap.frechet", ""),
        ("– of reconstructions", "swap.frechet.reconstruction", ""),
        ("– of real test examples", "swap.frechet.real", ""),
    ):  # fmt: skip
        cells = [_domain_cell(data, f, key, chance, seeds) for data, f in DOMAINS.items()]
        rows.append([title, *cells])
    return markdown(rows) + how(results, seeds)


def mnist60k() -> str:
    """Return the figures of `best` on all 60,000 training images."""
    result = "separation-mnist60k"
    seeds = common_seeds([result])
    rows = [["", "chance", "goal", "`best`"]]
    for title, key, chance, goal in (
        ("leakage: digit from z_rest, best of four probes", "leakage.max", "leakage.majority",
         "0.15"),
        ("– from its mean: MLP", "leakage.mean.mlp", "leakage.majority", ""),
        ("– from its mean: k-NN", "leakage.mean.knn", "leakage.majority", ""),
        ("– from its mean: gradient boosting", "leakage.mean.boosting", "leakage.majority", ""),
        ("– from its mean: logistic", "leakage.mean.logistic", "leakage.majority", ""),
        ("digit from z_label", "sufficiency.predict", "leakage.majority", ""),
        ("swapped image: the digit that was asked for", "swap.label", "", "0.99"),
        ("– the same judge on plain reconstructions", "swap.control.label", "", ""),
        ("swapped image: z_rest comes back, R²", "swap.rest_r2", "", ""),
        ("Fréchet distance to real images: swapped", "swap.frechet", "", "that of reconstructions"),
        ("– of reconstructions", "swap.frechet.reconstruction", "", ""),
        ("– of real test images", "swap.frechet.real", "", ""),
        ("slant from z_rest, given the digit, R²", "rest.r2.given_label.measured.slant", "", ""),
        ("width", "rest.r2.given_label.measured.width", "", ""),
        ("stroke thickness", "rest.r2.given_label.measured.thickness", "", ""),
        ("writer among 100 new ones from 1 digit", "retrieval.top1.1", "retrieval.chance", ""),
        ("– from 10 digits", "retrieval.top1.10", "retrieval.chance", ""),
    ):  # fmt: skip
        guess = spread(values(result, chance, seeds)[:1]) if chance else ""
        rows.append([title, guess, goal, spread(values(result, key, seeds))])
    return markdown(rows) + how([result], seeds)


def methods(data: str) -> str:
    """Return the comparison of separation methods on one data set."""
    result = f"separation-{data}"
    seeds = _seeds_of_all_methods(result)
    if not seeds:
        return "*Not measured yet.*"
    first = next(run for run in runs(result) if run["seed"] == seeds[0])
    names = list(dict.fromkeys(key.split(": ")[0] for key in first["metrics"]))
    rows = [["method", *(title for title, _ in METHOD_COLUMNS.values())]]
    for name in names:
        cells: list[str] = []
        for key, (_, digits) in METHOD_COLUMNS.items():
            cells.append(spread(values(result, f"{name}: {key}", seeds), digits))
        rows.append([name, *cells])
    guess = values(result, f"{names[0]}: leakage.majority", seeds)
    chance = f" A constant guess predicts {sum(guess) / len(guess):.3f} of the labels."
    return markdown(rows) + "\n\n" + chance.strip() + how([result], seeds)


def _seeds_of_all_methods(result: str) -> list[int]:
    """Return the seeds for which as many methods were measured as for any."""
    n = max((len(run["metrics"]) for run in runs(result)), default=0)
    return [run["seed"] for run in runs(result) if len(run["metrics"]) == n]


# -------------------------------------------------------------------------------------- benchmarks


def printed(result: str) -> str:
    """Return the rows that a benchmark wrote."""
    found = runs(result)
    if not found:
        return "*Not measured yet.*"
    return markdown(found[0]["rows"]) + "\n\n" + source(result)


def gpu() -> str:
    """Return training on a GPU beside the processor of the same machine."""
    if not runs("gpu"):
        return "*Not measured yet.*"
    measured = runs("gpu")[0]["metrics"]
    processor = runs("gpu-processor")[0]["metrics"]
    machine = runs("gpu")[0]["machine"]
    fast, plain = measured["budget.batch2048.seconds"], measured["budget.batch256.seconds"]
    rate, limit = measured["budget.operations_per_second"], measured["products.bfloat16"]
    rows = [
        ["240,000 images × 50 epochs, network and objective of Experiment I", "s", "test loss"],
        [f"processor, {machine['cores']} cores (from one epoch)",
         f"{processor['budget.seconds']:.0f}", ""],
        ["GPU, steps from Python (from one epoch)", f"{measured['budget.eager.seconds']:.0f}", ""],
        ["GPU, steps recorded as a CUDA graph, batches of 256", f"{plain:.1f}",
         f"{measured['budget.batch256.loss']:.1f}"],
        ["– batches of 2,048, linear schedule, bfloat16, `torch.compile`", f"{fast:.1f}",
         f"{measured['budget.batch2048.loss']:.1f}"],
    ]  # fmt: skip
    share = (
        f"\n\nThe last row is {percent(rate / limit)} of the rate of large bfloat16 matrix "
        f"products ({limit / 1e12:.0f} TFLOP/s): memory and the number of kernels are its limits. "
    )
    return markdown(rows) + share + source("gpu")


TABLES: dict[str, Callable[[], str]] = {
    "readme-writers": partial(readme_writers, WRITERS_EN),
    "readme-writers-ja": partial(readme_writers, WRITERS_JA),
    "readme-domains": partial(readme_domains, DOMAINS_EN, FACTORS_EN),
    "readme-domains-ja": partial(readme_domains, DOMAINS_JA, FACTORS_JA),
    "writers": writers,
    "plane": plane,
    "domains": domains,
    "separation-mnist60k": mnist60k,
    "separation-handwriting": partial(methods, "handwriting"),
    "separation-mnist": partial(methods, "mnist"),
    "goals": goals,
    "speed": partial(printed, "speed"),
    "scale": partial(printed, "scale"),
    "explorer": partial(printed, "explorer"),
    "gpu": gpu,
}
