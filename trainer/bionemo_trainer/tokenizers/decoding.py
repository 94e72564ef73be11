"""Ids back to text, the same way for every tokenizer; called only by them."""

from collections.abc import Sequence
from itertools import pairwise

from bionemo_trainer.tokenizers.protocol import Offsets, TokenIds
from bionemo_trainer.tokenizers.vocabulary import Vocabulary


def decoded(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    """The tokens of `ids` joined: leading begin tokens left out, cut at the first end token."""
    text_end = ids.index(vocabulary.eos_id) if vocabulary.eos_id in ids else len(ids)
    text_start = 0
    while text_start < text_end and ids[text_start] == vocabulary.bos_id:
        text_start += 1
    return "".join(map(vocabulary.tokens.__getitem__, ids[text_start:text_end]))


def decoded_batch(vocabulary: Vocabulary, ids: TokenIds, offsets: Offsets) -> list[str]:
    """The texts of joined ids [T], cut at `offsets` [B + 1]."""
    listed, bounds = ids.tolist(), offsets.tolist()
    return [decoded(vocabulary, listed[start:end]) for start, end in pairwise(bounds)]
