"""Every environment variable that the operator obeys; nothing else of it reads the environment."""

import os
import socket
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bionemo_trainer.errors import ConfigError, Problem

PREFIX = "BIONEMO_OPERATOR_"


class Settings(BaseModel):
    """How an operator runs. Each field is read from BIONEMO_OPERATOR_ and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    trainer_image: str = "bionemo-trainer:0.1.0"
    """Image of trainings and preparations that name none."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to work in, separated by commas; none means all."""

    lease_namespace: str = "default"
    """Where replicas agree on a leader."""

    lease_name: str = "bionemo-operator"
    """Lease by which they do."""

    lease_seconds: Annotated[float, Field(ge=3, le=300)] = 10.0
    """How long a leader that does not answer keeps others out; a failover takes at most this and a fifth."""

    identity: str = ""
    """Name of this replica; the host's when empty, which in a pod is the pod's."""

    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Passes at once."""

    resync_seconds: Annotated[float, Field(ge=1)] = 300.0
    """Longest time between two passes over an object; mends what events missed."""

    metrics_host: str = "0.0.0.0"  # noqa: S104 - Prometheus and the kubelet ask from outside the pod
    """Address for `/metrics`, `/healthz` and `/readyz`."""

    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the same; 0 takes a free one."""

    progress_port: Annotated[int, Field(ge=1, le=65535)] = 9464
    """Where rank 0 of a training answers."""

    progress_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    """How long to wait for its answer."""

    stuck_seconds: Annotated[float, Field(ge=10)] = 120.0
    """After so long with a pass or a watch that does not end, `/healthz` fails; without an answer to a watch, `/readyz`."""

    refused_seconds: Annotated[float, Field(ge=1)] = 60.0
    """After so long in which the API server knows its credentials no more, the process ends, to be started with new ones."""

    log_format: str = "json"
    """`json`, or `text` for people."""


def settings_from(environment: dict[str, str] | os._Environ[str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: Variables are wrong; every one is named.
    """
    given: dict[str, object] = {
        name: environment[f"{PREFIX}{name.upper()}"]
        for name in Settings.model_fields
        if f"{PREFIX}{name.upper()}" in environment
    }
    if isinstance(listed := given.get("namespaces"), str):
        given["namespaces"] = tuple(part.strip() for part in listed.split(",") if part.strip())
    given.setdefault("identity", socket.gethostname())
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(
            Problem(
                field=f"environment variable {PREFIX}{str(fault['loc'][0]).upper()}",
                value=fault["input"],
                rule=f"is wrong: {fault['msg']}",
                mend="correct or unset it",
            )
            for fault in error.errors()
        ) from None
