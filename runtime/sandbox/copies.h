/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_COPIES_H
#define RUNTIME_SANDBOX_COPIES_H

#include "lib/work.h"
#include "runtime/sandbox/copy.h"

/*
 * copies - the volumes of a sandbox that the guest has copies of, as nothing is shared with it, and
 * which of them are kept the same.
 */

struct copies;

struct copies_params {
	struct loop *loop;
	struct work_pool *pool;
	copy_sender *send;
	void *arg; /* of SEND; used until copies_close() */
};

/* Never fails: without inotify nothing is kept the same, which is logged when it matters.  Work
 * thread. */
struct copies *copies_new(const struct copies_params *params);
/* Ends what is under way, once what SEND does has been made to fail.  Work thread, or io thread
 * when no volume is being sent. */
void copies_close(struct copies *c);
/* Io thread, after copies_close(). */
void copies_free(struct copies *c);

struct copies_volume {
	const char *ticket; /* names it for copies_drop() */
	const char *source; /* a folder or file of the host */
	const char *path;   /* in the guest */
	struct idmap map;   /* of owners, borrowed; empty: as they are */
};

/* Sends the volume.  One whose "..data" is turned later is sent again then.  Work thread. */
int copies_add(struct copies *c, const struct copies_volume *v, struct error *e);
/* The host no longer looks after it.  A ticket that is not valid is success.  Work thread. */
void copies_drop(struct copies *c, const char *ticket);

#endif
