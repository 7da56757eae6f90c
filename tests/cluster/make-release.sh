#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make-release.sh - make images of kata-deploy with a version to choose.  Sourced; the test says in
# `deliver ARCHIVE` how one comes to its node.
# shellcheck disable=SC2154 # top, work and image come from who sources this

# release VERSION FOLDER [PROGRAM] - pack FOLDER as a release, put it into an image with the tag VERSION, whose
# program is PROGRAM ($work/kata-deploy), and deliver it.
release() {
	local version=$1 folder=$2 program=${3:-$work/kata-deploy} out=$work/$1
	mkdir -p "$out/opt"
	cp -a "$folder" "$out/opt/kata"
	(
		cd "$out/opt/kata" || exit
		{
			printf 'kata-manifest 1\nversion %s\narch %s\n' "$version" "$(uname -m)"
			find . \( -type f -o -type l \) ! -path ./MANIFEST -printf '%P\n' | sort | while read -r path; do
				if [ -L "$path" ]; then
					echo "link $(readlink "$path") $path"
				else
					echo "file $(stat -c '%a %s' "$path") $(sha256sum <"$path" | cut -d' ' -f1) $path"
				fi
			done
		} >"$out/manifest"
		echo "digest $(sha256sum <"$out/manifest" | cut -d' ' -f1)" >>"$out/manifest"
		cp "$out/manifest" MANIFEST
	)
	mkdir -p "$out/image/usr/bin" "$out/image/opt/kata-artifacts"
	{
		echo opt/kata/MANIFEST
		(cd "$out" && find opt/kata \( -type f -o -type l \) ! -path opt/kata/MANIFEST | sort)
	} >"$out/members"
	tar -C "$out" --no-recursion -T "$out/members" --owner=0 --group=0 --format=ustar -cf - |
		zstd -q -1 -o "$out/image/opt/kata-artifacts/kata-static.tar.zst"
	cp "$program" "$out/image/usr/bin/kata-deploy"
	"$top/packaging/image/oci.sh" "$image:$version" "$out/image" \
		'{"Entrypoint":["/usr/bin/kata-deploy"],"Cmd":["install"]}' "$out/image.tar"
	deliver "$out/image.tar"
	rm -rf "$out/opt" "$out/image"
}

# extract_program ARCHIVE - the program of the image under test.
extract_program() {
	local layer
	mkdir "$work/layers"
	tar -C "$work/layers" -xf "$1"
	for layer in "$work"/layers/blobs/sha256/*; do
		tar -C "$work/layers" -xf "$layer" ./usr/bin/kata-deploy 2>/dev/null || true
	done
	cp "$work/layers/usr/bin/kata-deploy" "$work/kata-deploy"
	rm -rf "$work/layers"
}
