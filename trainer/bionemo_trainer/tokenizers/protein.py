"""Tokenizers of protein sequences: one token per residue letter, by a look-up table over bytes.

Called by data preparation, the protein collators and inference. Letters are taken as they are: upper-casing is the
preparation's work.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bionemo_trainer.tokenizers.decoding import decoded, decoded_batch
from bionemo_trainer.tokenizers.protocol import Offsets, TokenIds
from bionemo_trainer.tokenizers.vocabulary import Vocabulary, esm2_vocabulary, protein_vocabulary

type Characters = npt.NDArray[np.uint8]


class ResidueTokenizer:
    """Residue letters to and from the ids of one vocabulary.

    A run of characters that the vocabulary lacks, lower-case letters among them, becomes one unknown id. So does the text
    of a special token, `<mask>` for one: special ids are put in by collators, never spelled.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def encode(self, text: str) -> TokenIds:
        """The ids of one sequence [T]."""
        characters = _characters(text)
        ids = self._id_of_character[characters]
        return ids if self._letters.issuperset(text) else ids[self._kept(ids, np.zeros(1, dtype=np.int64))]

    def encode_batch(self, texts: Sequence[str]) -> tuple[TokenIds, Offsets]:
        """The ids of B sequences joined [T], and where each starts and ends in them [B + 1]."""
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)), out=offsets[1:])
        ids = self._id_of_character[_characters("".join(texts))]
        if not np.any(ids == self.vocabulary.unk_id):
            return ids, offsets
        kept = self._kept(ids, offsets[:-1])
        kept_before = np.concatenate(([0], np.cumsum(kept)))
        return ids[kept], kept_before[offsets]

    def decode(self, ids: TokenIds) -> str:
        """The sequence of some ids [T]: up to the end token, without leading begin tokens."""
        return decoded(self.vocabulary, ids.tolist())

    def decode_batch(self, ids: TokenIds, offsets: Offsets) -> list[str]:
        """The B sequences of joined ids [T] and their offsets [B + 1]."""
        return decoded_batch(self.vocabulary, ids, offsets)

    def unknown(self, text: str) -> tuple[str, ...]:
        """The distinct characters of a sequence that the vocabulary lacks, in order of appearance."""
        return tuple(character for character in dict.fromkeys(text) if character not in self._letters)

    def _kept(self, ids: TokenIds, starts: Offsets) -> npt.NDArray[np.bool_]:
        """Which ids stay when a run of unknown ones within a text shrinks to its first [T]."""
        is_unknown = ids == self.vocabulary.unk_id
        follows_unknown = np.zeros_like(is_unknown)
        follows_unknown[1:] = is_unknown[:-1]
        follows_unknown[starts[starts < len(ids)]] = False
        kept: npt.NDArray[np.bool_] = ~(is_unknown & follows_unknown)
        return kept

    @cached_property
    def _letters(self) -> frozenset[str]:
        return frozenset(self.vocabulary.tokens[index] for index in self.vocabulary.residue_ids)

    @cached_property
    def _id_of_character(self) -> TokenIds:
        """The id for every byte that `_characters` can give [256]."""
        table = np.full(256, self.vocabulary.unk_id, dtype=np.uint16)
        for letter in self._letters:
            table[ord(letter)] = self.vocabulary.ids[letter]
        return table


class ProteinTokenizer(ResidueTokenizer):
    """The 30 pieces of ESM-1nv; with sentinels behind them, ProtT5nv's."""

    def __init__(self, num_sentinels: int = 0) -> None:
        super().__init__(protein_vocabulary(num_sentinels))


class Esm2Tokenizer(ResidueTokenizer):
    """The 33 tokens of ESM-2."""

    def __init__(self) -> None:
        super().__init__(esm2_vocabulary())


def _characters(text: str) -> Characters:
    """One byte per character; what is no ASCII becomes a question mark, which no protein vocabulary has."""
    return np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)
