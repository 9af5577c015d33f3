"""Run with PyTorch's own default settings, whatever the caller's program has set."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ["default_torch_state"]


@contextmanager
def default_torch_state() -> Generator[None]:
    """Restore PyTorch's defaults inside the context, or inside a decorated function.

    These are the default dtype float32, the default device, gradients, no inference mode, no
    autocast, and matrix products in full float32. Models are therefore the same in every program,
    and usable in all.

    Examples
    --------
    >>> torch.set_default_dtype(torch.float64)
    >>> with default_torch_state():
    ...     torch.zeros(1).dtype
    torch.float32
    >>> torch.zeros(1).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device() != torch.device("cpu"):
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_float32_matmul_precision(precision)
