"""How long the sequences of a dataset are that lies on this machine, for the estimate of speed; from its manifest."""

from pathlib import Path

from bionemo_trainer.data.manifest import read_manifest
from bionemo_trainer.errors import BioNeMoError

_BEGIN_AND_END = 2
"""Tokens of a sequence beside its characters."""


def mean_length_of(dataset: Path, longest: int) -> float | None:
    """Tokens of a sequence on average; None when the folder is not here or holds no complete dataset.

    The manifest counts characters by ranges, each of which is taken for its middle: a fourth of an octave is near enough.

    Args:
        dataset: With train, val, test and manifest.json.
        longest: Tokens at which sequences are cut.
    """
    try:
        buckets = read_manifest(dataset).lengths
    except BioNeMoError:
        return None
    records = sum(bucket.records for bucket in buckets)
    tokens = sum(
        bucket.records * min((bucket.at_least + bucket.below - 1) / 2 + _BEGIN_AND_END, longest) for bucket in buckets
    )
    return tokens / records if records else None
