#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A container of a pod that ends, is removed and comes again, each time with some megabytes written to its root and to a volume of its
# own: nothing of the ended one is held by virtiofsd, no descriptor and so no space on the disk, while the pod goes on.
. "$(dirname "$0")/testing.sh"

pod=pod$$ rounds=4 size_mib=24
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
	eventually 60 "container $1 to end" stopped "$name"
	ctr tasks delete "$name" >/dev/null
	ctr containers delete "$name"
	! inside grep -F "/$name" /proc/mounts || fail "mounts of a removed container stay"
}

round 1
first=$(descriptors | wc -l)
for ((i = 2; i <= rounds; i++)); do
	round $i
	note "virtiofsd's descriptors: $(descriptors | wc -l)"
done
expect "files of the volume" "$rounds" "$(find "$work/volume" -type f | wc -l)"
[ "$(descriptors | wc -l)" -le $((first + 8)) ] ||
	fail "virtiofsd holds more than at first, $first: $(descriptors | awk '{print $NF}' | sort | uniq -c | sort -rn | head -n 20)"
expect "files held of ended containers" 0 "$(descriptors | grep -cE '/(big|many)' || true)"
ctr tasks kill --signal KILL $pod
eventually 20 "the pod to stop" stopped $pod
ctr tasks delete $pod >/dev/null 2>&1 || true
ctr containers delete $pod
eventually 10 "everything to go" nothing_left $pod
passed
