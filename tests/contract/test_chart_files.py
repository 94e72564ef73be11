"""The chart's generated files are fresh, its manual is complete, and its settings are those of the operator."""

import json
import re

import pytest
import yaml

from bionemo_operator.planning import names
from bionemo_operator.settings import PREFIX, Settings
from bionemo_trainer.contract import METRICS_PORT
from chart_files import CHART, MARKS, ROOT, UndescribedError, readme, schema, values_of, write_files
from chart_schema import VALUES

MANUAL = (CHART / "values.yaml").read_text("utf-8")
TEMPLATES = {path.relative_to(CHART / "templates"): path.read_text("utf-8") for path in CHART.rglob("templates/**/*.*")}
ALL_TEMPLATES = "".join(TEMPLATES.values())
GENERATED = ["README.md", "values.schema.json", *(f"files/crds/{path.name}" for path in (ROOT / "crds").iterdir())]
SETTING = re.compile(r"\{name: BIONEMO_OPERATOR_(\w+), value: \{\{ \.Values\.(\S+)")
FROM_ELSEWHERE = {"identity", "metrics_host", "progress_port", "refused_seconds"}


def levels(part):
    """Every object of a schema, however deep."""
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for below in part.values():
            yield from levels(below)
    elif isinstance(part, list):
        for below in part:
            yield from levels(below)


def paths_of(part, prefix=""):
    """Every path of the schema, groups of values and values alike."""
    for name, below in part.items():
        yield f"{prefix}{name}"
        yield from paths_of(below.get("properties", {}), f"{prefix}{name}.")


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_fresh(tmp_path, name):
    write_files(tmp_path)
    assert (CHART / name).read_bytes() == (tmp_path / name).read_bytes()


def test_no_definition_is_left_that_the_operator_has_no_more():
    assert {path.name for path in CHART.glob("files/crds/*")} == {path.name for path in (ROOT / "crds").iterdir()}


@pytest.mark.parametrize("value", values_of(MANUAL), ids=lambda value: value.path)
def test_a_value_is_used_by_a_template(value):
    group, _, last = value.path.rpartition(".")
    is_used_alone = re.search(rf"\.Values\.{re.escape(value.path)}\b", ALL_TEMPLATES)
    is_used_with_its_group = group in {"image", "trainerImage"} and f"$image.{last}" in ALL_TEMPLATES
    is_policy = value.path.startswith("networkPolicy.") and f"$policy.{value.path.partition('.')[2]}" in ALL_TEMPLATES
    assert is_used_alone or is_used_with_its_group or is_policy


def test_templates_use_no_value_that_the_manual_lacks():
    manual = {value.path for value in values_of(MANUAL)}
    used = {path.rstrip(".") for path in re.findall(r"\.Values\.([A-Za-z.]+)", ALL_TEMPLATES)}
    assert {path for path in used if path not in manual} <= {"image", "trainerImage", "networkPolicy"}


def test_the_schema_knows_every_value_and_no_other():
    below_values = {value.path for value in values_of(MANUAL)}
    known = set(paths_of(VALUES)) - {"global"}
    assert below_values <= known
    strange = [
        path
        for path in known
        if not any(f"{value}.".startswith(f"{path}.") or path.startswith(f"{value}.") for value in below_values)
    ]
    assert strange == []


def test_the_schema_closes_every_object_or_says_what_its_keys_hold():
    open_objects = [part for part in levels(json.loads(schema(MANUAL))) if "additionalProperties" not in part]
    assert open_objects == [{"type": "object"}]  # "global", which Helm fills


def test_an_undescribed_value_is_named():
    with pytest.raises(UndescribedError) as raised:
        values_of("# Fine.\na: 1\nb: 2\n")
    assert str(raised.value) == "values.yaml: b has no comment above it; say what it is for."


def test_a_group_whose_parts_have_no_comments_is_one_value():
    manual = "# Amounts.\nresources:\n  requests: {cpu: 1}\n# Two\n# lines.\ngroup:\n  # One.\n  one: {a: b}\n"
    assert [(value.path, value.text, value.default) for value in values_of(manual)] == [
        ("resources", "Amounts.", {"requests": {"cpu": 1}}),
        ("group.one", "One.", {"a": "b"}),
    ]


def test_the_readme_keeps_what_stands_around_its_table():
    made = readme(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n", "# Fine.\na: 1\n")
    table = "| value | default | meaning |\n|---|---|---|\n| `a` | `1` | Fine. |"
    assert made == f"before\n{MARKS[0]}\n{table}\n{MARKS[1]}\nafter\n"


def test_a_setting_of_the_chart_has_the_default_of_the_operator():
    values = {value.path: value.default for value in values_of(MANUAL)}
    given = {name.lower(): path for name, path in SETTING.findall(ALL_TEMPLATES) if path in values}
    defaults = {name: Settings.model_fields[name].default for name in given}
    assert {name: values[path] for name, path in given.items()} == defaults


def test_every_setting_of_the_operator_is_given_by_the_chart_or_left_out_on_purpose():
    given = {name.lower() for name in re.findall(rf"{PREFIX}(\w+)", ALL_TEMPLATES)}
    assert given | FROM_ELSEWHERE == set(Settings.model_fields)


def test_the_chart_knows_pods_as_the_operator_labels_them():
    assert (
        f"{names.MANAGED_BY}: {names.MANAGER}"
        in TEMPLATES[next(path for path in TEMPLATES if path.name == "_helpers.tpl")]
    )
    for text in (names.KIND, names.REPLICA_INDEX, "__meta_kubernetes_pod_label_bionemo_dev_name"):
        assert text in ALL_TEMPLATES
    assert set(re.findall(r"\{port: (\d+)\}", ALL_TEMPLATES)) == {str(METRICS_PORT)}


def test_the_chart_has_the_version_of_the_operator():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "operator/pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
