"""`bionemo report` writes one file, whole, and says where."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bionemo_operator.cli import main
from bionemo_operator.cli.app import app
from bionemo_operator.cli.report import write_report
from bionemo_trainer.errors import StorageError
from testkit.runs import logged, write_lines, write_run


@pytest.fixture
def folder(tmp_path):
    made = write_run(tmp_path / "mine")
    write_lines(made.metrics, logged(10, reduced_train_loss=3.5), logged(20, reduced_train_loss=1.5))
    return made


def test_the_report_is_written_beside_the_records(folder):
    result = CliRunner().invoke(app, ["report", str(folder.path)])
    assert (result.exit_code, result.output) == (0, f"{folder.report}\n")
    page = folder.report.read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>\n")
    assert "<title>mine - MegaMolBART</title>" in page


def test_the_report_is_written_where_it_is_asked_for(folder, tmp_path):
    target = tmp_path / "new folder" / "a.html"
    CliRunner().invoke(app, ["report", str(folder.path), "-o", str(target)])
    assert target.read_text("utf-8").endswith("</html>\n")
    assert not folder.report.exists()
    assert [file.name for file in target.parent.iterdir()] == ["a.html"]


def test_a_report_replaces_an_earlier_one(folder):
    folder.report.write_text("before")
    write_report(folder.path, None)
    assert folder.report.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_report_that_can_not_be_written_is_told(folder, tmp_path):
    with pytest.raises(StorageError) as caught:
        write_report(folder.path, tmp_path)
    assert str(caught.value) == f"{tmp_path}: can't be written (Is a directory); name another file with -o."


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        pytest.param("none", 66, "does not exist; name the folder of a run", id="missing"),
        pytest.param("mine/records", 65, "has no records/run.json, so it is not the folder of a run", id="no run"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_wrong_folder_ends_with_its_code_and_no_traceback(tmp_path, monkeypatch, capsys, name, code, words):
    monkeypatch.setattr("sys.argv", ["bionemo", "report", str(tmp_path / name)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / name}: {words}")


def test_the_report_needs_rdkit_only_for_molecules():
    code = (
        "import sys; from bionemo_operator.report.page import page_of; "
        "assert not {'rdkit', 'torch'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
