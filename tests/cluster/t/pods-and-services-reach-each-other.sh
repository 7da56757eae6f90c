#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A kata pod and a runc pod, on one node and on two, reach each other by pod address and through a
# Service, both ways, with more data than one packet; the kata pod sees its own address and MTU.
. "$(dirname "$0")/../testing.sh"

server() { # NAME RUNTIME-CLASS
	pod "$1" "$2" <<-END
		containers:
		- {name: c, image: "$image", command: [sh, -c, "mkdir /w; echo I am $1 > /w/index.html; head -c 3000000 /dev/zero > /w/big; httpd -p 8080 -h /w; sleep 100000"]}
	END
	k expose pod "$1" --port=80 --target-port=8080 >/dev/null
}
server inner "$runtime_class"
server outer runc
other=n2
[ "$node" != n2 ] || other=n1
node=$other server far runc
for name in inner outer far; do
	ready "$name"
done
address() { field "$1" .status.podIP; }
service() { k get service "$1" -o jsonpath='{.spec.clusterIP}'; }
get() { in_pod "$1" timeout 10 wget -qO- "http://$2"; }
for pair in "inner outer" "outer inner" "inner far" "far inner"; do
	read -r from to <<<"$pair"
	by_address() { [ "$(get "$from" "$(address "$to"):8080/")" = "I am $to" ]; }
	eventually 20 "$from to reach $to by address" by_address
	expect "3 MB from $to to $from" 3000000 "$(get "$from" "$(address "$to"):8080/big" | wc -c)"
	through_service() { [ "$(get "$from" "$(service "$to")/")" = "I am $to" ]; }
	eventually 20 "$from to reach $to through its Service" through_service
done
expect_match "own address" "$(address inner)" "$(in_pod inner ip addr show eth0)"
expect "MTU" "$(in_pod outer cat /sys/class/net/eth0/mtu)" "$(in_pod inner cat /sys/class/net/eth0/mtu)"
expect "resolver" "$(in_pod outer cat /etc/resolv.conf)" "$(in_pod inner cat /etc/resolv.conf)"
in_pod inner ping -c 1 -W 5 "$(address outer)" >/dev/null || fail "no ping"
passed
