#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tier: full
# timeout: 600
#
# The Debian and RPM packages of a release: each file of its MANIFEST, and MANIFEST itself, is in exactly one of them,
# byte for byte, and nothing else lies below /usr/lib/kata-containers; they need one another in the very same version,
# and nothing of the machine; each has its licence, and what is in the PATH a manual page and completion.  Scripts are a
# few lines of a POSIX shell, or of rpm's own Lua.  With a key each is signed.  lintian has no complaint, and the same release gives the same bytes.
. "$(dirname "$0")/../lib.sh"

require dpkg-deb lintian rpmbuild rpm cpio dash minisign
dist=${KATA_DIST_DIR:-$top/build/dist}
[ -d "$dist/kata" ] || skip "no packed release; './dev package' makes one"
export KATA_PACK_LEVEL=1
version=$(cat "$top/VERSION")
mapfile -t names < <(sed -nE 's/^([a-z0-9-]+) *\|.*/\1/p' "$top/packaging/parts/packages")
expect "packages" "kata-agent-image kata-containers kata-hypervisor-qemu kata-manager kata-runtime kubectl-kata" \
	"$(printf '%s\n' "${names[@]}" | sort | paste -sd' ')"

note "built and signed"
minisign -G -W -f -p "$work/ours.pub" -s "$work/ours.key" >/dev/null
for kind in deb rpm; do
	KATA_SIGN_KEY=$work/ours.key "$top/packaging/$kind/build.sh" "$dist" "$work/$kind" >"$work/$kind.log"
	for file in "$work/$kind"/*."$kind"; do
		minisign -Vqm "$file" -p "$work/ours.pub" || fail "${file##*/} is not signed"
	done
done
deb() { echo "$work/deb/${1}_${version}"_*.deb; }
rpm_of() { echo "$work/rpm/${1}-${version}-1".*.rpm; }
query() { rpm -qp --nosignature "$@" 2>/dev/null; }
for name in "${names[@]}"; do
	mkdir -p "$work/tree/deb/$name" "$work/tree/rpm/$name"
	dpkg-deb -R "$(deb "$name")" "$work/tree/deb/$name"
	(cd "$work/tree/rpm/$name" && rpm2cpio "$(rpm_of "$name")" | cpio -idm --quiet)
done

note "each file once"
(cd "$dist/kata" && find . \( -type f -o -type l \) -printf '%P %y %m %l\n' | sort) >"$work/wanted"
for kind in deb rpm; do
	for name in "${names[@]}"; do
		[ ! -d "$work/tree/$kind/$name/usr/lib/kata-containers" ] ||
			(cd "$work/tree/$kind/$name/usr/lib/kata-containers" && find . \( -type f -o -type l \) -printf '%P %y %m %l\n')
	done | sort >"$work/got"
	diff "$work/wanted" "$work/got" || fail "$kind: the packages have not each file of the release once"
	for name in "${names[@]}"; do
		(cd "$work/tree/$kind/$name" && find usr -type f -path "usr/lib/kata-containers/*") | while read -r path; do
			cmp "$dist/kata/${path#usr/lib/kata-containers/}" "$work/tree/$kind/$name/$path"
		done
		find "$work/tree/$kind/$name" -mindepth 1 -maxdepth 1 ! -name usr ! -name DEBIAN | grep . &&
			fail "$kind: $name has something outside of /usr"
		grep -q 'Apache License' "$work/tree/$kind/$name"/usr/share/*/"$name"/copyright || fail "$kind: $name has no licence"
	done
done

note "what they need"
ours=$(printf '%s|' "${names[@]}")
for name in "${names[@]}"; do
	control=$work/tree/deb/$name/DEBIAN/control
	expect "fields of $name" "Architecture Description Installed-Size Maintainer Package Priority Section Source Version" \
		"$(sed -nE 's/^([A-Z][A-Za-z-]*):.*/\1/p' "$control" | grep -vE '^(Depends|Recommends)$' | sort | paste -sd' ')"
	sed -n 's/^Depends: //p' "$control" | tr ',' '\n' | sed 's/^ *//' | sort >"$work/needs.deb"
	! grep -qvE "^(${ours%|}) \(= $version\)$" "$work/needs.deb" || fail "$name needs something else: $(cat "$work/needs.deb")"
	query --requires "$(rpm_of "$name")" | sed -nE '/^rpmlib/d; s/^([^ ]+) = (.*)-1$/\1 (= \2)/p' | sort >"$work/needs.rpm"
	diff "$work/needs.deb" "$work/needs.rpm" || fail "$name needs something else as RPM"
	! query --requires "$(rpm_of "$name")" | grep -qvE "^rpmlib\(|^(${ours%|})( |$)" || fail "$name needs something of the machine"
	[ ! -e "$work/tree/deb/$name/DEBIAN/conffiles" ] || fail "$name has configuration of its own"
	(cd "$work/tree/deb/$name" && md5sum --quiet -c DEBIAN/md5sums)
	expect "files with a digest in $name" "$(cd "$work/tree/deb/$name" && find usr -type f | wc -l)" \
		"$(wc -l <"$work/tree/deb/$name/DEBIAN/md5sums")"
