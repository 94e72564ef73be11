#!/usr/bin/env bash
# Builds our images from their Dockerfiles with buildah, on a Debian base made by mmdebstrap: no Docker, no image registry.
# `images.sh` builds both, `images.sh operator` or `images.sh trainer` one. Each becomes an entry of the OCI layout whose
# folder is printed. What was built from the same content is not built again: buildah keeps every layer, the heavy one too.
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
    mkdir -p "$folder"
    exec 9>"$folder/lock"
    flock 9
    make_base
    for image in "$@"; do
        build_image "$image"
    done
    echo "$folder/oci"
}

# Its own storage, so that nothing of the machine's own images is seen or changed.
in_storage() {
    nice -n 10 buildah --root "$folder/storage" --runroot "$runtime" --storage-driver overlay "$@"
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
    local image=$1 name=localhost/bionemo-$1:test started=$SECONDS
    printf '%s: building ... ' "$name" >&2
    in_storage bud --quiet --layers --isolation chroot --network host "${machine_settings[@]}" \
        --build-arg "BASE_IMAGE=$BASE" --file "images/$image/Dockerfile" --tag "$name" . >"$folder/$image.log" 2>&1 || {
        printf 'failed:\n%s\n' "$(tail -n 40 "$folder/$image.log")" >&2
        exit 1
    }
    # Uncompressed: a layer that is there already is recognised by its digest, and not written again.
    nice -n 10 skopeo copy --quiet --dest-oci-accept-uncompressed-layers \
        "containers-storage:[overlay@$folder/storage+$runtime]$name" "oci:$folder/oci:$name"
    echo "$((SECONDS - started)) s" >&2
}

# How this machine reaches its package indexes, lent to the build and left in no image: certificates and pip's settings.
machine_settings=()
[ ! -d /etc/ssl/certs ] || machine_settings+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
[ ! -e /etc/pip.conf ] || machine_settings+=(--volume /etc/pip.conf:/etc/pip.conf:ro)

main "$@"
