#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
# tier: full
#
# What users of Docker do with containers ends in a VM as it does with runc: each case runs with both, and output and
# exit status are the same.  CASES may name some ("case_exec case_kill").
. "$(dirname "$0")/docker.sh"

begin_machine
inside bash -c 'mkdir -p /etc/docker && cat >/etc/docker/daemon.json' <<-END
	{"runtimes": {"kata": {"runtimeType": "/opt/kata/bin/containerd-shim-kata-v2",
		"options": {"TypeUrl": "runtimeoptions.v1.Options", "ConfigPath": "/opt/kata/c.toml"}}}}
END
start_containerd
start_docker
load_image
image=kata.test/busybox:1
inside bash -c 'mkdir -p /opt/data/volume && echo there >/opt/data/volume/file && truncate -s 16M /opt/data/disk'

# run FLAG... -- COMMAND... - of the runtime whose turn it is; by a name that `docker` can be asked for.
run() {
	local flags=()
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	docker run --runtime "$turn" --name "$turn" "${flags[@]}" $image "$@"
}

once() { run --rm --network none "$@"; }
case_exit() { once -- sh -c 'exit 42'; }
case_stdin() { echo through | once -i -- cat; }
case_environment() { once -e A=b -w /tmp -u 12:34 -h box -- sh -c 'echo $A; pwd; id -u; id -g; hostname'; }
case_groups() { once --group-add 77 --ulimit nofile=123:456 -- sh -c 'id -G; ulimit -n; ulimit -Hn'; }
case_sysctl() { once --sysctl net.ipv4.ip_default_ttl=33 -- cat /proc/sys/net/ipv4/ip_default_ttl; }
case_init() { once --init -- sh -c 'cat /proc/1/comm'; }
case_capabilities() { once --cap-drop ALL --cap-add CHOWN -- grep Cap /proc/self/status; }
case_no_new_privileges() { once --security-opt no-new-privileges -- grep NoNewPrivs /proc/self/status; }
case_seccomp() { once -- sh -c 'grep Seccomp: /proc/self/status; unshare -m true 2>&1 | wc -l'; }
case_unconfined() { once --security-opt seccomp=unconfined -- grep Seccomp: /proc/self/status; }
case_hosts() { once --add-host other:10.9.8.7 --dns 10.9.9.9 -- sh -c 'grep other /etc/hosts; cat /etc/resolv.conf | grep nameserver'; }
case_missing() { once -- nosuch 2>/dev/null; }
case_not_executable() { once -- /etc/passwd 2>/dev/null; }
case_volume() { once -v /opt/data/volume:/v -- sh -c 'cat /v/file; echo new >/v/new; ls /v' && inside cat /opt/data/volume/new && inside rm /opt/data/volume/new; }
case_read_only_volume() { once -v /opt/data/volume:/v:ro -- sh -c 'echo x >/v/x' 2>&1; }
case_file() { once -v /opt/data/volume/file:/f -- cat /f; }
case_named_volume() { once -v named:/v -- sh -c 'echo $((1 + 1)) >/v/x; cat /v/x' && docker volume rm named; }
case_tmpfs() { once --tmpfs /t:size=1m -- sh -c 'dd if=/dev/zero of=/t/x bs=1M count=2 2>/dev/null; wc -c </t/x'; }
case_read_only() { once --read-only -- sh -c 'echo x >/x' 2>&1; }
case_shm() { once --shm-size 3m -- sh -c 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2'; }
case_null_device() { once --device /dev/null:/dev/nothing -- sh -c 'echo x >/dev/nothing; wc -c </dev/nothing'; }
case_disk() { once --device "$disk:/dev/disk" -- sh -c 'dd if=/dev/zero of=/dev/disk bs=4k count=1 conv=fsync 2>/dev/null; dd if=/dev/disk bs=1M 2>/dev/null | wc -c'; }
case_bridge() { run --rm -- sh -c 'ip -o -4 addr show dev eth0 | wc -l; ip route | grep -c default; ping -c 1 -W 5 172.17.0.1 >/dev/null; echo $?'; }
case_two_networks() {
	run -d --network second -- sh -c 'sleep 1000' >/dev/null
	docker exec "$turn" sh -c 'ip -o -4 addr show dev eth0 | wc -l; ping -c 1 -W 5 172.18.0.1 >/dev/null; echo $?'
}
case_exec() {
	run -d -- sh -c 'sleep 1000' >/dev/null
	docker exec -e A=b -u 5:6 -w /tmp "$turn" sh -c 'echo $A; id -u; pwd; exit 7'
	echo "status $?"
	echo in | docker exec -i "$turn" cat
	docker exec -d "$turn" sh -c 'echo detached >/tmp/detached'
	eventually 10 "what was started detached" docker exec "$turn" test -s /tmp/detached
	docker pause "$turn" >/dev/null && docker inspect -f '{{.State.Status}}' "$turn" && docker unpause "$turn" >/dev/null
	docker update -m 64m --memory-swap 64m "$turn" >/dev/null && docker inspect -f '{{.HostConfig.Memory}}' "$turn"
}
case_logs() {
	run --network none -- sh -c 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done' >/dev/null
	docker logs "$turn" | sha256sum
}
case_stop_with_a_trap() {
	run -d -- sh -c 'trap "echo bye; exit 9" TERM; while :; do sleep 0.1; done' >/dev/null
	sleep_a_little
	docker stop -t 20 "$turn" >/dev/null
	docker logs "$turn"
	docker inspect -f '{{.State.ExitCode}}' "$turn"
	docker start "$turn" >/dev/null && docker inspect -f '{{.State.Status}}' "$turn"
}
case_memory() { run -m 64m --network none -- sh -c 'tail /dev/zero' 2>/dev/null; echo "status $?"; docker inspect -f '{{.State.OOMKilled}}' "$turn"; }
case_kill() {
	run -d -- sleep 1000 >/dev/null
	docker kill "$turn" >/dev/null
	docker wait "$turn"
	docker rename "$turn" renamed && docker rm renamed
}
case_diff() {
	run --network none -- sh -c 'echo x >/tmp/made; rm /etc/passwd' >/dev/null
	docker diff "$turn" | sort
}
# A trap is set when the shell has begun: it says nothing, so its process is asked.
sleep_a_little() { eventually 10 "the trap" docker exec "$turn" sh -c 'grep -q "^SigCgt:.*[4567cdef]...$" /proc/1/status'; }

disk=$(losetup -f --show "$work/data/disk" 2>/dev/null) || disk=
[ -z "$disk" ] || cleanup losetup -d "$disk"
docker network create second >/dev/null
differ=0
for name in ${CASES:-$(compgen -A function case_)}; do
	[ "$name" != case_disk ] || [ -n "$disk" ] || continue
	for turn in runc kata; do
		status=0
		("$name") >"$work/$turn.out" 2>&1 || status=$?
		echo "exit status $status" >>"$work/$turn.out"
		docker rm -f "$turn" >/dev/null 2>&1 || true
	done
	if diff -u "$work/runc.out" "$work/kata.out" >"$work/diff"; then
		note "${name#case_}"
	else
		note "${name#case_} DIFFERS"
		cat "$work/diff"
		differ=$((differ + 1))
	fi
done
expect "cases that differ" 0 "$differ"
ending=well
