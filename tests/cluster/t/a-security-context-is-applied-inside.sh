#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# twin: runc
#
# User, groups, capabilities, seccomp, no_new_privs, read-only root, sysctl, hostname: as asked for.  What
# an engine masks and protects is so for root, too.
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
- name: root
  image: "$image"
  securityContext: {runAsUser: 0, runAsGroup: 0}
  command:
  - sh
  - -c
  - |
    for file in kcore keys timer_list sched_debug; do [ ! -e /proc/\$file ] || [ -c /proc/\$file ] || echo /proc/\$file is not masked; done
    for folder in /proc/acpi /proc/scsi /sys/firmware; do ls -A \$folder 2>/dev/null | sed "s,^,in \$folder is ,"; done
    for file in sysrq-trigger sys/kernel/domainname; do [ ! -e /proc/\$file ] || (echo h >/proc/\$file) 2>&1 | grep -q 'Read-only file system' || echo /proc/\$file can be written; done
    find /proc/kcore /proc/keys /proc/timer_list -maxdepth 0 2>/dev/null | sed 's/^/looked at /'
END
ended strict Succeeded
wanted=(1234 2345 "2345 3456" /tmp box7 0000000000000000 1 2 "30000 40000" read-only)
# With runc a container may have ended before its last lines are in the log.
are_said() { mapfile -t lines < <(k logs strict -c c) && [ ${#lines[@]} = ${#wanted[@]} ]; }
eventually 30 "${#wanted[@]} lines" are_said
for i in "${!wanted[@]}"; do
	expect "line $i" "${wanted[i]}" "${lines[i]}"
done
is_looked_at() { k logs strict -c root >"$work/root" && grep -q '^looked at' "$work/root"; }
eventually 30 "a look at what could be masked" is_looked_at
expect "what is not protected from root" "" "$(grep -v '^looked at' "$work/root")"
passed
