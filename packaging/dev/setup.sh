#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh - what must be there before anything is built.  Sourced by dev.
#
# The toolchains are looked for first and nothing is changed when one is missing.  Debian packages
# are installed when missing, and only then is the package list fetched.
# shellcheck disable=SC2154 # top comes from dev

# What a build may be told by the environment; sudo would drop it.
kept_variables=(PATH RUSTUP_HOME KATA_CACHE_DIR KATA_CLUSTER_DIR GOPROXY GONOSUMDB GOSUMDB HTTP_PROXY
	HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy CI TERM SOURCE_DATE_EPOCH KATA_SIGN_KEY KATA_PACK_LEVEL
	KATA_MAINTAINER KATA_SOURCE_URI KATA_BUILDER_ID KATA_DEPLOY_IMAGE)

become_root() { # COMMAND ARGS...
	local name kept=()
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || {
		echo "dev: '$1' needs root and there is no sudo here; run: su -c '$top/dev $*'" >&2
		exit 1
	}
	# rustup finds its toolchains by HOME, which is root's under sudo.
	export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
	for name in "${kept_variables[@]}"; do
		[ -z "${!name:-}" ] || kept+=("$name=${!name}")
	done
	exec sudo env "${kept[@]}" "$top/dev" "$@"
}

at_least() { # WANTED FOUND
	[ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

check_tool() { # NAME WANTED FOUND HOW
	[ -n "$3" ] || {
		echo "  $1 $2 or newer is not installed: $4"
		return 1
	}
	at_least "$2" "$3" || {
		echo "  $1 is $3, but $2 or newer is needed: $4"
		return 1
	}
}

check_toolchains() {
	local go rust missing
	go=$(go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
	rust=$(rustc --version 2>/dev/null | awk '{ print $2 }' || true)
	missing=$(
		check_tool Go 1.26 "$go" "unpack it from https://go.dev/dl/ in /usr/local and put /usr/local/go/bin in PATH" || true
		check_tool Rust 1.85 "$rust" "install it with rustup from https://rustup.rs and put ~/.cargo/bin in PATH" || true
	)
	[ -z "$missing" ] || {
		printf 'dev: nothing was changed, because a toolchain is missing:\n%s\n' "$missing" >&2
		exit 1
	}
}

check_system() {
	[ "$(uname -m)" = x86_64 ] || {
		echo "dev: this machine is $(uname -m); the build supports x86_64 only" >&2
		exit 1
	}
	command -v apt-get >/dev/null || {
		echo "dev: no apt-get here; Debian 12 is what this is made for" >&2
		exit 1
	}
}

missing_packages() {
	local wanted
	wanted=$(awk '!/^#/ && NF { print $1 }' "$top/packaging/packages" | sort -u)
	# shellcheck disable=SC2086 # a list of names
	dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
		awk '$1 == "ii" { print $2 }' | sort -u | comm -13 - <(echo "$wanted")
}

# What must not install anything says what setup would.
must_have_packages() {
	local missing
	mapfile -t missing < <(missing_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	{
		echo "dev: these Debian packages are missing; './dev setup' installs them, as root:"
		printf '%s\n' "${missing[*]}" | fold -s -w 100 | sed 's/^/  /'
	} >&2
	exit 1
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o DPkg::Lock::Timeout=120 -q update
	apt-get -o DPkg::Lock::Timeout=120 -q -y --no-install-recommends install "${missing[@]}"
}
