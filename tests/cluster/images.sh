#!/usr/bin/env bash
# Builds our images from their Dockerfiles with buildah, on a Debian base made by mmdebstrap: no Docker, no image registry.
# `images.sh` builds both, `images.sh operator` or `images.sh trainer` one. Each becomes an entry of the OCI layout whose
# folder is printed. What was built from the same content is not built again: buildah keeps the layers of the last build of
# each image, the heavy one too, and forgets those of earlier builds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

BASE=localhost/debian-python
BASE_PACKAGES=python3,python3-pip,python3-venv,ca-certificates

main() {
    local image
    for image in "$@"; do
        case $image in
            operator | trainer) ;;
            *)
                echo "images.sh: '$image' is no image; give operator, trainer or nothing." >&2
                exit 64
                ;;
        esac
    done
    [ $# -gt 0 ] || set -- operator trainer
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/bionemo-cluster/images
    runtime=${TMPDIR:-/tmp}/bionemo-buildah
    mkdir -p "$folder/tmp"
    exec 9>"$folder/lock"
    flock 9
    tidy_up # after a build that was killed
    trap tidy_up EXIT
    make_base
    for image in "$@"; do
        build_image "$image"
    done
    forget_unnamed
    lay_out
    echo "$folder/oci"
}

# Its own storage, so that nothing of the machine's own images is seen or changed.
in_storage() {
    TMPDIR=$folder/tmp nice -n 10 buildah --root "$folder/storage" --runroot "$runtime" --storage-driver overlay "$@"
}

# Stands in for python:3.13-slim, which only a registry has.
make_base() {
    local container
    ! in_storage inspect --type image "$BASE" >/dev/null 2>&1 || return 0
    echo "$BASE: making it with mmdebstrap ..." >&2
    nice -n 10 mmdebstrap --quiet --variant=minbase --include="$BASE_PACKAGES" --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' trixie "$folder/base.tar"
    container=$(in_storage from scratch)
    in_storage add --quiet "$container" "$folder/base.tar" / >/dev/null
    in_storage commit --quiet --rm "$container" "$BASE" >/dev/null
    rm "$folder/base.tar"
}

build_image() {
    local image=$1 name=localhost/bionemo-$1 stages stage started=$SECONDS
    printf '%s: building ... ' "$name:test" >&2
    : >"$folder/$image.log"
    # With names of their own, so that the layers of stages which are no part of the image are there at the next build.
    mapfile -t stages < <(sed -n 's/^FROM .* AS //p' "images/$image/Dockerfile")
    for stage in "${stages[@]}"; do
        build "$image" --target "$stage" --tag "$name:$stage"
    done
    build "$image" --tag "$name:test"
    echo "$((SECONDS - started)) s" >&2
}

build() {
    local image=$1 log=$folder/$1.log
    in_storage bud --quiet --layers --isolation chroot --network host "${machine_settings[@]}" \
        --build-arg "BASE_IMAGE=$BASE" --file "images/$image/Dockerfile" "${@:2}" . >>"$log" 2>&1 || {
        printf 'failed:\n%s\n' "$(tail -n 40 "$log")" >&2
        exit 1
    }
}

# Layers that no image with a name is made of.
forget_unnamed() { in_storage rmi --prune >/dev/null; }

tidy_up() {
    # Containers of a build that has failed would keep their layers for ever.
    in_storage rm --all >/dev/null
    # skopeo leaves it mounted on itself, and a folder that is mounted can't be removed.
    ! mountpoint --quiet "$folder/storage/overlay" || umount "$folder/storage/overlay"
    # With the packages that were downloaded, 6 GB of them: layers have them too, and to download them again is quick.
    rm -rf "$folder"/tmp/*
}

# Anew, since an index keeps what it has ever listed. Uncompressed: a layer that is there already is recognised by its digest, and
# not written again.
lay_out() {
    local name blob digests='[0-9a-f]{64}' needed
    rm -f "$folder"/oci/{index.json,oci-put-blob*}
    for name in $(in_storage images --format '{{.Name}}:{{.Tag}}' | grep ':test$'); do
        nice -n 10 skopeo copy --quiet --dest-oci-accept-uncompressed-layers \
            "containers-storage:[overlay@$folder/storage+$runtime]$name" "oci:$folder/oci:$name"
    done
    cd "$folder/oci/blobs/sha256"
    needed=$(grep -Eo "$digests" ../../index.json)
    # shellcheck disable=SC2086 # manifests, by the names that the index has for them
    needed+=" $(grep -Eoh "$digests" $needed)"
    for blob in *; do
        [[ $needed == *$blob* ]] || rm "$blob"
    done
}

# How this machine reaches its package indexes, lent to the build and left in no image: certificates and pip's settings.
machine_settings=()
[ ! -d /etc/ssl/certs ] || machine_settings+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
[ ! -e /etc/pip.conf ] || machine_settings+=(--volume /etc/pip.conf:/etc/pip.conf:ro)

main "$@"
