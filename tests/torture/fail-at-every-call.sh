#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fail-at-every-call [OPTION=VALUE]... - let each such call fail with ENOSPC, EIO, EROFS, EMFILE or EINTR; nothing is lost
#
# Options are those of kill-at-every-call, and error=NAME for one of them.
. "$(dirname "$0")/node.sh"
torture fault "$@"
