"""What a container compiles for a GPU outlives it, where that is possible and nobody wanted otherwise."""

import os
from shutil import which
from types import SimpleNamespace

import pytest
import torch
from torch._dynamo.utils import counters

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.training.compiler_caches import name_compiler_caches

IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def named(folder, *overrides, **environment):
    """What is added to the environment."""
    config = load_recipe(
        "molecule/megamolbart/pretrain_xsmall_span_aug", (f"exp_manager.explicit_log_dir={folder}", *overrides)
    ).config
    changed = IN_A_POD | environment
    name_compiler_caches(config, changed)
    return {name: place for name, place in changed.items() if name not in IN_A_POD | environment}


@pytest.fixture
def caches(tmp_path, monkeypatch):
    for name, place in named(tmp_path).items():
        monkeypatch.setenv(name, place)
    return tmp_path / "compiled"


def test_in_a_pod_it_is_kept_with_the_run(tmp_path):
    assert named(tmp_path) == {
        "TORCHINDUCTOR_CACHE_DIR": f"{tmp_path}/compiled/layers", "TRITON_CACHE_DIR": f"{tmp_path}/compiled/kernels",
    }  # fmt: skip


@pytest.mark.parametrize(
    "overrides",
    [
        ("model.keep_compiled=False",),
        ("trainer.accelerator=cpu", "trainer.precision=32"),
        ("exp_manager.explicit_log_dir=null",),
    ],
    ids=str,
)
def test_it_is_left_alone_where_that_is_not_wanted(tmp_path, overrides):
    assert named(tmp_path, *overrides) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"])
def test_it_is_left_alone_where_others_named_a_place(tmp_path, name):
    assert named(tmp_path, **{name: "/shared"}) == {}


def test_it_is_left_alone_outside_of_kubernetes(tmp_path, monkeypatch):
    monkeypatch.delitem(IN_A_POD, "KUBERNETES_SERVICE_HOST")
    assert named(tmp_path) == {}


def test_it_is_left_alone_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert named(tmp_path / "file") == {}


def test_it_is_left_alone_on_a_volume_that_holds_no_programs(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda _place: SimpleNamespace(f_flag=os.ST_NOEXEC | os.ST_NOSUID))
    assert named(tmp_path) == {}


@pytest.mark.skipif(which("g++") is None, reason="torch compiles for CPUs with it")
def test_what_was_compiled_is_found_again(caches):
    for times_found in (0, 1):
        torch._dynamo.reset()
        counters.clear()
        torch.compile(torch.nn.functional.silu)(torch.ones(64))
        assert counters["inductor"]["fxgraph_cache_hit"] == times_found
    assert (caches / "layers").is_dir()


def test_triton_looks_for_its_kernels_there(caches):
    assert pytest.importorskip("triton").knobs.cache.dir == str(caches / "kernels")
