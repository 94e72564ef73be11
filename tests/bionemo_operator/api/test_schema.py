import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from bionemo_operator.api.schema import HEADER, KINDS, crd, object_schema, write_crds

CRDS = Path(__file__).parents[3] / "crds"
STRUCTURAL_KEYS = {
    "additionalProperties", "default", "description", "enum", "format", "items", "maxItems", "maxLength", "maxProperties",
    "maximum", "minItems", "minLength", "minimum", "pattern", "properties", "required", "type",
    "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
}  # fmt: skip


def nodes_below(schema, path):
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes_below(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from nodes_below(schema[key], path + mark)


NODES = [
    (path, node)
    for kind in KINDS
    for part in ("spec", "status")
    for path, node in nodes_below(object_schema(kind.model)["properties"][part], f"{kind.short}.{part}")
]
FIELDS = [(path, node) for path, node in NODES if not path.endswith(("[]", "{}"))]
SPEC_FIELDS = [(path, node) for path, node in FIELDS if ".spec." in path]
BOUNDS = {"string": {"maxLength", "enum"}, "array": {"maxItems"}, "integer": {"minimum"}}


def paths_where(nodes, holds):
    return [path for path, node in nodes if holds(node)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_the_file_in_the_tree_is_what_the_models_generate(kind, tmp_path):
    write_crds(tmp_path)

    assert (tmp_path / kind.file_name).read_text() == (CRDS / kind.file_name).read_text()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_the_first_line_names_the_command_that_generates_the_file(kind):
    assert (CRDS / kind.file_name).read_text().startswith(HEADER)


def test_the_command_writes_into_the_folder_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["schema", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "bionemo_operator.api.schema")

    runpy.run_module("bionemo_operator.api.schema", run_name="__main__")

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bionemo.dev_bionemopreprocesses.yaml",
        "bionemo.dev_bionemotrainings.yaml",
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_a_kind_has_a_short_name_a_category_and_a_status_of_its_own(kind):
    spec = crd(kind)["spec"]

    assert (spec["names"]["shortNames"], spec["names"]["categories"]) == ([kind.short], ["bionemo"])
    assert spec["versions"][0]["subresources"] == {"status": {}}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        pytest.param(
            KINDS[0], "Status Nodes GPUs Step Loss Tokens/s ETA Restarts Age Recipe Checkpoint Queue Reason", id="bnt"
        ),
        pytest.param(KINDS[1], "Status Recipe Done Shards Records Age Output Reason", id="bnp"),
    ],
)
def test_a_kind_prints_its_columns(kind, names):
    assert [column.name for column in kind.columns] == names.split()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_every_column_shows_a_field_of_the_schema(kind):
    schema = object_schema(kind.model)
    paths = [column.path.split("[")[0].strip(".") for column in kind.columns if not column.path.startswith(".metadata")]
    known = {path.removeprefix("x.") for path, _ in nodes_below(schema, "x")}

    assert set(paths) <= known


def test_every_node_uses_only_what_structural_schemas_know():
    assert paths_where(NODES, lambda node: set(node) - STRUCTURAL_KEYS) == []


def test_every_node_has_a_type():
    assert paths_where(NODES, lambda node: not {"type", "x-kubernetes-int-or-string"} & set(node)) == []


def test_every_text_list_and_number_is_bounded():
    assert paths_where(NODES, lambda node: node.get("type") in BOUNDS and not BOUNDS[node["type"]] & set(node)) == []


def test_every_list_says_how_it_merges():
    assert paths_where(NODES, lambda node: node.get("type") == "array" and "x-kubernetes-list-type" not in node) == []


def test_every_map_is_bounded_and_has_no_fields_beside_it():
    maps = [(path, node) for path, node in NODES if "additionalProperties" in node]

    assert paths_where(maps, lambda node: "maxProperties" not in node or "properties" in node) == []


def test_no_field_with_a_default_is_required():
    required = [(path, node["properties"][name]) for path, node in NODES for name in node.get("required", ())]

    assert paths_where(required, lambda node: "default" in node) == []


def test_every_number_is_whole_and_says_its_width():
    assert paths_where(NODES, lambda node: node.get("type") == "number") == []
    assert paths_where(NODES, lambda node: node.get("type") == "integer" and "format" not in node) == []


def test_every_field_is_described_in_sentences():
    assert paths_where(FIELDS, lambda node: not re.fullmatch(r"[A-Z].*\.", node.get("description", ""))) == []


def test_every_field_of_a_spec_has_an_example_and_then_a_default_or_is_required():
    said = re.compile(r"Example: .*(Default: |Required)")

    assert paths_where(SPEC_FIELDS, lambda node: not said.search(node["description"])) == []


def test_every_default_of_a_spec_is_named_in_the_description():
    scalars = [(path, node) for path, node in SPEC_FIELDS if not isinstance(node.get("default", {}), dict)]

    assert (
        paths_where(
            scalars, lambda node: f"Default: {json.dumps(node['default']).strip(chr(34))}" not in node["description"]
        )
        == []
    )


def test_only_volumes_and_affinity_pass_unknown_fields():
    passing = paths_where(NODES, lambda node: "x-kubernetes-preserve-unknown-fields" in node)

    assert {path.split("template.")[1] for path in passing} == {"affinity", "volumes[]"}
