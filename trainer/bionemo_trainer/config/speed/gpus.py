"""What GPUs can do, by their data sheets, and what NCCL counts on between them. Used by `bionemo check` and by utilization.

Peaks and memory are those of NVIDIA's data sheets: dense operations, no sparsity. Links within a node carry what NCCL's
own tuning model takes them to carry, which is less than the data sheet (https://github.com/NVIDIA/nccl,
`src/graph/topo.h`): 20.0 GB/s for each NVLink of an A100 (12 of them), 20.6 of an H100 (18) and 40.1 of a B200 (18);
PCIe 12 GB/s in its third generation and twice as much in each later one.
"""

from dataclasses import dataclass
from enum import StrEnum

_GIGA = 1e9


class GpuName(StrEnum):
    """GPUs that speed can be estimated for, as `bionemo check --gpu` takes them."""

    A100 = "a100"
    B200 = "b200"
    GH200 = "gh200"
    H100 = "h100"
    H100_NVL = "h100-nvl"
    H100_PCIE = "h100-pcie"
    H200 = "h200"
    L40S = "l40s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One kind of GPU in the node that it usually comes in."""

    device: str
    """What its name contains, as torch and Kubernetes tell it."""
    peak_flops: float
    """Dense 16-bit operations per second."""
    memory_bytes_per_second: float
    """Bandwidth of its memory."""
    link_bytes_per_second: float
    """What one GPU sends to others of its node, in one direction."""
    has_nvlink: bool = True
    """Whether that is NVLink between all GPUs of a node, or PCIe."""
    network_gbit: int = 400
    """Network of each GPU in Gbit/s: a DGX has one InfiniBand adapter for each."""
    has_eight_bit: bool = True
    """Whether it can train in fp8-mixed: those from Hopper on, which do twice as many operations in 8 bit."""


GPUS: dict[GpuName, Gpu] = {
    GpuName.H100_PCIE: Gpu(
        device="H100 PCIe",
        peak_flops=756e12,
        memory_bytes_per_second=2000 * _GIGA,
        link_bytes_per_second=48 * _GIGA,
        has_nvlink=False,
        network_gbit=200,
    ),
    GpuName.H100_NVL: Gpu(
        device="H100 NVL",
        peak_flops=835e12,
        memory_bytes_per_second=3900 * _GIGA,
        link_bytes_per_second=48 * _GIGA,  # NVLink joins pairs only
        has_nvlink=False,
        network_gbit=200,
    ),
    GpuName.H100: Gpu(
        device="H100",
        peak_flops=989.5e12,
        memory_bytes_per_second=3350 * _GIGA,
        link_bytes_per_second=18 * 20.6 * _GIGA,
    ),
    GpuName.GH200: Gpu(
        device="GH200",
        peak_flops=989.5e12,
        memory_bytes_per_second=4000 * _GIGA,
        link_bytes_per_second=18 * 20.6 * _GIGA,
    ),
    GpuName.H200: Gpu(
        device="H200",
        peak_flops=989.5e12,
        memory_bytes_per_second=4800 * _GIGA,
        link_bytes_per_second=18 * 20.6 * _GIGA,
    ),
    GpuName.B200: Gpu(
        device="B200",
        peak_flops=2250e12,
        memory_bytes_per_second=8000 * _GIGA,
        link_bytes_per_second=18 * 40.1 * _GIGA,
    ),
    GpuName.A100: Gpu(
        device="A100",
        peak_flops=312e12,
        memory_bytes_per_second=2039 * _GIGA,
        link_bytes_per_second=12 * 20.0 * _GIGA,
        network_gbit=200,
        has_eight_bit=False,
    ),
    GpuName.L40S: Gpu(
        device="L40S",
        peak_flops=362e12,
        memory_bytes_per_second=864 * _GIGA,
        link_bytes_per_second=24 * _GIGA,
        has_nvlink=False,
        network_gbit=100,
        has_eight_bit=False,
    ),
}
"""In the order in which the parts of device names are looked for: the first that fits counts."""

EIGHT_BIT = "fp8-mixed"
PRECISIONS = frozenset(("bf16-mixed", "16-mixed", EIGHT_BIT))
"""Values of `trainer.precision` of which rates are known, the last on some GPUs only."""


def gpu_of(device_name: str) -> GpuName | None:
    """Which GPU a device is; None when it is not in the table.

    Args:
        device_name: As torch tells it, such as "NVIDIA H100 80GB HBM3", or a node's label with hyphens for blanks.
    """
    words = device_name.replace("-", " ")
    return next((name for name, gpu in GPUS.items() if gpu.device in words), None)
