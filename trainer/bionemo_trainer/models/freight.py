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
from bionemo_trainer.data.filling import LONGEST_FILLER, SIZES_PER_OCTAVE, filled, size_for
from bionemo_trainer.data.packing import Bounds
from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch, PackedTokens, Targets
from bionemo_trainer.tokenizers.protocol import TokenIds

SCATTERED_PER_OCTAVE = 4
"""Sizes of numbers of targets where they are a small part of the tokens, and so cost little."""
_SIDE_PARTS = 3
"""Tokens, positions and bounds of the sequences of one side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Freight:
    """Numbers of one or two sides and of the targets."""

    numbers: Tensor
    """For each side tokens, positions and bounds, then the places of the targets, unless these are the first tokens, and the ids, 32 bit."""
    lengths: tuple[int, ...]
    """Of these parts."""
    max_seqlens: tuple[int, ...]
    """Length of the longest sequence of each side at most, in tokens."""
    num_targets: int
    """Places that the loss counts."""
    num_tokens: int
    """Of all sides, without what fills up."""
    target_smiles: tuple[str | None, ...]
    """The molecule of each sequence, where samples carry one."""

    @classmethod
    def of(cls, batch: packing.EncoderBatch | packing.EncoderDecoderBatch) -> Self:
        """What was packed, on the CPU."""
        places = np.flatnonzero(batch.labels != IGNORED)
        sides = _sides_of(batch)
        return cls._loaded(
            sides, _if_scattered(places), batch.labels[places], tuple(side.max_seqlen for side in sides), batch
        )

    @classmethod
    def of_few_shapes(cls, batch: packing.EncoderBatch | packing.EncoderDecoderBatch) -> Self:
        """The same, filled up so that many batches have the same `shape`."""
        full = filled(batch)
        sides = _sides_of(full)
        places = np.flatnonzero(full.labels != IGNORED)
        scattered = _if_scattered(places)
        sizes = SCATTERED_PER_OCTAVE if len(scattered) else SIZES_PER_OCTAVE
        more = (0, size_for(len(places), per_octave=sizes) - len(places))
        ids = np.pad(full.labels[places], more, constant_values=IGNORED)
        longest = tuple(_rounded_up(side.max_seqlen) for side in sides)
        return cls._loaded(sides, np.pad(scattered, more) if len(scattered) else scattered, ids, longest, batch)

    @classmethod
    def _loaded(
        cls,
        sides: Sequence[packing.PackedTokens],
        places: npt.NDArray[np.integer],
        ids: npt.NDArray[np.integer],
        max_seqlens: tuple[int, ...],
        batch: packing.EncoderBatch | packing.EncoderDecoderBatch,
    ) -> Self:
        of_sides = (part for side in sides for part in (side.tokens, side.positions, side.cu_seqlens))
        parts: list[npt.NDArray[np.integer]] = [*of_sides, places, ids]
        return cls(
            numbers=torch.from_numpy(np.concatenate(parts, dtype=np.int32, casting="same_kind")),
            lengths=tuple(map(len, parts)),
            max_seqlens=max_seqlens,
            num_targets=batch.num_targets,
            num_tokens=sum(len(side.tokens) for side in _sides_of(batch)),
            target_smiles=batch.target_smiles if isinstance(batch, packing.EncoderDecoderBatch) else (),
        )

    @property
    def shape(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What decides which kernels run, and over how many elements."""
        return self.lengths, self.max_seqlens

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
        return self.unloaded(self.numbers.to(device, non_blocking=True))

    def unloaded(self, numbers: Tensor) -> EncoderBatch | EncoderDecoderBatch:
        """The micro batch made of numbers of this shape, where they are."""
        parts = self._parts_of(numbers)
        *sides, targets = (parts[start : start + _SIDE_PARTS] for start in range(0, len(parts), _SIDE_PARTS))
        packs = [_pack(side, longest) for side, longest in zip(sides, self.max_seqlens, strict=True)]
        places, ids = targets
        found = Targets(places=places.long() if len(places) else len(ids), ids_N=ids.long())
        if len(packs) == 1:
            return EncoderBatch(inputs=packs[0], targets=found)
        encoder, decoder = packs
        return EncoderDecoderBatch(encoder=encoder, decoder=decoder, targets=found)

    def _parts_of(self, numbers: Tensor) -> Sequence[Tensor]:
        return torch.split(numbers, list(self.lengths))


def _sides_of(batch: packing.EncoderBatch | packing.EncoderDecoderBatch) -> tuple[packing.PackedTokens, ...]:
    return (batch.inputs,) if isinstance(batch, packing.EncoderBatch) else (batch.encoder, batch.decoder)


def _if_scattered(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Ascending places, none if they are the first ones, as all of a decoder's are: nothing has to be gathered for the loss then."""
    return places if len(places) and places[-1] >= len(places) else places[:0]


def _rounded_up(max_seqlen: int) -> int:
    """A tile times a power of eight: kernels ask no more than whether some sequence is longer than a tile."""
    longest = LONGEST_FILLER
    while longest < max_seqlen:
        longest *= 8
    return longest


def _pack(side: Sequence[Tensor], max_seqlen: int) -> PackedTokens:
    """One side; each part has memory of its own, since kernels are compiled for parts that begin at a multiple of 16 bytes."""
    tokens, positions, bounds = side
    return PackedTokens(
        tokens_T=tokens.long(), positions_T=positions.long(), cu_seqlens=bounds.clone(), max_seqlen=max_seqlen
    )
