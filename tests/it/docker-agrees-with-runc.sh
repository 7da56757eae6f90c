#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 2400
# tier: full
# variants: DOCKER=26 DOCKER=28 CLIENT=nerdctl
#
# What users of Docker do with containers ends in a VM as it does with runc: each case runs with both at once, and output
# and exit status are the same; what a virtual machine cannot have is refused with the reason.  CASES may name some
# ("exec kill", or a topic: "files life").  `docker network`, what a namespace is shared with, published ports, `top` and
# `stats` with their figures are in docker-gives-a-container-its-network.sh, which runs every day.
# Docker 28 and nerdctl run what they do in a way of their own: 28 fills the network itself between Create and Start,
# nerdctl has other hooks, a logger that the shim runs, and reaches files by the process.
. "$(dirname "$0")/docker.sh"

image=kata.test/busybox:1
lanes=${LANES:-2}

# ---- cases that are one container: topic | name | arguments of `docker run` | what its shell does ----
# Without a network where none is named: most say nothing about it, and it takes time.
containers=(
	'run   | uname              |                                    | uname -sm'
	'run   | exit               |                                    | exit 42'
	'run   | environment        | -e A=b -w /tmp -u 12:34 -h box     | echo $A; pwd; id -u; id -g; hostname'
	'run   | groups             | --group-add 77 --ulimit nofile=123:456 | id -G; ulimit -n; ulimit -Hn'
	'run   | sysctl             | --sysctl net.ipv4.ip_default_ttl=33 | cat /proc/sys/net/ipv4/ip_default_ttl'
	'run   | init               | --init                             | cat /proc/1/comm'
	'run   | terminal           | -t                                 | tty; stty size; test -t 0 && test -t 2 && echo terminal'
	'run   | capabilities       | --cap-drop ALL --cap-add CHOWN     | grep Cap /proc/self/status'
	'run   | added_capability   | --cap-add SYS_ADMIN                | grep CapEff /proc/self/status; mount -t tmpfs none /mnt && grep -c " /mnt tmpfs " /proc/mounts'
	'run   | privileged         | --privileged                       | grep -E "NoNewPrivs|Seccomp:" /proc/self/status; mount -t tmpfs none /mnt && echo x >/mnt/x && cat /mnt/x'
	'run   | no_new_privileges  | --security-opt no-new-privileges   | grep NoNewPrivs /proc/self/status'
	'run   | seccomp            |                                    | grep Seccomp: /proc/self/status; unshare -m true 2>&1 | wc -l'
	'run   | unconfined         | --security-opt seccomp=unconfined  | grep Seccomp: /proc/self/status'
	'run   | hosts              | --add-host other:10.9.8.7 --dns 10.9.9.9 --dns-search a.test --dns-option ndots:3 -h box | grep other /etc/hosts; grep -v "^#" /etc/resolv.conf; cat /etc/hostname'
	'run   | own_name           | --network bridge -h box            | grep -c "$(ip -o -4 addr show dev eth0 | sed -E "s/.* inet ([0-9.]+).*/\1/").*box" /etc/hosts; ping -c 1 -W 5 box >/dev/null; echo $?'
	'run   | domain             | --domainname a.test -h box         | hostname; cat /proc/sys/kernel/domainname'
	'run   | entrypoint         | --entrypoint /bin/echo             | printed, not run'
	'run   | oom_score          | --oom-score-adj 500                | cat /proc/self/oom_score_adj'
	'net   | no_network         |                                    | ls /sys/class/net | grep -c eth; ping -c 1 -W 5 127.0.0.1 >/dev/null; echo $?'
	'net   | bridge             | --network bridge                   | ip -o -4 addr show dev eth0 | wc -l; ip route | grep -c default; ping -c 1 -W 5 $(ip route | sed -n "s/^default via \([^ ]*\).*/\1/p") >/dev/null; echo $?'
	'net   | mtu_of_a_network   | --network narrow                   | cat /sys/class/net/eth0/mtu'
	'net   | fixed_address      | --network second --ip 172.18.0.TURN --mac-address 02:42:ac:12:00:TURN | ip -o addr show dev eth0 | grep -c 172.18.0.TURN/16; cat /sys/class/net/eth0/address | grep -c :TURN'
	'files | volume             | -v /opt/data/volume:/v             | cat /v/file; echo new >/v/new.TURN; ls /v | grep -c new.TURN; rm /v/new.TURN'
	'files | read_only_volume   | -v /opt/data/volume:/v:ro          | echo x >/v/x'
	'files | file               | -v /opt/data/volume/file:/f        | cat /f'
	'files | mount_of_a_file    | --mount type=bind,src=/opt/data/volume/file,dst=/f,readonly | cat /f; echo x >/f'
	'files | tmpfs              | --tmpfs /t:size=1m                 | dd if=/dev/zero of=/t/x bs=1M count=2 2>/dev/null; wc -c </t/x; grep -c "^tmpfs /t tmpfs rw,nosuid,nodev,noexec" /proc/mounts'
	'files | mount_of_tmpfs     | --mount type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=1770 | df -k /t | tail -n 1 | tr -s " " | cut -d" " -f2; stat -c %a /t'
	'files | read_only          | --read-only                        | echo x >/x'
	'files | shm                | --shm-size 3m                      | df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2'
	'files | no_shm             | --ipc none                         | ls -d /dev/shm; grep -c " /dev/shm " /proc/mounts'
	'dev   | fuse               | --device /dev/fuse                 | ls -l /dev/fuse | cut -c1; exec 3<>/dev/fuse && echo opened'
	'dev   | null_device        | --device /dev/null:/dev/nothing    | echo x >/dev/nothing; wc -c </dev/nothing'
	'dev   | read_only_device   | --device /dev/null:/dev/nothing:r  | cat /dev/nothing; echo x >/dev/nothing'
	'dev   | disk               | --device DISK:/dev/disk            | dd if=/dev/zero of=/dev/disk bs=4k count=1 conv=fsync 2>/dev/null; dd if=/dev/disk bs=1M 2>/dev/null | wc -c'
	'limit | memory_limit       | -m 96m                             | cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'
	'limit | cpus               | --cpus 0.5                         | cut -d" " -f1 /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us'
	'limit | one_processor      | --cpuset-cpus 0                    | nproc'
	'limit | processes          | --pids-limit 9                     | cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max; said=$( (for i in 1 2 3 4 5 6 7 8 9 10 11; do sleep 5 >/dev/null 2>&1 & done) 2>&1); echo "${said#*fork}"'
)

