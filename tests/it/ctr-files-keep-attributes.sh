#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# Capabilities of an image's file and user attributes are honoured and can be set on a root file
# system, on an emptyDir and on a folder of the host; an overlay has its upper folder there.  What
# the host's kernel or its security modules act on is not the guest's to name.
. "$(dirname "$0")/testing.sh"
require gcc

gcc -static -O2 -o "$work/attributes" "$top/tests/it/attributes.c"
empty_dir=$work/pods/one/volumes/kubernetes.io~empty-dir/cache
root=$work/root-of-image
mkdir -p "$empty_dir" "$work/volume" "$root"/{bin,proc,dev,sys,tmp,empty,volume}
for folder in "$root/empty" "$empty_dir" "$work/volume"; do
	mkdir -p "$folder"
	chmod 0755 "$folder"
done
cp /bin/busybox "$root/bin/"
cp "$work/attributes" "$root/bin/"
cp "$root/bin/busybox" "$root/bin/busybox-able"
"$work/attributes" capability "$root/bin/busybox-able"
for tool in sh cat grep mkdir mount umount ls cp rm mv chmod touch; do
	ln -s busybox "$root/bin/$tool"
done

cat >"$root/inside" <<'END'
cd "$1" || exit
echo "attribute: $(attributes set f user.a one)$(attributes get f user.a) $(attributes list f | grep -x user.a)"
attributes remove f user.a
echo "removed: $(attributes get f user.a)"
cp /bin/busybox busybox-able && chmod 0755 busybox-able
echo "before: $(attributes as 1000 ./busybox-able grep CapEff /proc/self/status)"
attributes capability busybox-able && echo set
echo "after: $(attributes as 1000 ./busybox-able grep CapEff /proc/self/status)"
echo . >>busybox-able
echo "written: $(attributes get busybox-able security.capability)"
echo secret >g && chmod 0600 g
echo "without: $(attributes as 1000 /bin/cat "$PWD/g" 2>&1 | grep -c denied)"
echo "acl: $(attributes acl g 1000)$(attributes as 1000 /bin/cat "$PWD/g" 2>&1)"
mkdir d && attributes default-acl d 1000 && echo inherited >d/h
echo "default: $(attributes as 1000 /bin/cat "$PWD/d/h" 2>&1)"
mkdir lower upper work merged lower/d && echo a >lower/a && echo b >lower/b && echo c >lower/d/c
if mount -t overlay -o "lowerdir=$PWD/lower,upperdir=$PWD/upper,workdir=$PWD/work" overlay merged; then
	rm merged/a && echo more >>merged/b && mv merged/d merged/e && mkdir merged/d
	echo "overlay: $(cd merged && echo * && cat b e/c && ls d)"
	umount merged
fi
END
cat >"$work/right" <<-'END'
	attribute: one user.a
	removed: ENODATA
	before: CapEff:	0000000000000000
	set
	after: CapEff:	0000000000002000
	written: ENODATA
	without: 1
	acl: secret
	default: inherited
	overlay: b d e
	b
	more
	c
END
cat >"$root/all" <<'END'
export PATH=/bin
echo "image: $(attributes as 1000 /bin/busybox-able grep CapEff /proc/self/status)"
for place in /tmp /empty /volume; do
	echo "$place"
	sh /inside "$place"
done
echo names
for name in user.virtiofs.trusted.a security.selinux security.apparmor; do
	attributes set /volume/f "$name" x
done
attributes get /volume/f trusted.host
attributes set /volume/f trusted.guest x
attributes get /volume/f trusted.guest
attributes list /volume/f
END
for place in "$root/tmp" "$empty_dir" "$work/volume"; do
	touch "$place/f"
done
"$work/attributes" set "$work/volume/f" trusted.host 1
ctr run --rm --privileged --allow-new-privs --runtime "$runtime" --rootfs \
	--mount "type=bind,src=$empty_dir,dst=/empty,options=rbind:rw" \
	--mount "type=bind,src=$work/volume,dst=/volume,options=rbind:rw" \
	"$root" files$$ /bin/sh /all >"$work/out"
expect "a file of the image" "image: CapEff:	0000000000002000" "$(head -n 1 "$work/out")"
for place in /tmp /empty /volume; do
	awk -v place="$place" '/^(\/|names)/ { here = $0 == place; next } here' "$work/out" >"$work/out.place"
	diff "$work/right" "$work/out.place" || fail "files in $place"
done
if [ "$runtime" = io.containerd.runc.v2 ]; then
	passed
	exit
fi

expect "what a guest may not name" "EPERM EOPNOTSUPP EOPNOTSUPP ENODATA x trusted.guest" "$(sed "1,/^names/d" "$work/out" | tr "\n" " " | sed "s/ $//")"
expect "a trusted attribute on the host" ENODATA "$("$work/attributes" get "$work/volume/f" trusted.guest || true)"
expect "its name on the host" x "$("$work/attributes" get "$work/volume/f" user.virtiofs.trusted.guest)"
passed
