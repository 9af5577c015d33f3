"""The goals, and the figures that meet or miss them."""

from __future__ import annotations

from dataclasses import dataclass

from figure_values import markdown, spread, values


@dataclass(frozen=True)
class Goal:
    """A goal, and the figure that decides whether it is met.

    Attributes
    ----------
    title
        What is measured, on which data.
    result, metric
        Place of the figure; with `relative_to`, it is a share of that metric, or, if `difference`,
        the amount above it.
    goal
        The goal, a number.
    at_most
        Whether the figure must not exceed the goal, instead of reaching it.
    """

    title: str
    result: str
    metric: str
    goal: float
    relative_to: str = ""
    difference: bool = False
    at_most: bool = False

    def cells(self) -> list[str]:
        """Return the row: title, goal, figure, whether the goal is met."""
        sign = "≤" if self.at_most else "≥"
        found = values(self.result, self.metric)
        if self.relative_to:
            others = values(self.result, self.relative_to)
            pairs = list(zip(found, others, strict=True))
            found = [a - b if self.difference else a / b for a, b in pairs]
        # A non-breaking space: the number stays beside its sign.
        row = [self.title, f"{sign}\u00a0{self.goal:g}", spread(found)]
        if not found:
            return [*row[:2], "not measured yet", ""]
        mean = sum(found) / len(found)
        is_met = mean <= self.goal if self.at_most else mean >= self.goal
        return [*row, "met" if is_met else "**missed**"]


M60K = "separation-mnist60k"
GOALS = (
    Goal("leakage, `mnist`, 60,000 images", M60K, "leakage.max", 0.15, at_most=True),
    Goal("swapped images with the digit that was asked for, `mnist`", M60K, "swap.label", 0.99),
    Goal("Fréchet distance of swaps as a share of that of reconstructions, `mnist`", M60K,
         "swap.frechet", 1.5, relative_to="swap.frechet.reconstruction", at_most=True),
    Goal("z_rest of swaps comes back, R², `mnist`", M60K, "swap.rest_r2", 0.8),
    Goal("the same, `handwriting`", "domain-handwriting", "swap.rest_r2", 0.8),
    Goal("writer recognised in swaps, as a share of real ones, `handwriting`", "domain-handwriting",
         "swap.factor", 0.7, relative_to="swap.factor.before"),
    Goal("speaker, `fsdd`", "domain-fsdd", "swap.factor", 0.7, relative_to="swap.factor.before"),
    Goal("background, `scenes`", "domain-scenes", "swap.factor", 0.7,
         relative_to="swap.factor.before"),
    Goal("AMI of z_rest with the writers, `mnist`", "writers-mnist-best", "z_rest.kmeans.ami",
         0.13),
    Goal("– above the style features alone", "writers-mnist-best", "z_rest.kmeans.ami", 0.02,
         relative_to="features.kmeans.ami", difference=True),
    Goal("AMI of z_rest as a share of the network trained with writer labels, `handwriting`",
         "writers-handwriting-best", "z_rest.kmeans.ami", 0.6, relative_to="ceiling.ami"),
    Goal("– above the style features alone", "writers-handwriting-best", "z_rest.kmeans.ami", 0.1,
         relative_to="features.kmeans.ami", difference=True),
    Goal("digit from the one number z_label, `mnist`", "plane-mnist-best", "test.accuracy", 0.97),
    Goal("decoded plane recognised by a judge", "plane-mnist-best", "judge", 0.98),
    Goal("Experiment I's budget on a GPU, s", "gpu", "budget.batch2048.seconds", 3, at_most=True),
)  # fmt: skip


def goals() -> str:
    """Return all goals, with the figures that meet or miss them."""
    return markdown([["", "goal", "measured", ""], *(goal.cells() for goal in GOALS)])
