#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# twin: runc
#
# `kubectl port-forward` reaches what listens in a pod: on all addresses, on 127.0.0.1 only, on ::1
# only; six at once, with 3 MB each; a connection to a port that nobody listens on ends at once.
. "$(dirname "$0")/../testing.sh"
require curl

# Without us containerd finds ::1 only where the node's /etc/hosts calls it localhost, which ours do not.
servers=3
[ "${RUNTIME_CLASS:-kata}" != runc ] || servers=2

pod p <<-END
	containers:
	- name: c
	  image: "$image"
	  command: [sh, -c, "mkdir /w; echo here I am > /w/index.html; head -c 3000000 /dev/urandom > /w/big; httpd -p 8080 -h /w; httpd -p 127.0.0.1:8081 -h /w; httpd -p '[::1]:8082' -h /w; sleep 100000"]
END
ready p
# kubectl ends with the first connection that fails.
for url in 127.0.0.1:8080 127.0.0.1:8081 "[::1]:8082"; do
	eventually 30 "$url to be served inside" in_pod p wget -qO- "http://$url/"
done
at_home() { ip netns exec "kata-$KATA_CLUSTER" "$@"; }
port=$((20000 + $$ % 20000))
"$cluster" kubectl -n "$namespace" port-forward pod/p "$port:8080" "$((port + 1)):8081" "$((port + 2)):8082" "$((port + 3)):9" >"$work/forward" 2>&1 &
forwarder=$!
end_forwarder() { kill "$forwarder" 2>/dev/null || true; }
cleanup end_forwarder
get() { at_home curl -fsS --max-time 60 "http://127.0.0.1:$1/$2"; }
for ((server = 0; server < servers; server++)); do
	answers() { [ "$(get $((port + server)) '')" = "here I am" ]; }
	eventually 30 "the server at port 808$server to answer" answers
done

sum=$(in_pod p sha256sum /w/big | cut -d' ' -f1)
fetch() { # NUMBER
	get $((port + $1 % servers)) big | sha256sum | cut -d' ' -f1 >"$work/sum$1"
}
for round in 1 2; do
	fetchers=()
	for i in 1 2 3 4 5 6; do
		fetch "$i" &
		fetchers+=($!)
	done
	wait "${fetchers[@]}" || fail "a transfer failed: $(cat "$work/forward")"
	for i in 1 2 3 4 5 6; do
		expect "what came at once as number $i of round $round" "$sum" "$(cat "$work/sum$i")"
	done
done

begin=$SECONDS
! at_home curl -sS --max-time 60 "http://127.0.0.1:$((port + 3))/" || fail "somebody listens on port 9"
[ $((SECONDS - begin)) -lt 30 ] || fail "a connection to nobody took $((SECONDS - begin)) s to end"
passed
