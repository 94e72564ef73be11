"""Certificates of a cluster for tests, made by openssl; they last ten years, and their keys lie unprotected beside them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "3650"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, as files in PEM form."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, stem: Path) -> "Pair":
        """The pair of files `STEM.crt` and `STEM.key`."""
        return cls(certificate=stem.with_name(f"{stem.name}.crt"), key=stem.with_name(f"{stem.name}.key"))


def make_authority(stem: Path, common_name: str) -> Pair:
    """Makes a self-signed authority.

    It is also a host of its own name and its key is of RSA in the old form: the training operator takes no other.
    """
    pair = Pair.at(stem)
    _openssl("genrsa", "-traditional", "-out", str(pair.key), "2048")
    _openssl(
        *("req", "-x509", "-key", str(pair.key), "-days", _DAYS, "-subj", f"/CN={common_name}"),
        *("-addext", f"subjectAltName=DNS:{common_name}", "-addext", "keyUsage=critical,keyCertSign,digitalSignature"),
        *("-out", str(pair.certificate)),
    )
    return pair


def make_certificate(stem: Path, authority: Pair, subject: str, alternative_names: str = "") -> Pair:
    """Makes a certificate for a server or a client.

    Args:
        stem: Path of both files, without suffix.
        authority: Who signs it.
        subject: In openssl's form, such as /O=system:masters/CN=admin.
        alternative_names: A server's names, in openssl's form, such as DNS:localhost,IP:127.0.0.1.
    """
    pair = Pair.at(stem)
    names = ("-addext", f"subjectAltName={alternative_names}") if alternative_names else ()
    _openssl(
        *("req", "-x509", *_KEY, "-days", _DAYS, "-subj", subject, *names),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"),
        *("-CA", str(authority.certificate), "-CAkey", str(authority.key)),
        *("-out", str(pair.certificate), "-keyout", str(pair.key)),
    )
    return pair


def make_key(path: Path) -> Path:
    """Makes a key without a certificate, such as the one that signs the tokens of service accounts."""
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
    return path


def _openssl(*arguments: str) -> None:
    """Runs openssl.

    Raises:
        RuntimeError: It failed, with its own words.
    """
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr.strip()}")
