"""Every kind is where the Kubernetes API has it."""

import pytest

from bionemo_operator.cluster.kinds import PODS, TRAININGS


@pytest.mark.parametrize(
    ("kind", "place", "path"),
    [
        pytest.param(PODS, (), "/api/v1/pods", id="a core kind everywhere"),
        pytest.param(PODS, ("lab", "one"), "/api/v1/namespaces/lab/pods/one", id="a core object"),
        pytest.param(
            TRAININGS, ("lab",), "/apis/bionemo.dev/v1alpha1/namespaces/lab/bionemotrainings", id="a kind of ours"
        ),
        pytest.param(
            TRAININGS,
            ("lab", "one", "status"),
            "/apis/bionemo.dev/v1alpha1/namespaces/lab/bionemotrainings/one/status",
            id="a status",
        ),
    ],
)
def test_a_path_names_a_place(kind, place, path):
    assert kind.path(*place) == path


@pytest.mark.parametrize(("kind", "name"), [(PODS, "pods"), (TRAININGS, "bionemotrainings.bionemo.dev")])
def test_a_kind_is_called_as_its_definition_is(kind, name):
    assert str(kind) == name
