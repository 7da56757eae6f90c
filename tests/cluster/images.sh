#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# images.sh NAME OUTDIR - recipe: the two container images the tests need, made without an engine.
#
#   pause.tar     kata.test/pause:1     the sandbox container's one program
#   busybox.tar   kata.test/busybox:1   Debian's busybox-static with a link for every applet
set -euo pipefail

out=$2
here=$KATA_TOP/tests/cluster

mkdir -p pause busybox/{bin,etc,tmp,root,proc,sys,dev,var,usr/bin}
gcc -Os -Wall -Wextra -Werror -static -s -o pause/pause "$here/pause.c"

cp /bin/busybox busybox/bin/busybox
for applet in $(/bin/busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "busybox/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >busybox/etc/passwd
echo 'root:x:0:' >busybox/etc/group
chmod 1777 busybox/tmp

"$here/oci-image.sh" kata.test/pause:1 pause "$out/pause.tar" '["/pause"]'
"$here/oci-image.sh" kata.test/busybox:1 busybox "$out/busybox.tar" '["/bin/sh"]'
