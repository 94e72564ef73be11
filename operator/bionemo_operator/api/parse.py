"""From a document (a YAML file, an object of the API server) to a resource, or to all its problems at once.

Called by the operator and the command line; the only way in for what users wrote. Reads no files and asks no cluster.
"""

import json
from collections.abc import Mapping
from functools import cache

from pydantic import ValidationError

from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.resource import BROKEN_RULES, AnyResource
from bionemo_operator.api.rule import Json, broken_rules
from bionemo_operator.api.structural import Schema, structural_schema, with_defaults
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.wording import nearest_name, problem_of, wire_path
from bionemo_trainer.errors import NOTHING, ConfigError, Problem

MODELS: Mapping[str, type[BioNeMoTraining | BioNeMoPreprocess]] = {
    "BioNeMoTraining": BioNeMoTraining,
    "BioNeMoPreprocess": BioNeMoPreprocess,
}
"""The model of each kind of this group."""


def parse_resource(document: Mapping[str, object]) -> BioNeMoTraining | BioNeMoPreprocess:
    """The resource that a document describes, with defaults filled in as the API server would.

    Args:
        document: The object in wire form, as a YAML or JSON parser gives it.

    Raises:
        ConfigError: The document is no valid resource; it holds every problem that can be told, each field by its path in the
            document, and a rule between fields only when the fields that it reads are right.
    """
    wire = _as_wire(document)
    model = _model_of(wire.get("kind"))
    schema = _schema_of(model)
    stored = with_defaults(wire, schema)
    try:
        return model.model_validate_json(json.dumps(stored), by_alias=True, by_name=False)
    except ValidationError as failure:
        errors = [error for error in failure.errors() if error["type"] != BROKEN_RULES]
    malformed = [wire_path(error["loc"]) for error in errors]
    raise ConfigError([*(problem_of(error, schema) for error in errors), *broken_rules(stored, model.rules, malformed)])


def _as_wire(document: Mapping[str, object]) -> dict[str, Json]:
    """The document as JSON would carry it: text keys, and texts for the dates that YAML makes of them.

    Raises:
        ConfigError: JSON can't carry it.
    """
    try:
        wire: dict[str, Json] = json.loads(json.dumps(document, default=_carried))
    except (TypeError, ValueError, RecursionError):
        rule = "must be plain fields, lists, texts and numbers that do not contain themselves"
        raise ConfigError(
            [Problem(field="document", value=list(document), rule=rule, mend="write out what an anchor repeats")]
        ) from None
    return wire


def _carried(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _model_of(kind: Json) -> type[BioNeMoTraining | BioNeMoPreprocess]:
    """The model of a kind.

    Raises:
        ConfigError: This group has no such kind.
    """
    if isinstance(kind, str) and kind in MODELS:
        return MODELS[kind]
    nearest = nearest_name(kind, tuple(MODELS)) if isinstance(kind, str) else None
    mend = f"did you mean {nearest}" if nearest else "add a line such as kind: BioNeMoTraining"
    rule = f"must be one of {', '.join(MODELS)}"
    raise ConfigError([Problem(field="kind", value=NOTHING if kind is None else kind, rule=rule, mend=mend)])


@cache
def _schema_of(model: type[AnyResource]) -> Schema:
    return structural_schema(model)