# ---- what a virtual machine cannot have: name | arguments | the reason ----
refusals=(
	'network of the host     | --network host       | the network of the host'
	'network of another      | --network container:web | the network of another container'
	'processes of the host   | --pid host           | the processes of the host'
	'processes of another    | --pid container:web  | the processes of another container'
	'IPC of the host         | --ipc host           | the IPC of the host'
	'IPC of another          | --ipc container:web  | the IPC of another container'
	'name of the host        | --uts host           | the name of the host'
)

# ---- cases that are more than one command: case_NAME ----
# What a VM lacks, without anybody being told (docs/limits.md): a case that agrees has to leave this list.
lacking=' '

declare -A parts=(
	[run]='stdin missing not_executable label'
	[net]='names names_later names_in_hosts connected published'
	[files]='named_volume volumes_from copy copy_when_stopped diff commit'
	[limit]='out_of_memory update'
	[life]='exec exec_privileged logs attach pause kill kill_by_signal stop_with_a_trap stop_without_a_trap stop_signal
		restart wait remove restart_policy health create_and_start top_and_stats'
)

# What nerdctl has, and where its way or Docker 28's is another.
of_nerdctl='uname exit environment groups sysctl capabilities added_capability privileged no_new_privileges seccomp unconfined
	hosts domain entrypoint no_network bridge mtu_of_a_network fixed_address volume read_only_volume file mount_of_a_file
	tmpfs read_only shm fuse null_device disk memory_limit cpus one_processor processes stdin missing not_executable label
	names_in_hosts published named_volume volumes_from copy_when_stopped commit out_of_memory update exec exec_privileged
	logs attach pause kill kill_by_signal stop_with_a_trap stop_without_a_trap stop_signal restart remove
	create_and_start top_and_stats refusals reach'
