"""Which sample comes at which position of a run: a pure function of the seed, never of ranks, workers or history.

Called by the data loaders. A position counts the samples of a run from 0 on, over all epochs.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bionemo_trainer.data.permutation import Indices, Permutation


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOrder:
    """Every sample once per epoch, each epoch in an order of its own.

    With `num_samples=5`, positions 0 to 4 are epoch 0, positions 5 to 9 epoch 1, and each holds the indices 0 to 4 once.
    """

    num_samples: int
    """Samples in the dataset, at least 1."""
    seed: int
    """Any integer; another seed gives other orders."""

    def indices(self, positions: Indices) -> Indices:
        """Indices in the dataset, from 0 on, of the samples at `positions` [N], in any order and over any epochs [N]."""
        epochs, places = np.divmod(positions.astype(np.int64), self.num_samples)
        indices = np.empty_like(places)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            indices[chosen] = _epoch_permutation(self.num_samples, self.seed, epoch).many(places[chosen])
        return indices


@lru_cache(maxsize=8)
def _epoch_permutation(num_samples: int, seed: int, epoch: int) -> Permutation:
    """The permutation of one epoch; the few that a loader is in at one time are kept, since making one hashes its key."""
    return Permutation(size=num_samples, key=f"sample order, seed {seed}, epoch {epoch}")
