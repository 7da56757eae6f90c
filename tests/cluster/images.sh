#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# images.sh NAME OUTDIR - recipe: the two container images the tests need, made without an engine.
#
#   pause.tar     kata.test/pause:1     the sandbox container's one program
#   busybox.tar   kata.test/busybox:1   Debian's busybox-static with a link for every applet
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

pack() { # NAME CONFIG
	"$KATA_TOP/packaging/image/oci.sh" "kata.test/$1:1" "$1" "$2" "$out/$1.tar"
}
path='"Env":["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]'
pack pause '{"Entrypoint":["/pause"]}'
pack busybox "{\"Cmd\":[\"sh\"],$path}"