done
# A version is whole or not there: who starts it needs every part.
expect "what kata-runtime needs" "$(printf '%s\n' "${names[@]}" | grep -vxE 'kata-runtime|kata-containers' | sort | paste -sd' ')" \
	"$(sed -n 's/^Depends: //p' "$work/tree/deb/kata-runtime/DEBIAN/control" | tr ',' '\n' | sed 's/ *(.*//; s/^ *//' | sort | paste -sd' ')"

note "scripts"
find "$work"/tree/deb/*/DEBIAN -name '*inst' -o -name '*rm' | while read -r script; do
	expect "shell of $script" '#!/bin/sh' "$(head -n 1 "$script")"
	dash -n "$script"
	[ "$(wc -l <"$script")" -le 12 ] || fail "$script is long"
done
expect "the trigger" "interest-noawait /usr/lib/kata-containers" "$(cat "$work"/tree/deb/*/DEBIAN/triggers)"
expect "scripts of the RPM packages" "kata-runtime preun <lua>" "$(for name in "${names[@]}"; do
	query --qf "$name preun %{PREUNPROG}\n$name postun %{POSTUNPROG}\n$name pre %{PREINPROG}\n$name post %{POSTINPROG}\n" "$(rpm_of "$name")"
done | grep -v '(none)')"
expect "their trigger" "/usr/lib/kata-containers" "$(query --qf '[%{TRANSFILETRIGGERNAME}]' "$(rpm_of kata-runtime)")"

note "in the PATH"
for program in kata-runtime kata-manager kata-collect-data kubectl-kata; do
	for kind in deb rpm; do
		links=$(find "$work/tree/$kind"/*/usr/bin/"$program" -printf '%l\n')
		expect_match "$program of $kind" "^(\.\./lib/kata-containers|/opt/kata)/bin/$program$" "$links"
		zcat "$work/tree/$kind"/*/usr/share/man/man[18]/"$program".[18].gz | grep -q '^\.SH NAME' || fail "$kind: no manual page of $program"
	done
done
for program in kata-manager kata-collect-data kata-runtime kubectl-kata; do
	for path in bash-completion/completions/$program fish/vendor_completions.d/$program.fish; do
		grep -q "$program __complete" "$work"/tree/{deb,rpm}/*/usr/share/"$path" || fail "no $path"
	done
	grep -q "^#compdef $program" "$work/tree/deb"/*/usr/share/zsh/vendor-completions/_$program
	grep -q "^#compdef $program" "$work/tree/rpm"/*/usr/share/zsh/site-functions/_$program
done

note "lintian"
lintian --allow-root --no-cfg --fail-on error,warning,pedantic "$work"/deb/*.deb >"$work/complaints" 2>&1 || { cat "$work/complaints"; fail "lintian complains"; }
! grep -qE '^[EW]:' "$work/complaints" || fail "$(cat "$work/complaints")"

note "the same bytes"
for kind in deb rpm; do
	"$top/packaging/$kind/build.sh" "$dist" "$work/again/$kind" kata-runtime kata-containers >/dev/null
	(cd "$work/again/$kind" && sha256sum ./*."$kind") >"$work/sums"
	expect "packages of $kind" 2 "$(wc -l <"$work/sums")"
	(cd "$work/$kind" && sha256sum --quiet -c "$work/sums") || fail "$kind: other bytes the second time"
done
