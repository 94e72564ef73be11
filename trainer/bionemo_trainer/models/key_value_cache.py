"""Keys and values that decoding token by token keeps, so that a step costs one token and not the whole sequence.

Made by `decoding`, filled by the attention layers. Shapes: B sequences in step with each other, N heads of width D, S
cached places; hidden states of a step are [B, 1, H].
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from bionemo_trainer.models.attention import Bounds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyValues:
    """What queries can look at."""

    keys_BNSD: Tensor
    values_BNSD: Tensor
    is_real_BS: Tensor | None = None
    """Which places hold a token; None means all."""


class KeyValueCache:
    """The cache of one decoder layer. It changes with every step: the one mutable thing of the models."""

    def __init__(self, max_steps: int) -> None:
        """An empty cache with room for `max_steps` tokens per sequence."""
        self.memory: KeyValues | None = None
        """Of the encoder's tokens, the same at every step; None before the first."""
        self._max_steps = max_steps
        self._num_steps = 0
        self._steps_2BNSD: Tensor | None = None

    def extended(self, key_BND: Tensor, value_BND: Tensor) -> KeyValues:
        """Adds the token of this step and gives all so far."""
        if self._steps_2BNSD is None:
            batch, heads, width = key_BND.shape
            self._steps_2BNSD = key_BND.new_empty(2, batch, heads, self._max_steps, width)
        self._steps_2BNSD[0, :, :, self._num_steps] = key_BND
        self._steps_2BNSD[1, :, :, self._num_steps] = value_BND
        self._num_steps += 1
        keys, values = self._steps_2BNSD[:, :, :, : self._num_steps].unbind(0)
        return KeyValues(keys_BNSD=keys, values_BNSD=values)

    def with_memory(self, heads_MND: tuple[Tensor, ...], bounds: Bounds) -> KeyValues:
        """Keeps the keys and values of the encoder's packed tokens as rows."""
        keys, values = (bounds.padded(heads).contiguous() for heads in heads_MND)
        self.memory = KeyValues(keys_BNSD=keys, values_BNSD=values, is_real_BS=bounds.is_real_BS)
        return self.memory


def attend_to_cached(query_BND: Tensor, cached: KeyValues) -> Tensor:
    """Attention of one query per sequence, without dropout [B, N, D]."""
    sees = None if cached.is_real_BS is None else cached.is_real_BS[:, None, None, :]
    attended_BN1D: Tensor = functional.scaled_dot_product_attention(
        query_BND[:, :, None], cached.keys_BNSD, cached.values_BNSD, attn_mask=sees
    )
    return attended_BN1D.squeeze(2)


def empty_caches(num_layers: int, max_steps: int) -> tuple[KeyValueCache, ...]:
    """One cache per layer."""
    return tuple(KeyValueCache(max_steps) for _ in range(num_layers))
