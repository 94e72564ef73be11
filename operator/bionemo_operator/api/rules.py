"""The rules between fields of both resources, each with its CEL and its Python side by side: read one line against the other.

Rendered into the CRDs by `schema`, enforced in Python by `resource` and `parse`. Values are wire values with defaults applied.
What needs the recipe or the dataset (heads, layers, batch, memory, files) is checked by the operator, not here.
"""

import re

from bionemo_operator.api.rule import Freeze, Rule
from bionemo_operator.api.template_rules import TEMPLATE_RULES

NAME_LIMIT = 46
"""Longest name of an object: 63, the limit of pod and service names, less 17 for what is appended to it.

For a training that is `-<attempt>-worker-<index>` with up to 99999 attempts and 1000 nodes (1 + 5 + 8 + 3); for a preprocess
`-<stage>-<index>` with a stage of 10 letters and up to 100000 shards (1 + 10 + 1 + 5).
"""

MOST_SMILES_CHARACTERS = 4096
"""Longest molecule that the preparation takes; the same number as `bionemo_trainer.data.preparation.plan`'s."""

_NAME = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
_PERCENT = "^[0-9]{1,2}([.][0-9]{1,4})?%$"


def _names(appended: str) -> tuple[Rule, Rule]:
    return (
        Rule(
            at="",
            field="metadata.name",
            reads=("metadata.name",),
            cel=f"self.metadata.name.size() <= {NAME_LIMIT}",
            holds=lambda name: len(name) <= NAME_LIMIT,
            rule=f"must have at most {NAME_LIMIT} characters, because {appended} is appended for pods and services, which "
            "have at most 63",
            mend="choose a shorter name",
        ),
        Rule(
            at="",
            field="metadata.name",
            reads=("metadata.name",),
            cel=f"self.metadata.name.matches('{_NAME}')",
            holds=lambda name: re.fullmatch(_NAME, name) is not None,
            rule="must be lower-case letters, digits and hyphens, beginning with a letter and ending with no hyphen, because "
            "services are named after it",
            mend="choose a name such as esm2nv-650m",
        ),
    )


def _exactly_one(at: str, *fields: str) -> Rule:
    """At least and at most one of some optional fields of a node."""
    return Rule(
        at=at,
        reads=fields,
        cel=f"[{', '.join(f'has(self.{field})' for field in fields)}].filter(given, given).size() == 1",
        holds=lambda *values: sum(value is not None for value in values) == 1,
        rule=f"must have exactly one of {', '.join(fields[:-1])} and {fields[-1]}",
        mend="keep the one that is meant",
    )


def _world(nodes: int, gpus: int, processes: int | None) -> int:
    """All processes of a training."""
    return nodes * (gpus or processes or 1)


def _share(text: str) -> float:
    """A percentage as a number; a count is no share."""
    return float(text[:-1]) if re.fullmatch(_PERCENT, text) else 0.0


_PROCESSES = "(self.gpusPerNode > 0 ? self.gpusPerNode : has(self.processesPerNode) ? self.processesPerNode : 1)"
_MODEL = "(self.parallelism.tensor * self.parallelism.pipeline)"
_LAYOUT = ("gpusPerNode", "processesPerNode", "parallelism.tensor", "parallelism.pipeline")

