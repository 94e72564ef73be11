"""The operator refuses what the trainer would, without its data preparation, so its limits must be the same."""

from bionemo_operator.api import rules
from bionemo_trainer.data.preparation import plan


def test_molecules_may_be_as_long_for_the_resource_as_for_the_preparation():
    assert rules.MOST_SMILES_CHARACTERS == plan.MOST_SMILES_CHARACTERS
