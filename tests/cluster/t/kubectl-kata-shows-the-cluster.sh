#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubectl-kata, as a plugin of kubectl and by its own name, says what is installed where, which pods run in sandboxes
# and what an installation would change, and changes nothing by that; it logs in by certificates, a token and a program.
# timeout: 300
. "$(dirname "$0")/../testing.sh"

# shellcheck source-path=SCRIPTDIR/.. source=kubectl.sh
. "$top/tests/cluster/kubectl.sh"
version=$(cat "$top/VERSION")

note "as a plugin"
mkdir "$work/bin"
ln -s "$program" "$work/bin/kubectl-kata"
PATH=$work/bin:$PATH KUBECONFIG=$admin in_cluster "$state/kubernetes/kubectl" kata status -o json >"$work/status"
expect "the installations" default "$(jq -r '.items[].installation' "$work/status")"
expect_match "what is current" "^$version-[0-9a-f]{12}$" "$(jq -r '.items[0].current' "$work/status")"
expect "what is desired" "$(jq -r '.items[0].current' "$work/status")" "$(jq -r '.items[0].desired' "$work/status")"
expect "the roll-out" complete "$(jq -r '.items[0].rollout' "$work/status")"
expect_match "the table" '^INSTALLATION +CURRENT +DESIRED +NODES +READY +UPDATED +STALE +ROLL-OUT$' "$(kata status | head -n 1)"

note "nodes, versions, checks"
expect "the node" "$node ready" "$(kata nodes "$node" --no-headers | awk '{print $1, $3}')"
expect "its name" "node/$node" "$(kata nodes "$node" -o name)"
expect_status 2 kata nodes nowhere
expect_match "version" "kubectl-kata +$version" "$(kata version)"
kata check >"$work/check" || {
	cat "$work/check"
	fail "something is wrong"
}

note "sandboxes"
sleeper one
expect "the pod" "$namespace one $node kata Running" \
	"$(kata sandboxes -n "$namespace" --no-headers | awk '{print $1, $2, $3, $4, $5}')"
expect "what it runs" "$(jq -r '.items[0].current' "$work/status")" \
	"$(kata sandboxes -n "$namespace" -o json | jq -r '.items[0].runs')"
kata stale -n "$namespace" --no-headers >"$work/stale"
expect "nothing of it is stale" "" "$(cat "$work/stale")"

note "a plan changes nothing, not even a time"
tree() { on_node find /opt/kata /etc/containerd /etc/kata-containers -printf '%p %T@ %C@ %s\n' | sort; }
marks() { k get node "$node" -o json | jq -S '[.metadata.labels, .metadata.annotations]'; }
tree >"$work/before" && marks >>"$work/before"
kata plan "$node" >"$work/plan" || fail "something would change: $(cat "$work/plan")"
expect "the plan" "nothing to do" "$(head -n 1 "$work/plan")"
expect_match "the restart" '^restart: no: ' "$(tail -n 1 "$work/plan")"
expect "for programs" "false false" "$(kata plan "$node" -o json | jq -r '"\(.changes) \(.restart.needed)"')"
expect_status 2 kata plan nowhere
{ tree && marks; } | diff "$work/before" - || fail "the plan has changed something"
none_left() { [ -z "$("$cluster" kubectl -n kata-system get pods -l app.kubernetes.io/managed-by=kubectl-kata -o name)" ]; }
eventually 60 "the pods of the plans to go" none_left

note "logging in"
server=$(sed -n 's/^ *server: *//p' "$admin")
ca=$(sed -n 's/^ *certificate-authority\(-data\)\?: */\0/p' "$admin" | tr -d ' ')
k create serviceaccount looker >/dev/null
"$cluster" kubectl create clusterrolebinding "$namespace" --clusterrole=view --serviceaccount="$namespace:looker" >/dev/null
cleanup "$cluster" kubectl delete clusterrolebinding "$namespace"
token=$(k create token looker)
trust=${ca/:/: }
login() { # USER-YAML
	cat >"$work/config" <<-END
		current-context: c
		contexts: [{name: c, context: {cluster: k, user: u}}]
		clusters: [{name: k, cluster: {server: "$server", $trust}}]
		users: [{name: u, user: {$1}}]
	END
	in_cluster "$program" --kubeconfig "$work/config" version -o json 2>&1
}
cat >"$work/log-in" <<END
#!/bin/sh
echo x >>"$work/logins"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"$token"}}'
END
chmod 0755 "$work/log-in"
exec="exec: {apiVersion: client.authentication.k8s.io/v1, command: ./log-in, interactiveMode: Never}"
expect_match "by a program" "Kubernetes" "$(login "$exec")"
expect "it ran once" 1 "$(wc -l <"$work/logins")"
expect_match "by a token" "Kubernetes" "$(login "token: $token")"
mine=$trust
trust="$mine, tls-server-name: kubernetes.default.svc"
expect_match "to a server of another name" "Kubernetes" "$(login "token: $token")"
trust="$mine, tls-server-name: elsewhere.example"
expect_match "to a server of a wrong name" "the cluster does not say" "$(login "token: $token" || true)"
trust="insecure-skip-tls-verify: true"
expect_match "to whatever server" "Kubernetes" "$(login "token: $token")"
trust=$mine
expect_match "by a wrong token" "401" "$(login "token: wrong" || true)"
expect_match "acting as nobody" "403.*nobody" "$(kata stale --as nobody 2>&1 || true)"
passed
