#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agent-checks.sh - what an agent does with containers, asked of a running agent.  Sourced by the
# agent-*.sh tests, which define:
#
#   ctl METHOD [JSON | @FILE]   call the agent
#   root                        the test image as the agent sees it (make_image)
#   has_limits                  yes, where the agent has cgroup controllers of its own kernel
#
# Every check_* function is one subject; run_checks runs all.
# shellcheck disable=SC2154,SC2034 # root, work and the like come from who sources this, which uses every_check

applets="sh ls cat echo sleep id mount mknod grep head dd kill stty tty env hostname touch rm true false wc
	awk ionice cut tr pwd sysctl mkdir stat ps yes readlink chmod umount ln uname"

# make_image DIR - busybox, two users, and traps for agents that follow links.
make_image() {
	local applet
	mkdir -p "$1"/{bin,proc,sys,dev,tmp,etc,root,home/web,volume}
	cp "$(command -v busybox)" "$1/bin/busybox"
	for applet in $applets; do
		ln -sf busybox "$1/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n' >"$1/etc/passwd"
	ln -s ../../../../../tmp "$1/escape"
	ln -s /proc/self/fd "$1/fds"
	echo "no device" >"$1/dev/null"
	ln -s ../run/resolve/resolv.conf "$1/etc/resolv.conf"
}

# surroundings - lines for the shell that is the first process of new namespaces, before it begins an agent there: what
# others of this machine mounted below /run would come and go under its eyes, and it needs no cgroups.
surroundings() {
	cat <<-'END'
		export KATA_AGENT_CGROUP_ROOT=
		mount --make-rprivate /
		mount -t proc proc /proc
		findmnt -rno TARGET | grep ^/run/ | sort -r | while read -r place; do umount -l "$place"; done
		mount -t tmpfs -o mode=755 tmpfs /run
		ip link set lo up
	END
}

# spec ID FILTER PROGRAM... - a CreateContainer request, changed by the jq FILTER.
spec() {
	local id=$1 filter=$2 file=$work/request.$BASHPID
	shift 2
	jq -n --arg id "$id" --arg root "$root" '
	["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID"] as $caps |
	{container_id: $id, exec_id: $id, OCI: {
	  ociVersion: "1.1.0", hostname: "box", root: {path: $root},
	  process: {args: $ARGS.positional, env: ["PATH=/bin"], cwd: "/", user: {uid: 0, gid: 0},
	    noNewPrivileges: true, capabilities: {bounding: $caps, effective: $caps, permitted: $caps}},
	  mounts: [
	    {destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
	    {destination: "/dev", type: "tmpfs", source: "tmpfs",
	     options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
	    {destination: "/dev/pts", type: "devpts", source: "devpts",
	     options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
	    {destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]},
	    {destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]}],
	  linux: {cgroupsPath: ("/checks/" + $id),
	    namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}],
	    maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/nosuch", "/sys/firmware"],
	    readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]}}}' --args -- "$@" |
		jq "$filter" >"$file"
	echo "@$file"
}

create() { ctl CreateContainer "$(spec "$@")"; }
start() { ctl StartContainer "{\"container_id\": \"$1\"}" >/dev/null; }
remove() { ctl RemoveContainer "{\"container_id\": \"$1\", \"timeout\": ${2:-10}}" >/dev/null; }
begin() { create "$@" >/dev/null && start "$1"; }
signal() { ctl SignalProcess "{\"container_id\": \"$1\", \"exec_id\": \"$2\", \"signal\": $3}" >/dev/null; }
close_stdin() { ctl CloseStdin "{\"container_id\": \"$1\", \"exec_id\": \"${2:-$1}\"}" >/dev/null; }
status_of() { ctl WaitProcess "{\"container_id\": \"$1\", \"exec_id\": \"${2:-$1}\"}" | jq -r '.status // 0'; }
read_once() { ctl "$1" "{\"container_id\": \"$2\", \"exec_id\": \"$3\", \"len\": 32768}"; }

# drain METHOD ID [EXEC] - everything until the end of the stream.
drain() {
	local chunk=$work/chunk.$BASHPID
	while read_once "$1" "$2" "${3:-$2}" >"$chunk" && [ -s "$chunk" ]; do
		cat "$chunk"
	done
}

# output ID FILTER PROGRAM... - run to the end; standard output, then the exit status.
output() {
	begin "$@"
	drain ReadStdout "$1"
	echo "status $(status_of "$1")"
	remove "$1"
}

# exec_process ID EXEC FILTER PROGRAM...
exec_process() {
	local id=$1 exec=$2 filter=$3 file=$work/request.$BASHPID
	shift 3
	jq -n --arg id "$id" --arg exec "$exec" '{container_id: $id, exec_id: $exec, process: {
		args: $ARGS.positional, env: ["PATH=/bin"], cwd: "/", user: {uid: 0, gid: 0},
		capabilities: {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]}}}' \
		--args -- "$@" | jq "$filter" >"$file"
	ctl ExecProcess "@$file"
}

# refused WHAT REGEX COMMAND... - COMMAND fails with a message like REGEX.
refused() {
	local what=$1 regex=$2 message
	shift 2
	if message=$("$@" 2>&1); then
		fail "$what: was not refused"
	fi
	expect_match "$what" "$regex" "$message"
}

check_output() {
	local got
	got=$(output plain '.OCI.process.env += ["X=a b"] | .OCI.process.cwd = "/made/for/it"' \
		sh -c 'echo "$X"; pwd; hostname; echo "$HOME"; exit 7')
	expect "output" $'a b\n/made/for/it\nbox\n/root\nstatus 7' "$got"
	begin streams . sh -c 'echo out; echo err >&2'
	expect "stdout" out "$(drain ReadStdout streams)"
	expect "stderr" err "$(drain ReadStderr streams)"
	expect "status" 0 "$(status_of streams)"
	expect "status asked for again" 0 "$(status_of streams)"
	remove streams
	begin long . head -c 1048576 /dev/zero
	expect "long output" 1048576 "$(drain ReadStdout long | wc -c)"
	remove long
}

# Types of namespaces and names of capabilities as upstream's shim in Rust and its agent-ctl write them.
check_spellings() {
	expect "other spellings" $'3\nCapEff:\t00000000080000e3\nstatus 0' "$(output spelled '
		.OCI.linux.namespaces |= map(if .type == "mount" then .type = "mnt" else . end) + [{type: "net"}] |
		.OCI.process.capabilities |= map_values(map(ltrimstr("CAP_")))' \
		sh -c 'cat /proc/net/dev | wc -l; grep CapEff /proc/self/status')"
}

