"""`bionemo inspect`: what a dataset holds, from its manifest."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bionemo_operator.cli.output import console
from bionemo_trainer.data import manifest as manifests
from bionemo_trainer.data.manifest import Bucket, Manifest

BAR_CELLS = 40
"""Width of the longest bar of the histogram."""
FILES_SHOWN = 12
"""Files that are listed one by one; of more, the first and the last are."""


def inspect_dataset(folder: Path, *, verify: bool) -> None:
    """Print a description of a dataset.

    Args:
        folder: With train, val, test and manifest.json.
        verify: Also hash every file and compare.

    Raises:
        MissingInputError: The folder does not exist.
        DataError: The dataset is incomplete, malformed, or not what was prepared.
    """
    manifest = manifests.verify(folder) if verify else manifests.read_manifest(folder)
    out = console()
    out.print(f"{folder}: {manifest.recipe}", style="bold")
    for label, text in _facts(manifest):
        out.print(f"  {label:<11}{text}")
    if verify:
        out.print("  verified   every file has the bytes that were prepared")
    out.print("  lengths    in characters")
    for line in histogram(manifest.lengths):
        out.print(f"    {line}")
    _print_files(out, manifest)


def histogram(buckets: tuple[Bucket, ...]) -> Iterator[str]:
    """One line per bucket: its range, a bar, its records."""
    most = max((bucket.records for bucket in buckets), default=1)
    for bucket in buckets:
        bar = "█" * -(-bucket.records * BAR_CELLS // most)
        yield f"{bucket.at_least:>7} to {bucket.below - 1:<7} {bar} {bucket.records}"


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    records = manifest.records
    total = records.train + records.val + records.test
    yield "records", f"{total}: {records.train} train, {records.val} val, {records.test} test"
    yield "duplicates", f"{manifest.duplicates} left out"
    causes = ", ".join(f"{cause} {count}" for cause, count in manifest.rejects.items())
    yield "rejects", f"{sum(manifest.rejects.values())} left out{': ' if causes else ''}{causes}"
    yield "options", ", ".join(f"{name} {value}" for name, value in manifest.options)
    yield "tokenizer", f"{manifest.tokenizer.name}, fingerprint {manifest.tokenizer.fingerprint[:16]}"
    yield (
        "sources",
        ", ".join(source.name for source in manifest.sources[:3])
        + (f" and {len(manifest.sources) - 3} more" if len(manifest.sources) > 3 else ""),
    )
    yield "checksum", manifest.checksum


def _print_files(out: Console, manifest: Manifest) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("  FILE")
    for split in ("TRAIN", "VAL", "TEST"):
        table.add_column(split, justify="right")
    files = list(zip(manifest.files.train, manifest.files.val, manifest.files.test, strict=True))
    shown = files if len(files) <= FILES_SHOWN else [*files[: FILES_SHOWN - 1], files[-1]]
    for entries in shown:
        table.add_row(f"  {entries[0].name}", *(str(entry.rows) for entry in entries))
    out.print(table)
    if shown is not files:
        out.print(f"  … {len(files) - FILES_SHOWN} files between the last two are not shown")