of_28='net hosts own_name sysctl volumes_from copy update exec_privileged logs out_of_memory top_and_stats restart refusals trouble'
case $client-${DOCKER:-26} in
	nerdctl-*) CASES=${CASES:-$of_nerdctl} ;;
	docker-28) CASES=${CASES:-$of_28} ;;
esac
CASES=${CASES:-} CASES=${CASES//[$'\n\t']/ }

# One that hangs is a case that differs.
docker() {
	if [ "$client" = nerdctl ]; then nerdctl "$@"; else inside timeout -k 5 "${DOCKER_SECONDS:-300}" docker "$@"; fi
}
# run FLAG... -- COMMAND... - by the runtime whose turn it is; `name` is what docker can be asked for.
run() {
	local flags=()
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	docker run --runtime "$runtime" --name "$name" "${flags[@]}" $image "$@"
}
# begin FLAG... -- COMMAND... - one that runs on, without a network
begin() { run -d --network none "$@" >/dev/null; }
once() { run --rm --network none "$@"; }
state() { docker inspect -f "{{.State.$1}}" "$name"; }
has() { [ "$(state "$1")" = "$2" ]; }
running() { has Running true; }
ended() { has Running false; }
# A trap is set when the shell has begun: it says nothing, so its process is asked.
trap_is_set() { eventually 60 "the trap" docker exec "$name" sh -c 'grep -q "^SigCgt:.*[2-9a-f]...$" /proc/1/status'; }
trapping() { begin "${@:2}" -- sh -c "trap '$1' TERM INT USR1; while :; do sleep 0.1; done" && trap_is_set; }

case_stdin() { echo through | once -i -- cat; }
case_missing() { once -- nosuch 2>/dev/null; }
case_not_executable() { once -- /etc/passwd 2>/dev/null; }
case_label() { begin --label a.b=c -- sleep 1000 && docker ps -q --filter label=a.b=c --filter name="$name" | wc -l; }
case_names() {
	run -d --network "names-$turn" --network-alias alias -- httpd -f -p 8000 >/dev/null
	docker run --rm --runtime "$runtime" --network "names-$turn" --dns 10.9.9.9 $image sh -c \
		"ping -c 1 -W 30 $name >/dev/null; echo \$?; ping -c 1 -W 30 alias >/dev/null; echo \$?; ping -c 1 -W 5 nosuch 2>&1 | tail -n 1"
}
case_names_later() {
	run -d -- sleep 1000 >/dev/null
	docker exec "$name" grep -c 127.0.0.11 /etc/resolv.conf
	docker network connect --alias later "names-$turn" "$name"
	docker exec "$name" grep -c 127.0.0.11 /etc/resolv.conf
	docker exec "$name" sh -c "i=0; until ping -c 1 -W 5 later >/dev/null 2>&1 || [ \$i = 60 ]; do sleep 0.5; i=\$((i + 1)); done; ping -c 1 -W 30 $name >/dev/null; echo \$?"
}
case_names_in_hosts() {
	run -d --network "names-$turn" -- httpd -f -p 8000 >/dev/null
	docker run --rm --runtime "$runtime" --network "names-$turn" $image sh -c "ping -c 1 -W 30 $name >/dev/null; echo \$?"
}
case_published() {
	local port
	port=80$(number_of_turn)
	run -d -p "$port:8000" -- sh -c 'mkdir /www && echo served >/www/index.html && exec httpd -f -p 8000 -h /www' >/dev/null
	# shellcheck disable=SC2317 # for eventually
	is_served() { [ "$(inside bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' - "$port")" = served ]; }
	eventually 60 "an answer at its published port" is_served
}
case_connected() {
	run -d -- sleep 1000 >/dev/null
	# shellcheck disable=SC2317 # for eventually
	has_interface() { docker exec "$name" test -e "/sys/class/net/$1"; }
	# shellcheck disable=SC2317 # for eventually
	has_no_interface() { ! has_interface "$1"; }
	docker network connect second "$name"
	eventually 60 "eth1" has_interface eth1
	docker network disconnect second "$name"
	eventually 60 "eth1 to go" has_no_interface eth1
	docker exec "$name" sh -c 'ls /sys/class/net | grep eth; ip -o -4 addr | grep -c eth; ping -c 1 -W 5 172.17.0.1 >/dev/null; echo $?'
	docker network connect second "$name"
	docker exec "$name" sh -c 'i=0; until ip -o -4 addr 2>/dev/null | grep -q eth1 || [ $i = 60 ]; do sleep 0.5; i=$((i + 1)); done; ls /sys/class/net | grep eth; ip -o -4 addr | grep -c eth'
}
case_named_volume() { once -v "named-$turn:/v" -- sh -c 'echo $((1 + 1)) >/v/x; cat /v/x' && docker volume rm "named-$turn" >/dev/null; }
case_volumes_from() {
	begin -v /anonymous -v /opt/data/volume:/v:ro -- sh -c 'echo kept >/anonymous/x; sleep 1000'
	docker run --rm --runtime "$runtime" --network none --volumes-from "$name" $image sh -c 'cat /anonymous/x /v/file; echo x 2>&1 >/v/x'
}
case_copy() {
	begin -- sleep 1000
	echo copied >"$work/data/$turn.in"
	docker cp "/opt/data/$turn.in" "$name:/tmp/in" 2>/dev/null && docker exec "$name" cat /tmp/in
	docker exec "$name" sh -c 'mkdir /tmp/d && echo out >/tmp/d/out && ln -s out /tmp/d/link'
	docker cp "$name:/tmp/d" "/opt/data/$turn.d" 2>/dev/null && (cd "$work/data/$turn.d" && find . -printf '%M %p\n' | sort && cat link)
	docker stop -t 0 "$name" >/dev/null && docker cp "$name:/tmp/in" - 2>/dev/null | tar -xO
}
case_copy_when_stopped() {
	begin -- sh -c 'echo out >/tmp/out; sleep 1000'
	eventually 30 "the file" docker exec "$name" test -s /tmp/out
	echo copied >"$work/data/$turn.in"
	docker stop -t 0 "$name" >/dev/null
	docker cp "$name:/tmp/out" "/opt/data/$turn.out" && cat "$work/data/$turn.out"
	docker cp "/opt/data/$turn.in" "$name:/tmp/in"
	docker start "$name" >/dev/null && docker exec "$name" cat /tmp/in
}
case_diff() { run --network none -- sh -c 'echo x >/tmp/made; rm /etc/passwd' && docker diff "$name" | sort; }
case_commit() {
	begin -- sh -c 'echo made >/made; sleep 1000'
	eventually 30 "the file" docker exec "$name" test -s /made
	docker commit -c 'CMD ["cat", "/made"]' "$name" "made-$turn" >/dev/null
	docker run --rm --runtime "$runtime" --network none "made-$turn"
	docker rmi "made-$turn" >/dev/null
}
case_out_of_memory() { run -m 64m --network none -- sh -c 'tail /dev/zero' 2>/dev/null; echo "status $?"; state OOMKilled; }
case_update() {
	begin -m 96m --cpus 1 -- sleep 1000
	docker update -m 64m --memory-swap 64m --cpus 0.25 --pids-limit 30 "$name" >/dev/null
	docker exec "$name" sh -c 'cd /sys/fs/cgroup; cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes; cut -d" " -f1 cpu.max 2>/dev/null || cat cpu/cpu.cfs_quota_us; cat pids.max 2>/dev/null || cat pids/pids.max'
	docker inspect -f '{{.HostConfig.Memory}}' "$name"
}
case_exec() {
	begin -- sleep 1000
	docker exec -e A=b -u 5:6 -w /tmp "$name" sh -c 'echo $A; id -u; id -g; pwd; exit 7'
	echo "status $?"
	echo in | docker exec -i "$name" cat
	docker exec -t "$name" tty
	docker exec -d "$name" sh -c 'echo detached >/tmp/detached'
	eventually 30 "what was started detached" docker exec "$name" test -s /tmp/detached
	docker exec "$name" nosuch >/dev/null 2>&1
	echo "status $?"
	docker exec "$name" /etc/passwd >/dev/null 2>&1
	echo "status $?"
	docker exec -w /nosuch "$name" true >/dev/null 2>&1
	echo "status $?"
}
case_exec_privileged() {
	begin -- sleep 1000
	docker exec "$name" grep -E 'Cap|Seccomp:' /proc/self/status
	docker exec --privileged "$name" sh -c 'grep CapEff /proc/self/status | tr f F | grep -c FFFF; grep Seccomp: /proc/self/status'
}
case_logs() {
	# nerdctl's logger loses the end of many lines, with runc as well.
	local last=100000
	[ "$client" = docker ] || last=1000
	run --network none -- sh -c "echo to stderr >&2; seq $last" >/dev/null 2>&1
	# shellcheck disable=SC2317 # for eventually
	is_whole() { [ "$(docker logs --tail 1 "$name" 2>/dev/null)" = "$last" ]; }
	eventually 60 "the last line" is_whole
	docker logs "$name" 2>"$work/$name.stderr" | sha256sum
	cat "$work/$name.stderr"
	docker logs --tail 2 "$name" 2>/dev/null
}
case_attach() {
	begin -i -- sh -c 'read -r x; echo "got $x"; exit 5'
	echo word | docker attach "$name"
}
case_pause() {
	begin -- sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; sleep 0.1; done'
	eventually 30 "the first count" docker exec "$name" test -s /tmp/count
	docker pause "$name" >/dev/null && state Status
	docker exec "$name" true 2>&1 | grep -c paused
	docker unpause "$name" >/dev/null && state Status
	docker exec "$name" sh -c 'a=$(cat /tmp/count); i=0; while [ "$(cat /tmp/count)" = "$a" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done; [ "$(cat /tmp/count)" != "$a" ] && echo goes on'
}
case_kill() {
	begin -- sleep 1000
	docker kill "$name" >/dev/null
	docker wait "$name"
	docker rename "$name" "renamed-$turn" && docker rm "renamed-$turn" >/dev/null && echo renamed
}
case_kill_by_signal() { trapping 'echo heard; exit 4' && docker kill -s USR1 "$name" >/dev/null && docker wait "$name" && docker logs "$name"; }
case_stop_with_a_trap() {
	trapping 'echo bye; exit 9'
	docker stop -t 60 "$name" >/dev/null
	docker logs "$name"
	state ExitCode
	docker start "$name" >/dev/null && state Status
}
case_stop_without_a_trap() { begin -- sleep 1000 && docker stop -t 1 "$name" >/dev/null && state ExitCode; }
case_stop_signal() { trapping 'exit 8' --stop-signal USR1 && docker stop -t 60 "$name" >/dev/null && state ExitCode; }
case_restart() {
	begin -- sh -c 'echo again >>/tmp/times; sleep 1000'
	eventually 30 "its file" docker exec "$name" test -s /tmp/times
	docker restart -t 0 "$name" >/dev/null && state Status
	eventually 30 "the second line" docker exec "$name" sh -c '[ $(wc -l </tmp/times) = 2 ]'
	docker exec "$name" cat /tmp/times
}
case_wait() {
	begin -i -- sh -c 'read -r x; exit 6'
	docker wait "$name" >"$work/$name.wait" &
	echo | docker attach "$name"
	wait $! && cat "$work/$name.wait"
}
case_remove() {
	begin -- sleep 1000
	docker rm "$name" >/dev/null 2>&1
	echo "status $?"
	docker rm -f "$name" >/dev/null
	docker ps -aq --filter name="$name" | wc -l
}
case_restart_policy() {
	begin --restart on-failure:1 -- sh -c 'exit 3'
	# shellcheck disable=SC2317 # for eventually
	given_up() { [ "$(docker inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' "$name")" = "1 exited 3" ]; }
	eventually 120 "the end of the restarts" given_up
}
case_health() {
	begin --health-cmd 'test -e /tmp/well' --health-interval 1s --health-timeout 30s --health-retries 1 --health-start-interval 1s -- sh -c 'touch /tmp/well; sleep 1000'
	eventually 90 "a healthy container" has Health.Status healthy
	docker exec "$name" rm /tmp/well
	eventually 90 "an unhealthy container" has Health.Status unhealthy
}
case_create_and_start() {
	docker create --runtime "$runtime" --name "$name" --network none $image sh -c 'echo out; echo err >&2; exit 5' >/dev/null
	state Status
	# Each stream by itself: nothing says which is read first.
	docker start -a "$name" 2>"$work/$name.stderr" || status=$?
	cat "$work/$name.stderr"
	return "${status:-0}"
}
case_top_and_stats() {
	run -d -- sh -c 'sleep 1000; true' >/dev/null
	docker top "$name" | grep -c 'sh -c sleep 1000'
	docker exec "$name" sh -c 'ping -c 1 -W 5 $(ip route | sed -n "s/^default via \([^ ]*\).*/\1/p") >/dev/null'
	docker stats --no-stream --format '{{.NetIO}} {{.PIDs}} {{.MemUsage}}' "$name" | grep -c -E '^[0-9.]+k?B / [0-9.]+k?B [1-9][0-9]* [0-9.]+[MK]iB / '
}

# ---- a daemon, a shim and a VM that are killed: one after another, since all share the daemon ----
process_of() { inside bash -c 'grep -lazE "$1" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3' - "$1"; }
shim_of() { process_of "^[^ ]*containerd-shim" | while read -r pid; do inside grep -qz "$(docker inspect -f '{{.Id}}' "$1")" "/proc/$pid/cmdline" && echo "$pid"; done || true; }
end_process() { inside bash -c 'kill -KILL "$1"' - "$1"; }
trouble() {
	local turn name vmm
	for turn in runc kata; do
		docker run -d --runtime "$(runtime_of $turn)" --name "$turn-trouble" $image sleep 1000 >/dev/null
	done
	note "trouble: dockerd killed"
	inside bash -c 'kill -KILL "$(cat /run/docker.pid)"; while kill -0 "$(cat /run/docker.pid)" 2>/dev/null; do sleep 0.1; done; rm /run/docker.pid'
	start_docker
	for turn in runc kata; do
		name=$turn-trouble
		expect "$name after the daemon's end" running "$(state Status)"
		expect "an exec in $name" well "$(docker exec "$name" echo well)"
	done
	note "trouble: shims killed"
	for turn in runc kata; do
		name=$turn-trouble
		end_process "$(shim_of "$name")"
		eventually 60 "the end of $name" ended
		expect "$name" exited "$(state Status)"
	done
	eventually 60 "nothing to be left of a VM" nothing_left
	docker start "kata-trouble" >/dev/null
	expect "after another start" well "$(docker exec kata-trouble echo well)"
	[ "${DOCKER_RUNTIME:-kata}" = kata ] || return 0
	note "trouble: the VMM killed"
	name=kata-trouble
	vmm=$(process_of '^[^ ]*qemu-system')
	end_process "$vmm"
	eventually 60 "the end of $name" ended
	expect "$name" exited "$(state Status)"
	[ "$(state ExitCode)" != 0 ] || fail "a container whose VM was killed has ended with 0"
	eventually 60 "nothing to be left of a VM" nothing_left
	docker rm -f runc-trouble kata-trouble >/dev/null
}
nothing_left() { [ -z "$(process_of '^[^ ]*(qemu-system|virtiofsd|vhost-device-vsock)')$(inside ls -A /run/vc/sbs /run/vc/vm 2>/dev/null | grep -v ':$' | tr -d '\n')" ]; }

refuse() {
	local row what flags reason said status
	docker run -d --name web --ipc shareable $image sleep 1000 >/dev/null
	for row in "${refusals[@]}"; do
		IFS='|' read -r what flags reason <<<"$row"
		status=0
		# shellcheck disable=SC2086 # words
		said=$(docker run --rm --runtime "$(runtime_of kata)" $flags $image true 2>&1) || status=$?
		((status >= 125 || (status > 0 && ${#nerdctl} > 0))) || fail "$flags ended with $status"
		expect_match "$flags" "${reason# }" "$said"
		note "refused: $what"
	done
	docker rm -f web >/dev/null
}

# nerdctl reaches the files of a container that runs by its process, which has none: never the machine's.
reach() {
	local status=0 said
	docker run -d --runtime "$(runtime_of kata)" --name reached --network none $image sleep 1000 >/dev/null
	echo x >"$work/data/reach"
	said=$(docker cp /opt/data/reach reached:/tmp/reach 2>&1) || status=$?
	((status > 0)) || fail "nerdctl cp to a container that runs ended with 0: $said"
	expect_match "its reason" 'no such file|read-only|does not exist' "$said"
	inside test ! -e /tmp/reach || fail "nerdctl cp has written the machine's /tmp/reach"
	docker rm -f reached >/dev/null
}

# ---- the run ----

# With DOCKER_RUNTIME=runc in our place the test proves itself.
runtime_of() {
	local runtime=${DOCKER_RUNTIME:-kata}
	[ "$1" = kata ] || runtime=runc
	[ "$client" = docker ] || runtime=io.containerd.$runtime.v2
	echo "$runtime"
}
number_of_turn() { [ "$turn" = runc ] && echo 97 || echo 98; }

# of_container ROW - runs a row of `containers`; TURN is a number of the runtime's own, and one stream keeps the order.
of_container() {
	local flags script number
	number=$(number_of_turn)
	IFS='|' read -r _ _ flags script <<<"${1//TURN/$number}"
	flags=${flags//DISK/$disk}
	[[ $flags == *--network* ]] || flags="--network none $flags"
	# shellcheck disable=SC2086 # words
	run --rm $flags -- sh -c "exec 2>&1; $script" 2>&1 | sed "s/\b$number\b/TURN/g"
	return "${PIPESTATUS[0]}"
}

# of_turn TURN CASE ROW - its output, with the status as the last line
of_turn() {
	local turn=$1 case=$2 row=$3 name=$1-$2 runtime status=0
	runtime=$(runtime_of "$turn")
	set +e
	trap - ERR
	if [ -n "$row" ]; then (of_container "$row"); else ("case_$case"); fi >"$work/$name.out" 2>&1 </dev/null
	status=$?
	# nerdctl says when it says something, and at times that what has ended gets no signal.
	sed -i "s/$turn-/TURN-/g; s/^time=\"[^\"]*\" //; /^level=error msg=\"forward signal/d" "$work/$name.out"
	echo "exit status $status" >>"$work/$name.out"
	docker rm -f "$name" >/dev/null 2>&1
}

# both CASE ROW - with both runtimes at once
both() {
	local other begun=$SECONDS
	of_turn runc "$1" "$2" &
	other=$!
	of_turn kata "$1" "$2"
	wait $other || true
	if diff -u "$work/runc-$1.out" "$work/kata-$1.out" >"$work/$1.diff"; then
		note "$1 ($((SECONDS - begun)) s)"
		[[ $lacking != *" $1 "* || -n ${DOCKER_RUNTIME:-} ]] || { note "$1 AGREES, and is called a limit" && touch "$work/$1.differs"; }
	elif [[ $lacking == *" $1 "* ]]; then
		note "$1 is a limit"
	else
		note "$1 DIFFERS"
		cat "$work/$1.diff"
		touch "$work/$1.differs"
	fi
}

# chosen TOPIC CASE
chosen() { [ -z "${CASES:-}" ] || [[ " $CASES " == *" $1 "* || " $CASES " == *" $2 "* ]]; }
# cases - CASE and ROW of each that is to run, as words
list_cases() {
	local row topic name case list
	for row in "${containers[@]}"; do
		read -r topic _ name _ <<<"$row"
		[ "$name" != disk ] || [ -n "$disk" ] || continue
		! chosen "$topic" "$name" || { cases+=("$name") && rows+=("$row"); }
	done
	for topic in run net files limit life; do
		read -ra list -d '' <<<"${parts[$topic]}" || true
		for case in "${list[@]}"; do
			! chosen $topic "$case" || { cases+=("$case") && rows+=(""); }
		done
	done
}

begin_machine
note "$(if [ "$client" = nerdctl ]; then nerdctl --version; else inside dockerd --version; fi)"
inside bash -c 'mkdir -p /etc/docker && cat >/etc/docker/daemon.json' <<-END
	{"live-restore": true, "runtimes": {"kata": {"runtimeType": "/opt/kata/bin/containerd-shim-kata-v2",
		"options": {"TypeUrl": "runtimeoptions.v1.Options", "ConfigPath": "/opt/kata/c.toml"}}}}
END
# Docker runs `ps`, which this machine has not, and keeps the lines of the processes that it knows.
inside bash -c 'cat >/usr/local/bin/ps && chmod 755 /usr/local/bin/ps' <<-"END"
	#!/bin/bash
	echo "UID PID CMD"
	for process in /proc/[0-9]*; do echo "0 ${process#/proc/} $(tr '\0' ' ' 2>/dev/null <$process/cmdline)"; done
END
inside ln -s /opt/kata/bin/containerd-shim-kata-v2 /usr/local/bin/
start_containerd
[ "$client" = nerdctl ] || start_docker
load_image
inside bash -c 'mkdir -p /opt/data/volume && echo there >/opt/data/volume/file && truncate -s 16M /opt/data/disk'
disk=$(losetup -f --show "$work/data/disk" 2>/dev/null) || disk=
[ -z "$disk" ] || cleanup losetup -d "$disk"
docker network create --subnet 172.18.0.0/16 second >/dev/null
docker network create --opt com.docker.network.driver.mtu=1400 narrow >/dev/null
for turn in runc kata; do docker network create "names-$turn" >/dev/null; done

cases=() rows=()
list_cases
note "${#cases[@]} cases"
# lane NUMBER - every case whose turn it is there
lane() {
	local i
	for ((i = $1; i < ${#cases[@]}; i += lanes)); do
		both "${cases[i]}" "${rows[i]}"
	done
}
pids=()
for ((i = 1; i < lanes; i++)); do
	lane "$i" &
	pids+=($!)
done
lane 0
for pid in "${pids[@]}"; do wait "$pid"; done

! chosen refusals refusals || [ "${DOCKER_RUNTIME:-kata}" = runc ] || refuse
! chosen reach reach || [ "$client-${DOCKER_RUNTIME:-kata}" != nerdctl-kata ] || reach
! chosen trouble trouble || [ "$client" = nerdctl ] || trouble
expect "cases that differ" "" "$(cd "$work" && find . -name '*.differs' | sort | tr '\n' ' ')"
ending=well
