"""The same bytes however a preparation is run; every record in its place; nothing lost and nothing fatal."""

import csv
import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bionemo_trainer.data.manifest import verify
from bionemo_trainer.data.preparation.molecule_records import ALWAYS_KNOWN
from bionemo_trainer.data.preparation.plan import LengthPolicy, PreparationPlan, Source
from bionemo_trainer.data.preparation.prepare import prepare, summary
from bionemo_trainer.data.preparation.stages import Stage, num_tasks, run_share
from bionemo_trainer.errors import DataError, MissingInputError
from bionemo_trainer.tokenizers.smiles import SmilesTokenizer
from testkit.preparation import SMILES, bytes_of, fasta, molecule_table, prepared, rejects_of, rows_of

ZINC, UNIREF = "molecule/zinc15", "protein/uniref50"
EXAMPLES = Path(__file__).parents[4] / "examples" / "data"


def test_a_dataset_has_bionemos_layout(tmp_path):
    prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=2, validation="10", test="20%")
    assert sorted(bytes_of(tmp_path)) == [
        "manifest.json", "rejects.csv.gz", "test/x000.csv", "test/x001.csv",
        "train/x000.csv", "train/x001.csv", "val/x000.csv", "val/x001.csv",
    ]  # fmt: skip
    assert (tmp_path / "out/train/x000.csv").read_text().splitlines()[0] == "zinc_id,smiles"


def test_proteins_have_their_own_columns(tmp_path):
    prepared(tmp_path, UNIREF, {"a.fasta": '>P1 a, "b"\nmkv\nACD*\n'}, files=1, validation="0", test="0")
    assert (tmp_path / "out/train/x000.csv").read_text() == (
        "record_id,record_name,sequence_length,sequence\nP1,a; 'b',6,MKVACD\n"
    )


def test_every_record_lands_in_exactly_one_split(tmp_path):
    manifest = prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=3, validation="10%", test="10%")
    rows = [row for split in ("train", "val", "test") for row in rows_of(tmp_path, split)]
    assert len(rows) == len(set(rows)) == len(SMILES)
    assert manifest.records.train + manifest.records.val + manifest.records.test == len(SMILES)


def test_counts_are_met_exactly(tmp_path):
    manifest = prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=3, validation="7", test="13")
    assert (manifest.records.val, manifest.records.test) == (7, 13)


def test_the_order_is_not_that_of_the_input(tmp_path):
    prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=1, validation="0", test="0")
    numbers = [row.split(",")[0] for row in rows_of(tmp_path, "train")]
    assert numbers != sorted(numbers)


def shuffled_pieces(parts):
    """The same records in another order and in other files, one of them compressed."""
    rows = molecule_table().splitlines(keepends=True)[1:]
    random.Random(5).shuffle(rows)
    cut = [rows[part::parts] for part in range(parts)]
    files = {f"{number}.txt": "smiles\tzinc_id\n" + "".join(piece) for number, piece in enumerate(cut)}
    files["0.txt"] = gzip.compress(files["0.txt"].encode(), mtime=1)
    return files


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_the_result_does_not_depend_on_the_order_or_cut_of_the_input(tmp_path, parts):
    options = {"files": 4, "validation": "5", "test": "10%"}
    prepared(tmp_path / "a", ZINC, {"a.txt": molecule_table()}, **options)
    prepared(tmp_path / "b", ZINC, shuffled_pieces(parts), **options)
    first, second = bytes_of(tmp_path / "a"), bytes_of(tmp_path / "b")
    for name in first.keys() - {"manifest.json"}:
        assert first[name] == second[name], name


def test_another_seed_is_another_split(tmp_path):
    for seed in (0, 1):
        prepared(tmp_path / str(seed), ZINC, {"a.txt": molecule_table()}, files=1, validation="10", test="0", seed=seed)
    assert set(rows_of(tmp_path / "0", "val")) != set(rows_of(tmp_path / "1", "val"))


def test_of_equal_molecules_the_smallest_identifier_stays(tmp_path):
    table = "smiles,id\nOCC,Z9\nCCO,Z2\nC(C)O,Z5\n"
    manifest = prepared(tmp_path, ZINC, {"a.csv": table}, files=1, validation="0", test="0")
    assert rows_of(tmp_path, "train") == ["Z2,CCO"]
    assert manifest.duplicates == 2


