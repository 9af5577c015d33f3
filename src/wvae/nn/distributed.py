"""Training on several processes, started by ``accelerate launch`` or ``torchrun``.

Each process takes a slice of every batch. A term that is a mean over examples is computed on each
slice and weighted by the slice's size, so the processes' gradients only have to be summed. A term
that compares examples, such as a covariance, HSIC or the statistics of batch normalisation, is
computed on the whole batch by collective operations with gradients. Every process generates the
random numbers of the whole batch. Any number of processes therefore takes the same steps as one,
except for rounding.

``DistributedDataParallel`` is not enough: it averages the gradients of the slices, and cannot
compare examples of different slices.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist


class RankSlice(NamedTuple):
    """The rows of a batch that one process takes.

    Attributes
    ----------
    n
        Number of examples in the whole batch.
    rows
        The rows of this process.
    weight
        Weight of the mean over these rows in the mean over the whole batch. The weights of all
        processes sum to 1.
    """

    n: int
    rows: slice
    weight: float = 1.0


def init_processes() -> None:
    """Join the processes that a launcher started, if there are several.

    Raises
    ------
    ModuleNotFoundError
        If there are several processes and Accelerate is not installed (extra ``processes``).
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def shutdown() -> None:
    """Wait for the other processes and leave their group. With one process, do nothing."""
    if world_size() > 1:
        dist.barrier()
        dist.destroy_process_group()


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process, from 0 to ``world_size() - 1``."""
    return dist.get_rank() if world_size() > 1 else 0


def rank_slice(n: int, alone: bool = False) -> RankSlice:
    """Return this process's slice of a batch.

    A batch of fewer examples than processes goes to every process whole, with a smaller weight.

    Parameters
    ----------
    n
        Number of examples in the batch.
    alone
        Whether this process takes the whole batch, even if there are others.

    Examples
    --------
    >>> rank_slice(10)
    RankSlice(n=10, rows=slice(0, 10, None), weight=1.0)
    """
    k, size = (0, 1) if alone else (rank(), world_size())
    if n < size:
        return RankSlice(n, slice(0, n), 1 / size)
    rows = slice(k * n // size, (k + 1) * n // size)
    return RankSlice(n, rows, (rows.stop - rows.start) / n)


def all_reduce_sum(x: Tensor) -> Tensor:
    """Return the sum of x over all processes; its gradient is the sum of their gradients."""
    return x if world_size() == 1 else _AllReduceSum.apply(x)


def all_gather_rows(x: Tensor) -> Tensor:
    """Return the rows of all processes in the order of their ranks, (sum of b, …), with gradients.

    Parameters
    ----------
    x
        This process's rows, (b, …). The number b may differ between processes, which ``all_gather``
        of `torch.distributed.nn` does not allow. Here, every process adds its rows to zeros.
    """
    if world_size() == 1:
        return x
    sizes = torch.zeros(world_size(), dtype=torch.long, device=x.device)
    sizes[rank()] = len(x)
    dist.all_reduce(sizes)
    before, after = sizes[: rank()].sum(), sizes[rank() + 1 :].sum()
    zeros_before = x.new_zeros(int(before), *x.shape[1:])
    zeros_after = x.new_zeros(int(after), *x.shape[1:])
    return all_reduce_sum(torch.cat([zeros_before, x, zeros_after]))


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every parameter's gradient by the sum of all processes' gradients, in one message."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))


def check_agreement(what: str, number: int) -> None:
    """Raise an error if the processes differ in a number: they would wait for each other for ever.

    Parameters
    ----------
    what
        What the number means, for the message.
    number
        The number on this process.

    Raises
    ------
    RuntimeError
        If another process has a different number.
    """
    if world_size() == 1:
        return
    numbers: list[Any] = [None] * world_size()
    dist.all_gather_object(numbers, number)
    if len(set(numbers)) > 1:
        raise RuntimeError(
            f"the processes differ in {what} ({numbers}): "
            "give all of them the same command and files"
        )


class _AllReduceSum(torch.autograd.Function):
    """A sum over processes with a gradient; PyTorch deprecates its own, `torch.distributed.nn`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
