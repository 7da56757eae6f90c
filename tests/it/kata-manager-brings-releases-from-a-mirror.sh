#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# variants: SERVER=wrong
# variants.full: SERVER=slow
#
# kata-manager takes releases from a mirror: the newest that is not withdrawn, or the one that is named; of an upgrade
# only the files that differ, while the others are shared; on from where a cut was, in the next run as well; over https
# and a proxy.  Whatever the server does wrong (tests/it/mirror-server.py has the list), whoever signed the index or did
# not: a version is there as a whole or not at all.  In the slow variant: one that trickles is left after some minutes,
# wherever it does so.
#
# The releases are small and boot nothing, the machine's folders and its network are this test's own.
[ -n "${KATA_OWN_SPACE:-}" ] || KATA_OWN_SPACE=1 exec unshare --mount --net --propagation private "$0" "$@"
. "$(dirname "$0")/../lib.sh"
require_root
require jq minisign python3 openssl zstd ip mkfs.xfs filefrag
manager=${KATA_BUILD_DIR:-$top/build/dev}/bin/kata-manager
[ -x "$manager" ] || fail "no $manager; ./dev build makes it"
ip link set lo up
mkdir -p /etc/kata-containers /opt /var/cache
for folder in /run /opt /usr/local/bin /etc/kata-containers /var/cache; do
	mount -t tmpfs -o mode=755 tmpfs "$folder"
done
unset KATA_MANAGER_MIRROR KATA_MANAGER_KEY KATA_WITHDRAWN SSL_CERT_FILE KATA_MANAGER_CA_FILE http_proxy https_proxy
export KATA_PACK_LEVEL=1
mirror=$work/mirror
mkdir -p "$mirror" "$work/tree/opt/kata"

# release VERSION - what is in the tree, packed and signed.
release() {
	(
		cd "$work/tree/opt/kata"
		rm -f MANIFEST MANIFEST.minisig
		{
			printf 'kata-manifest 1\nversion %s\narch %s\n' "$1" "$(uname -m)"
			find . -type f -printf '%P\n' | sort | while read -r path; do
				echo "file $(stat -c '%a %s' "$path") $(sha256sum <"$path" | cut -d' ' -f1) $path"
			done
		} >"$work/manifest"
		echo "digest $(sha256sum <"$work/manifest" | cut -d' ' -f1)" >>"$work/manifest"
		cp "$work/manifest" MANIFEST
		minisign -S -s "$work/ours.key" -m MANIFEST -t "release $1" >/dev/null
		cd ../..
		{ printf '%s\n' opt/kata/MANIFEST opt/kata/MANIFEST.minisig; find opt -type f ! -name 'MANIFEST*' | sort; } |
			tar --format=ustar --no-recursion --owner=0 --group=0 -cf "$work/tar" -T -
	)
	"$top/packaging/release/frames.sh" "$work/tar" "$mirror/kata-static-$1-amd64"
}
index() { KATA_SIGN_KEY=$work/ours.key "$top/packaging/release/mirror.sh" "$mirror" "$@" >/dev/null; }
random() { head -c "$1" /dev/urandom; }

serve() { # FOLDER PORT-FILE [CERTIFICATE KEY]
	"$top/tests/it/mirror-server.py" "$@" &
	cleanup kill $!
	eventually 20 "a server" test -s "$2"
}
at() { echo "http://127.0.0.1:$(cat "$work/port")/$1"; }
km() { timeout 120 "$manager" "$@"; }
install() { km install --engines=none --key "$work/ours.pub" "$@"; }
current() { km status -o json | jq -r '.current // "nothing"'; }
forget() { rm -rf /opt/kata /var/cache/kata-manager; }
frame() { awk -v path="$2" '$1 == "frame" && $4 == path { print $2 }' "$mirror/kata-static-$1-amd64.frames"; }
size() { stat -c %s "$mirror/kata-static-$1-amd64.tar.zst"; }

note "two releases, of which one file differs"
for key in ours theirs; do
	minisign -G -W -f -p "$work/$key.pub" -s "$work/$key.key" >/dev/null
