#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# images.sh NAME OUTDIR - recipe: the container images that most tests need, made without an engine.
#
#   pause.tar     kata.test/pause:1     the sandbox container's one program
#   busybox.tar   kata.test/busybox:1   Debian's busybox-static with a link for every applet
#   links.tar     kata.test/links:1     the same in Fedora's layout, where the ways to programs, to the service
#                                       account's token and to /etc/os-release go through links, some of which walk up
set -euo pipefail

out=$2

mkdir -p pause busybox/{bin,etc,tmp,root,proc,sys,dev,var,usr/bin}
gcc -Os -Wall -Wextra -Werror -static -s -o pause/pause "$KATA_TOP/tests/cluster/pause.c"

cp /bin/busybox busybox/bin/busybox
for applet in $(/bin/busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "busybox/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >busybox/etc/passwd
echo 'root:x:0:' >busybox/etc/group
chmod 1777 busybox/tmp

mkdir -p links/{etc,tmp,root,proc,sys,dev,run,var,usr/bin,usr/lib,usr/lib64}
cp -a busybox/bin/. links/usr/bin/
cp -a busybox/etc/. links/etc/
chmod 1777 links/tmp
for link in bin=usr/bin sbin=usr/bin lib=usr/lib lib64=usr/lib64 usr/sbin=bin var/run=../run \
	var/lock=../run/lock etc/os-release=../usr/lib/os-release; do
	ln -s "${link#*=}" "links/${link%%=*}"
done
echo 'ID=links' >links/usr/lib/os-release

pack() { # NAME CONFIG
	"$KATA_TOP/packaging/image/oci.sh" "kata.test/$1:1" "$1" "$2" "$out/$1.tar"
}
path='"Env":["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]'
pack pause '{"Entrypoint":["/pause"]}'
pack busybox "{\"Cmd\":[\"sh\"],$path}"
pack links "{\"Cmd\":[\"sh\"],$path}"
