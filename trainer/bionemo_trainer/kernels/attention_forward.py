"""The forward pass of attention over packed sequences in Triton. Launched by `packed_attention`.

A program of `attend` holds one tile of queries of one head and walks over the keys of their sequence with a running softmax (Dao,
"FlashAttention-2", 2023, https://arxiv.org/abs/2307.08691). A sequence that fits one tile on both sides, as nearly every molecule
does, is done at once by `attend_in_short_sequences`; the other then leaves it out. Heads of a sequence are neighbours in the grid,
since they are neighbours in memory. Exponentials are powers of two, since the hardware has no other; what turns scores into their
exponents is multiplied in where the largest is subtracted, in one operation.
Shapes: M queries of a tile, K keys of a block, D the width of a head, filled up to a power of two.
"""

import triton
import triton.language as tl

from bionemo_trainer.kernels.dropout import is_kept, row_bits

LOG2_E = tl.constexpr(1.4426950408889634)
NEGLIGIBLE = tl.constexpr(-1.0e30)
"""Score of what is not seen: finite, so that no difference of two of them is NaN."""


@triton.jit
def rows_of(base, start, rows, row_stride, head, head_stride, WIDTH: tl.constexpr):
    """Pointers to rows of a sequence in one head [len(rows), WIDTH]."""
    places = (start + rows).to(tl.int64) * row_stride + head * head_stride
    return base + places[:, None] + tl.arange(0, WIDTH)[None, :]


@triton.jit
def counts_of(query_bounds, key_bounds, sequence):
    """Where the queries and keys of a sequence start, and how many there are."""
    query_start, key_start = tl.load(query_bounds + sequence), tl.load(key_bounds + sequence)
    query_count = tl.load(query_bounds + sequence + 1) - query_start
    key_count = tl.load(key_bounds + sequence + 1) - key_start
    return query_start, query_count, key_start, key_count


@triton.jit
def loaded(pointers, is_real, IS_WHOLE: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr):
    """Rows, zero where they are none, and in the columns that only fill up."""
    if FILLED == WIDTH:
        if IS_WHOLE:
            return tl.load(pointers)
        return tl.load(pointers, mask=is_real[:, None], other=0.0)
    is_column = tl.arange(0, FILLED) < WIDTH
    return tl.load(pointers, mask=is_real[:, None] & is_column[None, :], other=0.0)


@triton.jit
def stored(pointers, values, is_real, WIDTH: tl.constexpr, FILLED: tl.constexpr):
    """Writes rows of an output."""
    is_column = tl.arange(0, FILLED) < WIDTH
    tl.store(pointers, values.to(pointers.dtype.element_ty), mask=is_real[:, None] & is_column[None, :])


