"""Where torch and Triton keep what they compiled for GPUs, so that a run's later attempts find it. Called by `__main__`.

Both keep it in folders of the container, which end with it: every attempt would compile for most of a minute again. Outside
of containers their folders last, and serve all runs.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.settings import IN_KUBERNETES

LAYERS, KERNELS = "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"
"""torch's and Triton's names for these folders."""


def name_compiler_caches(config: TrainConfig, environment: MutableMapping[str, str]) -> None:
    """Names folders below the run's to torch and Triton, in Kubernetes, where nobody has named others.

    Ranks and nodes share them: both write beside and rename, and what another version made or what was made for another GPU
    has another name. A volume that can't hold programs, or can't be written, is left alone; who opens the run says of the latter.

    Args:
        config: The run.
        environment: The process's, before it imports torch.
    """
    place = config.exp_manager.explicit_log_dir
    is_wanted = config.model.keep_compiled and config.trainer.accelerator == "gpu" and IN_KUBERNETES in environment
    if place is None or not is_wanted or {LAYERS, KERNELS} & environment.keys():
        return
    folder = RunFolder(path=Path(place)).compiled
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holds_programs = not os.statvfs(folder).f_flag & os.ST_NOEXEC
    except OSError:
        return
    if holds_programs:
        environment[LAYERS], environment[KERNELS] = str(folder / "layers"), str(folder / "kernels")