def test_identifiers_come_from_the_record_where_there_are_none(tmp_path):
    prepared(tmp_path / "a", ZINC, {"a.smi": "CCO\nCCN\n"}, files=1, validation="0", test="0")
    prepared(tmp_path / "b", ZINC, {"a.smi": "CCN\nCCO\n"}, files=1, validation="0", test="0")
    assert rows_of(tmp_path / "a", "train") == rows_of(tmp_path / "b", "train")
    assert all(row.startswith("BNM") for row in rows_of(tmp_path / "a", "train"))


@pytest.mark.parametrize(
    ("table", "options"),
    [
        pytest.param("zinc_id,smiles\nZ1,CCO\n", {}, id="columns by header"),
        pytest.param("CCO Z1\n", {}, id="blanks, no header"),
        pytest.param("CCO\tZ1\r\n", {}, id="CRLF"),
        pytest.param("\n\nCCO\tZ1", {}, id="blank lines first, no line end last"),
        pytest.param("name,structure\nZ1,CCO\n", {"column": "structure"}, id="column by name"),
        pytest.param("Z1,CCO\n", {"column": "1"}, id="column by number"),
        pytest.param('id,smiles\n"Z1","CCO"\n', {}, id="quoted"),
    ],
)
def test_tables_of_every_kind_are_read(tmp_path, table, options):
    prepared(tmp_path, ZINC, {"a.txt": table}, files=1, validation="0", test="0", **options)
    assert rows_of(tmp_path, "train") == ["Z1,CCO"]


@pytest.mark.parametrize(
    ("recipe", "record", "cause", "detail"),
    [
        pytest.param(ZINC, b"C1CC\tZ1\n", "no valid molecule", "", id="invalid molecule"),
        pytest.param(ZINC, b"[Og]\tZ1\n", "token outside of the vocabulary", "[Og]", id="unknown token"),
        pytest.param(ZINC, b"C" * 600 + b"\tZ1\n", "too long", "600 characters", id="long molecule"),
        pytest.param(ZINC, b"C" * 5000 + b"\tZ1\n", "too long", "5000 characters", id="molecule that would kill RDKit"),
        pytest.param(ZINC, b"\xff\xfeC\tZ1\n", "not UTF-8 text", "byte 1", id="garbage bytes"),
        pytest.param(ZINC, b"\tZ1\n", "empty", "", id="no molecule"),
        pytest.param(ZINC, b"C" * 10_000_000 + b"\n", "larger than 4 MiB", "", id="10 MB line"),
        pytest.param(UNIREF, b">P9\nMK1V\n", "residue outside of the alphabet", "1", id="strange residue"),
        pytest.param(UNIREF, b">P9\n", "empty", "", id="no residues"),
        pytest.param(UNIREF, b">\nMKV\n", "no identifier", "", id="no identifier"),
        pytest.param(UNIREF, b">P\xff\nMKV\n", "not UTF-8 text", "byte 3", id="header that is no text"),
        pytest.param(UNIREF, b">P9\n" + b"A" * 10_000_000 + b"\n", "larger than 4 MiB", "", id="10 MB sequence"),
        pytest.param(UNIREF, b">" + b"P" * 5_000_000 + b"\nMKV\n", "larger than 4 MiB", "", id="10 MB header"),
    ],
)
def test_a_record_that_cannot_be_used_is_left_out_and_listed(tmp_path, recipe, record, cause, detail):
    good = b"smiles\tid\nCCO\tZ0\n" if recipe == ZINC else b">P0\nMKV\n"
    manifest = prepared(tmp_path, recipe, {"a.txt": good + record}, files=1, validation="0", test="0")
    assert manifest.rejects == {cause: 1}
    (reject,) = rejects_of(tmp_path)
    assert reject[:4] == ["a.txt", "3", cause, detail]
    assert len(reject[4]) <= 200


def test_text_before_the_first_header_is_one_reject(tmp_path):
    manifest = prepared(tmp_path, UNIREF, {"a.fasta": "lost\n\nlines\n>P1\nMKV\n"}, files=1, validation="0", test="0")
    assert manifest.rejects == {"text before the first header": 1}


def test_a_row_with_too_few_columns_is_listed(tmp_path):
    manifest = prepared(tmp_path, ZINC, {"a.csv": "id,smiles\nZ1,CCO\nZ2\n"}, files=1, validation="0", test="0")
    assert manifest.rejects == {"too few columns": 1}


