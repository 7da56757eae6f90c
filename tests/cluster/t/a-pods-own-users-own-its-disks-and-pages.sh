#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
#
# hostUsers: false with what the guest makes or mounts itself: huge pages, an emptyDir that is a disk and a part of it, a
# direct volume; a configMap and a part of it.  Root of the pod owns them and what it makes there, in both containers,
# and on the disk the owners are those inside.  (Kubernetes allows no volumeDevices
# there.)
. "$(dirname "$0")/../testing.sh"
[ "$runtime_class" != runc ] || skip "runc of Debian 12 has no mapped mounts"
[ "$(cat "$node_root/../containerd")" != 1 ] || skip "containerd 1 has no pods with users of their own"
require mkfs.ext4 debugfs

class=$("$cluster" kubectl get runtimeclass "$runtime_class" -o 'jsonpath={.handler}')
own=$node_root/srv/$namespace
mkdir -p "$own/direct" "$own/huge"
cleanup rm -rf --one-file-system "$own"
truncate -s 64M "$work/direct.img"
mkfs.ext4 -q -F "$work/direct.img"
loop_device() { # FILE
	loop=$(losetup -f --show "$1") || skip "no loop device is free"
	cleanup losetup -d "$loop"
}
loop_device "$work/direct.img"
direct=$loop
on_node /opt/kata/bin/kata-runtime direct-volume add --volume-path "/srv/$namespace/direct" \
	--mount-info "{\"volume-type\":\"block\",\"device\":\"$direct\",\"fstype\":\"ext4\"}"
on_node mount -t hugetlbfs -o pagesize=2M none "/srv/$namespace/huge" || skip "the node has no hugetlbfs"
cleanup on_node umount "/srv/$namespace/huge"
drop_in=$node_root/etc/kata-containers/$class/config.d/99-test.toml
mkdir -p "${drop_in%/*}"
printf '[runtime]\nemptydir_mode = "block-plain"\n' >"$drop_in"
cleanup rm -f "$drop_in"
k create -f - >/dev/null <<END
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: value}
END
pod users <<END
hostUsers: false
volumes:
- {name: disk, emptyDir: {}}
- {name: huge, hostPath: {path: /srv/$namespace/huge}}
- {name: direct, hostPath: {path: /srv/$namespace/direct}}
- {name: settings, configMap: {name: settings}}
containers:
- name: c
  image: "$image"
  command: [sleep, "100000"]
  volumeMounts: &mounts
  - {name: disk, mountPath: /disk}
  - {name: disk, mountPath: /part, subPath: part}
  - {name: huge, mountPath: /huge}
  - {name: direct, mountPath: /direct}
  - {name: settings, mountPath: /settings}
  - {name: settings, mountPath: /one, subPath: a}
- {name: d, image: "$image", command: [sleep, "100000"], volumeMounts: *mounts}
END
ready users 120
expect "the file systems" "/direct ext4,/disk ext4,/huge hugetlbfs,/part ext4" \
	"$(in_pod users awk '$2 ~ "^/(disk|part|huge|direct)$" { print $2, $3 }' /proc/mounts | sort | paste -sd,)"
for c in c d; do
	expect "the owners in $c" "/disk 0 0,/part 0 0,/huge 0 0,/direct 0 0,/settings/a 0 0,/one 0 0" \
		"$(k exec users -c $c -- stat -L -c '%n %u %g' /disk /part /huge /direct /settings/a /one | paste -sd,)"
done
in_pod users sh -c 'for v in /disk /part /huge /direct; do touch $v/of-root && touch $v/of-seven && chown 7:8 $v/of-seven || echo $v; done; sync'
expect "what it made, as the other sees it" "0 0,7 8,0 0,7 8,0 0,7 8,0 0,7 8" \
	"$(k exec users -c d -- sh -c 'for v in /disk /part /huge /direct; do stat -c "%u %g" $v/of-root $v/of-seven; done' | paste -sd,)"
k delete pod users --wait --timeout=60s >/dev/null
expect_match "the owner on the disk" 'User: +7 +Group: +8' "$(debugfs -R 'stat /of-seven' "$work/direct.img" 2>/dev/null)"
passed
