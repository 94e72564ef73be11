"""The suite for one GPU, and for two. Where torch sees none, each module leaves itself out."""

import pytest


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    """A folder with some real molecules and proteins."""
    from testkit.step_cases import write_datasets  # noqa: PLC0415 - modules that leave themselves out need no torch

    folder = tmp_path_factory.mktemp("datasets")
    write_datasets(folder)
    return folder


@pytest.fixture(scope="session")
def on_cpu(datasets):
    """Losses of every family in 32 bit, as a CPU finds them."""
    from testkit.fresh_processes import findings_of  # noqa: PLC0415 - likewise
    from testkit.gpu_cases import cpu_cases  # noqa: PLC0415 - likewise

    return findings_of(cpu_cases, datasets, CUDA_VISIBLE_DEVICES="")
