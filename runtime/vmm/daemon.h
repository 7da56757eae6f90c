/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_DAEMON_H
#define RUNTIME_VMM_DAEMON_H

#include "lib/loop.h"
#include "lib/proc.h"
#include "runtime/vmm/virtiofsd.h"

/*
 * daemon - the helper processes of one VM.
 *
 * Each serves exactly one VM over a vhost-user connection that we make and hand to the VMM, so no
 * socket of them is open to anybody else.  They die with the VM and with us.
 */

struct daemon {
	const char *name; /* for messages; borrowed constant */
	struct proc proc; /* pid 0 when it does not run */
	int output_fd;    /* what it writes to standard output and error; or -1 */
};

#define DAEMON_INIT(program)                                                          \
	{                                                                             \
		.name = (program), .proc = { .pid = 0, .pidfd = -1 }, .output_fd = -1 \
	}

/* The start alone of what daemon_spawn() does: the caller keeps *ret_proc, and says in SPEC whether
 * it dies with this program. */
int daemon_start(struct loop *loop, const struct proc_spec *spec, struct proc *ret_proc,
		 uint64_t deadline_ms, const struct cancel *c, struct error *e);

/* Starts a process that dies with this program rather than with the calling thread: from the io
 * thread of LOOP, or from the calling thread when LOOP is NULL (which must then live as long). */
int daemon_spawn(struct daemon *d, struct loop *loop, const struct proc_spec *spec,
		 uint64_t deadline_ms, const struct cancel *c, struct error *e);

/* Starts virtiofsd; *ret_fd is the connected vhost-user socket for the VMM. */
int virtiofsd_start(struct daemon *d, struct loop *loop, const struct virtiofsd_params *params,
		    uint64_t deadline_ms, const struct cancel *c, int *ret_fd, struct error *e);

/* Connects to the unix socket PATH. */
int daemon_connect(const char *path, uint64_t deadline_ms, const struct cancel *c, struct error *e);

/* Waits GRACE_MS for D to end by itself, then SIGKILL, its children included, and reap.  Always
 * ends; one that does not run is a no-op. */
void daemon_stop(struct daemon *d, uint64_t grace_ms);

/* Sets oom_score_adj (proc(5)) of D and its children.  One that does not run is a no-op. */
void daemon_set_oom_score(const struct daemon *d, int score);

/* Fills *e with how D ended (its exit status or signal, its last words) without reaping it. Returns
 * -EPIPE, or 0 if it has not ended.  Never blocks. */
int daemon_end_reason(const struct daemon *d, struct error *e);

#endif
