"""The arithmetic of a run: how its ranks divide into data, tensor and pipeline parallelism, and its batches.

Pure, and the only place where these numbers are derived; the operator, the trainer and `bionemo check` all ask here.
"""

from dataclasses import dataclass

from bionemo_trainer.config.schema.root import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the ranks of a run are arranged."""

    num_nodes: int
    devices_per_node: int
    tensor: int
    pipeline: int
    accelerator: str = "gpu"

    @property
    def world_size(self) -> int:
        """Number of ranks, one per device."""
        return self.num_nodes * self.devices_per_node

    @property
    def model_parallel(self) -> int:
        """Ranks that hold one copy of the model together."""
        return self.tensor * self.pipeline

    @property
    def data(self) -> int:
        """Copies of the model; 0 when the ranks don't suffice for one."""
        return self.world_size // self.model_parallel

    def __str__(self) -> str:
        """For example `8 nodes x 8 GPUs = 64 = data 16 x tensor 4 x pipeline 1`."""
        device = "GPU" if self.accelerator == "gpu" else "process"
        devices = counted(self.devices_per_node, device)
        parts = f"data {self.data} x tensor {self.tensor} x pipeline {self.pipeline}"
        return f"{counted(self.num_nodes, 'node')} x {devices} = {self.world_size} = {parts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Samples of one step."""

    global_batch_size: int
    micro_batch_size: int
    data: int

    @property
    def samples_per_replica(self) -> int:
        """The largest share of the global batch that one copy of the model takes."""
        return -(-self.global_batch_size // self.data)

    @property
    def micro_batches(self) -> int:
        """Micro batches per step when every sequence has the full length; packing needs fewer."""
        return -(-self.samples_per_replica // self.micro_batch_size)

    def __str__(self) -> str:
        """For example `global batch 4096 = 16 x 256` or, where shares differ, `global batch 100 = 4 x 14 + 4 x 11`."""
        share, rest = divmod(self.global_batch_size, self.data)
        shares = [(rest, share + 1), (self.data - rest, share)]
        product = " + ".join(f"{replicas} x {samples}" for replicas, samples in shares if replicas)
        micro = f" in micro batches of {self.micro_batch_size}" if self.micro_batches > 1 else ""
        return f"global batch {self.global_batch_size} = {product}{micro}"


def layout_of(config: TrainConfig) -> Layout:
    """The arrangement that a configuration asks for, whether or not it is possible."""
    return Layout(
        num_nodes=config.trainer.num_nodes,
        devices_per_node=config.trainer.devices,
        tensor=config.model.tensor_model_parallel_size,
        pipeline=config.model.pipeline_model_parallel_size,
        accelerator=config.trainer.accelerator,
    )


def batches_of(config: TrainConfig) -> Batches:
    """The batches of a configuration; a global batch that is not given is the micro batch times the data-parallel size."""
    data = max(layout_of(config).data, 1)
    micro = config.model.micro_batch_size
    return Batches(global_batch_size=config.model.global_batch_size or micro * data, micro_batch_size=micro, data=data)


def counted(number: int, noun: str) -> str:
    """`1 node`, `2 nodes`, `3 processes`."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{plural}"
