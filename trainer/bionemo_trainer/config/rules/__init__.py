"""Rules that join several settings: what can't work is refused here, before any device is taken.

Each rule looks at a typed configuration and yields problems; `problems_in` runs all of them, so a user sees everything at
once. Pure; called by the operator, by `bionemo check` and by the trainer's start.
"""

from collections.abc import Callable, Iterator

from bionemo_trainer.config.rules import parallelism, schedule, sequences
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.errors import Problem

type ConfigRule = Callable[[TrainConfig], Iterator[Problem]]

_RULES: tuple[ConfigRule, ...] = (
    parallelism.ranks_form_whole_models,
    parallelism.layers_split_evenly,
    parallelism.sequence_parallel_needs_tensor_parallel,
    parallelism.every_replica_has_a_sample,
    parallelism.precision_exists_on_device,
    parallelism.eight_bit_products_fit,
    parallelism.recomputation_is_whole,
    sequences.heads_share_the_width,
    sequences.sequences_fit,
    sequences.masking_shares_add_up,
    sequences.ranges_expand,
    schedule.schedule_fits_the_run,
    schedule.monitor_is_measured,
)


def problems_in(config: TrainConfig) -> tuple[Problem, ...]:
    """Every reason why this configuration can't train; empty when it can."""
    return tuple(problem for rule in _RULES for problem in rule(config))


def warnings_in(config: TrainConfig) -> tuple[str, ...]:
    """What works but is hardly meant."""
    return tuple(schedule.schedule_warnings(config))
