#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# oci-image.sh REFERENCE ROOT OUT.tar COMMAND - pack a root folder as an OCI image archive.
#
# One layer, one platform, the same bytes for the same folder.  COMMAND is what it runs
# unless told otherwise, a JSON list.
set -euo pipefail

reference=$1 root=$2 out=$3 command=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
blobs=$work/blobs/sha256
mkdir -p "$blobs"

reproducible_tar() { # FOLDER OUT ENTRIES...
	local folder=$1 archive=$2
	shift 2
	tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$archive" "$@"
}

store() { # FILE: moves it among the blobs, prints the fields of its descriptor
	local digest size
	digest=$(sha256sum "$1" | cut -d' ' -f1)
	size=$(stat -c %s "$1")
	mv "$1" "$blobs/$digest"
	echo "\"digest\":\"sha256:$digest\",\"size\":$size"
}

type=application/vnd.oci.image
reproducible_tar "$root" "$work/layer" .
layer=$(store "$work/layer")
diff_id=${layer#*:} diff_id=${diff_id%%,*}

cat >"$work/config" <<END
{"architecture":"amd64","os":"linux","config":{"Cmd":$command,
"Env":["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]},"rootfs":{"type":"layers","diff_ids":[$diff_id]}}
END
config=$(store "$work/config")

cat >"$work/manifest" <<END
{"schemaVersion":2,"mediaType":"$type.manifest.v1+json",
"config":{"mediaType":"$type.config.v1+json",$config},
"layers":[{"mediaType":"$type.layer.v1.tar",$layer}]}
END
manifest=$(store "$work/manifest")

cat >"$work/index.json" <<END
{"schemaVersion":2,"mediaType":"$type.index.v1+json",
"manifests":[{"mediaType":"$type.manifest.v1+json",$manifest,
"platform":{"architecture":"amd64","os":"linux"},
"annotations":{"io.containerd.image.name":"$reference","org.opencontainers.image.ref.name":"${reference##*:}"}}]}
END
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/oci-layout"
reproducible_tar "$work" "$out" oci-layout index.json blobs
