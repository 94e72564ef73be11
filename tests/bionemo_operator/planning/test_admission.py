"""Everything that keeps a training from running is told before a GPU is taken, in the words of the resource."""

import re

import pytest
import yaml

from bionemo_operator.planning import admission
from bionemo_operator.planning.admission import admit
from bionemo_operator.planning.datasets import Dataset
from bionemo_trainer.contract import PROTEIN_FINGERPRINT, SMILES_FINGERPRINT
from bionemo_trainer.errors import ConfigError
from testkit.observations import training

LARGE = "molecule/megamolbart/pretrain_large_span_aug"


def dataset(files="x[000..003]", fingerprint=SMILES_FINGERPRINT):
    return Dataset(claim="data", path="molecules", files=files, fingerprint=fingerprint)


def admitted(of=None, data=None, *, nodes=2, global_batch_size=None, gpu_memory_bytes=None):
    return admit(
        of or training(), data, nodes=nodes, global_batch_size=global_batch_size, gpu_memory_bytes=gpu_memory_bytes
    )


def refusal(of=None, data=None, **facts):
    with pytest.raises(ConfigError) as caught:
        admitted(of, data, **facts)
    return [str(problem) for problem in caught.value.problems]


def splits_of(found):
    return yaml.safe_load(found.config)["model"]["data"]["dataset"]


def on_claim(**splits):
    return training(dataset={"claim": {"name": "data"}, **splits})


def test_a_training_is_resolved():
    found = admitted()
    assert found.arithmetic.startswith("2 nodes x 1 GPU = 2 = data 2 x tensor 1 x pipeline 1; global batch ")
    assert (found.resolved.nodes, found.resolved.gpus, found.resolved.world_size) == (2, 2, 2)
    assert found.resolved.gpu_memory_bytes > 0
    assert found.fingerprint.startswith("sha256:")


def test_a_training_on_cpu_takes_no_gpus():
    resolved = admitted(training(gpusPerNode=0, processesPerNode=3)).resolved
    assert (resolved.world_size, resolved.gpus, resolved.gpu_memory_bytes) == (6, 0, 0)


def test_an_attempt_may_have_fewer_nodes_and_keeps_its_batch():
    size = admitted().resolved.global_batch_size
    resolved = admitted(nodes=1, global_batch_size=size).resolved
    assert (resolved.nodes, resolved.global_batch_size) == (1, size)


def test_splits_that_are_left_open_have_all_files_of_the_dataset():
    found = splits_of(admitted(on_claim(train="x[000..001]"), dataset()))
    assert found == {"train": "x[000..001]", "val": "x[000..003]", "test": "x[000..003]"}


@pytest.mark.parametrize("data", [None, dataset(files=None)], ids=["no dataset yet", "files that only pods can see"])
def test_splits_are_left_to_the_trainer_where_files_are_unknown(data):
    found = splits_of(admitted(on_claim(), data))
    assert len(set(found.values())) == 1
    assert "x[000..003]" not in found.values()


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param({"preprocessRef": {"name": "uniref"}}, "'uniref'", id="a preparation"),
        pytest.param({"claim": {"name": "data"}}, "''", id="a claim"),
    ],
)
def test_a_dataset_for_another_tokenizer_is_refused(source, value):
    assert refusal(training(dataset=source), dataset(fingerprint=PROTEIN_FINGERPRINT)) == [
        f"spec.dataset.preprocessRef: {value} was prepared for another tokenizer than megamolbart's; "
        "name a dataset of this kind of molecule, or another recipe."
    ]


def test_files_that_the_dataset_does_not_have_are_all_named():
    assert refusal(on_claim(train="x[000..009]", validation="x003", test="x[003,777]"), dataset()) == [
        "spec.dataset.train: 'x[000..009]' names x004.csv, and the dataset has x[000..003]; "
        "name files that it has, or leave the field out for all of them.",
        "spec.dataset.test: 'x[003,777]' names x777.csv, and the dataset has x[000..003]; "
        "name files that it has, or leave the field out for all of them.",
    ]


def test_another_batch_than_that_of_the_earlier_attempts_is_refused():
    of = training(overrides=["model.global_batch_size=128"])
    assert admitted(of, global_batch_size=128).resolved.global_batch_size == 128
    assert refusal(of, global_batch_size=64) == [
        "spec.overrides: 'model.global_batch_size=128' differs from the 64 samples per step with which this training has "
        "begun; take it back, or create a new training."
    ]


def test_a_refusal_is_remembered_and_raised_anew(monkeypatch):
    judged, judge = [], admission._judged
    monkeypatch.setattr(admission, "_judged", lambda *asked: judged.append(asked) or judge(*asked))
    admission._verdict.cache_clear()
    with pytest.raises(ConfigError) as first:
        admitted(training(recipe="protein/esm1nv/none"))
    with pytest.raises(ConfigError) as second:
        admitted(training(recipe="protein/esm1nv/none"))
    assert str(first.value) == str(second.value)
    assert first.value is not second.value
    assert len(judged) == 1


def test_weights_that_do_not_fit_the_gpu_are_refused():
    (said,) = refusal(training(recipe=LARGE), gpu_memory_bytes=2**30)
    assert re.fullmatch(
        r"spec.parallelism: 'tensor 1 x pipeline 1' leaves \d+\.\d GiB of weights, gradients and optimizer states on each GPU, "
        r"and the largest that this training can get has 1.0 GiB; raise spec.parallelism.tensor or pipeline, or select nodes "
        r"with larger GPUs; a smaller micro batch and recomputation save activations only, which are not counted here\.",
        said,
    )


def test_activations_are_no_ground_for_a_refusal():
    estimated = admitted().resolved.gpu_memory_bytes
    assert admitted(gpu_memory_bytes=estimated - 2**30).resolved.gpu_memory_bytes == estimated


def test_without_gpus_their_memory_does_not_matter():
    assert admitted(training(gpusPerNode=0, processesPerNode=1), gpu_memory_bytes=1)
