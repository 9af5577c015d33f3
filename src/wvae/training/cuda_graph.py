"""Steps as CUDA graphs: recorded once, then replayed by the GPU without Python.

A step of a small network is about a hundred kernels of a few microseconds each. Launching them one
by one takes longer than running them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .loader import BatchLoader

WARM_UP_STEPS = 3  # libraries allocate their workspaces in the first steps


def can_be_recorded(model: nn.Module, loader: BatchLoader) -> bool:
    """Return whether a step on these data may be recorded.

    All examples must be on a GPU. Networks with batch normalisation take ordinary steps: recorded
    ones have not been shown to reach the same loss.

    Parameters
    ----------
    model
        The network that is trained.
    loader
        Source of the batches.

    Examples
    --------
    >>> import numpy as np
    >>> from wvae.training.examples import Examples
    >>> data = Examples(np.zeros((10, 2), np.uint8), np.arange(10))
    >>> can_be_recorded(nn.Linear(2, 2), BatchLoader(data, 4, torch.device("cpu")))
    False
    """
    has_statistics = any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    return loader.on_gpu and not has_statistics


class GraphedStep:
    """A step on a batch of rows that is recorded at its fourth call and replayed from then on.

    The first steps and those on batches of another size run as usual. All are real steps: none is
    taken twice, and none is left out.

    Parameters
    ----------
    step
        Takes one step on rows of the data, (B,), indices on the GPU. It reads and writes tensors on
        the GPU only, always the same ones, and never waits for a number.
    generator
        Source of the step's random numbers, on the GPU.
    batch_size
        Number of rows in a recorded step.
    """

    def __init__(
        self, step: Callable[[Tensor], None], generator: torch.Generator, batch_size: int
    ) -> None:
        self.step, self.generator = step, generator
        self.rows = torch.zeros(batch_size, dtype=torch.long, device=generator.device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm_up_steps = 0
        self.stream = torch.cuda.Stream(generator.device)

    def __call__(self, rows: Tensor) -> None:
        """Take one step on rows of the data, (b,), indices on the GPU."""
        if len(rows) != len(self.rows):
            self.step(rows)
            return
        self.rows.copy_(rows)
        if self.warm_up_steps < WARM_UP_STEPS:
            self._warm_up()
            return
        if self.graph is None:
            self.graph = self._record()
        self.graph.replay()

    def _warm_up(self) -> None:
        """Take a step on the stream that will record."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.step(self.rows)
        torch.cuda.current_stream().wait_stream(self.stream)
        self.warm_up_steps += 1

    def _record(self) -> torch.cuda.CUDAGraph:
        """Return the recorded step. Recording does not run it."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        with torch.cuda.graph(graph, stream=self.stream):
            self.step(self.rows)
        return graph
