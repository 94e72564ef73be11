"""containerd on a machine: its configuration, its start, and images that are imported once for all nodes.

Images take minutes to import, so it is done in a seed: a folder of containerd's that lasts. A node's folder is a copy of it
with hard links, which takes seconds and no room: layers are only ever read. Its databases are written, and really copied.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from testkit.cluster_oci import Image
from testkit.cluster_processes import Running, await_ready
from testkit.machines import Machine, switch_on

PAUSE_IMAGE = "localhost/pause:1"
SOCKET = "/run/containerd/containerd.sock"
_CONTENT = "io.containerd.content.v1.content/blobs/sha256"
_POD_PLUGIN = "io.containerd.grpc.v1.cri"
_CTR = ("ctr", f"--address={SOCKET}", "--namespace=k8s.io")


def start_containerd(machine: Machine, root: Path, disabled_plugins: Sequence[str] = ()) -> Running:
    """Starts containerd on a machine and waits until it answers.

    Args:
        machine: Where CNI configurations, if any, are in its folder.
        root: For content and snapshots.
        disabled_plugins: By their identifiers.

    Raises:
        NotReadyError: It ended or was too slow.
    """
    configuration = machine.folder / "containerd.toml"
    configuration.write_text(_configuration(root, machine.folder / "cni", disabled_plugins), encoding="utf-8")
    running = machine.start(["containerd", f"--config={configuration}"])
    await_ready("containerd answers", partial(_answers, machine), [running])
    return running


def import_images(seed: Path, images: Sequence[Image], folder: Path) -> None:
    """Imports into the seed what it lacks; what others have imported stays until its name means something newer.

    Args:
        seed: containerd's folder; made when missing.
        images: All that the cluster may run.
        folder: For the log.
    """
    record = seed / "images.json"
    present = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    lacking = [image for image in images if present.get(image.name) != image.digest]
    if not lacking:
        return
    machine = switch_on("seed", folder)
    try:
        # The plugin for pods gives each image a second name, which would outlive the first.
        start_containerd(machine, seed, disabled_plugins=[_POD_PLUGIN])
        for image in lacking:
            _import(machine, image, seed)
            present[image.name] = image.digest
            record.write_text(json.dumps(present, indent=1), encoding="utf-8")
        _forget_others(machine, present)
    finally:
        machine.switch_off()


def copy_seed(seed: Path, root: Path) -> None:
    """Gives a node its own folder of containerd's, with all images of the seed."""
    subprocess.run(["cp", "--archive", "--link", seed, root], check=True)
    for database in root.rglob("*.db"):
        copy = database.with_suffix(".copy")
        shutil.copyfile(database, copy)
        copy.replace(database)


def _import(machine: Machine, image: Image, seed: Path) -> None:
    reader = machine.pipe_into(*_CTR, "images", "import", "-")
    assert reader.stdin is not None
    with reader.stdin as target:
        image.write_archive(target, lambda digest: (seed / _CONTENT / digest).exists())
    if reader.wait() != 0:
        raise RuntimeError(f"{image.name}: ctr could not import it; {machine.folder / 'containerd.log'} may say why.")
    for digest, blob in image.blobs.items():
        if isinstance(blob, Path):  # the same bytes twice: let them share their room, which is gigabytes
            _replace_by_link(seed / _CONTENT / digest, blob)


def _forget_others(machine: Machine, present: Mapping[str, str]) -> None:
    """Removes what images of other names, and those that had these names before, do not share with the present ones."""
    others = [name for name in machine.run(*_CTR, "images", "list", "--quiet").split() if name not in present]
    if others:
        machine.run(*_CTR, "images", "remove", *others)
    # The only command that has containerd collect its garbage, and waits for it.
    lease = machine.run(*_CTR, "leases", "create").strip()
    machine.run(*_CTR, "leases", "delete", "--sync", lease)


def _replace_by_link(path: Path, source: Path) -> None:
    if not path.samefile(source):
        link = path.with_suffix(".link")
        link.unlink(missing_ok=True)
        link.hardlink_to(source)
        link.replace(path)


def _answers(machine: Machine) -> bool:
    try:
        machine.run(*_CTR, "version")
    except RuntimeError:
        return False
    return True


def _configuration(root: Path, networks: Path, disabled_plugins: Sequence[str]) -> str:
    return f"""\
version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = {json.dumps(list(disabled_plugins))}
[grpc]
  address = "{SOCKET}"
[plugins."{_POD_PLUGIN}"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true # where CAP_SYS_RESOURCE is missing, no sandbox starts without it
[plugins."{_POD_PLUGIN}".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{networks}"
"""
