#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh NAME OUTDIR - recipe: the node of tests/vm/node once more, of the next Debian and with its Docker, for tests
# of a machine without Kubernetes.
#
# What is done to it is the other recipe's: its functions are read from there, and only where packages come from and
# which they are is said here.
# shellcheck disable=SC2154 # here and disk_size are of that recipe
set -euo pipefail

name=$1 out=$2
other=$KATA_TOP/tests/vm/node/build.sh
# shellcheck disable=SC1090 # the functions of that recipe, without the lines that begin to build
. <(sed '/^install_debian$/,$d' "$other")
. "$KATA_TOP/tests/cluster/debian-tree.sh"

# The machine's apt knows the archive by its own release only, and the next one lies beside it.
archives() { # SUITE
	apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' |
		awk -v suite="$1" '$1 == "Debian" && $3 !~ /-/ && !seen[$2, $4]++ {
			print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $2, suite, $4
		}'
}

cat "$here/packages" "$KATA_TOP/tests/vm/docker/packages" >packages
# The kernel's package makes no initrd of its own, which would take longer than the rest.
export INITRD=No
debian_tree "$(field "$name" suite)" minbase packages root
configure
make_initrd
cp root/boot/vmlinuz-* "$out/vmlinuz"
rm -rf root/boot/* root/var/lib/apt/lists/*
truncate -s "$disk_size" "$out/disk.ext4"
mkfs.ext4 -q -F -d root "$out/disk.ext4"
rm -rf root
