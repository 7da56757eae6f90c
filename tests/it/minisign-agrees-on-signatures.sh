#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The program minisign makes signatures that we take, and of each of them, however it was changed since,
# it says what we say.
# timeout: 120
. "$(dirname "$0")/../lib.sh"
require minisign
check=$KATA_BUILD_DIR/bin/sign-check
[ -x "$check" ] || fail "no $check; ./dev build makes it"
cd "$work"

for key in one two; do
	minisign -G -W -f -p $key.pub -s $key.key >/dev/null
done
head -c 100000 /dev/urandom >random
: >empty
echo text >text

# judge KEY FILE SIGNATURE - both say the same, which is 0 or 1 in $verdict.
judge() {
	local theirs=0 ours=0
	minisign -q -V -p "$1" -m "$2" -x "$3" >/dev/null 2>&1 || theirs=1
	"$check" "$1" "$2" "$3" >said 2>&1 || ours=1
	[ $ours = $theirs ] || fail "of $3 for $2 with $1 minisign says $theirs, we say $ours: $(cat said)"
	verdict=$ours
}

for file in random empty text; do
	minisign -S -s one.key -m $file -x $file.hashed -t "of $file" >/dev/null
	minisign -S -l -s one.key -m $file -x $file.plain -t "of $file" >/dev/null
	for form in hashed plain; do
		judge one.pub $file $file.$form
		[ "$verdict" = 0 ] || fail "$file.$form is not taken: $(cat said)"
		[ "$(cat said)" = "of $file" ] || fail "the comment is '$(cat said)'"
		judge two.pub $file $file.$form
		[ "$verdict" = 1 ] || fail "$file.$form is taken with another's key"
	done
done
judge one.pub text empty.hashed
[ "$verdict" = 1 ] || fail "a signature of another file is taken"

# What every line of it is good for.  The last character before the padding has bits that say nothing:
# minisign reads any of its spellings, we read one, so the edits leave it alone.
accepted=0
for form in hashed plain; do
	for edit in '1s/secret/SECRET/' '2s/^RU/RW/' '2s/^RW/RU/' '2s/A\(..*=\)$/B\1/' '2s/b/c/' '3s/of/OF/' '3s/$/ /' \
		'4s/A\(..*==\)$/B\1/' '4s/x/y/' '4d' '3d' '1d' '2{h;d};4{G}' 's/$/\r/'; do
		sed "$edit" text.$form >edited
		judge one.pub text edited
		accepted=$((accepted + 1 - verdict))
	done
done
# The untrusted comment may change, and ends of lines; some edits find nothing to change.
[ "$accepted" -ge 4 ] || fail "only $accepted edits were taken"
note "minisign $(minisign -v | grep -oE '[0-9.]+$') agrees"
