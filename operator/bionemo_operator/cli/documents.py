"""Read what `-f` names: files, folders and standard input, each with one or several YAML documents."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from bionemo_trainer.config.composition import not_yaml
from bionemo_trainer.errors import ConfigError, Problem

STANDARD_INPUT = Path("-")
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document, and where it was found."""

    path: Path
    number: int
    """Its place in the file, from 1."""
    content: Mapping[str, Any]

    @property
    def is_resource(self) -> bool:
        """Whether it says what kind of object it is; a BioNeMo configuration does not."""
        return "apiVersion" in self.content or "kind" in self.content

    @property
    def place(self) -> str:
        """`examples/quickstart.yaml`, or with the number of a later document `examples/quickstart.yaml#2`."""
        name = "standard input" if self.path == STANDARD_INPUT else str(self.path)
        return name if self.number == 1 else f"{name}#{self.number}"


def read_documents(paths: Sequence[Path]) -> tuple[list[Document], list[tuple[str, ConfigError]]]:
    """All documents below the paths, and for each file that can't be read its name and why."""
    documents: list[Document] = []
    failures: list[tuple[str, ConfigError]] = []
    for path in paths:
        for file in _files(path):
            try:
                documents += _parsed(file, _text(file))
            except ConfigError as error:
                failures.append((str(file), error))
    return documents, failures


def _files(path: Path) -> Iterator[Path]:
    if path != STANDARD_INPUT and path.is_dir():
        yield from sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
    else:
        yield path


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else path.read_text("utf-8")
    except OSError as error:
        rule = f"can't be read ({error.strerror})"
        raise ConfigError([Problem(field="-f", value=str(path), rule=rule, mend="name a file that exists")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            [Problem(field="-f", value=str(path), rule="is not UTF-8 text", mend="save it as UTF-8")]
        ) from error


def _parsed(path: Path, text: str) -> Iterator[Document]:
    try:
        contents = list(yaml.load_all(text, Loader=get_yaml_loader()))
    except yaml.YAMLError as error:
        raise ConfigError([not_yaml(path.name, error)]) from error
    for number, content in enumerate(contents, start=1):
        if content is None:
            continue
        if not isinstance(content, Mapping):
            rule = "is not a mapping of keys to values"
            mend = "start with `apiVersion: bionemo.dev/v1alpha1`, or with `name: …` for a BioNeMo configuration"
            raise ConfigError([Problem(field=f"document {number}", value=content, rule=rule, mend=mend)])
        yield Document(path=path, number=number, content=content)
