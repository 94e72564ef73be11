"""A trainee's weights and optimizer as megatron-core's distributed checkpoints: every rank writes its part, any layout reads.

Called by `strategy`. Weights are saved as the 32-bit masters, so precision may change between runs. What makes a folder of
such files a checkpoint (its manifest, the atomic commit) stands in `training.checkpoint_folder`.
"""

import json
import queue
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing import ShardedTensor
from megatron.core.dist_checkpointing.core import CheckpointingException
from megatron.core.dist_checkpointing.strategies import filesystem_async
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from bionemo_trainer.durable import durable
from bionemo_trainer.engine.flat_parameters import Buffer
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.errors import DataError, StorageError

WEIGHTS = "model."
"""Begins the keys of weights; an export holds these alone."""
_MOMENTS = ("exp_avg", "exp_avg_sq")
EXPORTED_WEIGHTS = "model_weights.ckpt"
EXPORTED_CONFIG = "model_config.yaml"
"""Members of an exported file, under NeMo's names."""


def save(trainee: Trainee, folder: Path) -> None:
    """Writes this rank's part into an empty folder; all ranks must call it together.

    Raises:
        StorageError: A rank could not write.
    """
    if getattr(filesystem_async, "_results_queue", None) is None:
        # Expected: a save in the foreground needs no other process. Actual: megatron-core starts a manager process for a
        # queue that only saves in the background need, which takes many seconds of imports. Can go when it does not.
        filesystem_async._results_queue = queue.Queue()  # noqa: SLF001
    state = _tensors(trainee, trainee.flat.whole)
    try:
        dist_checkpointing.save(state, str(folder))
    except (OSError, CheckpointException) as error:
        raise StorageError(f"{folder}: can't be written ({_words_of(error)}); make room or mend the volume.") from error


def restore(trainee: Trainee, folder: Path, *, optimizer_step: float) -> None:
    """Takes weights and optimizer from a folder that `save` wrote, under any layout; all ranks must call it together.

    Args:
        trainee: Whose weights are replaced.
        folder: Complete.
        optimizer_step: Updates that the moments have seen.

    Raises:
        DataError: A file is damaged or gone.
        StorageError: A rank could not read.
    """
    read_into(trainee, folder, weights_only=False)
    for state in trainee.optimizer.adamw.state.values():
        state["step"].fill_(optimizer_step)


@torch.no_grad()
def read_into(trainee: Trainee, folder: Path, *, weights_only: bool) -> None:
    """Takes weights, and unless told otherwise the moments, from a folder that `save` wrote.

    Raises:
        DataError: A file is damaged or gone.
        StorageError: A rank could not read.
    """
    empty = _tensors(
        trainee, lambda own_n: own_n.new_empty(own_n.numel() * trainee.flat.replicas.size()), weights_only=weights_only
    )
    found = _loaded(empty, folder)
    for buffer in trainee.flat.buffers:
        for prefix, own_n in _own_values(trainee, buffer, weights_only=weights_only).items():
            flat_N = torch.zeros_like(buffer.gradients_N)
            for name, view in buffer.views(flat_N):
                view.copy_(found[f"{prefix}{name}"])
            own_n.copy_(flat_N[buffer.part])
            if prefix == WEIGHTS:
                buffer.weights_N.copy_(flat_N)


def optimizer_step(trainee: Trainee) -> float:
    """Updates that the moments have seen; less than the steps of the run where a loss scale skipped some."""
    return float(next(iter(trainee.optimizer.adamw.state.values()))["step"])


def export(folder: Path, config: Path, target: Path) -> None:
    """Writes the weights of a checkpoint as one file, whole tensors under any layout: a tar of weights and configuration.

    Args:
        folder: That `save` wrote.
        config: The configuration as YAML.
        target: What is written, whole or not at all; its folder exists.

    Raises:
        StorageError: The weights can't be written.
    """
    whole = {
        key: torch.empty(entry.size, dtype=torch.float32)
        for key, entry in FileSystemReader(folder).read_metadata().state_dict_metadata.items()
        if key.startswith(WEIGHTS) and isinstance(entry, TensorStorageMetadata)
    }
    load(whole, checkpoint_id=folder, no_dist=True)
    # Beside the target, since a container's own disk may be smaller than the weights; the next attempt removes what is unfinished.
    beside = TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.", suffix=".unfinished")
    with durable(target) as file, beside as unpacked, tarfile.open(fileobj=file, mode="w") as archive:
        weights = Path(unpacked, EXPORTED_WEIGHTS)
        try:
            torch.save({key.removeprefix(WEIGHTS): value for key, value in whole.items()}, weights)
        except RuntimeError as error:  # torch's words for every failure to write
            words = str(error).splitlines()[0]
            raise StorageError(f"{target}: can't be written ({words}); make room or mend the volume.") from error
        archive.add(weights, EXPORTED_WEIGHTS)
        archive.add(config, EXPORTED_CONFIG)


