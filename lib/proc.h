/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_PROC_H
#define LIB_PROC_H

#include <sys/types.h>

#include "lib/filter.h"
#include "lib/jail.h"
#include "lib/str.h"
#include "lib/wait.h"

/* One descriptor of the child: FROM (ours) becomes TO. */
struct proc_fd {
	int from;
	int to;
};

/* Whose rights a process has. */
struct proc_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* beside GID */
	size_t n_groups;
};

#define PROC_PATH "PATH=/usr/sbin:/usr/bin:/sbin:/bin" /* in an environment that nobody made */

/* What to run.  Zero-initialise and set what matters; nothing is inherited but what is named. */
struct proc_spec {
	char *const *argv;         /* argv[0] is an absolute path, unless one of these names it: */
	const char *path;          /* the program, absolute */
	int program_fd;            /* > 0: the program, which no path leads to where it runs */
	char *const *env;          /* NULL: an empty environment with a fixed PATH */
	const char *cwd;           /* NULL: / */
	const struct proc_fd *fds; /* stdin, stdout, stderr not named here are /dev/null */
	size_t n_fds;
	int netns_fd;           /* > 0: joined before exec */
	int mntns_fd;           /* > 0: joined before exec */
	const int *more_ns_fds; /* namespaces of other kinds, joined before exec */
	size_t n_more_ns_fds;
	unsigned new_namespaces;      /* CLONE_NEWPID and the like: it is the first in these */
	const struct jail *jail;      /* NULL: it sees what we see; argv[0] is then a path in it */
	const struct proc_user *user; /* NULL: ours; needs CAP_SETUID and CAP_SETGID */
	const struct filter *filter;  /* NULL: it may make every system call; execve(2), write(2)
					 and exit_group(2) are among those of the filter */
	bool no_core;       /* nothing of its memory is written anywhere when it crashes */
	bool no_huge_pages; /* it gets memory page by page, whatever it asks for */
	bool no_fds;        /* not even stdin, stdout and stderr */
	bool dies_with_us;  /* SIGKILL when the thread that started it ends: start from the io or
			       main thread */
	bool new_session;   /* setsid() */
	bool no_new_privs;  /* neither set-id bits nor file capabilities count any more */
	bool keeps_capabilities; /* while it acts as another user than root; if we may say so */
	bool no_capabilities;    /* every set is empty, the bounding set too; needs CAP_SETPCAP */
};

struct proc {
	pid_t pid;
	int pidfd;
};

/* Starts a child; a failure up to and including execve(2) is reported here with its errno.
 * Signal mask and dispositions of the child are the default ones.  Any thread. */
int proc_start(const struct proc_spec *spec, struct proc *ret_proc, struct error *e);

/* The default mask and dispositions, for what is to become another program.  Safe after fork(2). */
void proc_reset_signals(void);

/* Waits for the end and reaps.  *ret_status is the exit code, or 128 + signal. */
int proc_wait(struct proc *p, uint64_t deadline_ms, const struct cancel *c, int *ret_status,
	      struct error *e);
/* Sends SIGNAL through the pidfd.  An ended process is success. */
int proc_kill(const struct proc *p, int signal, struct error *e);
/* SIGTERM, GRACE_MS, SIGKILL, reap.  Always ends; an unstarted or reaped proc is a no-op.  False if
 * the process is still there after 30 s and was given up. */
bool proc_stop(struct proc *p, uint64_t grace_ms);
/* Closes the pidfd; the process goes on. */
void proc_done(struct proc *p);

/* Runs to the end with standard output and error collected (at most MAX_OUTPUT bytes, the rest is
 * dropped).  A non-zero exit is not an error: look at *ret_status.  On failure it is killed, with
 * new_session all that it started and that stayed in its process group. */
int proc_run(const struct proc_spec *spec, uint64_t deadline_ms, const struct cancel *c,
	     size_t max_output, int *ret_status, char **ret_output, struct error *e);

/* The same for FUNCTION, which writes to OUT_FD and returns the exit status, in a copy of this
 * process that dies with it: for what may hang where nothing can be given a deadline.  For programs
 * of one thread alone. */
typedef int proc_function(void *arg, int out_fd);
int proc_call(proc_function *function, void *arg, uint64_t deadline_ms, const struct cancel *c,
	      size_t max_output, int *ret_status, char **ret_output, struct error *e);

/* Start time of PID in clock ticks since boot (proc(5), stat field 22): pid and start time name a
 * process for ever.  ESRCH if there is none. */
int proc_start_time(pid_t pid, uint64_t *ret_ticks, struct error *e);

#endif
