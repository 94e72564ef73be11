"""What collators make of one row, before packing: one form for encoder models and one for encoder-decoder models.

Made by the collators, taken by `packing`. Ids are 16-bit unsigned, labels 32-bit signed so that they can be IGNORED.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bionemo_trainer.tokenizers.protocol import TokenIds

type Labels = npt.NDArray[np.int32]
"""The id to predict at each place, or IGNORED [T]."""

IGNORED: Final = -1
"""Label of a place that the loss leaves out: the loss mask is `labels != IGNORED`. The value is BioNeMo's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSample:
    """A masked sequence; labels are IGNORED except at the masked places."""

    tokens: TokenIds
    """What the encoder reads [T]."""
    labels: Labels
    """What it must say [T]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderDecoderSample:
    """A corrupted sequence and the one to write; the loss counts every decoder place."""

    encoder_tokens: TokenIds
    """What the encoder reads [E]; no begin or end token."""
    decoder_tokens: TokenIds
    """The begin token, then what was to be written before each place [D]."""
    labels: Labels
    """What is to be written at each place, then the end token [D]."""
    target_smiles: str | None = None
    """The molecule to compare generated SMILES with; None where the sample is no molecule or nobody will compare."""


def decoder_sample(
    encoder_tokens: TokenIds, written: TokenIds, *, bos_id: int, eos_id: int, target_smiles: str | None = None
) -> EncoderDecoderSample:
    """Teacher forcing: the decoder reads [begin] + written [W] and must say written + [end]."""
    read, labels = np.empty(len(written) + 1, dtype=np.uint16), np.empty(len(written) + 1, dtype=np.int32)
    read[0], read[1:] = bos_id, written
    labels[:-1], labels[-1] = written, eos_id
    return EncoderDecoderSample(
        encoder_tokens=encoder_tokens,
        decoder_tokens=read,
        labels=labels,
        target_smiles=target_smiles,
    )
