# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# arch.sh - this machine's architecture, as uname has it (arch) and as archives and packages call it.  Sourced.
# shellcheck disable=SC2034 # both are for who sources this
arch=$(uname -m)
case $arch in
x86_64) package_arch=amd64 ;;
aarch64) package_arch=arm64 ;;
*) package_arch=$arch ;;
esac
