#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# go-main.sh - build programs of a Go module as the main one; sourced by recipes behind go.sh.
#
# "go install" does not do so, and refuses a module that excludes versions of others or is nobody's dependency.

# go_main_source MODULE VERSION - enters a copy of its source, which goes when the recipe ends.
go_main_source() {
	local source
	source=$(go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	[ -d "$source" ] || die "no source of $1@$2"
	go_main_work=$(mktemp -d)
	trap 'rm -rf "$go_main_work"' EXIT
	cp -r "$source/." "$go_main_work"
	chmod -R u+w "$go_main_work"
	rm -rf "$go_main_work/vendor"
	cd "$go_main_work" || die "no folder to build in"
}
