#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# kata-manager on a machine with containerd and no Kubernetes: a value is set before anything is installed, a release
# installed from its file, a container run with `ctr run --runtime io.containerd.kata.v2`, another release installed
# while it runs (it goes on and is told as stale), gone back from, and all removed: the machine is as it was, byte for
# byte.  containerd's CRI service gets the handler by a restart, which the container outlives; `test` runs a container by
# ctr and a sandbox by that service; a containerd that was stopped gives the handler back all the same.
# A release that does not boot, is damaged, or is not signed by the key that is trusted changes nothing; nothing
# that a container uses is removed.
# In between each fault that `audit` knows is planted, named, mended and not named, and a report of `diagnose` has what
# runs.
#
# The machine's folders are this test's own: it works in the mount namespace of its containerd.
RUNTIME=io.containerd.runc.v2 # testing.sh shall install nothing
containerd_disabled=          # its CRI service is to be configured
containerd_plugins='[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "kata.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"'
. "$(dirname "$0")/testing.sh"

require jq
. "$(dirname "$0")/releases.sh"
runtime=io.containerd.kata.v2
dist=${KATA_DIST_DIR:-$top/build/dist}
manager=${KATA_RELEASE_DIR:-$top/build/release}/bin/kata-manager
[ -x "$manager" ] || skip "no release build; './dev package' makes one"
archive=$(echo "$dist"/kata-static-*.tar.zst)
[ -e "$archive" ] || skip "no packed release; './dev package' makes one"

tree() {
	inside find /opt /usr/local/bin /etc/kata-containers /etc/containerd -printf '%p %y %m %U:%G %l %s\n' -type f -exec sha256sum {} \; 2>/dev/null | sort
}
km() { inside "$manager" "$@"; }
current() { km status -o json | jq -r .current; }

