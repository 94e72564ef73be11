"""`defaults:` lists are merged as Hydra merges them, and every fault of a file is named with its place."""

import pytest

from bionemo_trainer.config.composition import compose, merge, parse_yaml, recipe_names, recipe_path
from bionemo_trainer.errors import ConfigError


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def message(folder, name="top"):
    with pytest.raises(ConfigError) as caught:
        compose(folder / f"{name}.yaml")
    return str(caught.value).replace(str(folder), "DIR")


def test_a_file_wins_over_its_defaults(tmp_path):
    write(tmp_path, base="a: 1\nb: {c: 2, d: 3}\n", top="defaults: [base]\nb: {c: 20}\n")
    assert compose(tmp_path / "top.yaml") == {"a": 1, "b": {"c": 20, "d": 3}}


def test_self_says_where_the_file_itself_is_merged(tmp_path):
    write(tmp_path, base="a: 1\n", top="defaults: [_self_, base]\na: 2\n")
    assert compose(tmp_path / "top.yaml") == {"a": 1}


def test_defaults_are_found_on_hydras_search_path(tmp_path):
    (tmp_path / "shared").mkdir()
    write(tmp_path / "shared", base="a: 1\n")
    write(tmp_path, top=f"hydra: {{searchpath: ['file://{tmp_path}/shared']}}\ndefaults: [base]\n")
    assert compose(tmp_path / "top.yaml") == {"a": 1}


def test_a_shipped_recipe_can_be_extended_from_anywhere(tmp_path):
    write(tmp_path, top="defaults: [protein/esm1nv/pretrain_small]\nname: mine\n")
    assert (compose(tmp_path / "top.yaml")["name"], compose(tmp_path / "top.yaml")["family"]) == ("mine", "esm1nv")


def test_lists_are_replaced_not_joined():
    assert merge({"a": [1, 2]}, {"a": [3]}) == {"a": [3]}


def test_merging_changes_neither_side():
    base, top = {"a": {"b": 1}}, {"a": {"c": 2}}
    merge(base, top)
    assert (base, top) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_an_empty_file_is_an_empty_configuration(tmp_path):
    write(tmp_path, top="")
    assert compose(tmp_path / "top.yaml") == {}


def test_exponents_without_a_point_are_numbers():
    assert parse_yaml("lr: 1e-5", "x.yaml") == {"lr": 1e-5}


def test_a_circle_of_defaults_is_named(tmp_path):
    write(tmp_path, top="defaults: [base]\n", base="defaults: [top]\n")
    assert message(tmp_path) == "base.yaml: defaults: 'top -> base -> top' leads back to itself; remove the circle."


def test_defaults_that_are_no_list_are_refused(tmp_path):
    write(tmp_path, top="defaults: base\n")
    assert message(tmp_path) == (
        "top.yaml: defaults: 'base' is not a list; write it as a YAML list, for example [base_config]."
    )


def test_a_missing_default_is_named_with_its_folder(tmp_path):
    write(tmp_path, top="defaults: [nowhere]\n")
    assert message(tmp_path) == (
        "top.yaml: defaults: 'nowhere' is neither a YAML file in DIR nor a shipped recipe; "
        "give the name of a file there, or of a recipe."
    )


def test_a_config_group_is_refused_as_a_default(tmp_path):
    write(tmp_path, top="defaults: [{db: mysql}]\n")
    assert message(tmp_path) == (
        "top.yaml: defaults: {'db': 'mysql'} is neither a YAML file in DIR nor a shipped recipe; "
        "give the name of a file there, or of a recipe."
    )


def test_a_missing_file_is_named(tmp_path):
    assert message(tmp_path) == (
        "file: 'DIR/top.yaml' can't be read (No such file or directory); give the path of a YAML file."
    )


def test_a_folder_in_place_of_a_file_is_named(tmp_path):
    (tmp_path / "top.yaml").mkdir()
    assert message(tmp_path) == "file: 'DIR/top.yaml' can't be read (Is a directory); give the path of a YAML file."


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "top.yaml").write_bytes(b"name: \xff\xfe\n")
    assert message(tmp_path) == "file: 'DIR/top.yaml' is not UTF-8 text; save it as UTF-8."


def test_broken_yaml_is_refused_with_line_and_column(tmp_path):
    write(tmp_path, top="a: 1\nb: [1\nc: 2\n")
    assert message(tmp_path) == (
        "top.yaml, line 3, column 2: \"expected ',' or ']', but got ':'\" is no valid YAML; "
        "correct the line; a linter such as yamllint helps."
    )


def test_a_doubled_key_is_refused(tmp_path):
    write(tmp_path, top="a: 1\na: 2\n")
    assert message(tmp_path) == (
        "top.yaml, line 2, column 1: 'found duplicate key a' is no valid YAML; "
        "correct the line; a linter such as yamllint helps."
    )


def test_a_control_character_is_refused_without_a_line():
    with pytest.raises(ConfigError) as caught:
        parse_yaml("a: \x00", "x.yaml")
    assert str(caught.value) == (
        "x.yaml: 'unreadable' is no valid YAML; correct the line; a linter such as yamllint helps."
    )


def test_a_list_is_no_configuration(tmp_path):
    write(tmp_path, top="- a\n")
    assert message(tmp_path) == "top.yaml: 'list' is not a mapping of keys to values; start with `name: …`."


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        recipe_path("molecule/megamolbart/pretrain_small")
    assert str(caught.value) == (
        "recipe: 'molecule/megamolbart/pretrain_small' is no shipped recipe; "
        "did you mean molecule/megamolbart/pretrain_base? `bionemo recipes` lists all."
    )


def test_every_recipe_is_found_under_its_name():
    assert all(recipe_path(name).is_file() for name in recipe_names())
