"""ProtT5nv's objective: spans of a protein are cut out for sentinels, and the decoder writes what stood there.

Called by the data loaders of ProtT5nv. Span corruption is that of T5 (Raffel et al., 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bionemo_trainer.data.random_stream import Floats, Integers, RandomStream, cumulative
from bionemo_trainer.data.samples import EncoderDecoderSample, decoder_sample
from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.tokenizers.protocol import TokenIds, Tokenizer

DEFAULT_MEAN_LENGTH = 5.0
"""Mean of the geometric distribution where none is given: SpanBERT's 0.2 chance to stop (Joshi et al., 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCorruption:
    """How much is cut out and in which pieces, under the keys of `model.data`."""

    masked_lm_prob: float = 0.15
    """Share of the residues that is cut out, from 0 to 1; at least one residue always is."""
    max_ngram_size: int = 1
    """Longest span in residues; with 1 every residue cut out has a sentinel of its own, even beside another one."""
    mean_ngram_size: float | None = None
    """Mean span length before the cut at the longest; None is 5. Only the geometric distribution has it."""
    geometric_dist: bool = True
    """Whether span lengths are geometric; otherwise a length n is chosen with a probability proportional to 1 / n."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCorruptionCollator:
    """Protein sequences to samples of ProtT5nv."""

    tokenizer: Tokenizer
    corruption: SpanCorruption
    seed: int
    seq_length: int
    """Longest encoder sequence in tokens; longer proteins are cut before anything is drawn."""
    seq_length_dec: int
    """Longest decoder sequence in tokens; spans that would not fit are not cut out."""

    def __post_init__(self) -> None:
        num_sentinels = len(self.tokenizer.vocabulary.sentinel_ids)
        if num_sentinels == 0:
            raise ConfigError(
                [
                    Problem(
                        field="model.tokenizer.num_sentinel_tokens",
                        value=num_sentinels,
                        rule="must be at least 1 for span corruption",
                        mend="give at least seq_length x masked_lm_prob, 96 for ProtT5nv",
                    )
                ]
            )

    def __call__(self, positions: Sequence[int], texts: Sequence[str]) -> list[EncoderDecoderSample]:
        """The samples at positions of the run."""
        return list(map(self._sample, positions, texts))

    def _sample(self, position: int, text: str) -> EncoderDecoderSample:
        vocabulary = self.tokenizer.vocabulary
        tokens = self.tokenizer.encode(text)[: self.seq_length]
        stream = RandomStream(seed=self.seed, position=position, purpose="span corruption")
        lengths = self._span_lengths(len(tokens), stream)
        starts = placed_spans(len(tokens), lengths, stream)
        sentinels = np.array(vocabulary.sentinel_ids[: len(starts)], dtype=np.uint16)
        left, written = _cut_out(tokens, starts, lengths, sentinels)
        return decoder_sample(left, written, bos_id=vocabulary.bos_id, eos_id=vocabulary.eos_id)

    def _span_lengths(self, num_tokens: int, stream: RandomStream) -> Integers:
        """Lengths of the spans to cut out, as many as the share, the sentinels and the decoder allow [S]."""
        num_masked = min(num_tokens, max(1, round(num_tokens * self.corruption.masked_lm_prob)))
        lengths = 1 + stream.choice(_cumulative_lengths(self.corruption), num_masked)
        masked_through = np.cumsum(lengths)
        # The last span is shortened to meet the share exactly.
        ends = np.minimum(masked_through[: masked_through.searchsorted(num_masked) + 1], num_masked)
        lengths = np.concatenate((ends[:1], ends[1:] - ends[:-1]))
        # The decoder reads the begin token, then a sentinel and the residues of each span.
        decoder_through = 1 + np.cumsum(lengths + 1)
        num_fitting = int(decoder_through.searchsorted(self.seq_length_dec, side="right"))
        return lengths[: min(num_fitting, len(self.tokenizer.vocabulary.sentinel_ids))]


@lru_cache(maxsize=8)
def _cumulative_lengths(corruption: SpanCorruption) -> Floats:
    """Running sums of the probabilities of span lengths 1, 2... up to the longest [K]."""
    lengths = np.arange(1, corruption.max_ngram_size + 1, dtype=np.float64)
    if not corruption.geometric_dist:
        return cumulative(1.0 / lengths)
    chance_to_go_on = 1.0 - 1.0 / (corruption.mean_ngram_size or DEFAULT_MEAN_LENGTH)
    # Longer draws count as the longest, as in BioNeMo.
    return np.append(1.0 - np.power(chance_to_go_on, lengths[:-1]), 1.0)


def placed_spans(num_tokens: int, lengths: Integers, stream: RandomStream) -> Integers:
    """Starts of spans of the given lengths [S] within a sequence, rising and apart; every placing is equally likely [S].

    Shrink every span to one place: any set of S places is as good as another, and growing the spans again keeps them apart.
    """
    num_places = num_tokens - int(lengths.sum()) + len(lengths)
    places = stream.subset(num_places, len(lengths))
    return places + np.cumsum(lengths) - lengths - np.arange(len(lengths))


def _cut_out(tokens: TokenIds, starts: Integers, lengths: Integers, sentinels: TokenIds) -> tuple[TokenIds, TokenIds]:
    """The sequence with a sentinel in place of each span, and each sentinel followed by the residues it stands for."""
    span_offsets = np.cumsum(lengths) - lengths
    within_spans = np.repeat(starts - span_offsets, lengths) + np.arange(int(lengths.sum()))
    shown, stays = tokens.copy(), np.ones(len(tokens), dtype=np.bool_)
    shown[starts] = sentinels
    stays[within_spans] = False
    stays[starts] = True
    written = np.empty(len(within_spans) + len(starts), dtype=np.uint16)
    is_sentinel = np.zeros(len(written), dtype=np.bool_)
    is_sentinel[span_offsets + np.arange(len(starts))] = True
    written[is_sentinel] = sentinels
    written[~is_sentinel] = tokens[within_spans]
    return shown[stays], written
