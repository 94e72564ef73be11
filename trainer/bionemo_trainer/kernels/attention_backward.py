"""The backward pass of attention over packed sequences in Triton. Launched by `packed_attention`.

Weights are computed anew from the logarithms that the forward pass left. `gradients_of_queries` holds a tile of queries,
`gradients_of_keys` one of keys. A sequence that fits one tile on both sides, as nearly every molecule does, is done in one
program by `gradients_of_short_sequences`, which computes its weights once; the other two then leave it out.

Weights stand with keys down and queries across where gradients of keys are summed, so that they go from one product to the next
within registers. Nothing is masked at the end of a sequence: rows beyond it are zeros, so that they add nothing to the gradients
of others as long as weights and gradients of scores are finite, and their own are not stored. A weight is at most 1. In fp16 a
gradient may be infinite, as everywhere in it; the loss scale is lowered then.
Shapes: M queries and K keys of a tile, D the width of a head, filled up to a power of two.
"""

import triton
import triton.language as tl

from bionemo_trainer.kernels.attention_forward import LOG2_E, counts_of, loaded, rows_of, stored
from bionemo_trainer.kernels.dropout import is_kept, row_bits


@triton.jit
def weights_of(scores, log_sums, queries, keys, scale, IS_CAUSAL: tl.constexpr):
    """The softmax, [M, K] or [K, M]: what belongs to queries or to keys alone is broadcast."""
    weights = tl.exp2(tl.minimum(scores * (scale * LOG2_E) - log_sums, 0.0))
    if IS_CAUSAL:
        weights = tl.where(keys <= queries, weights, 0.0)
    return weights


