"""Random numbers for one sample, keyed by (seed, position in the run, purpose).

Called by the collators. Nothing here has state between samples: the same key gives the same numbers in any process.

Philox's raw output is fixed by its definition and guarded by numpy's compatibility policy (NEP 19), which covers no
distribution of `numpy.random.Generator`. So the distributions are made here, and a run resumed under a newer numpy
sees the same masks.
"""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.random.bit_generator import ISeedSequence

type Floats = npt.NDArray[np.float64]
type Integers = npt.NDArray[np.int64]
type Words = npt.NDArray[np.uint64]

UNIT_53 = 2.0**-53
"""Spacing of the uniform numbers: a double holds 53 bits."""


class RandomStream:
    """A sequence of random numbers that belongs to one sample and one purpose.

    The purpose keeps the draws of, say, masking apart from those of augmentation: changing one leaves the other as it was.
    """

    def __init__(self, *, seed: int, position: int, purpose: str) -> None:
        key = _philox_key(seed, purpose)
        self._bits = np.random.Philox(_Key(key))  # type: ignore[arg-type]  # numpy's types leave ISeedSequence out
        self._bits.state = _state_before(position, key)  # type: ignore[assignment]  # whose type numpy keeps private

    def uniform(self, count: int) -> Floats:
        """Numbers from 0 up to but without 1 [count]."""
        return (self._bits.random_raw(count) >> np.uint64(11)).astype(np.float64) * UNIT_53

    def below(self, bounds: Integers) -> Integers:
        """An integer from 0 to bound - 1 for each of `bounds` [N], all at least 1 and below 2^32 [N].

        A number is off its fair share by less than one part in 2^21.
        """
        return (self.uniform(len(bounds)) * bounds).astype(np.int64)

    def choice(self, cumulative: Floats, count: int) -> Integers:
        """Indices drawn with the probabilities whose running sums are `cumulative` [K], the last exactly 1 [count]."""
        return cumulative.searchsorted(self.uniform(count), side="right")

    def subset(self, size: int, count: int) -> Integers:
        """`count` different numbers below `size`, rising; every such set is equally likely [count]."""
        return np.sort(np.argsort(self.uniform(size), kind="stable")[:count])


def cumulative(weights: Floats) -> Floats:
    """Running sums of `weights` [K] as a share of their total, for `RandomStream.choice` [K]."""
    sums: Floats = np.cumsum(weights, dtype=np.float64)
    shares: Floats = sums / sums[-1]
    return shares


def library_seed(*, seed: int, position: int, purpose: str) -> int:
    """A seed, keyed likewise, for a library with a generator of its own: from 1 to 2^31 - 1, as RDKit takes them."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{position}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % (2**31 - 1)


class _Key(ISeedSequence):
    """A key in the form in which Philox takes it without gathering entropy first, which costs three times the rest."""

    def __init__(self, key: Words) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: npt.DTypeLike = np.uint32) -> Words:  # noqa: ARG002  numpy's signature
        return self.key


@lru_cache(maxsize=64)
def _philox_key(seed: int, purpose: str) -> Words:
    """128 bits from the seed and the purpose; kept, because a run asks for the same few keys millions of times."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype="<u8")


def _state_before(position: int, key: Words) -> dict[str, object]:
    """Philox before its first number of a position: each has a block of 2^128 counter values, so no two share a number."""
    return {
        "bit_generator": "Philox",
        "state": {"counter": (0, 0, position, 0), "key": key},
        "buffer": (0, 0, 0, 0),
        "buffer_pos": 4,  # all of the buffer is used up
        "has_uint32": 0,
        "uinteger": 0,
    }
