#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docker-root.sh NAME OUTDIR - recipe: root/, the next Debian with its Docker and its containerd, both of its packages.
#
# A test runs them in namespaces of their own, over a layer that takes what they write.
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

debian_tree "$suite" essential "$KATA_TOP/tests/cluster/docker-root.packages" root
rm -rf root/var/lib/apt root/usr/share/{doc,man,locale,info}
chroot root dockerd --version >answer || die "dockerd does not run"
chroot root containerd --version >>answer || die "containerd does not run"
say "$(paste -sd';' answer)"
mv root "$out/root"
