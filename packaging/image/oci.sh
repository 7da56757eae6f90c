#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# oci.sh - pack a folder as an OCI image archive, without a container engine.
#
#   packaging/image/oci.sh REFERENCE FOLDER CONFIG OUT.tar
#
# One layer, for this machine's architecture; CONFIG is the JSON object `config` of the image
# (Entrypoint, Env, Labels); OCI_GZIP is how hard the layer is compressed (9: as much as possible).
# Owner, order and time are fixed: equal folders give equal bytes.
# `ctr -n k8s.io images import OUT.tar` knows it by REFERENCE.
set -euo pipefail
export LC_ALL=C
[ $# = 4 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
reference=$1 folder=$2 config=$3 out=$4

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
type=application/vnd.oci.image
work=$(mktemp -d "$(dirname "$(readlink -m "$out")")/.oci.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/image/blobs/sha256"

reproducible_tar() { # FOLDER ENTRY...
	tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=ustar \
		-cf - "${@:2}"
}

digest_of() { sha256sum "$1" | cut -d' ' -f1; }

# store MEDIA-TYPE FILE - move FILE among the blobs and print its descriptor, less the last brace.
store() {
	local digest size
	digest=$(digest_of "$2")
	size=$(stat -c %s "$2")
	mv "$2" "$work/image/blobs/sha256/$digest"
	printf '{"mediaType":"%s.%s","digest":"sha256:%s","size":%s' "$type" "$1" "$digest" "$size"
}

reproducible_tar "$folder" . >"$work/layer"
diff_id=$(digest_of "$work/layer")
gzip -n "-${OCI_GZIP:-9}" "$work/layer"
layer="$(store layer.v1.tar+gzip "$work/layer.gz")}"

cat >"$work/config" <<END
{"architecture":"$arch","os":"linux","config":$config,"created":"1970-01-01T00:00:00Z",
"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]},
"history":[{"created":"1970-01-01T00:00:00Z","created_by":"packaging/image/oci.sh"}]}
END
config_blob="$(store config.v1+json "$work/config")}"

echo "{\"schemaVersion\":2,\"mediaType\":\"$type.manifest.v1+json\",\"config\":$config_blob," \
	"\"layers\":[$layer]}" >"$work/manifest"
manifest=$(store manifest.v1+json "$work/manifest")

cat >"$work/image/index.json" <<END
{"schemaVersion":2,"mediaType":"$type.index.v1+json","manifests":[$manifest,
"platform":{"architecture":"$arch","os":"linux"},
"annotations":{"io.containerd.image.name":"$reference",
"org.opencontainers.image.ref.name":"${reference##*:}"}}]}
END
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
reproducible_tar "$work/image" oci-layout index.json blobs >"$work/archive"
mv "$work/archive" "$out"