# Each container has a session keyring, its later processes the same one.  A user other than root sees
# no keyring but the one it has.
check_keyring() {
	local user='.user = {uid: 1000, gid: 1000}'
	local look='grep -o "_ses\.[^:]*" /proc/keys'
	[ -e /proc/keys ] || return 0
	begin keys ".OCI.linux.maskedPaths = [] | .OCI.process$user" sh -c "$look; sleep 1000"
	begin others ".OCI.linux.maskedPaths = [] | .OCI.process$user" sh -c "$look; sleep 1000"
	expect "the keyring of one" "_ses.keys" "$(read_once ReadStdout keys keys)"
	expect "the keyring of another" "_ses.others" "$(read_once ReadStdout others others)"
	exec_process keys later ".process$user" sh -c "$look" >/dev/null
	expect "the keyring of a later process" "_ses.keys" "$(drain ReadStdout keys later)"
	remove keys
	remove others
}

# The message of a container that has ended, of whatever bytes, and no more of it than Kubernetes takes.
check_diagnostic() {
	local file=/run/kata-containers/shared/containers/words-log
	local key=io.kubernetes.container.terminationMessagePath
	local mount='.OCI.mounts += [{destination: "/dev/last", type: "bind", source: "'$file'", options: ["rbind"]}]'
	printf ok | ctl --data - CopyFile '{"path": "'$file'", "file_size": 2, "file_mode": 33188, "dir_mode": 493}' >/dev/null
	begin words "$mount | .OCI.annotations = {\"$key\": \"/dev/last\"}" sh -c 'printf "bye \\377" >/dev/last; head -c 9000 /dev/zero | tr "\\0" x >>/dev/last'
	expect "status" 0 "$(status_of words)"
	expect "the message" $'bye ?xxx' "$(termination words | cut -c1-8)"
	expect "its length in characters" 4096 "$(termination words | tr -d '\n' | wc -m)"
	remove words
	begin words "$mount" true
	refused "a message that nobody has asked for" "no annotation $key" termination words
	remove words
	begin words ".OCI.annotations = {\"$key\": \"/etc/passwd\"}" true
	refused "a file that is not the host's" "nothing of the host is mounted at '/etc/passwd'" termination words
	remove words
	refused "nobody's message" "'words'" termination words
	refused "data of another kind" "'odd', only 'termination_log'" ctl GetDiagnosticData '{"log_type": "odd", "container_id": "x"}'
}

termination() { ctl GetDiagnosticData "{\"log_type\": \"termination_log\", \"container_id\": \"$1\"}" | jq -r .data; }

check_leftover_child() {
	begin leftover '.sandbox_pidns = true' sh -c 'sleep 1000 & echo parent'
	expect "output of a process whose child keeps the pipe" parent "$(drain ReadStdout leftover)"
	remove leftover
}

check_identity() {
	local got
	got=$(output user '.OCI.process.user = {uid: 1000, gid: 1000, additionalGids: [4, 2000]} |
		.OCI.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]' \
		sh -c 'id -u; id -g; id -G; echo "$HOME"; ulimit -n; ulimit -Hn; echo x >/dev/stdout;
			grep -E "^(CapEff|CapPrm|CapBnd|NoNewPrivs)" /proc/self/status')
	expect "user" "1000
1000
1000 4 2000
/home/web
100
200
x
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	00000000080000e3
NoNewPrivs:	1
status 0" "$got"
	expect_match "capabilities of root" $'CapEff:\t00000000080000e3' \
		"$(output caps . grep CapEff /proc/self/status)"
	expect_match "ambient capabilities" $'CapEff:\t0000000000000020' \
		"$(output ambient '.OCI.process.user.uid = 1000 | .OCI.process.capabilities |= (.inheritable =
			["CAP_KILL"] | .ambient = ["CAP_KILL"])' grep CapEff /proc/self/status)"
}

check_descriptors() {
	# The last one is the folder being listed.
	expect "descriptors of a process" $'0\n1\n2\n3\nstatus 0' "$(output descriptors . ls /proc/self/fd)"
	begin described . sleep 1000
	exec_process described e1 . ls /proc/self/fd >/dev/null
	expect "descriptors of an exec" $'0\n1\n2\n3' "$(drain ReadStdout described e1)"
	remove described
}

check_refusals() {
	refused "missing program" "executable file not found in .PATH: 'nosuch'" create missing . nosuch
	refused "missing path" "executable file not found: '/bin/nosuch'" create missing . /bin/nosuch
	refused "directory as a program" "cannot execute '/etc': permission denied" create missing . /etc
	refused "bad id" "container id" create 'a/../b' '.container_id = "a/../b"' true
	refused "no specification" "OCI specification" ctl CreateContainer '{"container_id": "nospec"}'
	refused "no program" "no program" create empty '.OCI.process.args = []' true
	refused "hooks" "hooks" create hooks '.OCI.hooks.prestart = [{path: "/bin/true"}]' true
	refused "an SELinux label" "SELinux label 'u:r:t:s0'" create label '.OCI.process.selinuxLabel = "u:r:t:s0"' true
	refused "a network of the host's" "network namespace '/run/netns/x'" create network \
		'.OCI.linux.namespaces += [{type: "net", path: "/run/netns/x"}]' true
	refused "an unknown namespace" "type 'odd'" create oddns '.OCI.linux.namespaces += [{type: "odd"}]' true
	refused "an unknown capability" "no capability 'CAP_ODD'" create oddcap '.OCI.process.capabilities.effective += ["CAP_ODD"]' true
	refused "an encrypted volume" "encryption_key=ephemeral" create encrypted '.storages = [{driver: "ephemeral", source: "tmpfs",
		fstype: "tmpfs", mount_point: "/run/kata-containers/secret", driver_options: ["encryption_key=ephemeral"]}]' true
	expect "a profile of the host's AppArmor is not ours" "status 0" \
		"$(output armored '.OCI.process.apparmorProfile = "cri-containerd.apparmor.d" | .OCI.linux.mountLabel = "u:r:t:s0"' true)"
	refused "unknown limit" "RLIMIT_ODD" create odd '.OCI.process.rlimits = [{type: "RLIMIT_ODD"}]' true
	refused "missing root" "nosuch" create noroot '.OCI.root.path = "/nosuch"' true
	refused "missing volume" "mounting '/nosuch'" create novolume \
		'.OCI.mounts += [{destination: "/volume", source: "/nosuch", type: "bind", options: ["rbind"]}]' true
	refused "unknown container" "no container 'nobody'" start nobody
	refused "remove of nobody" "no container 'nobody'" remove nobody
	create once . sleep 1000 >/dev/null
	refused "the same id" "exists already" create once . true
	refused "exec before start" "not running" exec_process once e1 . true
	start once
	refused "an SELinux label of an exec" "SELinux label" exec_process once e1 '.process.selinuxLabel = "u:r:t:s0"' true
	refused "unknown process" "no process 'nobody'" status_of once nobody
	refused "unknown signal" "no signal 999" signal once once 999
	remove once
	refused "removed twice" "no container 'once'" remove once
}

