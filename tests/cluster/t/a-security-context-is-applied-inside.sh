#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# User, groups, capabilities, seccomp, no_new_privs, read-only root, sysctl, hostname: as asked for.
. "$(dirname "$0")/../testing.sh"

pod strict <<END
restartPolicy: Never
hostname: box7
securityContext: {runAsUser: 1234, runAsGroup: 2345, supplementalGroups: [3456], seccompProfile: {type: RuntimeDefault}, sysctls: [{name: net.ipv4.ip_local_port_range, value: "30000 40000"}]}
containers:
- name: c
  image: "$image"
  workingDir: /tmp
  securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
  command:
  - sh
  - -c
  - |
    id -u; id -g; id -G; pwd; hostname
    sed -n 's/^CapEff:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp:\t//p' /proc/self/status
    tr '\t' ' ' < /proc/sys/net/ipv4/ip_local_port_range
    touch /file 2>/dev/null && echo writable || echo read-only
    cat /proc/kcore >/dev/null 2>&1 && head -c 1 /proc/kcore | wc -c || echo masked
END
ended strict Succeeded
mapfile -t lines < <(k logs strict)
wanted=(1234 2345 "2345 3456" /tmp box7 0000000000000000 1 2 "30000 40000" read-only)
for i in "${!wanted[@]}"; do
	expect "line $i" "${wanted[i]}" "${lines[i]}"
done
passed
