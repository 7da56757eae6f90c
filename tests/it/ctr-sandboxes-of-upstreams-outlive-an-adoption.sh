#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1 CONTAINERD=2.0 UPSTREAM=real
#
# Sandboxes of upstream's shims, Go's and Rust's, run while their installation is moved aside and ours takes its place, through
# a restart of containerd, and while it is handed back: they answer, are killed and deleted as ever, and where their
# shim has died it is the shim that made them, under its new path, that cleans up.  A new container has our shim.
. "$(dirname "$0")/../upstream.sh"
. "$(dirname "$0")/testing.sh"

runtime=/opt/kata/bin/containerd-shim-kata-v2
tool=$KATA_BUILD_DIR/bin/adopt-tree
[ -x "$tool" ] || skip "no $tool; build it first"
tree=$work/upstream
put_upstream "$tree" "$kata"
picture "$tree" >"$work/before"
inside mount -t tmpfs tmpfs /opt
inside mkdir /opt/kata
inside mount --bind "$tree" /opt/kata
at_end() {
	[ "${ending:-}" = well ] || inside sh -c 'tail -n 20 /run/upstream.log; find /run/kata /run/vc /run/kata-containers' || true
}
cleanup at_end

begin() { # NAME SHIM
	local program config
	read -r program config <<<"$(upstream_handler "$2")"
	ctr run -d --runtime "/opt/kata/$program" --runtime-config-path "/opt/kata/$config" "$image" "$1" sleep 1000
}
begin_new() { ctr run -d --runtime "$runtime" "$image" "$1" sleep 1000; }
answers() { # NAME...
	local name
	for name; do
		expect "what $name answers" "is $name" "$(ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" echo "is $name")"
	done
}
has() { inside test -e "$1" || fail "there is no $1"; }
shim_of() { inside pgrep -f "[s]him.* -id[= ]$1( |\$)"; }
known() { ctr tasks ls | grep -q "^$1 "; }
end() { # NAME
	ctr tasks kill --signal KILL "$1"
	eventually 20 "$1 to end" has_ended "$1"
	ctr tasks delete "$1" >/dev/null 2>&1 || ! known "$1" || fail "$1 cannot be deleted"
	ctr containers delete "$1" >/dev/null
	eventually 20 "the traces of $1 to go" nothing_left "$1"
	inside test ! -e "/run/kata/$1" || fail "the record of $1 is left"
}
# lose NAME KIND - its shim dies; containerd cleans up by the path that it noted.
lose() {
	kill_shim "$1"
	eventually 30 "containerd to notice" has_ended "$1"
	ctr tasks delete --force "$1" >/dev/null 2>&1 || true
	ctr containers delete "$1" >/dev/null
	eventually 30 "the traces of $1 to go" nothing_left "$1"
	asked_to_clean "$2" "$1" inside cat /run/upstream.log || fail "the shim that made '$1' was not asked to clean up"
}
kill_shim() { inside kill -KILL "$(shim_of "$1")"; }
restart_containerd() {
	inside sh -c 'kill -TERM $(cat /run/containerd.pid)'
	eventually 20 "containerd to end" sh -c "! nsenter -t $init -m -p kill -0 $(inside cat /run/containerd.pid) 2>/dev/null"
	inside sh -c "PATH=$containerd_bin:\$PATH containerd --config $work/containerd.toml >>$work/containerd.log 2>&1 & echo \$! >/run/containerd.pid"
	eventually 30 "containerd to answer ($work/containerd.log)" ctr version
}

begin go-1 qemu
begin go-2 qemu
begin rust-1 qemu-runtime-rs
answers go-1 go-2 rust-1
has /run/vc/sbs/go-1/persist.json
has /run/kata/rust-1/state.json

note "moved aside"
inside mkdir -p /opt/kata/versions
inside cp -a "$kata" /opt/kata/versions/1-aaa
inside "$tool" /opt/kata take 1-aaa
expect "what the path leads to" /opt/kata/versions/1-aaa/bin/containerd-shim-kata-v2 "$(inside readlink -f "$runtime")"
answers go-1 rust-1
begin_new new
has /run/vc/sbs/new/state.json
restart_containerd
answers go-1 rust-1 new
lose go-2 go
lose rust-1 rust
end new

note "handed back"
inside rm -rf /opt/kata/versions/1-aaa
inside "$tool" /opt/kata return
picture "$tree" | diff "$work/before" - || fail "the tree is not what it was"
answers go-1
restart_containerd
answers go-1
end go-1
passed
