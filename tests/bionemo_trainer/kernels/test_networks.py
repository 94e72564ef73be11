"""With all of our kernels a network stays the same network, compiled or not; here in Triton's interpreter."""

import pytest

pytest.importorskip("triton")

from testkit.fresh_processes import IN_FRESH_PROCESSES, interpreted
from testkit.kernel_network_cases import NETWORKS, network_cases

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    return interpreted(network_cases, tmp_path_factory.mktemp("networks"))


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_layers_compute_the_same(ways, name):
    assert ways[name]["compiled"] == pytest.approx(ways[name]["kernels"], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", ["whole", "rotary"])
def test_a_network_stays_the_same_network(ways, name):
    assert ways[name]["kernels"] == pytest.approx(ways[name]["torch"], rel=1e-4, abs=1e-5)
    assert ways[name]["kernels"] != ways[name]["torch"], "other sums round elsewhere, so both ways were the same one"


def test_dropout_drops(ways):
    assert ways["dropping"]["kernels"][0] != pytest.approx(ways["whole"]["kernels"][0], rel=1e-3)
