"""The suite for the chart: what helm makes of it, and what a real API server says to that.

Runs only when asked for by name (poe chart): helm and the API server take minutes to build the first time. Golden files are written
anew by `poe chart --update-goldens`.
"""

import shutil
from pathlib import Path

import pytest

from testkit.cluster_control_plane import control_plane
from testkit.cluster_helm import CHART, Helm
from testkit.cluster_programs import built_programs

HERE = Path(__file__).parent


def pytest_ignore_collect(config):
    asked_for = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in asked_for) else True


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.enable_socket)


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
