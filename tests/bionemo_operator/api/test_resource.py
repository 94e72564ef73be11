import pytest
from pydantic import ValidationError

from bionemo_operator.api import BioNeMoTraining
from testkit.documents import training_document


def test_a_resource_that_breaks_a_rule_can_not_be_made():
    document = training_document(parallelism={"sequence": True}, recovery={"minNodes": 9})

    with pytest.raises(ValidationError) as caught:
        BioNeMoTraining.model_validate(document)

    assert caught.value.errors()[0]["msg"] == (
        "spec.recovery.minNodes: 9 must be at most spec.nodes; lower it or leave it out.\n"
        "spec.parallelism.sequence: True needs tensor above 1, for it shares what tensor parallelism splits; "
        "set it to false or raise tensor."
    )


def test_a_resource_can_not_be_changed():
    training = BioNeMoTraining.model_validate(training_document())

    with pytest.raises(ValidationError, match="Instance is frozen"):
        training.kind = "BioNeMoTraining"
