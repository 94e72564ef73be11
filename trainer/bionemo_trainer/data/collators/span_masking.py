"""MegaMolBART's objective: a random SMILES with masked spans in, a whole SMILES out.

Called by the data loaders of MegaMolBART. Chemistry is `data.molecules`'; here are only strings and tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, repeat

import numpy as np

from bionemo_trainer.data.molecules import canonical_smiles, random_smiles, written_smiles
from bionemo_trainer.data.random_stream import Floats, RandomStream, cumulative, library_seed
from bionemo_trainer.data.samples import EncoderDecoderSample, decoder_sample
from bionemo_trainer.errors import ConfigError, DataError, Problem
from bionemo_trainer.tokenizers.protocol import TokenIds, Tokenizer

NEGLIGIBLE = 1e-12
"""Probability beyond which a table of a distribution stops."""
SHORTEST_MEAN, LONGEST_MEAN = 0.01, 700.0
"""Below, nearly every span is empty and a place would show hundreds of masks; above, exp(-lambda) is no normal number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMasking:
    """How spans are chosen, under the keys of `model.data`."""

    mask_prob: float = 0.1
    """Chance that a span starts at a token, from 0 to 1."""
    span_lambda: float = 3.0
    """Mean of the Poisson distribution of span lengths in tokens, from 0.01 to 700."""

    def __post_init__(self) -> None:
        if not SHORTEST_MEAN <= self.span_lambda <= LONGEST_MEAN:
            raise ConfigError(
                [
                    Problem(
                        field="model.data.span_lambda",
                        value=self.span_lambda,
                        rule=f"must lie between {SHORTEST_MEAN} and {LONGEST_MEAN}",
                        mend="use 3.0, or set model.data.encoder_mask=False for no masks",
                    )
                ]
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MoleculeCollator:
    """SMILES to samples of MegaMolBART, with the keys of `model.data`."""

    tokenizer: Tokenizer
    seed: int
    max_seq_length: int
    """Longest sequence in tokens, on either side, with the begin or end token."""
    masking: SpanMasking | None
    """None is `encoder_mask: False`."""
    encoder_augment: bool = True
    """Whether the encoder reads a random SMILES; otherwise the molecule as RDKit writes it in the order given."""
    decoder_augment: bool = False
    """Whether the decoder writes another random SMILES; otherwise the encoder's own, unmasked."""
    canonicalize_input: bool = True
    """Whether the target is made canonical; otherwise the row is taken for canonical, as our preparation leaves it."""
    with_target: bool = True
    """Whether samples carry the target molecule. Only validation compares with it, and making it costs a full parse."""

    def __call__(self, positions: Sequence[int], texts: Sequence[str]) -> list[EncoderDecoderSample]:
        """The samples at positions of the run.

        Raises:
            DataError: RDKit can't parse one of the SMILES.
        """
        drawn = self._drawn(positions, texts)
        first = [smiles[0] for smiles in drawn] if self.encoder_augment else list(map(written_smiles, texts))
        to_read = self._encoded(first)
        to_write = self._encoded([smiles[-1] for smiles in drawn]) if self.decoder_augment else to_read
        targets = map(self._target, texts) if self.with_target else repeat(None, len(texts))
        return [
            decoder_sample(
                self._shown(position, read),
                written[: self.max_seq_length - 1],  # the begin token takes a place, and among the labels the end token
                bos_id=self.tokenizer.vocabulary.bos_id,
                eos_id=self.tokenizer.vocabulary.eos_id,
                target_smiles=target,
            )
            for position, read, written, target in zip(positions, to_read, to_write, targets, strict=True)
        ]

    def _drawn(self, positions: Sequence[int], texts: Sequence[str]) -> list[list[str]]:
        """Random SMILES of each molecule, as many as are asked for."""
        num_random = self.encoder_augment + self.decoder_augment
        if not num_random:
            return []
        seeds = [library_seed(seed=self.seed, position=position, purpose="random smiles") for position in positions]
        return random_smiles(texts, seeds, num_random)

    def _encoded(self, smiles: Sequence[str]) -> list[TokenIds]:
        """The tokens of each."""
        ids, offsets = self.tokenizer.encode_batch(smiles)
        return [ids[start:end] for start, end in pairwise(offsets.tolist())]

    def _shown(self, position: int, tokens: TokenIds) -> TokenIds:
        """What the encoder sees of a molecule."""
        tokens = tokens[: self.max_seq_length]
        if self.masking is None:
            return tokens
        stream = RandomStream(seed=self.seed, position=position, purpose="span masking")
        return span_masked(tokens, self.masking, self.tokenizer.vocabulary.mask_id, stream)[: self.max_seq_length]

    def _target(self, text: str) -> str:
        if not self.canonicalize_input:
            return text
        canonical = canonical_smiles(text)
        if canonical is None:
            raise DataError(f"{text!r} is no molecule that RDKit accepts; remove the row or prepare the dataset again.")
        return canonical


def span_masked(tokens: TokenIds, masking: SpanMasking, mask_id: int, stream: RandomStream) -> TokenIds:
    """Replaces spans of `tokens` [T] by mask tokens.

    Where a span starts, one mask token stands for a Poisson number of tokens. After a span of length 0 the next starts at
    the same place, until one has a length; so a place may show several mask tokens, and the result may be longer than T.
    A span covers any starts within it. All this is BioNeMo's; drawn here as (masks, length) with the same probabilities.
    """
    starts = (stream.uniform(len(tokens)) < masking.mask_prob).nonzero()[0]
    num_masks = 1 + stream.choice(_cumulative_empty_spans(masking.span_lambda), len(starts))
    lengths = 1 + stream.choice(_cumulative_lengths(masking.span_lambda), len(starts))
    shown = tokens.tolist()  # for some dozens of tokens lists are several times as fast as arrays
    pieces, reached = [], 0
    for start, count, length in zip(starts.tolist(), num_masks.tolist(), lengths.tolist(), strict=True):
        if start >= reached:
            pieces += shown[reached:start] + count * [mask_id]
            reached = start + length
    return np.array(pieces + shown[reached:], dtype=np.uint16)


@lru_cache(maxsize=8)
def _cumulative_lengths(mean: float) -> Floats:
    """Running sums of the probabilities of lengths 1, 2... of a Poisson distribution that is known not to be 0 [K]."""
    longest = int(mean + 10 * math.sqrt(mean) + 30)
    logs = [length * math.log(mean) - mean - math.lgamma(length + 1) for length in range(1, longest + 1)]
    return cumulative(np.exp(logs))


@lru_cache(maxsize=8)
def _cumulative_empty_spans(mean: float) -> Floats:
    """Running sums of the probabilities of 0, 1... empty spans before one that has a length [K]."""
    chance_of_empty = math.exp(-mean)
    most = math.ceil(math.log(NEGLIGIBLE) / -mean)
    return cumulative(np.power(chance_of_empty, np.arange(most + 1, dtype=np.float64)))
