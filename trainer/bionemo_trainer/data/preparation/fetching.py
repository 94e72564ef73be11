"""Stage `fetch`: every raw file as plain text on local storage, with its checksum. One task for each file.

A file that can't be used is recorded with its fault, so that stage `cut` can name all of them at once.
"""

import gzip
import hashlib
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from bionemo_trainer.data.preparation.download import download
from bionemo_trainer.data.preparation.layout import Layout, layout_of
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.plan import PreparationPlan, is_address
from bionemo_trainer.data.preparation.sources import RawFile, read_listing
from bionemo_trainer.durable import durable

GZIP_MAGIC = b"\x1f\x8b"
PIECE_BYTES = 1 << 20
MISSING = "does not exist; take it off the list, mend the address or set allow_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of a raw file."""

    name: str
    text: str = ""
    """Where its plain text is; empty when there is none."""
    text_bytes: int = 0
    sha256: str = ""
    """Of the raw file, in hexadecimal; empty when there is none."""
    is_missing: bool = False
    """Whether its address answers that there is no such file."""
    fault: str = ""
    """Why it can't be used; empty when it can."""


def run_fetch(plan: PreparationPlan, number: int) -> int:
    """Makes plain text of one raw file; its bytes.

    Raises:
        StorageError: It can't be downloaded now.
        MissingInputError: The server refuses it for good, other than by 404.
    """
    layout = layout_of(plan)
    raw_file = read_listing(layout).files[number]
    fetched = _fetch(raw_file, number, layout)
    write_mark(layout.fetched(number), fetched)
    return fetched.text_bytes


def is_fetched(plan: PreparationPlan, number: int) -> bool:
    """Whether a raw file is there to stay; one with a fault is tried again."""
    layout = layout_of(plan)
    if not layout.fetched(number).exists():
        return False
    fetched = read_fetched(layout, number)
    return not fetched.fault or (fetched.is_missing and plan.allow_missing)


def read_fetched(layout: Layout, number: int) -> Fetched:
    """What stage `fetch` found in a raw file."""
    return read_mark(layout.fetched(number), Fetched, "fetch")


def _fetch(raw_file: RawFile, number: int, layout: Layout) -> Fetched:
    raw = Path(raw_file.location)
    if is_address(raw_file.location):
        raw = layout.download(number)
        with durable(raw) as file:
            is_there = download(raw_file.location, file)
        if not is_there:
            return Fetched(name=raw_file.name, is_missing=True, fault=MISSING)
    sha256 = _sha256(raw)
    if raw_file.sha256 not in {None, sha256}:
        fault = f"has the sha256 {sha256}, its list says {raw_file.sha256}; mend the list or the file"
        return Fetched(name=raw_file.name, sha256=sha256, fault=fault)
    if not _is_gzip(raw):
        return Fetched(name=raw_file.name, text=str(raw.absolute()), text_bytes=raw.stat().st_size, sha256=sha256)
    text = layout.text(number)
    if fault := _unpack(raw, text):
        return Fetched(name=raw_file.name, sha256=sha256, fault=fault)
    layout.download(number).unlink(missing_ok=True)
    return Fetched(name=raw_file.name, text=str(text.absolute()), text_bytes=text.stat().st_size, sha256=sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def _unpack(packed: Path, target: Path) -> str:
    """Why a file can't be unpacked; empty when it was."""
    try:
        with gzip.open(packed) as whole, durable(target) as text:
            shutil.copyfileobj(whole, text, PIECE_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        return f"is a damaged gzip file ({error}); bring a whole one or take it off the list"
    return ""
