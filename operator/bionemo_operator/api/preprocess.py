"""BioNeMoPreprocess: what a user asks for when data is to be prepared. The words are those of `kubectl explain bnp.spec`.

Read by the operator and the command line through `parse`; rendered to the CRD by `schema`. Relations between fields stand in
`rules`, not here.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bionemo_operator.api.conditions import Conditions, Phase
from bionemo_operator.api.constraints import IntOrText, Items, Text
from bionemo_operator.api.fields import (
    INT64_MAX,
    ClaimName,
    ClaimReference,
    Identifier,
    Image,
    LongNatural,
    Natural,
    RelativePath,
    Share,
    SpecModel,
    StatusModel,
    StoredPath,
    Time,
)
from bionemo_operator.api.resource import Resource
from bionemo_operator.api.rule import Freeze, Rule
from bionemo_operator.api.rules import PREPROCESS_FREEZES, PREPROCESS_RULES
from bionemo_operator.api.scheduling import Queue
from bionemo_operator.api.template import PodTemplate

Url = Annotated[
    str,
    Text(
        limit=2048,
        pattern="^https?://[^ \t\n]+$",
        rule="must be an address that begins with http:// or https:// and has no blanks",
        mend="write the whole address, or use claim for files on a volume",
    ),
]
"""An address to download from: `http://files.docking.org/2D/AA/AAAA.txt`."""

LinksFile = Annotated[
    str,
    Text(
        limit=2048,
        pattern="^(https?:/)?/[^ \t\n]+$",
        rule="must be an address of a list, or a path in the container that begins with a slash",
        mend="write a path such as /data/raw/ZINC-downloader.txt or an https:// address",
    ),
]
"""A list of addresses, one a line: `/data/raw/ZINC-downloader.txt`."""

Column = Annotated[
    str,
    Text(
        limit=128,
        pattern="^[^\n]+$",
        rule="must be the name of a column or its number from 0",
        mend="write a name such as smiles or a number such as 0",
    ),
    IntOrText(),
]
"""A column of a table by name or number: `smiles`, `0`."""


class Source(SpecModel):
    """Where the raw files are; exactly one of urls, linksFile and claim says so."""

    urls: Annotated[tuple[Url, ...], Items(limit=4096, merge="set", fewest=1)] | None = None
    """Addresses to download. Example: [http://files.docking.org/2D/AA/AAAA.txt]. Default: none. Limits: 1 to 4096, each of at
    most 2048 characters. Not together with linksFile or claim."""

    links_file: LinksFile | None = None
    """Text file with one address a line: an address itself, or a path in the container. Example:
    /data/raw/ZINC-downloader.txt, on a volume of template.volumes. Default: none. Limits: at most 2048 characters. Not
    together with urls or claim."""

    claim: ClaimReference | None = None
    """Folder on a volume; all files in it are read. Example: {name: raw, path: zinc15}. Default: none. Not together with urls
    or linksFile."""


class Output(SpecModel):
    """Where the dataset goes."""

    claim: ClaimName
    """Volume of the dataset. Example: {name: bionemo-data}. Required."""

    path: RelativePath
    """Folder of the dataset on the volume; train, val, test and manifest.json appear in it. Example: zinc15. Required.
    Limits: no leading slash, no name that begins with a dot. A new path starts a new preparation."""

    files: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Files of each split, x000.csv and on. Example: 187. Default: derived from the number of records. Limits: 1 to
    100000."""


class Split(SpecModel):
    """Which part of the records is held back from training; a record's place depends on its content and the seed alone."""

    validation: Share = "0.5%"
    """Share or number of records for validation. Example: "5000", with its quotes. Default: 0.5%. Limits: percentages below
    100% with at most 4 decimals, or counts of at most 12 digits; the percentages of validation and test sum to less than
    100%."""

    test: Share = "0.5%"
    """Share or number of records for the test after training. Example: "1000000", with its quotes. Default: 0.5%. Limits: as
    for validation."""

    seed: Annotated[int, Field(ge=0, le=INT64_MAX)] = 0
    """Number that selects another split of the same records. Example: 42. Default: 0. Limits: 0 to 9223372036854775807."""


class PreprocessSpec(SpecModel):
    """Which raw data to prepare, how, and where to."""

    recipe: Literal["molecule/zinc15", "protein/uniref50"]
    """Kind of preparation: tables of SMILES for molecule/zinc15, FASTA for protein/uniref50. Example: molecule/zinc15.
    Required."""

    source: Source
    """Where the raw files are. Example: {claim: {name: raw, path: zinc15}}. Required. Fixed for a given output."""

    output: Output
    """Where the dataset goes. Example: {claim: {name: bionemo-data}, path: zinc15}. Required."""

    split: Split = Split()
    """Which records are held back. Example: {validation: "5000", test: "1000000"}. Default: 0.5% for each. Fixed for a given
    output."""

    column: Column | None = None
    """Column of the SMILES in tables, by name or by number from 0. Example: smiles. Default: the recipe's. Limits: at most
    128 characters. Only for molecules."""

    max_length: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Longest record, in characters. Example: 512. Default: the recipe's. Limits: 1 to 1000000, for
    molecules to 4096. What happens to longer ones is lengthPolicy."""

    length_policy: Literal["Reject", "Truncate"] = "Reject"
    """What happens to records longer than maxLength. Example: Truncate. Default: Reject. Truncate is only for proteins;
    rejected records are listed with their cause."""

    workers: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Pods at once. Example: 64. Default: 8. Limits: 1 to 10000. The result does not depend on it."""

    backoff_limit_per_index: Annotated[int, Field(ge=0, le=100)] = 3
    """Failures of one shard before the preparation fails. Example: 6. Default: 3. Limits: 0 to 100."""

    image: Image | None = None
    """Image of the trainer. Example: registry.example.com/bionemo/trainer:1.0. Default: the operator's. Limits: at most 1024
    characters."""

    queue: Queue | None = None
    """Kueue queue that admits the pods. Example: {name: cpu}. Default: none, pods are made at once."""

    suspend: bool = False
    """Whether the preparation pauses; finished shards are kept. Example: true. Default: false."""

    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds after the start when the preparation is stopped as failed. Example: 86400. Default: none. Limits: 1 to
    31536000, a year."""

    ttl_seconds_after_finished: Natural | None = None
    """Seconds after its end when the object is deleted; the dataset stays. Example: 86400. Default: never. Limits: 0 to
    2147483647. Trainings that name the object with preprocessRef need it until they have started."""

    template: PodTemplate = PodTemplate()
    """How the pods differ from what the operator would make. Example: {resources: {requests: {cpu: "2"}}}. Default: no
    difference."""


class Records(StatusModel):
    """Records of the finished dataset."""

    train: LongNatural
    """Records to train on. Example: 1435500000."""

    validation: LongNatural
    """Records to validate on. Example: 7250000."""

    test: LongNatural
    """Records to test on. Example: 7250000."""

    duplicates: LongNatural
    """Records that were there before. Example: 1200345."""

    rejected: LongNatural
    """Records that were left out, listed in rejects.csv.gz. Example: 5021."""


class PreprocessStatus(StatusModel):
    """What the operator sees of the preparation."""

    conditions: Conditions = ()
    """Accepted, Running, Suspended and Succeeded, each with its reason. Limits: at most 16."""

    observed_generation: LongNatural | None = None
    """Generation of the spec that this status speaks of. Example: 2."""

    phase: Phase | None = None
    """One word for `kubectl get`, derived from the conditions; programs read those. Example: Running."""

    start_time: Time | None = None
    """When the first pod was asked for. Example: 2026-11-24T08:00:00Z."""

    completion_time: Time | None = None
    """When the preparation ended, done or failed. Example: 2026-11-24T20:00:00Z."""

    stage: Identifier | None = None
    """Stage that runs, or that ran last. Example: map."""

    output: Identifier | None = None
    """Digest of what this status speaks of: source, rules and output. Example: 5f70bf18a086."""

    shards: Natural | None = None
    """Work units of the stage that runs; absent before the first. Example: 2795."""

    shards_done: Natural | None = None
    """Work units that are done. Example: 1200."""

    records: Records | None = None
    """Records of the dataset; absent until it is complete."""

    dataset_path: StoredPath | None = None
    """Folder of the dataset on the volume; absent until it is complete. Example: zinc15."""

    files: Natural | None = None
    """Files of each split; absent until the dataset is complete. Example: 187."""

    checksum: Identifier | None = None
    """SHA-256 over all files; absent until the dataset is complete. Equal datasets have equal ones."""

    fingerprint: Identifier | None = None
    """Fingerprint of the tokenizer that the dataset is for; absent until it is complete."""


class BioNeMoPreprocess(Resource[PreprocessSpec, PreprocessStatus]):
    """A dataset that is prepared once, by many workers, for many trainings."""

    kind: Literal["BioNeMoPreprocess"] = "BioNeMoPreprocess"
    """Always BioNeMoPreprocess."""

    rules: ClassVar[tuple[Rule, ...]] = PREPROCESS_RULES
    freezes: ClassVar[tuple[Freeze, ...]] = PREPROCESS_FREEZES
