"""Seeds from names: what a random number is for decides it, not what was drawn before.

Called for initial weights and for dropout. So weights are the same under any layout, and a run resumed at a step drops
out what the uninterrupted run would have, with no generator's state in a checkpoint.
"""

import hashlib
from typing import TYPE_CHECKING

import torch
from megatron.core.tensor_parallel.random import get_cuda_rng_tracker

if TYPE_CHECKING:
    from bionemo_trainer.engine.process_groups import Ranks

TENSOR_PARALLEL_STREAM = "model-parallel-rng"
"""megatron-core's name for the stream that differs between the ranks that share a layer."""


def derived_seed(*parts: int | str) -> int:
    """A seed below 2^63 that is a pure function of its parts; `("a", 1)` and `("a1",)` give different ones."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seed_dropout(seed: int, position: int, ranks: "Ranks") -> None:
    """Makes the dropout of all that follows on this rank a pure function of its arguments.

    Ranks that share a layer draw alike where they hold the same activations and differently where each holds a part;
    replicas and pipeline stages always draw differently.

    Args:
        seed: `model.seed`.
        position: Samples consumed so far, so that every step differs.
        ranks: Where this process stands.
    """
    replica = ("dropout", seed, position, ranks.data, ranks.pipeline)
    torch.manual_seed(derived_seed(*replica, "shared"))  # of CUDA too
    tracker = get_cuda_rng_tracker()
    tracker.reset()
    tracker.add(TENSOR_PARALLEL_STREAM, derived_seed(*replica, "split", ranks.tensor))