check_exec_of_text() {
	refused "not a program" "cannot execute '/etc/passwd'" begin text '.OCI.process.args = ["/etc/passwd"]' true
	remove text
}

check_terminal() {
	begin terminal '.OCI.process.terminal = true | .OCI.process.consoleSize = {height: 24, width: 80}' \
		sh -c 'tty; stty size; read -r x; stty size; echo "got $x"; test -c /dev/console && exit 5'
	eventually 10 "the terminal's size" terminal_says "24 80"
	ctl TtyWinResize '{"container_id": "terminal", "exec_id": "terminal", "row": 50, "column": 132}' >/dev/null
	printf 'hi\n' | ctl_data WriteStdin '{"container_id": "terminal", "exec_id": "terminal"}' >/dev/null
	drain ReadStdout terminal >>"$work/terminal"
	expect "terminal" $'/dev/pts/0\n24 80\nhi\n50 132\ngot hi' "$(tr -d '\r' <"$work/terminal")"
	expect "status" 5 "$(status_of terminal)"
	remove terminal
	rm "$work/terminal"
	begin noterminal . sleep 1000
	refused "resize without a terminal" "no terminal" \
		ctl TtyWinResize '{"container_id": "noterminal", "exec_id": "noterminal", "row": 1, "column": 1}'
	exec_process noterminal e1 '.process.terminal = true' tty >/dev/null
	expect "terminal of an exec" "/dev/pts/0" "$(drain ReadStdout noterminal e1 | tr -d '\r')"
	remove noterminal
}

terminal_says() {
	read_once ReadStdout terminal terminal >>"$work/terminal"
	grep -q "$1" "$work/terminal"
}

check_stdin() {
	begin stdin . sh -c 'sleep 1; wc -c'
	head -c 1048576 /dev/zero | ctl_data WriteStdin '{"container_id": "stdin", "exec_id": "stdin"}' >/dev/null
	close_stdin stdin
	expect "bytes of stdin" 1048576 "$(drain ReadStdout stdin | tr -d ' ')"
	refused "write after the end" "closed|ended|EPIPE" write_stdin stdin
	remove stdin
}

# What nobody will write to is the container's own null device, as it is without a runtime.
check_no_stdin() {
	local null='.stdinIsNull = true'
	expect "stdin that nobody writes" $'/dev/null\n0\nstatus 0' \
		"$(output nostdin ".OCI.process |= ($null)" sh -c 'readlink /proc/self/fd/0; wc -c | tr -d " "')"
	begin noinput ".OCI.process |= ($null)" sleep 1000
	refused "input that is null" "stdin.*closed" write_stdin noinput
	exec_process noinput e1 ".process |= ($null)" sh -c 'readlink /proc/self/fd/0; wc -c | tr -d " "' >/dev/null
	expect "stdin of an exec that nobody writes" $'/dev/null\n0' "$(drain ReadStdout noinput e1)"
	remove noinput
}

write_stdin() {
	echo more | ctl_data WriteStdin "{\"container_id\": \"$1\", \"exec_id\": \"$1\"}"
}

check_exec() {
	begin execs . sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done'
	exec_process execs e1 . sh -c 'echo in; exit 42' >/dev/null
	expect "output of an exec" in "$(drain ReadStdout execs e1)"
	expect "status of an exec" 42 "$(status_of execs e1)"
	exec_process execs e2 . sh -c 'grep -z -c trap /proc/1/cmdline; hostname; grep CapBnd /proc/self/status' >/dev/null
	expect "an exec is in the container" $'1\nbox\nCapBnd:\t0000000000000020' "$(drain ReadStdout execs e2)"
	refused "missing program" "executable file not found in .PATH: 'nosuch'" exec_process execs e3 . nosuch
	exec_process execs e4 '.process.user.uid = 1000 | .process.cwd = "/tmp"' sh -c 'id -u; pwd' >/dev/null
	expect "user and folder of an exec" $'1000\n/tmp' "$(drain ReadStdout execs e4)"
	exec_process execs e5 . sleep 1000 >/dev/null
	refused "the same exec id" "has a process 'e5' already" exec_process execs e5 . true
	signal execs e5 15
	expect "status of a killed exec" 143 "$(status_of execs e5)"
	exec_process execs e5 . sh -c 'echo again; exit 7' >/dev/null
	expect "output of one whose id was used before" again "$(drain ReadStdout execs e5)"
	expect "its status" 7 "$(status_of execs e5)"
	signal execs execs 15
	expect "status after a handled signal" 0 "$(status_of execs)"
	refused "exec in a stopped container" "not running" exec_process execs e6 . true
	remove execs
}

# Whatever the agent blocks, or whoever started it ignores.
check_signals() {
	local none=$'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000'
	begin default . sh -c 'grep -E "Sig(Blk|Ign)" /proc/self/status; sleep 1000'
	expect "signals of a first process" "$none" "$(read_once ReadStdout default default)"
	exec_process default e1 . grep -E 'Sig(Blk|Ign)' /proc/self/status >/dev/null
	expect "signals of a later process" "$none" "$(drain ReadStdout default e1)"
	remove default
	begin unhandled . sleep 1000
	signal unhandled unhandled 15
	expect "SIGTERM without a handler" 137 "$(status_of unhandled)"
	remove unhandled
	begin killed . sh -c 'trap "" TERM; sleep 1000'
	exec_process killed e1 . sleep 1000 >/dev/null
	signal killed "" 9
	expect "SIGKILL for all" 137 "$(status_of killed)"
	expect "SIGKILL for all reaches an exec" 137 "$(status_of killed e1)"
	remove killed
}

