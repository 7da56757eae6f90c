#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# go.sh - how the Go programs of the test cluster are built; sourced by their recipes.
#
# The Go caches lie in the cache folder, not in the tree, and all programs are compiled with the same
# flags, so that what they share is compiled once.  Compiling without debugging information and
# with a compiler that seldom collects garbage saves at least a sixth of the processor's time.
cache=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}
export GOMODCACHE=$cache/go/mod GOCACHE=$cache/go/build GOTOOLCHAIN=local CGO_ENABLED=0 GOGC=400
export GOFLAGS="-modcacherw -buildvcs=false -trimpath -gcflags=all=-dwarf=false"
