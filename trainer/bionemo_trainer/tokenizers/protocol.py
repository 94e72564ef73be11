"""What data preparation, collators and inference may ask of a tokenizer, whatever it tokenises."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bionemo_trainer.tokenizers.vocabulary import Vocabulary

type TokenIds = npt.NDArray[np.uint16]
"""Token ids [T]; every vocabulary here has fewer than 65,536 tokens."""
type Offsets = npt.NDArray[np.int64]
"""Where each of B texts starts in their joined ids, and the end of the last [B + 1]."""


class Tokenizer(Protocol):
    """Cuts text into tokens of one vocabulary and joins them again; it adds no special tokens."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Tokens in id order, special ids and fingerprint."""

    def encode(self, text: str) -> TokenIds:
        """The ids of one text [T]; what the vocabulary lacks becomes its unknown id."""

    def encode_batch(self, texts: Sequence[str]) -> tuple[TokenIds, Offsets]:
        """The ids of B texts joined [T], and where each starts and ends in them [B + 1]."""

    def decode(self, ids: TokenIds) -> str:
        """The text of some ids [T]: up to the first end token, without leading begin tokens."""

    def decode_batch(self, ids: TokenIds, offsets: Offsets) -> list[str]:
        """The B texts of joined ids [T] and their offsets [B + 1]."""

    def unknown(self, text: str) -> tuple[str, ...]:
        """The distinct tokens of a text that the vocabulary lacks, in order of appearance."""
