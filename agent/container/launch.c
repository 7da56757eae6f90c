/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch - start the process of a container: the agent's side.
 *
 * A container's process needs namespaces, mounts and identity of its own before it executes
 * anything, and an agent with threads must not run ordinary code between fork and exec.  So the
 * child executes this program again at once (agent/child/child.c): a static program costs a
 * millisecond, brings no copy of the agent's memory along, and is a page of straight code.  The
 * alternative, a template process that forks, would be resident for ever.
 *
 * clone3(2) gives birth inside the control group and returns a pidfd, so no process is ever
 * outside its limits or confused with another.  A pid namespace is joined by the calling thread
 * for the moment of the clone, which makes the agent itself the parent: there is no helper to
 * wait for, and nothing is reparented.
 *
 * Work threads, but for what waits for nothing; each call is independent of the others, and none
 * waits without a deadline.
 */
#include "agent/container/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define N_FDS_MAX     (N_LAUNCH_SLOT + 1 + LAUNCH_MOUNTS_MAX)
#define FIRST_FREE_FD 1024 /* above every descriptor of the child */
#define REAP_MS       5000

_Static_assert(N_FDS_MAX < FIRST_FREE_FD, "the child's are below");

/* What the child finds at 0, 1, 2, ...: the streams, the slots, the trees. */
struct child_fds {
	int fds[N_FDS_MAX];
	size_t n;
};

/* Of linux/sched.h, where headers differ in age. */
struct abi_clone_args {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

#define ABI_CLONE_INTO_CGROUP UINT64_C(0x200000000)

/* Between clone and exec: only what is safe there.  Every signal has its default action in the
 * agent (main.c), and so here. */
static _noreturn_ void become_child(const struct child_fds *c)
{
	static char name[] = "kata-agent", role[] = "init";
	static char *const argv[] = { name, role, NULL };
	static char *const env[] = { NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < c->n; i++)
		if (dup2(c->fds[i], (int)i) < 0)
			_exit(127);
	(void)execve("/proc/self/exe", argv, env);
	_exit(127);
}

static void close_all(struct child_fds *c)
{
	while (c->n > 0)
		(void)close(c->fds[--c->n]);
}

static int add_fd(struct child_fds *c, int fd, struct error *e)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	if (copy < 0)
		return fail(e, errno, "cannot copy a descriptor: %m");
	c->fds[c->n++] = copy;
	return 0;
}

/* Copies of every descriptor the child gets, above the numbers they will have there. */
static int gather(const struct launch *l, int control, struct child_fds *c, struct error *e)
{
	const int slots[N_LAUNCH_SLOT] = {
		[0] = l->stdio[0],
		[1] = l->stdio[1],
		[2] = l->stdio[2],
		[LAUNCH_SLOT_PLAN] = l->planfd,
		[LAUNCH_SLOT_CONTROL] = control,
		[LAUNCH_SLOT_IPC] = l->ipcfd,
		[LAUNCH_SLOT_UTS] = l->utsfd,
		[LAUNCH_SLOT_TARGET] = l->target,
		[LAUNCH_SLOT_CONTAINER_PLAN] = l->container_plan,
		[LAUNCH_SLOT_NULL] = l->null_tree,
		[LAUNCH_SLOT_NET] = l->netfd,
		[LAUNCH_SLOT_USERS] = l->usersfd,
		[LAUNCH_SLOT_FILTER] = l->filter,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_LAUNCH_SLOT; i++)
		r = add_fd(c, slots[i] < 0 ? l->nullfd : slots[i], e);
	for (size_t i = 0; r >= 0 && i < l->n_trees; i++)
		r = add_fd(c, l->trees[i], e);
	return r;
}

static int clone_child(const struct launch *l, const struct child_fds *fds, struct launched *ret,
		       struct error *e)
{
	int pidfd = -1;
	struct abi_clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (l->pidns < 0)
		args.flags |= CLONE_NEWPID;
	if (l->cgroup >= 0) {
		args.flags |= ABI_CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)l->cgroup;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		become_child(fds);
	if (pid < 0)
		return fail(e, errno, "cannot make a process: %m");
	ret->pid = (pid_t)pid;
	ret->pidfd = pidfd;
	return 0;
}

/* The pid namespace of this thread's children is another one for the moment of the clone. */
static int clone_in_pidns(const struct launch *l, const struct child_fds *fds, struct launched *ret,
			  struct error *e)
{
	_close_ int own = -1;
	int r;

