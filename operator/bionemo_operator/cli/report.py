"""`bionemo report`: what a run has learnt, as one HTML file."""

from pathlib import Path

from bionemo_operator.cli.output import console
from bionemo_operator.report.page import page_of
from bionemo_operator.report.run_record import read_run
from bionemo_trainer.durable import durable
from bionemo_trainer.errors import StorageError
from bionemo_trainer.run_folder import RunFolder


def write_report(path: Path, output: Path | None) -> None:
    """Write the report of a run, and print where it is.

    Args:
        path: Folder of the run.
        output: File to write; in the run's folder unless given.

    Raises:
        MissingInputError: There is no such folder.
        DataError: It is not the folder of a run.
        StorageError: The file can't be written.
    """
    page = page_of(read_run(path), path.resolve().name)
    target = output or RunFolder(path=path).report
    try:
        with durable(target) as file:
            file.write(page.encode())
    except OSError as error:
        raise StorageError(f"{target}: can't be written ({error.strerror}); name another file with -o.") from error
    console().print(str(target), markup=False)
