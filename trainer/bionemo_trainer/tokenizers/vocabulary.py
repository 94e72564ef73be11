"""The vocabularies of the four models: tokens in id order, special ids and the fingerprint that checkpoints carry.

Read by the tokenizers, by data preparation for its manifest and by checkpoints. Standard library only: no numpy, no torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from types import MappingProxyType

from bionemo_trainer.errors import ConfigError, Problem

MOST_SENTINELS = 4096
"""Far above what any sequence length needs, far below what 16-bit ids can hold."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens in id order, and what the special ones are for. Equal vocabularies have equal fingerprints."""

    kind: str
    """What is tokenised, and the name of the vocabulary in messages."""
    rule: str
    """Name and version of the rule that cuts text into tokens; it changes when any text would be cut differently."""
    tokens: tuple[str, ...]
    pad_id: int
    bos_id: int
    eos_id: int
    mask_id: int
    unk_id: int
    residue_ids: range
    """Ids that stand for text; a random replacement is drawn from these and never from the special tokens."""
    sentinel_ids: range = range(0)
    """Ids of `<extra_id_0>`, `<extra_id_1>`... that stand for spans cut out of a sequence; empty where not used."""

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each token."""
        return MappingProxyType({token: index for index, token in enumerate(self.tokens)})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of everything that decides which ids a text gets."""
        described = {
            "kind": self.kind,
            "rule": self.rule,
            "tokens": self.tokens,
            "special": [self.pad_id, self.bos_id, self.eos_id, self.mask_id, self.unk_id],
        }
        canonical = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def megamolbart_vocabulary() -> Vocabulary:
    """The 523 tokens of MegaMolBART.

    Ids 0 to 5 are special, 6 to 71 name property changes, 72 to 271 are unused; chemistry starts at 272. Source: the
    vocabulary file that BioNeMo v0.3 ships with its MegaMolBART checkpoint.
    """
    listed = resources.files("bionemo_trainer.tokenizers").joinpath("megamolbart.txt").read_text(encoding="utf-8")
    return Vocabulary(
        kind="smiles",
        rule="smiles-regex-1",
        tokens=tuple(listed.splitlines()),
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        mask_id=4,
        residue_ids=range(272, 523),
    )


def protein_vocabulary(num_sentinels: int = 0) -> Vocabulary:
    """The 30 pieces of ESM-1nv, with ProtT5nv's sentinels behind them when asked for.

    Order and ids are those of the SentencePiece model that BioNeMo v0.3 ships for both protein models.

    Args:
        num_sentinels: How many `<extra_id_i>` to append; ProtT5nv has 96.

    Raises:
        ConfigError: The number is negative or absurdly large.
    """
    if not 0 <= num_sentinels <= MOST_SENTINELS:
        raise ConfigError(
            [
                Problem(
                    field="model.tokenizer.num_sentinel_tokens",
                    value=num_sentinels,
                    rule=f"must lie between 0 and {MOST_SENTINELS}",
                    mend="give at least seq_length x masked_lm_prob, 96 for ProtT5nv",
                )
            ]
        )
    pieces = ("<unk>", "<s>", "</s>", "<pad>", "<mask>", *"LASGVERTDIPKNFQYHMCWXBZUO")
    sentinels = tuple(f"<extra_id_{index}>" for index in range(num_sentinels))
    return Vocabulary(
        kind="protein",
        rule="residues-1",
        tokens=pieces + sentinels,
        pad_id=3,
        bos_id=1,
        eos_id=2,
        mask_id=4,
        unk_id=0,
        residue_ids=range(5, 30),
        sentinel_ids=range(30, 30 + num_sentinels),
    )


def esm2_vocabulary() -> Vocabulary:
    """The 33 tokens of ESM-2, in the order of the published checkpoints; `.` and `-` are alignment marks."""
    return Vocabulary(
        kind="esm2",
        rule="residues-1",
        tokens=("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"),
        pad_id=1,
        bos_id=0,
        eos_id=2,
        mask_id=32,
        unk_id=3,
        residue_ids=range(4, 31),
    )
