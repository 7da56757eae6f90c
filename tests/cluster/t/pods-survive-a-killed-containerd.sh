#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: NODE=n1
# variants.full: NODE=n2
#
# containerd is killed and comes back: the pod keeps its container, exec and logs work, a new pod starts.
. "$(dirname "$0")/../testing.sh"

pod ticker <<END
containers:
- {name: c, image: "$image", command: [sh, -c, "n=0; while :; do echo tick \$n; n=\$((n + 1)); sleep 0.5; done"]}
END
ready ticker
before=$(field ticker '.status.containerStatuses[0].containerID')
on_node kill -KILL "$(on_node cat /run/node/containerd.pid)"
on_node systemctl start containerd
answers() { [ "$(in_pod ticker echo alive)" = alive ]; }
eventually 60 "exec to work again" answers
expect "container" "$before" "$(field ticker '.status.containerStatuses[0].containerID')"
expect "restarts" 0 "$(field ticker '.status.containerStatuses[0].restartCount')"
last=$(k logs ticker --tail=1 | cut -d' ' -f2)
later() { [ "$(k logs ticker --tail=1 | cut -d' ' -f2)" -gt "$last" ]; }
eventually 30 "the log to go on" later
first=$(k logs ticker | sed -n 1p)
expect "first line of the log" "tick 0" "$first"
sleeper newcomer
passed
