#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# On a machine with a real CRI-O, kata-manager brings it our handler by a drop-in and a restart, `test` has it run a
# sandbox of it, as nothing else can be run there, and a removal takes the drop-in away, with nothing else changed.  A
# handler of our name that is somebody else's is refused, by its file.
# timeout: 600
. "$(dirname "$0")/crio.sh"

require jq
dist=${KATA_DIST_DIR:-$top/build/dist}
manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager
[ -x "$manager" ] || skip "no release build; './dev package' makes one"
archive=$(echo "$dist"/kata-static-*.tar.zst)
[ -e "$archive" ] || skip "no packed release; './dev package' makes one"

# What restarts a service here: whoever kills CRI-O gets another one.
export KATA_SERVICE_COMMAND=$work/service
cat >"$KATA_SERVICE_COMMAND" <<-END
	#!/bin/bash
	# SERVICE JOB
	[ "\$*" = "crio restart" ] || exit 9
	pid=\$(cat /run/crio.pid)
	kill "\$pid"
	while [ "\$(cat /run/crio.pid)" = "\$pid" ]; do sleep 0.1; done
END
chmod 755 "$KATA_SERVICE_COMMAND"
km() { inside "$manager" "$@"; }
# CRI-O makes some folders when it starts.
tree() {
	inside find /opt /usr/local/bin /etc/kata-containers /etc/crio /etc/containerd -printf '%p %y %m %U:%G %l %s\n' \
		-type f -exec sha256sum {} \; | grep -v '^/etc/crio/\(auth\|policies\) ' | sort
}
install=(install --from "$dist" --insecure-unsigned --engines cri-o)

cp "$images/pause.tar" "$work/image/"
start_crio
for folder in /opt /usr/local/bin /etc/kata-containers /etc/containerd; do
	inside mkdir -p $folder
	inside mount -t tmpfs -o mode=755 tmpfs $folder
done
inside mkdir -p /etc/crio
inside mount --bind "$etc" /etc/crio
before=$(tree)
km config set hypervisor.qemu.allow_emulation true
km config set hypervisor.qemu.default_memory 256

note "somebody else's handler"
printf '[crio.runtime.runtimes.kata]\nruntime_path = "/opt/theirs/shim"\nruntime_type = "vm"\n' >"$etc/crio.conf.d/10-theirs.conf"
expect_status 4 km "${install[@]}"
expect_match "whose it is" "'/etc/crio/crio.conf.d/10-theirs.conf' has a handler 'kata' .*'/opt/theirs/shim'" "$(km "${install[@]}" 2>&1 || true)"
rm "$etc/crio.conf.d/10-theirs.conf"

note "install"
pid=$(crio_pid)
km "${install[@]}" -o json >"$work/result"
expect "restarts" 1 "$(jq .restarts "$work/result")"
[ "$(crio_pid)" != "$pid" ] || fail "CRI-O was not restarted"
km status
expect "CRI-O" "true true" "$(km status -o json | jq -r '.engines[] | select(.name == "cri-o") | "\(.running) \(.configured)"')"
expect "again: nothing" "0 0" "$(km "${install[@]}" -o json | jq -r '"\(.steps) \(.writes)"')"

note "a sandbox"
km test
expect "what test tried" "cri-o its CRI service true" "$(km test -o json | jq -r '.containers[] | "\(.engine) \(.by) \(.proven)"')"

note "remove"
km remove --yes
expect "the tree" "$before" "$(tree)"
ending=well
