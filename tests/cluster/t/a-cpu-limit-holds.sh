#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A container that spins for six seconds under a limit of 300m gets about 1.8 s of processor time.  Its control group
# is the top of what it sees, with its limits, as with cgroups v2 everywhere: runtimes count their threads by it.
. "$(dirname "$0")/../testing.sh"

pod spinner <<END
restartPolicy: Never
containers:
- name: c
  image: "$image"
  resources: {limits: {cpu: 300m, memory: 64Mi}}
  command:
  - sh
  - -c
  - |
    echo "group \$(cat /proc/self/cgroup) \$(cd /sys/fs/cgroup && cat cpu.max memory.max cpu.weight | tr '\n' ' ')"
    timeout 6 sh -c 'while :; do :; done'
    awk '{ print "ticks", \$16 + \$17 }' /proc/self/stat
    awk '{ print "ticks", \$14 + \$15 + \$16 + \$17 }' /proc/1/stat
END
ended spinner Succeeded
[ "$runtime_class" = runc ] || expect "its control group" "group 0::/ 30000 100000 67108864 12 " "$(k logs spinner | grep '^group')"
ticks=$(k logs spinner | awk '$1 == "ticks" { n = $2 } END { print n }')
note "6 s of spinning took $ticks ticks of 10 ms"
[ "$ticks" -ge 60 ] || fail "$ticks ticks: far less than the limit allows"
# 600 without a limit.  A guest whose processors wait for the host's counts that as time of its process.
[ "$ticks" -le 450 ] || fail "$ticks ticks: the limit of 300m does not hold"
passed
