#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# tier: full
# place: own
#
# What cannot work is refused by name before anything changes; what containerd took up and what then took
# a handler from others is taken back, and containerd is not restarted for it again; nor is it where it was restarted
# often, whatever for.  A reset begins anew.
. "$(dirname "$0")/../releases.sh"

release 1.0.1 "$dist/kata"
manifests 1.0.1 >"$work/all.yaml"

# Another tool's handler, which a restart will lose as long as ours are there.
other=$root/etc/containerd/conf.d/other.toml
mkdir -p "${other%/*}"
cat >"$other" <<-'END'
	version = 3
	[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.other]
	  runtime_type = 'io.containerd.runc.v2'
END
cat >"$root/etc/lossy" <<-'END'
	#!/bin/sh
	cd /etc/containerd || exit 1
	if [ -f conf.d/kata-deploy.toml ]; then
		[ ! -f conf.d/other.toml ] || mv conf.d/other.toml conf.d/other.aside
	else
		[ ! -f conf.d/other.aside ] || mv conf.d/other.aside conf.d/other.toml
	fi
	echo restarted >>/run/node/restarts
	exec /usr/local/bin/systemctl restart containerd
END
chmod 755 "$root/etc/lossy"
on_node /usr/local/bin/systemctl restart containerd

pid=$(containerd_pid)
configuration >"$work/configuration"
untouched() {
	expect "pid of containerd" "$pid" "$(containerd_pid)"
	expect "configuration of containerd" "$(cat "$work/configuration")" "$(configuration)"
	expect "versions" "" "$(ls "$root/opt/kata/versions" 2>/dev/null || true)"
	expect "label" "" "$(label)"
}

note "a right that lacks is found before anything changes"
awk '/^kind:/ { role = $2 == "ClusterRole" } role { sub("nodes/status", "nothing") } { print }' "$work/all.yaml" >"$work/less.yaml"
! cmp -s "$work/all.yaml" "$work/less.yaml" || fail "the role has no right to lose"
k apply -f "$work/less.yaml" >/dev/null
eventually 90 "the right that lacks to be told" has_event KataInstallFailed "right to set the node's condition"
untouched

note "a folder that the daemon does not read is named"
k apply -f "$work/all.yaml" >/dev/null
system set env daemonset/kata-deploy KATA_CONTAINERD_DIR=/etc/containerd/elsewhere >/dev/null
eventually 90 "the folder to be told" has_event KataInstallFailed "reads '/etc/containerd/config.toml', not '/etc/containerd/elsewhere"
untouched

note "what takes a handler from others is taken back, and tried once"
system set env daemonset/kata-deploy KATA_CONTAINERD_DIR- KATA_RESTART_COMMAND=/etc/lossy >/dev/null
eventually 240 "the loss to be told" has_event KataInstallFailed "has lost the handler 'other'"
eventually 120 "the next try to be refused" has_event KataInstallFailed 'has failed here before'
sleep 20 # two more tries
expect "restarts of containerd" 2 "$(on_node cat /run/node/restarts | wc -l)"
expect "configuration of containerd" "$(cat "$work/configuration")" "$(configuration)"
is_labelled true && fail "the label is true"
k wait --for=condition=Ready "node/$name" --timeout=60s >/dev/null || fail "the node is not Ready"

note "what was restarted often is left alone, though something changed, until somebody says so"
restarts=$root/opt/kata/.restarts
expect "restarts that are noted" 2 "$(wc -l <"$restarts")"
rm -f "$other" "${other%.toml}.aside"
for _ in 1 2 3 4 5 6 7; do
	date -u +%Y-%m-%dT%H:%M:%SZ
done >"$restarts"
system delete pod "$(pod_of)" >/dev/null
eventually 90 "the number of restarts to be told" has_event KataInstallFailed 'restarted 7 times within an hour'
expect "restarts of containerd" 2 "$(on_node cat /run/node/restarts | wc -l)"
system exec "$(pod_of)" -- kata-deploy reset >"$work/reset" 2>&1 || fail "the reset: $(cat "$work/reset")"
expect "restarts of containerd after a reset" 3 "$(on_node cat /run/node/restarts | wc -l)"
eventually 240 "the label" is_labelled true
expect "restarts of containerd in all" 4 "$(on_node cat /run/node/restarts | wc -l)"
[ ! -e "$restarts" ] || fail "the number of restarts has stayed: $(cat "$restarts")"

note "done"
