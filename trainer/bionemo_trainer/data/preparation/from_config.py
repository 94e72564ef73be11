"""The preparation that BioNeMo's own files ask for with `do_training=False`.

Called by `python -m bionemo_trainer` and by `bionemo preprocess` for files that are no resources.
"""

from pathlib import Path

from bionemo_trainer.config.schema.data import MoleculeData
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.preparation.plan import PreparationPlan, Source, is_address
from bionemo_trainer.errors import NOTHING, ConfigError, Problem

_ZINC15_SPLIT = ("0.5%", "0.5%")
_UNIREF50_SPLIT = ("5000", "1000000")
"""Validation and test in BioNeMo's preprocessing."""


def plan_of(config: TrainConfig) -> PreparationPlan:
    """Where a configuration's data comes from and how it is made.

    Raises:
        ConfigError: It names no source.
    """
    data = config.model.data
    asked = data.preprocessing
    molecular = isinstance(data, MoleculeData)
    validation, test = _ZINC15_SPLIT if molecular else _UNIREF50_SPLIT
    return PreparationPlan(
        recipe="molecule/zinc15" if molecular else "protein/uniref50",
        source=_links(data.links_file) if isinstance(data, MoleculeData) else _fasta(data.data_url),
        output=Path(data.dataset_path),
        files=asked.files,
        validation=asked.validation or validation,
        test=asked.test or test,
        seed=asked.seed,
        max_length=config.model.seq_length if molecular else None,
    )


def _links(links_file: str | None) -> Source:
    if links_file is None:
        raise ConfigError([_no_source("model.data.links_file", "name a file that lists the addresses of the tranches")])
    return Source(links_file=links_file)


def _fasta(data_url: str | None) -> Source:
    if data_url is None:
        raise ConfigError([_no_source("model.data.data_url", "name a FASTA file by its address or path")])
    return Source(urls=(data_url,)) if is_address(data_url) else Source(path=data_url)


def _no_source(field: str, mend: str) -> Problem:
    return Problem(field=field, value=NOTHING, rule="is given, and preparation needs a source", mend=mend)