check_removal() {
	begin hanging . sleep 1000
	exec_process hanging e1 . sh -c 'trap "" TERM INT HUP; sleep 1000' >/dev/null
	status_of hanging e1 >"$work/hanging" 2>&1 &
	remove hanging
	wait $! || true
	expect_match "a wait when the container is removed" '137|removed|no container' "$(cat "$work/hanging")"
	create unstarted . sleep 1000 >/dev/null
	remove unstarted
}

# live_and_die ID - one of many containers at once.
live_and_die() {
	begin "$1" . sh -c 'echo $$; sleep 1000'
	exec_process "$1" e1 . sh -c 'echo in; exit 3' >/dev/null
	[ "$(drain ReadStdout "$1" e1)" = in ] && [ "$(status_of "$1" e1)" = 3 ] || return
	signal "$1" "" 9
	[ "$(status_of "$1")" = 137 ] || return
	remove "$1"
}

check_many_at_once() {
	local i worker workers=()
	for i in 1 2 3 4 5 6; do
		live_and_die "many$i" &
		workers+=($!)
	done
	for worker in "${workers[@]}"; do
		wait "$worker" || fail "one of many containers at once"
	done
}

# Whoever comes first, the container is gone afterwards and nobody hangs.
check_kill_during_create() {
	local i
	for i in 1 2 3; do
		create killed$i . sleep 1000 >"$work/killed" 2>&1 &
		while kill -0 $! 2>/dev/null; do
			signal killed$i "" 9 2>/dev/null || true
		done
		remove killed$i 2>/dev/null || true
		refused "a container killed while it was made" "no container" start killed$i
	done
}

check_readonly() {
	local got
	expect_match "read-only root" 'Read-only.*status 1' \
		"$(output readonly '.OCI.root.readonly = true' sh -c 'touch /x 2>&1' | tr '\n' ' ')"
	expect_match "read-only volume" 'Read-only.*Operation not permitted|Read-only.*denied' \
		"$(output rovolume '.OCI.mounts += [{destination: "/volume", source: "'"$root"'/home", type: "bind",
			options: ["rbind", "ro"]}]' sh -c 'touch /volume/x 2>&1; mount -o remount,rw /volume 2>&1' | tr '\n' ' ')"
	expect "writable volume" $'status 0' \
		"$(output rwvolume '.OCI.mounts += [{destination: "/not/there", source: "'"$root"'/home", type: "bind",
			options: ["rbind", "rw"]}]' sh -c 'touch /not/there/x && rm /not/there/x')"
	expect "a file as a volume" $'root\nstatus 0' \
		"$(output filevolume '.OCI.mounts += [{destination: "/new/file", source: "'"$root"'/etc/passwd", type: "bind",
			options: ["bind", "ro"]}]' sh -c 'head -c 4 /new/file; echo')"
	expect "a volume at the end of a link to nothing" $'root\nstatus 0' \
		"$(output linkvolume '.OCI.mounts += [{destination: "/etc/resolv.conf", source: "'"$root"'/etc/passwd",
			type: "bind", options: ["bind", "ro"]}]' sh -c 'head -c 4 /run/resolve/resolv.conf; echo')"
	got=$(output masked . sh -c 'wc -c </proc/keys; ls /sys/firmware | wc -l; touch /proc/sys/kernel/msgmax 2>&1')
	expect_match "masked and read-only paths" $'^0\n0\n.*Read-only' "$got"
}

check_hostile_image() {
	local evil=$evil_root
	refused "proc behind a link" "without following links" create evil1 ".OCI.root.path = \"$evil\"" true
	expect "a mount with .. stays inside" $'tmpfs /x\nstatus 0' \
		"$(output evil2 '.OCI.mounts += [{destination: "/tmp/../../x", source: "tmpfs", type: "tmpfs"}]' \
			sh -c 'grep -o "^tmpfs /x" /proc/mounts')"
	refused "mount over procfs by .." "inside procfs|only procfs" create evil10 \
		'.OCI.mounts += [{destination: "/tmp/../proc", source: "tmpfs", type: "tmpfs"}]' true
	refused "mount over procfs" "inside procfs" create evil3 \
		'.OCI.mounts += [{destination: "/proc/sys/kernel", source: "tmpfs", type: "tmpfs"}]' true
	refused "bind over /proc/self" "inside procfs" create evil4 \
		'.OCI.mounts += [{destination: "/proc/self/attr", source: "/tmp", type: "bind", options: ["bind"]}]' true
	refused "folder behind a magic link" "entering the working directory|magic|link|levels" create evil5 \
		'.OCI.process.cwd = "/fds/8"' true
	refused "folder behind a descriptor" "working directory|levels" create evil6 \
		'.OCI.process.cwd = "/proc/self/fd/8"' true
	refused "a file in place of a device" "'/dev/null' of the image is not the device" create evil8 \
		'.OCI.mounts |= map(select(.destination | startswith("/dev") | not))' true
	expect "a file of procfs that only reports" $'root\nstatus 0' \
		"$(output evil9 '.OCI.mounts += [{destination: "/proc/meminfo", source: "'"$root"'/etc/passwd", type: "bind",
			options: ["bind"]}]' sh -c 'head -c 4 /proc/meminfo; echo')"
	expect "mount through an escaping link stays inside" $'tmpfs /tmp\nstatus 0' \
		"$(output evil7 '.OCI.mounts += [{destination: "/escape", source: "tmpfs", type: "tmpfs"}]' \
			sh -c 'grep -o "^tmpfs /tmp" /proc/mounts')"
}

