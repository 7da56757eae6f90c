/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc - start, wait for and end child processes.
 *
 * The child gets what its spec names and nothing else: descriptors are renumbered in two passes
 * (first out of the way, then into place, so that any permutation works) and all others close on
 * exec.  Up to execve(2) the child does only what is safe after fork(2) in a program with threads;
 * a step that fails is told to the parent through a pipe that closes on exec.  Children are watched
 * by pidfd; the SIGCHLD disposition is never touched.  Any thread.
 */

#include "lib/proc.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/loop.h"

#define FIRST_FREE_FD 100 /* above every number a spec may ask for */
#define MAX_FDS       32
/* A process with much memory takes its time; one that hangs in the kernel may take for ever. */
#define KILLED_WAIT_MS UINT64_C(30000)

/* What the child tells its parent when it could not become the program. */
struct start_failure {
	const char *step; /* a literal: same address in parent and child */
	int code;
};

static int copy_away(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
}

static int arrange_fds(const struct proc_spec *spec)
{
	int moved[MAX_FDS], null_fd;

	if (spec->no_fds)
		return (int)syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_CLOEXEC);

	for (size_t i = 0; i < spec->n_fds; i++) {
		moved[i] = copy_away(spec->fds[i].from);
		if (moved[i] < 0)
			return -1;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return -1;
	for (int fd = 0; fd < 3; fd++)
		if (null_fd != fd && dup2(null_fd, fd) < 0)
			return -1;
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_fds; i++)
		if (dup2(moved[i], spec->fds[i].to) < 0)
			return -1;
	return 0;
}

void proc_reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The bounding set: what execve(2) gives to root comes from there. */
static int bound_capabilities(void)
{
	for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -1;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { 0 };

	return (int)syscall(SYS_capset, &header, none);
}

/* The system calls themselves: the C library's functions want all threads to follow. */
static int change_user(const struct proc_user *user)
{
	if (syscall(SYS_setgroups, user->n_groups, user->groups) < 0 ||
	    syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0)
		return -1;
	return (int)syscall(SYS_setresuid, user->uid, user->uid, user->uid);
}

static const char *change_rights(const struct proc_spec *spec)
{
	const struct rlimit no_core = { 0, 0 };

	if (spec->no_core && setrlimit(RLIMIT_CORE, &no_core) < 0)
		return "forbid core dumps of";
	if (spec->no_huge_pages)
		(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (spec->keeps_capabilities)
		(void)prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0);
	if (spec->no_capabilities && bound_capabilities() < 0)
		return "take the capabilities from";
	if (spec->user && change_user(spec->user) < 0)
		return "change the user of";
	if (spec->no_capabilities && drop_capabilities() < 0)
		return "take the capabilities from";
	if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "keep new privileges from";
	return NULL;
}

/* That of the mounts comes last, since it changes the root. */
static const char *enter_namespaces(const struct proc_spec *spec)
{
	if (spec->netns_fd > 0 && setns(spec->netns_fd, CLONE_NEWNET) < 0)
		return "enter the network namespace for";
	for (size_t i = 0; i < spec->n_more_ns_fds; i++)
		if (setns(spec->more_ns_fds[i], 0) < 0)
			return "enter a namespace for";
	if (spec->mntns_fd > 0 && setns(spec->mntns_fd, CLONE_NEWNS) < 0)
		return "enter the mount namespace for";
	return NULL;
}

/* Whether our parent has died.  It holds the other end of the pipe until it has been told of our
 * start; its pid may mean nothing in our namespace. */
static bool is_orphan(int report_fd)
{
	struct pollfd pfd = { .fd = report_fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR);
}

static void execute(const struct proc_spec *spec)
{
	static char path[] = PROC_PATH;
	static char *const default_env[] = { path, NULL };
	char *const *env = spec->env ? spec->env : default_env;

	if (spec->program_fd > 0)
		(void)syscall(SYS_execveat, spec->program_fd, "", spec->argv, env, AT_EMPTY_PATH);
	else
		(void)execve(spec->path ? spec->path : spec->argv[0], spec->argv, env);
}

