#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# An engine that restarts a container gives it its id again, while the shim of before still ends and a `delete` of it is
# still under way, which containerd runs of every shim that has gone.  Neither takes the next shim, its socket or its record.
. "$(dirname "$0")/testing.sh"
[ "$runtime" != io.containerd.runc.v2 ] || skip "about our shim"

id=again$$
folder=/run/vc/sbs/$id
# As containerd does: in the bundle, which it has made.  The log is nobody's.
shim() { # BUNDLE ACTION
	inside sh -c 'cd "$1" && exec "$2" -namespace "$3" -address /run/containerd/containerd.sock -publish-binary "$4" -id "$5" "$6"' \
		sh "$1" "$version_dir/bin/containerd-shim-kata-v2" "$CONTAINERD_NAMESPACE" "$containerd_bin/containerd" "$id" "$2"
}
bundle() { # NAME
	inside mkdir -p "$work/$1/rootfs"
	inside sh -c 'cat >"$1/config.json"' sh "$work/$1" <<-END
		{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}}, "linux": {}}
	END
	echo "$work/$1"
}
pid_of() { inside cat "$work/$1/shim.pid"; }
lives() { inside kill -0 "$(pid_of "$1")" 2>/dev/null; }
has_ended() { ! lives "$1"; }
is_whole() { # NAME
	lives "$1" || fail "the shim of '$1' has ended"
	inside test -S $folder/shim.sock || fail "its socket has gone"
	expect "whose record it is" "$(pid_of "$1")" "$(inside cat $folder/state.json | jq .processes.shim.pid)"
}
is_recorded() { inside test -e $folder/state.json; }

note "the shim of before ends"
shim "$(bundle first)" start >/dev/null
eventually 10 "its record" is_recorded
# What a pod does when its last container is deleted; its shim ends when nobody wants it any more.
inside rm -r $folder
shim "$(bundle next)" start >/dev/null
eventually 10 "the next record" is_recorded
lives first || fail "the shim of before has ended too soon to show anything"
before=$(pid_of first)
inside rm -r "$work/first"
is_gone() { ! inside kill -0 "$before" 2>/dev/null; }
eventually 60 "the shim of before to end" is_gone
is_whole next

note "a delete that began before it"
inside kill -KILL "$(pid_of next)"
eventually 10 "it to end" has_ended next
inside mkfifo "$work/gate"
# The process that waits becomes the program, and so is as old as the wait.
inside sh -c 'cd "$1" && read -r go <"$2" && exec "$3" -namespace "$4" -address /run/containerd/containerd.sock -id "$5" delete' \
	sh "$work/next" "$work/gate" "$version_dir/bin/containerd-shim-kata-v2" "$CONTAINERD_NAMESPACE" "$id" >"$work/deleted" 2>&1 &
old=$!
shim "$(bundle next)" start >/dev/null
is_of_next() { [ "$(inside cat $folder/state.json 2>/dev/null | jq .processes.shim.pid)" = "$(pid_of next)" ]; }
eventually 10 "its record" is_of_next
inside sh -c 'echo go >"$1"' sh "$work/gate"
wait $old || fail "the delete failed: $(cat "$work/deleted")"
is_whole next

note "a delete of its own"
shim "$work/next" delete >/dev/null 2>&1
eventually 10 "it to end" has_ended next
eventually 10 "everything to go" nothing_left "$id"
passed
