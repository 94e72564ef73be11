"""What is to be prepared: one immutable value that decides every byte of the dataset.

Built by the command line and, as JSON, by the operator; read by every stage. It touches no files.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bionemo_trainer.errors import NOTHING, ConfigError, Problem

type Recipe = Literal["molecule/zinc15", "protein/uniref50"]

FORMAT_VERSION = 1
"""Raised when the same plan would give other bytes, so that work of an older program is never mixed in."""
MOST_FILES = 100_000
"""The limit of BioNeMo's range grammar here."""
MOST_SMILES_CHARACTERS = 4096
"""RDKit recurses over atoms: chains of 20,000 overflow its stack and kill the process, 4,096 take 0.2 s."""
MOST_RESIDUES = 1_000_000
"""Thirty times the longest known protein."""
_DEFAULT_MAX_LENGTH = {"molecule/zinc15": 512, "protein/uniref50": MOST_RESIDUES}
"""ZINC15's is the limit that BioNeMo states for its dataset; proteins are cut at training, so only absurd ones are left out."""
_SHARE = re.compile(r"[0-9]{1,12}|[0-9]{1,2}([.][0-9]{1,4})?%")


class LengthPolicy(StrEnum):
    """What happens to records longer than `max_length`; the values are those of the custom resource."""

    REJECT = "Reject"
    TRUNCATE = "Truncate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the raw files are; exactly one of the three is given."""

    urls: tuple[str, ...] = ()
    """Addresses to download."""
    links_file: str | None = None
    """A list of addresses, one a line, perhaps with a sha256 behind it: an http(s) address or a path."""
    path: str | None = None
    """A file, or a folder of which every file is read."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationPlan:
    """Which raw data to prepare, how, and where to. One that exists is valid.

    Raises:
        ConfigError: With every field that is wrong.
    """

    recipe: Recipe
    """What the raw files hold: tables of SMILES, or FASTA."""
    source: Source
    """Where they are."""
    output: Path
    """Folder of the dataset; work in progress is kept below it."""
    files: int | None = None
    """Files of each split; None asks for one per million records."""
    validation: str = "0.5%"
    """Share, or exact number, of records for validation: `0.5%`, `5000`."""
    test: str = "0.5%"
    """The same for the test."""
    seed: int = 0
    """Selects another split and another order of the same records."""
    column: str | None = None
    """Column of the SMILES by name or by number from 0; None finds it by the header, else takes the first."""
    max_length: int | None = None
    """Longest record in characters; None is 512 for molecules and a million for proteins."""
    length_policy: LengthPolicy = LengthPolicy.REJECT
    """What happens to longer ones."""
    allow_missing: bool = False
    """Whether addresses that answer 404 are left out and listed in the manifest, instead of being an error."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if problems := tuple(_problems(self)):
            raise ConfigError(problems)

    @property
    def longest(self) -> int:
        """`max_length` with the recipe's default filled in."""
        return self.max_length or _DEFAULT_MAX_LENGTH[self.recipe]

    @property
    def is_molecular(self) -> bool:
        """Whether records are SMILES; else they are protein sequences."""
        return self.recipe == "molecule/zinc15"

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the content of the dataset: everything but where it is put."""
        options = asdict(self) | {"output": None, "max_length": self.longest, "format": FORMAT_VERSION}
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


_PLAN = TypeAdapter(PreparationPlan)


def plan_to_json(plan: PreparationPlan) -> str:
    """The plan as text for the arguments of a pod."""
    return _PLAN.dump_json(plan).decode()


def plan_from_json(text: str) -> PreparationPlan:
    """A plan from such text.

    Raises:
        ConfigError: With every field that is wrong.
    """
    try:
        return _PLAN.validate_json(text)
    except ValidationError as error:
        raise ConfigError(
            Problem(
                field=".".join(("plan", *map(str, details["loc"]))),
                value=NOTHING if details["type"].startswith("missing") else details["input"],
                rule=f"is not accepted: {details['msg']}",
                mend="correct the JSON of the plan",
            )
            for details in error.errors(include_url=False)
        ) from None


def percentage_of(share: str) -> str | None:
    """`0.5` of the share `0.5%`; None when the share is a number of records."""
    return share[:-1] if share.endswith("%") else None


def _problems(plan: PreparationPlan) -> Iterator[Problem]:
    yield from _source_problems(plan.source)
    yield from _split_problems(plan)
    yield from _length_problems(plan)
    if plan.recipe not in _DEFAULT_MAX_LENGTH:
        yield Problem(
            field="recipe", value=plan.recipe, rule="is unknown", mend="write molecule/zinc15 or protein/uniref50"
        )
    if plan.files is not None and not 1 <= plan.files <= MOST_FILES:
        yield Problem(
            field="output.files",
            value=plan.files,
            rule=f"must lie between 1 and {MOST_FILES}",
            mend="leave it out for one file per million records",
        )
    if plan.column is not None and not plan.is_molecular:
        yield Problem(
            field="column", value=plan.column, rule="is only for molecules, FASTA has no columns", mend="remove it"
        )


def _source_problems(source: Source) -> Iterator[Problem]:
    given = [name for name in ("urls", "links_file", "path") if getattr(source, name)]
    if len(given) != 1:
        yield Problem(
            field="source",
            value=given or NOTHING,
            rule="must be exactly one of urls, links_file and path",
            mend="keep the one that holds the raw files",
        )
    for url in source.urls:
        if not is_address(url):
            yield Problem(
                field="source.urls",
                value=url,
                rule="must be an address that begins with http:// or https:// and has no blanks",
                mend="write the whole address, or use path for local files",
            )


def _split_problems(plan: PreparationPlan) -> Iterator[Problem]:
    shares = {"split.validation": plan.validation, "split.test": plan.test}
    malformed = {field: share for field, share in shares.items() if not _SHARE.fullmatch(share)}
    for field, share in malformed.items():
        yield Problem(
            field=field,
            value=share,
            rule="must be a share such as 0.5% or a count such as 5000",
            mend='write "0.5%" or "5000"',
        )
    if not malformed and sum(float(percentage_of(share) or 0) for share in shares.values()) >= 100:
        yield Problem(
            field="split",
            value=tuple(shares.values()),
            rule="leaves nothing to train on",
            mend="make the two shares sum to less than 100%",
        )
    if not 0 <= plan.seed < 1 << 63:
        yield Problem(
            field="split.seed",
            value=plan.seed,
            rule="must lie between 0 and 2^63 - 1",
            mend="write a number such as 42",
        )


def _length_problems(plan: PreparationPlan) -> Iterator[Problem]:
    most = MOST_SMILES_CHARACTERS if plan.is_molecular else MOST_RESIDUES
    if plan.max_length is not None and not 1 <= plan.max_length <= most:
        yield Problem(
            field="max_length",
            value=plan.max_length,
            rule=f"must lie between 1 and {most} for {plan.recipe}",
            mend="leave it out for the recipe's default",
        )
    if plan.is_molecular and plan.length_policy is LengthPolicy.TRUNCATE:
        yield Problem(
            field="length_policy",
            value=str(plan.length_policy),
            rule="is only for proteins, for a molecule cut short is another one",
            mend="write Reject",
        )


def is_address(text: str) -> bool:
    """Whether a text is an address that can be downloaded."""
    return re.fullmatch(r"https?://\S+", text) is not None
