"""Columns and tensors of other libraries as arrays, without loss of types or masks."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["as_labels", "plain_tensor"]

Array = np.ndarray


def as_labels(y: Any, subject: str) -> Array:
    """Return labels as an array that loses neither types nor masks.

    Parameters
    ----------
    y
        Labels, (n,), as an array, a list, a column of a data frame or a tensor.
    subject
        The subject of error messages.

    Raises
    ------
    ValueError
        If y is a list of arrays.

    Examples
    --------
    >>> as_labels(["a", 1], "y").tolist(), as_labels(np.ma.masked_equal([1, 2], 2), "y").tolist()
    (['a', 1], [1, None])
    """
    y = plain_tensor(y)
    if isinstance(y, np.ma.MaskedArray):
        labels = np.asarray(y).astype(object)
        labels[np.ma.getmaskarray(y)] = None
        return labels
    if not isinstance(y, list | tuple):
        return np.asarray(y)
    try:
        # NumPy would turn ["a", 1] into two words.
        return np.array(y, dtype=object)
    except ValueError:
        raise ValueError(
            f"{subject} is a list of arrays, expected one label for each row"
        ) from None


def plain_tensor(value: Any) -> Any:
    """Return a tensor as an array, whatever its device, layout and gradient; others as they are.

    >>> plain_tensor([1, 2])
    [1, 2]
    """
    if type(value).__module__.split(".")[0] != "torch" or not hasattr(value, "detach"):
        return value
    torch: Any = sys.modules["torch"]  # imported already, as there is a tensor
    tensor = value.detach()
    if tensor.is_meta:
        raise ValueError("a tensor on PyTorch's device 'meta' holds no values: compute it first")
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype == torch.bfloat16:  # NumPy has no such type
        tensor = tensor.float()
    return tensor.resolve_conj().cpu().numpy()
