"""`bionemo logs` finds the pod that is meant, or says why there is none."""

import pytest

from bionemo_operator.cli.logs import Wanted, print_logs
from bionemo_operator.cluster.kinds import PODS
from bionemo_operator.errors import RejectedError
from bionemo_trainer.errors import ConfigError, MissingInputError
from testkit.documents import preprocess_document, training_document

EARLIER = "2026-11-24T09:00:00Z"


@pytest.fixture
def pods(api, objects):
    """Put pods into the cluster, each with its name as its log."""

    def put(*names, job="small-1", at="2026-11-24T10:00:00Z", **facts):
        for name in names:
            pod = objects.pod(name, labels={"training.kubeflow.org/job-name": job}, **facts)
            api.put({**pod, "metadata": {**pod["metadata"], "creationTimestamp": at}})
            api.logs[f"{PODS.path('lab', name)}/log"] = f"log of {name}\n".encode()

    return put


@pytest.fixture
def small(api):
    """A training of 4 nodes with 8 GPUs each."""
    return api.put(training_document("small"))


def refusal_of(cluster, error, name="small", **wanted):
    with pytest.raises(error) as caught:
        print_logs(cluster, name, Wanted(**wanted))
    return str(caught.value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("wanted", "pod"),
    [({}, 0), ({"node": 1}, 1), ({"rank": 7}, 0), ({"rank": 8}, 1), ({"rank": 23}, 2)],
    ids=["first node", "a node", "last rank of a node", "first rank of a node", "another rank"],
)
def test_a_log_is_that_of_the_pod_of_a_node(cluster, pods, said, wanted, pod):
    pods(*(f"small-1-worker-{index}" for index in range(4)))
    print_logs(cluster, "small", Wanted(**wanted))
    assert said() == f"log of small-1-worker-{pod}\n"


@pytest.mark.usefixtures("small")
def test_the_newest_attempt_counts(cluster, pods, said):
    pods("small-2-worker-0", job="small-2")
    pods("small-1-worker-0", at=EARLIER)
    print_logs(cluster, "small", Wanted())
    assert said() == "log of small-2-worker-0\n"


@pytest.mark.usefixtures("small")
def test_the_container_of_the_training_is_asked_and_followed(api, cluster, pods, said):
    pods("small-1-worker-0")
    print_logs(cluster, "small", Wanted(follow=True))
    assert said() == "log of small-1-worker-0\n"
    assert api.requests[-1][2] == {"container": "pytorch", "follow": "true"}


def test_a_preparation_has_the_log_of_its_newest_stage(api, cluster, objects, said):
    api.put(preprocess_document("zinc15"))
    own = {
        "bionemo.dev/kind": "bionemopreprocess",
        "training.kubeflow.org/job-name": "",
        "training.kubeflow.org/replica-index": "",
    }
    for index in (0, 3):
        labels = own | {
            "batch.kubernetes.io/job-name": "zinc15-map",
            "batch.kubernetes.io/job-completion-index": str(index),
        }
        api.put(objects.pod(f"zinc15-map-{index}", owner="zinc15", labels=labels))
        api.logs[f"{PODS.path('lab', f'zinc15-map-{index}')}/log"] = b"share %d\n" % index
    print_logs(cluster, "zinc15", Wanted(node=3))
    assert said() == "share 3\n"
    assert api.requests[-1][2] == {"container": "prepare"}


def test_a_preparation_has_no_ranks(api, cluster):
    api.put(preprocess_document("zinc15"))
    assert refusal_of(cluster, ConfigError, "zinc15", rank=1) == (
        "--rank: 1 is given, and a preparation has no ranks; name one of its shares with --node."
    )


@pytest.mark.usefixtures("small")
def test_a_rank_and_a_node_are_too_much(cluster):
    assert (
        refusal_of(cluster, ConfigError, rank=1, node=2)
        == "--rank: 1 is given beside --node 2; leave out one of the two."
    )


@pytest.mark.usefixtures("small")
def test_a_training_without_pods_is_said(cluster):
    assert refusal_of(cluster, MissingInputError) == (
        "NAME: 'small' has no pod of node 0 now; `bionemo status small` and `bionemo events small` tell more."
    )


def test_what_keeps_a_training_from_having_pods_is_said(cluster, golden_objects):
    golden_objects("waiting")
    assert refusal_of(cluster, MissingInputError, "waiting") == (
        "NAME: 'waiting' has no pod of node 0 now; PreprocessRunning: The training waits for BioNeMoPreprocess uniref50, which "
        "is at 12 of 30 shards. `bionemo status waiting` and `bionemo events waiting` tell more."
    )


@pytest.mark.usefixtures("small")
def test_a_node_that_there_is_not_is_said(cluster, pods):
    pods("small-1-worker-0")
    assert "'small' has no pod of node 9 in small-1; " in refusal_of(cluster, MissingInputError, node=9)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]},
            " (ImagePullBackOff: no such image)",
        ),
    ],
    ids=["no reason", "an image that is not there"],
)
def test_a_pod_that_has_not_started_is_said(cluster, pods, facts, why):
    pods("small-1-worker-0", phase="Pending", **facts)
    assert refusal_of(cluster, MissingInputError) == (
        f"pod: 'small-1-worker-0' has not started{why}; try again when it runs; `bionemo events small` tells more."
    )


@pytest.mark.usefixtures("small")
def test_a_log_that_is_refused_is_an_error_of_the_cluster(api, cluster, pods):
    pods("small-1-worker-0")
    api.failures["GET", f"{PODS.path('lab', 'small-1-worker-0')}/log"] = (403, "no right")
    assert "403: no right" in refusal_of(cluster, RejectedError)
