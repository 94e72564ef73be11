#!/usr/bin/env bash
# Builds a Kubernetes for tests with nothing but Go and its module proxy, into a folder outside the checkout, and prints
# that folder. `build.sh` makes a control plane; `build.sh level2` also makes what runs pods. What is there is not built
# again: the folder's name is the hash of all that decides its content, so every clone on a machine finds it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

TRAINING_OPERATOR=v1.9.4

main() {
    local level=${1:-level1}
    case $level in
        level1 | level2) ;;
        *)
            echo "build.sh: '$level' is no level; give level1, level2 or nothing." >&2
            exit 64
            ;;
    esac
    folder=$(built_folder)
    mkdir -p "$folder/bin"
    exec 9>"$folder/lock"
    is_complete "$level" || {
        flock 9
        build_programs "$level"
        fetch_manifests
    }
    echo "$folder"
}

built_folder() {
    local hash
    hash=$(cat go.mod go.sum build.sh pause/main.go | sha256sum | cut -c1-16)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/bionemo-cluster/$hash"
}

# One program a line: its name, and the package it is built from; one with a version is built outside this module, because
# its dependencies are other versions than Kubernetes' own.
programs_of() {
    cat <<TEXT
etcd go.etcd.io/etcd/server/v3
kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
kubectl k8s.io/kubernetes/cmd/kubectl
training-operator github.com/kubeflow/training-operator/cmd/training-operator.v1@$TRAINING_OPERATOR
TEXT
    [ "$1" = level1 ] || cat <<'TEXT'
kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
kubelet k8s.io/kubernetes/cmd/kubelet
kube-proxy k8s.io/kubernetes/cmd/kube-proxy
pause bionemo.dev/tests/cluster/pause
coredns github.com/coredns/coredns@v1.14.6
helm helm.sh/helm/v3/cmd/helm@v3.21.4
kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
TEXT
}

is_complete() {
    local programs program package
    programs=$(programs_of "$1")
    while read -r program package; do
        [ -x "$folder/bin/$program" ] || return 1
    done <<<"$programs"
    [ -d "$folder/training-operator-manifests" ]
}

build_programs() {
    local programs program package started
    programs=$(programs_of "$1")
    command -v go >/dev/null || {
        echo "build.sh: Go is missing; install Go 1.26 or newer." >&2
        exit 69
    }
    while read -r program package; do
        [ ! -x "$folder/bin/$program" ] || continue
        started=$SECONDS
        printf '%s: building ... ' "$program" >&2
        build_program "$program" "$package" 2>"$folder/build.log" || {
            printf 'failed:\n%s\n' "$(tail -n 40 "$folder/build.log")" >&2
            exit 1
        }
        echo "$((SECONDS - started)) s" >&2
    done <<<"$programs"
}

# Builds beside the place and renames: an interrupted build leaves no half program, and the next one goes on from there.
build_program() {
    local program=$1 package=$2 unfinished=$folder/unfinished
    rm -rf "$unfinished"
    mkdir "$unfinished"
    export CGO_ENABLED=0 # static programs: they run in images made from scratch, too
    case $package in
        *@*)
            GOBIN=$unfinished nice -n 10 go install -p 2 -ldflags '-s -w' "$package" </dev/null &&
                mv "$unfinished"/* "$folder/bin/$program"
            ;;
        *)
            nice -n 10 go build -p 2 -buildvcs=false -ldflags "-s -w $(version_flags)" -o "$unfinished/$program" "$package" </dev/null &&
                mv "$unfinished/$program" "$folder/bin/$program"
            ;;
    esac
}

# Kubernetes learns its version from the linker; without it every client is told v0.0.0-master.
version_flags() {
    local version minor
    version=$(sed -n 's|^\tk8s.io/kubernetes ||p' go.mod)
    minor=${version#v1.}
    local package=k8s.io/component-base/version
    echo "-X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" \
        "-X $package.gitTreeState=clean"
}

# The training operator's own manifests: its CRDs and its webhook's configuration.
fetch_manifests() {
    local place=$folder/training-operator-manifests unfinished=$folder/unfinished module
    [ ! -d "$place" ] || return 0
    rm -rf "$unfinished"
    module=$(cd "$folder" && go mod download -json "github.com/kubeflow/training-operator@$TRAINING_OPERATOR" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
    cp -r "$module/manifests" "$unfinished"
    chmod -R u+w "$unfinished"
    mv "$unfinished" "$place"
}

main "$@"
