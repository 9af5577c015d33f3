"""Style features of tables: the columns themselves.

A table has no layout that a label could change, so every column may hold style. Relative to the
average and the spread of the label, a column means the same for every label.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

TOTAL_WEIGHT = 5.0  # like that of the features of grey images
MULTIPLE = 4
# A column that varies by less than 1 % of its spread within the labels follows from the label.
NOISE = 1e-4


class TableStyleFeatures(nn.Module):
    """The columns of a table, (B, \\*shape) → (B, size). Nothing is learnt.

    Columns of zeros, of weight 0, fill up the size to a multiple of 4: products of other widths
    round differently for one row and for many.

    Parameters
    ----------
    shape
        Shape of one example.

    Examples
    --------
    >>> features = TableStyleFeatures((3,))
    >>> features.size, features(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    (4, [[1.0, 2.0, 3.0, 0.0]])
    """

    weight: Tensor
    noise: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        n_columns = math.prod(shape)
        self.n_zeros = -n_columns % MULTIPLE
        self.size = n_columns + self.n_zeros
        weight = torch.zeros(self.size)
        weight[:n_columns] = TOTAL_WEIGHT / n_columns
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("noise", torch.full((self.size,), NOISE), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, size)."""
        return functional.pad(x.flatten(1), (0, self.n_zeros))
