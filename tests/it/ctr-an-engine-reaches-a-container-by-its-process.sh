#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
#
# The process by which an engine knows a container has nothing of the host to give away, costs next to nothing, and
# neither ends the container nor survives it.  Hooks run in their order and may make the pod's network, before the VM
# begins or while it boots.  Who joins the process namespace of a container joins its processes.  What belongs to
# another pod, or asks for the host's namespaces, is refused with the reason.
. "$(dirname "$0")/testing.sh"
require ip jq nsenter busybox curl

far=far$$ pod=pod$$ one=one$$ cri=io.kubernetes.cri
mkdir -p "$work/rootfs/bin" "$work/rootfs/proc" "$work/rootfs/dev" "$work/rootfs/sys" "$work/rootfs/tmp"
cp "$(command -v busybox)" "$work/rootfs/bin/"
for program in sh sleep ip ping ps ls cat; do ln -s busybox "$work/rootfs/bin/$program"; done
inside ip netns add $far
inside ip -n $far link set lo up

# A veth pair between the pod, whose process is PID, and another namespace: eth0 at once, eth1 when QEMU runs.
cat >"$work/hook" <<END
#!/bin/bash
exec 2>>$work/hook.err
export PATH=\$PATH:/usr/sbin:/sbin
state=\$(cat)
pid=\$(jq -r '.pid // 0' <<<"\$state")
echo "\$1 \$(jq -r '.status + " " + .id + " " + .bundle' <<<"\$state") \$((pid > 0))" >>$work/hooks
pair() { # NAME NET
	ip -n $far link add h\$1 type veth peer name \$1 netns \$pid
	ip -n $far addr add \$2.1/24 dev h\$1
	ip -n $far link set h\$1 up
	nsenter -t \$pid -n ip addr add \$2.2/24 dev \$1
	nsenter -t \$pid -n ip link set \$1 up
}
case \$1 in
createRuntime)
	pair eth0 10.88.7
	nsenter -t \$pid -n ip route add default via 10.88.7.1
	(until pgrep -f "name sandbox-$pod " >/dev/null; do sleep 0.05; done; pair eth1 10.88.8) >/dev/null </dev/null &
	;;
poststop) [ \$pid = 0 ] ;;
esac
END
chmod 755 "$work/hook"

# spec NAME FILTER - a specification whose root is the folder above.
spec() {
	inside "$containerd_bin/ctr" oci spec | jq --arg root "$work/rootfs" --arg cgroup "/$CONTAINERD_NAMESPACE/$1" \
		'.root = {path: $root} | .process.args = ["/bin/sleep", "1000"] | .process.terminal = false |
		.process.env = ["PATH=/bin"] | .linux.cgroupsPath = $cgroup | del(.process.oomScoreAdj) | '"$2" >"$work/$1.json"
}
moment() { jq -nc --arg path "$work/hook" --arg name "$1" '[{path: $path, args: ["hook", $name], env: ["PATH=/usr/bin:/bin"]}]'; }
hooks=$(for m in prestart createRuntime poststart poststop; do moment $m | jq -c --arg m $m '{($m): .}'; done | jq -sc add)
spec $pod ".hooks = $hooks | .annotations = {\"$cri.container-type\": \"sandbox\", \"$cri.sandbox-id\": \"$pod\"}"
ctr run -d --runtime "$runtime" --config "$work/$pod.json" $pod
pid_of_task() { ctr tasks ls | awk -v id="$1" '$1 == id { print $2 }'; }
pid=$(pid_of_task $pod)
guest() { # NAME COMMAND...
	local name=$1
	shift
	ctr tasks exec --exec-id "e$RANDOM$RANDOM" "$name" "$@"
}

note "its network"
sees() { [[ $(guest $pod ip -o addr) == *"10.88.7.2/24"*"10.88.8.2/24"* ]]; }
eventually 20 "both interfaces in the guest" sees
guest $pod ping -c 1 -W 5 10.88.7.1 >/dev/null
guest $pod ping -c 1 -W 5 10.88.8.1 >/dev/null
expect_match "the default route" 'default via 10\.88\.7\.1 dev eth0' "$(guest $pod ip route)"
expect "addresses of the pod on the host" 0 "$(inside ip -o addr | grep -c '10\.88\.[78]' || true)"

note "process $pid"
status() { inside sed -nE "s/^$1:\s*//p" "/proc/$pid/status"; }
expect "what it is shown as" "/bin/sleep 1000 " "$(inside cat "/proc/$pid/cmdline" | tr '\0' ' ')"
expect "its root" "" "$(inside ls -A "/proc/$pid/root/")"
expect "its folder" "" "$(inside ls -A "/proc/$pid/cwd/")"
expect "its descriptors" "" "$(inside ls -A "/proc/$pid/fd")"
expect "its mounts" 1 "$(inside cat "/proc/$pid/mountinfo" | wc -l)"
expect_status 1 inside touch "/proc/$pid/root/x" 2>/dev/null
for name in net pid ipc uts mnt; do
	[ "$(inside readlink "/proc/$pid/ns/$name")" != "$(inside readlink "/proc/self/ns/$name")" ] || fail "it has the host's namespace $name"
