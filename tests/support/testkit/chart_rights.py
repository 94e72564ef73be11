"""The operator's rights as the chart grants them, for an operator that runs as a process beside an API server.

Read off the golden file of the chart's defaults, which tests/chart holds to what helm makes: so no helm is needed.
"""

from pathlib import Path

from testkit.cluster_certificates import Pair, make_certificate
from testkit.cluster_commands import write_kubeconfig
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_programs import REPOSITORY
from testkit.documents import documents_in

GRANTED = REPOSITORY / "tests/golden/chart/default.yaml"
NAMESPACE = "bionemo-system"
_USER = f"/CN=system:serviceaccount:{NAMESPACE}:bionemo-operator"
_KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


def grant_operator(kubectl: Kubectl, url: str, folder: Path) -> Path:
    """Grants what the chart grants, and returns a kubeconfig of the chart's service account.

    Args:
        kubectl: An administrator's.
        url: The same API server.
        folder: Of its certificates; the kubeconfig is written there.
    """
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for document in documents_in(GRANTED):
        if document["kind"] in _KINDS:
            kubectl.apply(document)
    authority = Pair.at(folder / "ca")
    account = make_certificate(folder / "operator", authority, _USER)
    return write_kubeconfig(folder / "operator.kubeconfig", url, authority, account)