done
cd "$work/tree/opt/kata"
mkdir -p bin share/kata-containers share/defaults/kata-containers
cp "$top/runtime/config/configuration-qemu.toml" share/defaults/kata-containers/
random 3000000 >bin/qemu-system-x86_64
random 300000 >bin/containerd-shim-kata-v2
random 2500000 >share/kata-containers/vmlinux.container
chmod 755 bin/*
release 9.0.0
random 400000 >bin/containerd-shim-kata-v2
release 9.1.0
cd "$work"
index
serve "$mirror" "$work/port"
km config set --engines=none hypervisor.qemu.allow_emulation true 2>/dev/null || km config set hypervisor.qemu.allow_emulation true

# trickles WORD - an installation from a server that does WORD ends in time and leaves nothing.  It has folders of its own,
# as each takes minutes.
trickles() {
	local status=0 began=$SECONDS own=$work/own.$1
	mkdir -p "$own/links"
	KATA_LOCKS="$own/lock" timeout 400 "$manager" install 9.0.0 --engines=none --key "$work/ours.pub" --mirror "$(at "$1")" \
		--root "$own/kata" --link-dir "$own/links" --config-dir /etc/kata-containers --cache-dir "$own/cache" >"$own/out" 2>&1 ||
		status=$?
	echo "$1: status $status after $((SECONDS - began)) s: $(cat "$own/out")"
	[[ $status = [14] && $(cat "$own/out") =~ 'given up after 5 tries'|'no answer to '.*' in time' ]] && [ ! -e "$own/kata/versions" ]
}
if [ "${SERVER:-}" = slow ]; then
	note "a server that trickles is left"
	tricklers=() left=0
	for word in trickles all-trickles all-murmurs all-drips; do
		trickles $word &
		tricklers+=($!)
	done
	for trickler in "${tricklers[@]}"; do
		wait "$trickler" || left=1
	done
	[ $left = 0 ] || fail "a server that trickles is not left as it should be"
	exit 0
fi

note "nobody is asked who was not named, and nothing is taken that is not signed"
expect_status 2 km install
expect_status 2 km list --available
expect "requests" "" "$(cat "$work/port.log")"
expect_status 4 km install --mirror "$(at good)"
expect_match "what would help" "--insecure-unsigned" "$(km install --mirror "$(at good)" 2>&1 || true)"
expect_status 4 km install --mirror "$(at good)" --key "$work/theirs.pub"
mv "$mirror/kata-index.minisig" "$work/signature"
expect_status 4 install --mirror "$(at good)"
mv "$work/signature" "$mirror/kata-index.minisig"
sed -i 's/^serial 1$/serial 2/' "$mirror/kata-index"
expect_status 4 install --mirror "$(at good)"
sed -i 's/^serial 2$/serial 1/' "$mirror/kata-index"
expect "what is there" "" "$(ls -A /opt)"

note "the first installation, and an upgrade of which only what differs is moved"
export KATA_MANAGER_MIRROR
KATA_MANAGER_MIRROR=$(at good)
expect "what there is" "9.0.0 available 9.1.0 available" \
	"$(km list --available --key "$work/ours.pub" -o json | jq -r '[.items[] | "\(.version[:5]) \(.state)"] | sort | join(" ")')"
expect_status 6 km plan 9.0.0 --engines=none --key "$work/ours.pub"
expect "the cache after a plan" "" "$(ls -A /var/cache)"
install 9.0.0 -o json >"$work/result"
first=$(current)
expect_match "the version" '^9\.0\.0-' "$first"
expect "the cache after an installation" "" "$(ls -A /var/cache)"
moved=$(jq .bytesMoved "$work/result")
[ "$moved" -lt $(($(size 9.0.0) + 8192)) ] || fail "$moved bytes were moved of an archive of $(size 9.0.0)"
expect "again: nothing" "0 0" "$(km install 9.0.0 --engines=none -o json | jq -r '"\(.steps) \(.writes)"')"
km upgrade --engines=none -o json >"$work/result"
expect_match "the version" '^9\.1\.0-' "$(current)"
moved=$(jq .bytesMoved "$work/result")
echo "an upgrade with one changed file of $(frame 9.1.0 bin/containerd-shim-kata-v2) bytes moved $moved"
[ $((moved * 10)) -le $(($(frame 9.1.0 bin/containerd-shim-kata-v2) * 11)) ] || fail "that is more than 1.1 of the file"
expect "saved" $(($(size 9.1.0) - moved)) "$(jq .bytesSaved "$work/result")"
for version in "$first" "$(current)"; do
	km verify "$version"
done
km rollback
expect "gone back" "$first" "$(current)"

# of_both FILE FORMAT... - what stat says of it in both versions, each answer once.
of_both() { stat -c "$2" /opt/kata/versions/*/"$1" | sort -u; }
note "what both versions have is one file of two names"
expect "the hypervisor's file" "$(of_both bin/qemu-system-x86_64 '%i 2')" "$(of_both bin/qemu-system-x86_64 '%i %h')"
expect "files of the shim" 2 "$(of_both bin/containerd-shim-kata-v2 %i | wc -l)"

note "where a file system shares blocks, damage to one version is none to the other"
truncate -s 400M "$work/disk"
mkfs.xfs -q -m reflink=1 "$work/disk"
mount -o loop "$work/disk" /opt
cleanup umount /opt
install 9.0.0 >/dev/null
sync -f /opt
used=$(df --output=used -B1 /opt | tail -n 1)
km upgrade --engines=none >/dev/null
sync -f /opt
used=$(($(df --output=used -B1 /opt | tail -n 1) - used))
[ "$used" -lt 1000000 ] || fail "of a release of $(size 9.1.0) bytes, of which 400,000 are others, the disk has $used"
expect "files of the hypervisor" 2 "$(of_both bin/qemu-system-x86_64 '%i' | wc -l)"
expect "the names of each" 1 "$(of_both bin/qemu-system-x86_64 '%h')"
expect_match "its blocks" "shared" "$(filefrag -v /opt/kata/current/bin/qemu-system-x86_64)"
echo damage | dd of="$(echo /opt/kata/versions/9.0.0-*/bin/qemu-system-x86_64)" conv=notrunc status=none
km verify "$(current)"
expect_status 6 km verify "$first"
umount /opt

