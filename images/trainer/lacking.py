"""Print the locked requirements that this Python lacks, so that an image installs nothing that its base already has.

Run while the image is built: `python3 lacking.py requirements/train.txt > lacking.txt`. The base's own torch, CUDA libraries and
compilers are left as they are, whatever their versions; `smoke.py` asserts afterwards that they suffice.
"""

import re
import sys
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path

OF_THE_BASE = re.compile(r"(torch|triton|pytorch-triton|nvidia-.*|cuda-.*|nvshmem.*)")
"""Packages that belong together with the driver and libraries of a base image that has torch."""
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)")


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and whole text, hashes included, of each pinned requirement."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if pin := _PIN.match(block):
            yield normal(pin[1]), pin[2], block


def lacking(text: str, installed: dict[str, str]) -> Iterator[str]:
    """Blocks of requirements that are not installed in the locked version; torch's are kept as the base has them."""
    base_has_torch = "torch" in installed
    for name, version, block in blocks(text):
        belongs_to_base = base_has_torch and OF_THE_BASE.fullmatch(name)
        if not belongs_to_base and installed.get(name) != version:
            yield block


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Collection[str]) -> None:
    """Write the lacking requirements of the given files to standard output."""
    installed = {normal(found.name): found.version for found in metadata.distributions()}
    for argument in arguments:
        sys.stdout.writelines(f"{block}\n" for block in lacking(Path(argument).read_text("utf-8"), installed))


if __name__ == "__main__":
    main(sys.argv[1:])