# A volume in memory, as a pod has one, and a part of it that kubelet calls a subPath.
check_links_in_a_volume() {
	local dir=/run/kata-containers/sandbox/ephemeral/volume volume part bind
	volume='.storages = [{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", mount_point: "'$dir'"}]'
	part='.storages += [{driver: "local", source: "local", fstype: "local", mount_point: "'$dir'/DIR", options: ["mode=711"]}]'
	bind='.OCI.mounts += [{destination: "/volume", source: "'$dir'SUB", type: "bind", options: ["rbind", "rw"]}]'
	expect "a part of a volume" $'711\nstatus 0' "$(output part0 "$volume | ${part/DIR/a\/b} | ${bind/SUB//a/b}" stat -c %a /volume)"
	begin linker "$volume | ${bind/SUB/}" sh -c 'cd /volume && ln -s /proc b && ln -s .. up && mkdir sub &&
		ln -s /proc sub/c && echo text >file && echo made; sleep 1000'
	expect "links in a volume" made "$(read_once ReadStdout linker linker)"
	refused "a part of a volume that is a link" "without following links" create part1 \
		"$volume | ${part/DIR/b} | ${bind/SUB//b}" true
	refused "a part of a volume below a link" "without following links" create part2 \
		"$volume | ${part/DIR/up\/new} | ${bind/SUB//up/new}" true
	refused "a bind of a link in a volume" "without following links" create part3 "$volume | ${bind/SUB//b}" true
	refused "a bind below a link in a volume" "without following links" create part4 "$volume | ${bind/SUB//sub/c/sys}" true
	refused "a root that is a link in a volume" "without following links" create part5 \
		"$volume | .OCI.root.path = \"$dir/b\"" true
	expect "a part of a volume that is a file" $'text\nstatus 0' \
		"$(output part7 "$volume | ${part/DIR/file} | ${bind/SUB//file} | .OCI.mounts[-1].destination = \"/part\"" cat /part)"
	refused "a part of a volume below a file" "file" create part8 \
		"$volume | ${part/DIR/file\/x} | ${bind/SUB//file\/x}" true
	expect "a part of a volume beside links" $'711\nstatus 0' \
		"$(output part6 "$volume | ${part/DIR/sub} | ${bind/SUB//sub}" stat -c %a /volume)"
	remove linker
}

# What a container mounts in a volume is seen in those that ask for it, and nowhere else.
check_propagation() {
	local dir=/run/kata-containers/sandbox/ephemeral/meeting volume id
	local privileged='.OCI.process.capabilities[] += ["CAP_SYS_ADMIN"]'
	volume='.storages = [{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", mount_point: "'$dir'"}] |
		.OCI.mounts += [{destination: "/volume", source: "'$dir'", type: "bind", options: ["rbind", "OPTION"]}]'
	begin both "${volume/OPTION/rshared} | $privileged | .OCI.linux.rootfsPropagation = \"rshared\"" sleep 1000
	begin follows "${volume/OPTION/rslave} | .OCI.linux.rootfsPropagation = \"rslave\"" sleep 1000
	begin alone "${volume/OPTION/rprivate} | $privileged" sleep 1000
	expect "before" "0 0 0" "$(mounts_seen both follows alone)"
	expect "a mount in the container whose volume propagates" "0" "$(status_in both m1 sh -c 'mkdir /volume/m && mount -t tmpfs x /volume/m')"
	expect "a mount that was made there" "1 1 0" "$(mounts_seen both follows alone)"
	begin late "${volume/OPTION/rslave}" sleep 1000
	expect "in a container that comes later" "1" "$(mounts_seen late)"
	expect "unmounted there" "0" "$(status_in both m2 umount /volume/m)"
	expect "after it is unmounted" "0 0 0 0" "$(mounts_seen both follows alone late)"
	expect "a mount in a container that is alone" "0" "$(status_in alone m1 mount -t tmpfs x /volume/m)"
	expect "a mount of a container that is alone" "0 0 1 0" "$(mounts_seen both follows alone late)"
	for id in both follows alone late; do
		remove "$id"
	done
}

# mounts_seen ID... - for each, the number of mounts below /volume.
mounts_seen() {
	local id exec got=()
	for id; do
		exec=seen$(date +%s%N)
		exec_process "$id" "$exec" . sh -c 'grep -c " /volume/" /proc/self/mountinfo' >/dev/null
		got+=("$(drain ReadStdout "$id" "$exec")")
		status_of "$id" "$exec" >/dev/null
	done
	echo "${got[*]}"
}

# status_in ID EXEC PROGRAM...
status_in() {
	local id=$1 exec=$2
	shift 2
	exec_process "$id" "$exec" '.process.capabilities[] += ["CAP_SYS_ADMIN"]' "$@" >/dev/null
	status_of "$id" "$exec"
}

# A tmpfs that begins with what the image has in its place, and binds that show other owners.
check_mount_options() {
	local dir=/run/kata-containers/sandbox/ephemeral/owned volume maps
	volume='.storages = [{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", mount_point: "'$dir'"}] |
		.OCI.mounts += [{destination: "/volume", source: "'$dir'", type: "bind", options: ["rbind", "rw"]}]'
	maps='(.OCI.mounts[-1].UIDMappings, .OCI.mounts[-1].GIDMappings) = [{containerID: 0, hostID: 1000, size: 2000}]'
	expect "a copied up tmpfs" $'web\n/bin/busybox\ntmpfs\n755\nstatus 0' \
		"$(output copied '.OCI.mounts += [{destination: "/etc", source: "tmpfs", type: "tmpfs", options: ["tmpcopyup"]},
			{destination: "/bin", source: "tmpfs", type: "tmpfs", options: ["ro", "tmpcopyup", "mode=700"]}]' \
			sh -c 'grep -o ^web /etc/passwd; readlink -f /bin/sh; touch /etc/new; grep -o "tmpfs /bin tmpfs ro" /proc/mounts | head -c 5
				echo; stat -c %a /bin')"
	refused "tmpcopyup of something else" "'tmpcopyup'" create copied2 \
		'.OCI.mounts += [{destination: "/x", source: "/tmp", type: "bind", options: ["bind", "tmpcopyup"]}]' true
	begin owner "$volume" sleep 1000
	exec_process owner e1 . touch /volume/file >/dev/null
	expect "an exec" 0 "$(status_of owner e1)"
	case $(output release . uname -r) in
	5.* | 6.[012].*)
		refused "mapped owners of a tmpfs before Linux 6.3" "does not support it" create mapped "$volume | $maps" true
		;;
	*)
		expect "mapped owners" $'1000:1000\nstatus 0' "$(output mapped "$volume | $maps" stat -c %u:%g /volume/file)"
		expect "mapped owners by an option" $'1000:1000\nstatus 0' \
			"$(output mapped2 "$volume | $maps | .OCI.mounts[-1].options += [\"ridmap\"]" stat -c %u:%g /volume/file)"
		;;
	esac
	refused "mapped owners without a map" "map of owners" create mapped3 "$volume | .OCI.mounts[-1].options += [\"idmap\"]" true
	refused "mapped owners where nothing is bound" "'idmap'" create mapped4 \
		'.OCI.mounts += [{destination: "/x", source: "tmpfs", type: "tmpfs", options: ["idmap"]}]' true
	remove owner
}

