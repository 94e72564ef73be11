"""A file appears whole under its name, or not at all."""

import stat

import pytest

from bionemo_trainer.durable import durable


def test_a_file_appears_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "new" / "folder" / "x.csv"
    with durable(path) as file:
        file.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert [one.name for one in path.parent.iterdir()] == ["x.csv"]


def test_everybody_may_read_it(tmp_path):
    with durable(tmp_path / "x.csv") as file:
        file.write(b"abc")
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) == 0o644


def write_half(path, interruption):
    with durable(path) as file:
        file.write(b"half")
        raise interruption


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interrupted_writer_leaves_the_earlier_file_and_nothing_else(tmp_path, interruption):
    (tmp_path / "x.csv").write_bytes(b"earlier")
    with pytest.raises(interruption):
        write_half(tmp_path / "x.csv", interruption)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"x.csv": b"earlier"}
