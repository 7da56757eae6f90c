#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh - make the image of kata-deploy: one static program and the packed release, nothing else.
#
#   packaging/image/build.sh BUILD DIST       after packaging/release/build.sh BUILD DIST
#
# Leaves DIST/kata-deploy-image.tar, an OCI archive named $KATA_DEPLOY_IMAGE (by default the name that
# manifests/ and the chart have, which no registry answers to).  If it is there already and made of the same files, nothing is written.
set -euo pipefail
export LC_ALL=C
umask 022
[ $# = 2 ] || { sed -n '/^#   /s/^# *//p' "$0" >&2; exit 2; }
top=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
program=$1/bin/kata-deploy
dist=$2
version=$(cat "$top/VERSION")
reference=${KATA_DEPLOY_IMAGE:-localhost/kata-deploy:$version}
size_max=$((40 * 1000 * 1000))

die() { echo "image: $*" >&2; exit 1; }

archive=$(find "$dist" -maxdepth 1 -name "kata-static-$version-*.tar.zst")
[ -f "$archive" ] || die "no release in '$dist'; run packaging/release/build.sh first"
[ -f "$program" ] || die "no program '$program'; build it first ('./dev build')"

exec 9>"$dist/.lock"
flock 9
rm -rf "$dist"/.image.* # of a run that was killed: we hold the lock
work=$(mktemp -d "$dist/.image.XXXXXX")
trap 'rm -rf "$work"' EXIT
install -d "$work/root/usr/bin" "$work/root/opt/kata-artifacts"
strip -s -o "$work/root/usr/bin/kata-deploy" "$program"
chmod 0755 "$work/root/usr/bin/kata-deploy"
ln -s kata-deploy "$work/root/usr/bin/kubectl-kata"
if readelf -l "$work/root/usr/bin/kata-deploy" | grep -q INTERP; then
	die "$program is not static; the image is made of the preset 'release'"
fi
install -m 0644 "$archive" "$work/root/opt/kata-artifacts/kata-static.tar.zst"

made_of=$(cat "$0" "$top/packaging/image/oci.sh" "$work/root/usr/bin/kata-deploy" "$archive" |
	sha256sum | cut -d' ' -f1)
image=$dist/kata-deploy-image.tar
if [ -f "$image" ] && [ "$(cat "$image.made-of" 2>/dev/null)" = "$made_of $reference" ]; then
	echo "image: $image is up to date"
	exit
fi

"$top/packaging/image/oci.sh" "$reference" "$work/root" '{
"Entrypoint":["/usr/bin/kata-deploy"],"Cmd":["install"],
"Env":["PATH=/usr/bin"],
"Labels":{
"org.opencontainers.image.title":"kata-deploy",
"org.opencontainers.image.description":"installs Kata Containers on a Kubernetes node",
"org.opencontainers.image.licenses":"Apache-2.0",
"org.opencontainers.image.version":"'"$version"'"}}' "$work/image.tar"
size=$(stat -c %s "$work/image.tar")
[ "$size" -le $size_max ] ||
	die "the image has $size bytes, more than $size_max; what grew? see $dist/kata/MANIFEST"
mv "$work/image.tar" "$image"
echo "$made_of $reference" >"$image.made-of"
echo "image: $image ($size bytes), $reference"
