"""Micro batches as tensors: what the numpy side packed, on the device, with the places of the targets already found.

Unloaded from `freight` by the engine, taken by the models. Shapes: T tokens of B sequences packed
one after the other, N targets.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from bionemo_trainer.data.filling import PADDING_ID


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedTokens:
    """B sequences of T tokens together."""

    tokens_T: Tensor
    """Ids, 64 bit [T]."""
    positions_T: Tensor
    """Place of each token in its own sequence, 64 bit [T]."""
    cu_seqlens: Tensor
    """Where each sequence starts, and the end of the last, 32 bit [B + 1]."""
    max_seqlen: int
    """Length of the longest sequence, known without asking the device."""

    @property
    def num_tokens(self) -> int:
        """T."""
        return self.tokens_T.shape[0]

    @property
    def num_sequences(self) -> int:
        """B."""
        return self.cu_seqlens.shape[0] - 1

    def filled_up(self, multiple: int, num_fillers: int = 1) -> Self:
        """With sequences of padding appended, so that `multiple` divides T.

        Sequence parallelism needs it. At least one token per filler is always added, so that the two sides of an
        encoder-decoder batch get the same number of sequences, none of them empty.

        Args:
            multiple: What is to divide T; the tensor-parallel size.
            num_fillers: Sequences to append; all but the last have one token.
        """
        last = 1 + -(self.num_tokens + num_fillers) % multiple
        lengths = [1] * (num_fillers - 1) + [last]
        ends = self.cu_seqlens[-1] + self.cu_seqlens.new_tensor(lengths).cumsum(0, dtype=torch.int32)
        places = torch.cat([torch.arange(length, device=ends.device) for length in lengths])
        return replace(
            self,
            tokens_T=torch.cat((self.tokens_T, torch.full_like(places, PADDING_ID))),
            positions_T=torch.cat((self.positions_T, places)),
            cu_seqlens=torch.cat((self.cu_seqlens, ends)),
            max_seqlen=max(self.max_seqlen, last),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """The places that the loss counts. They are found on the CPU, so that no kernel has to wait for their number."""

    places: Tensor | int
    """Indexes into the packed tokens, ascending, 64 bit [N]; or N, where they are the first N tokens."""
    ids_N: Tensor
    """What is to be said there, 64 bit; IGNORED where a target only fills up [N]."""

    @property
    def count(self) -> int:
        """N."""
        return self.ids_N.shape[0]

    @property
    def places_N(self) -> Tensor:
        """The indexes in any case."""
        return self.places if isinstance(self.places, Tensor) else torch.arange(self.count, device=self.ids_N.device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncoderBatch:
    """A micro batch for ESM-1nv and ESM-2."""

    inputs: PackedTokens
    targets: Targets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncoderDecoderBatch:
    """A micro batch for MegaMolBART and ProtT5nv; targets are places of the decoder."""

    encoder: PackedTokens
    decoder: PackedTokens
    targets: Targets