static const char *become(const struct proc_spec *spec, int report_fd)
{
	const char *failed;

	proc_reset_signals();
	if (spec->new_session && setsid() < 0)
		return "start a session for";
	failed = enter_namespaces(spec);
	if (!failed && spec->jail)
		failed = jail_enter(spec->jail);
	if (failed)
		return failed;
	if (chdir(spec->cwd ? spec->cwd : "/") < 0)
		return "change the directory for";
	failed = change_rights(spec);
	if (failed)
		return failed;
	/* Late: a change of credentials may clear it. */
	if (spec->dies_with_us && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return "tie the life of";
	if (spec->dies_with_us && is_orphan(report_fd))
		_exit(127);
	if (arrange_fds(spec) < 0)
		return "arrange the descriptors of";
	if (spec->filter && filter_enter(spec->filter) < 0)
		return "filter the system calls of";
	execute(spec);
	return "execute";
}

static _noreturn_ void child(const struct proc_spec *spec, int report_fd)
{
	struct start_failure failure = { 0 };
	int kept = copy_away(report_fd);

	failure.step = become(spec, kept);
	failure.code = errno;
	(void)!write(kept, &failure, sizeof(failure));
	_exit(127);
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* A first process of namespaces is made by the system call alone, which is safe: up to execve(2) it
 * uses nothing of the C library that fork(2) would have to prepare. */
static pid_t fork_into(unsigned new_namespaces)
{
	if (new_namespaces == 0)
		return fork();
	return (pid_t)syscall(SYS_clone, (unsigned long)new_namespaces | SIGCHLD, NULL, NULL, NULL,
			      NULL);
}

int proc_start(const struct proc_spec *spec, struct proc *ret_proc, struct error *e)
{
	_close_ int report = -1, report_child = -1;
	struct start_failure failure;
	int pipe_fds[2], pidfd;
	pid_t pid;
	ssize_t n;

	if (spec->n_fds > MAX_FDS)
		return fail(e, E2BIG, "'%s' is to inherit more than %d descriptors", spec->argv[0],
			    MAX_FDS);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	report = pipe_fds[0];
	report_child = pipe_fds[1];
	pid = fork_into(spec->new_namespaces);
	if (pid < 0)
		return fail(e, errno, "cannot fork for '%s': %m", spec->argv[0]);
	if (pid == 0)
		child(spec, report_child);
	report_child = close_fd(report_child);
	do
		n = read(report, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(failure)) {
		reap(pid);
		return fail(e, failure.code, "cannot %s '%s': %m", failure.step,
			    spec->path ? spec->path : spec->argv[0]);
	}
	pidfd = child_open(pid, e);
	if (pidfd < 0) {
		(void)kill(pid, SIGKILL);
		reap(pid);
		return pidfd;
	}
	*ret_proc = (struct proc){ .pid = pid, .pidfd = pidfd };
	return 0;
}

int proc_wait(struct proc *p, uint64_t deadline_ms, const struct cancel *c, int *ret_status,
	      struct error *e)
{
	int status = 0, r;

	r = wait_fd(p->pidfd, POLLIN, "waiting for a process", deadline_ms, c, e);
	if (r < 0)
		return r;
	while ((r = waitpid(p->pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (r < 0)
		return fail(e, errno, "cannot wait for process %d: %m", (int)p->pid);
	proc_done(p);
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

int proc_kill(const struct proc *p, int number, struct error *e)
{
	if (syscall(SYS_pidfd_send_signal, p->pidfd, number, NULL, 0) < 0 && errno != ESRCH)
		return fail(e, errno, "cannot signal process %d: %m", (int)p->pid);
	return 0;
}

bool proc_stop(struct proc *p, uint64_t grace_ms)
{
	struct error e;
	int status;

	if (p->pid <= 0 || p->pidfd < 0)
		return true;
	(void)proc_kill(p, SIGTERM, &e);
	if (grace_ms && proc_wait(p, deadline_in(grace_ms), NULL, &status, &e) == 0)
		return true;
	(void)proc_kill(p, SIGKILL, &e);
	if (proc_wait(p, deadline_in(KILLED_WAIT_MS), NULL, &status, &e) == 0)
		return true;
	proc_done(p);
	return false;
}

void proc_done(struct proc *p)
{
	p->pidfd = close_fd(p->pidfd);
	p->pid = 0;
}

/* Reads until end of file; beyond MAX the bytes are read and dropped so that the child never
 * blocks. */
static int collect(int fd, size_t max, uint64_t deadline_ms, const struct cancel *c,
		   struct buf *output, struct error *e)
{
	char scrap[4096];
	ssize_t n;
	int r;

	for (;;) {
		r = wait_fd(fd, POLLIN, "reading the output of a process", deadline_ms, c, e);
		if (r < 0)
			return r;
		n = read(fd, scrap, sizeof(scrap));
		if (n == 0)
			return 0;
		if (n < 0)
			return fail(e, errno, "cannot read the output of a process: %m");
		(void)buf_add(output, scrap, min_size((size_t)n, max - output->len), e);
		/* One that writes without end is always ready to be read. */
		if (now_ms() >= deadline_ms)
			return fail(e, ETIMEDOUT, "reading the output of a process: it has no end");
	}
}

/* All that the child P writes to FROM until its end; it does not outlive a failure. */
static int gather(struct proc *p, int from, uint64_t deadline_ms, const struct cancel *c,
		  size_t max_output, int *ret_status, char **ret_output, struct error *e)
{
	_buf_ struct buf output = { .max = max_output };
	int r = collect(from, max_output, deadline_ms, c, &output, e);

	if (r == 0)
		r = proc_wait(p, deadline_ms, c, ret_status, e);
	if (r < 0)
		return r;
	*ret_output = xstrndup(output.data ? (const char *)output.data : "", output.len);
	return 0;
}

int proc_run(const struct proc_spec *spec, uint64_t deadline_ms, const struct cancel *c,
	     size_t max_output, int *ret_status, char **ret_output, struct error *e)
{
	_close_ int from = -1, to = -1;
	struct proc_spec with_output = *spec;
	struct proc_fd fds[MAX_FDS];
	struct proc p;
	int pipe_fds[2], r;

	if (spec->n_fds + 2 > MAX_FDS)
		return fail(e, E2BIG, "'%s' is to inherit too many descriptors", spec->argv[0]);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	from = pipe_fds[0];
	to = pipe_fds[1];
	fds[0] = (struct proc_fd){ to, STDOUT_FILENO };
	fds[1] = (struct proc_fd){ to, STDERR_FILENO };
	for (size_t i = 0; i < spec->n_fds; i++)
		fds[i + 2] = spec->fds[i];
	with_output.fds = fds;
	with_output.n_fds = spec->n_fds + 2;
	r = proc_start(&with_output, &p, e);
	if (r < 0)
		return r;
	to = close_fd(to);
	r = gather(&p, from, deadline_ms, c, max_output, ret_status, ret_output, e);
	if (r < 0) {
		/* It is not reaped yet, so the group is still its own. */
		if (spec->new_session)
			(void)kill(-p.pid, SIGKILL);
		(void)proc_stop(&p, 0);
		return fail_wrap(e, "running '%s'", spec->argv[0]);
	}
	return 0;
}

static _noreturn_ void call_in_child(proc_function *function, void *arg, int out_fd, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	proc_reset_signals();
	_exit(function(arg, out_fd));
}

int proc_call(proc_function *function, void *arg, uint64_t deadline_ms, const struct cancel *c,
	      size_t max_output, int *ret_status, char **ret_output, struct error *e)
{
	_close_ int from = -1, to = -1;
	struct proc p = { .pidfd = -1 };
	pid_t parent = getpid();
	int pipe_fds[2], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	from = pipe_fds[0];
	to = pipe_fds[1];
	p.pid = fork();
	if (p.pid < 0)
		return fail(e, errno, "cannot fork: %m");
	if (p.pid == 0)
		call_in_child(function, arg, to, parent);
	to = close_fd(to);
	p.pidfd = child_open(p.pid, e);
	if (p.pidfd < 0) {
		(void)kill(p.pid, SIGKILL);
		reap(p.pid);
		return -e->code;
	}
	r = gather(&p, from, deadline_ms, c, max_output, ret_status, ret_output, e);
	if (r < 0)
		(void)proc_stop(&p, 0);
	return r;
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks, struct error *e)
{
	char path[64];
	_free_ char *text = NULL;
	_strv_ strv fields = NULL;
	char *after_name;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, 4096, &text, NULL, e) < 0)
		return fail(e, ESRCH, "there is no process %d", (int)pid);
	/* The name is in parentheses and may contain anything: fields are counted from its end. */
	after_name = strrchr(text, ')');
	fields = strv_split(after_name ? after_name + 1 : "", " \n");
	if (strv_len(fields) < 20)
		return fail(e, EPROTO, "'%s' is not as proc(5) says", path);
	return parse_u64(fields[19], "start time", UINT64_MAX, ret_ticks, e);
}
