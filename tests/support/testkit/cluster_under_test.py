"""A cluster that somebody else runs, for suites that are pointed at one by KUBECONFIG_UNDER_TEST instead of starting their own.

Not KUBECONFIG, which is set on many machines and then names a cluster that people work with.
"""

import os
from pathlib import Path

_KUBECONFIG = os.environ.get("KUBECONFIG_UNDER_TEST")

KUBECONFIG = Path(_KUBECONFIG) if _KUBECONFIG else None
"""How it is reached, as its administrator; None: the suite starts a cluster of its own."""
OPERATOR_IMAGE = os.environ.get("OPERATOR_IMAGE_UNDER_TEST", "localhost/bionemo-operator:test")
"""What its nodes have or can pull, by tag or digest; the default is what tests/cluster/images.sh builds."""
TRAINER_IMAGE = os.environ.get("TRAINER_IMAGE_UNDER_TEST", "localhost/bionemo-trainer:test")
"""The same of the trainer."""
STORAGE_CLASS = os.environ.get("STORAGE_CLASS_UNDER_TEST")
"""Whose claims pods on several nodes may write; None: the cluster's default."""
