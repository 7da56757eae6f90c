#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# variants.full: DOCKER=28
#
# A container of Docker's in a VM has the network that Docker's hook makes (address, MAC, published port, gateway), and
# what comes, or is connected, while it runs; `top`, `stats`, `cp`, limits and exit statuses are as Docker's users know
# them; the machine's own network and files stay what they are.  What a VM cannot share is refused with the reason.
. "$(dirname "$0")/docker.sh"

begin_machine
note "$(inside dockerd --version)"
inside bash -c 'mkdir -p /etc/docker && cat >/etc/docker/daemon.json' <<-END
	{"runtimes": {"kata": {"runtimeType": "/opt/kata/bin/containerd-shim-kata-v2",
		"options": {"TypeUrl": "runtimeoptions.v1.Options", "ConfigPath": "/opt/kata/c.toml"}}}}
END
start_containerd
start_docker
load_image
image=kata.test/busybox:1
flags=(--runtime "${DOCKER_RUNTIME:-kata}")
docker network create second >/dev/null
# What Docker itself changes for a container is a veth pair without an address.
picture() { inside ip -o -4 addr && inside ip route | sed "s/ linkdown//" && inside ls /tmp; }
picture >"$work/before"

note "its network"
docker run -d --name web "${flags[@]}" -p 8080:8000 --mac-address 02:42:ac:11:00:99 --pids-limit 77 $image \
	sh -c 'mkdir /www && echo served >/www/index.html && exec httpd -f -p 8000 -h /www' >/dev/null
