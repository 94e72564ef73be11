"""A folder without a whole manifest is no dataset, and says so."""

import pytest

from bionemo_trainer.data.manifest import checksum_of, read_manifest, verify
from bionemo_trainer.errors import DataError, MissingInputError
from testkit.preparation import molecule_table, prepared


@pytest.fixture
def dataset(tmp_path):
    prepared(tmp_path, "molecule/zinc15", {"a.txt": molecule_table()}, files=2)
    return tmp_path / "out"


def test_a_dataset_is_what_was_prepared(dataset):
    assert verify(dataset) == read_manifest(dataset)


def test_the_checksum_is_that_of_a_list_as_sha256sum_writes_it(dataset):
    manifest = read_manifest(dataset)
    assert checksum_of(manifest.files) == manifest.checksum


def refused(read, folder, error):
    with pytest.raises(error) as caught:
        read(folder)
    return str(caught.value).replace(str(folder), "DIR")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert refused(read_manifest, tmp_path / "x", MissingInputError) == (
        "DIR: does not exist; prepare the dataset or mend the path."
    )


def test_an_interrupted_preparation_is_incomplete(dataset):
    (dataset / "manifest.json").unlink()
    assert refused(read_manifest, dataset, DataError) == (
        "DIR: has no manifest.json, so it is incomplete; run its preparation again, which goes on from there."
    )


def test_a_malformed_manifest_is_named_with_its_place(dataset):
    text = (dataset / "manifest.json").read_text()
    (dataset / "manifest.json").write_text(text.replace('"duplicates": 0', '"duplicates": -1'))
    assert refused(read_manifest, dataset, DataError) == (
        "DIR/manifest.json: duplicates is malformed (Input should be greater than or equal to 0); "
        "restore the file or prepare the dataset again."
    )


def test_every_file_that_changed_is_named(dataset):
    (dataset / "test" / "x000.csv").unlink()
    longer = dataset / "train" / "x000.csv"
    size = longer.stat().st_size
    longer.write_bytes(longer.read_bytes() + b"x")
    other = dataset / "train" / "x001.csv"
    other.write_bytes(b"#" + other.read_bytes()[1:])
    assert refused(verify, dataset, DataError) == (
        f"DIR: train/x000.csv has {size + 1} bytes instead of {size}; train/x001.csv has other content of the same size; "
        "test/x000.csv is missing. Restore these files or prepare the dataset again."
    )
