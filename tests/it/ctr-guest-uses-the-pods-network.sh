#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: CONTAINERD=2
# variants.full: CONTAINERD=1
#
# A network namespace with a veth pair, as a plugin makes it: the guest has its name, addresses, MAC,
# MTU, routes and neighbour, talks both ways, and the namespace is afterwards as it was.  One without
# interfaces costs no wait and works too.
. "$(dirname "$0")/testing.sh"
require ip tc busybox

pod=pod$$ peer=peer$$ far=far$$
inside ip netns add $pod
inside ip netns add $far
inside ip -n $pod link add eth0 mtu 1400 address 02:00:00:00:00:0a type veth peer name $peer netns $far
inside ip -n $pod addr add 10.88.7.2/24 dev eth0
inside ip -n $pod addr add fd00:88:7::2/64 dev eth0 nodad
inside ip -n $pod link set lo up
inside ip -n $pod link set eth0 up
inside ip -n $far addr add 10.88.7.1/24 dev $peer
inside ip -n $far addr add fd00:88:7::1/64 dev $peer nodad
inside ip -n $far addr add 192.0.2.9/32 dev lo
inside ip -n $far link set lo up
inside ip -n $far link set $peer up
inside ip -n $pod route add default via 10.88.7.1
inside ip -n $pod route add 198.51.100.0/24 via 10.88.7.1 mtu 1300
inside ip -n $pod neigh add 10.88.7.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent

# What must not change; link-local addresses and learnt neighbours come and go by themselves.
picture() {
	inside ip -n $pod -o link show
	inside ip -n $pod -o addr show scope global
	inside ip -n $pod route show
	inside ip -n $pod neigh show nud permanent
	inside tc -n $pod qdisc show dev eth0
}
picture >"$work/before"

box=net$$
ctr run -d --runtime "$runtime" --with-ns "network:/run/netns/$pod" "$image" $box sleep 1000
guest() { ctr tasks exec --exec-id "e$RANDOM$RANDOM" $box "$@"; }
link=$(guest ip -o addr show dev eth0)
note "guest: $link"
expect_match "address" '10\.88\.7\.2/24' "$link"
expect_match "address of version 6" 'fd00:88:7::2/64' "$link"
expect_match "MAC and MTU" 'mtu 1400.*02:00:00:00:00:0a' "$(guest ip link show dev eth0 | tr '\n' ' ')"
routes=$(guest ip route)
expect_match "default route" 'default via 10\.88\.7\.1 dev eth0' "$routes"
expect_match "route" '198\.51\.100\.0/24 via 10\.88\.7\.1' "$routes"
guest ping -c 1 -W 5 10.88.7.1 >/dev/null
guest ping -c 1 -W 5 192.0.2.9 >/dev/null
inside ip netns exec $far busybox ping -c 1 -W 5 10.88.7.2 >/dev/null
guest ping -c 1 -W 5 fd00:88:7::1 >/dev/null
mkdir "$work/www"
head -c 3000000 /dev/zero >"$work/www/file"
{ inside ip netns exec $far busybox httpd -f -p 10.88.7.1:80 -h "$work/www" || true; } &
eventually 5 "a web server" inside ip netns exec $far sh -c 'busybox netstat -ltn | grep -q 10.88.7.1:80'
expect "bytes received" 3000000 "$(guest sh -c 'wget -q -O - http://10.88.7.1/file | wc -c' | tr -d ' ')"
ctr tasks kill --signal KILL $box
eventually 20 "the task to stop" sh -c "$(declare -f ctr inside); init=$init containerd_bin=$containerd_bin; ctr tasks ls | grep -q '$box.*STOPPED'"
ctr tasks delete $box >/dev/null 2>&1 || true
ctr containers delete $box
eventually 10 "everything to go" nothing_left $box
picture >"$work/after"
diff -u "$work/before" "$work/after" || fail "the namespace is not as it was"

inside ip netns add void$$
begin=$SECONDS
names=$(ctr run --rm --runtime "$runtime" --with-ns "network:/run/netns/void$$" "$image" bare$$ ls /sys/class/net)
expect_match "without interfaces" 'lo' "$names"
[[ $names != *eth* ]] || fail "an interface from nowhere: $names"
note "a namespace without interfaces took $((SECONDS - begin)) s"
eventually 10 "everything to go" nothing_left bare$$
passed
