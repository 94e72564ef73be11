"""Micro batches as CUDA graphs: all kernels of forward and backward recorded once per shape, then launched together.

Owned by `stepping`. A step of a small network is thousands of kernels of microseconds each, which the host launches more slowly than
the GPU runs them; a graph costs the host one launch. Micro batches come filled up (`data.filling`), so that there are few shapes.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bionemo_trainer.config.cuda_graph import obstacle_to_graphs
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.models.kernel_support import triton_works

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

_log = logging.getLogger(__name__)

type Learn = Callable[[EncoderBatch | EncoderDecoderBatch, Tensor, Tensor], None]
"""Adds a micro batch's gradients, times a weight, to those of the step, and its loss to a sum; both scalars of the device."""

MOST_GRAPHS = 64
"""Shapes that are recorded; others run kernel by kernel. A graph takes some megabytes and about a second."""


def can_replay(config: TrainConfig) -> bool:
    """Whether this training's micro batches are replayed here."""
    return obstacle_to_graphs(config) is None and triton_works()


type Shape = tuple[tuple[int, ...], tuple[int, ...]]
"""Of a freight."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    numbers: Tensor
    """Where it reads its micro batch."""


class MicroBatchGraphs:
    """Learns from micro batches, from recorded ones by a single launch.

    The first of each shape runs kernel by kernel, so that what is compiled or loaded at first use is there when the second is recorded.
    Recording runs nothing, so every micro batch is learned once. All of it shares one pool of memory, since it runs one after the other:
    that takes one stream, since torch gives memory back to the stream that had it, and one thread, since a pool is a thread's.
    """

    def __init__(self, network: nn.Module, learn: Learn, device: torch.device) -> None:
        self._network, self._learn, self._device = network, learn, device
        self._weight = torch.ones((), device=device)
        self._loss_sum = torch.zeros((), device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.MemPool(use_on_oom=True)
        self._launched: set[Shape] = set()
        self._recorded: dict[Shape, _Recorded] = {}
        self._is_open = True

    @property
    def count(self) -> int:
        """Graphs recorded so far."""
        return len(self._recorded)

    def learn(self, freights: Iterable[Freight], weight: Tensor) -> Tensor:
        """Gradients of all micro batches; the sum of their losses, which holds until the next call."""
        self._weight.copy_(weight)
        self._loss_sum.zero_()
        for freight in freights:
            recorded = self._recorded.get(freight.shape) or self._record(freight)
            if recorded:
                recorded.numbers.copy_(freight.numbers, non_blocking=True)
                recorded.graph.replay()
            else:
                self._launch(freight)
        return self._loss_sum

    def _launch(self, freight: Freight) -> None:
        """Kernel by kernel."""
        batch = freight.to(self._device)
        self._stream.wait_stream(torch.cuda.current_stream())
        in_stream, in_pool = torch.cuda.stream(self._stream), torch.cuda.use_mem_pool(self._pool)
        with in_stream, in_pool, torch.autograd.set_multithreading_enabled(False):
            self._learn(batch, self._weight, self._loss_sum)
        torch.cuda.current_stream().wait_stream(self._stream)
        self._launched.add(freight.shape)

    def _record(self, freight: Freight) -> _Recorded | None:
        """A graph for micro batches of this shape; None when this one has to be launched kernel by kernel."""
        if not self._is_open or freight.shape not in self._launched:
            return None
        if len(self._recorded) == MOST_GRAPHS:
            self._is_open = False
            _log.info("%d CUDA graphs are recorded; micro batches of further shapes run without", MOST_GRAPHS)
            return None
        index = torch.cuda.current_device()
        generator = torch.cuda.default_generators[index]
        before = torch.Generator(self._device).manual_seed(generator.initial_seed())
        before.set_offset(generator.get_offset())
        try:
            recorded = self._recording_of(freight)
        except RuntimeError as error:
            # Expected: a failed capture ends for torch's generator and for the pool too. Actual: both stay in capture; the one refuses
            # to draw, the other to be used, and even to be given back. Can go when `CUDAGraph.capture_end` tells them of failures.
            generator.graphsafe_set_state(before.graphsafe_get_state())
            with suppress(RuntimeError, AttributeError):  # where torch did it, or has no such functions
                torch._C._cuda_endAllocateToPool(index, self._pool.id)  # noqa: SLF001 - there is no public one
                torch._C._cuda_releasePool(index, self._pool.id)  # noqa: SLF001 - likewise
            self._give_up(str(error).strip().splitlines()[0])
            return None
        self._recorded[freight.shape] = recorded
        _log.debug("recorded CUDA graph %d, of %s", self.count, freight.shape)
        return recorded

    def _recording_of(self, freight: Freight) -> _Recorded:
        numbers, graph = freight.numbers.to(self._device), torch.cuda.CUDAGraph()
        # Other threads, such as the loader's that pins memory, go on calling the driver.
        pool = cast("_POOL_HANDLE", self._pool.id)  # torch before 2.15 takes no pool itself
        capture = torch.cuda.graph(graph, pool=pool, stream=self._stream, capture_error_mode="thread_local")
        with capture, torch.autograd.set_multithreading_enabled(False):
            self._learn(freight.unloaded(numbers), self._weight, self._loss_sum)
        return _Recorded(graph=graph, numbers=numbers)

    def _give_up(self, reason: str) -> None:
        """Leaves nothing of an unfinished recording behind, and records no more."""
        _log.warning(
            "micro batches run without CUDA graphs: %s; model.enable_cuda_graph=False leaves the attempt out", reason
        )
        self._is_open = False
        self._recorded.clear()  # they draw from the generator's old state
        for parameter in self._network.parameters():
            parameter.grad = None  # 16-bit gradients are there only until they are added to the sums
