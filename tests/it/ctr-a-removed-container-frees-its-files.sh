#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# A container of a pod that ends, is removed and comes again, each time with some megabytes written to its root and to a volume of its
# own: nothing of the ended one is held by virtiofsd, no descriptor and so no space on the disk, while the pod goes on.
. "$(dirname "$0")/testing.sh"

pod=pod$$ rounds=2 size_mib=24
cri=io.kubernetes.cri
mkdir -p "$work/volume"
ctr run -d --runtime "$runtime" --annotation $cri.container-type=sandbox --annotation $cri.sandbox-id=$pod "$image" $pod sleep 1000

stopped() { [[ $(ctr tasks ls) =~ $1\ +[0-9]+\ +STOPPED ]]; }
daemons() { inside pgrep virtiofsd; }
descriptors() { daemons | while read -r pid; do inside ls -l "/proc/$pid/fd"; done 2>/dev/null; }
round() { # NUMBER
	local name=member$1-$$
	ctr run -d --runtime "$runtime" --annotation $cri.container-type=container --annotation $cri.sandbox-id=$pod \
		--mount "type=bind,src=$work/volume,dst=/volume,options=rbind:rw" "$image" "$name" \
		sh -c "mkdir /many; for i in \$(seq 100); do echo x >/many/\$i; done; dd if=/dev/zero of=/big bs=1M count=$size_mib 2>&1
			cat /big /many/* >/dev/null; touch /volume/$1"
	eventually 120 "container $1 to end" stopped "$name"
	ctr tasks delete "$name" >/dev/null
	ctr containers delete "$name"
	! inside grep -F "/$name" /proc/mounts || fail "mounts of a removed container stay"
}

alone=$(descriptors | wc -l)
for ((i = 1; i <= rounds; i++)); do
	round $i
	note "virtiofsd's descriptors: $(descriptors | wc -l)"
done
expect "files of the volume" "$rounds" "$(find "$work/volume" -type f | wc -l)"
# The guest is told to let go of what it remembers: it holds what it held before the first of them.
is_as_before() {
	[ "$(descriptors | wc -l)" -le "$alone" ] || {
		descriptors | awk '{print $NF}' | sort | uniq -c | sort -rn | head -n 20
		return 1
	}
}
eventually 10 "virtiofsd to hold no more than before, $alone descriptors" is_as_before
expect "files held of ended containers" 0 "$(descriptors | grep -cE '/(big|many)' || true)"
ctr tasks kill --signal KILL $pod
eventually 20 "the pod to stop" stopped $pod
ctr tasks delete $pod >/dev/null 2>&1 || true
ctr containers delete $pod
eventually 10 "everything to go" nothing_left $pod
passed
