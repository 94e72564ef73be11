"""What `helm test` runs in a pod: every replica must be well, and exactly one must lead.

Arguments: the name that all replicas have in common, their port, how many there should be. Needs nothing but Python.
"""

import http.client
import socket
import sys
import time

WITHIN_SECONDS = 60
LEADS = "\nbionemo_operator_leads 1.0\n"


def main(host: str, port: int, expected: int) -> str | None:
    """Asks until all is well; what is wrong when the time is up, or None."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            leads = [_leads(address, port) for address in _addresses(host, port)]
            if len(leads) == expected and sum(leads) == 1:
                return None
            said = f"{host}: {len(leads)} replicas are well and {sum(leads)} of them lead; {expected} should be, and one should lead."
        except (OSError, http.client.HTTPException) as error:
            said = f"{host}: a replica does not answer: {error}. Look at its log: kubectl logs."
        if time.monotonic() > deadline:
            return said
        time.sleep(1)


def _addresses(host: str, port: int) -> set[str]:
    return {str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}


def _leads(address: str, port: int) -> bool:
    """Whether a replica leads.

    Raises:
        OSError: It can't be reached, or is not ready.
    """
    _text(address, port, "/readyz")
    return LEADS in _text(address, port, "/metrics")


def _text(address: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"{path} of {address} answers {answer.status}: {text}")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
