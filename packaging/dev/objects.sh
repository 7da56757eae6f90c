#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# objects.sh - have every build of this tree by cmake remember its objects.  Sourced.
#
# They are kept by the hash of what they are compiled from (ccache), so that another clone compiles only what is new to
# the cache.  A contributor who is not root has a cache of his own.

# remember_objects TOP [FOLDER] - for what this shell runs from now on; FOLDER is beside those of other compilers.
remember_objects() {
	[ "$(id -u)" != 0 ] || export CCACHE_DIR=${KATA_CACHE_DIR:-/var/cache/kata-containers-c}/objects${2:+/$2}
	export CCACHE_BASEDIR=$1 CCACHE_NOHASHDIR=yes CCACHE_MAXSIZE=2G CMAKE_C_COMPILER_LAUNCHER=ccache
}
