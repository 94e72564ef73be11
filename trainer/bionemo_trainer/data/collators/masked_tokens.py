"""Masked language modelling for ESM-1nv and ESM-2: some tokens are hidden or swapped, and the model names them.

Called by the data loaders of the encoder models. Whether ESM-1nv masks as BioNeMo v0.3 or as v1.10 is configuration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bionemo_trainer.data.random_stream import RandomStream
from bionemo_trainer.data.samples import IGNORED, EncoderSample
from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.tokenizers.protocol import TokenIds, Tokenizer
from bionemo_trainer.tokenizers.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingRates:
    """How many tokens are targets, and what becomes of a target; under the keys of `model.data`.

    BioNeMo v0.3's ESM-1nv is `MaskingRates(modify_percent=0.1, perturb_percent=0.5)`: half of the targets are masked, half
    are swapped. BioNeMo v1.10's ESM-1nv, and ESM-2, is `MaskingRates(modify_percent=0.15, perturb_percent=0.1,
    identity_percent=0.1)`: the other 80 % are masked.
    """

    modify_percent: float
    """Chance of each token, begin and end tokens too, to be a target; from 0 to 1."""
    perturb_percent: float
    """Share of the targets that become another residue, from 0 to 1."""
    identity_percent: float = 0.0
    """Share of the targets that stay as they are, from 0 to 1; all other targets become the mask token."""

    def __post_init__(self) -> None:
        kept_or_swapped = self.perturb_percent + self.identity_percent
        if kept_or_swapped > 1.0:
            raise ConfigError(
                [
                    Problem(
                        field="model.data.perturb_percent + model.data.identity_percent",
                        value=kept_or_swapped,
                        rule="must be at most 1.0, the whole of the targets",
                        mend="lower one of them",
                    )
                ]
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedTokenCollator:
    """Protein sequences to masked samples."""

    tokenizer: Tokenizer
    rates: MaskingRates
    seed: int
    max_seq_length: int
    """Longest sample in tokens. The end token is added before the cut, so that a longer sequence loses it, as in BioNeMo:
    it tells the model that the sequence goes on."""

    def __call__(self, positions: Sequence[int], texts: Sequence[str]) -> list[EncoderSample]:
        """The samples at positions of the run."""
        return list(map(self._sample, positions, texts))

    def _sample(self, position: int, text: str) -> EncoderSample:
        vocabulary = self.tokenizer.vocabulary
        residues = self.tokenizer.encode(text)[: self.max_seq_length]
        tokens = np.concatenate(
            (
                np.array([vocabulary.bos_id], dtype=np.uint16),
                residues,
                np.array([vocabulary.eos_id], dtype=np.uint16),
            )
        )[: self.max_seq_length]
        stream = RandomStream(seed=self.seed, position=position, purpose="token masking")
        return masked(tokens, self.rates, vocabulary, stream)


def masked(tokens: TokenIds, rates: MaskingRates, vocabulary: Vocabulary, stream: RandomStream) -> EncoderSample:
    """Hides or swaps some of `tokens` [T]; any token may be a target, begin and end too, as in BioNeMo."""
    targets = np.flatnonzero(stream.uniform(len(tokens)) < rates.modify_percent)
    fates = stream.uniform(len(targets))
    swapped = targets[fates < rates.perturb_percent]
    hidden = targets[fates >= rates.perturb_percent + rates.identity_percent]
    changed = tokens.copy()
    changed[hidden] = vocabulary.mask_id
    changed[swapped] = _other_residues(tokens[swapped], vocabulary, stream)
    labels = np.full(len(tokens), IGNORED, dtype=np.int32)
    labels[targets] = tokens[targets]
    return EncoderSample(tokens=changed, labels=labels)


def _other_residues(tokens: TokenIds, vocabulary: Vocabulary, stream: RandomStream) -> TokenIds:
    """A residue in place of each of `tokens` [N], never the same one and never a special token [N]."""
    residues = vocabulary.residue_ids
    own_rank = tokens.astype(np.int64) - residues.start
    is_residue = (own_rank >= 0) & (own_rank < len(residues))
    ranks = stream.below(len(residues) - is_residue)
    ranks += is_residue & (ranks >= own_rank)
    return (ranks + residues.start).astype(np.uint16)
