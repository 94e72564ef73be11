"""MegaMolBART's tokenizer: a regular expression cuts SMILES into atoms, bonds, rings and branches.

Called by data preparation, the molecule collator and inference. It judges no chemistry.

Most tokens are one character. So only the others are searched for: each is replaced by a private character that stands
for its id, and what remains is one array look-up for a whole batch.
"""

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from bionemo_trainer.tokenizers.decoding import decoded, decoded_batch
from bionemo_trainer.tokenizers.protocol import Offsets, TokenIds
from bionemo_trainer.tokenizers.vocabulary import Vocabulary, megamolbart_vocabulary

LONG_PIECE = r"\[[^\]]+]|Br|Cl|%[0-9][0-9]|\\\\"
"""Every token of more than one character: a bracket atom, two halogens, a ring number above 9, a double backslash.

MegaMolBART's vocabulary has `\\` but BioNeMo's pattern asks for two of them first, so a doubled one is unknown."""
ONE_TOKEN = re.compile(rf"{LONG_PIECE}|.")
"""Any token. A line end outside brackets is no token: it is skipped, as BioNeMo's pattern does."""
NOT_ITS_OWN_BYTE = re.compile(rf"{LONG_PIECE}|\n|[^\x00-\x7f]")
PRIVATE = 0xE000
"""First code point of Unicode's private use area; the id of a long token is added to it."""
NUM_UNITS = 1 << 16


class SmilesTokenizer:
    """SMILES to and from the 523 ids of MegaMolBART."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The 523 tokens, their special ids and fingerprint."""
        return megamolbart_vocabulary()

    def encode(self, text: str) -> TokenIds:
        """The ids of one SMILES [T]."""
        return self._looked_up(self._shortened(text))

    def encode_batch(self, texts: Sequence[str]) -> tuple[TokenIds, Offsets]:
        """The ids of B SMILES joined [T], and where each starts and ends in them [B + 1]."""
        shortened = list(map(self._shortened, texts))
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, shortened), dtype=np.int64, count=len(texts)), out=offsets[1:])
        return self._looked_up("".join(shortened)), offsets

    def decode(self, ids: TokenIds) -> str:
        """The SMILES of some ids [T]: up to `&`, without leading `^`."""
        return decoded(self.vocabulary, ids.tolist())

    def decode_batch(self, ids: TokenIds, offsets: Offsets) -> list[str]:
        """The B SMILES of joined ids [T] and their offsets [B + 1]."""
        return decoded_batch(self.vocabulary, ids, offsets)

    def unknown(self, text: str) -> tuple[str, ...]:
        """The distinct tokens of a SMILES that the vocabulary lacks, in order of appearance."""
        ids = self.vocabulary.ids
        return tuple(dict.fromkeys(token for token in ONE_TOKEN.findall(text) if token not in ids))

    def _shortened(self, text: str) -> str:
        """The text with one character for each token, all within 16 bits."""
        return NOT_ITS_OWN_BYTE.sub(self._stand_in, text)

    def _stand_in(self, match: re.Match[str]) -> str:
        return self._stand_ins.get(match[0], self._unknown_stand_in)

    @cached_property
    def _stand_ins(self) -> dict[str, str]:
        long_tokens = {token: chr(PRIVATE + index) for token, index in self.vocabulary.ids.items() if len(token) > 1}
        return long_tokens | {"\n": ""}

    @cached_property
    def _unknown_stand_in(self) -> str:
        return chr(PRIVATE + self.vocabulary.unk_id)

    def _looked_up(self, shortened: str) -> TokenIds:
        units = np.frombuffer(shortened.encode("utf-16-le"), dtype="<u2")
        ids: TokenIds = self._id_of_unit[units]
        return ids

    @cached_property
    def _id_of_unit(self) -> TokenIds:
        """The id for every 16-bit unit that a shortened text can hold [65536]."""
        table = np.full(NUM_UNITS, self.vocabulary.unk_id, dtype=np.uint16)
        for token, index in self.vocabulary.ids.items():
            table[ord(token) if len(token) == 1 else PRIVATE + index] = index
        return table
