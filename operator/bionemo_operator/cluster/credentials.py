"""How to reach the API server: from a kubeconfig, or from a pod's service account.

The official client reads both; its generated API is not used, since it takes seconds to import and 100 MB to hold.
"""

from dataclasses import dataclass
from typing import Any

import urllib3
import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.config import config_exception, incluster_config, kube_config

from bionemo_trainer.errors import ConfigError, MissingInputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A pool of connections to an API server, and who asks."""

    configuration: Configuration
    pool: urllib3.PoolManager
    namespace: str
    """The one that the kubeconfig or service account names."""

    @property
    def host(self) -> str:
        """Address of the API server."""
        return str(self.configuration.host).rstrip("/")

    def headers(self) -> dict[str, str]:
        """Who asks; tokens of service accounts change while a process runs, so this is asked for every request."""
        # The client's older versions keep tokens, and passwords as well, under the alias.
        token = self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return {"Authorization": token} if token else {}


def connect(*, kubeconfig: str | None = None, context: str | None = None, connections: int = 16) -> Connection:
    """Reach the API server that the environment names.

    Args:
        kubeconfig: Its file; None for KUBECONFIG or ~/.kube/config, and in a pod for the service account.
        context: Which of its contexts; None for the current one.
        connections: How many are kept open.

    Raises:
        MissingInputError: There is no kubeconfig and this is no pod.
        ConfigError: The kubeconfig can't be read.
    """
    configuration = Configuration()
    namespace = "default"
    try:
        if kubeconfig is None and context is None and _is_in_pod():
            incluster_config.load_incluster_config(client_configuration=configuration)
            namespace = _namespace_of_pod()
        else:
            kube_config.load_kube_config(kubeconfig, context, client_configuration=configuration)
            namespace = _namespace_of(kubeconfig, context)
    except config_exception.ConfigException as error:
        raise MissingInputError(
            f"kubeconfig: no cluster is configured ({error}); set KUBECONFIG, or give --kubeconfig."
        ) from None
    except (yaml.YAMLError, TypeError, AttributeError) as error:  # the last two: YAML of another shape
        raise ConfigError([_malformed(kubeconfig, error)]) from None
    return Connection(configuration=configuration, pool=_pool(configuration, connections), namespace=namespace)


def _malformed(kubeconfig: str | None, error: Exception) -> Problem:
    reason = " ".join(str(error).split())
    return Problem(
        field="kubeconfig",
        value=kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION,
        rule=f"is no kubeconfig: {reason}",
        mend="correct it, or name another with KUBECONFIG or --kubeconfig",
    )


def _pool(configuration: Configuration, connections: int) -> urllib3.PoolManager:
    arguments: dict[str, Any] = {
        "num_pools": 4,
        "maxsize": connections,
        "cert_reqs": "CERT_REQUIRED" if configuration.verify_ssl else "CERT_NONE",
        "ca_certs": configuration.ssl_ca_cert,
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
    }
    if configuration.tls_server_name:
        arguments |= {
            "server_hostname": configuration.tls_server_name,
            "assert_hostname": configuration.tls_server_name,
        }
    if configuration.proxy:
        return urllib3.ProxyManager(configuration.proxy, **arguments)
    return urllib3.PoolManager(**arguments)


def _is_in_pod() -> bool:
    loader = incluster_config.InClusterConfigLoader(
        token_filename=incluster_config.SERVICE_TOKEN_FILENAME,
        cert_filename=incluster_config.SERVICE_CERT_FILENAME,
    )
    try:
        loader._load_config()  # noqa: SLF001 - the only way to ask without changing a configuration
    except config_exception.ConfigException:
        return False
    return True


def _namespace_of_pod() -> str:
    folder = incluster_config.SERVICE_TOKEN_FILENAME.rpartition("/")[0]
    with open(f"{folder}/namespace", encoding="utf-8") as file:  # noqa: PTH123 - the same as the constant beside it
        return file.read().strip()


def _namespace_of(kubeconfig: str | None, context: str | None) -> str:
    contexts, current = kube_config.list_kube_config_contexts(kubeconfig)
    chosen = next((one for one in contexts if one["name"] == context), current)
    return str((chosen or {}).get("context", {}).get("namespace") or "default")