@triton.jit(do_not_specialize=["num_queries", "first_head"])
def attend(
    query, key, value, attended, log_sums, query_bounds, key_bounds, tiles, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Attended values of one tile of queries of one head, and the logarithm to base 2 of each query's softmax sum."""
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
    queries = rows_of(query, query_start, rows, query_row, head, query_head, FILLED)
    query_MD = loaded(queries, is_query, False, WIDTH, FILLED)
    bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
    largest_M = tl.full([BLOCK], NEGLIGIBLE, tl.float32)
    sum_M = tl.zeros([BLOCK], tl.float32)
    attended_MD = tl.zeros([BLOCK, FILLED], tl.float32)
    key_rows = rows_of(key, key_start, columns, key_row, head, key_head, FILLED)
    value_rows = rows_of(value, key_start, columns, value_row, head, value_head, FILLED)
    last, whole = key_count, key_count // BLOCK * BLOCK
    if IS_CAUSAL:  # as many keys as queries; blocks left of the diagonal are seen whole
        last, whole = tl.minimum(key_count, first + BLOCK), tl.minimum(whole, first)
    for start in range(0, whole, BLOCK):
        largest_M, sum_M, attended_MD = walked(
            query_MD, key_rows, value_rows, start, rows, columns, key_count, bits_M, largest_M, sum_M, attended_MD,
            scale, WIDTH, FILLED, True, IS_CAUSAL, THRESHOLD,
        )  # fmt: skip
        key_rows += BLOCK * key_row
        value_rows += BLOCK * value_row
    if whole < last:  # one block: the rest of the keys, or that of the diagonal
        largest_M, sum_M, attended_MD = walked(
            query_MD, key_rows, value_rows, whole, rows, columns, key_count, bits_M, largest_M, sum_M, attended_MD,
            scale, WIDTH, FILLED, False, IS_CAUSAL, THRESHOLD,
        )  # fmt: skip
    outputs = rows_of(attended, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
    finished(
        outputs, log_sums + head * num_queries + query_start + rows, largest_M, sum_M, attended_MD, is_query,
        scale, WIDTH, FILLED, KEPT_SCALE,
    )  # fmt: skip


@triton.jit(do_not_specialize=["num_queries", "num_sequences", "first_head"])
def attend_in_short_sequences(
    query, key, value, attended, log_sums, query_bounds, key_bounds, num_sequences, seed,
    query_row, query_head, key_row, key_head, value_row, value_head,
    num_queries, first_head, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, FILLED: tl.constexpr, BLOCK: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
    SEQUENCES: tl.constexpr,
):  # fmt: skip
    """The same for those of some sequences that fit one tile on both sides."""
    first, head = tl.program_id(0) // HEADS * SEQUENCES, tl.program_id(0) % HEADS
    for offset in range(SEQUENCES):
        sequence = tl.minimum(first + offset, num_sequences - 1)  # beyond the last the same once more
        query_start, query_count, key_start, key_count = counts_of(query_bounds, key_bounds, sequence)
        if (query_count <= BLOCK) & (key_count <= BLOCK) & (query_count > 0):
            rows = tl.arange(0, BLOCK)
            is_query = rows < query_count
            queries = rows_of(query, query_start, rows, query_row, head, query_head, FILLED)
            key_rows = rows_of(key, key_start, rows, key_row, head, key_head, FILLED)
            value_rows = rows_of(value, key_start, rows, value_row, head, value_head, FILLED)
            query_MD = loaded(queries, is_query, False, WIDTH, FILLED)
            bits_M = row_bits(seed, first_head + head, query_start + rows, THRESHOLD)
            largest_M, sum_M, attended_MD = walked(
                query_MD, key_rows, value_rows, 0, rows, rows, key_count, bits_M,
                tl.full([BLOCK], NEGLIGIBLE, tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK, FILLED], tl.float32),
                scale, WIDTH, FILLED, False, IS_CAUSAL, THRESHOLD,
            )  # fmt: skip
            if key_count == 0:  # what was walked is no score
                sum_M, attended_MD = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK, FILLED], tl.float32)
            outputs = rows_of(attended, query_start, rows, HEADS * WIDTH, head, WIDTH, FILLED)
            finished(
                outputs, log_sums + head * num_queries + query_start + rows, largest_M, sum_M, attended_MD, is_query,
                scale, WIDTH, FILLED, KEPT_SCALE,
            )  # fmt: skip


@triton.jit
def finished(
    outputs, log_sums, largest_M, sum_M, attended_MD, is_query,
    scale, WIDTH: tl.constexpr, FILLED: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Writes what the running softmax ends with; a query without keys attends to nothing."""
    has_seen_M = sum_M > 0.0
    divisor_M = tl.where(has_seen_M, sum_M, 1.0)
    stored(outputs, attended_MD * (KEPT_SCALE / divisor_M)[:, None], is_query, WIDTH, FILLED)
    log_sum_M = largest_M * (scale * LOG2_E) + tl.log2(divisor_M)
    tl.store(log_sums, tl.where(has_seen_M, log_sum_M, 0.0), mask=is_query)


@triton.jit
def walked(
    query_MD, key_rows, value_rows, start, rows, columns, key_count, bits_M, largest_M, sum_M, attended_MD,
    scale, WIDTH: tl.constexpr, FILLED: tl.constexpr, IS_WHOLE: tl.constexpr,
    IS_CAUSAL: tl.constexpr, THRESHOLD: tl.constexpr,
):  # fmt: skip
    """The running softmax after one more block of keys."""
    keys = start + columns
    is_key = keys < key_count
    key_KD = loaded(key_rows, is_key, IS_WHOLE, WIDTH, FILLED)
    scores_MK = tl.dot(query_MD, tl.trans(key_KD), input_precision="ieee")
    if not IS_WHOLE:
        sees_MK = is_key[None, :]
        if IS_CAUSAL:
            sees_MK = sees_MK & (keys[None, :] <= rows[:, None])
        scores_MK = tl.where(sees_MK, scores_MK, NEGLIGIBLE)
    grown_M = tl.maximum(largest_M, tl.max(scores_MK, 1))
    to_powers = scale * LOG2_E
    weights_MK = tl.exp2(scores_MK * to_powers - (grown_M * to_powers)[:, None])
    shrink_M = tl.exp2((largest_M - grown_M) * to_powers)
    sum_M = sum_M * shrink_M + tl.sum(weights_MK, 1)
    if THRESHOLD > 0:  # the sum is of all weights: what is dropped is dropped after the softmax
        weights_MK = tl.where(is_kept(bits_M[:, None], keys[None, :], THRESHOLD), weights_MK, 0.0)
    value_KD = loaded(value_rows, is_key, IS_WHOLE, WIDTH, FILLED)
    attended_MD = attended_MD * shrink_M[:, None]
    attended_MD = tl.dot(weights_MK.to(value_KD.dtype), value_KD, attended_MD, input_precision="ieee")
    return grown_M, sum_M, attended_MD
