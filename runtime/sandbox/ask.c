/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - one call to the agent, with its deadline, for whose answer no thread waits.
 *
 * What cannot be sent is told later as well, so that nobody hears of it while he still asks.  Io
 * thread.
 */

#include "runtime/sandbox/ask.h"

static void end(struct ask *a, const void *answer)
{
	struct error why = a->error;

	if (a->late.fd >= 0) {
		loop_del(a->loop, &a->late);
		a->late.fd = close_fd(a->late.fd);
	}
	if (!answer)
		(void)fail_wrap(&why, "agent: %s", client_call_of(a->call)->name);
	a->answered(a, answer, answer ? NULL : &why);
}

static void arrived(void *arg, void *out, const struct error *error)
{
	struct ask *a = arg;

	if (!out)
		a->error = *error;
	/* The end of the sandbox closes the connection. */
	if (!out && error->code == ECONNRESET && cancel_is_raised(a->cancel))
		(void)fail(&a->error, ECANCELED, "cancelled");
	end(a, out);
}

static void too_late(struct io *io, uint32_t flags)
{
	struct ask *a = CONTAINER_OF(io, struct ask, late);

	(void)flags;
	timer_read(io->fd);
	rpc_call_forget(a->rpc, a);
	end(a, NULL);
}

static void was_refused(struct loop_task *task)
{
	end(CONTAINER_OF(task, struct ask, refused), NULL);
}

static int open_deadline(struct ask *a, struct error *e)
{
	int r;

	a->late = (struct io){ timer_open(e), too_late };
	if (a->late.fd < 0)
		return a->late.fd;
	r = loop_add(a->loop, &a->late, EPOLLIN, e);
	if (r < 0)
		a->late.fd = close_fd(a->late.fd);
	return r;
}

static int send_request(struct ask *a, const void *request, uint64_t wait_ms)
{
	if (cancel_is_raised(a->cancel))
		return fail(&a->error, ECANCELED, "cancelled");
	if (open_deadline(a, &a->error) < 0)
		return -a->error.code;
	return rpc_call_async_within(a->rpc, client_call_of(a->call), request, deadline_in(wait_ms),
				     arrived, a, &a->error);
}

void ask_agent(struct ask *a, struct rpc_client *rpc, enum client_call call, const void *request,
	       uint64_t wait_ms)
{
	uint64_t wait = wait_ms ? wait_ms : client_wait_of(call);

	a->rpc = rpc;
	a->call = call;
	a->late.fd = -1;
	a->refused = (struct loop_task){ .run = was_refused };
	if (send_request(a, request, wait) < 0) {
		loop_post(a->loop, &a->refused);
		return;
	}
	(void)fail(&a->error, ETIMEDOUT, "no answer in %llu ms", (unsigned long long)wait);
	timer_arm(a->late.fd, wait, 0);
}
