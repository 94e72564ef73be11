import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bionemo_trainer.data import line_index
from bionemo_trainer.data.line_index import build_line_indexes, line_starts
from bionemo_trainer.errors import StorageError


@pytest.fixture
def text_file(tmp_path):
    file = tmp_path / "train" / "x000.csv"
    file.parent.mkdir()
    file.write_bytes(b"id,text\n1,A\n")
    return file


def naive_starts(text):
    lines = text.split(b"\n")
    lines = lines[:-1] if lines[-1] == b"" else lines
    starts = [0]
    for line in lines:
        starts.append(min(len(text), starts[-1] + len(line) + 1))
    return starts


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        pytest.param(b"", [0], id="empty file"),
        pytest.param(b"a", [0, 1], id="missing last line end"),
        pytest.param(b"a\nbc\n", [0, 2, 5], id="two lines"),
        pytest.param(b"a\r\nbc\r\n", [0, 3, 7], id="carriage returns"),
        pytest.param(b"\n\n", [0, 1, 2], id="empty lines"),
    ],
)
def test_lines_start_after_each_line_feed(text_file, text, starts):
    text_file.write_bytes(text)
    assert line_starts(text_file).tolist() == starts
    assert line_starts(text_file).tolist() == starts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60) | st.text(alphabet="a\n\r", max_size=60).map(str.encode))
def test_a_search_in_chunks_finds_what_splitting_finds(text_file, monkeypatch, text):
    monkeypatch.setattr(line_index, "CHUNK_BYTES", 7)
    text_file.write_bytes(text)
    assert line_starts(text_file).tolist() == naive_starts(text)


def test_an_index_is_kept_beside_its_file_and_mapped_again(text_file):
    built, again = line_starts(text_file), line_starts(text_file)
    assert text_file.with_name("x000.csv.lines").is_file()
    assert isinstance(again, np.memmap)
    assert again.tolist() == built.tolist()


@pytest.mark.parametrize(
    ("wide_bytes", "dtype"),
    [pytest.param(13, np.uint32, id="shorter than the limit"), pytest.param(12, np.uint64, id="at the limit")],
)
def test_offsets_are_as_wide_as_the_length_asks(text_file, monkeypatch, wide_bytes, dtype):
    monkeypatch.setattr(line_index, "WIDE_BYTES", wide_bytes)
    built, again = line_starts(text_file), line_starts(text_file)
    assert (built.dtype, again.dtype) == (dtype, dtype)
    assert again.tolist() == [0, 8, 12]


def test_files_of_one_name_share_a_folder_of_indexes_without_mixing(tmp_path):
    train, val = tmp_path / "train" / "x000.csv", tmp_path / "val" / "x000.csv"
    train.parent.mkdir()
    val.parent.mkdir()
    train.write_bytes(b"a\nb\n")
    val.write_bytes(b"abc\n")
    kept_in = tmp_path / "indexes" / "deep"
    build_line_indexes([train, val], kept_in, workers=2)
    assert [line_starts(train, kept_in).tolist(), line_starts(val, kept_in).tolist()] == [[0, 2, 4], [0, 4]]
    assert len(list(kept_in.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.write_bytes(b"id,text\n1,A\n2,B\n"), id="longer"),
        pytest.param(lambda file: os.utime(file, ns=(1, 1)), id="another time"),
        pytest.param(
            lambda file: (
                time := file.stat().st_mtime_ns,
                file.write_bytes(b"id,\next\n1,A\n"),
                os.utime(file, ns=(time, time)),
            ),
            id="another text of the same length and time",
        ),
    ],
)
def test_a_changed_file_is_indexed_again(text_file, change):
    line_starts(text_file)
    change(text_file)
    assert line_starts(text_file).tolist() == naive_starts(text_file.read_bytes())


def test_an_index_of_another_program_is_replaced(text_file):
    text_file.with_name("x000.csv.lines").write_bytes(b"something else")
    assert line_starts(text_file).tolist() == [0, 8, 12]
    assert isinstance(line_starts(text_file), np.memmap)


def test_a_read_only_dataset_keeps_its_indexes_in_the_users_cache(text_file, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    line_starts(text_file)
    assert not text_file.with_name("x000.csv.lines").exists()
    assert len(list((tmp_path / "home/.cache/bionemo/lines").iterdir())) == 1


def test_a_read_only_dataset_uses_the_index_that_lies_beside_it(text_file, tmp_path, monkeypatch):
    line_starts(text_file)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert isinstance(line_starts(text_file), np.memmap)
    assert not (tmp_path / "home").exists()


def test_a_file_that_vanished_is_named():
    with pytest.raises(StorageError) as failed:
        line_starts(Path("/nowhere/x000.csv"))
    assert str(failed.value) == (
        "/nowhere/x000.csv: can't be read (No such file or directory); see to the volume and start again."
    )


def test_an_index_that_cannot_be_written_names_the_key_to_set(text_file):
    place = text_file.with_name("x000.csv.lines")
    place.mkdir()
    with pytest.raises(StorageError) as failed:
        line_starts(text_file)
    assert str(failed.value) == (
        f"{place}: the line index can't be written (Is a directory); "
        "make room there or set model.data.index_mapping_dir to a folder that can be written."
    )
    assert sorted(file.name for file in text_file.parent.iterdir()) == ["x000.csv", "x000.csv.lines"]
