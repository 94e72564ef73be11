"""One rank of a training. The launcher starts it with the arguments of `python -m bionemo_trainer`."""

import logging
import os
import sys
import warnings

import bionemo_trainer
from bionemo_trainer.config.command_line import parsed
from bionemo_trainer.launch.reports import run_and_report
from bionemo_trainer.settings import rank_settings
from bionemo_trainer.training.compiler_caches import name_compiler_caches
from bionemo_trainer.training.stopping import StopWish

# megatron-core says at import that Transformer Engine and apex are missing, which are not needed; its docstrings hold
# escape sequences that Python warns of.
warnings.filterwarnings("ignore", module=r"megatron\..*")
warnings.filterwarnings("ignore", category=SyntaxWarning)


def main(arguments: list[str]) -> int:
    """Train as the arguments say, and leave a report of how it ended."""
    wish = StopWish()
    wish.listen()
    settings = rank_settings(os.environ)
    _speak_up(settings.rank)

    def training() -> int:
        # Torch, Lightning and NeMo take seconds to import; a wrong configuration need not wait for them.
        command = parsed(arguments)
        config = command.load().config
        name_compiler_caches(config, os.environ)
        from bionemo_trainer.engine.process_groups import Rendezvous  # noqa: PLC0415
        from bionemo_trainer.training.train import train  # noqa: PLC0415

        rendezvous = Rendezvous(rank=settings.rank, local_rank=settings.local_rank)
        return train(config, settings, rendezvous, wish, command.recipe)

    return run_and_report(training, rank=settings.rank, folder=settings.reports)


def _speak_up(rank: int) -> None:
    """Lets the trainer's own log be seen, not that of every library: its story by rank 0, its warnings by all."""
    voice = logging.StreamHandler()
    voice.setFormatter(logging.Formatter(f"%(asctime)s rank {rank}: %(message)s"))
    log = logging.getLogger(bionemo_trainer.__name__)
    log.addHandler(voice)
    log.propagate = False
    log.setLevel(logging.INFO if rank == 0 else logging.WARNING)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