note "a version that is withdrawn"
index withdraw 9.1.0 "guests could read the host"
expect "what there is" "9.1.0 withdrawn" "$(km list --available -o json | jq -r '.items[] | select(.withdrawn) | "\(.version[:5]) withdrawn"')"
expect "the machine knows when it asks" "$first" "$(install -o json | jq -r .version)"
expect_match "what the audit says" "guests could read the host" "$(km audit -o wide || true)"
expect_status 4 km upgrade 9.1.0 --engines=none
forget
install >/dev/null
expect "the newest" "$first" "$(current)"
expect_status 4 install 9.1.0
expect_match "why" "guests could read the host" "$(install 9.1.0 2>&1 || true)"
install 9.1.0 --allow-withdrawn >/dev/null
expect_match "the version" '^9\.1\.0-' "$(current)"
expect_status 4 install 5.0.0

note "a folder as a mirror, an archive by its URL, and one whose folder has no index"
forget
install 9.0.0 --from "$mirror" >/dev/null
expect "the version" "$first" "$(current)"
forget
install --from "$(at good)/kata-static-9.0.0-amd64.tar.zst" >/dev/null
expect "the version" "$first" "$(current)"
forget
mkdir "$work/plain" && cp "$mirror/kata-static-9.0.0-amd64.tar.zst" "$work/plain"
serve "$work/plain" "$work/plain.port"
plain=http://127.0.0.1:$(cat "$work/plain.port")
install --from "$plain/good/kata-static-9.0.0-amd64.tar.zst" >/dev/null
expect "the version" "$first" "$(current)"
expect_status 4 install --mirror "$plain/good"

# lie WORD STATUS TEXT - an installation from a server that does WORD.  With 0 it is right all the same.
lie() {
	local status=0
	forget
	install 9.0.0 --mirror "$(at "$1")" >"$work/out" 2>&1 || status=$?
	[ $status = "$2" ] || fail "$1: status $status: $(cat "$work/out")"
	expect_match "what is said of $1" "$3" "$(cat "$work/out")"
	if [ "$2" = 0 ]; then
		expect "the version of $1" "$first" "$(current)"
	else
		expect "what $1 leaves" "" "$(ls -A /opt)"
	fi
}

note "a server that lies"
lie cuts 0 "moved"
lie no-ranges 0 "moved"
lie no-ranges-cuts 0 "moved"
lie moved 0 "moved"
lie busy 0 "moved"
lie long 4 "bytes, not the"
lie other 1 "not what the index says"
lie shifted 4 "the answer begins at byte"
lie file 4 "not where a mirror may send"
lie round 4 "redirected more than"
lie 416 4 "shorter than it should be"
lie packed 4 "packed .gzip."
lie endless 4 "not what the index says"
lie all-endless 4 "more than 1048576 bytes"

note "a cut that ends the run: the next one goes on"
forget
expect_status 1 install 9.0.0 --mirror "$(at gone)"
came=$(stat -c %s /var/cache/kata-manager/*)
[ "$came" -gt 2000000 ] || fail "only $came bytes are left"
install 9.0.0 -o json >"$work/result"
expect "the version" "$first" "$(current)"
moved=$(jq .bytesMoved "$work/result")
[ "$moved" -lt $(($(size 9.0.0) - came + 8192)) ] || fail "$moved bytes were moved though $came were there"

note "https, and a proxy"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mirror -keyout "$work/tls.key" \
	-out "$work/tls.pem" -addext subjectAltName=IP:127.0.0.1 2>/dev/null
serve "$mirror" "$work/tls.port" "$work/tls.pem" "$work/tls.key"
https=https://127.0.0.1:$(cat "$work/tls.port")/good
forget
expect_status 4 install --mirror "$https"
expect_match "why" "ertificate" "$(install --mirror "$https" 2>&1 || true)"
expect_status 4 install --mirror "https://localhost:$(cat "$work/tls.port")/good" --ca-file "$work/tls.pem"
install --mirror "$https" --ca-file "$work/tls.pem" >/dev/null
expect "the version" "$first" "$(current)"
forget
http_proxy=http://127.0.0.1:$(cat "$work/port") install --mirror http://mirror.example/good >/dev/null
expect "the version" "$first" "$(current)"
http_proxy=http://127.0.0.1:1 expect_status 4 install --mirror "$(at good)"
http_proxy=http://127.0.0.1:1 no_proxy=127.0.0.1 install --mirror "$(at good)" >/dev/null

note "a folder without an index, and remove"
mkdir "$work/folder" && cp "$mirror"/*.tar.zst "$work/folder"
forget
expect_status 4 install --from "$work/folder"
install 9.0.0 --from "$work/folder" >/dev/null
expect "the version" "$first" "$(current)"
mkdir -p /var/cache/kata-manager && echo half >/var/cache/kata-manager/kata-static-9.1.0-amd64.tar.zst
km remove --yes
expect "what is left" "" "$(find /opt /var/cache -mindepth 1)"