def test_characters_that_are_not_looked_up_are_tokens_of_the_vocabulary():
    letters = ALWAYS_KNOWN.decode().replace("l", "").replace("r", "")
    assert SmilesTokenizer().unknown(f"{letters}ClBr") == ()


def test_long_proteins_are_cut_only_when_asked(tmp_path):
    options = {"files": 1, "validation": "0", "test": "0", "max_length": 3}
    assert prepared(tmp_path / "a", UNIREF, {"a.fa": ">P1\nMKVA\n>P2\nMK\n"}, **options).rejects == {"too long": 1}
    prepared(tmp_path / "b", UNIREF, {"a.fa": ">P1\nMKVA\n"}, length_policy=LengthPolicy.TRUNCATE, **options)
    assert rows_of(tmp_path / "b", "train") == ["P1,,3,MKV"]


def test_empty_files_and_files_of_nothing_but_garbage_are_survived(tmp_path):
    files = {"a.txt": molecule_table(), "b.txt": b"", "c.txt": bytes(range(256)) * 50}
    manifest = prepared(tmp_path, ZINC, files, files=1)
    assert manifest.records.train + manifest.records.val + manifest.records.test == len(SMILES)
    assert sum(manifest.rejects.values()) > 0


def test_a_finished_preparation_has_nothing_to_do(tmp_path):
    first = prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=2)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert prepared(tmp_path, ZINC, {}, files=2) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_another_plan_does_not_touch_a_finished_dataset(tmp_path):
    prepared(tmp_path, ZINC, {"a.txt": molecule_table()}, files=2)
    words = (
        r"out: holds a complete dataset of another plan \(molecule/zinc15, plan [0-9a-f]{16}, not [0-9a-f]{16}\); "
        r"choose another output or delete it\.$"
    )
    with pytest.raises(DataError, match=words):
        prepared(tmp_path, ZINC, {}, files=3)


def test_a_strangers_folders_are_not_touched(tmp_path):
    (tmp_path / "out" / "val").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        prepared(tmp_path, ZINC, {"a.txt": molecule_table()})
    assert str(caught.value).replace(str(tmp_path), "DIR") == (
        "DIR/out: holds val but no manifest.json, so it is no dataset of this plan; choose another output or delete it."
    )


