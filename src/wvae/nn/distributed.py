"""Processes: one training on many, as ``accelerate launch`` or ``torchrun`` starts them, each with a share of a batch.

A batch is cut among the processes, and everything that is a mean over examples is a mean over their shares, so that the
gradients only need to be added up. What compares examples with each other – a covariance, HSIC, the statistics of a
batch normalisation – is asked of the whole batch, through sums that have gradients. Random numbers are drawn for the
whole batch by every process alike. So any number of processes takes the same steps as one, but for rounding.

Distributed data parallel wrappers do less: they know means of shares only, and skip what is not in ``forward``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist


class Share(NamedTuple):
    """Which rows of a batch of ``n`` examples are this process's own, and what their means count among all."""

    n: int
    rows: slice
    weight: float = 1.0


def start() -> None:
    """Join the processes that a launcher has started beside this one, if it has.

    Raises
    ------
    ModuleNotFoundError
        If there are several and Accelerate is not installed (extra ``processes``).
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def stop() -> None:
    """Part from the others, once there is nothing more to do together."""
    if count() > 1:
        dist.barrier()
        dist.destroy_process_group()


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this one is, from 0 on."""
    return dist.get_rank() if count() > 1 else 0


def share_of(n: int, alone: bool = False) -> Share:
    """Return this process's share of a batch of n examples; all of it if it works alone.

    Of fewer examples than processes each takes all, and they count less.

    >>> share_of(10)
    Share(n=10, rows=slice(0, 10, None), weight=1.0)
    """
    k, of = (0, 1) if alone else (rank(), count())
    if n < of:
        return Share(n, slice(0, n), 1 / of)
    rows = slice(k * n // of, (k + 1) * n // of)
    return Share(n, rows, (rows.stop - rows.start) / n)


def total(x: Tensor) -> Tensor:
    """Return the sum of x over all processes, of which every process has the gradient."""
    return x if count() == 1 else _Total.apply(x)


def gathered(x: Tensor) -> Tensor:
    """Return the rows, (n, …), of the whole batch, of which x are this process's share, with their gradients."""
    if count() == 1:
        return x
    sizes = total(torch.nn.functional.one_hot(torch.tensor(rank()), count()) * len(x))
    before = int(sizes[: rank()].sum())
    whole = x.new_zeros(int(sizes.sum()), *x.shape[1:])
    return total(torch.cat([whole[:before], x, whole[before + len(x) :]]))


def add_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every process the sum of all processes' gradients."""
    if count() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))


def agree(what: str, number: int) -> None:
    """Raise a RuntimeError if not all processes hold the same number: they would wait for each other for ever."""
    if count() == 1:
        return
    numbers: list[Any] = [None] * count()
    dist.all_gather_object(numbers, number)
    if len(set(numbers)) > 1:
        raise RuntimeError(f"the processes differ in {what} ({numbers}): give all of them the same command and files")


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].clone()
        dist.all_reduce(whole)
        return whole
