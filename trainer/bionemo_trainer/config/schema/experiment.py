"""`exp_manager`: folders, loggers, resuming and checkpoints, under the names of NeMo's experiment manager."""

from typing import Annotated, Literal

from pydantic import Field

from bionemo_trainer.config.schema.base import PositiveInt, Section, Text


class WandbConfig(Section):
    """What Weights & Biases is told about a run."""

    project: Text | None = None
    """Project of the run."""
    name: Text | None = None
    """Name of the run."""
    group: Text | None = None
    """Group of the run."""
    job_type: Text | None = None
    """Kind of the run."""
    notes: str | None = None
    """Free words about the run."""
    tags: tuple[Text, ...] = ()
    """Tags of the run."""
    offline: bool = False
    """Write to disk only, to be synchronised later."""


class CheckpointConfig(Section):
    """Which checkpoints are written and kept."""

    filename: Text | None = None
    """Name of a checkpoint, with metrics in braces, for example `{val_loss:.2f}-{step}`."""
    monitor: Text = "val_loss"
    """Metric that ranks checkpoints."""
    mode: Literal["min", "max"] = "min"
    """Whether less or more of the metric is better."""
    save_top_k: Annotated[int, Field(ge=-1)] = 3
    """Best checkpoints that are kept; -1 keeps all."""
    save_last: bool = True
    """Always keep the newest one too."""
    keep_last: PositiveInt = 1
    """Newest checkpoints that are kept, whatever the metric; what recovery goes on from."""
    every_n_train_steps: PositiveInt | None = None
    """Steps between two checkpoints besides those at validation; null for none."""
    always_save_nemo: bool = False
    """Also export the weights as one file at each best checkpoint."""
    save_nemo_on_train_end: bool = True
    """Export the weights as one file when the run is complete."""
    save_best_model: bool = False
    """Load the best checkpoint before that export."""
    prefix: Text | None = None
    """Put before the name of an exported file."""
    postfix: Text = ".nemo"
    """Put after the name of an exported file."""
    dirpath: Text | None = None
    """Folder of the checkpoints; null means `checkpoints` in the run's folder."""
    verbose: bool = True
    """Log each checkpoint."""


class ExpManagerConfig(Section):
    """Where a run keeps its files and whether it goes on from them."""

    name: Text | None = None
    """Name of the experiment."""
    exp_dir: Text = "/result/nemo_experiments"
    """Folder of the experiment."""
    explicit_log_dir: Text | None = None
    """Folder of this run; null makes `exp_dir/name/version`."""
    version: Text | None = None
    """Version in the path when there is no explicit folder."""
    use_datetime_version: bool = True
    """Use the start time as version when none is given."""
    resume_if_exists: bool = False
    """Go on from the newest checkpoint in the folder."""
    resume_past_end: bool = False
    """Accept a checkpoint of a run that had already ended."""
    resume_ignore_no_checkpoint: bool = False
    """Start anew when there is nothing to go on from."""
    create_tensorboard_logger: bool = True
    """Write TensorBoard events."""
    create_wandb_logger: bool = False
    """Send metrics to Weights & Biases; a failure there never stops a run."""
    wandb_logger_kwargs: WandbConfig = WandbConfig()
    """What Weights & Biases is told."""
    create_checkpoint_callback: bool = True
    """Write checkpoints."""
    checkpoint_callback_params: CheckpointConfig = CheckpointConfig()
    """Which checkpoints."""
    files_to_copy: tuple[Text, ...] = ()
    """Files to keep with the run."""
    log_step_timing: bool = False
    """Time every step; costs more than a small step takes, so it is off (NeMo has it on)."""
    log_local_rank_0_only: bool = False
    """Only the first process of each node writes a log file."""
    log_global_rank_0_only: bool = False
    """Only the first process of all writes a log file."""
