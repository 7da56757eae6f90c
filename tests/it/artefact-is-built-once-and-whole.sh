#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packaging/artefact builds what the cache lacks, once, again when an input changes, and never shows a
# result of a build that failed or was killed.  The recipes are small ones in a tree made here.
. "$(dirname "$0")/../lib.sh"

require flock awk
tree=$work/tree
export KATA_CACHE_DIR=$work/cache
mkdir -p "$tree/packaging/recipe"
cp "$top/packaging/artefact" "$tree/packaging/"
artefact=$tree/packaging/artefact
cat >"$tree/packaging/artefacts" <<'END'
# name  recipe                      inputs            needs
part    packaging/recipe/part.sh    packaging/recipe  -
whole   packaging/recipe/whole.sh   packaging/recipe  part
broken  packaging/recipe/broken.sh  packaging/recipe  -
slow    packaging/recipe/slow.sh    packaging/recipe  -
mounts  packaging/recipe/mounts.sh  packaging/recipe  -
END
printf 'components:\n  part:\n    version: 1\n  part/detail:\n    version: 1\n  other:\n    version: 1\n' \
	>"$tree/packaging/versions.yaml"

recipe() { # NAME, its commands on standard input
	{ echo '#!/bin/bash' && echo 'out=$2' && cat; } >"$tree/packaging/recipe/$1.sh"
	chmod +x "$tree/packaging/recipe/$1.sh"
}
recipe part <<<"echo built >>'$work/built'; echo part >\"\$out/part\""
recipe whole <<<'cp "$("$KATA_TOP/packaging/artefact" part)/part" "$out/whole"'
recipe broken <<<'echo half >"$out/half"; echo "the reason" >&2; exit 3'
recipe slow <<<"echo half >\"\$out/half\"; touch '$work/begun'; exec sleep 60"

builds() { wc -l <"$work/built"; }

note "built once, and with what it needs"
folder=$("$artefact" whole 2>/dev/null)
expect "what was built" part "$(cat "$folder/whole")"
expect "the second call" "$folder" "$("$artefact" whole)"
expect "builds of the part" 1 "$(builds)"

note "several at a time build once"
rm -rf "$work/cache/part"-*
"$artefact" part >/dev/null 2>&1 &
"$artefact" part >/dev/null 2>&1
wait $!
expect "builds of the part" 2 "$(builds)"

note "a change of its own version, not of another's, changes the key"
key=$("$artefact" --key whole)
sed -i '/other/{n;s/1/2/}' "$tree/packaging/versions.yaml"
expect "key after another's change" "$key" "$("$artefact" --key whole)"
sed -i '/detail/{n;s/1/2/}' "$tree/packaging/versions.yaml"
[ "$key" != "$("$artefact" --key whole)" ] || fail "the key ignores a version that it needs"

note "pruning keeps what the tree names now"
kept=$("$artefact" whole 2>/dev/null)
"$artefact" --prune 2>/dev/null
[ -d "$kept" ] || fail "pruning removed $kept"
[ ! -d "$folder" ] || fail "pruning left $folder"

note "a failed build names its reason and leaves nothing"
output=$("$artefact" broken 2>&1) && fail "a broken recipe succeeded"
expect_match "what it says" 'building broken failed .*the reason' "$(tr '\n' ' ' <<<"$output")"
expect "what is left" "" "$(find "$work/cache" -name '*broken*' -type d)"

note "a killed build leaves nothing that looks finished, and the next one sweeps"
setsid "$artefact" slow >/dev/null 2>&1 &
pid=$!
eventually 10 "the slow recipe" test -e "$work/begun"
kill -KILL -- "-$pid"
wait "$pid" || true
expect "results" "" "$(find "$work/cache" -maxdepth 1 -name 'slow-*')"
recipe slow <<<'touch "$out/done"'
"$artefact" slow >/dev/null 2>&1
expect "work folders" "" "$(find "$work/cache" -maxdepth 1 -name 'work.*')"

note "what a killed recipe had mounted is gone with it, and not removed by the next build"
require_root
mkdir "$work/precious"
touch "$work/precious/file"
cleanup sh -c "umount '$work'/cache/work.mounts.*/tmp/mounted 2>/dev/null"
recipe mounts <<<"mkdir mounted; mount --bind '$work/precious' mounted; touch '$work/mounted'; sleep 60 & wait"
setsid "$artefact" mounts >/dev/null 2>&1 &
pid=$!
eventually 10 "the mounting recipe" test -e "$work/mounted"
expect "mounts that others see" "" "$(findmnt -rno TARGET | grep -F "$work/cache/" || true)"
kill -KILL -- "-$pid"
wait "$pid" || true
recipe mounts <<<'touch "$out/done"'
"$artefact" mounts >/dev/null 2>&1
expect "what was mounted" "$work/precious/file" "$(find "$work/precious" -type f)"

note "what somebody mounted by hand is named, not removed"
mkdir -p "$work/cache/work.mounts.XXXXXX/tmp"
cleanup umount "$work/cache/work.mounts.XXXXXX/tmp"
mount --bind "$work/precious" "$work/cache/work.mounts.XXXXXX/tmp"
recipe mounts <<<'touch "$out/again"'
output=$("$artefact" mounts 2>&1) && fail "a work folder with a mount was removed"
expect_match "what it says" "work.mounts.XXXXXX/tmp.*has mounts in it" "$(tr '\n' ' ' <<<"$output")"
expect "what was mounted" "$work/precious/file" "$(find "$work/precious" -type f)"

note "an unknown name"
output=$("$artefact" nonsense 2>&1) && fail "an unknown name succeeded"
expect_match "what it says" "no 'nonsense' in packaging/artefacts" "$output"
