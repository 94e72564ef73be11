"""Images for tests are archives that containerd imports: complete, the same for the same content, without what is there."""

import io
import json
import tarfile

import pytest

from testkit.cluster_oci import image_in_layout, image_of_files


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program"
    path.write_text("#!/bin/true\n")
    return path


def content_of(image, is_there=lambda _: False):
    target = io.BytesIO()
    image.write_archive(target, is_there)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def laid_out(image, name, folder):
    """A layout as a builder writes it: names in annotations, blobs by digest."""
    for path, blob in content_of(image).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(blob)
    index = {
        "manifests": [
            {"digest": "sha256:0000"},
            {**image.manifest, "annotations": {"org.opencontainers.image.ref.name": name}},
        ]
    }
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_an_archive_holds_the_name_that_pods_use_and_every_blob(program):
    image = image_of_files("localhost/true:1", {"/program": program}, ["/program"])
    content = content_of(image)
    (manifest,) = json.loads(content["index.json"])["manifests"]
    assert manifest["annotations"] == {"io.containerd.image.name": "localhost/true:1"}
    assert {f"blobs/sha256/{digest}" for digest in image.blobs} < content.keys()


def test_the_program_can_be_run_by_everybody(program):
    image = image_of_files("localhost/true:1", {"/program": program}, ["/program"])
    layer = next(blob for blob in image.blobs.values() if b"ustar" in blob)
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert [(member.name, member.mode) for member in archive] == [("program", 0o755)]


def test_the_same_files_make_the_same_image(program):
    first, second = (image_of_files("localhost/true:1", {"/program": program}, ["/program"]) for _ in range(2))
    assert first.digest == second.digest


def test_a_blob_that_the_reader_has_is_left_out(program):
    image = image_of_files("localhost/true:1", {"/program": program}, ["/program"])
    assert content_of(image, is_there=lambda _: True).keys() == {"oci-layout", "index.json"}


def test_an_image_of_a_layout_is_found_by_its_name_with_all_its_blobs(program, tmp_path):
    image = image_of_files("localhost/true:1", {"/program": program}, ["/program"])
    found = image_in_layout(laid_out(image, "localhost/true:1", tmp_path / "layout"), "localhost/true:1")
    assert (found.digest, content_of(found)) == (image.digest, content_of(image))


def test_a_layout_without_the_image_says_how_to_build_it(program, tmp_path):
    image = image_of_files("localhost/true:1", {"/program": program}, ["/program"])
    layout = laid_out(image, "localhost/true:1", tmp_path / "layout")
    with pytest.raises(LookupError) as raised:
        image_in_layout(layout, "localhost/false:1")
    assert str(raised.value) == (f"{layout} holds no image 'localhost/false:1'; build it with tests/cluster/images.sh.")