TRAINING_RULES = (
    *_names("-ATTEMPT-worker-INDEX (attempts to 99999, nodes to 1000)"),
    Rule(
        at="spec",
        field="parallelism",
        reads=("nodes", *_LAYOUT),
        cel=f"(self.nodes * {_PROCESSES}) % {_MODEL} == 0",
        holds=lambda nodes, gpus, processes, tensor, pipeline: (
            _world(nodes, gpus, processes) % (tensor * pipeline) == 0
        ),
        rule="must have tensor times pipeline divide all processes, which are nodes times gpusPerNode, or nodes times "
        "processesPerNode when gpusPerNode is 0",
        mend="change tensor, pipeline or the number of nodes",
    ),
    Rule(
        at="spec",
        field="recovery.minNodes",
        reads=("nodes", "recovery.minNodes"),
        cel="!has(self.recovery.minNodes) || self.recovery.minNodes <= self.nodes",
        holds=lambda nodes, fewest: fewest is None or fewest <= nodes,
        rule="must be at most spec.nodes",
        mend="lower it or leave it out",
    ),
    Rule(
        at="spec",
        field="recovery.minNodes",
        reads=("recovery.minNodes", *_LAYOUT),
        cel=f"!has(self.recovery.minNodes) || (self.recovery.minNodes * {_PROCESSES}) % {_MODEL} == 0",
        holds=lambda fewest, gpus, processes, tensor, pipeline: (
            fewest is None or _world(fewest, gpus, processes) % (tensor * pipeline) == 0
        ),
        rule="must be a number of nodes whose processes tensor times pipeline divides",
        mend="choose a number of nodes that the layout fits",
    ),
    Rule(
        at="spec.parallelism",
        field="sequence",
        reads=("sequence", "tensor"),
        cel="!self.sequence || self.tensor > 1",
        holds=lambda sequence, tensor: not sequence or tensor > 1,
        rule="needs tensor above 1, for it shares what tensor parallelism splits",
        mend="set it to false or raise tensor",
    ),
    Rule(
        at="spec",
        field="processesPerNode",
        reads=("gpusPerNode", "processesPerNode"),
        cel="!has(self.processesPerNode) || self.gpusPerNode == 0",
        holds=lambda gpus, processes: processes is None or gpus == 0,
        rule="is only for training on CPU, where gpusPerNode is 0",
        mend="remove it or set gpusPerNode to 0",
    ),
    Rule(
        at="spec",
        field="precision",
        reads=("gpusPerNode", "precision"),
        cel="self.gpusPerNode > 0 || !(self.precision in ['16-mixed', 'fp8-mixed'])",
        holds=lambda gpus, precision: gpus > 0 or precision not in ("16-mixed", "fp8-mixed"),
        rule="must be 32 or bf16-mixed when gpusPerNode is 0, for CPUs know no other arithmetic",
        mend='write "32" or bf16-mixed',
    ),
    Rule(
        at="spec",
        field="precision",
        reads=("precision", "parallelism.tensor"),
        cel="self.precision != 'fp8-mixed' || self.parallelism.tensor == 1",
        holds=lambda precision, tensor: precision != "fp8-mixed" or tensor == 1,
        rule="fp8-mixed needs parallelism.tensor 1, for it multiplies whole layers",
        mend="write bf16-mixed or set parallelism.tensor to 1",
    ),
    _exactly_one("spec.dataset", "preprocessRef", "claim"),
    _exactly_one("spec.resumeFrom", "training", "claim"),
    Rule(
        at="spec.resumeFrom",
        field="claim",
        reads=("claim", "claim.path"),
        cel="!has(self.claim) || has(self.claim.path)",
        holds=lambda claim, path: claim is None or path is not None,
        rule="must have a path, because runs are folders and never the root of a volume",
        mend="add the folder of the run as path",
    ),
    Rule(
        at="spec",
        field="gang.queue",
        reads=("queue", "gang.queue"),
        cel="!(has(self.queue) && has(self.gang) && has(self.gang.queue))",
        holds=lambda queue, gang_queue: queue is None or gang_queue is None,
        rule="must not be given together with spec.queue, for one of two queues would wait for the other",
        mend="keep spec.queue for Kueue or spec.gang.queue for a gang scheduler",
    ),
    *TEMPLATE_RULES,
)

_SOURCES = ("urls", "linksFile", "claim")

PREPROCESS_RULES = (
    *_names("-STAGE-INDEX (stages of 10 letters, shards to 100000)"),
    _exactly_one("spec.source", *_SOURCES),
    Rule(
        at="spec.split",
        reads=("validation", "test"),
        cel=" + ".join(
            f"(self.{part}.matches('{_PERCENT}') ? double(self.{part}.replace('%', '')) : 0.0)"
            for part in ("validation", "test")
        )
        + " < 100.0",
        holds=lambda validation, test: _share(validation) + _share(test) < 100.0,
        rule="must leave records to train on, but validation and test together make 100% or more",
        mend="lower one of them",
    ),
    Rule(
        at="spec",
        field="lengthPolicy",
        reads=("recipe", "lengthPolicy"),
        cel="self.lengthPolicy == 'Reject' || self.recipe.startsWith('protein/')",
        holds=lambda recipe, policy: policy == "Reject" or recipe.startswith("protein/"),
        rule="must be Reject for molecules, because a part of a molecule's text is another molecule or none",
        mend="write Reject or leave it out",
    ),
    Rule(
        at="spec",
        field="column",
        reads=("recipe", "column"),
        cel="!has(self.column) || self.recipe.startsWith('molecule/')",
        holds=lambda recipe, column: column is None or recipe.startswith("molecule/"),
        rule="is only for tables of molecules, for proteins come as FASTA",
        mend="remove it",
    ),
    Rule(
        at="spec",
        field="maxLength",
        reads=("recipe", "maxLength"),
        cel=f"!has(self.maxLength) || self.maxLength <= {MOST_SMILES_CHARACTERS} || self.recipe.startsWith('protein/')",
        holds=lambda recipe, longest: (
            longest is None or longest <= MOST_SMILES_CHARACTERS or recipe.startswith("protein/")
        ),
        rule=f"must be at most {MOST_SMILES_CHARACTERS} for molecules, because longer ones can end the program that reads "
        "them",
        mend="lower it or leave it out",
    ),
    *TEMPLATE_RULES,
)

TRAINING_FREEZES = tuple(
    Freeze(path=path, mend="create a new BioNeMoTraining instead")
    for path in ("spec.recipe", "spec.dataset", "spec.results", "spec.resumeFrom")
)

PREPROCESS_FREEZES = tuple(
    Freeze(path=path, unless="spec.output", mend="change spec.output.path as well, so that no dataset changes in place")
    for path in ("spec.recipe", "spec.source", "spec.split", "spec.column", "spec.maxLength", "spec.lengthPolicy")
)