done
expect "its capabilities" "0000000000000000 0000000000000000 1" "$(status CapPrm) $(status CapBnd) $(status NoNewPrivs)"
expect_match "its cgroup" "/$CONTAINERD_NAMESPACE/kata_$pod" "$(inside cat "/proc/$pid/cgroup")"
memory=$(inside awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
note "it takes $memory KiB"
((memory <= 32)) || fail "it takes $memory KiB"
expect_match "its list of processes" "$pid" "$(ctr tasks ps $pod)"
network=$(inside readlink "/proc/$pid/ns/net")
inside kill -TERM "$pid"
inside kill -KILL "$pid"
expect "the container without it" alive "$(guest $pod sh -c 'echo alive')"
expect_match "its state" "$pod +$pid +RUNNING" "$(ctr tasks ls)"

note "members"
member() { # NAME FILTER
	spec "$1" "$2 | .annotations += {\"$cri.container-type\": \"container\", \"$cri.sandbox-id\": \"$pod\"}"
	ctr run -d --runtime "$runtime" --config "$work/$1.json" "$1"
}
refused() { # WHAT REASON NAME FILTER
	local what=$1 reason=$2 said
	shift 2
	said=$(member "$@" 2>&1) && fail "$what was not refused"
	expect_match "$what" "$reason" "$said"
	ctr containers delete "$1"
}
at() { echo ".linux.namespaces |= map(if .type == \"$1\" then .path = \"$2\" else . end)"; }
without() { echo ".linux.namespaces |= map(select(.type != \"$1\"))"; }
member $one '.process.args = ["/bin/sleep", "1001"]'
first=$(pid_of_task $one)
expect "the pod's network" "$network" "$(inside readlink "/proc/$first/ns/net")"
member two$$ "$(at pid "/proc/$first/ns/pid") | $(at network "/proc/$first/ns/net") | $(at ipc "/proc/$first/ns/ipc")"
expect_match "processes of the container that was joined" '1 .*sleep 1001' "$(guest two$$ ps)"
expect "its files" busybox "$(guest two$$ ls /proc/1/root/bin/busybox | sed 's/.*bin.//')"
[[ $(guest $one ps) == *"sleep 1001"* ]] || fail "the first has lost its processes"

note "what an engine writes between Create and Start"
echo "127.0.0.1 localhost" >"$work/hosts"
mount='{destination: "/hosts", type: "bind", source: "'$work/hosts'", options: ["rbind", "ro"]}'
spec hosts$$ ".process.args = [\"/bin/cat\", \"/hosts\"] | .mounts += [$mount] |
	.annotations += {\"$cri.container-type\": \"container\", \"$cri.sandbox-id\": \"$pod\"}"
ctr containers create --runtime "$runtime" --config "$work/hosts$$.json" hosts$$
call_tasks Create "$(field 1 hosts$$)$(field 5 "file://$work/hosts.out")"
echo "172.17.0.2 box" >>"$work/hosts"
call_tasks Start "$(field 1 hosts$$)"
eventually 20 "it to stop" has_ended hosts$$
ctr tasks delete hosts$$ >/dev/null
ctr containers delete hosts$$
expect "what the container reads" "$(cat "$work/hosts")" "$(cat "$work/hosts.out")"

refused "a cgroup of others" "is not the pod's" cgroup$$ '.linux.cgroupsPath = "/elsewhere'$$'/x"'
refused "a network of others" "is not the pod's" network$$ "$(at network /run/netns/$far)"
refused "processes of others" "of no container of this pod" pid$$ "$(at pid /proc/1/ns/pid)"
refused "annotations of two engines" "two container managers" mixed$$ \
	'.annotations = {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.SandboxID": "mine"}'
CONTAINERD_NAMESPACE=other$$ refused "a container of another engine's" "it is of the namespace" foreign$$ .

note "what is the host's"
single() { # WHAT REASON FILTER
	local said
	spec "single$$" "$3"
	said=$(ctr run -d --runtime "$runtime" --config "$work/single$$.json" single$$ 2>&1) && fail "$1 was not refused"
	expect_match "$1" "$2" "$said"
	ctr containers delete single$$
	eventually 10 "everything to go" nothing_left single$$
}
single "the host's network" 'the network of the host' "$(without network)"
single "the host's processes" 'the processes of the host' "$(without pid)"
single "the network of another container" 'of another container' "$(at network "/proc/$first/ns/net")"
single "a hook in the container" 'createContainer' ".hooks = {createContainer: $(moment x)}"
single "a hook that fails" "createRuntime hook '/bin/false': it ended with status 1" '.hooks = {createRuntime: [{path: "/bin/false"}]}'

note "the end"
for name in two$$ $one $pod; do
	number=$(pid_of_task "$name")
	ctr tasks kill --signal KILL "$name"
	eventually 20 "'$name' to stop" has_ended "$name"
	inside test -e "/proc/$number" && fail "the process of '$name' is still there"
	ctr tasks delete "$name" >/dev/null 2>&1 || true
	ctr containers delete "$name"
	eventually 10 "everything to go" nothing_left "$name"
done
bundle=$(sed -n '1s/^prestart creating [^ ]* \([^ ]*\) 1$/\1/p' "$work/hooks")
expect "hooks" "prestart creating $pod $bundle 1
createRuntime creating $pod $bundle 1
poststart running $pod $bundle 1
poststop stopped $pod $bundle 0" "$(grep " $pod " "$work/hooks")"
passed
