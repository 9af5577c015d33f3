"""The 8 × 8 pixel digits that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from ..catalogue import CATALOGUE
from ..dataset import Dataset

__all__ = ["load"]

SOURCE = "Optical Recognition of Handwritten Digits (Alpaydin, Kaynak 1998), as in scikit-learn"


def load(*, progress: bool = True) -> Dataset:
    """Load scikit-learn's 1,797 digits without a download.

    The values 0 to 16 are scaled to 0 to 255. There are no factors, because the writers were not
    published, and no official split.

    Parameters
    ----------
    progress
        Has no effect; every data source has this parameter.

    Returns
    -------
    Dataset
        ``x`` (1797, 8, 8) uint8; ``y`` the digits, int64.

    References
    ----------
    Alpaydin, Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning Repository,
    1998.

    Examples
    --------
    >>> data = load()
    >>> data.x.shape, int(data.x.max()), len(data.classes)
    ((1797, 8, 8), 255, 10)
    """
    from sklearn.datasets import load_digits  # slow to import

    values, y = load_digits(return_X_y=True)  # (1797, 64) float64, (1797,) int64
    x = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    return Dataset(
        x,
        np.asarray(y, np.int64),
        label_name="digit",
        name="digits8x8",
        source=SOURCE,
        licence=CATALOGUE["digits8x8"].licence,
    )
