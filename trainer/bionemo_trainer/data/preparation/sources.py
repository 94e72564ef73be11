"""Stage `list`: which raw files there are. Run once, alone, before all others.

A list that changed since the work began makes that work worthless, so it is thrown away.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from bionemo_trainer.data.manifest import MANIFEST_NAME
from bionemo_trainer.data.preparation.download import download
from bionemo_trainer.data.preparation.layout import SPLITS, Layout, layout_of
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.plan import PreparationPlan, Source, is_address
from bionemo_trainer.errors import ConfigError, DataError, MissingInputError, Problem

_SHA256 = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """One raw file before anything of it was read."""

    name: str
    """What messages and the manifest call it: its address, or its path within the folder."""
    location: str
    """Its address or its whole path."""
    sha256: str | None = None
    """What its bytes must hash to, where the list says so."""
    stamp: tuple[int, int] | None = None
    """Size in bytes and time in nanoseconds of a local file, to notice that it changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All raw files, in the order of their names."""

    files: tuple[RawFile, ...]


def run_list(plan: PreparationPlan) -> int:
    """Lists the raw files; the number of them.

    Raises:
        ConfigError: Lines of the links file are no addresses.
        DataError: The output folder holds something else.
        MissingInputError: There is no source, or nothing in it.
    """
    layout = layout_of(plan)
    _refuse_strangers(layout)
    listing = Listing(files=_listed(plan.source))
    if not layout.listing.exists():
        write_mark(layout.listing, listing)
    elif read_mark(layout.listing, Listing, "list") != listing:
        _discard_work(layout)
        write_mark(layout.listing, listing)
    return len(listing.files)


def read_listing(layout: Layout) -> Listing:
    """What stage `list` found."""
    return read_mark(layout.listing, Listing, "list")


def _refuse_strangers(layout: Layout) -> None:
    strangers = [split for split in SPLITS if layout.final(split).exists()]
    if strangers and not layout.work.exists():
        raise DataError(
            f"{layout.output}: holds {', '.join(strangers)} but no {MANIFEST_NAME}, so it is no dataset of this plan; "
            "choose another output or delete it."
        )


def _discard_work(layout: Layout) -> None:
    """Renames before it removes: killed in between, it leaves no half of the old work for the new list."""
    discarded = layout.work.with_name(f"{layout.work.name}-discarded")
    shutil.rmtree(discarded, ignore_errors=True)
    layout.work.rename(discarded)
    shutil.rmtree(discarded)


def _listed(source: Source) -> tuple[RawFile, ...]:
    if source.path is not None:
        return _files_below(Path(source.path))
    if source.links_file is not None:
        return _linked(source.links_file)
    return tuple(RawFile(name=url, location=url) for url in sorted(set(source.urls)))


def _files_below(path: Path) -> tuple[RawFile, ...]:
    if not path.exists():
        raise MissingInputError(
            f"source.path: {str(path)!r} does not exist; bring the file or the folder, or mend the path."
        )
    names = {path.name: path} if path.is_file() else dict(_visible_files(path))
    if not names:
        raise MissingInputError(f"source.path: {str(path)!r} holds no files; put the raw files there or mend the path.")
    return tuple(
        RawFile(
            name=name, location=str(names[name]), stamp=(names[name].stat().st_size, names[name].stat().st_mtime_ns)
        )
        for name in sorted(names)
    )


def _visible_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files at any depth, without those that are hidden or lie in hidden folders, such as a volume's snapshots."""
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix(), path


def _linked(links_file: str) -> tuple[RawFile, ...]:
    sums: dict[str, str | None] = {}
    problems = []
    for number, line in enumerate(_links(links_file).splitlines(), start=1):
        match line.split():
            case []:
                continue
            case [first, *_] if first.startswith("#"):
                continue
            case [address] if is_address(address):
                sums.setdefault(address)
            case [address, checksum] if is_address(address) and _SHA256.fullmatch(checksum):
                sums[address] = checksum.lower()
            case _:
                problems.append(_no_link(links_file, number, line))
    if problems:
        raise ConfigError(problems)
    if not sums:
        raise MissingInputError(f"source.links_file: {links_file!r} names no address; write one on each line.")
    return tuple(RawFile(name=url, location=url, sha256=sums[url]) for url in sorted(sums))


def _links(links_file: str) -> str:
    """The text of a links file, wherever it is."""
    links = BytesIO()
    if is_address(links_file):
        found = download(links_file, links)
    elif found := Path(links_file).is_file():
        links.write(Path(links_file).read_bytes())
    if not found:
        raise MissingInputError(
            f"source.links_file: {links_file!r} does not exist; bring the file or mend its address."
        )
    return links.getvalue().decode("utf-8", "replace")


def _no_link(links_file: str, number: int, line: str) -> Problem:
    return Problem(
        field=f"source.links_file {links_file}, line {number}",
        value=line,
        rule="must be an http:// or https:// address, perhaps with a blank and its sha256 behind it",
        mend="mend the line, or put # before it",
    )
