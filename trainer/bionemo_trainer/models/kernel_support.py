"""Where our kernels in Triton can run. Called by whatever chooses between them and torch's, outside of what is compiled."""

import logging
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from shutil import which

import torch
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor

_log = logging.getLogger(__name__)

SIXTEEN_BIT = (torch.float16, torch.bfloat16)
C_COMPILERS: tuple[str, ...] = ("gcc", "clang")
"""What Triton looks for."""


@dataclass(slots=True)
class _Permission:
    is_given: bool = True


_permission = _Permission()


def permit_kernels(*, are_permitted: bool) -> None:
    """Lets kernels of ours run in this process, or not: what the network asks for that is built next (`model.fused_kernels`)."""
    _permission.is_given = are_permitted


def kernels_work() -> bool:
    """Whether kernels of ours may and can run here."""
    return _permission.is_given and triton_works()


@cache
def triton_works() -> bool:
    """Whether Triton is installed, with a C compiler, without which it can't start what it compiled; says so once if not."""
    lacks = [] if find_spec("triton") else ["the package triton"]
    lacks += [] if any(map(which, C_COMPILERS)) else [f"a C compiler ({' or '.join(C_COMPILERS)})"]
    if lacks:
        _log.warning("training runs slower than it could: %s is missing; install it in the image", " and ".join(lacks))
    return not lacks


def has_kernels(config: TransformerConfig) -> bool:
    """Whether the elementwise parts of a network's layers run in kernels of ours: on GPUs, in 16 bit."""
    is_on_gpu = not config.use_cpu_initialization
    return is_on_gpu and config.params_dtype in SIXTEEN_BIT and kernels_work()


def can_launch_on(tensor: Tensor) -> bool:
    """Whether kernels of ours can be given a tensor."""
    return tensor.is_cuda and kernels_work()
