"""What the suites that need torch and megatron-core share: each `conftest` of theirs imports everything from here.

Such a suite is left out as a whole where megatron-core is not installed.
"""

import importlib
import importlib.util
import warnings
from collections.abc import Iterator

import pytest

__all__ = ["collect_ignore_glob"]

collect_ignore_glob: list[str] = []

if importlib.util.find_spec("megatron") is None:
    collect_ignore_glob.append("test_*.py")
else:
    with warnings.catch_warnings():  # megatron-core warns at its import that Transformer Engine and apex are missing
        warnings.simplefilter("ignore")
        importlib.import_module("megatron.core")
    import torch

    from testkit.networks import process_groups_of_one

    __all__ += ["process_groups"]

    @pytest.fixture(autouse=True, scope="session")
    def process_groups() -> Iterator[None]:
        """Groups of one rank for everything that runs in this process."""
        torch.set_num_threads(1)  # small tensors; the other core is another test's
        with process_groups_of_one():
            yield
