"""Style features: a few numbers that say how an example is, whatever its label, for each kind of data one file.

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

from .audio import AudioStyleFeatures
from .colour import ColourStyleFeatures
from .grey import GreyStyleFeatures

__all__ = [
    "AudioStyleFeatures",
    "ColourStyleFeatures",
    "GreyStyleFeatures",
    "StyleFeatures",
    "style_features_for",
]

StyleFeatures = GreyStyleFeatures | ColourStyleFeatures | AudioStyleFeatures


def style_features_for(kind: str, shape: tuple[int, ...], unit_range: bool) -> StyleFeatures:
    """Return the style features for examples of this kind and shape; what has none gets some of size 0.

    Examples
    --------
    >>> style_features_for("image", (28, 28), unit_range=True).size
    20
    >>> style_features_for("table", (13,), unit_range=False).size
    0
    """
    if kind == "audio":
        return AudioStyleFeatures(shape)
    if kind != "image" or not unit_range:  # both others know what dark and bright are
        return GreyStyleFeatures(())
    return ColourStyleFeatures(shape) if shape[:-2] == (3,) else GreyStyleFeatures(shape)