@torch.no_grad()
def import_weights(trainee: Trainee, source: Path) -> None:
    """Takes weights from a file that `export` wrote; each rank reads its part.

    Raises:
        KeyError: A tensor of the network is not in it.
    """
    with TemporaryDirectory() as unpacked:
        with tarfile.open(source) as archive:
            archive.extract(EXPORTED_WEIGHTS, unpacked, filter="data")
        whole = torch.load(Path(unpacked, EXPORTED_WEIGHTS), mmap=True, weights_only=True)
        shards = _shards(trainee)
        for buffer in trainee.flat.buffers:
            for name, view in buffer.views(buffer.weights_N):
                _copy_part(whole, shards[name], view)
            buffer.master_n.copy_(buffer.weights_N[buffer.part])


def _tensors(
    trainee: Trainee, values: Callable[[Tensor], Tensor], *, weights_only: bool = False
) -> dict[str, ShardedTensor]:
    """Every tensor of a checkpoint by the prefix of its kind and the name of its parameter here."""
    shards = _shards(trainee)
    tensors: dict[str, ShardedTensor] = {}
    for buffer in trainee.flat.buffers:
        for prefix, own_n in _own_values(trainee, buffer, weights_only=weights_only).items():
            for name, view in buffer.views(values(own_n)):
                shard = shards[name]
                tensors[f"{prefix}{name}"] = replace(shard, key=f"{prefix}{shard.key}", data=view, dtype=torch.float32)
    return tensors


def _loaded(empty: dict[str, ShardedTensor], folder: Path) -> dict[str, Tensor]:
    try:
        found: dict[str, Tensor] = dist_checkpointing.load(empty, str(folder))
    except (OSError, CheckpointException, CheckpointingException, json.JSONDecodeError) as error:
        causes = _causes(error).values()
        if any(isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError) for cause in causes):
            raise StorageError(f"{folder}: can't be read ({_words_of(error)}); see to the volume.") from error
        raise DataError(
            f"{folder}: is damaged ({_words_of(error)}); restore its files, or remove it and go on from an earlier one."
        ) from error
    return found


def _causes(error: BaseException) -> Mapping[str, BaseException]:
    """What was raised, by where. Torch's own error is no Exception, so nobody else catches it."""
    if isinstance(error, CheckpointException):
        return {f"rank {rank}, ": cause for rank, (cause, _) in sorted(error.failures.items())}
    return {"": error}


def _words_of(error: BaseException) -> str:
    """The first failure in one line. Of a failed write only rank 0 knows more than that there was one."""
    words = [f"{where}{type(cause).__name__}: {cause}" for where, cause in _causes(error).items()]
    return words[0].splitlines()[0] if words else "on another rank"


def _own_values(trainee: Trainee, buffer: Buffer, *, weights_only: bool) -> Mapping[str, Tensor]:
    """This rank's parts of what a checkpoint holds of a buffer, by the prefix of their keys [n each]."""
    state = trainee.optimizer.adamw.state[buffer.master_n]
    moments = {} if weights_only else {f"optimizer.{moment}.": state[moment] for moment in _MOMENTS}
    return {WEIGHTS: buffer.master_n, **moments}


def _shards(trainee: Trainee) -> Mapping[str, ShardedTensor]:
    """Where each parameter stands in the whole model, by its name here."""
    shards: dict[str, ShardedTensor] = trainee.network.sharded_state_dict()
    places = {shard.data.data_ptr(): shard for shard in shards.values() if isinstance(shard, ShardedTensor)}
    return {name: places[parameter.data_ptr()] for name, parameter in trainee.network.named_parameters()}


def _copy_part(whole: Mapping[str, Tensor], shard: ShardedTensor, view: Tensor) -> None:
    """Fills a parameter with its part of a whole tensor; rows of padded tokens that the whole does not have are zero."""
    stacked = shard.prepend_axis_num  # megatron-core stacks the same parameter of all layers
    part = whole[shard.key][tuple(shard.global_offset[:stacked])]
    offsets = shard.global_offset[stacked:]
    for dim, (start, size) in enumerate(zip(offsets, shard.local_shape, strict=True)):
        available = min(size, part.shape[dim] - start) if dim == 0 and shard.allow_shape_mismatch else size
        part = part.narrow(dim, start, max(available, 0))
    view.zero_()
    view[tuple(slice(size) for size in part.shape)].copy_(part)
