/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_COPY_H
#define RUNTIME_SANDBOX_COPY_H

#include "lib/idmap.h"
#include "lib/str.h"

struct Agent__CopyFileRequest;

/* copy - send files of the host to the guest, a piece at a time (CopyFile of the protocol). */

#define COPY_ENTRIES_MAX 4096       /* of one volume */
#define COPY_BYTES_MAX   (32 * MIB) /* of its files together: they are memory of the guest's */

/* Sends one request. */
typedef int copy_sender(void *arg, const struct Agent__CopyFileRequest *request, struct error *e);

struct copy_target {
	copy_sender *send;
	void *arg;
	const char *path;        /* in the guest */
	const struct idmap *map; /* of owners; empty: as they are */
};

/* What of a volume the guest has that is changed by one rename of its link "..data", as kubelet
 * does it.  All zero at first. */
struct copy_state {
	char *data;  /* where the link leads; NULL: it is no such volume */
	strv others; /* its other links, each "NAME TARGET" */
};

void copy_state_done(struct copy_state *state);

/* Sends the folder or file SOURCEFD (O_PATH will do) with all that is below; of a volume with
 * "..data" what STATE says is not there yet, which is written down in it.  Links stay links, what
 * is neither file, folder nor link is left out.  Before anything is sent: E2BIG with the number
 * that is above the limits, EINVAL if SOURCEFD itself is something else.  ENOENT and ESTALE: it was
 * changed meanwhile.  Work thread. */
int copy_volume(int sourcefd, const struct copy_target *target, struct copy_state *state,
		struct error *e);

#endif
