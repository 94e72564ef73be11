"""Micro batches that are replayed are learned as those whose kernels are launched one by one."""

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("graphs need a GPU", allow_module_level=True)

from testkit.fresh_processes import findings_of  # noqa: E402  after the skip
from testkit.gpu_cases import graph_cases  # noqa: E402
from testkit.networks import FAMILIES  # noqa: E402


@pytest.fixture(scope="module")
def found(datasets):
    return findings_of(graph_cases, datasets, CUDA_VISIBLE_DEVICES="0")


@pytest.mark.parametrize("name", [*FAMILIES, "fp8"])
def test_losses_with_dropout_are_the_same(found, name):
    if name == "fp8" and f"replayed {name}" not in found:
        pytest.skip("fp8 needs a GPU from Hopper on")
    assert found[f"replayed {name}"] == pytest.approx(found[f"launched {name}"], rel=1e-3)
    assert 1 <= found[f"graphs {name}"][0] < len(found[f"replayed {name}"])


def test_what_can_not_be_recorded_is_told_once_and_runs_kernel_by_kernel(found):
    assert found["broken"] == pytest.approx(found["whole"], rel=1e-3)
    (words,) = found["words"]
    assert words.startswith("micro batches run without CUDA graphs: ")
    assert words.endswith("model.enable_cuda_graph=False leaves the attempt out")
