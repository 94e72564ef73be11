"""helm as a function, for what it makes of our chart and for installing that into a cluster for tests."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster_programs import REPOSITORY

CHART = REPOSITORY / "charts" / "bionemo-operator"
KUBERNETES = "1.34.4"
"""What charts are rendered for without a cluster: the version in tests/cluster/go.mod."""
PROMETHEUS = "monitoring.coreos.com/v1"
"""The API of Prometheus' own kinds."""

type Values = Mapping[str, Any]


class HelmError(Exception):
    """helm failed: the chart or its values are wrong, or the cluster refused them."""

    def __init__(self, arguments: Sequence[str], said: str) -> None:
        super().__init__(f"helm {' '.join(arguments)}: {said}")
        self.said = said
        """What helm wrote to standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """helm, called with its arguments; it returns what it prints."""

    program: Path
    folder: Path
    """For its settings and caches, of which it must find none on the machine."""
    kubeconfig: Path | None = None
    """Cluster and credentials; None for what needs none."""

    def __call__(self, *arguments: str, values: Values | None = None) -> str:
        """Runs a command.

        Args:
            arguments: Of helm.
            values: Of the chart, for commands that take some.

        Raises:
            HelmError: It failed.
        """
        given = [] if values is None else ["--values=-"]
        folders = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        cluster = {} if self.kubeconfig is None else {"KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            [self.program, *arguments, *given],
            input=json.dumps(values or {}),
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **folders, **cluster},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode != 0:
            raise HelmError(arguments, done.stderr.strip())
        return done.stdout

    def rendered(self, values: Values, *arguments: str, chart: Path = CHART, apis: Sequence[str] = ()) -> str:
        """What a release named bionemo-operator in the namespace bionemo-system would consist of.

        Args:
            values: Those that differ from the defaults.
            arguments: Of `helm template`.
            chart: Its folder.
            apis: That the cluster has besides Kubernetes' own.

        Raises:
            HelmError: The chart refuses the values.
        """
        known = [f"--api-versions={api}" for api in apis]
        place = ("bionemo-operator", str(chart), "--namespace=bionemo-system", f"--kube-version={KUBERNETES}")
        return self("template", *place, *known, *arguments, values=values)

    def objects(self, values: Values, *arguments: str, chart: Path = CHART, apis: Sequence[str] = ()) -> list[Any]:
        """The same, read."""
        text = self.rendered(values, *arguments, chart=chart, apis=apis)
        return [document for document in yaml.safe_load_all(text) if document]