# put_shared NAME TYPE TEXT - a file or link of the host's in the shared folder.
put_shared() {
	local type=0100644
	[ "$2" = file ] || type=0120777
	printf %s "$3" | ctl_data CopyFile "{\"path\": \"/run/kata-containers/shared/containers/$1\", \"file_mode\": $((type)),
		\"dir_mode\": 493, \"offset\": 0, \"file_size\": ${#3}}" >/dev/null
}

# A volume that programs watch: a file system of the guest's that follows the host's folder.  A large one is that folder.
check_watchable() {
	local shared=/run/kata-containers/shared/containers volume other
	volume='.storages = [{driver: "watchable-bind", source: "'$shared'/NAME", fstype: "bind",
		mount_point: "'$shared'/watchable/NAME"}] |
		.OCI.mounts += [{destination: "/volume", source: "'$shared'/watchable/NAME", type: "bind", options: ["rbind", "ro"]}]'
	put_shared settings/..one/colour file red
	put_shared settings/..data link ..one
	put_shared settings/colour link ..data/colour
	begin watcher "${volume//NAME/settings}" sleep 1000
	begin watcher2 "${volume//NAME/settings}" sleep 1000
	exec_process watcher e1 . sh -c 'cat /volume/colour; grep -c "watchable /volume tmpfs" /proc/mounts; touch /volume/x 2>&1' >/dev/null
	expect_match "a watched volume" '^red.*1.*Read-only' "$(drain ReadStdout watcher e1 | tr '\n' ' ')"
	put_shared settings/..two/colour file blue
	put_shared settings/..data link ..two
	eventually 10 "the change of a watched volume" colour_is watcher blue
	remove watcher
	put_shared settings/..three/colour file green
	put_shared settings/..data link ..three
	eventually 10 "its change for who is left" colour_is watcher2 green
	remove watcher2
	# Upstream's shim in Rust has them in a folder of its own, which its host gives read-only.
	# Where its VMM runs as a user, all of it is below a folder of that user's.
	other=${volume//watchable\/NAME/passthrough\/watchable\/NAME}
	other=${other//\/run\/kata/\/run\/user\/1000\/run\/kata}
	expect "watched volumes elsewhere" $'green1\nstatus 0' "$(output elsewhere "${other//NAME/settings} |
		.OCI.mounts += [{destination: \"/volumes\", source: \"$shared/passthrough/watchable\", type: \"bind\", options: [\"rbind\"]}]" \
		sh -c 'cat /volume/colour; grep -c "^watchable /volumes tmpfs" /proc/mounts')"
	put_shared large/file file "$(head -c 1100000 /dev/zero | tr '\0' x)"
	expect "a large volume is bound" $'1100000\n0\nstatus 0' \
		"$(output large "${volume//NAME/large}" sh -c 'wc -c </volume/file; grep -c "watchable /volume" /proc/mounts; true')"
}

colour_is() { # ID COLOUR
	local exec
	exec=colour$(date +%s%N)
	exec_process "$1" "$exec" . cat /volume/colour >/dev/null
	[ "$(drain ReadStdout "$1" "$exec")" = "$2" ]
}

# A container that has the guest's own /dev puts something else in the place of /dev/null.  Only in a guest: elsewhere
# the /dev would be this machine's.
check_null_replaced() {
	local before
	before=$(output core1 . cat /proc/sys/kernel/core_pattern)
	expect "what replaces /dev/null" $'/proc/sys/kernel/core_pattern\nstatus 0' \
		"$(output replacer '.OCI.mounts += [{destination: "/guest", source: "/dev", type: "bind", options: ["rbind", "rw"]}]' \
			sh -c 'rm /guest/null && ln -s /proc/sys/kernel/core_pattern /guest/null && readlink /guest/null')"
	expect "masked files are the device still" $'1:3\n1:3\nstatus 0' \
		"$(output masked2 '.OCI.linux.maskedPaths = ["/proc/keys", "/proc/timer_list"]' \
			sh -c 'for f in keys timer_list; do stat -c %t:%T /proc/$f; echo evil >/proc/$f; done')"
	expect "the guest's core_pattern" "$before" "$(output core2 . cat /proc/sys/kernel/core_pattern)"
	expect "and back" "status 0" \
		"$(output mender '.OCI.mounts += [{destination: "/guest", source: "/dev", type: "bind", options: ["rbind", "rw"]}] |
			.OCI.process.capabilities[] += ["CAP_MKNOD"]' sh -c 'rm /guest/null && mknod -m 666 /guest/null c 1 3')"
}

check_devices() {
	expect_match "block devices" "not permitted" \
		"$(output blocks . sh -c 'for d in 254:0 8:0 259:0 1:0; do mknod /tmp/d$d b ${d%:*} ${d#*:} &&
			dd if=/tmp/d$d of=/dev/null bs=512 count=1 2>&1; rm -f /tmp/d$d; done')"
	expect_match "memory" "not permitted.*status 0" \
		"$(output memory . sh -c 'mknod /tmp/mem c 1 1; cat /tmp/mem 2>&1; rm /tmp/mem' | tr '\n' ' ')"
	# Opened, but no network of it yet; or a kernel without it.
	expect_match "tun" "bad state|No such device" \
		"$(output tun . sh -c 'mknod /tmp/tun c 10 200; cat /tmp/tun 2>&1; rm /tmp/tun')"
	expect "usual devices" "status 0" "$(output usual . sh -c 'echo x >/dev/null; head -c 9 /dev/urandom >/dev/zero')"
	expect "a rule for all devices" "status 0" \
		"$(output denied '.OCI.linux.resources.devices = [{allow: false, access: "rwm"}]' sh -c 'echo x >/dev/null')"
	expect "a device of the specification" $'crw-r-----\nstatus 0' \
		"$(output spec '.OCI.linux.devices = [{path: "/dev/my/full", type: "c", major: 1, minor: 7,
			fileMode: 416, uid: 1000, gid: 5}]' sh -c 'ls -l /dev/my/full | head -c 10; echo; head -c 1 /dev/my/full >/dev/null')"
	refused "a bad type of device" "bad type" create baddevice \
		'.OCI.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 7}]' true
}

# Fields of the specification that the protocol of Kata Containers 4.1 does not carry.
check_attributes() {
	local got attributes='(.user.umask = 63 | .scheduler = {policy: "SCHED_BATCH", nice: 7} |
		.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6})'
	local show='umask; awk "{print \$19, \$41}" /proc/self/stat; ionice | tr -s " "'
	expect "umask, scheduler, I/O priority" $'0077\n7 3\nbest-effort: prio 6\nstatus 0' \
		"$(output attributes ".OCI.process |= $attributes" sh -c "$show")"
	begin attributes . sleep 1000
	exec_process attributes e1 ".process |= ($attributes | .execCPUAffinity = {final: \"0\"})" \
		sh -c "$show; grep Cpus_allowed_list /proc/self/status" >/dev/null
	expect "the same of an exec" $'0077\n7 3\nbest-effort: prio 6\nCpus_allowed_list:\t0' "$(drain ReadStdout attributes e1)"
	refused "processors that are not there" "processors '4000' of the guest" \
		exec_process attributes e2 '.process.execCPUAffinity.final = "4000"' true
	remove attributes
	expect "personality" $'i686\nstatus 0' "$(output personality '.OCI.linux.personality.domain = "LINUX32"' uname -m)"
	expect "a usual umask" $'0022\nstatus 0' "$(output usual . sh -c umask)"
	got=$(output time '.OCI.linux |= (.namespaces += [{type: "time"}] | .timeOffsets.boottime.secs = 1000000000)' \
		cut -d. -f1 /proc/uptime)
	expect_match "clock offsets" $'^1[0-9]{9}\nstatus 0' "$got"
	begin time '.OCI.linux |= (.namespaces += [{type: "time"}] | .timeOffsets.boottime.secs = 1000000000)' sleep 1000
	exec_process time e1 . cut -d. -f1 /proc/uptime >/dev/null
	expect_match "clock offsets of an exec" '^1[0-9]{9}$' "$(drain ReadStdout time e1)"
	remove time
	expect "domain name" $'example.org\nstatus 0' \
		"$(output domain '.OCI.domainname = "example.org"' cat /proc/sys/kernel/domainname)"
	refused "an unknown scheduler" "policy of scheduling 'SCHED_ODD'" create odd '.OCI.process.scheduler.policy = "SCHED_ODD"' true
	refused "an unknown personality" "personality 'VAX'" create odd '.OCI.linux.personality.domain = "VAX"' true
	refused "an unknown class" "class of I/O 'ODD'" create odd '.OCI.process.ioPriority.class = "ODD"' true
	refused "offsets without a namespace" "need a time namespace" create odd '.OCI.linux.timeOffsets.boottime.secs = 1' true
}

