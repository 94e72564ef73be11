"""Samples into micro batches without padding: sequences one after the other, with the places where each begins.

Called by the data loaders after the collators, before anything becomes a tensor. Pure.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bionemo_trainer.data.samples import IGNORED, EncoderDecoderSample, EncoderSample, Labels
from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.tokenizers.protocol import TokenIds

type Bounds = npt.NDArray[np.int32]
"""Where each of B sequences starts in the packed ones, and the end of the last [B + 1]: 32-bit, as attention kernels ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedTokens:
    """B sequences of T tokens together. Attention must not look across `cu_seqlens`."""

    tokens: TokenIds
    """The sequences one after the other [T]."""
    cu_seqlens: Bounds
    """Cumulative lengths [B + 1]."""
    positions: npt.NDArray[np.int32]
    """Place of each token in its own sequence, from 0 [T]."""

    @property
    def max_seqlen(self) -> int:
        """Length of the longest sequence in tokens; 0 without sequences."""
        return int(np.diff(self.cu_seqlens).max(initial=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderBatch:
    """A micro batch for ESM-1nv and ESM-2."""

    inputs: PackedTokens
    labels: Labels
    """The id to predict at each place of the inputs, or IGNORED [T]."""

    @property
    def num_targets(self) -> int:
        """Places that the loss counts."""
        return int(np.count_nonzero(self.labels != IGNORED))


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderDecoderBatch:
    """A micro batch for MegaMolBART and ProtT5nv."""

    encoder: PackedTokens
    decoder: PackedTokens
    labels: Labels
    """The id to predict at each place of the decoder [T]."""
    target_smiles: tuple[str | None, ...]
    """The molecule of each sequence, where samples carry one [B]."""

    @property
    def num_targets(self) -> int:
        """Places that the loss counts."""
        return int(np.count_nonzero(self.labels != IGNORED))


def micro_batches[Sample: (EncoderSample, EncoderDecoderSample)](
    samples: Sequence[Sample], max_tokens: int
) -> list[Sequence[Sample]]:
    """Cuts samples, in their order, into as few runs as hold at most `max_tokens` on either side, of which the fullest holds the least.

    So micro batches of all steps are about as large as each other, none of them a small rest: a GPU does each as well, and
    `filling` finds few shapes.

    Args:
        samples: The share of one rank in a global batch.
        max_tokens: Micro batch size x sequence length: what a GPU has room for.

    Raises:
        ConfigError: A sample alone is longer than that.
    """
    lengths: list[tuple[int, int]] = [_lengths(sample) for sample in samples]
    longest = max(map(max, lengths), default=0)
    if longest > max_tokens:
        raise ConfigError([_too_long(longest, max_tokens)])
    starts: list[int] = _starts(lengths, max_tokens)
    fewest = len(starts)
    if fewest > 1:
        room = range(longest, max_tokens)
        fullest = longest + bisect_left(room, True, key=lambda tokens: len(_starts(lengths, tokens)) <= fewest)
        starts = _starts(lengths, fullest)
    return [samples[start:end] for start, end in pairwise((*starts, len(samples)))]


def _starts(lengths: Sequence[tuple[int, int]], max_tokens: int) -> list[int]:
    """Where runs begin when each is filled before the next begins."""
    starts = [0] if lengths else []
    in_encoder = in_decoder = 0
    for index, (read, written) in enumerate(lengths):
        in_encoder, in_decoder = in_encoder + read, in_decoder + written
        if max(in_encoder, in_decoder) > max_tokens:
            starts.append(index)
            in_encoder, in_decoder = read, written
    return starts


def pack_encoder(samples: Sequence[EncoderSample]) -> EncoderBatch:
    """One micro batch of masked sequences."""
    return EncoderBatch(
        inputs=packed([sample.tokens for sample in samples]),
        labels=_joined([sample.labels for sample in samples], np.dtype(np.int32)),
    )


def pack_encoder_decoder(samples: Sequence[EncoderDecoderSample]) -> EncoderDecoderBatch:
    """One micro batch of pairs of sequences."""
    return EncoderDecoderBatch(
        encoder=packed([sample.encoder_tokens for sample in samples]),
        decoder=packed([sample.decoder_tokens for sample in samples]),
        labels=_joined([sample.labels for sample in samples], np.dtype(np.int32)),
        target_smiles=tuple(sample.target_smiles for sample in samples),
    )


def packed(sequences: Sequence[TokenIds]) -> PackedTokens:
    """B sequences as one, with their bounds and the place of each token in its own."""
    lengths = np.fromiter(map(len, sequences), dtype=np.int32, count=len(sequences))
    bounds = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    positions = np.arange(bounds[-1], dtype=np.int32) - np.repeat(bounds[:-1], lengths)
    return PackedTokens(tokens=_joined(sequences, np.dtype(np.uint16)), cu_seqlens=bounds, positions=positions)


def padded[Id: (np.uint16, np.int32)](
    values: npt.NDArray[Id], cu_seqlens: Bounds, fill: int
) -> tuple[npt.NDArray[Id], npt.NDArray[np.bool_]]:
    """Packed values [T] as rows of equal length [B, S], filled up with `fill`, and which of them are real [B, S].

    It is the form that tests compare packed models with, and that step-by-step decoding reads.
    """
    lengths = np.diff(cu_seqlens)
    is_real: npt.NDArray[np.bool_] = np.arange(lengths.max(initial=0)) < lengths[:, np.newaxis]
    rows = np.full(is_real.shape, fill, dtype=values.dtype)
    rows[is_real] = values
    return rows, is_real


def _lengths(sample: EncoderSample | EncoderDecoderSample) -> tuple[int, int]:
    """Tokens that a sample takes in the encoder and in the decoder."""
    if isinstance(sample, EncoderSample):
        return len(sample.tokens), 0
    return len(sample.encoder_tokens), len(sample.decoder_tokens)


def _too_long(num_tokens: int, max_tokens: int) -> Problem:
    return Problem(
        field="model.micro_batch_size x model.seq_length",
        value=max_tokens,
        rule=f"must hold the longest sample, here {num_tokens} tokens",
        mend="raise model.micro_batch_size, or lower model.seq_length with model.data.max_seq_length",
    )


def _joined[Id: (np.uint16, np.int32)](arrays: Sequence[npt.NDArray[Id]], dtype: np.dtype[Id]) -> npt.NDArray[Id]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
