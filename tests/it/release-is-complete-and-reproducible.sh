#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# The packed release holds exactly what its MANIFEST says, two builds of the same tree give the same
# bytes (the agent is compiled again in another folder, the archive and the image packed again), and
# the sizes we promise hold.  The SBOM has each file of it and each component, with a licence; the provenance
# names the archive, the commit and the sources.
#
# Packing as hard as a release is takes longer than all the rest: with level 1 what zstd was given is compared,
# with the release's own, 19, also what it made of it.
# variants: KATA_PACK_LEVEL=1
# variants.full: KATA_PACK_LEVEL=19
. "$(dirname "$0")/../lib.sh"

require tar zstd jq cmake ninja readelf
release=${KATA_RELEASE_DIR:-$top/build/release}
dist=${KATA_DIST_DIR:-$top/build/dist}
[ -x "$release/bin/containerd-shim-kata-v2" ] || skip "no release build; './dev package' makes one"
[ -d "$dist/kata" ] || skip "no packed release; './dev package' makes one"
archive=$(echo "$dist"/kata-static-*.tar.zst)

size_at_most() { # PATH BYTES
	local size
	size=$(stat -c %s "$1")
	note "$(basename "$1"): $size bytes"
	[ "$size" -le "$2" ] || fail "$1 has $size bytes, more than $2"
}

note "sizes"
size_at_most "$dist/kata/bin/containerd-shim-kata-v2" 1048576
size_at_most "$dist/kata/bin/kata-runtime" 1048576
size_at_most "$dist/kata/bin/kubectl-kata" 4194304
size_at_most "$dist/kata/share/kata-containers/kata-containers-initrd.img" 2097152
size_at_most "$dist/kata-deploy-image.tar" 40000000

note "static and position independent"
for program in "$dist"/kata/bin/* "$dist"/kata/libexec/*; do
	expect_match "type of $program" 'DYN' "$(readelf -h "$program" | grep Type:)"
	expect "dynamic linker of $program" "" "$(readelf -l "$program" | grep INTERP || true)"
done

note "the archive holds what MANIFEST says"
expect "first file" opt/kata/MANIFEST "$(tar --zstd -tf "$archive" | grep -v '/$' | head -n 1)"
mkdir "$work/unpacked"
tar --zstd -xpf "$archive" -C "$work/unpacked"
unpacked=$work/unpacked/opt/kata
head -n -1 "$unpacked/MANIFEST" >"$work/body"
expect "digest" "digest $(sha256sum <"$work/body" | cut -d' ' -f1)" "$(tail -n 1 "$unpacked/MANIFEST")"
awk '$1 == "file" { print $4 "  " $5 }' "$work/body" | (cd "$unpacked" && sha256sum --quiet -c)
awk '$1 == "file" { print $2, $3, $5 }' "$work/body" | sort >"$work/wanted"
(cd "$unpacked" && find . -type f ! -path ./MANIFEST -printf '%m %s %P\n') | sort >"$work/got"
diff "$work/wanted" "$work/got"
awk '$1 == "link" { print $2, $3 }' "$work/body" | sort >"$work/wanted"
(cd "$unpacked" && find . -type l -printf '%l %P\n') | sort >"$work/got"
diff "$work/wanted" "$work/got"

note "each file of the archive can be had alone"
frames=${archive%.tar.zst}.frames
expect "digest" "digest $(head -n -1 "$frames" | sha256sum | cut -d' ' -f1)" "$(tail -n 1 "$frames")"
at=0
while read -r _ size digest path; do
	tail -c +$((at + 1)) "$archive" | head -c "$size" >"$work/frame" || true
	at=$((at + size))
	expect "frame of $path" "$digest" "$(sha256sum <"$work/frame" | cut -d' ' -f1)"
	[ "$path" = - ] || cmp "$unpacked/$path" <(zstd -dcq "$work/frame" | tar -xOf - "opt/kata/$path")
done < <(grep '^frame ' "$frames")
expect "all frames" "$(stat -c %s "$archive")" "$at"

note "the licence of all that is shipped, and where its source is"
for part in kernel iptables qemu virtiofsd vhost-device-vsock programs; do
	grep -qiE 'licen[cs]e' "$unpacked/share/licenses/$part/copyright" || fail "no licence of $part"
	grep -qE "^${part/programs/sysroot} (debian|crate)" "$unpacked/share/kata-containers/components" ||
		fail "it is not said what $part was built from"
done

note "the agent compiled again elsewhere"
cmake --preset release -S "$top" -B "$work/build" "-DKATA_PARTS=lib;agent" \
	"-DKATA_SYSROOT=$("$top/packaging/artefact" sysroot)" >"$work/configure.log" ||
	{ cat "$work/configure.log"; fail "cmake"; }
nice ninja -C "$work/build" kata-agent >"$work/build.log" || { cat "$work/build.log"; fail "ninja"; }
strip -s -o "$work/agent-1" "$release/bin/kata-agent"
strip -s -o "$work/agent-2" "$work/build/bin/kata-agent"
cmp "$work/agent-1" "$work/agent-2"

note "archive and image packed again"
export KATA_PACK_LEVEL=${KATA_PACK_LEVEL:-19}
again=$work/dist/$(basename "$archive")
"$top/packaging/release/build.sh" "$release" "$work/dist"
cmp <(zstd -dc "$archive") <(zstd -dc "$again")
[ "$KATA_PACK_LEVEL" != 19 ] || cmp "$archive" "$again"
cp "$archive" "$again"
"$top/packaging/image/build.sh" "$release" "$work/dist"
cmp "$dist/kata-deploy-image.tar" "$work/dist/kata-deploy-image.tar"

note "a second packing writes nothing"
expect_match "what it says" 'up to date' "$("$top/packaging/release/build.sh" "$release" "$work/dist")"

note "the SBOM and the provenance, the same the second time"
sbom=${again%.tar.zst}.spdx.json provenance=${again%.tar.zst}.provenance.json
cmp "${archive%.tar.zst}.spdx.json" "$sbom"
# Whether the tree had changes may be another matter by now.
lasting() { jq 'del(.predicate.buildDefinition.resolvedDependencies[0].annotations)' "$1"; }
cmp <(lasting "${archive%.tar.zst}.provenance.json") <(lasting "$provenance")
{
	awk '$1 == "file" { print $4, "./" $5 }' "$work/body"
	echo "$(sha256sum <"$unpacked/MANIFEST" | cut -d' ' -f1) ./MANIFEST"
} | sort >"$work/wanted"
jq -r '.files[] | [(.checksums[] | select(.algorithm == "SHA256").checksumValue), .fileName] | join(" ")' "$sbom" |
	sort >"$work/got"
diff "$work/wanted" "$work/got"
awk '$2 ~ /^(debian|debian-source|crate|rust)$/ { print $3, $4 }' "$unpacked/share/kata-containers/components" |
	sort -u >"$work/wanted"
jq -r '.packages[] | select(.externalRefs) | .name + " " + .versionInfo' "$sbom" | sort >"$work/got"
diff "$work/wanted" "$work/got"
expect "components without a licence; packaging/release/licences lacks them" "" \
	"$(jq -r '.packages[] | select(.externalRefs and (.licenseDeclared // "NOASSERTION") == "NOASSERTION").name' "$sbom")"
while read -r _ name _; do
	grep -qxE "$(sed 's/[.+]/[&]/g; s/\*/[0-9.]+/' <<<"$name") .*" "$work/wanted" ||
		fail "packaging/release/licences has a row for '$name', of which nothing is released"