# A host's /dev of hundreds, and every device of the guest.
check_all_devices() {
	local many='.OCI.linux.devices = [range(300) | {path: "/dev/many/\(.)", type: "c", major: 1, minor: 7}]'
	local all='.OCI.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, access: "rwm"}]'
	expect "many devices" $'300\nstatus 0' "$(output many "$many" sh -c 'ls /dev/many | wc -l; head -c 1 /dev/many/299 >/dev/null')"
	expect "many devices and all" $'300\nstatus 0' "$(output privileged "$many | $all" sh -c 'ls /dev/many | wc -l
		mknod /tmp/fuse c 10 229 && : </tmp/fuse && rm /tmp/fuse && : <>/dev/fuse && test -c /dev/kmsg &&
		test -b /dev/loop7 && : <>/dev/loop-control')"
	expect_match "all but one" "not permitted.*status 1" "$(output but_one \
		"$all"' | .OCI.linux.resources.devices += [{allow: false, type: "c", major: 10, minor: 229, access: "r"}]' \
		sh -c "cat /dev/fuse 2>&1" | tr "\n" " ")"
	expect_match "not all of the guest's devices" "No such file" \
		"$(output usual . sh -c 'ls /dev/kmsg 2>&1')"
}

check_seccomp() {
	local profile='.OCI.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
		syscalls: [{names: ["mkdir", "mkdirat", "call_of_the_future"], action: "SCMP_ACT_ERRNO", errnoRet: 28}]}'
	expect_match "seccomp" 'No space.*Seccomp:.2.*status 0' \
		"$(output seccomp "$profile" sh -c 'mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status' | tr '\n' ' ')"
	expect_match "seccomp without no_new_privs" 'No space.*NoNewPrivs:.0.*status 0' \
		"$(output privs "$profile | .OCI.process.noNewPrivileges = false" \
			sh -c 'mkdir /tmp/x 2>&1; grep NoNewPrivs: /proc/self/status' | tr '\n' ' ')"
	begin filtered "$profile" sleep 1000
	exec_process filtered e1 . sh -c 'mkdir /tmp/x 2>&1' >/dev/null
	expect_match "an exec is filtered as well" 'No space' "$(drain ReadStdout filtered e1)"
	remove filtered
	refused "unknown action" "unknown action 'SCMP_ACT_ODD'" begin oddseccomp \
		'.OCI.linux.seccomp = {defaultAction: "SCMP_ACT_ODD"}' true
}

check_sysctl() {
	expect "sysctl" $'12345\nstatus 0' \
		"$(output sysctl '.OCI.linux.sysctl = {"kernel.msgmax": "12345"}' cat /proc/sys/kernel/msgmax)"
	refused "unknown sysctl" "kernel.nosuch" create nosysctl '.OCI.linux.sysctl = {"kernel.nosuch": "1"}' true
	refused "escaping sysctl" "'../../etc/passwd'" create evilsysctl \
		'.OCI.linux.sysctl = {"../../etc/passwd": "1"}' true
}

check_sharing() {
	begin first '.sandbox_pidns = true' sh -c 'hostname; while :; do sleep 0.1; done'
	begin second '.sandbox_pidns = true' sh -c 'grep -a -c "sleep 0.1" /proc/1/cmdline; readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc; sleep 1000'
	exec_process first e1 . sh -c 'readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc' >/dev/null
	eventually 10 "output" second_says
	expect "a shared pid namespace" 1 "$(head -n 1 "$work/second")"
	expect "shared host name and ipc" "$(drain ReadStdout first e1)" "$(tail -n +2 "$work/second")"
	signal second second 15
	expect "SIGTERM in a shared pid namespace" 143 "$(status_of second)"
	remove second
	remove first
	rm "$work/second"
}

second_says() {
	read_once ReadStdout second second >>"$work/second"
	grep -q ipc "$work/second"
}

