"""Style statistics: a few numbers that say how an example is, whatever its label, for each kind of data one file.

`wvae.model` asks z_rest to explain them, too, relative to what is usual for the label, by loadings that all labels
share. So a direction of z_rest means the same for each label.

========  ==============================  ======================================================
file      examples                        what is said
========  ==============================  ======================================================
strokes   grey pictures in [0, 1]         thickness, slant, proportions, directions of the edges
colours   pictures in colour, in [0, 1]   how bright each channel is, and how strong the edges
spectra   log spectrograms                what of the spectrum lasts
========  ==============================  ======================================================
"""

from __future__ import annotations

from .audio import SpectralStatistics
from .colour import ColourStatistics
from .grey import StrokeStatistics

__all__ = ["ColourStatistics", "SpectralStatistics", "Statistics", "StrokeStatistics", "statistics_of"]

Statistics = StrokeStatistics | ColourStatistics | SpectralStatistics


def statistics_of(kind: str, shape: tuple[int, ...], pixels: bool) -> Statistics:
    """Return the style statistics for examples of this kind and shape; what has none gets some of size 0.

    Examples
    --------
    >>> statistics_of("image", (28, 28), pixels=True).size, statistics_of("image", (3, 32, 32), pixels=True).size
    (20, 24)
    >>> statistics_of("audio", (64, 64), pixels=True).size, statistics_of("table", (13,), pixels=False).size
    (8, 0)
    """
    if kind == "audio":
        return SpectralStatistics(shape)
    if kind != "image" or not pixels:  # both others know what dark and bright are
        return StrokeStatistics(())
    return ColourStatistics(shape) if shape[:-2] == (3,) else StrokeStatistics(shape)
