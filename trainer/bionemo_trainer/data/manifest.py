"""The manifest of a dataset: what is in it, where it came from, and the proof that it is complete.

Written last by the preparation, read by the operator's pods, trainers and `bionemo inspect`. A folder without it is no
dataset. It says nothing about time or place, so equal data have equal manifests.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bionemo_trainer.errors import DataError, MissingInputError

MANIFEST_NAME = "manifest.json"
type Count = Annotated[int, Field(ge=0)]
type Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    """One file of one split."""

    name: str
    """Such as `x000.csv`."""
    rows: Count
    """Without the header."""
    bytes: Count
    sha256: Sha256


class Splits[T](_Part):
    """One thing for each split, under the names of its folders."""

    train: T
    val: T
    test: T


class SourceEntry(_Part):
    """One raw file."""

    name: str
    """Its address, or its path within the source."""
    sha256: Sha256 | None
    """Of the raw file; none when its address said that it does not exist."""


class Options(_Part):
    """What of the plan shapes the content."""

    validation: str
    test: str
    seed: int
    column: str | None
    max_length: int
    length_policy: str


class Vocabulary(_Part):
    """What all texts of the dataset can be encoded with."""

    name: str
    """Such as `smiles`."""
    fingerprint: Sha256


class Bucket(_Part):
    """Texts of similar length."""

    at_least: Count
    """Shortest, in characters."""
    below: Count
    """First length that is too long."""
    records: Count


class Manifest(_Part):
    """All that is known about a complete dataset."""

    schema_version: Literal[1] = 1
    recipe: str
    plan: Sha256
    """Digest of the plan; an equal one need not be prepared again."""
    options: Options
    tokenizer: Vocabulary
    canonicalizer: str | None
    """What made the records canonical, such as `rdkit 2025.3.1`; none for proteins."""
    records: Splits[Count]
    duplicates: Count
    """Records that were there before, under a smaller identifier."""
    rejects: dict[str, Count]
    """Records that were left out, by cause; `rejects.csv.gz` lists them."""
    checksum: Sha256
    """Of all files of all splits: equal for equal data."""
    lengths: tuple[Bucket, ...]
    """Histogram of text lengths, in characters."""
    files: Splits[tuple[FileEntry, ...]]
    sources: tuple[SourceEntry, ...]


def checksum_of(files: Splits[tuple[FileEntry, ...]]) -> str:
    """SHA-256 over name and SHA-256 of each file, as `sha256sum` would list them: `<sha256>  train/x000.csv`."""
    listed = (f"{entry.sha256}  {split}/{entry.name}\n" for split, entry in each_file(files))
    return hashlib.sha256("".join(listed).encode()).hexdigest()


def each_file(files: Splits[tuple[FileEntry, ...]]) -> Iterator[tuple[str, FileEntry]]:
    """All files with the names of their splits: train, then val, then test."""
    for split, entries in (("train", files.train), ("val", files.val), ("test", files.test)):
        for entry in entries:
            yield split, entry


def read_manifest(dataset: Path) -> Manifest:
    """The manifest of a dataset.

    Raises:
        MissingInputError: The folder does not exist.
        DataError: It is no complete dataset, or its manifest is malformed.
    """
    path = dataset / MANIFEST_NAME
    if not dataset.is_dir():
        raise MissingInputError(f"{dataset}: does not exist; prepare the dataset or mend the path.")
    if not path.is_file():
        raise DataError(
            f"{dataset}: has no {MANIFEST_NAME}, so it is incomplete; run its preparation again, which goes on from there."
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise DataError(
            f"{path}: {place} is malformed ({first['msg']}); restore the file or prepare the dataset again."
        ) from None


def verify(dataset: Path) -> Manifest:
    """The manifest of a dataset whose every file still has the bytes that were prepared.

    Raises:
        MissingInputError: The folder does not exist.
        DataError: It is incomplete, or files are missing or changed; all are named.
    """
    manifest = read_manifest(dataset)
    faults = [
        f"{split}/{entry.name} {fault}"
        for split, entry in each_file(manifest.files)
        if (fault := _fault(dataset / split / entry.name, entry))
    ]
    if faults:
        raise DataError(f"{dataset}: {'; '.join(faults)}. Restore these files or prepare the dataset again.")
    return manifest


def _fault(path: Path, entry: FileEntry) -> str:
    if not path.is_file():
        return "is missing"
    if (num_bytes := path.stat().st_size) != entry.bytes:
        return f"has {num_bytes} bytes instead of {entry.bytes}"
    with path.open("rb") as file:
        is_same = hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    return "" if is_same else "has other content of the same size"
