"""A device is told by what its name contains, and every GPU has what an estimate needs."""

import pytest

from bionemo_trainer.config.speed.gpus import GPUS, GpuName, gpu_of


@pytest.mark.parametrize(
    ("name", "gpu"),
    [
        pytest.param("NVIDIA H100 80GB HBM3", GpuName.H100, id="as torch tells it"),
        pytest.param("NVIDIA-H100-80GB-HBM3", GpuName.H100, id="as a node's label"),
        pytest.param("NVIDIA-H100-PCIe", GpuName.H100_PCIE, id="a slower form of it"),
        pytest.param("NVIDIA H100 NVL", GpuName.H100_NVL, id="another form of it"),
        pytest.param("NVIDIA GH200 480GB", GpuName.GH200, id="one whose name ends like another's"),
        pytest.param("NVIDIA H200", GpuName.H200, id="that other"),
        pytest.param("NVIDIA-A100-SXM4-80GB", GpuName.A100, id="an older one"),
        pytest.param("Radeon", None, id="an unknown one"),
        pytest.param("", None, id="none"),
    ],
)
def test_a_gpu_is_known_by_the_name_of_its_device(name, gpu):
    assert gpu_of(name) == gpu


def test_every_gpu_that_can_be_named_is_described():
    assert set(GPUS) == set(GpuName)
