"""The mean length of a dataset is read from its manifest, where there is one."""

import pytest

from bionemo_operator.cli.dataset_lengths import mean_length_of
from testkit.real_data import prepare_examples


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    prepare_examples(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "longest", "mean_length"),
    [
        pytest.param("molecules", 512, 38.4, id="molecules, as the decoder of the benchmark counted them"),
        pytest.param("proteins", 1024, 332, id="proteins, as the benchmark counted them"),
        pytest.param("proteins", 128, 128, id="proteins that are cut"),
    ],
)
def test_the_mean_is_near_to_that_of_the_tokens(examples, name, longest, mean_length):
    assert mean_length_of(examples / name, longest) == pytest.approx(mean_length, rel=0.05)


def test_what_is_no_dataset_has_none(tmp_path):
    assert mean_length_of(tmp_path / "nowhere", 512) is None
    assert mean_length_of(tmp_path, 512) is None


def test_an_empty_dataset_has_none(examples, tmp_path):
    manifest = (examples / "molecules" / "manifest.json").read_text()
    start, end = manifest.index('"lengths"'), manifest.index('"files"')
    (tmp_path / "manifest.json").write_text(f'{manifest[:start]}"lengths": [], {manifest[end:]}')
    assert mean_length_of(tmp_path, 512) is None
