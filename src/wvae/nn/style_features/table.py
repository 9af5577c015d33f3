"""Style features of tables: the columns themselves.

A table has no layout that a label could change, so every column may hold style. Relative to the
average and the spread of the label, a column means the same for every label.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TOTAL_WEIGHT = 5.0  # like that of the features of grey images


class TableStyleFeatures(nn.Module):
    """The columns of a table, (B, \\*shape) → (B, size). Nothing is learnt.

    Parameters
    ----------
    shape
        Shape of one example.

    Examples
    --------
    >>> features = TableStyleFeatures((3,))
    >>> features.size, features(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    (3, [[1.0, 2.0, 3.0]])
    """

    weight: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = math.prod(shape)
        weight = torch.full((self.size,), TOTAL_WEIGHT / self.size)
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, size)."""
        return x.flatten(1)
