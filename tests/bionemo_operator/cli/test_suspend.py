"""`bionemo suspend` and `bionemo resume` say what follows."""

import pytest

from bionemo_operator.cli.suspend import set_suspend
from bionemo_operator.cluster.kinds import PREPROCESSES, TRAININGS
from bionemo_trainer.errors import ConfigError
from testkit.documents import preprocess_document, training_document


def ended(status):
    condition = {
        "type": "Succeeded", "status": status, "observedGeneration": 1, "lastTransitionTime": "2026-11-24T11:00:00Z",
        "reason": "Completed", "message": "Done.",
    }  # fmt: skip
    return {"conditions": [condition]}


def test_a_training_is_suspended_and_resumed(api, cluster, said):
    api.put(training_document("small"))
    set_suspend(cluster, "small", suspend=True)
    assert said() == (
        "BioNeMoTraining small: saves a checkpoint and gives its GPUs back; `bionemo resume small` lets it go on\n"
    )
    assert api.objects[TRAININGS.path("lab", "small")]["spec"]["suspend"] is True
    set_suspend(cluster, "small", suspend=False)
    assert said() == "BioNeMoTraining small: goes on from its last checkpoint\n"
    assert api.objects[TRAININGS.path("lab", "small")]["spec"]["suspend"] is False


def test_a_preparation_is_suspended_and_resumed(api, cluster, said):
    api.put(preprocess_document("zinc15"))
    set_suspend(cluster, "zinc15", suspend=True)
    set_suspend(cluster, "zinc15", suspend=False)
    assert said() == (
        "BioNeMoPreprocess zinc15: ends its pods and keeps what is done; `bionemo resume zinc15` lets it go on\n"
        "BioNeMoPreprocess zinc15: goes on where it stopped\n"
    )
    assert api.objects[PREPROCESSES.path("lab", "zinc15")]["spec"]["suspend"] is False


@pytest.mark.parametrize(("suspend", "words"), [(True, "suspended already"), (False, "not suspended")])
def test_what_is_so_already_is_left_alone(api, cluster, said, suspend, words):
    api.put(training_document("small", suspend=suspend))
    set_suspend(cluster, "small", suspend=suspend)
    assert said() == f"BioNeMoTraining small is {words}\n"
    assert {method for method, *_ in api.requests} == {"GET"}


@pytest.mark.parametrize(
    ("document", "status", "suspend", "words"),
    [
        (
            training_document("x"), "False", False,
            "has failed and can't be resumed; create a new training with spec.resumeFrom to train further",
        ),
        (preprocess_document("x"), "True", True, "has succeeded and can't be suspended; create a new one"),
    ],
    ids=["failed training", "finished preparation"],
)  # fmt: skip
def test_what_has_ended_stays_as_it_is(api, cluster, document, status, suspend, words):
    api.put({**document, "status": ended(status)})
    with pytest.raises(ConfigError) as caught:
        set_suspend(cluster, "x", suspend=suspend)
    assert str(caught.value) == f"NAME: 'x' {words}."