address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' web)
gateway=$(docker inspect -f '{{.NetworkSettings.Gateway}}' web)
expect_match "its interface" "$address/16" "$(docker exec web ip -o -4 addr show dev eth0)"
expect_match "its MAC" '02:42:ac:11:00:99' "$(docker exec web ip link show dev eth0)"
expect_match "its default route" "default via $gateway dev eth0" "$(docker exec web ip route)"
docker exec web ping -c 1 -W 5 "$gateway" >/dev/null
get() { inside bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' - "$@"; }
is_served() { [ "$(get "$@" 2>/dev/null)" = served ]; }
eventually 10 "an answer at its address" is_served "$address" 8000
eventually 10 "an answer at its published port" is_served 127.0.0.1 8080
in_its_network() { inside nsenter -t "$(docker inspect -f '{{.State.Pid}}' web)" -n "$@"; }
in_its_network ip addr add 10.77.0.2/24 dev eth0
in_its_network ip route add 10.78.0.0/16 via 10.77.0.1
has_more() { [[ $(docker exec web ip -o -4 addr show dev eth0) == *' 10.77.0.2/24 '* && $(docker exec web ip route) == *'10.78.0.0/16 via 10.77.0.1 dev eth0'* ]]; }
eventually 20 "an address and a route that come later" has_more
docker network connect second web
is_connected() { [[ $(docker exec web ip -o -4 addr show dev eth1 2>/dev/null) == *"$(docker inspect -f '{{.NetworkSettings.Networks.second.IPAddress}}' web)/"* ]]; }
eventually 20 "the second network" is_connected
reaches_second() { docker exec web ping -c 1 -W 5 -I eth1 "$(docker inspect -f '{{.NetworkSettings.Networks.second.Gateway}}' web)" >/dev/null; }
reaches_second || fail "its gateway does not answer"
second=$(in_its_network ip -o -4 addr show dev eth1 | awk '{ print $4 }')
in_its_network ip addr flush dev eth1
has_lost_second() { [[ $(docker exec web ip -o -4 addr show dev eth1 2>/dev/null) != *inet* ]]; }
eventually 20 "an address that is taken away to go" has_lost_second
in_its_network ip addr add "$second" broadcast + dev eth1
eventually 20 "the address to be back" is_connected
reaches_second || fail "its gateway does not answer once the address is back"
docker network disconnect second web

note "what its users ask"
# Docker runs `ps`, which this machine has not, and keeps the lines of the processes that it knows.
inside bash -c 'cat >/usr/local/bin/ps && chmod 755 /usr/local/bin/ps' <<-"END"
	#!/bin/bash
	echo "UID PID CMD"
	for process in /proc/[0-9]*; do echo "0 ${process#/proc/} $(tr '\0' ' ' 2>/dev/null <$process/cmdline)"; done
END
expect_match "top" 'httpd -f -p 8000' "$(docker top web)"
expect_match "stats" '^[0-9.]+[kM]?B / [0-9.]+[kM]?B [0-9.]+[kM]?B / [0-9.]+[kM]?B [1-9]' \
	"$(docker stats --no-stream --format '{{.NetIO}} {{.BlockIO}} {{.PIDs}}' web)"
[ "${DOCKER_RUNTIME:-kata}" = runc ] || expect "the limit of processes" 77 "$(docker exec web cat /sys/fs/cgroup/pids.max)"
echo copied >"$work/data/copy"
docker cp /opt/data/copy web:/tmp/kata-copy 2>/dev/null
expect "what was copied in" copied "$(docker exec web cat /tmp/kata-copy)"
docker exec web sh -c 'echo out >/tmp/out'
docker cp web:/tmp/out /opt/data/out 2>/dev/null
expect "what was copied out" out "$(cat "$work/data/out")"
status=0 said=$(docker exec web nosuch 2>&1) || status=$?
expect "what is not there ($said)" "$([ "${DOCKER:-26}" = 26 ] && echo 126 || echo 127)" "$status"
expect_match "what is not there" 'executable file not found in .PATH' "$said"
status=0 said=$(docker exec web sh -c 'exit 9') || status=$?
expect "an exit status" 9 "$status"

note "the machine"
pid=$(docker inspect -f '{{.State.Pid}}' web)
if [ "${DOCKER_RUNTIME:-kata}" != runc ]; then
	expect "what its process has of it" "" "$(inside ls -A "/proc/$pid/root/" "/proc/$pid/cwd/" | grep -v ':$' | tr -d '\n')"
	[ "$(inside readlink "/proc/$pid/ns/net")" != "$(inside readlink /proc/1/ns/net)" ] || fail "its process is in the machine's network"
fi
picture >"$work/after"
diff -u "$work/before" "$work/after" || fail "the machine's network or files are not what they were"

if [ "${DOCKER_RUNTIME:-kata}" != runc ]; then
	note "what is not shared"
	refused() { # REASON FLAG...
		local reason=$1 status=0 said
		shift
		said=$(docker run --rm "${flags[@]}" "$@" $image true 2>&1) || status=$?
		((status >= 125)) || fail "$* ended with $status"
		expect_match "$*" "$reason" "$said"
	}
	refused 'the network of the host' --network host
	refused 'the network of another container' --network container:web
	refused 'the processes of the host' --pid host
	refused 'the processes of another container' --pid container:web
	refused 'the IPC of the host' --ipc host
	refused 'the name of the host' --uts host
fi

note "the end"
docker rm -f web >/dev/null
inside test -e "/proc/$pid" && fail "its process is still there"
status=0 said=$(docker run --rm "${flags[@]}" --network none $image sh -c 'ls /sys/class/net; exit 3') || status=$?
expect "status of one without network" 3 "$status"
expect_match "its interfaces" '(^|[[:space:]])lo$' "$said"
[[ $said != *eth* ]] || fail "an interface from nowhere: $said"
docker network rm second >/dev/null
ends() { # STATUS WORDS COMMAND
	local status=0 said
	said=$(docker run --rm "${flags[@]}" --network none $image "$3" 2>&1) || status=$?
	expect "status of $3 ($said)" "$1" "$status"
	expect_match "$3" "$2" "$said"
}
ends 126 'permission denied' /etc/passwd
no_sandbox() { [ -z "$(inside ls /run/vc/sbs /run/vc/vm 2>/dev/null | grep -v ':$' | tr -d '\n')" ]; }
eventually 10 "nothing to be left" no_sandbox
ending=well
