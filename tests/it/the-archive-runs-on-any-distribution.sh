#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# variants: ROOT=debian ROOT=busybox
#
# The archive of a release runs where nothing of ours is: on the next Debian, with another C library, and on a root that has
# no library at all, only busybox.  Its kata-manager installs it, a sandbox having answered, each program says what it
# is, a container is a VM, and the removal leaves the machine as it was.
. "$(dirname "$0")/machine.sh"

archive=$(echo "$dist"/kata-static-"$(cat "$top/VERSION")"-*.tar.zst)
[ -f "$archive" ] || skip "no packed release; './dev package' makes one"

make_busybox() {
	local program
	mkdir -p "$work/busybox"/{bin,sbin,usr/bin,usr/sbin,etc,root,opt}
	cp "$(command -v busybox)" "$work/busybox/bin/busybox"
	for program in $(busybox --list-full); do
		[ "$program" = bin/busybox ] || ln -s /bin/busybox "$work/busybox/$program"
	done
	echo root:x:0:0:root:/root:/bin/sh >"$work/busybox/etc/passwd"
}

case ${ROOT:-busybox} in
debian) root=$("$top/packaging/artefact" test-docker)/root ;;
busybox) make_busybox && root=$work/busybox ;;
esac
begin_machine "$root"
[ "${ROOT:-busybox}" = debian ] || expect "libraries there" "" "$(inside find / -xdev -name '*.so*' '!' -path '/opt/test/*' '!' -path '/opt/data/*')"
before=$(picture /)
start_containerd
cp "$archive" "$work/data/"
zstd -dcq "$archive" | tar -xO opt/kata/bin/kata-manager >"$work/programs/kata-manager"
chmod 755 "$work/programs/kata-manager"
manager() { inside /opt/test/kata-manager "$@"; }

note "installed"
manager config set hypervisor.qemu.allow_emulation true
manager config set hypervisor.qemu.default_memory 256
manager install --engines none --from "/opt/data/$(basename "$archive")" --insecure-unsigned
manager verify
inside /opt/kata/bin/kata-runtime check || fail "kata-runtime check"
expect_match "version of its QEMU" "QEMU emulator version" "$(inside /opt/kata/bin/qemu-system-x86_64 --version)"
expect_match "version of its virtiofsd" "virtiofsd" "$(inside /opt/kata/libexec/virtiofsd --version)"
expect_match "version of its vhost-device-vsock" "vhost-device-vsock" "$(inside /opt/kata/libexec/vhost-device-vsock --version)"
for program in "kata-manager --version" "kata-collect-data --version" "kata-runtime --version" "containerd-shim-kata-v2 -v"; do
	# shellcheck disable=SC2086 # words
	expect_match "$program" "$(cat "$top/VERSION")" "$(inside /opt/kata/bin/$program)"
done
expect_match "help of kubectl-kata" "usage:" "$(inside /opt/kata/bin/kubectl-kata help)"

note "a container is a VM"
kernel=$(run_kata one uname -r)
[ "$kernel" != "$(uname -r)" ] || fail "the container has this machine's kernel"

note "removed"
manager remove --yes
stop_containerd
diff <(echo "$before") <(picture /) || fail "the machine is not what it was"
passed
