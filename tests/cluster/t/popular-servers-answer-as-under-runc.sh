#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 1800
# variants: POD=web POD=data POD=code POD=systemd POD=rabbitmq
#
# Servers and tools that people run in pods start, serve, restart and keep their data in a guest as they do under
# runc beside it: servers/ask starts and asks each, servers/answers says what is right.  By hand, SERVERS='git|go'
# asks only these.  A variant is a pod of the table.
#
# Programs lie at fixed addresses (setarch -R), under both: QEMU keeps what it translated by its address, and would
# translate each process anew.
#
# RabbitMQ's Erlang looks for each of its modules in a hundred folders, of which nearly all say no by way of
# virtiofsd: 255 s on an emulated guest with the machine for itself, over 600 s beside others.  Where that is the
# reason, and only there, its row is skipped.
. "$(dirname "$0")/../testing.sh"
servers=$top/tests/cluster/servers
need_image test-servers servers
k create configmap ask --from-file="$servers/ask" >/dev/null

rows() { sed -n 's/^== //p' "$servers/answers" | grep -E "^${POD:-.*} (${SERVERS:-.*})\$"; }
answer() { # POD NAME
	awk -v head="== $1 $2" '$0 == head { on = 1; next } /^== / { on = 0 } on' "$servers/answers"
}

server_pod() { # NAME CLASS COMMAND PRIVILEGED
	pod "$1-$2" "$2" <<-END
		containers:
		- name: c
		  image: kata.test/servers:1
		  command: $3
		  securityContext: {privileged: $4}
		  resources: {limits: {memory: 2Gi, cpu: "2"}, requests: {cpu: 100m}}
		  volumeMounts: [{name: data, mountPath: /data}, {name: ask, mountPath: /ask}]
		volumes: [{name: data, emptyDir: {}}, {name: ask, configMap: {name: ask}}]
	END
}

start_pods() { # NAME
	local command='[sleep, "100000"]' privileged=false class
	[ "$1" != systemd ] || command='[sh, -c, ": >/etc/machine-id; exec setarch -R /sbin/init"]' privileged=true # no first boot, which enables all
	for class in kata runc; do
		server_pod "$1" $class "$command" $privileged
	done
	ready "$1-kata" 120
	ready "$1-runc" 120
}

asked() { # POD CLASS NAME - standard output; the rest is for whoever reads the log
	timeout 1000 "$cluster" kubectl -n "$namespace" exec "$1-$2" -c c -- setarch -R bash /ask/ask "$3" 2>"$work/stderr" || {
		echo "status $?"
		tail -n 5 "$work/stderr"
	}
}

# Whether this is the answer of a server that is still starting, where there is no KVM.
is_too_slow() { # ANSWER
	[[ $1 == *"gave up waiting for"* ]] && ! on_node test -c /dev/kvm
}

wrong=0 too_slow=''
compare() { # POD NAME
	local class got wanted began
	wanted=$(answer "$1" "$2")
	for class in runc kata; do
		began=$SECONDS
		got=$(asked "$1" $class "$2")
		note "$2 under $class answered in $((SECONDS - began)) s"
		[ "$2-$class" != rabbitmq-kata ] || ! is_too_slow "$got" || {
			too_slow="an emulated guest did not start RabbitMQ in $((SECONDS - began)) s"
			continue
		}
		[ "$got" = "$wanted" ] || {
			printf 'WRONG: %s under %s: wanted\n%s\ngot\n%s\n' "$2" $class "$wanted" "$got"
			wrong=$((wrong + 1))
		}
	done
}

last=
while read -r group name; do
	if [ "$group" != "$last" ]; then
		[ -z "$last" ] || k delete pod "$last-kata" "$last-runc" --grace-period=2 --wait=false >/dev/null
		start_pods "$group"
		last=$group
	fi
	compare "$group" "$name"
done < <(rows)
[ $wrong = 0 ] || fail "$wrong answers are wrong"
[ -z "$too_slow" ] || skip "$too_slow"
passed
