#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# variants: NODE=n2
# variants.full: NODE=n1
#
# A pod starts, its log line arrives, and its kernel is not the node's but the guest's.
. "$(dirname "$0")/../testing.sh"

pod hello <<END
restartPolicy: Never
containers:
- {name: c, image: "$image", command: [sh, -c, "echo hello from \$(uname -r)"]}
END
ended hello Succeeded
kernel=$(k logs hello | sed -n 's/^hello from //p')
note "node runs $(uname -r), the pod runs $kernel"
if [ "$runtime_class" = runc ]; then
	expect "kernel under runc" "$(uname -r)" "$kernel"
else
	expect_match "kernel of the pod" '^[0-9]+\.[0-9]+' "$kernel"
	[ "$kernel" != "$(uname -r)" ] || fail "the pod runs on the node's kernel"
fi
passed