@triton.jit
def differentiated(
    query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, queries, keys,
    scale, IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """The weights after dropout, and the gradients of the scores over `scale` [K, M]."""
    scores_KM = tl.dot(key_KD, tl.trans(query_MD), input_precision="ieee")
    weights_KM = weights_of(scores_KM, log_sum_M[None, :], queries[None, :], keys[:, None], scale, IS_CAUSAL)
    gradients_KM = tl.dot(value_KD, tl.trans(gradient_MD), input_precision="ieee")
    kept_KM = weights_KM
    if THRESHOLD > 0:
        scales_KM = tl.where(is_kept(bits_M[None, :], keys[:, None], THRESHOLD), KEPT_SCALE, 0.0)
        kept_KM = weights_KM * scales_KM
        gradients_KM *= scales_KM
    score_gradients_KM = weights_KM * (gradients_KM - delta_M[None, :])
    return kept_KM.to(query_MD.dtype), score_gradients_KM.to(query_MD.dtype)


@triton.jit
def statistics_of(statistics, queries, is_query, BLOCK: tl.constexpr):
    """What `gradients_of_queries` left: logarithm, sum of output times gradient, and hash of each query [M].

    Loaded together and then taken apart: the compiler would let every thread load each of three short vectors whole.
    """
    places = statistics + 4 * queries[:, None] + tl.arange(0, 4)[None, :]
    values_M4 = tl.load(places, mask=is_query[:, None], other=0.0)
    even_M2, odd_M2 = tl.split(tl.reshape(values_M4, [BLOCK, 2, 2]))
    log_sum_M, bits_M = tl.split(even_M2)
    delta_M, _ = tl.split(odd_M2)
    return log_sum_M, delta_M, bits_M.to(tl.uint32, bitcast=True)


@triton.jit(do_not_specialize=["num_queries", "first_head"])
def gradients_of_queries(
    query, key, value, attended, output_gradient, query_gradient, log_sums, statistics,
    query_bounds, key_bounds, tiles, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    query_gradient_row, query_gradient_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Of one tile of queries; leaves what `statistics_of` reads for `gradients_of_keys`."""
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
    log_sum_M = tl.load(log_sums + by_query, mask=is_query, other=0.0)
    bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
    tl.store(statistics + 4 * by_query, log_sum_M, mask=is_query)
    tl.store(statistics + 4 * by_query + 1, delta_M, mask=is_query)
    tl.store(statistics + 4 * by_query + 2, bits_M.to(tl.float32, bitcast=True), mask=is_query)
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
        scores_MK = tl.dot(query_MD, tl.trans(key_KD), input_precision="ieee")
        weights_MK = weights_of(scores_MK, log_sum_M[:, None], rows[:, None], keys[None, :], scale, IS_CAUSAL)
        gradients_MK = tl.dot(gradient_MD, tl.trans(value_KD), input_precision="ieee")
        if THRESHOLD > 0:
            gradients_MK *= tl.where(is_kept(bits_M[:, None], keys[None, :], THRESHOLD), KEPT_SCALE, 0.0)
        score_gradients_MK = weights_MK * (gradients_MK - delta_M[:, None])
        found_MD = tl.dot(score_gradients_MK.to(key_KD.dtype), key_KD, found_MD, input_precision="ieee")
    results = rows_of(query_gradient, query_start, rows, query_gradient_row, head, query_gradient_head, FILLED)
    stored(results, found_MD * scale, is_query, WIDTH, FILLED)


@triton.jit(do_not_specialize=["num_queries"])
def gradients_of_keys(
    query, key, value, output_gradient, key_gradient, value_gradient, statistics,
    query_bounds, key_bounds, tiles,
    query_row, query_head, key_row, key_head, value_row, value_head,
    key_gradient_row, key_gradient_head, value_gradient_row, value_gradient_head,
    num_queries, scale,
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
        log_sum_M, delta_M, bits_M = statistics_of(statistics, by_query, is_query, BLOCK)
        kept_KM, score_gradients_KM = differentiated(
            query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, keys,
            scale, IS_CAUSAL, THRESHOLD, KEPT_SCALE,
        )  # fmt: skip
        found_value_KD = tl.dot(kept_KM, gradient_MD, found_value_KD, input_precision="ieee")
        found_key_KD = tl.dot(score_gradients_KM, query_MD, found_key_KD, input_precision="ieee")
    key_results = rows_of(key_gradient, key_start, keys, key_gradient_row, head, key_gradient_head, FILLED)
    value_results = rows_of(value_gradient, key_start, keys, value_gradient_row, head, value_gradient_head, FILLED)
    stored(key_results, found_key_KD * scale, is_key, WIDTH, FILLED)
    stored(value_results, found_value_KD, is_key, WIDTH, FILLED)


@triton.jit(do_not_specialize=["num_queries", "num_sequences", "first_head"])
def gradients_of_short_sequences(
    query, key, value, attended, output_gradient, query_gradient, key_gradient, value_gradient, log_sums,
    query_bounds, key_bounds, num_sequences, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    query_gradient_row, query_gradient_head, key_gradient_row, key_gradient_head, value_gradient_row, value_gradient_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
    SEQUENCES: tl.constexpr,
):  # fmt: skip
    """All three of those of some sequences that fit one tile on both sides."""
    first, head = tl.program_id(0) // HEADS * SEQUENCES, tl.program_id(0) % HEADS
    for offset in range(SEQUENCES):
        sequence = tl.minimum(first + offset, num_sequences - 1)  # beyond the last the same once more
        query_start, query_count, key_start, key_count = counts_of(query_bounds, key_bounds, sequence)
        if (query_count <= BLOCK) & (key_count <= BLOCK):
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
            kept_KM, score_gradients_KM = differentiated(
                query_MD, key_KD, value_KD, gradient_MD, log_sum_M, delta_M, bits_M, rows, rows,
                scale, IS_CAUSAL, THRESHOLD, KEPT_SCALE,
            )  # fmt: skip
            found_MD = tl.dot(tl.trans(score_gradients_KM), key_KD, input_precision="ieee") * scale
            found_key_KD = tl.dot(score_gradients_KM, query_MD, input_precision="ieee") * scale
            found_value_KD = tl.dot(kept_KM, gradient_MD, input_precision="ieee")
            query_results = rows_of(
                query_gradient, query_start, rows, query_gradient_row, head, query_gradient_head, FILLED
            )
            key_results = rows_of(key_gradient, key_start, rows, key_gradient_row, head, key_gradient_head, FILLED)
            value_results = rows_of(
                value_gradient, key_start, rows, value_gradient_row, head, value_gradient_head, FILLED
            )
            stored(query_results, found_MD, is_query, WIDTH, FILLED)
            stored(key_results, found_key_KD, is_key, WIDTH, FILLED)
            stored(value_results, found_value_KD, is_key, WIDTH, FILLED)
