/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - one process of a container: its end, its streams, its signals.
 *
 * The pidfd tells the end; the exit status is kept until somebody asked for it and has read the
 * output, however late.  While another process traces it, the kernel tells the end and keeps the
 * status; then the status is looked for every LOOK_MS.  A process may leave children behind that
 * hold its pipes open, so once it has ended, output that does not come within DRAIN_MS does not
 * come any more.  Io thread, but for making one.
 */
#include "agent/container/process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#define DRAIN_MS    500
#define LOOK_MS     100
#define STATUS_MAX  (16 * KIB)
#define SIGNAL_BASE 128 /* of the exit status of a killed process, as in a shell */

void process_pipes_close_theirs(struct process_pipes *pipes)
{
	for (size_t i = 0; i < 3; i++)
		pipes->theirs[i] = close_fd(pipes->theirs[i]);
}

void process_pipes_close(struct process_pipes *pipes)
{
	process_pipes_close_theirs(pipes);
	for (size_t i = 0; i < 3; i++)
		pipes->ours[i] = close_fd(pipes->ours[i]);
}

static int open_pipe(struct process_pipes *pipes, int i, uint32_t pipe_size, struct error *e)
{
	int fds[2];
	bool is_input = i == 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "cannot make a pipe: %m");
	pipes->ours[i] = fds[is_input ? 1 : 0];
	pipes->theirs[i] = fds[is_input ? 0 : 1];
	if (pipe_size && fcntl(fds[0], F_SETPIPE_SZ, pipe_size) < 0)
		return fail(e, errno, "cannot make a pipe of %u bytes: %m", pipe_size);
	/* As much as one call moves: the process works while the next is on its way. */
	if (!pipe_size)
		(void)fcntl(fds[0], F_SETPIPE_SZ, STREAM_READ_MAX);
	if (fcntl(pipes->ours[i], F_SETFL, O_NONBLOCK) < 0)
		return fail(e, errno, "cannot set up a pipe: %m");
	return 0;
}

int process_pipes_open(struct process_pipes *pipes, enum process_input input, uint32_t pipe_size,
		       struct error *e)
{
	int r = 0;

	*pipes = PROCESS_PIPES_NONE;
	for (int i = input == PROCESS_INPUT_NONE; r >= 0 && i < 3; i++)
		r = open_pipe(pipes, i, pipe_size, e);
	if (r < 0)
		process_pipes_close(pipes);
	return r;
}

static void look_again_later(struct process *p)
{
	/* It stays readable, and there is nothing to read yet. */
	loop_del(p->loop, &p->exit);
	timer_arm(p->timer.fd, LOOK_MS, 0);
}

static void exit_ready(struct io *io, uint32_t events)
{
	struct process *p = CONTAINER_OF(io, struct process, exit);

	(void)events;
	process_look(p);
	if (!p->has_exited)
		look_again_later(p);
}

static void timer_ready(struct io *io, uint32_t events)
{
	struct process *p = CONTAINER_OF(io, struct process, timer);

	(void)events;
	timer_read(io->fd);
	if (p->has_exited) {
		stream_end(&p->out);
		stream_end(&p->err);
		return;
	}
	process_look(p);
	if (!p->has_exited)
		look_again_later(p);
}

struct process *process_new(struct loop *loop, const char *id, struct launched *launched,
			    struct process_pipes *pipes, struct error *e)
{
	struct process *p;
	int timer = timer_open(e), writer = -1;

	if (timer < 0)
		return NULL;
	if (launched->master >= 0) {
		writer = fcntl(launched->master, F_DUPFD_CLOEXEC, 3);
		if (writer < 0) {
			(void)fail(e, errno, "cannot copy a terminal: %m");
			(void)close_fd(timer);
			return NULL;
		}
	}
	p = xcalloc(1, sizeof(*p));
	p->id = xstrdup(id);
	p->pid = launched->pid;
	p->pidfd = TAKE_FD(launched->pidfd);
	p->has_terminal = writer >= 0;
	p->loop = loop;
	p->exit = (struct io){ .fd = p->pidfd, .ready = exit_ready };
	p->timer = (struct io){ .fd = timer, .ready = timer_ready };
	if (writer >= 0) {
		stream_init(&p->in, loop, writer, STREAM_STDIN);
		stream_init(&p->out, loop, TAKE_FD(launched->master), STREAM_TERMINAL);
		stream_init(&p->err, loop, -1, STREAM_STDERR);
	} else {
		stream_init(&p->in, loop, TAKE_FD(pipes->ours[0]), STREAM_STDIN);
		stream_init(&p->out, loop, TAKE_FD(pipes->ours[1]), STREAM_STDOUT);
		stream_init(&p->err, loop, TAKE_FD(pipes->ours[2]), STREAM_STDERR);
	}
	return p;
}

