"""Three allographs (ways to write) of each digit as control points, and linear maps to splines.

A stroke is a list of points ``"x y"`` in hundredths of the digit's height, with y downwards, in
writing order. ``!`` after a point marks a corner, which is rounded only as `roundness` grows.
``*`` after a point lets `loop_size` move it away from the allograph's ``anchor``; such points form
the loop of 6, the bowl of 5, the flag of 1 and the roof of 7.
`wvae.datasets.sources.handwriting` draws these strokes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..dataset import Array

__all__ = ["ALLOGRAPHS", "KNOTS", "TREMOR", "Allograph", "Tables", "slope_of", "tables"]

# Sample points of one digit. They are at most a pixel apart, less than the thinnest stroke's width.
POINTS = 64
KNOTS = 16  # control points of the longest allograph; the others are padded with zeros
TREMOR_WAVELENGTHS = (0.28, 0.34, 0.42, 0.52)  # digit heights: 5 to 9 pixels
TREMOR = 2 * len(TREMOR_WAVELENGTHS)  # a sine and a cosine at each wavelength


@dataclass(frozen=True)
class Allograph:
    """One way to write a digit.

    Parameters
    ----------
    digit
        The digit, 0 to 9.
    name
        Name that distinguishes it from the digit's other allographs.
    share
        Fraction of writers who prefer it among the digit's allographs.
    anchor
        The point (x, y) from which `loop_size` scales the points marked ``*``, in hundredths of the
        digit's height.
    strokes
        The strokes, in the notation of this module's docstring.

    Examples
    --------
    >>> [a.name for a in ALLOGRAPHS if a.digit == 7]
    ['plain', 'barred', 'hooked']
    """

    digit: int
    name: str
    share: float
    anchor: tuple[float, float]
    strokes: tuple[str, ...]


ALLOGRAPHS: tuple[Allograph, ...] = (
    Allograph(
        0, "oval", 0.5, (34, 50),
        ("40 0, 14 12, 0 50, 9 84*, 34 100*, 58 85*, 67 50, 58 14, 38 0",),
    ),
    Allograph(
        0, "curl", 0.25, (34, 50),
        ("46 9, 20 5, 2 44, 9 84*, 34 100*, 60 82*, 66 44, 56 12, 36 0, 20 12",),
    ),
    Allograph(
        0, "left start", 0.25, (34, 50),
        ("18 6, 0 46, 11 88*, 38 100*, 61 78*, 65 36, 46 3, 12 8",),
    ),
    Allograph(
        1, "plain", 0.45, (50, 50),
        ("50 0, 50 33, 50 67, 50 100",),
    ),
    Allograph(
        1, "flag", 0.35, (50, 0),
        ("26 24*, 50 0!, 50 50, 50 100",),
    ),
    Allograph(
        1, "flag and foot", 0.2, (50, 50),
        ("28 22*, 50 0!, 50 50, 50 100", "26 100*, 74 99*"),
    ),
    Allograph(
        2, "corner", 0.4, (30, 62),
        ("4 22*, 16 5*, 38 0*, 60 11*, 61 33*, 42 62, 0 99!, 34 97, 70 100",),
    ),
    Allograph(
        2, "loop", 0.4, (22, 86),
        ("4 20, 18 3, 42 1, 60 16, 55 42, 32 74, 12 98*, -2 90*, 6 76*, 30 84, 74 98",),
    ),
    Allograph(
        2, "swan", 0.2, (30, 62),
        ("2 14*, 30 0*, 58 8*, 58 32*, 30 66, 2 94, 24 95, 46 97, 66 90",),
    ),
    Allograph(
        3, "round", 0.5, (24, 46),
        ("4 13, 28 0, 54 10, 52 34, 24 46!, 55 56*, 62 78*, 38 99*, 0 89*",),
    ),
    Allograph(
        3, "flat top", 0.2, (26, 42),
        ("2 3, 30 2, 60 2!, 26 42!, 54 50*, 62 75*, 40 99*, 0 91*",),
    ),
    Allograph(
        3, "knot", 0.3, (24, 46),
        ("4 14, 30 0, 55 13, 46 37, 24 47, 19 40, 34 43, 60 60*, 59 84*, 34 100*, 0 89*",),
    ),
    Allograph(
        4, "open", 0.5, (52, 4),
        ("8 4, 2 30*, 6 54*, 34 57*, 68 52*", "60 0, 55 50, 50 100",),
    ),
    Allograph(
        4, "closed", 0.25, (50, 2),
        ("50 0!, 26 32*, 0 64*!, 36 64*, 72 63*", "50 0, 50 50, 50 100"),
    ),
    Allograph(
        4, "cornered", 0.25, (48, 10),
        ("16 0, 10 26*, 2 52*!, 32 54*, 64 53*", "48 14, 47 56, 46 100"),
    ),
    Allograph(
        5, "two strokes", 0.4, (10, 42),
        ("14 2, 8 43!, 34 36*, 59 52*, 58 82*, 32 100*, 4 86*", "14 2, 38 2, 66 0"),
    ),
    Allograph(
        5, "one stroke", 0.4, (10, 42),
        ("66 1, 40 2, 16 3!, 8 44!, 36 38*, 60 56*, 57 84*, 30 100*, 0 91*",),
    ),
    Allograph(
        5, "snake", 0.2, (20, 40),
        ("60 3, 32 0, 12 12, 14 34, 40 48*, 55 66*, 46 92*, 22 100*, 0 91*",),
    ),
    Allograph(
        6, "round", 0.5, (6, 76),
        ("50 0, 24 18, 5 52, 7 84*, 30 100*, 55 88*, 57 64*, 35 52*, 8 72",),
    ),
    Allograph(
        6, "straight", 0.3, (4, 82),
        ("42 0, 22 28, 4 64, 8 92*, 32 100*, 54 84*, 48 64*, 26 62*, 6 82",),
    ),
    Allograph(
        6, "tall loop", 0.2, (8, 66),
        ("58 6, 34 2, 10 28, 2 62, 14 94*, 40 98*, 58 76*, 50 52*, 26 46*, 6 64",),
    ),
    Allograph(
        7, "plain", 0.55, (64, 4),
        ("0 6*, 34 5*, 64 3!, 42 46, 26 100",),
    ),
    Allograph(
        7, "barred", 0.25, (42, 44),
        ("0 5*, 34 5*, 66 3!, 42 46, 26 100", "14 52*, 62 47*"),
    ),
    Allograph(
        7, "hooked", 0.2, (64, 4),
        ("-2 28*, 3 5*!, 34 6*, 66 2!, 46 34, 36 66, 34 100",),
    ),
    Allograph(
        8, "one stroke", 0.5, (32, 47),
        ("56 13, 34 0, 10 14, 20 37, 48 58*, 56 84*, 30 100*, 5 85*, 14 60*, 42 38, 56 12",),
    ),
    Allograph(
        8, "two rings", 0.15, (32, 46),
        (
            "33 0, 12 10, 10 34, 32 46, 54 36, 53 10, 32 0",
            "32 46, 7 60*, 4 86*, 31 100*, 59 87*, 57 60*, 32 46",
        ),
    ),
    Allograph(
        8, "open top", 0.35, (32, 48),
        ("60 8, 34 0, 10 14, 26 40, 54 64*, 50 92*, 24 100*, 4 84*, 18 58*, 40 36, 64 14",),
    ),
    Allograph(
        9, "straight tail", 0.45, (58, 26),
        ("56 10, 32 0*, 7 16*, 7 42*, 30 50*, 51 36, 58 7!, 55 50, 50 100",),
    ),
    Allograph(
        9, "curved tail", 0.25, (58, 26),
        ("57 14, 34 0*, 8 16*, 8 42*, 32 50*, 54 34, 60 8!, 63 48, 50 88, 26 100, 4 90",),
    ),
    Allograph(
        9, "slanted leg", 0.3, (56, 20),
        ("58 8, 30 0*, 6 20*, 12 45*, 36 44*, 54 22, 60 4!, 48 52, 34 100",),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """Arrays that depend only on the A allographs; P sample points, K control points.

    Parameters
    ----------
    knots
        (A, K, 2) control points, in digit heights.
    loops
        (A, K, 2) change of `knots` per unit of `loop_size`.
    angular
        (A, P, K) weights of the control points in a polyline.
    smooth
        (A, P, K) weights to add to `angular` for a cubic spline.
    tremor
        (A, TREMOR, P) sines and cosines along the strokes.
    joined
        (A, P − 1) 1 if two neighbouring sample points belong to one stroke, else 0.
    width
        (A,) width over height, 0 for a digit that is a mere line.
    slope
        (A,) slope of x regressed on y.
    first
        (10,) index of a digit's first allograph.
    share
        (10, 3) cumulative share of a digit's allographs.
    """

    knots: Array
    loops: Array
    angular: Array
    smooth: Array
    tremor: Array
    joined: Array
    width: Array
    slope: Array
    first: Array
    share: Array


class _Stroke(NamedTuple):
    """A stroke of k control points."""

    points: Array  # (k, 2), digit heights
    corner: Array  # (k,) bool: corners and both ends
    in_loop: Array  # (k,) bool: moved by `loop_size`


def _parse(stroke: str) -> _Stroke:
    points: list[list[float]] = []
    corner: list[bool] = []
    in_loop: list[bool] = []
    for point in stroke.split(","):
        point = point.strip()
        points.append([float(value) for value in point.rstrip("*!").split()])
        corner.append("!" in point)
        in_loop.append("*" in point)
    corner[0] = corner[-1] = True
    return _Stroke(np.array(points) / 100, np.array(corner), np.array(in_loop))


def _spline_weights(stroke: _Stroke, count: int) -> tuple[Array, Array, Array]:
    """Return polyline and cubic weights (count, k) of the control points, and arc lengths (count,).

    The cubic passes through all points. Its tangents are three-point differences over chord
    lengths (a Catmull-Rom spline with unequal knots), halved at corners. Between two corners, the
    polyline skips every second point; with all points it would look like the cubic at 28 pixels.
    """
    k = len(stroke.points)
    chord = np.linalg.norm(np.diff(stroke.points, axis=0), axis=1)  # (k - 1,)
    knot = np.concatenate([[0], np.cumsum(chord)])  # (k,) arc length of each control point
    at = np.linspace(0, knot[-1], count)
    identity = np.eye(k)

    corners = np.flatnonzero(stroke.corner)
    kept = stroke.corner.copy()
    for start, end in pairwise(corners):
        kept[start:end:2] = True
    polyline = np.stack([np.interp(at, knot[kept], column) for column in identity[:, kept]], 1)

    tangent = _tangents(chord, stroke.corner)
    i = np.clip(np.searchsorted(knot, at, "right") - 1, 0, k - 2)  # segment of each sample point
    h = chord[i][:, None]
    t = (at - knot[i])[:, None] / h
    cubic = (  # Hermite basis
        (2 * t**3 - 3 * t**2 + 1) * identity[i]
        + (3 * t**2 - 2 * t**3) * identity[i + 1]
        + h * ((t**3 - 2 * t**2 + t) * tangent[i] + (t**3 - t**2) * tangent[i + 1])
    )
    return polyline, cubic, at


def _tangents(chord: Array, corner: Array) -> Array:
    """Return the weights (k, k) of the control points in the tangent at each of them."""
    k = len(corner)
    identity = np.eye(k)
    secant = (identity[1:] - identity[:-1]) / chord[:, None]  # (k - 1, k)
    tangent = np.zeros((k, k))
    tangent[0], tangent[-1] = secant[0], secant[-1]
    for j in range(1, k - 1):
        before, after = chord[j - 1], chord[j]
        scale = 0.5 if corner[j] else 1
        tangent[j] = (after * secant[j - 1] + before * secant[j]) / (before + after) * scale
    return tangent


def slope_of(x: Array, y: Array) -> Array:
    """Return the slopes of x regressed on y.

    Parameters
    ----------
    x, y
        Coordinates, (n, P).

    Returns
    -------
    Array
        Slopes, (n,).

    Examples
    --------
    >>> slope_of(np.array([[0.0, 2.0, 4.0]]), np.array([[0.0, 1.0, 2.0]])).tolist()
    [2.0]
    """
    y = y - y.mean(1, keepdims=True)
    return (x * y).sum(1) / (y * y).sum(1)


@lru_cache(maxsize=1)
def tables() -> Tables:
    """Return the linear maps from control points to sample points; they are computed once."""
    n = len(ALLOGRAPHS)
    knots, loops = np.zeros((2, n, KNOTS, 2))
    angular, smooth = np.zeros((2, n, POINTS, KNOTS))
    joined = np.ones((n, POINTS - 1))
    tremor = np.zeros((n, TREMOR, POINTS))
    for a, allograph in enumerate(ALLOGRAPHS):
        anchor = np.array(allograph.anchor) / 100
        strokes = [_parse(stroke) for stroke in allograph.strokes]
        row = column = 0
        arc_length = np.zeros(POINTS)
        for stroke, end in zip(strokes, _stroke_ends(strokes), strict=True):
            k = slice(column, column + len(stroke.points))
            knots[a, k] = stroke.points
            loops[a, k] = stroke.in_loop[:, None] * (stroke.points - anchor)
            polyline, cubic, at = _spline_weights(stroke, end - row)
            angular[a, row:end, k], smooth[a, row:end, k] = polyline, cubic - polyline
            arc_length[row:end] = at + 10 * row  # an offset makes the tremor of strokes differ
            joined[a, end - 1 : end] = 0
            row, column = end, k.stop
        for m, wavelength in enumerate(TREMOR_WAVELENGTHS):
            tremor[a, 2 * m] = np.sin(2 * np.pi * arc_length / wavelength)
            tremor[a, 2 * m + 1] = np.cos(2 * np.pi * arc_length / wavelength)

    outline = (angular + smooth) @ knots  # (A, P, 2)
    box = np.ptp(outline, axis=1)  # (A, 2) width, height
    width = np.where(box[:, 0] < 0.2 * box[:, 1], 0, box[:, 0] / box[:, 1])
    digit = np.array([allograph.digit for allograph in ALLOGRAPHS])
    share = np.array([allograph.share for allograph in ALLOGRAPHS]).reshape(10, 3)
    return Tables(
        knots=knots.astype(np.float32),
        loops=loops.astype(np.float32),
        angular=angular.astype(np.float32),
        smooth=smooth.astype(np.float32),
        tremor=tremor.astype(np.float32),
        joined=joined.astype(np.float32),
        width=width.astype(np.float32),
        slope=slope_of(outline[..., 0], outline[..., 1]).astype(np.float32),
        first=np.searchsorted(digit, np.arange(10)),
        share=np.cumsum(share, 1),
    )


def _stroke_ends(strokes: list[_Stroke]) -> Array:
    """Return the end of each stroke's sample points, whose number is proportional to its length."""
    chords = [np.diff(stroke.points, axis=0) for stroke in strokes]
    lengths = [np.linalg.norm(chord, axis=1).sum() for chord in chords]
    return np.rint(np.cumsum(lengths) / np.sum(lengths) * POINTS).astype(int)
