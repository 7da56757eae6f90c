#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# image-servers.sh NAME OUTDIR - recipe: one image with the servers and tools that people run in pods.
#
#   servers.tar   kata.test/servers:1   Debian with the packages of image-servers.packages; its command is systemd
#
# It is big, and only ./dev check --full needs it.  All files are root's, as oci.sh packs them: what a server must
# own, cluster/servers/ask makes at its start.
set -euo pipefail

name=$1 out=$2
. "$KATA_TOP/packaging/recipe.sh"
. "$KATA_TOP/tests/cluster/debian-tree.sh"

# What is half of the image and what no server asks for: documents, compilers for graphics, examples; and databases
# that the packages made, which would be root's.
trim_tree() { # TREE
	rm -rf "$1"/usr/share/{doc,man,locale,info,icons,lintian,javascript} "$1"/usr/share/go-*/{test,api,doc} \
		"$1"/usr/share/go-*/src/cmd "$1"/usr/lib/x86_64-linux-gnu/{dri,libLLVM*,libz3*} "$1"/var/lib/{apt,mysql,postgresql}
}

# Units that need a machine of their own, or another pod's work; a unit that fails would be the image's fault.
configure_systemd() { # TREE
	local unit enabled
	for enabled in "$1"/etc/systemd/system/*.wants/*; do
		rm -f "$enabled"
	done
	for unit in systemd-udevd.service systemd-logind.service getty.target console-getty.service e2scrub_reap.service; do
		ln -sfn /dev/null "$1/etc/systemd/system/$unit"
	done
	ln -sfn /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
	rm -f "$1/etc/machine-id" "$1/etc/fstab"
	: >"$1/etc/fstab"
}

debian_tree "$(field "$name" suite)" essential "$KATA_TOP/tests/cluster/image-servers.packages" servers
trim_tree servers
configure_systemd servers
OCI_GZIP=1 "$KATA_TOP/packaging/image/oci.sh" kata.test/servers:1 servers \
	'{"Cmd":["/sbin/init"],"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LC_ALL=C.UTF-8"]}' \
	"$out/servers.tar"
