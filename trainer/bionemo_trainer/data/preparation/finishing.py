"""Stage `finish`: puts the finished files in place and writes the manifest, last. Run once, when all files are reduced.

It may be killed anywhere and run again: splits are moved by renaming, and what was moved is not moved twice.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bionemo_trainer.data.lengths import LIMITS
from bionemo_trainer.data.manifest import (
    MANIFEST_NAME,
    Bucket,
    FileEntry,
    Manifest,
    Options,
    SourceEntry,
    Splits,
    Vocabulary,
    checksum_of,
    read_manifest,
)
from bionemo_trainer.data.preparation.fetching import read_fetched
from bionemo_trainer.data.preparation.layout import SPLITS, WORK_PREFIX, Layout, file_name, layout_of
from bionemo_trainer.data.preparation.mapping import read_mapped
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.reducing import Reduced, read_reduced
from bionemo_trainer.data.preparation.rejects import join_rejects
from bionemo_trainer.data.preparation.settling import read_settled
from bionemo_trainer.data.preparation.shards import read_shards
from bionemo_trainer.data.preparation.sources import read_listing
from bionemo_trainer.durable import durable
from bionemo_trainer.errors import DataError
from bionemo_trainer.tokenizers.vocabulary import megamolbart_vocabulary, protein_vocabulary

REJECTS_NAME = "rejects.csv.gz"


def finished(plan: PreparationPlan) -> Manifest | None:
    """The manifest when the plan's dataset is complete, None when there is none yet.

    Raises:
        DataError: Another plan's dataset is there.
    """
    if not (plan.output / MANIFEST_NAME).exists():
        return None
    manifest = read_manifest(plan.output)
    if manifest.plan != plan.digest:
        raise DataError(
            f"{plan.output}: holds a complete dataset of another plan ({manifest.recipe}, plan {manifest.plan[:16]}, "
            f"not {plan.digest[:16]}); choose another output or delete it."
        )
    _remove_work(plan.output)
    return manifest


def run_finish(plan: PreparationPlan) -> int:
    """Completes the dataset; how many records it has.

    Raises:
        DataError: A folder of a split is in the way.
    """
    layout = layout_of(plan)
    manifest = _manifest(plan, layout)
    with durable(plan.output / REJECTS_NAME) as file:
        join_rejects(_shard_rejects(layout), file)
    for split in SPLITS:
        _put_in_place(layout.staged(split), layout.final(split))
    with durable(plan.output / MANIFEST_NAME) as file:
        file.write(f"{manifest.model_dump_json(indent=2)}\n".encode())
    _remove_work(plan.output)
    return manifest.records.train + manifest.records.val + manifest.records.test


def _put_in_place(staged: Path, final: Path) -> None:
    if staged.exists() and final.exists():
        raise DataError(f"{final}: is in the way of the new dataset; delete it or choose another output.")
    if staged.exists():
        staged.rename(final)


def _remove_work(output: Path) -> None:
    """Removes work in progress: the plan's own, and what changed plans left behind, which now has no future.

    Other pods may be removing it, too, so what is gone already is no error.
    """
    for work in output.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(work, ignore_errors=True)


def _manifest(plan: PreparationPlan, layout: Layout) -> Manifest:
    settled = read_settled(layout)
    reduced = [read_reduced(layout, number) for number in range(settled.files)]
    files = Splits[tuple[FileEntry, ...]](
        train=_entries(reduced, "train"),
        val=_entries(reduced, "val"),
        test=_entries(reduced, "test"),
    )
    vocabulary = megamolbart_vocabulary() if plan.is_molecular else protein_vocabulary()
    return Manifest(
        recipe=plan.recipe,
        plan=plan.digest,
        options=_options(plan),
        tokenizer=Vocabulary(name=vocabulary.kind, fingerprint=vocabulary.fingerprint),
        canonicalizer=f"rdkit {version('rdkit')}" if plan.is_molecular else None,
        records=Splits[int](train=_rows(files.train), val=_rows(files.val), test=_rows(files.test)),
        duplicates=sum(part.duplicates for part in reduced),
        rejects=_reject_counts(layout),
        checksum=checksum_of(files),
        lengths=_histogram(reduced),
        files=files,
        sources=_sources(layout),
    )


def _entries(reduced: list[Reduced], split: str) -> tuple[FileEntry, ...]:
    return tuple(
        FileEntry(name=file_name(number, len(reduced)), rows=file.rows, bytes=file.bytes, sha256=file.sha256)
        for number, file in enumerate(part.files[split] for part in reduced)
    )


def _rows(entries: tuple[FileEntry, ...]) -> int:
    return sum(entry.rows for entry in entries)


def _options(plan: PreparationPlan) -> Options:
    return Options(
        validation=plan.validation,
        test=plan.test,
        seed=plan.seed,
        column=plan.column,
        max_length=plan.longest,
        length_policy=plan.length_policy.value,
    )


def _reject_counts(layout: Layout) -> dict[str, int]:
    counts = Counter[str]()
    for shard in range(len(read_shards(layout))):
        counts.update(read_mapped(layout, shard).rejects)
    return dict(sorted(counts.items()))


def _histogram(reduced: list[Reduced]) -> tuple[Bucket, ...]:
    counts = Counter[int]()
    for part in reduced:
        counts.update(part.lengths)
    return tuple(
        Bucket(at_least=LIMITS[bucket], below=LIMITS[bucket + 1], records=records)
        for bucket, records in sorted(counts.items())
    )


def _sources(layout: Layout) -> tuple[SourceEntry, ...]:
    fetched = (read_fetched(layout, number) for number in range(len(read_listing(layout).files)))
    return tuple(SourceEntry(name=source.name, sha256=source.sha256 or None) for source in fetched)


def _shard_rejects(layout: Layout) -> Iterator[tuple[str, int, Path]]:
    """Name of the source, lines before the shard, and the rejects of each shard, in order."""
    lines_before, previous = 0, -1
    for number, shard in enumerate(read_shards(layout)):
        lines_before = lines_before if shard.source == previous else 0
        yield shard.name, lines_before, layout.shard_rejects(number)
        lines_before += read_mapped(layout, number).lines
        previous = shard.source
