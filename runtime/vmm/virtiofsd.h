/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_VIRTIOFSD_H
#define RUNTIME_VMM_VIRTIOFSD_H

#include "lib/str.h"

/*
 * virtiofsd - the command line of the daemon that serves files of the host to one guest.
 */

struct virtiofsd_params {
	const char *program;
	const char *run_dir;
	const char *share_dir;
	int mntns_fd;            /* > 0: where it runs, and finds share_dir */
	const char *cache;       /* never, metadata, auto, always */
	bool holds_writes_back;  /* the guest writes when it likes */
	char *const *extra_args; /* of the administrator: they win */
};

/* SOCKET_FD is the listening socket in virtiofsd.  Caller frees. */
strv virtiofsd_command(const struct virtiofsd_params *params, int socket_fd);

#endif