static void run_adopt(struct loop_task *task)
{
	struct process *p = CONTAINER_OF(task, struct process, adopt);
	struct error e;

	if (p->has_exited)
		return;
	if (loop_add(p->loop, &p->exit, EPOLLIN, &e) < 0 ||
	    loop_add(p->loop, &p->timer, EPOLLIN, &e) < 0)
		log_error("cannot watch process '%s': %s", p->id, e.msg);
}

void process_adopt(struct process *p, void (*exited)(struct process *p), void *owner)
{
	p->exited = exited;
	p->owner = owner;
	p->adopt.run = run_adopt;
	loop_post(p->loop, &p->adopt);
}

void process_free(struct process *p)
{
	if (!p)
		return;
	if (!p->has_exited)
		loop_del(p->loop, &p->exit);
	loop_del(p->loop, &p->timer);
	(void)close_fd(p->timer.fd);
	(void)close_fd(p->pidfd);
	stream_done(&p->in);
	stream_done(&p->out);
	stream_done(&p->err);
	parked_drop_all(&p->waiters);
	free(p->id);
	free(p);
}

static int reap(struct process *p)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) < 0)
		return -errno;
	if (info.si_pid == 0)
		return -EAGAIN;
	p->status = info.si_code == CLD_EXITED ? info.si_status : SIGNAL_BASE + info.si_status;
	return 0;
}

void process_look(struct process *p)
{
	Agent__WaitProcessResponse answer = AGENT__WAIT_PROCESS_RESPONSE__INIT;
	int r;

	if (p->has_exited)
		return;
	r = reap(p);
	if (r == -EAGAIN)
		return;
	if (r < 0)
		p->status = SIGNAL_BASE + SIGKILL;
	p->has_exited = true;
	loop_del(p->loop, &p->exit);
	stream_cancel(&p->in, EPIPE, "the process has ended");
	/* The other end of a terminal is the same descriptor's business: reading goes on. */
	stream_end(&p->in);
	timer_arm(p->timer.fd, DRAIN_MS, 0);
	answer.status = p->status;
	parked_drop_gone(&p->waiters);
	p->was_waited_for = p->waiters != NULL;
	p->is_told = p->was_waited_for;
	p->exited(p);
	parked_reply_all(&p->waiters, &answer);
}

int process_wait(struct process *p, struct rpc_request *req, void *out, struct error *e)
{
	Agent__WaitProcessResponse *answer = out;

	if (rpc_is_abandoned(req))
		return fail(e, ECANCELED, "the caller of a wait for '%s' has gone", p->id);
	parked_drop_gone(&p->waiters);
	if (!p->has_exited)
		return parked_add(&p->waiters, req, "for the end of the process", NULL, e);
	answer->status = p->status;
	p->was_waited_for = true;
	p->is_told = true;
	return 0;
}

int process_signal(const struct process *p, int signal, struct error *e)
{
	if (p->has_exited)
		return 0;
	if (syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
		return fail(e, errno, "cannot send signal %d to process '%s': %m", signal, p->id);
	return 0;
}

bool process_status_handles(const char *status, int signal)
{
	static const char *const masks[] = { "\nSigBlk:", "\nSigIgn:", "\nSigCgt:" };
	uint64_t mask;
	struct error ignored;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		const char *found = strstr(status, masks[i]);
		_free_ char *word = NULL;

		if (!found)
			continue;
		found += strlen(masks[i]);
		found += strspn(found, " \t");
		word = xstrndup(found, strcspn(found, "\n"));
		if (parse_hex(word, "mask", UINT64_MAX, &mask, &ignored) >= 0 &&
		    mask & (UINT64_C(1) << (signal - 1)))
			return true;
	}
	return false;
}

bool process_has_default_action(const struct process *p, int signal)
{
	_free_ char *path = xasprintf("/proc/%d/status", (int)p->pid);
	_free_ char *text = NULL;
	struct error ignored;

	if (p->has_exited || file_read(path, STATUS_MAX, &text, NULL, &ignored) < 0)
		return false;
	return !process_status_handles(text, signal);
}

int process_resize(const struct process *p, uint32_t rows, uint32_t columns, struct error *e)
{
	struct winsize size = { .ws_row = (unsigned short)min_u64(rows, UINT16_MAX),
				.ws_col = (unsigned short)min_u64(columns, UINT16_MAX) };

	if (p->out.io.fd < 0 || !p->has_terminal)
		return fail(e, EAGAIN, "process '%s' has no terminal", p->id);
	if (ioctl(p->out.io.fd, TIOCSWINSZ, &size) < 0)
		return fail(e, errno, "cannot resize the terminal of process '%s': %m", p->id);
	return 0;
}

bool process_is_over(const struct process *p)
{
	return p->has_exited && p->was_waited_for && stream_has_ended(&p->out) &&
	       stream_has_ended(&p->err);
}

void process_cancel(struct process *p, int code, const char *why)
{
	stream_cancel(&p->in, code, why);
	stream_cancel(&p->out, code, why);
	stream_cancel(&p->err, code, why);
	parked_fail_all(&p->waiters, code, why);
}
