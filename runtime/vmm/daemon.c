/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - start, watch and end the processes of one VM.
 *
 * A process that must die with this program has to be started by a thread that lives as long as the
 * program: the kernel sends the signal when the starting thread ends, and work threads come and go.
 * So the work thread hands the start to the io thread and waits for it; the start itself is a fork
 * and an exec of a few milliseconds.  If the wait is given up before the io thread took the order,
 * the order is void and frees itself.
 *
 * A vhost-user socket is connected here and passed on as a descriptor, then its name is removed:
 * nobody else can reach the daemon, and no stale socket file stays behind.  What a guest may take
 * over has no way to more rights than it was started with.
 */

#include "runtime/vmm/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/sock.h"

#define SOCKET_FD    3 /* in virtiofsd */
#define LAST_WORDS   400
#define CHILDREN_MAX 4096
#define FDS_MAX      30

enum order_state { ORDER_WAITING, ORDER_TAKEN, ORDER_DONE, ORDER_VOID };

/* A start, to be done on the io thread. */
struct order {
	struct loop_task task;
	_Atomic enum order_state state;
	int done_fd;
	const struct proc_spec *spec; /* of the waiting thread: valid once the order is taken */
	struct proc proc;
	struct error error;
	int result;
};

static void order_free(struct order *o)
{
	(void)close_fd(o->done_fd);
	free(o);
}

static bool order_change(struct order *o, enum order_state to)
{
	enum order_state from = ORDER_WAITING;

	return atomic_compare_exchange_strong(&o->state, &from, to);
}

static void order_run(struct loop_task *task)
{
	struct order *o = CONTAINER_OF(task, struct order, task);
	uint64_t one = 1;

	if (!order_change(o, ORDER_TAKEN)) {
		order_free(o);
		return;
	}
	o->result = proc_start(o->spec, &o->proc, &o->error);
	/* What was written above is the waiting thread's once it has seen this. */
	atomic_store(&o->state, ORDER_DONE);
	(void)!write(o->done_fd, &one, sizeof(one));
}

int daemon_start(struct loop *loop, const struct proc_spec *spec, struct proc *ret_proc,
		 uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct order *o;
	uint64_t count;
	int r;

	if (!loop)
		return proc_start(spec, ret_proc, e);
	o = xcalloc(1, sizeof(*o));
	o->task.run = order_run;
	o->spec = spec;
	o->done_fd = eventfd(0, EFD_CLOEXEC);
	if (o->done_fd < 0) {
		r = fail(e, errno, "cannot make an eventfd: %m");
		order_free(o);
		return r;
	}
	loop_post(loop, &o->task);
	r = wait_fd(o->done_fd, POLLIN, "start on the io thread", deadline_ms, c, e);
	if (r < 0 && order_change(o, ORDER_VOID))
		return r;
	/* It was taken: it ends by itself, and at once. */
	while (read(o->done_fd, &count, sizeof(count)) < 0 || atomic_load(&o->state) != ORDER_DONE)
		;
	r = o->result;
	if (r < 0)
		*e = o->error;
	else
		*ret_proc = o->proc;
	order_free(o);
	return r < 0 ? r : 0;
}

int daemon_spawn(struct daemon *d, struct loop *loop, const struct proc_spec *spec,
		 uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct proc_fd fds[FDS_MAX + 2];
	struct proc_spec full = *spec;
	_close_ int output = -1, output_child = -1;
	int ends[2], r;

	if (spec->n_fds > FDS_MAX)
		return fail(e, E2BIG, "'%s' is to inherit %zu descriptors", d->name, spec->n_fds);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	output = ends[0];
	output_child = ends[1];
	if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
		return fail(e, errno, "cannot make a pipe non-blocking: %m");
	if (spec->n_fds)
		memcpy(fds, spec->fds, spec->n_fds * sizeof(fds[0]));
	fds[spec->n_fds] = (struct proc_fd){ .from = output_child, .to = STDOUT_FILENO };
	fds[spec->n_fds + 1] = (struct proc_fd){ .from = output_child, .to = STDERR_FILENO };
	full.fds = fds;
	full.n_fds = spec->n_fds + 2;
	full.dies_with_us = true;
	r = daemon_start(loop, &full, &d->proc, deadline_ms, c, e);
	if (r < 0)
		return r;
	d->output_fd = TAKE_FD(output);
	return 0;
}

