"""Images as archives in the OCI layout, which `ctr images import` takes: made from plain files, or from a layout on disk."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that can be imported."""

    name: str
    """As pods call it, tag included."""
    manifest: Mapping[str, Any]
    """Its descriptor: digest and size."""
    blobs: Mapping[str, Path | bytes]
    """Manifest, configuration and layers, by digest without its prefix."""

    @property
    def digest(self) -> str:
        """Of its manifest."""
        return str(self.manifest["digest"])

    def write_archive(self, target: IO[bytes], is_there: Callable[[str], bool] = lambda _: False) -> None:
        """Writes the image as a tar.

        Args:
            target: Needs no seeking.
            is_there: Whether the reader has a blob already, so that it is left out.
        """
        named = {**self.manifest, "annotations": {"io.containerd.image.name": self.name}}
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}
        with tarfile.open(fileobj=target, mode="w|") as archive:
            _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
            _add(archive, "index.json", json.dumps(index).encode())
            for digest, blob in self.blobs.items():
                if not is_there(digest):
                    _add(archive, f"blobs/sha256/{digest}", blob)


def image_of_files(name: str, files: Mapping[str, Path], command: Sequence[str]) -> Image:
    """An image of nothing but some programs, the same bytes for the same files.

    Args:
        name: As pods will call it.
        files: Where each file of this machine is in the image.
        command: What runs by default.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for path, source in files.items():
            _add(archive, path.lstrip("/"), source, mode=0o755)
    layer_digest = _digest(layer.getvalue())
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }
    blobs = {layer_digest: layer.getvalue()}
    config_descriptor = _store(blobs, _CONFIG, json.dumps(config).encode())
    layers = [{"mediaType": _LAYER, "digest": f"sha256:{layer_digest}", "size": len(layer.getvalue())}]
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config_descriptor, "layers": layers}
    descriptor = _store(blobs, _MANIFEST, json.dumps(manifest).encode())
    return Image(name=name, manifest=descriptor, blobs=blobs)


def image_in_layout(layout: Path, name: str) -> Image:
    """An image that a builder has pushed to an OCI layout under its name.

    Raises:
        LookupError: There is none of that name.
    """
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    for found in index["manifests"]:
        if _name_of(found) == name:
            descriptor = {key: found[key] for key in ("mediaType", "digest", "size")}
            place = layout / "blobs/sha256"
            manifest = json.loads((place / _hex(descriptor)).read_text(encoding="utf-8"))
            parts = (descriptor, manifest["config"], *manifest["layers"])
            return Image(name=name, manifest=descriptor, blobs={_hex(part): place / _hex(part) for part in parts})
    raise LookupError(f"{layout} holds no image {name!r}; build it with tests/cluster/images.sh.")


def _name_of(descriptor: Mapping[str, Any]) -> str | None:
    """What a builder called an image; None when the name has gone to a newer one."""
    name: str | None = descriptor.get("annotations", {}).get("org.opencontainers.image.ref.name")
    return name


def _hex(descriptor: Mapping[str, Any]) -> str:
    return str(descriptor["digest"]).removeprefix("sha256:")


def _store(blobs: dict[str, bytes], media_type: str, blob: bytes) -> dict[str, Any]:
    digest = _digest(blob)
    blobs[digest] = blob
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(blob)}


def _digest(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _add(archive: tarfile.TarFile, path: str, content: Path | bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)  # of the year 1970 and of root, so that the same content has the same digest
    entry.mode = mode
    entry.size = content.stat().st_size if isinstance(content, Path) else len(content)
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as source:
        archive.addfile(entry, source)