check_pause() {
	local before
	begin paused . sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; done'
	ctl PauseContainer '{"container_id": "paused"}' >/dev/null
	refused "paused twice" "is paused and cannot be paused" ctl PauseContainer '{"container_id": "paused"}'
	before=$(counted)
	# Time in which a running one counts thousands.
	sleep 0.3
	expect "a paused container stands still" "$before" "$(counted)"
	ctl ResumeContainer '{"container_id": "paused"}' >/dev/null
	exec_process paused e1 . true >/dev/null
	expect "a resumed container goes on" 0 "$(status_of paused e1)"
	ctl PauseContainer '{"container_id": "paused"}' >/dev/null
	remove paused
}

counted() { ctl StatsContainer '{"container_id": "paused"}' | jq -c .cgroup_stats.cpu_stats.cpu_usage.usage_in_usermode; }

check_limits() {
	local limits='.OCI.linux.resources = {memory: {limit: 33554432}, pids: {limit: 20}, cpu: {quota: 20000, period: 100000, shares: 512}}'
	expect_match "pids" "can.t fork|Resource" \
		"$(output pids "$limits" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do sleep 1 & done 2>&1')"
	begin hungry "$limits | del(.OCI.linux.resources.cpu)" \
		sh -c 'read -r x; dd if=/dev/zero of=/dev/null bs=100M count=1; echo "status $?"'
	refused "a caller that gives up" "no answer" ctl --timeout 1 GetOOMEvent
	ctl GetOOMEvent >"$work/oom" &
	write_stdin hungry >/dev/null
	wait $!
	expect "OOM event" hungry "$(jq -r .container_id <"$work/oom")"
	expect "status of the hungry process" "status 137" "$(drain ReadStdout hungry)"
	expect "limits in the statistics" "33554432 20" "$(ctl StatsContainer '{"container_id": "hungry"}' |
		jq -r '.cgroup_stats | "\(.memory_stats.usage.limit) \(.pids_stats.limit)"')"
	remove hungry
	expect "the cgroup as the container sees it" $'0::/\n20\nRead-only\nstatus 0' \
		"$(output group "$limits"' | .OCI.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
			options: ["nosuid", "noexec", "nodev", "relatime", "ro"]}]' sh -c 'cat /proc/self/cgroup
			cat /sys/fs/cgroup/pids.max; touch /sys/fs/cgroup/pids.max 2>&1 | grep -o Read-only')"
	expect "limits by name" $'50331648\n1\nstatus 0' "$(output unified '.OCI.linux.resources = {unified: {"memory.high": "50331648"},
		cpu: {idle: 1}} | .OCI.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
			options: ["ro"]}]' sh -c 'cat /sys/fs/cgroup/memory.high /sys/fs/cgroup/cpu.idle')"
	refused "a limit by an unknown name" "'memory.odd'.*no such limit" create odd '.OCI.linux.resources.unified = {"memory.odd": "1"}' true
	refused "no limit by its name" "'cgroup.kill' is no limit" create odd '.OCI.linux.resources.unified = {"cgroup.kill": "1"}' true
	refused "RDMA" "'rdma.max'.*no such limit" create odd '.OCI.linux.resources.rdma = {mlx: {hcaHandles: 1}}' true
	begin busy "$limits" sh -c 'while :; do :; done'
	eventually 10 "throttling" throttled busy
	ctl UpdateContainer '{"container_id": "busy", "resources": {"cpu": {"quota": -1}, "memory": {"limit": 67108864}}}' >/dev/null
	expect "an updated limit" 67108864 "$(ctl StatsContainer '{"container_id": "busy"}' | jq .cgroup_stats.memory_stats.usage.limit)"
	remove busy
}

# A guest of a few hundred MiB is as roomy as a host.
check_room() {
	expect "limits of a guest" $'4194304\n1048576\n1048576\n9223372036854775807\n1048576\n8192\n1048576\nunlimited\nstatus 0' \
		"$(output room . sh -c 'cd /proc/sys && cat kernel/pid_max kernel/threads-max vm/max_map_count fs/file-max \
			fs/inotify/max_user_watches fs/inotify/max_user_instances; ulimit -n; ulimit -u')"
}

# Milliseconds, rounded up, by which the guest's clock is off; what the call took may be wrong in it.
clock_off_by() {
	local begin end
	begin=$(date +%s%N)
	ctl SetGuestDateTime '{"OffsetNs": 0}' >"$work/clock"
	end=$(date +%s%N)
	jq --argjson from "$begin" --argjson to "$end" '(.sec * 1000000000 + .nsec) as $guest |
		(if $guest < $from then $from - $guest elif $guest > $to then $guest - $to else 0 end) / 1000000 | ceil' <"$work/clock"
}

check_clock() {
	ctl SetGuestDateTime "$(date +'{"Sec": %s, "Usec": 0}')" >/dev/null
	ctl SetGuestDateTime '{"OffsetNs": -90000000000}' >/dev/null
	expect_match "a clock that is wrong" "^(8[5-9]|9[0-5])[0-9][0-9][0-9]$" "$(clock_off_by)"
	ctl SetGuestDateTime "{\"OffsetNs\": $(($(date +%s%N) - $(jq ".sec * 1000000000 + .nsec" <"$work/clock")))}" >/dev/null
	expect_match "a clock that was set" "^[0-9]{1,3}$" "$(clock_off_by)"
	refused "no time" "no time" ctl SetGuestDateTime '{"Sec": 1, "Usec": 1000000}'
}

check_divided_group() {
	begin divided '.OCI.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
		options: ["nosuid", "noexec", "nodev", "relatime", "rw"]}]' sh -c 'cd /sys/fs/cgroup && mkdir first &&
		echo 1 >first/cgroup.procs && echo +pids >cgroup.subtree_control && echo divided; sleep 1000'
	expect "a container that divides its group" divided "$(read_once ReadStdout divided divided)"
	exec_process divided e1 . cat /proc/self/cgroup >/dev/null
	expect "the group of an exec" "0::/first" "$(drain ReadStdout divided e1)"
	remove divided
}

throttled() {
	[ "$(ctl StatsContainer "{\"container_id\": \"$1\"}" |
		jq '.cgroup_stats.cpu_stats.throttling_data.throttled_periods // 0')" -gt 0 ]
}

run_checks() {
	local check
	for check; do
		[ -n "$check" ] || continue
		note "$check"
		"check_$check"
	done
}

every_check=(output spellings keyring diagnostic leftover_child identity descriptors refusals exec_of_text terminal stdin no_stdin attributes
	exec signals removal many_at_once kill_during_create readonly hostile_image links_in_a_volume
	propagation watchable mount_options devices all_devices seccomp sysctl sharing pause)
