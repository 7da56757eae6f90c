/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_PLACEHOLDER_H
#define RUNTIME_SANDBOX_PLACEHOLDER_H

#include "lib/loop.h"
#include "lib/proc.h"

/*
 * placeholder - a process of the host that stands for a container of the guest.
 *
 * An engine, and whoever asks it, knows a container by a process: they enter its namespaces, open
 * files below its root, list it.  This one has nothing of the host's to give away.
 */

/* Those of one sandbox, which share all namespaces but that of processes. */
struct placeholders;

/* Namespaces of the pod: its network's, and those of IPC and UTS; the latter two NULL are made with
 * the first placeholder.  NET_FD is copied.  Work thread. */
int placeholders_new(int net_fd, const char *ipc_path, const char *uts_path,
		     struct placeholders **ret_placeholders, struct error *e);
/* Those that run go on. */
void placeholders_free(struct placeholders *p);
DEFINE_CLEANUP(placeholders_freep, struct placeholders *, placeholders_free)

struct placeholder {
	const char *id;    /* of the container */
	char *const *args; /* what it is shown as; the first KiB is kept */
	size_t n_args;
	struct loop *loop; /* it dies with this one's thread; NULL: with the calling one */
};
/* Starts one.  It ends with this program, and for nothing else but SIGKILL.  Work thread. */
int placeholder_start(struct placeholders *p, const struct placeholder *what,
		      const struct cancel *c, struct proc *ret_proc, struct error *e);

/* Whether PATH, of an engine, is the namespace of TYPE ("network", "ipc", "uts") that the
 * placeholders have: EPERM if it is another. */
int placeholders_check(struct placeholders *p, const char *type, const char *path, struct error *e);
/* The container whose process namespace PATH is; EPERM if it is none of these.  Caller frees. */
int placeholders_find(struct placeholders *p, const char *path, char **ret_id, struct error *e);
/* The container ID is not found any more. */
void placeholders_forget(struct placeholders *p, const char *id);

#endif
