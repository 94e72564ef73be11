"""Health endpoints of a cluster's programs, as questions."""

import ssl
import urllib.error
import urllib.request
from pathlib import Path


def answers_well(url: str, authority: Path | None = None) -> bool:
    """Whether a GET is answered with success.

    Args:
        url: Of http or https.
        authority: Certificate of who vouches for the server; None for http.
    """
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
