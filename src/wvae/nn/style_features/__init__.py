"""Style features: a few numbers that describe how an example looks or sounds, whatever its label.

In `wvae.model`, z_rest must explain them, relative to the average of the label, by loadings that
all labels share. A direction of z_rest then has the same meaning for every label.

======  =========================  ============================================================
file    examples                   features
======  =========================  ============================================================
grey    grey images in [0, 1]      thickness, slant, proportions, directions of the edges
colour  colour images in [0, 1]    brightness of each channel, strength of the edges
audio   log spectrograms           the part of the spectrum that does not change during a sound
table   rows of a table            the columns themselves
======  =========================  ============================================================
"""

from __future__ import annotations

from .audio import AudioStyleFeatures
from .colour import ColourStyleFeatures
from .grey import GreyStyleFeatures
from .table import TableStyleFeatures

__all__ = [
    "AudioStyleFeatures",
    "ColourStyleFeatures",
    "GreyStyleFeatures",
    "StyleFeatures",
    "TableStyleFeatures",
    "style_features_for",
]

StyleFeatures = GreyStyleFeatures | ColourStyleFeatures | AudioStyleFeatures | TableStyleFeatures


def style_features_for(kind: str, shape: tuple[int, ...], unit_range: bool) -> StyleFeatures:
    """Return the style features for examples of this kind and shape.

    Parameters
    ----------
    kind
        ``"image"``, ``"audio"`` or ``"table"``.
    shape
        Shape of one example.
    unit_range
        Whether all values lie in [0, 1]. Images with other values have no style features.

    Returns
    -------
    StyleFeatures
        A module; its ``size`` is 0 if such examples have no style features.

    Examples
    --------
    >>> style_features_for("image", (28, 28), unit_range=True).size
    24
    >>> style_features_for("table", (13,), unit_range=False).size
    16
    """
    if kind == "table" or (len(shape) == 1 and not unit_range):
        return TableStyleFeatures(shape)
    if kind == "audio":
        return AudioStyleFeatures(shape)
    if kind != "image" or not unit_range:  # image features need dark = 0, bright = 1
        return GreyStyleFeatures(())
    return ColourStyleFeatures(shape) if shape[:-2] == (3,) else GreyStyleFeatures(shape)
