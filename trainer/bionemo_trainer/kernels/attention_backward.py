"""The backward pass of attention over packed sequences in Triton. Launched by `packed_attention`.

Weights are computed anew from the logarithms that the forward pass left. `gradients_of_queries` holds a tile of queries,
`gradients_of_keys` one of keys. A sequence that fits one tile on both sides, as nearly every molecule does, is done in one
program by `gradients_of_short_sequences`, which computes its weights once; the other two then leave it out.
Shapes: M queries and K keys of a tile, D the width of a head, filled up to a power of two.
"""

import triton
import triton.language as tl

from bionemo_trainer.kernels.attention_forward import LOG2_E, counts_of, loaded, rows_of, stored
from bionemo_trainer.kernels.dropout import is_kept, row_bits


@triton.jit
def differentiated(
    query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, keys, query_count, key_count,
    scale, IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """The weights after dropout, and the gradients of the scores over `scale`, both zero where nothing is seen [M, K]."""
    sees_MK = (rows < query_count)[:, None] & (keys < key_count)[None, :]
    if IS_CAUSAL:
        sees_MK = sees_MK & (keys[None, :] <= rows[:, None])
    scores_MK = tl.dot(query_MD, tl.trans(key_KD), input_precision="ieee")
    exponents_MK = scores_MK * (scale * LOG2_E) - log_sum_M[:, None]
    weights_MK = tl.where(sees_MK, tl.exp2(tl.where(sees_MK, exponents_MK, 0.0)), 0.0)
    gradients_MK = tl.dot(gradient_MD, tl.trans(value_KD), input_precision="ieee")
    kept_MK = weights_MK
    if THRESHOLD > 0:
        scales_MK = tl.where(is_kept(bits_M[:, None], keys[None, :], THRESHOLD), KEPT_SCALE, 0.0)
        kept_MK = weights_MK * scales_MK
        gradients_MK *= scales_MK
    score_gradients_MK = weights_MK * (gradients_MK - delta_M[:, None])
    return kept_MK.to(query_MD.dtype), score_gradients_MK.to(query_MD.dtype)


@triton.jit(do_not_specialize=["num_queries", "first_head"])
def gradients_of_queries(
    query, key, value, attended, output_gradient, query_gradient, log_sums, deltas,
    query_bounds, key_bounds, tiles, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    query_gradient_row, query_gradient_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Of one tile of queries; leaves each query's sum of output times gradient for `gradients_of_keys`."""
    tile, head = tl.program_id(0) // HEADS, tl.program_id(0) % HEADS
    sequence = tl.load(tiles + 2 * tile)
    if sequence < 0:
        return
    first = tl.load(tiles + 2 * tile + 1) * BLOCK
    query_start, query_count, key_start, key_count = counts_of(query_bounds, key_bounds, sequence)
    if (query_count <= BLOCK) & (key_count <= BLOCK):
        return
    rows, columns = first + tl.arange(0, BLOCK), tl.arange(0, BLOCK)
    is_query = rows < query_count
    outputs = rows_of(attended, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
    gradients = rows_of(output_gradient, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
    queries = rows_of(query, query_start, rows, query_row, head, query_head, FILLED)
    query_MD = loaded(queries, is_query, False, WIDTH, FILLED)
    output_MD = loaded(outputs, is_query, False, WIDTH, FILLED)
    gradient_MD = loaded(gradients, is_query, False, WIDTH, FILLED)
    delta_M = tl.sum(output_MD.to(tl.float32) * gradient_MD.to(tl.float32), 1)
    by_query = head * num_queries + query_start + rows
    tl.store(deltas + by_query, delta_M, mask=is_query)
    log_sum_M = tl.load(log_sums + by_query, mask=is_query, other=0.0)
    bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
    found_MD = tl.zeros([BLOCK, FILLED], tl.float32)
    last = key_count
    if IS_CAUSAL:
        last = tl.minimum(key_count, first + BLOCK)
    for start in range(0, last, BLOCK):
        keys = start + columns
        key_rows = rows_of(key, key_start, keys, key_row, head, key_head, FILLED)
        value_rows = rows_of(value, key_start, keys, value_row, head, value_head, FILLED)
        key_KD = loaded(key_rows, keys < key_count, False, WIDTH, FILLED)
        value_KD = loaded(value_rows, keys < key_count, False, WIDTH, FILLED)
        _, score_gradients_MK = differentiated(
            query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, keys, query_count, key_count,
            scale, IS_CAUSAL, THRESHOLD, KEPT_SCALE,
        )  # fmt: skip
        found_MD = tl.dot(score_gradients_MK, key_KD, found_MD, input_precision="ieee")
    results = rows_of(query_gradient, query_start, rows, query_gradient_row, head, query_gradient_head, FILLED)
    stored(results, found_MD * scale, is_query, WIDTH, FILLED)


@triton.jit(do_not_specialize=["num_queries", "first_head"])
def gradients_of_keys(
    query, key, value, output_gradient, key_gradient, value_gradient, log_sums, deltas,
    query_bounds, key_bounds, tiles, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    key_gradient_row, key_gradient_head, value_gradient_row, value_gradient_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Of one tile of keys and their values; after `gradients_of_queries`."""
    tile, head = tl.program_id(0) // HEADS, tl.program_id(0) % HEADS
    sequence = tl.load(tiles + 2 * tile)
    if sequence < 0:
        return
    first = tl.load(tiles + 2 * tile + 1) * BLOCK
    query_start, query_count, key_start, key_count = counts_of(query_bounds, key_bounds, sequence)
    if (query_count <= BLOCK) & (key_count <= BLOCK):
        return
    keys, columns = first + tl.arange(0, BLOCK), tl.arange(0, BLOCK)
    is_key = keys < key_count
    key_rows = rows_of(key, key_start, keys, key_row, head, key_head, FILLED)
    value_rows = rows_of(value, key_start, keys, value_row, head, value_head, FILLED)
    key_KD = loaded(key_rows, is_key, False, WIDTH, FILLED)
    value_KD = loaded(value_rows, is_key, False, WIDTH, FILLED)
    found_key_KD = tl.zeros([BLOCK, FILLED], tl.float32)
    found_value_KD = tl.zeros([BLOCK, FILLED], tl.float32)
    start = 0
    if IS_CAUSAL:  # queries before the first key see none of them
        start = first
    for row in range(start, query_count, BLOCK):
        rows = row + columns
        is_query = rows < query_count
        queries = rows_of(query, query_start, rows, query_row, head, query_head, FILLED)
        gradients = rows_of(output_gradient, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
        query_MD = loaded(queries, is_query, False, WIDTH, FILLED)
        gradient_MD = loaded(gradients, is_query, False, WIDTH, FILLED)
        by_query = head * num_queries + query_start + rows
        log_sum_M = tl.load(log_sums + by_query, mask=is_query, other=0.0)
        delta_M = tl.load(deltas + by_query, mask=is_query, other=0.0)
        bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
        kept_MK, score_gradients_MK = differentiated(
            query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, keys, query_count, key_count,
            scale, IS_CAUSAL, THRESHOLD, KEPT_SCALE,
        )  # fmt: skip
        found_value_KD = tl.dot(tl.trans(kept_MK), gradient_MD, found_value_KD, input_precision="ieee")
        found_key_KD = tl.dot(tl.trans(score_gradients_MK), query_MD, found_key_KD, input_precision="ieee")
    key_results = rows_of(key_gradient, key_start, keys, key_gradient_row, head, key_gradient_head, FILLED)
    value_results = rows_of(value_gradient, key_start, keys, value_gradient_row, head, value_gradient_head, FILLED)
    stored(key_results, found_key_KD * scale, is_key, WIDTH, FILLED)
    stored(value_results, found_value_KD, is_key, WIDTH, FILLED)


@triton.jit(do_not_specialize=["num_queries", "first_head"])
def gradients_of_short_sequences(
    query, key, value, attended, output_gradient, query_gradient, key_gradient, value_gradient, log_sums,
    query_bounds, key_bounds, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    query_gradient_row, query_gradient_head, key_gradient_row, key_gradient_head, value_gradient_row, value_gradient_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """All three of a sequence that fits one tile on both sides."""
    sequence, head = tl.program_id(0) // HEADS, tl.program_id(0) % HEADS
    query_start, query_count, key_start, key_count = counts_of(query_bounds, key_bounds, sequence)
    if (query_count > BLOCK) | (key_count > BLOCK):
        return
    rows = tl.arange(0, BLOCK)
    is_query, is_key = rows < query_count, rows < key_count
    queries = rows_of(query, query_start, rows, query_row, head, query_head, FILLED)
    key_rows = rows_of(key, key_start, rows, key_row, head, key_head, FILLED)
    value_rows = rows_of(value, key_start, rows, value_row, head, value_head, FILLED)
    outputs = rows_of(attended, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
    gradients = rows_of(output_gradient, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
    query_MD = loaded(queries, is_query, False, WIDTH, FILLED)
    key_KD = loaded(key_rows, is_key, False, WIDTH, FILLED)
    value_KD = loaded(value_rows, is_key, False, WIDTH, FILLED)
    output_MD = loaded(outputs, is_query, False, WIDTH, FILLED)
    gradient_MD = loaded(gradients, is_query, False, WIDTH, FILLED)
    delta_M = tl.sum(output_MD.to(tl.float32) * gradient_MD.to(tl.float32), 1)
    log_sum_M = tl.load(log_sums + head * num_queries + query_start + rows, mask=is_query, other=0.0)
    bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
    kept_MK, score_gradients_MK = differentiated(
        query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, rows, query_count, key_count,
        scale, IS_CAUSAL, THRESHOLD, KEPT_SCALE,
    )  # fmt: skip
    found_MD = tl.dot(score_gradients_MK, key_KD, input_precision="ieee") * scale
    found_key_KD = tl.dot(tl.trans(score_gradients_MK), query_MD, input_precision="ieee") * scale
    found_value_KD = tl.dot(tl.trans(kept_MK), gradient_MD, input_precision="ieee")
    query_results = rows_of(query_gradient, query_start, rows, query_gradient_row, head, query_gradient_head, FILLED)
    key_results = rows_of(key_gradient, key_start, rows, key_gradient_row, head, key_gradient_head, FILLED)
    value_results = rows_of(value_gradient, key_start, rows, value_gradient_row, head, value_gradient_head, FILLED)
    stored(query_results, found_MD, is_query, WIDTH, FILLED)
    stored(key_results, found_key_KD, is_key, WIDTH, FILLED)
    stored(value_results, found_value_KD, is_key, WIDTH, FILLED)
