"""Rotary positions: queries and keys turned by angles that grow with their place (Su et al., "RoFormer", 2021).

Called by the encoder models for the angles and by attention for the turning, which kernels of ours do themselves. The halves of a
head are paired, as in the published ESM-2 weights. Shapes: T packed tokens, N heads of width D, P = D / 2 pairs.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

BASE = 10000.0
"""Slowest angle per place is 1 / BASE; the value of RoFormer and ESM-2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotation:
    """The angles of every token of a batch, 32 bit."""

    cos_TP: Tensor
    sin_TP: Tensor

    @classmethod
    def of(cls, positions_T: Tensor, head_width: int) -> Self:
        """The rotation of tokens at these places in their sequences."""
        pairs = torch.arange(0, head_width, 2, dtype=torch.float32, device=positions_T.device)
        angles_TP = positions_T[:, None].float() * BASE ** (-pairs / head_width)
        return cls(cos_TP=angles_TP.cos(), sin_TP=angles_TP.sin())

    def turn(self, heads_TND: Tensor) -> Tensor:
        """Queries or keys, turned in 32 bit, in their own precision [T, N, D]."""
        first, second = heads_TND.float().chunk(2, dim=-1)
        cos_T1P, sin_T1P = self.cos_TP[:, None], self.sin_TP[:, None]
        halves = first * cos_T1P - second * sin_T1P, second * cos_T1P + first * sin_T1P
        return torch.cat(halves, dim=-1).to(heads_TND.dtype)
