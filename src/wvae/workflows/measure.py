"""Everything that is measured on one model: how clean the split is, what each code knows, and what it is good for.

Protocol only: which rows, which probes, which readers; the measuring is done by `wvae.evaluation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ..datasets import Dataset
from ..estimator import WVAE
from ..evaluation import images, leakage, retrieval, style, sufficiency, swap
from ..evaluation.probes import Kind
from ..evaluation.supervised import ImageClassifier, train_cnn
from .measured_rows import Array, Coded, can_be_read, encoded, is_category
from .run_folder import Progress, Silent

TRAIN_ROWS, QUICK_ROWS, TEST_ROWS = (
    60_000,
    20_000,
    10_000,
)  # codes that probes are fitted to and read
READER_ROWS, QUICK_READER_ROWS = 20_000, 8_000  # images that a reader is trained on
QUICK_READER_EPOCHS, SEEN = (
    3,
    24_000,
)  # with few images more passes, until a reader has seen as many
PAIRS, QUICK_PAIRS = 10_000, 2_000  # of swapped images
PEOPLE, LEAST, VERIFIED = (
    100,
    20,
    500,
)  # strangers who are identified, images of each; strangers who are verified
KINDS: tuple[Kind, ...] = ("logistic", "mlp", "knn", "boosting")
PEOPLE_NAMES = ("writer", "speaker")


def measure(
    model: WVAE,
    data: Dataset,
    *,
    factors: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    reader_epochs: int = 12,
    quick: bool = False,
) -> dict[str, float]:
    """Return how clean the split of a model is, what each code knows, and how well swapping and searching work.

    Fresh probes and readers are fitted to the train rows and asked about the test rows: the source's split, else a
    random tenth of every class. **The model must not have been trained on the test rows**; without a split of the
    source, give the seed that chose them (`wvae fit` takes ``random_state``).

    Of more rows, chance chooses 60,000 for training probes, 20,000 for a reader and 10,000 for testing (quick: 20,000,
    8,000 and 10,000).

    Parameters
    ----------
    model
        Fitted.
    data
        Examples like those it was trained on, with labels that it knows.
    factors
        Hidden attributes to look for; all of the data's if None. Floating ones are continuous, all others categories.
        Constants and ids (as many categories as rows) are left out.
    seed
        Of the test rows, the probes and the readers.
    progress
        Who shows progress.
    reader_epochs
        Passes of the readers over their images (quick: at most 3); more, where there are fewer than 24,000 to see.
    quick
        Only the leakage of the mean (logistic, mlp, knn) and the swap without factors.

    Returns
    -------
    dict
        ===========================  ===============================================================================
        ``leakage.mean.…``           the label read from means of z_rest by fresh probes: see `leakage.leakage`
        ``leakage.sample.…``         the same, from one sample of each
        ``leakage.max``, …           of the worse of the two: ``max``, ``low``, ``high``, ``majority``, ``null``,
                                     ``information.lower`` and ``.upper``
        ``leakage.linear``           the larger accuracy of the logistic probe
        ``leakage.positive_control``  the positive control: the logistic probe on z_label; must be high
        ``leakage.clean``            1 if `leakage.is_clean`, else 0
        ``sufficiency.…``            the label read from z_label: see `sufficiency.sufficiency`; ``.predict``, the
                                     accuracy of the model's own classifier; ``.leak.…``, what z_label knows of each
                                     factor beyond the label: `sufficiency.factors_in_label`
        ``rest.reconstruction…``     loss of the test images: `images.reconstruction_loss`
        ``rest.r2.…``                continuous factors, read from z_rest: `style.factor_r2`. Of grey images without
                                     such factors, ``measured.slant``, ``.width`` and ``.thickness``
        ``rest.factor.{f}.…``        categories read from z_rest, where test has those of training:
                                     `style.factor_accuracy`
        ``swap.…``                   z_label of one test image with z_rest of another: see `swap.swap`. ``swap.label``
                                     and the next two need images or spectrograms
        ``swap.reader``              accuracy of the reader, a network trained on the train rows, on real test images
        ``swap.control.label``       the label as read from plain reconstructions. A decoder that ignores z_label has a
                                     low swap.label and a high control
        ``swap.factor…``             categories such as the writer, read by a second network before and after
        ``retrieval.…``              people in both parts, enrolled by training: `retrieval.identification`. Are those
                                     of test unknown to training, ``retrieval.verification.…`` for all with two test
                                     rows (500 at most), and the identification among up to 100 with 20 test rows or
                                     more, half of them enrolled. Who is searched for: the writer or speaker, else, or
                                     if named in `factors`, every category; of several, each one's name follows
                                     ``retrieval`` and ``swap``
        ===========================  ===============================================================================

    Raises
    ------
    ValueError
        If shapes or labels are not the model's, there are no test rows, or a factor is unknown, incomplete or useless.

    Examples
    --------
    >>> from wvae.datasets import load
    >>> from wvae.workflows.fit import held_out
    >>> data = load("digits8x8")
    >>> train = data.subset(~held_out(data, seed=0))
    >>> model = WVAE(epochs=1, width=16, backbone="mlp").fit(train.x, train.y)
    >>> found = measure(model, data, seed=0, quick=True)
    >>> 0 <= found["leakage.mean.mlp"] <= found["leakage.max"] <= 1
    True
    """
    coded = encoded(
        model,
        data,
        factors,
        (QUICK_ROWS if quick else TRAIN_ROWS, TEST_ROWS),
        seed,
        samples=not quick,
    )
    people = [f for f, (known, _) in coded.factors.items() if is_category(known)]
    if factors is None:
        people = [f for f in people if f in PEOPLE_NAMES] or people
    progress = progress or Silent()
    epochs = min(reader_epochs, QUICK_READER_EPOCHS) if quick else reader_epochs
    readers = _Readers(coded, epochs, QUICK_READER_ROWS if quick else READER_ROWS, seed, progress)
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "leakage": lambda: _leakage(coded, KINDS[:3] if quick else KINDS, seed),
        "swap": lambda: _swap(
            model, coded, readers, [] if quick else people, QUICK_PAIRS if quick else PAIRS, seed
        ),
    }
    if not quick:
        parts |= {
            "sufficiency": lambda: _sufficiency(model, coded, seed),
            "rest": lambda: _rest(model, coded, seed),
            "retrieval": lambda: _retrieval(coded, people, seed),
        }
    found: dict[str, float] = {}
    # The probes multiply small matrices: more threads gain nothing, and where another program wants a core they wait
    # for each other, which took twenty times as long.
    with threadpool_limits(1, user_api="blas"):
        for name in (
            name
            for name in ("leakage", "sufficiency", "rest", "swap", "retrieval")
            if name in parts
        ):
            with progress.task(f"measuring {name}", 1) as advance:
                found |= parts[name]()
                advance(1)
    return {name: float(value) for name, value in found.items()}


def _leakage(coded: Coded, kinds: Sequence[Kind], seed: int) -> dict[str, float]:
    codes = {"mean": coded.z_rest} | ({"sample": coded.z_sample} if coded.z_sample else {})
    y, y_test = coded.y
    found: dict[str, float] = {}
    for part, (train, test) in codes.items():
        found |= leakage.leakage(
            train, y, test, y_test, kinds=kinds, name=f"leakage.{part}", seed=seed
        )
    worse = max(codes, key=lambda part: found[f"leakage.{part}.max"])
    for key in ("max", "low", "high", "majority", "null", "information.lower", "information.upper"):
        found[f"leakage.{key}"] = found[f"leakage.{worse}.{key}"]
    found["leakage.linear"] = max(found[f"leakage.{part}.logistic"] for part in codes)
    train, test = coded.z_label
    control = leakage.leakage(train, y, test, y_test, kinds=["logistic"], null=False, seed=seed)
    found["leakage.positive_control"] = control["leakage.logistic"]
    return found | {"leakage.clean": float(leakage.is_clean(found))}


def _sufficiency(model: WVAE, coded: Coded, seed: int) -> dict[str, float]:
    (train, test), (y, y_test) = coded.z_label, coded.y
    found = sufficiency.sufficiency(train, y, test, y_test, seed=seed)
    if model.config_.classifier_weight:  # else there is no classifier
        found["sufficiency.predict"] = float((model.predict(coded.x[1]) == y_test).mean())
    factors = coded.varying() | coded.shared()
    if factors:
        known, asked = ({f: pair[part] for f, pair in factors.items()} for part in (0, 1))
        found |= sufficiency.factors_in_label(train, y, known, test, y_test, asked, seed=seed)
    return found


def _rest(model: WVAE, coded: Coded, seed: int) -> dict[str, float]:
    (train, test), (y, y_test), x = coded.z_rest, coded.y, coded.x[1]
    drawn = model.decode(coded.z_label[1], test)
    if x.dtype == np.uint8 or (x.min() >= 0 and x.max() <= 1):
        found = images.reconstruction_loss(x, drawn, y_test)
    else:  # in units of its own, where a loss in nats would compare with nothing
        found = {"rest.reconstruction.mse": float(np.square(drawn - x).mean())}
    factors = coded.varying()
    if factors:
        known, asked = ({f: pair[part] for f, pair in factors.items()} for part in (0, 1))
        found |= style.factor_r2(train, known, test, asked, y_train=y, y_test=y_test, seed=seed)
    for factor, (known, asked) in coded.shared().items():
        if any(
            len(np.unique(known[y == label])) > 1
            and np.isin(asked[y_test == label], known[y == label]).any()
            for label in np.unique(y_test)
        ):
            found |= style.factor_accuracy(
                train, known, y, test, asked, y_test, name=f"rest.factor.{factor}", seed=seed
            )
    return found


@dataclass(frozen=True)
class _Readers:
    """Trains networks that took no part in the model's training to read a column from images."""

    coded: Coded
    epochs: int
    rows: int
    seed: int
    progress: Progress

    def of(self, column: Array, title: str) -> ImageClassifier:
        some = np.random.default_rng(self.seed).permutation(len(column))[: self.rows]
        epochs = max(self.epochs, -(-SEEN // len(some)))
        with self.progress.task(f"a reader of the {title}", epochs) as advance:
            return train_cnn(
                self.coded.x[0][some], column[some], epochs=epochs, seed=self.seed, on_epoch=advance
            )


def _swap(
    model: WVAE, coded: Coded, readers: _Readers, people: list[str], pairs: int, seed: int
) -> dict[str, float]:
    x, y = coded.x[1], coded.y[1]
    a, b = swap.swap_pairs(y, min(pairs, 2 * len(y)), seed)
    rest = coded.z_rest[1][b]
    swapped = model.decode(coded.z_label[1][a], rest)
    again = model.encode(swapped)[1]
    if not coded.seen:  # what is kept of the rest needs no reader
        return {"swap.rest_r2": swap.swap(y[a], y[a], rest, again)["swap.rest_r2"]}
    reader = readers.of(coded.y[0], "label")
    read = reader.predict(swapped)
    plain = reader.predict(model.decode(coded.z_label[1], coded.z_rest[1]))
    found = swap.swap(y[a], read, rest, again)
    found["swap.control.label"] = float((plain == y)[b].mean())
    found["swap.reader"] = float((reader.predict(x) == y).mean())
    for factor in people:
        known, who = coded.factors[factor]
        rows = np.isin(who[b], known)  # whom the reader can know
        if not can_be_read(known, who) or len(np.unique(who[b][rows])) < 2:
            continue
        reader = readers.of(known, factor)
        name = "swap" if len(people) == 1 else f"swap.{factor}"
        whose = who[b][rows], reader.predict(swapped[rows]), reader.predict(x)[b][rows]
        scores = swap.swap(y[a][rows], read[rows], rest[rows], again[rows], *whose, name=name)
        found |= {key: value for key, value in scores.items() if key.startswith(f"{name}.factor")}
    return found


def _retrieval(coded: Coded, people: list[str], seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    train, test = coded.z_rest
    for factor in people:
        name = "retrieval" if len(people) == 1 else f"retrieval.{factor}"
        known, who = coded.factors[factor]
        rows = np.isin(who, known)
        if len(np.unique(who[rows])) > 1:
            found |= _identified(train, known, test[rows], who[rows], name, seed)
        else:
            found |= _strangers(test, who, name, seed)
    return found


def _strangers(z: Array, who: Array, name: str, seed: int) -> dict[str, float]:
    """Verify people whom training has never seen, and identify them by half of their rows."""
    names, counts = np.unique(who, return_counts=True)
    rng = np.random.default_rng(seed)
    found: dict[str, float] = {}
    several = rng.permutation(names[counts > 1])[:VERIFIED]
    if len(several) > 1:
        rows = np.isin(who, several)
        found |= retrieval.verification(z[rows], who[rows], name=f"{name}.verification", seed=seed)
    many = rng.permutation(names[counts >= LEAST])[:PEOPLE]
    if len(many) > 1:
        rows = [rng.permutation(np.flatnonzero(who == person)) for person in many]
        enrolled, asked = (np.concatenate([r[part::2] for r in rows]) for part in (0, 1))
        found |= _identified(z[enrolled], who[enrolled], z[asked], who[asked], name, seed)
    return found


def _identified(
    enrolled: Array, known: Array, queries: Array, who: Array, name: str, seed: int
) -> dict[str, float]:
    found = retrieval.identification(enrolled, known, queries, who, name=name, seed=seed)
    if len(np.unique(known)) < len(known):  # else nobody varies
        found |= retrieval.identification(
            enrolled, known, queries, who, metric="within", name=name, seed=seed
        )
    return found
