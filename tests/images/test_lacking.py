"""An image installs what its base lacks, and leaves the base's torch alone."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "images" / "trainer" / "lacking.py"
LOCK = """# made by a command
hydra-core==1.3.2 \\
    --hash=sha256:aa
    # via bionemo
nvidia-nccl-cu13==2.1 ; sys_platform == 'linux' \\
    --hash=sha256:bb
rdkit==2026.9.1 \\
    --hash=sha256:cc
torch==2.15.0 \\
    --hash=sha256:dd
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("lacking", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(script, installed):
    return [block.split("==")[0] for block in script.lacking(LOCK, installed)]


def test_a_bare_base_gets_everything(script):
    assert names(script, {}) == ["hydra-core", "nvidia-nccl-cu13", "rdkit", "torch"]


def test_a_base_with_torch_keeps_its_own_whatever_the_version(script):
    assert names(script, {"torch": "2.9.0a0+nv"}) == ["hydra-core", "rdkit"]


def test_what_the_base_has_in_the_locked_version_is_not_installed_again(script):
    assert names(script, {"hydra-core": "1.3.2", "rdkit": "2025.3.1", "torch": "2.9"}) == ["rdkit"]


def test_hashes_travel_with_their_requirement(script):
    assert next(iter(script.lacking(LOCK, {}))) == "hydra-core==1.3.2 \\\n    --hash=sha256:aa\n    # via bionemo"


def test_the_real_lock_is_read_whole(script):
    text = (SCRIPT.parents[2] / "requirements" / "train.txt").read_text()
    assert len(list(script.blocks(text))) == sum(
        "==" in line for line in text.splitlines() if not line.startswith((" ", "#"))
    )