/* The pids of the children of PID, as text.  Caller frees. */
static strv children_of(pid_t pid)
{
	_free_ char *path = xasprintf("/proc/%d/task/%d/children", pid, pid);
	_free_ char *text = NULL;
	struct error ignored;

	if (file_read(path, CHILDREN_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return strv_split(text, " ");
}

/* Children that D made, and that would outlive it. */
static void kill_children(pid_t pid)
{
	_strv_ strv pids = children_of(pid);
	struct error ignored;
	uint32_t child;

	for (char *const *p = pids; p && *p; p++)
		if (parse_u32(*p, "pid", INT32_MAX, &child, &ignored) >= 0)
			(void)kill((pid_t)child, SIGKILL);
}

void daemon_set_oom_score(const struct daemon *d, int score)
{
	_strv_ strv pids = NULL;
	char text[16];
	struct error e;

	if (d->proc.pid <= 0)
		return;
	(void)snprintf(text, sizeof(text), "%d", score);
	pids = children_of(d->proc.pid);
	strv_addf(&pids, "%d", (int)d->proc.pid);
	for (char *const *p = pids; *p; p++) {
		_free_ char *path = xasprintf("/proc/%s/oom_score_adj", *p);

		if (file_write(path, text, &e) < 0)
			log_debug("%s", e.msg);
	}
}

void daemon_stop(struct daemon *d, uint64_t grace_ms)
{
	struct error ignored;
	pid_t pid = d->proc.pid;

	if (pid > 0) {
		if (grace_ms && wait_fd(d->proc.pidfd, POLLIN, d->name, deadline_in(grace_ms), NULL,
					&ignored) < 0)
			kill_children(pid);
		(void)proc_kill(&d->proc, SIGKILL, &ignored);
		if (!proc_stop(&d->proc, 0))
			log_warn("%s, process %d, does not end", d->name, (int)pid);
	}
	d->proc = (struct proc){ .pid = 0, .pidfd = -1 };
	d->output_fd = close_fd(d->output_fd);
}

/* What D wrote last, on one line, without characters that a log would not like. */
static void last_words(const struct daemon *d, char *text, size_t size)
{
	char chunk[LAST_WORDS];
	size_t used = 0, keep, n;
	ssize_t got;

	while (d->output_fd >= 0 && (got = read(d->output_fd, chunk, sizeof(chunk))) > 0) {
		n = min_size((size_t)got, size - 1);
		keep = min_size(used, size - 1 - n);
		memmove(text, text + used - keep, keep);
		memcpy(text + keep, chunk + (size_t)got - n, n);
		used = keep + n;
	}
	while (used > 0 && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = ' ';
}

int daemon_end_reason(const struct daemon *d, struct error *e)
{
	siginfo_t info = { 0 };
	char words[LAST_WORDS] = "";

	if (d->proc.pid <= 0)
		return fail(e, EPIPE, "%s does not run", d->name);
	if (waitid(P_PID, (id_t)d->proc.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return fail(e, EPIPE, "%s has ended", d->name);
	if (info.si_pid == 0)
		return 0;
	last_words(d, words, sizeof(words));
	if (info.si_code == CLD_EXITED)
		return fail(e, EPIPE, "%s ended with status %d%s%s", d->name, info.si_status,
			    *words ? ": " : "", words);
	return fail(e, EPIPE, "%s was killed by signal %d%s%s", d->name, info.si_status,
		    *words ? ": " : "", words);
}

int daemon_connect(const char *path, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	_free_ char *url = xasprintf("unix://%s", path);
	struct sock_address a;
	int r;

	r = sock_parse(url, &a, e);
	return r < 0 ? r : sock_connect(&a, deadline_ms, c, e);
}

static int listen_at(const char *path, struct error *e)
{
	_free_ char *url = xasprintf("unix://%s", path);
	struct sock_address a;
	int r;

	r = sock_parse(url, &a, e);
	return r < 0 ? r : sock_listen(&a, e);
}

static int run_virtiofsd(struct daemon *d, struct loop *loop, const struct virtiofsd_params *params,
			 int listener, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e)
{
	const struct proc_fd fds[] = { { .from = listener, .to = SOCKET_FD } };
	_strv_ strv argv = virtiofsd_command(params, SOCKET_FD);
	/* Its capabilities are its own matter: it acts on files for every user of the guest, makes
	 * namespaces to be confined in, and then drops what it does not need.  What it makes for a
	 * user it makes as that user, and the guest has seen to whether that user may: the root of
	 * a user namespace may in folders of others of it.  Before Linux 6.3 virtiofsd knows that
	 * it does not know all of the user's groups, and keeps its rights by itself.  It maps the
	 * guest's memory, so there is no core dump of it either. */
	struct proc_spec spec = { .fds = fds,
				  .n_fds = ARRAY_SIZE(fds),
				  .mntns_fd = params->mntns_fd,
				  .keeps_capabilities = true,
				  .no_core = true,
				  .no_new_privs = true };

	spec.argv = argv;
	return daemon_spawn(d, loop, &spec, deadline_ms, c, e);
}

int virtiofsd_start(struct daemon *d, struct loop *loop, const struct virtiofsd_params *params,
		    uint64_t deadline_ms, const struct cancel *c, int *ret_fd, struct error *e)
{
	_free_ char *path = path_join(params->run_dir, "fs.sock");
	_close_ int listener = -1, fd = -1;
	int r;

	listener = listen_at(path, e);
	if (listener < 0)
		return listener;
	/* The connection waits in the listener's queue until virtiofsd accepts it. */
	fd = daemon_connect(path, deadline_ms, c, e);
	(void)unlink(path);
	if (fd < 0)
		return fd;
	r = run_virtiofsd(d, loop, params, listener, deadline_ms, c, e);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