# Cgroups of the CRI service's containers have no name of this test.
no_cri_cgroups() { rmdir /sys/fs/cgroup{,/*}/k8s.io 2>/dev/null || true; }
cleanup no_cri_cgroups

# What restarts a service here; containerd then reads the file that every machine has.
put_service() {
	export KATA_SERVICE_COMMAND=$work/service
	cat >"$KATA_SERVICE_COMMAND" <<-END
		#!/bin/bash
		# SERVICE JOB
		[ "\$1" = containerd ] || exit 9
		pid=\$(cat /run/containerd.pid)
		kill \$pid
		while kill -0 \$pid 2>/dev/null; do sleep 0.1; done
		[ "\$2" = restart ] || exit 0
		PATH=/usr/local/bin:$containerd_bin:/usr/sbin:/usr/bin:/sbin:/bin nohup containerd >>$work/containerd.log 2>&1 </dev/null &
		echo \$! >/run/containerd.pid
	END
	chmod 755 "$KATA_SERVICE_COMMAND"
}
service() { inside "$KATA_SERVICE_COMMAND" containerd "$1"; }
engine() { km status -o json | jq -r --arg name "$1" '.engines[] | select(.name == $name) | "\(.running) \(.configured)"'; }

note "folders of its own, two keys and four releases"
for folder in /opt /usr/local/bin /etc/kata-containers /etc/containerd; do
	inside mkdir -p $folder
	inside mount -t tmpfs -o mode=755 tmpfs $folder
done
for program in containerd ctr; do
	[ "$containerd_bin" = /usr/bin ] || inside mount --bind "$containerd_bin/$program" /usr/bin/$program
done
inside cp "$work/containerd.toml" /etc/containerd/config.toml
put_service
service restart
eventually 30 "containerd to answer" ctr version >/dev/null
ctr -n k8s.io images import "$("$top/packaging/artefact" test-images)/pause.tar" >/dev/null
inside sh -c 'echo theirs >/usr/local/bin/theirs; mkdir /opt/theirs; echo a >/opt/theirs/file'
keys ours theirs
release 9.0.0 ours 'echo more >>share/kata-containers/LICENSE'
release 9.0.1 ours 'echo no kernel >share/kata-containers/vmlinux.container'
release 9.0.2 theirs true
head -c 3000000 "$archive" >"$work/half"
before=$(tree)

note "what is wrong is said before anything changes"
expect_status 2 km inztall
expect_match "the nearest word" "did you mean 'install'" "$(km inztall 2>&1 || true)"
expect_status 2 km install
expect_status 4 km install --from "$work/half" --insecure-unsigned
expect_status 4 km install --from "$work/9.0.0"
expect_match "what would help" "--insecure-unsigned" "$(km install --from "$work/9.0.0" 2>&1 || true)"
expect_status 4 km install --from "$work/9.0.0" --key "$work/theirs.pub"
expect_status 4 km install --from "$dist" --key "$work/ours.pub"
expect "not a byte of them" "$before" "$(tree)"
expect_status 2 km remove </dev/null
km config set hypervisor.qemu.allow_emulation true
km config set hypervisor.qemu.default_memory 256
expect_status 2 km config set hypervisor.qemu.default_memory lots
expect "status" null "$(current)"
expect_status 6 km plan --from "$dist" --insecure-unsigned -o json >"$work/plan"
jq -e . "$work/plan" >/dev/null
# What a folder is called is no pattern.
mkdir "$work/of [last] year*"
ln "$archive" "$work/of [last] year*/" 2>/dev/null || cp "$archive" "$work/of [last] year*/"
expect_status 6 km plan --from "$work/of [last] year*" --insecure-unsigned -o json >"$work/same"
expect "the plan from another folder" "$(jq -c .steps "$work/plan")" "$(jq -c .steps "$work/same")"

note "install"
km install --from "$dist" --insecure-unsigned -o json >"$work/result"
first=$(current)
expect "version in the result" "$first" "$(jq -r .version "$work/result")"
expect_match "kernel of the canary" '^[0-9]+\.' "$(jq -r .guestKernel "$work/result")"
expect "restarts of containerd" 1 "$(jq .restarts "$work/result")"
expect "the engines" "true true, true true" "$(engine nerdctl), $(engine containerd)"
expect "again: nothing" "0 0" "$(km install --from "$dist" --insecure-unsigned -o json | jq -r '"\(.steps) \(.writes)"')"
expect_status 0 km verify
kernel=$(run_kata one$$ uname -r)
km test -o json >"$work/test"
expect "the kernel of a test" "$kernel" "$(jq -r .guestKernel "$work/test")"
expect "a container by ctr, and a sandbox by the CRI service" "ctr $kernel true, its CRI service null true" \
	"$(jq -r '[.containers[] | "\(.by) \(.guestKernel) \(.proven)"] | join(", ")' "$work/test")"
expect "images of the test that stayed" "" "$(inside ctr -n kata-manager images ls -q)"
expect "findings" "settings trust" "$({ km audit -o json || true; } | jq -r '[.items[].kind] | unique | join(" ")')"
[ "$kernel" != "$(uname -r)" ] || fail "the container runs on the host's kernel"
expect "origin of a value" /etc/kata-containers/config.d/50-kata-manager.toml \
	"$(km config show -o json | jq -r '.items[] | select(.key == "hypervisor.qemu.default_memory").from')"

note "upgrade, with a container that runs"
ctr run -d --runtime "$runtime" "$image" stays$$ sleep 1000 >/dev/null
expect "stale before" 0 "$(km status -o json | jq '[.sandboxes[] | select(.causes)] | length')"
km upgrade --from "$work/9.0.0" --key "$work/ours.pub"
second=$(current)
expect_match "the version" '^9\.0\.0-' "$second"
km status
expect "the container's version" "$first" "$(km status -o json | jq -r '.sandboxes[0].version')"
expect "why it is stale" version "$(km status -o json | jq -r '.sandboxes[0].causes[0].cause')"
ctr task ls | grep -q "stays$$ .*RUNNING" || fail "the container does not run any more"
expect "a new container" "$kernel" "$(run_kata two$$ uname -r)"

note "audit: each fault is named when it is there, and not when it is mended"
findings() { { km audit "$@" -o json || true; } | jq -r '.items[] | "\(.kind) \(.where) \(.detail)"'; }
finds() { # KIND WORDS [OPTION]...
	local kind=$1 words=$2
	shift 2
	findings "$@" | grep "^$kind " | grep -qF -- "$words"
}
fault() { # KIND WORDS PLANT MEND
	! finds "$1" "$2" || fail "$1: '$2' is found before it is there"
	inside sh -c "$3"
	finds "$1" "$2" || fail "$1: '$2' is not found: $(findings)"
	inside sh -c "$4"
	! finds "$1" "$2" || fail "$1: '$2' is found where it is mended"
}
configured() { # KIND WORDS TEXT - while a drop-in has TEXT
	fault "$1" "$2" "printf '$3' >$drop_in" "rm $drop_in"
}
drop_in=/etc/kata-containers/config.d/70-theirs.toml
sandbox=/run/vc/sbs/stays$$
expect "findings without any" settings "$(findings | cut -d' ' -f1 | sort -u)"
configured annotations enable_annotations '[hypervisor.qemu]\nenable_annotations = [".*"]\n'
configured annotations kernel_params '[hypervisor.qemu]\nenable_annotations = ["kernel_params"]\n'
configured annotations entropy_source '[hypervisor.qemu]\nenable_annotations = ["entropy_source"]\nvalid_entropy_sources = ["*"]\n'
configured settings debug_console '[agent.kata]\ndebug_console_enabled = true\n'
fault files $drop_in "echo >$drop_in; chmod 666 $drop_in" "rm $drop_in"
fault files "$drop_in' belongs to user" "echo >$drop_in; chown 1234 $drop_in" "rm $drop_in"
for path in /etc/kata-containers /etc/kata-containers/config.d /opt/kata/trusted-keys \
	/opt/kata/current/share/kata-containers/vmlinux.container; do
	fault files "$(inside readlink -f $path)' can be written" "chmod o+w $path" "chmod o-w $path"
done
fault sockets /run/containerd/containerd.sock "chmod o+w /run/containerd/containerd.sock" "chmod o-w /run/containerd/containerd.sock"
fault sockets "$sandbox/shim-monitor.sock" "chmod o+x $sandbox; chmod o+w $sandbox/shim-monitor.sock" \
	"chmod o-x $sandbox; chmod o-w $sandbox/shim-monitor.sock"
KATA_WITHDRAWN="${first%-*}=it-leaks" finds versions "$first it-leaks" || fail "a withdrawn version is not found"
mkdir "$work/mirror"
printf 'kata-index 1\nserial 1\nadvisory %s guests may leave\n' "$first" >"$work/mirror/kata-index"
echo "digest $(sha256sum <"$work/mirror/kata-index" | cut -d' ' -f1)" >>"$work/mirror/kata-index"
expect_status 1 km audit --mirror "$work/mirror"
minisign -S -s "$work/ours.key" -m "$work/mirror/kata-index" >/dev/null
finds versions "$first guests may leave" --mirror "$work/mirror" || fail "an advisory is not found"

note "a report"
km diagnose -o json >"$work/report"
expect "the sandbox" "alive $first" "$(jq -r --arg id stays$$ '.sandboxes[] | select(.id == $id) | "\(.state) \(.version)"' "$work/report")"
expect "the kernel" "$(inside sha256sum /opt/kata/current/share/kata-containers/vmlinux.container | cut -d' ' -f1)" \
	"$(jq -r '.assets[] | select(.asset == "kernel").sha256' "$work/report")"
expect "the value" /etc/kata-containers/config.d/50-kata-manager.toml \
	"$(jq -r '.configuration.items[] | select(.key == "hypervisor.qemu.default_memory").from' "$work/report")"
expect_match "the shim" "$(cat "$top/VERSION")" "$(jq -r .shimVersion.output "$work/report")"

note "a version that does not boot"
expect_status 1 km upgrade --from "$work/9.0.1"
expect "the version" "$second" "$(current)"
expect "the key" "$(tail -n 1 "$work/ours.pub")" "$(inside cat /opt/kata/trusted-keys)"
[ -z "$(inside find /etc/kata-containers -name '*candidate*')" ] || fail "the canary's configuration was left"

note "a version of somebody else's, and one that is withdrawn"
expect_status 4 km upgrade --from "$work/9.0.2"
expect_status 4 km upgrade --from "$work/9.0.2" --key "$work/theirs.pub"
expect_status 4 km upgrade --from "$dist"
expect_match "who signed" ": release 9.0.0$" "$(km verify "$second" -o json | jq -r '.items[0].signed')"
expect_status 6 km verify "$first"
KATA_WITHDRAWN=${first%-*} expect_status 4 km rollback
expect "the version" "$second" "$(current)"

note "go back, and remove"
km rollback
expect "the version" "$first" "$(current)"
expect "nothing is stale any more" 0 "$(km status -o json | jq '[.sandboxes[] | select(.causes)] | length')"
expect_status 4 km remove --yes
ctr task kill -s KILL stays$$
eventually 30 "the container to end" ctr task delete stays$$ >/dev/null
ctr container delete stays$$
eventually 30 "its sandbox to go" nothing_left stays$$
inside sh -c 'echo x >>/opt/kata/current/share/kata-containers/LICENSE'
expect_status 6 km verify
service stop
expect "the engines" "false true, false true" "$(engine nerdctl), $(engine containerd)"
km remove --yes
expect "the tree" "$before" "$(tree)"
passed
