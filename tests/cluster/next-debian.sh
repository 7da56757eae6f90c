#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# next-debian.sh NAME OUTDIR - recipe: root/, the next Debian with the packages of NAME.packages, beside this.
#
# test-docker is its Docker and its containerd, test-gcc its compiler and the libraries we link.  A test runs
# what is in there in namespaces of its own, over a layer that takes what it writes.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/debian-tree.sh"
need mmdebstrap

suite=$(field "$name" suite)

# The machine's apt knows the archive by its own release only, and the next one lies beside it.
archives() { # SUITE
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' |
		awk -v suite="$1" '$1 == "Debian" && $3 !~ /-/ && !seen[$2, $4]++ {
			print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $2, suite, $4
		}'
}

# runs PROGRAM... - each says which version it is.
runs() {
	local program
	for program; do
		chroot root "$program" --version | head -n 1 || die "$program does not run"
	done
}

debian_tree "$suite" essential "$KATA_TOP/tests/cluster/$name.packages" root
rm -rf root/var/lib/apt root/usr/share/{doc,man,locale,info}
case $name in
test-docker) programs=(dockerd containerd) ;;
test-gcc) programs=(gcc ccache cmake ninja protoc-c) ;;
*) die "nothing is known of '$name'" ;;
esac
say "$(runs "${programs[@]}" | paste -sd';')"
mv root "$out/root"
