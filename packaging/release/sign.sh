# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# sign.sh - sign what is given out; sourced.  KATA_SIGN_KEY names a secret key of minisign (without a password, or minisign
# asks for it); without it nothing is signed.

# sign FILE COMMENT - leaves FILE.minisig, or none.  The signature covers the comment; of a fixed text, so that equal inputs
# give equal bytes: an Ed25519 signature of the same bytes is the same bytes, too.
sign() {
	rm -f "$1.minisig"
	[ -n "${KATA_SIGN_KEY:-}" ] || return 0
	command -v minisign >/dev/null || {
		echo "${0##*/}: KATA_SIGN_KEY is set, but there is no minisign to sign with" >&2
		return 1
	}
	minisign -S -s "$KATA_SIGN_KEY" -m "$1" -x "$1.minisig" -t "$2" >/dev/null || {
		echo "${0##*/}: minisign cannot sign with '$KATA_SIGN_KEY'" >&2
		return 1
	}
	chmod 0644 "$1.minisig"
}
