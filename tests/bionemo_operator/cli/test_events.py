"""`bionemo events` gathers what is told of an object, of its jobs and of its pods."""

from datetime import UTC, datetime

import pytest

from bionemo_operator.cli.events import is_about, print_events
from bionemo_operator.cli.seen import find
from testkit.documents import preprocess_document, training_document

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_events_are_listed_with_the_oldest_first(api, cluster, objects, said):
    api.put(training_document("small"))
    api.put(
        objects.event(
            "c", "Pod/small-1-worker-0", at=None, reason="Pulled", deprecatedLastTimestamp="2026-11-24T11:58:00Z"
        )
    )
    api.put(objects.event("b", "BioNeMoTraining/small", at="2026-11-24T11:50:00Z", note="0 of 2 nodes run\nattempt 1."))
    api.put(
        objects.event(
            "a", "Pod/small-1-worker-1", type_="Warning", reason="BackOff",
            series={"count": 7, "lastObservedTime": "2026-11-24T11:59:30Z"},
        )
    )  # fmt: skip
    api.put(objects.event("d", "Pod/other-1-worker-0"))
    print_events(cluster, "small", NOON)
    assert [line.rstrip() for line in said().splitlines()] == [
        "AGE  TYPE     REASON    OBJECT                 MESSAGE",
        "10m  Normal   Starting  BioNeMoTraining/small  0 of 2 nodes run attempt 1.",
        "2m   Normal   Pulled    Pod/small-1-worker-0   A note.",
        "30s  Warning  BackOff   Pod/small-1-worker-1   A note. (7 times)",
    ]


def test_no_events_are_said(api, cluster, said):
    api.put(training_document("small"))
    print_events(cluster, "small", NOON)
    assert said() == (
        "Kubernetes has no events of BioNeMoTraining small; it forgets them after an hour. "
        "`bionemo status small` tells how it is.\n"
    )


@pytest.mark.parametrize(
    ("regarding", "expected"),
    [
        ("BioNeMoTraining/small", True), ("PyTorchJob/small-2", True), ("Pod/small-12-worker-3", True),
        ("BioNeMoTraining/small-1", False), ("PyTorchJob/small-1-1", False), ("Pod/smalls-1-worker-0", False),
        ("Node/small-1", False), ("BioNeMoPreprocess/small", False),
    ],
)  # fmt: skip
def test_a_training_is_told_from_others_by_its_names(api, cluster, objects, regarding, expected):
    api.put(training_document("small"))
    assert is_about(objects.event("e", regarding), find(cluster, "small")) is expected


@pytest.mark.parametrize(
    ("regarding", "expected"),
    [
        ("BioNeMoPreprocess/zinc15", True), ("Job/zinc15-map", True), ("Pod/zinc15-map-3-x7k2p", True),
        ("Job/zinc15-other", False), ("Pod/zinc15-map", True), ("PyTorchJob/zinc15-1", False),
    ],
)  # fmt: skip
def test_a_preparation_is_told_from_others_by_its_names(api, cluster, objects, regarding, expected):
    api.put(preprocess_document("zinc15"))
    assert is_about(objects.event("e", regarding), find(cluster, "zinc15")) is expected


def test_an_event_without_any_time_comes_first(api, cluster, objects, said):
    api.put(training_document("small"))
    api.put(objects.event("b", "BioNeMoTraining/small"))
    nameless = api.put(objects.event("a", "PyTorchJob/small-1", at=None, reason="Timeless"))
    nameless["metadata"].pop("creationTimestamp")
    print_events(cluster, "small", NOON)
    assert "Timeless" in said().splitlines()[1]
