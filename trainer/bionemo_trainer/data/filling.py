"""Micro batches of few shapes: filled up with sequences of padding, so that one recorded sequence of kernels serves many of them.

Called by `models.freight` for GPUs that replay CUDA graphs, whose shapes are fixed. What is added is computed like any sequence, seen by
no other, and no target of the loss. Pure. Shapes: B sequences of T tokens.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from bionemo_trainer.data.packing import Bounds, EncoderBatch, EncoderDecoderBatch, PackedTokens
from bionemo_trainer.data.samples import IGNORED, Labels

PADDING_ID = 0
"""Token of the sequences that fill up."""
LONGEST_FILLER = 64
"""Tokens of a filling sequence at most: a tile of the attention kernels, which do short sequences in one program."""
SIZES_PER_OCTAVE = 32
"""Sizes between a number and its double: between 0 and 3 % is added, half of that on average."""
FEWEST_SEQUENCES, SEQUENCES_PER_OCTAVE = 64, 8
"""Sizes of numbers of sequences are fewer, since an empty sequence costs little: programs that end at once."""


def size_for(number: int, smallest: int = LONGEST_FILLER, per_octave: int = SIZES_PER_OCTAVE) -> int:
    """The least size that holds a number: multiples of `smallest`, or for large ones of a part of an octave."""
    octave = 1 << max(number - 1, 1).bit_length() - 1
    step = max(smallest, octave // per_octave)
    return -(-number // step) * step


def filled(batch: EncoderBatch | EncoderDecoderBatch) -> EncoderBatch | EncoderDecoderBatch:
    """The same samples first, and then padding, so that both T and B of every side are sizes."""
    if isinstance(batch, EncoderBatch):
        (inputs,) = _filled_sides(batch.inputs)
        return replace(batch, inputs=inputs, labels=_ignoring(batch.labels, inputs))
    encoder, decoder = _filled_sides(batch.encoder, batch.decoder)
    return replace(batch, encoder=encoder, decoder=decoder, labels=_ignoring(batch.labels, decoder))


def _filled_sides(*sides: PackedTokens) -> tuple[PackedTokens, ...]:
    """Sides with as many sequences each, some of which are empty."""
    fillers = [_fillers(size_for(len(side.tokens)) - len(side.tokens)) for side in sides]
    most_sequences = len(sides[0].cu_seqlens) - 1 + max(map(len, fillers))
    num_sequences = size_for(most_sequences, FEWEST_SEQUENCES, SEQUENCES_PER_OCTAVE)
    return tuple(_with_fillers(side, lengths, num_sequences) for side, lengths in zip(sides, fillers, strict=True))


def _fillers(num_tokens: int) -> list[int]:
    """Lengths of sequences of so many tokens together."""
    starts = [*range(0, num_tokens, LONGEST_FILLER), num_tokens]
    return [end - start for start, end in pairwise(starts)]


def _with_fillers(side: PackedTokens, lengths: list[int], num_sequences: int) -> PackedTokens:
    ends = side.cu_seqlens[-1] + np.cumsum(lengths, dtype=np.int32)
    bounds: Bounds = np.concatenate((side.cu_seqlens, ends))
    places = [np.arange(length, dtype=np.int32) for length in lengths]
    return PackedTokens(
        tokens=np.concatenate((side.tokens, np.full(sum(lengths), PADDING_ID, dtype=np.uint16))),
        cu_seqlens=np.pad(bounds, (0, num_sequences + 1 - len(bounds)), mode="edge"),
        positions=np.concatenate((side.positions, *places)),
    )


def _ignoring(labels: Labels, side: PackedTokens) -> Labels:
    return np.pad(labels, (0, len(side.tokens) - len(labels)), constant_values=IGNORED)
