/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_PLAN_RUN_DIR_H
#define AGENT_PLAN_RUN_DIR_H

#include <sys/types.h>

#include "lib/error.h"

/* Directories of the protocol; the runtime on the host builds paths with them. */
#define SANDBOX_RUN_DIR     "/run/kata-containers"
#define SANDBOX_SHARED_DIR  "/run/kata-containers/shared/containers"
#define SANDBOX_PRIVATE_DIR "/run/kata-containers/shared/private"
#define SANDBOX_DIR         "/run/kata-containers/sandbox"

/* Whether PATH, which the host made, names something below SANDBOX_RUN_DIR. */
bool run_dir_contains(const char *path);

/* Takes what a rootless runtime puts in front of SANDBOX_RUN_DIR, the folder of a user
 * ("/run/user/7"), off every path of TEXT, which is one or an option with some. */
void run_dir_unprefix(char *text);

/* Opens PATH, which must be SANDBOX_RUN_DIR or below it; ELOOP if a link is on the way or at its
 * end. */
int run_dir_open(const char *path, int flags, struct error *e);
/* Makes the directory PATH below SANDBOX_RUN_DIR and its missing parents; same rules.  Returns an
 * O_PATH descriptor. */
int run_dir_make(const char *path, mode_t mode, struct error *e);

#endif
