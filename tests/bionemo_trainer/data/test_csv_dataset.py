import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bionemo_trainer.data.csv_dataset import CsvDataset, CsvFormat
from bionemo_trainer.errors import DataError, MissingInputError

MOLECULES = CsvFormat(data_col=1)


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return written


def all_samples(dataset):
    return [dataset.sample(index) for index in range(len(dataset))]


def test_rows_are_numbered_through_all_files(write):
    files = [
        write("x000.csv", b"id,smiles\n1,C\n2,N\n"),
        write("x001.csv", b"id,smiles\n"),
        write("x002.csv", b"h\n3,O"),
    ]
    assert all_samples(CsvDataset(files, MOLECULES, workers=2)) == ["C", "N", "O"]


@pytest.mark.parametrize(
    ("content", "csv_format", "samples"),
    [
        pytest.param(b"id,smiles\r\n1,C\r\n2,N\r\n", MOLECULES, ["C", "N"], id="carriage returns"),
        pytest.param(b"", MOLECULES, [], id="empty file"),
        pytest.param(b"id,smiles", MOLECULES, [], id="nothing but a header"),
        pytest.param(b"1,C\n2,N\n", CsvFormat(data_col=1, header_lines=0), ["C", "N"], id="no header"),
        pytest.param(b"a\nb\n1\tC\tz\n", CsvFormat(data_col=1, data_sep="\t", header_lines=2), ["C"], id="tabs"),
        pytest.param(b'id,smiles\n1,"C",x\n', MOLECULES, ['"C"'], id="quotes mean nothing"),
        pytest.param("id,smiles\n1,\u03b2-C\n".encode(), MOLECULES, ["\u03b2-C"], id="beyond ascii"),
    ],
)
def test_rows_are_cut_as_the_format_says(write, content, csv_format, samples):
    assert all_samples(CsvDataset([write("x000.csv", content)], csv_format)) == samples


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\r\n,", exclude_categories=["Cs"]))))
def test_any_text_without_separators_comes_back(write, texts):
    rows = "".join(f"{index},{text}\n" for index, text in enumerate(texts))
    dataset = CsvDataset([write("x000.csv", f"id,text\n{rows}".encode())], MOLECULES)
    assert all_samples(dataset) == texts


def test_a_record_is_the_whole_row(write):
    assert CsvDataset([write("x000.csv", b"id,smiles\r\n1,C,more\r\n")], MOLECULES).record(0) == "1,C,more"


def test_a_dataset_travels_to_another_process_by_its_paths(write, tmp_path):
    files = [write("x000.csv", b"id,smiles\n1,C\n")]
    dataset = pickle.loads(pickle.dumps(CsvDataset(files, MOLECULES, index_folder=tmp_path / "indexes")))
    assert all_samples(dataset) == ["C"]


def test_missing_files_are_all_named(write, tmp_path):
    files = [write("x000.csv", b""), tmp_path / "x001.csv", tmp_path / "x002.csv"]
    with pytest.raises(MissingInputError) as refused:
        CsvDataset(files, MOLECULES)
    assert str(refused.value) == (
        f"2 of 3 dataset files are missing: {tmp_path}/x001.csv, {tmp_path}/x002.csv; "
        "bring them, or change model.data.dataset_path or the ranges in model.data.dataset."
    )


def test_a_row_with_too_few_columns_is_named(write):
    file = write("x000.csv", b"id,name,length,sequence\n1,A,3,LAG\n2;B;3;LAG\n")
    dataset = CsvDataset([file], CsvFormat(data_col=3))
    with pytest.raises(DataError) as refused:
        dataset.sample(1)
    assert str(refused.value) == (
        f"{file}, line 3: model.data.data_col 3 asks for column 4, but model.data.data_sep ',' cuts "
        "'2;B;3;LAG' into 1; mend the row or the two keys."
    )


def test_a_row_that_is_no_text_is_named(write):
    file = write("x000.csv", b"id,smiles\n1,C\xff\n")
    dataset = CsvDataset([file], MOLECULES)
    with pytest.raises(DataError) as refused:
        dataset.sample(0)
    assert str(refused.value) == (
        f"{file}, line 2: byte b'\\xff' at place 4 is not UTF-8 text; mend the row or prepare the dataset again."
    )


@pytest.mark.parametrize("index", [-1, 1])
def test_an_index_outside_of_the_dataset_is_refused(write, index):
    dataset = CsvDataset([write("x000.csv", b"id,smiles\n1,C\n")], MOLECULES)
    with pytest.raises(IndexError) as refused:
        dataset.sample(index)
    assert str(refused.value) == f"row {index} lies outside of a dataset with 1 rows"
