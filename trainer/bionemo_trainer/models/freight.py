"""A micro batch on its way from a loader's process to the device, in one piece.

Made by `training.loaders` where the samples are packed, unloaded by the engine. One tensor crosses between processes in shared
memory, and one copy, which waits for nothing when the memory is pinned, reaches the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bionemo_trainer.data import packing
from bionemo_trainer.data.packing import Bounds
from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch, PackedTokens, Targets
from bionemo_trainer.tokenizers.protocol import TokenIds

_SIDE_PARTS = 3
"""Tokens, positions and bounds of the sequences of one side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Freight:
    """Numbers of one or two sides and of the targets."""

    numbers: Tensor
    """For each side tokens, positions and bounds, then the places and the ids of the targets, 32 bit."""
    lengths: tuple[int, ...]
    """Of these parts."""
    max_seqlens: tuple[int, ...]
    """Length of the longest sequence of each side, in tokens."""
    target_smiles: tuple[str | None, ...]
    """The molecule of each sequence, where samples carry one."""

    @classmethod
    def of(cls, batch: packing.EncoderBatch | packing.EncoderDecoderBatch) -> Self:
        """What was packed, on the CPU."""
        sides: tuple[packing.PackedTokens, ...]
        target_smiles: tuple[str | None, ...] = ()
        if isinstance(batch, packing.EncoderDecoderBatch):
            sides, target_smiles = (batch.encoder, batch.decoder), batch.target_smiles
        else:
            sides = (batch.inputs,)
        places = np.flatnonzero(batch.labels != IGNORED)
        of_sides = (part for side in sides for part in (side.tokens, side.positions, side.cu_seqlens))
        parts: list[npt.NDArray[np.integer]] = [*of_sides, places, batch.labels[places]]
        return cls(
            numbers=torch.from_numpy(np.concatenate(parts, dtype=np.int32, casting="same_kind")),
            lengths=tuple(map(len, parts)),
            max_seqlens=tuple(side.max_seqlen for side in sides),
            target_smiles=target_smiles,
        )

    @property
    def num_targets(self) -> int:
        """Places that the loss counts."""
        return self.lengths[-1]

    @property
    def num_tokens(self) -> int:
        """Of all sides."""
        return sum(self.lengths[:-2:_SIDE_PARTS])

    @property
    def sources(self) -> tuple[TokenIds, Bounds]:
        """Tokens and bounds of the first side."""
        tokens, _, bounds = self._parts_of(self.numbers)[:_SIDE_PARTS]
        return tokens.numpy().astype(np.uint16), bounds.numpy()

    def pin_memory(self) -> Self:
        """The same in memory that a GPU reads by itself; torch's loader asks for it."""
        return replace(self, numbers=self.numbers.pin_memory())

    def to(self, device: torch.device) -> EncoderBatch | EncoderDecoderBatch:
        """The micro batch on a device."""
        parts = self._parts_of(self.numbers.to(device, non_blocking=True))
        *sides, targets = (parts[start : start + _SIDE_PARTS] for start in range(0, len(parts), _SIDE_PARTS))
        packs = [_pack(side, longest) for side, longest in zip(sides, self.max_seqlens, strict=True)]
        found = Targets(places_N=targets[0].long(), ids_N=targets[1].long())
        if len(packs) == 1:
            return EncoderBatch(inputs=packs[0], targets=found)
        encoder, decoder = packs
        return EncoderDecoderBatch(encoder=encoder, decoder=decoder, targets=found)

    def _parts_of(self, numbers: Tensor) -> Sequence[Tensor]:
        return torch.split(numbers, list(self.lengths))


def _pack(side: Sequence[Tensor], max_seqlen: int) -> PackedTokens:
    """One side; each part has memory of its own, since kernels are compiled for parts that begin at a multiple of 16 bytes."""
    tokens, positions, bounds = side
    return PackedTokens(
        tokens_T=tokens.long(), positions_T=positions.long(), cu_seqlens=bounds.clone(), max_seqlen=max_seqlen
    )
