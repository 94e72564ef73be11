"""Resolve `${…}` in a merged configuration: references, `oc.env`, and the resolvers that BioNeMo's files use."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bionemo_trainer.config.composition import Tree
from bionemo_trainer.errors import ConfigError, Problem

_RESOLVERS: Mapping[str, Callable[..., object]] = {
    "multiply": lambda left, right: left * right,
    "now": lambda form: datetime.now(UTC).astimezone().strftime(form),
}
"""NeMo registers `multiply`, Hydra registers `now`; `oc.env` and its siblings are OmegaConf's own."""

_RESOLVER_PREFIX = re.compile(r"^\w+ raised while resolving interpolation: ")
_ENVIRONMENT = re.compile(r"oc\.env:([^,}]+)")


def resolve(tree: Mapping[str, Any]) -> Tree:
    """The same configuration with every interpolation replaced by its value.

    Raises:
        ConfigError: Some values can't be resolved or are none that a configuration can hold; each is named with its key.
    """
    _register_resolvers()
    try:
        config = OmegaConf.create(dict(tree))
    except OmegaConfBaseException as error:
        raise ConfigError([_unsupported(error)]) from None
    try:
        resolved = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:
        raise ConfigError(_unresolvable(config, "")) from None
    return cast("Tree", resolved)  # a mapping went in, so a mapping comes out


def _register_resolvers() -> None:
    for name, function in _RESOLVERS.items():
        if not OmegaConf.has_resolver(name):
            OmegaConf.register_new_resolver(name, function)


def _unsupported(error: OmegaConfBaseException) -> Problem:
    reason = str(error).splitlines()[0]
    key = str(error.full_key or "file")
    return Problem(field=key, value=error.value, rule=f"is no value of a configuration ({reason})", mend="quote it")


def _unresolvable(node: DictConfig | ListConfig, prefix: str) -> list[Problem]:
    """Try each leaf alone, so that all failures are reported and not the first."""
    problems = []
    keys: list[Any] = list(node) if isinstance(node, DictConfig) else list(range(len(node)))
    for key in keys:
        path = f"{prefix}[{key}]" if isinstance(key, int) else f"{prefix}.{key}".lstrip(".")
        try:
            value = node[key]
        except OmegaConfBaseException as error:
            raw = node._get_node(key)  # noqa: SLF001 - the only way to the text before it is resolved
            reason = _RESOLVER_PREFIX.sub("", str(error).splitlines()[0]).strip('"')
            problems.append(_unresolved(path, str(raw), reason))
            continue
        if isinstance(value, DictConfig | ListConfig):
            problems += _unresolvable(value, path)
    return problems


def _unresolved(path: str, raw: str, reason: str) -> Problem:
    mend = "name a key that exists, or give the value itself"
    if variable := _ENVIRONMENT.search(raw):
        mend = f"set the environment variable {variable[1]}, or give the value itself"
    return Problem(field=path, value=raw, rule=f"can't be resolved ({reason})", mend=mend)
