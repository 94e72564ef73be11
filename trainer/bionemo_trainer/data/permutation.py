"""A keyed bijection of range(n) in constant memory, so that the order of an epoch needs no index file.

Called by `sample_order`. The numbers are our own integer arithmetic: the same on every platform and numpy version.

The method is a Feistel network over the smallest power of two that holds n, with cycle walking: a result outside of
range(n) is put through again until it falls inside, at most twice on average. Method: Black and Rogaway, "Ciphers with
arbitrary finite domains", 2002.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

type Indices = npt.NDArray[np.int64]
type Words = npt.NDArray[np.uint64]

NUM_ROUNDS = 6
"""Even, so that the halves end with the widths they began with. Four make a Feistel network a pseudorandom permutation
when its round function is random (Luby and Rackoff, 1988); two more make up for ours being merely a good mixer."""
FEWEST_BITS = 2
"""Both halves need a bit of their own."""
MOST_BITS = 62
"""Indices are signed 64-bit numbers."""
WORD = 0xFFFF_FFFF_FFFF_FFFF
MIXERS = (0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB)
"""Multipliers of the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators")."""


@dataclass(frozen=True, kw_only=True)
class Permutation:
    """A bijection of range(size), chosen by `key`.

    `Permutation(size=10, key="seed 0")` called with 0 to 9 gives every number below 10 once, in an order that looks random.
    """

    size: int
    """Number of elements, from 1 to 2^62."""
    key: str
    """Names the permutation; any two keys give unrelated orders."""

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 1 << MOST_BITS:
            raise ValueError(f"the size of a permutation must lie between 1 and 2^{MOST_BITS}, not {self.size}")

    def __call__(self, index: int) -> int:
        """Where `index`, from 0 to size - 1, goes."""
        if not 0 <= index < self.size:
            raise IndexError(f"{index} lies outside of a permutation of {self.size}")
        value = self._shuffled_once(index)
        while value >= self.size:
            value = self._shuffled_once(value)
        return value

    def many(self, indices: Indices) -> Indices:
        """Where each of `indices` [N] goes [N]; equal to calling the permutation for each."""
        outside = indices[(indices < 0) | (indices >= self.size)]
        if outside.size:
            raise IndexError(f"{outside[0]} lies outside of a permutation of {self.size}")
        values = self._all_shuffled_once(indices.astype(np.uint64))
        outside = np.flatnonzero(values >= self.size)
        while outside.size:
            values[outside] = self._all_shuffled_once(values[outside])
            outside = outside[values[outside] >= self.size]
        return values.astype(np.int64)

    @cached_property
    def _low_bits(self) -> int:
        return self._num_bits // 2

    @cached_property
    def _num_bits(self) -> int:
        return max(FEWEST_BITS, (self.size - 1).bit_length())

    @cached_property
    def _round_keys(self) -> tuple[int, ...]:
        digest = hashlib.blake2b(self.key.encode("utf-8"), digest_size=8 * NUM_ROUNDS).digest()
        return tuple(int.from_bytes(digest[start : start + 8], "little") for start in range(0, len(digest), 8))

    def _shuffled_once(self, value: int) -> int:
        """One pass through the network, within the power of two."""
        low_bits, high_bits = self._low_bits, self._num_bits - self._low_bits
        high, low = value >> low_bits, value & ((1 << low_bits) - 1)
        for key in self._round_keys:
            high, low = low, high ^ (_mixed(low ^ key) & ((1 << high_bits) - 1))
            low_bits, high_bits = high_bits, low_bits
        return high << low_bits | low

    def _all_shuffled_once(self, values: Words) -> Words:
        """`_shuffled_once` for each of `values` [N]; the same lines, kept apart because Python's integers never wrap."""
        low_bits, high_bits = self._low_bits, self._num_bits - self._low_bits
        high, low = values >> np.uint64(low_bits), values & np.uint64((1 << low_bits) - 1)
        for key in self._round_keys:
            high, low = low, high ^ (_all_mixed(low ^ np.uint64(key)) & np.uint64((1 << high_bits) - 1))
            low_bits, high_bits = high_bits, low_bits
        return high << np.uint64(low_bits) | low


def _mixed(word: int) -> int:
    """SplitMix64's finaliser: every bit of a 64-bit word flips about half of the bits of the result."""
    word = (word ^ word >> 30) * MIXERS[0] & WORD
    word = (word ^ word >> 27) * MIXERS[1] & WORD
    return word ^ word >> 31


def _all_mixed(words: Words) -> Words:
    """`_mixed` for each of `words` [N]."""
    words = (words ^ words >> np.uint64(30)) * np.uint64(MIXERS[0])
    words = (words ^ words >> np.uint64(27)) * np.uint64(MIXERS[1])
    return words ^ words >> np.uint64(31)
