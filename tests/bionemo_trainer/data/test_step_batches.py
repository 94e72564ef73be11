"""A step is the same samples with the same masks, however many ranks share it and whatever was loaded before."""

import pickle
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.data.step_batches import Share, split_files, step_batches
from bionemo_trainer.errors import DataError, MissingInputError

MOLECULES = "molecule/megamolbart/pretrain_xsmall_span_aug"
SMILES = [
    "CCO",
    "c1ccccc1",
    "CC(=O)Nc1ccc(O)cc1",
    "CN1CCC[C@H]1c1cccnc1",
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cc1ccc(CC(C)C)cc1",
    "C1CCNCC1",
]
PROTEINS = [
    "MKVLAAGG",
    "MSTNPKPQRKTKRNTNRRPQDVKFPGG",
    "GSHMLEDPVDAF",
    "MALWMRLLPLLALLALWGPDPAAA",
    "ACDEFGHIKLMNPQRSTVWY",
]


def dataset(folder, split, rows, header):
    (folder / split).mkdir(parents=True)
    (folder / split / "x000.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "val", "test"):
        dataset(folder / "m", split, [f"Z{i},{smiles}" for i, smiles in enumerate(SMILES)], "zinc_id,smiles")
        dataset(
            folder / "p",
            split,
            [f"P{i},name,{len(text)},{text}" for i, text in enumerate(PROTEINS)],
            "record_id,record_name,sequence_length,sequence",
        )
        dataset(folder / "empty", split, [], "zinc_id,smiles")
    return folder


def config(data, recipe=MOLECULES, folder="m", *overrides):
    files = [f"++model.data.dataset.{split}=x000" for split in ("train", "val", "test")]
    return load_recipe(recipe, [f"model.data.dataset_path={data / folder}", *files, *overrides]).config


def encoder_rows(micro_batches):
    """The encoder sequences of some micro batches, one list of ids each."""
    rows = []
    for batch in micro_batches:
        packed = batch.encoder if hasattr(batch, "encoder") else batch.inputs
        rows += [row.tolist() for row in np.split(packed.tokens, packed.cu_seqlens[1:-1])]
    return rows


FAMILIES = [
    pytest.param(MOLECULES, "m", id="megamolbart"),
    pytest.param("protein/esm1nv/pretrain_small", "p", id="esm1nv"),
    pytest.param("protein/prott5nv/pretrain_small", "p", id="prott5nv"),
    pytest.param("protein/esm2nv/pretrain_esm2_8M", "p", id="esm2nv"),
]


@pytest.mark.parametrize(("recipe", "folder"), FAMILIES)
@pytest.mark.parametrize("num_ranks", [2, 3, 5])
def test_ranks_share_the_very_samples_that_one_rank_would_take(data, recipe, folder, num_ranks):
    settings = config(data, recipe, folder)
    alone = step_batches(settings, "train", Share(rank=0, num_ranks=1), 8)[3]
    shares = [step_batches(settings, "train", Share(rank=rank, num_ranks=num_ranks), 8)[3] for rank in range(num_ranks)]
    assert list(chain.from_iterable(map(encoder_rows, shares))) == encoder_rows(alone)


def test_a_step_does_not_depend_on_the_steps_before(data):
    batches = step_batches(config(data), "train", Share(rank=0, num_ranks=1), 5)
    walked = [encoder_rows(batches[step]) for step in range(6)]
    assert encoder_rows(step_batches(config(data), "train", Share(rank=0, num_ranks=1), 5)[5]) == walked[5]


def test_another_global_batch_continues_the_same_order(data):
    small = step_batches(config(data), "train", Share(rank=0, num_ranks=1), 5)
    large = step_batches(config(data), "train", Share(rank=0, num_ranks=1), 10)
    assert encoder_rows(small[2]) + encoder_rows(small[3]) == encoder_rows(large[1])


def test_it_travels_to_a_worker_process(data):
    batches = step_batches(config(data), "train", Share(rank=0, num_ranks=1), 5)
    assert encoder_rows(pickle.loads(pickle.dumps(batches))[2]) == encoder_rows(batches[2])


def test_every_epoch_masks_anew(data):
    batches = step_batches(
        config(data, MOLECULES, "m", "model.data.encoder_augment=False"),
        "train",
        Share(rank=0, num_ranks=1),
        len(SMILES),
    )
    assert sorted(encoder_rows(batches[0])) != sorted(encoder_rows(batches[1]))


def test_a_micro_batch_holds_no_more_tokens_than_it_may(data):
    settings = config(data, MOLECULES, "m", "model.micro_batch_size=1", "model.seq_length=32")
    batches = step_batches(settings, "train", Share(rank=0, num_ranks=1), 7)[0]
    assert len(batches) > 1
    assert all(max(len(batch.encoder.tokens), len(batch.decoder.tokens)) <= 32 for batch in batches)


def test_only_validation_carries_the_molecule_to_compare_with(data):
    one = Share(rank=0, num_ranks=1)
    assert step_batches(config(data), "train", one, 2)[0][0].target_smiles == (None, None)
    assert set(step_batches(config(data), "val", one, 7)[0][0].target_smiles) <= set(SMILES)


@pytest.mark.parametrize(
    ("global_batch_size", "num_steps"),
    [
        pytest.param(7, 1, id="all at once"),
        pytest.param(3, 3, id="a short last step"),
        pytest.param(1, 7, id="one at a time"),
        pytest.param(50, 1, id="more than there are"),
    ],
)
def test_an_epoch_ends_when_every_sample_was_seen(data, global_batch_size, num_steps):
    batches = step_batches(config(data), "val", Share(rank=0, num_ranks=1), global_batch_size)
    assert batches.num_steps_per_epoch == num_steps


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_validation_sees_every_sample_once(data, num_ranks):
    shares = [step_batches(config(data), "val", Share(rank=rank, num_ranks=num_ranks), 3) for rank in range(num_ranks)]
    seen = [smiles for step in range(3) for share in shares for batch in share[step] for smiles in batch.target_smiles]
    everything = step_batches(config(data), "val", Share(rank=0, num_ranks=1), 7)[0]
    assert sorted(seen) == sorted(smiles for batch in everything for smiles in batch.target_smiles)
    assert len(seen) == len(SMILES)


def test_a_rank_may_have_nothing_of_the_last_step_of_validation(data):
    batches = step_batches(config(data), "val", Share(rank=1, num_ranks=2), 6)
    assert (batches.is_endless, batches[1]) == (False, [])


def test_training_never_ends(data):
    batches = step_batches(config(data), "train", Share(rank=0, num_ranks=1), 6)
    assert batches.is_endless
    assert [len(encoder_rows(batches[step])) for step in (0, 1, 1000)] == [6, 6, 6]


def test_files_are_named_by_split_and_range(data):
    settings = config(data, MOLECULES, "m", "model.data.dataset.val='x[000..001]'")
    assert [str(path.relative_to(data)) for path in split_files(settings, "val")] == [
        "m/val/x000.csv",
        "m/val/x001.csv",
    ]


def test_a_star_names_all_files_that_are_there(data):
    settings = config(data, MOLECULES, "m", "model.data.dataset.val='*'")
    there = sorted((data / "m" / "val").glob("*.csv"))
    assert list(split_files(settings, "val")) == there
    assert there


def test_a_star_in_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "m" / "val").mkdir(parents=True)
    with pytest.raises(DataError, match=r"the files of model.data.dataset.val \('\*'\) hold no rows"):
        step_batches(
            config(tmp_path, MOLECULES, "m", "model.data.dataset.val='*'"), "val", Share(rank=0, num_ranks=1), 4
        )


def test_missing_files_are_named(data):
    settings = config(data, MOLECULES, "m", "model.data.dataset.train=x007")
    with pytest.raises(MissingInputError, match=r"1 of 1 dataset files are missing: .*/m/train/x007\.csv"):
        step_batches(settings, "train", Share(rank=0, num_ranks=1), 4)


def test_a_split_without_rows_is_refused(data):
    with pytest.raises(DataError) as caught:
        step_batches(config(data, MOLECULES, "empty"), "val", Share(rank=0, num_ranks=1), 4)
    assert str(caught.value).replace(str(data), "DIR") == (
        "DIR/empty/val: the files of model.data.dataset.val ('x000') hold no rows; "
        "name files that do, or prepare a larger split."
    )


@given(st.integers(1, 64), st.integers(1, 4096), st.integers(0, 10**9))
def test_the_shares_of_all_ranks_are_the_step(num_ranks, global_batch_size, step):
    shares = [Share(rank=rank, num_ranks=num_ranks).positions(step, global_batch_size) for rank in range(num_ranks)]
    ends = [share.stop for share in shares]
    assert [share.start for share in shares] == [step * global_batch_size, *ends[:-1]]
    assert ends[-1] == (step + 1) * global_batch_size
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