@pytest.mark.parametrize(
    ("files", "options", "error", "message"),
    [
        pytest.param({}, {}, MissingInputError, "source.path: 'DIR/raw' does not exist; bring the file or the folder, or mend the path.", id="no source"),
        pytest.param({".hidden": "x"}, {}, MissingInputError, "source.path: 'DIR/raw' holds no files; put the raw files there or mend the path.", id="nothing in the source"),
        pytest.param({"a.gz": gzip.compress(b"smiles\nCCO\n" * 999)[:40]}, {}, DataError, "a.gz: is a damaged gzip file (Compressed file ended before the end-of-stream marker was reached); bring a whole one or take it off the list.", id="torn gzip"),
        pytest.param({"a.txt": "smiles\nC1CC\n"}, {}, DataError, "DIR/out: none of the 1 records in the source is usable; DIR/out/.work-HASH/mapped lists the causes, check that the source fits molecule/zinc15.", id="nothing usable"),
        pytest.param({"a.txt": "smiles\nCCO\n"}, {"validation": "2"}, DataError, "split.validation: '2' is more than there are different records; ask for fewer or for a share.", id="more held back than there is"),
        pytest.param({"a.txt": "smiles\nCCO\nCCN\nCCC\n"}, {"validation": "2", "test": "2"}, DataError, "split: validation '2' and test '2' are more than there are different records; ask for fewer.", id="splits that meet"),
        pytest.param({"a.txt": "smiles,id\nCCO,Z\n"}, {"column": "structure"}, DataError, "a.txt: has no column 'structure', its columns are smiles, id; name one of these.", id="no such column"),
        pytest.param({"a.txt": "CCO,Z1\n"}, {"column": "structure"}, DataError, "a.txt: has no header, so column 'structure' can't be found; give its number from 0 instead.", id="column by name without a header"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_used_is_answered_in_words(tmp_path, files, options, error, message):
    with pytest.raises(error) as caught:
        prepared(tmp_path, ZINC, files, **options)
    text = str(caught.value).replace(str(tmp_path), "DIR")
    hashes = [part.split("/")[0] for part in text.split(".work-")[1:]]
    assert text.replace(hashes[0] if hashes else "-", "HASH" if hashes else "-") == message


def test_a_source_that_changed_is_read_anew(tmp_path):
    plan = PreparationPlan(
        recipe=ZINC, source=Source(path=str(tmp_path / "raw")), output=tmp_path / "out", validation="0", test="0"
    )
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("CCO\n")
    for stage in (Stage.LIST, Stage.FETCH, Stage.CUT, Stage.MAP):
        run_share(plan, stage, 0, 1)
    (tmp_path / "raw" / "a.txt").write_text("CCO\nCCN\n")
    assert prepare(plan).records.train == 2


@pytest.mark.parametrize("shares", [1, 3])
def test_stages_run_in_shares_as_pods_do(tmp_path, shares):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(molecule_table())
    here = PreparationPlan(recipe=ZINC, source=Source(path=str(tmp_path / "raw")), output=tmp_path / "here", files=5)
    pods = PreparationPlan(recipe=ZINC, source=Source(path=str(tmp_path / "raw")), output=tmp_path / "pods", files=5)
    for stage in Stage:
        for share in reversed(range(shares if stage.is_shared else 1)):
            run_share(pods, stage, share, shares if stage.is_shared else 1)
    assert verify(pods.output) == prepare(here)
    assert run_share(pods, Stage.MAP, 0, 1) == 0


def test_a_stage_waits_for_the_one_before_it(tmp_path):
    plan = PreparationPlan(recipe=ZINC, source=Source(path=str(tmp_path)), output=tmp_path / "out")
    with pytest.raises(MissingInputError, match=r"sources\.json: does not exist; finish stage 'list' first\."):
        num_tasks(plan, Stage.FETCH)


PROGRAM = """
import sys
from pathlib import Path
from bionemo_trainer.data.preparation.molecule_records import ALWAYS_KNOWN
from bionemo_trainer.data.preparation.plan import LengthPolicy, PreparationPlan, Source
from bionemo_trainer.data.preparation.prepare import prepare
if __name__ == "__main__":
    source, output, workers = sys.argv[1:]
    plan = PreparationPlan(recipe="molecule/zinc15", source=Source(path=source), output=Path(output), files=3)
    prepare(plan, int(workers), lambda progress: print(progress.stage, progress.done, flush=True))
"""


def test_killed_and_run_again_with_other_workers_it_gives_the_same_bytes(tmp_path):
    source = tmp_path / "raw"
    source.mkdir()
    for part in range(6):
        (source / f"{part}.txt").write_bytes(
            gzip.decompress((EXAMPLES / "molecules" / "moses.txt.gz").read_bytes())[: 60_000 * (part + 1)]
        )
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), str(source)]
    subprocess.run([*command, str(tmp_path / "whole" / "out"), "1"], check=True, capture_output=True)
    killed = subprocess.Popen(
        [*command, str(tmp_path / "killed" / "out"), "2"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    for line in killed.stdout:
        if line.split() == ["map", "2"]:
            os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    time.sleep(0.1)
    assert not (tmp_path / "killed" / "out" / "manifest.json").exists()
    subprocess.run([*command, str(tmp_path / "killed" / "out"), "2"], check=True, capture_output=True)
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


def test_a_manifest_says_what_a_pod_reports(tmp_path):
    manifest = prepared(tmp_path, UNIREF, {"a.fasta": fasta()}, files=2, validation="3", test="4")
    assert summary(manifest) == (
        '{"records": {"train": 33, "validation": 3, "test": 4, "duplicates": 0, "rejected": 0}, "files": 2, '
        f'"checksum": "{manifest.checksum}", "fingerprint": "{manifest.tokenizer.fingerprint}"}}'
    )


def test_rejects_are_a_table_that_any_reader_opens(tmp_path):
    prepared(tmp_path, ZINC, {"a.txt": 'smiles\tid\nCCO\tZ\nx"y,\x00z\tQ\n'}, files=1, validation="0", test="0")
    with gzip.open(tmp_path / "out" / "rejects.csv.gz", "rt", newline="") as file:
        assert next(csv.DictReader(file))["record"] == 'x"y,\\x00z\\x09Q'
