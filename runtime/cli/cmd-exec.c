/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-exec - a shell in a guest, through the agent's debug console.
 *
 * The console is a plain stream of bytes on a vsock port; the terminal here is put into raw mode
 * and given back whatever ends the session: the shell, the guest, or a signal.  One buffer per
 * direction, read only when it is empty, so a side that does not read stops the other instead of
 * filling memory.  One thread, one poll loop.
 */

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "lib/file.h"
#include "lib/loop.h"
#include "lib/sock.h"
#include "runtime/cli/cli.h"
#include "runtime/sandbox/management.h"
#include "runtime/sandbox/state.h"
#include "runtime/vmm/vsock.h"

#define DIAL_MS    5000
#define CHUNK_SIZE 4096

/* Bytes on their way from one descriptor to another. */
struct lane {
	int from, to;
	bool is_open; /* FROM has not ended */
	size_t at, len;
	char bytes[CHUNK_SIZE];
};

static int parse_options(int argc, char **argv, uint32_t *ret_port, const char **ret_id,
			 struct error *e)
{
	static const struct option options[] = {
		{ "kata-debug-port", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r;

	optind = 1;
	while ((option = getopt_long(argc, argv, "p:", options, NULL)) >= 0) {
		if (option == '?')
			return fail(e, EINVAL, "see 'kata-runtime help'");
		r = parse_u32(optarg, "port", UINT32_MAX, ret_port, e);
		if (r < 0)
			return r;
	}
	if (optind != argc - 1)
		return fail(e, EINVAL, "takes the id of one sandbox");
	*ret_id = argv[optind];
	return check_id(*ret_id, "sandbox id", 128, e);
}

/* Where the agent of sandbox ID is: its shim says it, of whichever of this family it is; one of
 * ours that cannot be asked has left it in its record.  Caller frees. */
static int find_agent(const char *id, char **ret_url, struct error *e)
{
	static const struct management_question q = { .method = "GET",
						      .target = MANAGEMENT_AGENT_URL,
						      .wait_ms = DIAL_MS };
	_state_ struct state state = { 0 };
	int r = management_ask_sandbox(id, &q, ret_url, e);

	if (r != -ESRCH)
		return r;
	r = state_load(&state, NULL, id, e);
	if (r == -ENOENT)
		return fail(e, ENOENT, "there is no sandbox '%s' on this host; see %s", id,
			    STATE_ROOT);
	if (r >= 0)
		*ret_url = TAKE_PTR(state.agent_url);
	return r;
}

static int dial(const char *id, uint32_t port, struct error *e)
{
	_free_ char *url = NULL;
	struct sock_address a;
	int fd, r;

	r = find_agent(id, &url, e);
	if (r < 0)
		return r;
	r = sock_parse(url, &a, e);
	if (r < 0)
		return fail_wrap(e, "sandbox '%s' is not up", id);
	a.port = port;
	fd = sock_connect(&a, deadline_in(DIAL_MS), NULL, e);
	if (fd >= 0)
		return fd;
	return fail(e, -fd,
		    "sandbox '%s' has no debug console on port %u: set "
		    "debug_console_enabled = true in [agent.kata], with a guest that contains a "
		    "shell, and make the pod anew",
		    id, port);
}

static int enter_raw_mode(struct termios *ret_before, struct error *e)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, ret_before) < 0)
		return fail(e, errno, "cannot read the terminal's mode: %m");
	raw = *ret_before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
		return fail(e, errno, "cannot set the terminal's mode: %m");
	return 0;
}

/* FD as poll(2) shall watch it: not at all when nothing is wanted from it, since an end of file
 * would be reported again and again. */
static struct pollfd watched(int fd, const struct lane *in, const struct lane *out)
{
	struct pollfd p = { .fd = -1 };

	for (size_t i = 0; i < 2; i++) {
		const struct lane *lane = i ? out : in;

		if (fd == lane->from && lane->is_open && lane->len == 0)
			p.events |= POLLIN;
		if (fd == lane->to && lane->len > 0)
			p.events |= POLLOUT;
	}
	if (p.events)
		p.fd = fd;
	return p;
}

static int fill(struct lane *lane, struct error *e)
{
	ssize_t n = read(lane->from, lane->bytes, sizeof(lane->bytes));

	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
		return fail(e, errno, "cannot read: %m");
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		lane->is_open = false;
	lane->at = 0;
	lane->len = n > 0 ? (size_t)n : 0;
	return 0;
}

static int drain(struct lane *lane, struct error *e)
{
	ssize_t n = write(lane->to, lane->bytes + lane->at, lane->len);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return fail(e, errno, "cannot write: %m");
	if (n > 0) {
		lane->at += (size_t)n;
		lane->len -= (size_t)n;
	}
	return 0;
}

static int serve(struct lane *lane, const struct pollfd *from, const struct pollfd *to,
		 struct error *e)
{
	int r = 0;

	if (lane->is_open && lane->len == 0 && from->revents)
		r = fill(lane, e);
	if (r >= 0 && lane->len > 0 && to->revents & (POLLOUT | POLLERR | POLLHUP))
		r = drain(lane, e);
	return r;
}

/* Until the guest's side ends, or a signal comes.  The end of our input is not the end: what the
 * shell answers is still to come. */
static int talk(int guest, int signals, struct error *e)
{
	struct lane in = { .from = STDIN_FILENO, .to = guest, .is_open = true };
	struct lane out = { .from = guest, .to = STDOUT_FILENO, .is_open = true };
	int r = 0;

	while (r >= 0 && (out.is_open || out.len > 0)) {
		struct pollfd fds[] = {
			watched(STDIN_FILENO, &in, &out),
			watched(guest, &in, &out),
			watched(STDOUT_FILENO, &in, &out),
			{ .fd = signals, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return fail(e, errno, "cannot poll: %m");
		if (fds[3].revents)
			return 128 + signal_read(signals);
		r = serve(&in, &fds[0], &fds[1], e);
		if (r >= 0)
			r = serve(&out, &fds[1], &fds[2], e);
	}
	return r;
}

static int open_signals(struct error *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	return signal_open(&set, e);
}

int cmd_exec(const struct cli *cli, int argc, char **argv, struct error *e)
{
	bool is_tty = isatty(STDIN_FILENO);
	uint32_t port = VSOCK_PORT_CONSOLE;
	_close_ int guest = -1, signals = -1;
	struct termios before;
	const char *id = NULL;
	int r;

	(void)cli;
	r = parse_options(argc, argv, &port, &id, e);
	if (r < 0)
		return r;
	r = cli_need_root("exec", e);
	if (r < 0)
		return r;
	/* A guest that is gone is said, and the terminal comes back. */
	sock_ignore_sigpipe();
	guest = dial(id, port, e);
	if (guest < 0)
		return guest;
	signals = open_signals(e);
	if (signals < 0)
		return signals;
	r = is_tty ? enter_raw_mode(&before, e) : 0;
	if (r < 0)
		return r;
	r = talk(guest, signals, e);
	if (is_tty)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	return r;
}
