"""Names of the metrics that validation measures, per model family; BioNeMo's names, old and new."""

from bionemo_trainer.config.schema.root import Family

_LOSSES = ("val_loss", "val_reduced_loss", "reduced_train_loss", "val_perplexity")
_RECONSTRUCTION = ("val_molecular_accuracy", "val_character_accuracy", "val_percent_invalid")


def monitored_metrics(family: Family) -> tuple[str, ...]:
    """Metrics that can rank the checkpoints of a family.

    `val_loss` and `val_reduced_loss` are one number under the names of v1.x and v0.3.
    """
    return (*_LOSSES, *_RECONSTRUCTION) if family == "megamolbart" else _LOSSES