done < <(grep -v '^#' "$top/packaging/release/licences")
expect "relations to what is not there, and names that come twice" "" "$(jq -r '
	[.SPDXID, .packages[].SPDXID, .files[].SPDXID] as $ids
	| ([.relationships[] | .spdxElementId, .relatedSpdxElement] | unique) - $ids
	+ ($ids | group_by(.) | map(select(length > 1)[0])) | .[]' "$sbom")"
expect "what the provenance is of" "$(sha256sum <"$again" | cut -d' ' -f1) $(basename "$again")" \
	"$(jq -r '.subject[] | .digest.sha256 + " " + .name' "$provenance")"
expect "the SBOM that it names" "$(sha256sum <"$sbom" | cut -d' ' -f1)" \
	"$(jq -r '.predicate.runDetails.byproducts[0].digest.sha256' "$provenance")"
commit=none
[ ! -e "$top/.git" ] || commit=$(git -c safe.directory="$top" -C "$top" rev-parse HEAD)
expect "its commit" "$commit" \
	"$(jq -r '.predicate.buildDefinition.resolvedDependencies[0].digest.gitCommit // "none"' "$provenance")"
for section in kernel iptables qemu virtiofsd vhost-device-vsock sysroot/openssl sysroot/libarchive; do
	read -r version digest < <(sed -nE "\\#^  $section:#,/sha256/s/^ *(version|sha256): //p" \
		"$top/packaging/versions.yaml" | tr -d '"' | xargs)
	# Where Debian has moved on, another version was built, whose digest nobody knows.
	grep -qE "^${section%/*} [^ ]+ [^ ]+ ${version//[+.]/.}\$" "$unpacked/share/kata-containers/components" || continue
	jq -e --arg digest "$digest" 'any(.predicate.buildDefinition.resolvedDependencies[]; .digest.sha256 == $digest)' \
		"$provenance" >/dev/null || fail "the provenance lacks $section $version, $digest"
done

note "the image"
tar -xf "$dist/kata-deploy-image.tar" -C "$work" --one-top-level=image
for blob in "$work"/image/blobs/sha256/*; do
	expect "digest of a blob" "$(basename "$blob")" "$(sha256sum <"$blob" | cut -d' ' -f1)"
done
blob() { echo "$work/image/blobs/sha256/${1#sha256:}"; }
manifest=$(blob "$(jq -r '.manifests[0].digest' "$work/image/index.json")")
config=$(blob "$(jq -r '.config.digest' "$manifest")")
expect "entrypoint" /usr/bin/kata-deploy "$(jq -r '.config.Entrypoint[0]' "$config")"
layer=$(blob "$(jq -r '.layers[0].digest' "$manifest")")
expect "layer" "$(jq -r '.rootfs.diff_ids[0]' "$config")" \
	"sha256:$(zcat "$layer" | sha256sum | cut -d' ' -f1)"
expect "files in the image" "./opt/kata-artifacts/kata-static.tar.zst ./usr/bin/kata-deploy ./usr/bin/kubectl-kata" \
	"$(tar -tzf "$layer" | grep -v '/$' | sort | tr '\n' ' ' | sed 's/ $//')"
