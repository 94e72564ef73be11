"""The suite for the chart: what helm makes of it, and what a real API server says to that.

Runs only when asked for by name (poe chart): helm and the API server take minutes to build the first time. Golden files are written
anew by `poe chart --update-goldens`.
"""

import shutil

import pytest

from testkit.cluster_control_plane import control_plane
from testkit.cluster_helm import CHART, Helm
from testkit.cluster_programs import built_programs


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    """helm without a cluster."""
    return Helm(program=built_programs("level2").path("helm"), folder=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory):
    """Access to an API server that has nothing of ours."""
    with control_plane(tmp_path_factory.mktemp("plane")) as plane:
        yield plane.kubectl


@pytest.fixture
def chart(tmp_path):
    """A copy of the chart without dashboards and alerts, for a test to add its own."""
    copy = shutil.copytree(CHART, tmp_path / "chart")
    for folder in ("dashboards", "alerts"):
        shutil.rmtree(copy / "files" / folder, ignore_errors=True)
        (copy / "files" / folder).mkdir()
    return copy
