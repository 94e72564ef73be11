"""Attention over packed sequences as an operator of torch: forward and backward in Triton, opaque to the compiler.

Called by `models.attention` on GPUs. Shapes: Q queries and K keys packed, N heads of width D, B sequences.
"""

from collections.abc import Sequence

import torch
import triton
from torch import Tensor

from bionemo_trainer.kernels.attention_backward import (
    gradients_of_keys,
    gradients_of_queries,
    gradients_of_short_sequences,
)
from bionemo_trainer.kernels.attention_forward import attend, attend_in_short_sequences
from bionemo_trainer.kernels.dropout import threshold_of
from bionemo_trainer.kernels.rotary import turn_into
from bionemo_trainer.kernels.sources import parts_of
from bionemo_trainer.kernels.tiles import BLOCK

NARROWEST_FILLED = 16
"""Least extent of the hardware's products."""
NUM_WARPS = 4
SEQUENCES_PER_PROGRAM = 4
"""Of a kernel for short sequences where some are long, and so most may be: a program that finds nothing to do still takes its turn."""
_TENSORS = 8
"""Arguments of the operator that are tensors, the first of them a list, the last two perhaps none."""


def packed_attention_op(
    sources: Sequence[Tensor], bounds: tuple[Tensor, Tensor], tiles: tuple[Tensor, Tensor], seed: Tensor,
    *, share: float, first_head: int, is_causal: bool, has_long: bool, angles: tuple[Tensor, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Softmax attention with scores divided by sqrt(D); a query whose sequence has no keys gets zeros [Q, N, D].

    Args:
        sources: Queries, keys and values, in one tensor [Q, N, 3, D], in two [Q, N, 1, D] and [K, N, 2, D], or in three with one
            each; of any strides, as long as the width is contiguous. Gradients come in as many, so that a projection to several
            parts gets its gradient in one piece.
        bounds: Where the sequences of queries and of keys start, and where the last ends, 32 bit [B + 1]; as many of both.
        tiles: From `tiles_of`, of queries and of keys.
        seed: With a weight's place it decides whether the weight is dropped, 32 bit, on the device [1].
        share: Of the weights to drop.
        first_head: Number of the first head of this rank, so that heads drop alike on any number of ranks.
        is_causal: Whether a query sees only the keys up to its own place; only in self-attention.
        has_long: Whether some sequence on either side is longer than a tile.
        angles: Cosines and sines of those by which queries and keys are turned first, contiguous, 32 bit [Q, D / 2]; only for one
            source.
    """
    assert angles is None or len(sources) == 1, "what is turned stands in one tensor"
    attended: Tensor
    attended, *_ = torch.ops.bionemo.packed_attention(
        list(sources), *bounds, *tiles, seed, *(angles or (None, None)), share, first_head, is_causal, has_long
    )
    return attended


@torch.library.custom_op("bionemo::packed_attention", mutates_args=())
def _forward(
    sources: list[Tensor], query_bounds: Tensor, key_bounds: Tensor, query_tiles: Tensor, _key_tiles: Tensor, seed: Tensor,
    cos: Tensor | None, sin: Tensor | None, share: float, first_head: int, is_causal: bool, has_long: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    turned = sources[0].new_empty(_shape_of_turned(sources, cos))
    if cos is not None and sin is not None:
        turn_into(sources[0][:, :, :2], turned, cos, sin)
    query, key, value = _read(sources, turned)
    num_queries, heads, width = query.shape
    attended = query.new_empty(query.shape)
    log_sums = query.new_empty((heads, num_queries), dtype=torch.float32)
    places = (seed, *_strides(query, key, value), num_queries, first_head, width**-0.5)
    constants = _constants(heads, width, share, is_causal=is_causal)
    num_sequences, per_program = len(query_bounds) - 1, SEQUENCES_PER_PROGRAM if has_long else 1
    attend_in_short_sequences[(triton.cdiv(num_sequences, per_program) * heads,)](
        query, key, value, attended, log_sums, query_bounds, key_bounds, num_sequences, *places,
        **constants, SEQUENCES=per_program,
    )  # fmt: skip
    if has_long:
        attend[(len(query_tiles) * heads,)](
            query, key, value, attended, log_sums, query_bounds, key_bounds, query_tiles, *places, **constants
        )
    return attended, log_sums, turned


@_forward.register_fake
def _(
    sources: list[Tensor], _query_bounds: Tensor, _key_bounds: Tensor, _query_tiles: Tensor, _key_tiles: Tensor, _seed: Tensor,
    cos: Tensor | None, *_others: object,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    query, _, _ = parts_of(sources)
    log_sums = query.new_empty((query.shape[1], query.shape[0]), dtype=torch.float32)
    return query.new_empty(query.shape), log_sums, query.new_empty(_shape_of_turned(sources, cos))


@torch.library.custom_op("bionemo::packed_attention_backward", mutates_args=())
def _backward(
    gradient: Tensor, attended: Tensor, log_sums: Tensor, turned: Tensor, sources: list[Tensor],
    query_bounds: Tensor, key_bounds: Tensor, query_tiles: Tensor, key_tiles: Tensor, seed: Tensor,
    cos: Tensor | None, sin: Tensor | None, share: float, first_head: int, is_causal: bool, has_long: bool,
) -> list[Tensor]:  # fmt: skip
    query, key, value = _read(sources, turned)
    num_queries, heads, width = query.shape
    gradient = gradient.contiguous()
    found = [source.new_empty(source.shape) for source in sources]
    query_gradient, key_gradient, value_gradient = parts_of(found)
    of_inputs, counts = _strides(query, key, value), (num_queries, first_head, width**-0.5)
    of_query, of_memory = _strides(query_gradient), _strides(key_gradient, value_gradient)
    constants = _constants(heads, width, share, is_causal=is_causal)
    num_sequences, per_program = len(query_bounds) - 1, SEQUENCES_PER_PROGRAM if has_long else 1
    gradients_of_short_sequences[(triton.cdiv(num_sequences, per_program) * heads,)](
        query, key, value, attended, gradient, query_gradient, key_gradient, value_gradient, log_sums,
        query_bounds, key_bounds, num_sequences, seed, *of_inputs, *of_query, *of_memory, *counts,
        **constants, SEQUENCES=per_program,
    )  # fmt: skip
    if has_long:
        statistics = log_sums.new_empty((*log_sums.shape, 4))
        gradients_of_queries[(len(query_tiles) * heads,)](
            query, key, value, attended, gradient, query_gradient, log_sums, statistics,
            query_bounds, key_bounds, query_tiles, seed, *of_inputs, *of_query, *counts, **constants,
        )  # fmt: skip
        gradients_of_keys[(len(key_tiles) * heads,)](
            query, key, value, gradient, key_gradient, value_gradient, statistics,
            query_bounds, key_bounds, key_tiles, *of_inputs, *of_memory, num_queries, width**-0.5, **constants,
        )  # fmt: skip
    if cos is not None and sin is not None:
        turned_gradient = found[0][:, :, :2]
        turn_into(turned_gradient, turned_gradient, cos, sin, back=True)
    return found


@_backward.register_fake
def _(
    _gradient: Tensor, _attended: Tensor, _log_sums: Tensor, _turned: Tensor, sources: list[Tensor], *_others: object
) -> list[Tensor]:
    return [source.new_empty(source.shape) for source in sources]


def _remember(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[object, ...], output: tuple[Tensor, ...]) -> None:
    sources, *tensors = inputs[:_TENSORS]
    ctx.save_for_backward(*output, *tensors, *sources)  # type: ignore[arg-type, misc]  # the first arguments are tensors
    ctx.settings = inputs[_TENSORS:]  # type: ignore[attr-defined]  # as torch's own documentation does
    ctx.set_materialize_grads(False)  # no zeros for what nobody differentiates


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, _of_log_sums: None, _of_turned: None
) -> tuple[object, ...]:
    attended, log_sums, turned, *saved = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    tensors, sources = saved[: _TENSORS - 1], saved[_TENSORS - 1 :]
    found = torch.ops.bionemo.packed_attention_backward(
        gradient,
        attended,
        log_sums,
        turned,
        sources,
        *tensors,
        *ctx.settings,  # type: ignore[attr-defined]  # see above
    )
    return (found, *(None,) * 11)


_forward.register_autograd(_differentiate, setup_context=_remember)


def _read(sources: Sequence[Tensor], turned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as attention reads them."""
    query, key, value = parts_of(sources)
    if len(turned):
        query, key = turned.unbind(2)
    return query, key, value


def _shape_of_turned(sources: Sequence[Tensor], cos: Tensor | None) -> tuple[int, ...]:
    """Of queries and keys together [Q, N, 2, D]; empty where they are read as they are."""
    tokens, heads, _, width = sources[0].shape
    return (0 if cos is None else tokens, heads, 2, width)


def _strides(*parts: Tensor) -> tuple[int, ...]:
    """Of rows and heads."""
    return tuple(stride for part in parts for stride in part.stride()[:2])


def _constants(heads: int, width: int, share: float, *, is_causal: bool) -> dict[str, object]:
    """What the kernels are compiled for."""
    return {
        "HEADS": heads,
        "WIDTH": width,
        "FILLED": max(triton.next_power_of_2(width), NARROWEST_FILLED),
        "BLOCK": BLOCK,
        "IS_CAUSAL": is_causal,
        "THRESHOLD": threshold_of(share),
        "KEPT_SCALE": 1.0 / (1.0 - share),
        "num_warps": NUM_WARPS,
    }
