"""Prove inside a freshly built image that it can do what it is for; run as its last build step.

Imports what a run imports, asserts the versions that the trainer declares, and checks a recipe. Needs no GPU.
"""

import sys
from importlib import import_module, metadata

from packaging.requirements import Requirement

MODULES = (
    "torch",
    "megatron.core",
    "lightning.pytorch",
    "nemo.utils.exp_manager",
    "rdkit.Chem",
    "bionemo_trainer.config.load",
)


def unsatisfied() -> list[str]:
    """Declared requirements of the trainer that this Python does not meet, in words."""
    wrong = []
    for text in metadata.requires("bionemo-trainer") or []:
        needed = Requirement(text)
        if needed.name.startswith("bionemo-") or (needed.marker and not needed.marker.evaluate({"extra": "train"})):
            continue
        found = metadata.version(needed.name)
        if not needed.specifier.contains(found, prereleases=True):
            wrong.append(f"{needed.name} {found} does not meet {needed.specifier}")
    return wrong


def main() -> None:
    """Exit with a message when something is wrong."""
    if wrong := unsatisfied():
        sys.exit("\n".join(wrong))
    for name in MODULES:
        import_module(name)
    from bionemo_trainer.config.load import load_recipe  # noqa: PLC0415 - after the versions were judged

    load_recipe("molecule/megamolbart/pretrain_small_span_aug")
    sys.stdout.write("The image holds what a training imports, in the declared versions.\n")


if __name__ == "__main__":
    main()
