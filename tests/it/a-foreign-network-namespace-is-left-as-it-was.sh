#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A network namespace that the engine made is used and then left as it was: same devices, addresses,
# routes, no filters.  One without interfaces costs no wait.
. "$(dirname "$0")/testing.sh"
require ip tc

inside ip netns add full
inside ip -n full link set lo up
inside ip -n full link add eth0 type veth peer name peer0
inside ip -n full addr add 10.77.0.2/24 dev eth0
inside ip -n full link set eth0 up mtu 1400
inside ip -n full link set peer0 up
inside ip -n full route add default via 10.77.0.1
inside ip netns add empty

state() {
	inside ip -n full -o link | sed 's/ state [A-Z]*//; s/qdisc [a-z]* //'
	inside ip -n full -o addr | sed 's/ valid_lft.*//'
	inside ip -n full route
	inside tc -n full qdisc | grep -v noqueue || true
	inside tc -n full filter show dev eth0 ingress 2>/dev/null || true
}
# A link that comes up gets an address, and that takes a second to be found free.
settled() { [[ $(inside ip -n full -o link) != *NO-CARRIER* && $(inside ip -n full -o addr) != *tentative* ]]; }
eventually 10 "the namespace's links and addresses to be settled" settled
state >"$work/before"
full=full$$ empty=empty$$
ctr run -d --runtime "$runtime" --with-ns network:/run/netns/full "$image" $full sleep 1000
expect_match "address inside" '10\.77\.0\.2/24' "$(ctr tasks exec --exec-id address $full ip addr show eth0)"
expect "MTU inside" 1400 "$(ctr tasks exec --exec-id mtu $full cat /sys/class/net/eth0/mtu)"
expect_match "route inside" 'default via 10\.77\.0\.1' "$(ctr tasks exec --exec-id route $full ip route)"
ctr tasks delete --force $full || true
ctr containers delete $full
eventually 20 "everything to go" nothing_left $full
state >"$work/after"
diff "$work/before" "$work/after" || fail "the namespace is not as it was"

ctr run --rm --runtime "$runtime" --with-ns network:/run/netns/empty "$image" $empty true
if [ "$runtime" = io.containerd.kata.v2 ]; then
	spent=$(sed -nE "s/.*network took ([0-9]+) ms container=$empty.*/\\1/p" "$work/containerd.log")
	note "network of a run without interfaces, ms: ${spent//$'\n'/ }"
	[ "$(wc -w <<<"$spent")" = 2 ] || fail "the log does not say what the network took"
	[ $((${spent//$'\n'/+})) -lt 500 ] || fail "a namespace without interfaces costs a wait"
fi
inside ip netns del empty || fail "the empty namespace is still in use"
inside ip netns del full || fail "the namespace is still in use"
passed
