"""Rotary positions: queries and keys turned by angles that grow with their place (Su et al., "RoFormer", 2021).

Called by the encoder models for the angles and by self-attention for the turning. The halves of a head are paired, as in
the published ESM-2 weights. Shapes: T packed tokens, N heads of width D.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

BASE = 10000.0
"""Slowest angle per place is 1 / BASE; the value of RoFormer and ESM-2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rotation:
    """The angles of every token of a batch."""

    cos_T1D: Tensor
    sin_T1D: Tensor

    @classmethod
    def of(cls, positions_T: Tensor, head_width: int, dtype: torch.dtype) -> Self:
        """The rotation of tokens at these places in their sequences, computed in 32 bit."""
        pairs = torch.arange(0, head_width, 2, dtype=torch.float32, device=positions_T.device)
        angles = positions_T[:, None].float() * BASE ** (-pairs / head_width)
        angles_T1D = torch.cat((angles, angles), dim=-1)[:, None]
        return cls(cos_T1D=angles_T1D.cos().to(dtype), sin_T1D=angles_T1D.sin().to(dtype))

    def turn(self, heads_TND: Tensor) -> Tensor:
        """Queries or keys, turned [T, N, D]."""
        first, second = heads_TND.chunk(2, dim=-1)
        return heads_TND * self.cos_T1D + torch.cat((-second, first), dim=-1) * self.sin_T1D
