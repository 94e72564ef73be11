"""What megatron-core needs in order to run without a GPU: a few of its calls to CUDA, answered for the CPU.

Called once by `process_groups`, never where there is CUDA. Each shim says what is expected of megatron-core, what
happens instead, and when the shim can go; versions were megatron-core 0.19.2 and torch 2.15.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from megatron.core.tensor_parallel import random as megatron_random
from torch.overrides import TorchFunctionMode

from bionemo_trainer.engine.seeds import TENSOR_PARALLEL_STREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Shim:
    """One attribute of a library that is replaced where there is no GPU."""

    owner: object
    attribute: str
    replacement: object

    def apply(self) -> None:
        """Puts the replacement in place; harmless when it already is."""
        setattr(self.owner, self.attribute, self.replacement)


class CpuRandomTracker(megatron_random.CudaRNGStatesTracker):
    """Named random streams on the CPU's generator.

    Expected: the tracker follows the device of the model. Actual: it reads and sets CUDA's generator, which fails where
    there is no driver. Can go when `get_cuda_rng_tracker` gives a tracker for the CPU.
    """

    def reset(self) -> None:
        """Forgets all streams."""
        super().reset()
        self._forked: str | None = None

    def add(self, name: str, seed: int) -> None:
        """Starts a stream from a seed, and leaves the current one as it is."""
        self._is_initialized = True
        self.states_[name] = torch.Generator().manual_seed(seed).get_state()

    @contextlib.contextmanager
    def fork(self, name: str = TENSOR_PARALLEL_STREAM) -> Iterator[None]:
        """Draws from a stream inside the block, and from the current one again after it."""
        assert self._forked != name, "a stream forked within itself would repeat its numbers"
        outer, outer_name = torch.get_rng_state(), self._forked
        torch.set_rng_state(self.states_[name])
        self._forked = name
        try:
            yield
        finally:
            self._forked = outer_name
            self.states_[name] = torch.get_rng_state()
            torch.set_rng_state(outer)


def current_device() -> torch.device:
    """The CPU.

    Expected: communication buffers are made on the device of the tensor they are for. Actual: `tensor_parallel.mappings`
    and the global memory buffer ask `torch.cuda.current_device()`, which raises without a driver. Can go when they ask
    the tensor.
    """
    return torch.device("cpu")


def get_generator_state(*_args: object, **_kwargs: object) -> torch.Tensor:
    """The state of the CPU's generator.

    Expected: recomputation in the backward pass restores the generator of the model's device. Actual: it always restores
    CUDA's besides the CPU's. Can go, with `set_generator_state`, when it skips CUDA where there is none.
    """
    return torch.get_rng_state()


def set_generator_state(state: torch.Tensor, *_args: object, **_kwargs: object) -> None:
    """Restores the CPU's generator; see `get_generator_state`."""
    torch.set_rng_state(state)


def synchronize(*_args: object, **_kwargs: object) -> None:
    """Nothing: work on the CPU is done when its call returns.

    Expected: distributed checkpoints of CPU tensors wait for no device. Actual: they call `torch.cuda.synchronize()`,
    which raises without a driver. Can go when they check for CUDA first.
    """


def apply_cpu_shims() -> None:
    """Lets megatron-core run on this machine's CPU; safe to call again, and does nothing where there is CUDA."""
    if torch.cuda.is_available():
        return
    for shim in _shims():
        shim.apply()


def _shims() -> tuple[Shim, ...]:
    tracker = vars(megatron_random)["_CUDA_RNG_STATE_TRACKER"]  # one that is already ours holds streams in use
    replaced_in_torch: tuple[Callable[..., object], ...] = (current_device, synchronize)
    return (
        *(Shim(owner=torch.cuda, attribute=function.__name__, replacement=function) for function in replaced_in_torch),
        Shim(owner=megatron_random, attribute="_get_cuda_rng_state", replacement=get_generator_state),
        Shim(owner=megatron_random, attribute="_set_cuda_rng_state", replacement=set_generator_state),
        Shim(
            owner=megatron_random,
            attribute="_CUDA_RNG_STATE_TRACKER",
            replacement=tracker if isinstance(tracker, CpuRandomTracker) else CpuRandomTracker(),
        ),
        Shim(owner=megatron_random, attribute="_CUDA_RNG_STATE_TRACKER_INITIALIZED", replacement=True),
    )


@contextlib.contextmanager
def made_for_cuda(device: torch.device) -> Iterator[None]:
    """Runs code that asks for `device="cuda"` on the CPU when that is the device.

    Expected: megatron-core's pipeline schedules count tokens on the device of the model. Actual: they make a tensor with a
    literal `device="cuda"`. Can go when they ask the model.
    """
    with _OnCpu() if device.type == "cpu" else contextlib.nullcontext():
        yield


class _OnCpu(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        given = dict(kwargs) if isinstance(kwargs, dict) else {}
        if given.get("device") == "cuda":
            given["device"] = "cpu"
        return func(*args, **given)
