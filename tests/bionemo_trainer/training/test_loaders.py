"""Loaders give the steps of a run from where it stands, each once; what a worker process meets keeps its words."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from torch.utils.data import DataLoader

from bionemo_trainer.data.filling import LONGEST_FILLER
from bionemo_trainer.data.step_batches import Share, step_batches
from bionemo_trainer.errors import ConfigError, DataError
from bionemo_trainer.training import loaders
from bionemo_trainer.training.loaders import Steps, evaluation_loader, num_workers, training_loader, unpacked
from testkit.networks import MEGAMOLBART
from testkit.step_cases import MOLECULES, config_for, write_datasets

ALONE = Share(rank=0, num_ranks=1)
WORKERS_FORK = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork.*:DeprecationWarning",
    # Said by the measuring of coverage in a worker, which inherits the filters.
    "ignore:Module .* was (never|previously) imported",
    "ignore:No data was collected",
)


@pytest.fixture
def folder(tmp_path):
    write_datasets(tmp_path)
    return tmp_path


def config(folder, *overrides):
    return config_for(MEGAMOLBART, folder, "trainer.max_steps=7", *overrides)


def tokens(freights):
    return np.concatenate([freight.sources[0] for freight in freights]).tolist()


def packed_tokens(batches):
    return np.concatenate([batch.encoder.tokens for batch in batches]).tolist()


def test_training_goes_on_at_a_step(folder):
    steps = step_batches(config(folder), "train", ALONE, 3)
    loader = training_loader(config(folder), ALONE, 3, first_step=5)
    assert len(loader) == 2
    assert [tokens(unpacked(loaded)) for loaded in loader] == [packed_tokens(steps[5]), packed_tokens(steps[6])]


@pytest.mark.parametrize("replays", [True, False])
def test_micro_batches_are_filled_up_where_they_are_replayed(folder, monkeypatch, replays):
    monkeypatch.setattr(loaders, "can_replay", lambda _config: replays)
    freights = [freight for loaded in training_loader(config(folder), ALONE, 3, 0) for freight in unpacked(loaded)]
    assert all(len(freight.sources[0]) % LONGEST_FILLER == 0 for freight in freights) == replays


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_sample_is_evaluated_once_in_the_same_order(folder, split):
    loader = evaluation_loader(config(folder), split, ALONE, 3)
    first, second = ([loaded for loaded in loader] for _ in range(2))  # noqa: C416 - each walks the loader anew
    assert len(loader) == len(first) == 3
    assert sum(len(batch.target_smiles) for loaded in first for batch in loaded) == len(MOLECULES)
    assert list(map(tokens, first)) == list(map(tokens, second))


@WORKERS_FORK
def test_worker_processes_give_the_same_steps(folder):
    alone = training_loader(config(folder), ALONE, 3, first_step=2)
    helped = training_loader(config(folder, "model.data.num_workers=1"), ALONE, 3, first_step=2)
    assert (alone.num_workers, helped.num_workers, helped.prefetch_factor) == (0, 1, 4)
    assert list(map(tokens, helped)) == list(map(tokens, alone))


def spoil(folder):
    (folder / "molecules" / "train" / "x000.csv").write_text("zinc_id,SMILES\n" + "1,C1CC\n" * 3)


@WORKERS_FORK
@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_keeps_its_words_on_the_way_from_a_worker(folder, workers):
    spoil(folder)
    loader = training_loader(config(folder, f"model.data.num_workers={workers}"), ALONE, 3, first_step=6)
    (loaded,) = loader
    with pytest.raises(DataError) as refused:
        unpacked(loaded)
    assert str(refused.value) == (
        "'C1CC' is no SMILES that RDKit can parse; remove the row or prepare the dataset again."
    )


@WORKERS_FORK
def test_an_error_with_problems_keeps_them_too(folder):
    batches = replace(step_batches(config(folder), "train", ALONE, 3), max_tokens=2)
    (loaded,) = DataLoader(Steps(batches=batches, first=6, count=1), batch_size=None, num_workers=1)
    with pytest.raises(ConfigError, match=r"must hold the longest sample, here \d+ tokens") as refused:
        unpacked(loaded)
    assert [problem.field for problem in refused.value.problems] == ["model.micro_batch_size x model.seq_length"]


@pytest.mark.parametrize(
    ("wanted", "cores", "devices", "workers"),
    [
        pytest.param(8, 64, 8, 8, id="as asked for"),
        pytest.param(8, 32, 8, 4, id="the cores of a rank"),
        pytest.param(8, 2, 8, 0, id="fewer cores than ranks"),
        pytest.param(0, 64, 8, 0, id="none"),
    ],
)
def test_workers_are_no_more_than_the_cores_of_a_rank(folder, monkeypatch, wanted, cores, devices, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(cores)))
    overrides = (f"model.data.num_workers={wanted}", f"trainer.devices={devices}", "model.global_batch_size=8")
    assert num_workers(config(folder, *overrides)) == workers


def test_a_loader_knows_how_long_it_was_waited_for(folder):
    loader = training_loader(config(folder), ALONE, 3, first_step=5)
    began_at = time.perf_counter()
    assert len(list(loader)) == 2
    passed = time.perf_counter() - began_at
    assert 0 < loader.take_waited_seconds() <= passed
    assert loader.take_waited_seconds() == 0.0
