"""Downloads from a real server on this machine: retries, what is final, links files and checksums."""

import gzip
import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import ClassVar

import pytest

from bionemo_trainer.data.preparation.download import download
from bionemo_trainer.data.preparation.plan import PreparationPlan, Source
from bionemo_trainer.data.preparation.prepare import prepare
from bionemo_trainer.errors import ConfigError, DataError, MissingInputError, StorageError
from testkit.preparation import molecule_table, rows_of

pytestmark = pytest.mark.enable_socket
TABLE = molecule_table().encode()


class Tranches(BaseHTTPRequestHandler):
    """Answers by the path: /ok, /gz, /flaky (two errors first), /torn (once cut short), /down, /forbidden; else 404."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self):
        type(self).asked[self.path] += 1
        attempt = self.asked[self.path]
        match self.path:
            case "/ok":
                self.answer(200, TABLE)
            case "/gz":
                self.answer(200, gzip.compress(TABLE))
            case "/flaky":
                self.answer(503 if attempt < 3 else 200, TABLE)
            case "/torn":
                self.answer(200, TABLE, length=len(TABLE), sent=10 if attempt == 1 else None)
            case "/down":
                self.answer(500, b"")
            case "/forbidden":
                self.answer(403, b"")
            case "/links":
                self.answer(200, f"# tranches\n\n{self.here}/ok\n{self.here}/gone\n".encode())
            case _:
                self.answer(404, b"")

    @property
    def here(self):
        return f"http://{self.headers['Host']}"

    def answer(self, status, body, length=None, sent=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Tranches.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Tranches) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def fetched(address, attempts=3):
    file = BytesIO()
    return download(address, file, [0] * (attempts - 1)), file.getvalue()


@pytest.mark.parametrize("path", ["/ok", "/flaky", "/torn"])
def test_a_file_arrives_whole(server, path):
    assert fetched(server + path) == (True, TABLE)


def test_a_file_that_is_gone_is_no_error_yet(server):
    assert fetched(f"{server}/gone")[0] is False
    assert Tranches.asked["/gone"] == 1


def test_a_server_that_stays_down_may_be_asked_again_later(server):
    with pytest.raises(StorageError) as caught:
        fetched(f"{server}/down")
    assert str(caught.value) == (
        f"{server}/down: can't be downloaded in 3 attempts, the last one says status 500; "
        "start again when the server is well, finished downloads are kept."
    )


def test_a_refusal_is_final(server):
    with pytest.raises(MissingInputError) as caught:
        fetched(f"{server}/forbidden")
    assert str(caught.value) == (
        f"{server}/forbidden: the server answers with status 403; mend the address or ask for access."
    )


def plan(folder, **options):
    source = options.pop("source")
    return PreparationPlan(
        recipe="molecule/zinc15", source=source, output=folder / "out", validation="0", test="0", **options
    )


def test_addresses_give_the_same_records_as_files(server, tmp_path):
    manifest = prepare(plan(tmp_path, source=Source(urls=(f"{server}/ok", f"{server}/gz"))))
    assert (manifest.records.train, manifest.duplicates) == (100, 100)
    assert len(rows_of(tmp_path, "train")) == 100
    assert [source.name for source in manifest.sources] == [f"{server}/gz", f"{server}/ok"]


def test_missing_tranches_are_an_error_that_names_them(server, tmp_path):
    with pytest.raises(MissingInputError) as caught:
        prepare(plan(tmp_path, source=Source(links_file=f"{server}/links")))
    assert str(caught.value) == (
        f"{server}/gone: does not exist; take it off the list, mend the address or set allow_missing."
    )


def test_missing_tranches_can_be_allowed(server, tmp_path):
    manifest = prepare(plan(tmp_path, source=Source(links_file=f"{server}/links"), allow_missing=True))
    assert [(source.name, source.sha256 is None) for source in manifest.sources] == [
        (f"{server}/gone", True),
        (f"{server}/ok", False),
    ]


def links(folder, text):
    (folder / "links.txt").write_text(text)
    return Source(links_file=str(folder / "links.txt"))


def test_a_checksum_of_the_list_is_held(server, tmp_path):
    right = hashlib.sha256(TABLE).hexdigest()
    assert prepare(plan(tmp_path, source=links(tmp_path, f"{server}/ok {right.upper()}\n"))).records.train == 100


def test_another_checksum_is_an_error(server, tmp_path):
    wrong, right = "0" * 64, hashlib.sha256(TABLE).hexdigest()
    with pytest.raises(DataError) as caught:
        prepare(plan(tmp_path, source=links(tmp_path, f"{server}/ok {wrong}\n")))
    assert str(caught.value) == (
        f"{server}/ok: has the sha256 {right}, its list says {wrong}; mend the list or the file."
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "# a comment\nnot an address\n",
            ConfigError,
            "source.links_file DIR/links.txt, line 2: 'not an address' must be an http:// or https:// address, "
            "perhaps with a blank and its sha256 behind it; mend the line, or put # before it.",
        ),
        (
            "\n# nothing\n",
            MissingInputError,
            "source.links_file: 'DIR/links.txt' names no address; write one on each line.",
        ),
    ],
    ids=["no address", "empty"],
)
def test_a_wrong_list_is_answered_with_its_line(tmp_path, text, error, message):
    with pytest.raises(error) as caught:
        prepare(plan(tmp_path, source=links(tmp_path, text)))
    assert str(caught.value).replace(str(tmp_path), "DIR") == message


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingInputError) as caught:
        prepare(plan(tmp_path, source=Source(links_file="/nowhere/links.txt")))
    assert str(caught.value) == (
        "source.links_file: '/nowhere/links.txt' does not exist; bring the file or mend its address."
    )
