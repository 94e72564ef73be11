"""Promises of the repository as a whole: names, locks, licences of paths, the commands that the README gives."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINS = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
MODULES = sorted(
    path for member in ("operator", "trainer", "monitoring", "docs") for path in (ROOT / member).rglob("*.py")
)
FUNCTION_LIMIT = 60
MODULE_LIMIT = 250


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock):
    return {normal(name): version for name, version in PINS.findall((ROOT / "requirements" / lock).read_text())}


def declared(member, *extras):
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts if not text.startswith("bionemo-")]


def test_no_folder_at_the_root_shadows_the_standard_library():
    packages = [folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()]
    assert not set(packages) & set(sys.stdlib_module_names)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_download_address_and_hashes_everything(lock):
    text = lock.read_text()
    assert not re.search(r"https?://|--index-url|--find-links| @ ", text)
    assert len(PINS.findall(text)) == len(
        re.findall(r"^[a-z0-9][^\n]*\\\n    --hash=sha256:", text, re.MULTILINE | re.I)
    )


@pytest.mark.parametrize("lock", ["operator.txt", "train.txt"])
def test_all_locks_come_from_one_resolution(lock):
    assert pins(lock).items() <= pins("all.txt").items()


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        pytest.param("operator.txt", [*declared("operator"), *declared("trainer")], id="operator"),
        pytest.param(
            "all.txt", [*declared("operator", "workstation"), *declared("trainer", "data", "train")], id="all"
        ),
        pytest.param("train.txt", declared("trainer", "data", "train"), id="train"),
    ],
)
def test_a_lock_satisfies_what_the_packages_declare(lock, requirements):
    locked = pins(lock)
    assert [str(item) for item in requirements if normal(item.name) not in locked] == []
    assert [str(item) for item in requirements if not item.specifier.contains(locked[normal(item.name)])] == []


def test_the_operator_installs_nothing_that_computes():
    assert not pins("operator.txt").keys() & {"torch", "rdkit", "megatron-core", "nemo-toolkit", "lightning"}


def functions(path):
    tree = ast.parse(path.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_short(path):
    assert path.read_text("utf-8").count("\n") <= MODULE_LIMIT
    assert [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno >= FUNCTION_LIMIT] == []


def test_modules_that_train_in_fresh_processes_are_in_the_suite_of_those():
    starts = re.compile(r"\b(findings_of|findings_of_two_ranks|endings_of_all|interpreted|run_to_the_end)\(")
    modules = [path for path in (ROOT / "tests/bionemo_trainer").rglob("test_*.py") if starts.search(path.read_text())]
    assert len(modules) >= 8
    assert [path.name for path in modules if "pytestmark = IN_FRESH_PROCESSES" not in path.read_text()] == []


def test_no_file_names_a_path_of_a_developers_machine():
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    texts = [
        path
        for name in tracked.stdout.split()
        if (path := ROOT / name).suffix in {".py", ".md", ".yaml", ".sh", ".toml", ".txt"}
    ]
    forbidden = re.compile("/" + "work/|/" + "root/|\\." + "pyenv/versions/3")
    assert [
        str(path.relative_to(ROOT)) for path in texts if path.is_file() and forbidden.search(path.read_text("utf-8"))
    ] == []


def test_every_shell_script_stops_at_the_first_error():
    scripts = [
        ROOT / "launch.sh",
        ROOT / ".ci" / "run",
        *(ROOT / "requirements").glob("*.sh"),
        *(ROOT / "examples").rglob("*.sh"),
    ]
    assert [str(script) for script in scripts if "set -euo pipefail" not in script.read_text()] == []


def test_continuous_integration_runs_the_command_of_the_readme():
    assert "./launch.sh test --all" in (ROOT / ".ci" / "run").read_text()
    assert "./launch.sh test" in (ROOT / "README.md").read_text()


def test_every_path_that_the_readme_names_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