	if (l->pidns < 0)
		return clone_child(l, fds, ret, e);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return fail(e, errno, "cannot open '/proc/self/ns/pid': %m");
	if (setns(l->pidns, CLONE_NEWPID) < 0)
		return fail(e, errno, "cannot enter the pid namespace: %m");
	r = clone_child(l, fds, ret, e);
	if (setns(own, CLONE_NEWPID) < 0 && r >= 0) {
		launch_abort(ret);
		r = fail(e, errno, "cannot leave the pid namespace: %m");
	}
	return r;
}

/* A process that is stuck in the kernel ends when the kernel lets it; then it is an orphan. */
static void reap(const struct launched *l)
{
	struct error ignored;
	siginfo_t info;

	if (wait_fd(l->pidfd, POLLIN, "a killed process", deadline_in(REAP_MS), NULL, &ignored) >=
	    0)
		(void)waitid(P_PIDFD, (id_t)l->pidfd, &info, WEXITED | WNOHANG);
}

void launch_abort(struct launched *l)
{
	if (l->pidfd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
		reap(l);
	}
	l->pidfd = close_fd(l->pidfd);
	l->control = close_fd(l->control);
	l->master = close_fd(l->master);
}

static int received_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Returns 1 with a report, 0 at the end of the socket, -EAGAIN if there is nothing yet. */
static int receive_now(struct launched *l, struct launch_report *report, struct error *e)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = report, .iov_len = sizeof(*report) };
	struct msghdr msg = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int master;

	do
		n = recvmsg(l->control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return fail(e, errno, "cannot hear from the new process: %m");
	master = received_fd(&msg);
	if (master >= 0) {
		(void)close_fd(l->master);
		l->master = master;
	}
	if (n != (ssize_t)sizeof(*report))
		return fail(e, EPROTO, "the new process said something odd");
	report->msg[sizeof(report->msg) - 1] = '\0';
	return 1;
}

static int receive(struct launched *l, struct launch_report *report, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e)
{
	int r = wait_fd(l->control, POLLIN, "the new process", deadline_ms, c, e);

	return r < 0 ? r : receive_now(l, report, e);
}

/* What RECEIVED, the result of a receive(), says of a process that is to get ready. */
static int check_ready(int received, const struct launch_report *report, struct error *e)
{
	if (received < 0)
		return received;
	if (received == 0)
		return fail(e, ECHILD, "the new process ended before it was ready");
	if (report->code > 0)
		return fail(e, report->code, "%s", report->msg);
	return 0;
}

/* The same of one that was ordered to run: the end of the socket is its success. */
static int check_runs(int received, const struct launch_report *report, struct error *e)
{
	if (received > 0)
		return fail(e, report->code > 0 ? report->code : EPROTO, "%s", report->msg);
	return received;
}

static int start(const struct launch *l, struct launched *ret, struct error *e)
{
	struct child_fds fds;
	_close_ int theirs = -1;
	int pair[2], r;

	fds.n = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "cannot make a socket: %m");
	ret->control = pair[0];
	theirs = pair[1];
	r = gather(l, theirs, &fds, e);
	if (r >= 0)
		r = clone_in_pidns(l, &fds, ret, e);
	close_all(&fds);
	return r;
}

int launch_start(const struct launch *l, uint64_t deadline_ms, const struct cancel *c,
		 struct launched *ret, struct error *e)
{
	struct launched made = LAUNCHED_NONE;
	struct launch_report report;
	int r = start(l, &made, e);

	if (r >= 0)
		r = check_ready(receive(&made, &report, deadline_ms, c, e), &report, e);
	if (r < 0) {
		launch_abort(&made);
		return r;
	}
	*ret = made;
	return 0;
}

int launch_order(struct launched *l, struct error *e)
{
	l->is_ordered = true;
	/* One that has ended says why. */
	if (send(l->control, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return fail(e, errno, "cannot order the process to start: %m");
	return 0;
}

int launch_go(struct launched *l, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct launch_report report;
	int r = launch_order(l, e);

	if (r >= 0)
		r = check_runs(receive(l, &report, deadline_ms, c, e), &report, e);
	l->control = close_fd(l->control);
	return r;
}

int launch_begin(const struct launch *l, struct launched *ret, struct error *e)
{
	struct launched made = LAUNCHED_NONE;
	int r = start(l, &made, e);

	if (r < 0)
		launch_abort(&made);
	else
		*ret = made;
	return r;
}

int launch_hear(struct launched *l, enum launch_word *ret_word, struct error *e)
{
	struct launch_report report;
	int received = receive_now(l, &report, e), r;

	*ret_word = LAUNCH_NOTHING;
	if (received == -EAGAIN)
		return 0;
	r = l->is_ordered ? check_runs(received, &report, e) : check_ready(received, &report, e);
	if (r >= 0)
		*ret_word = l->is_ordered ? LAUNCH_RUNS : LAUNCH_READY;
	return r;
}
