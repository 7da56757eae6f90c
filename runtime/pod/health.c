/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - notice a guest that hangs but lives.
 *
 * Its VMM runs and its connection stands, so nothing else tells.  The agent is asked on its io
 * thread, which never waits, so a busy container delays an answer only as far as the guest as a
 * whole is slow.  Any answer counts, a refusal as well; an agent that does not know the question is
 * not asked again.
 *
 * A program that did not run itself for a while finds its timer due and the answer unread: it looks
 * once more before it judges.  Io thread.
 */

#include "runtime/pod/health.h"

#include "lib/log.h"
#include "lib/rpc/proto/health.pb-c.h"

#define GRACE_MS 1000

enum health_state { HEALTH_IDLE, HEALTH_ASKED, HEALTH_LATE };

struct health {
	struct health_params params;
	struct io timer;
	enum health_state state;
};

static const struct rpc_call check = { "grpc.Health", "Check", &health__check_request__descriptor,
				       &health__health_check_response__descriptor };

static void answered(void *arg, void *out, const struct error *error)
{
	struct health *h = arg;

	h->state = HEALTH_IDLE;
	/* The end of the connection is noticed by others. */
	if (out || (error->code != ENOSYS && error->code != ECONNRESET))
		timer_arm(h->timer.fd, h->params.every_ms, 0);
	else
		timer_arm(h->timer.fd, 0, 0);
}

static void ask(struct health *h)
{
	const Health__CheckRequest request = HEALTH__CHECK_REQUEST__INIT;
	struct error e;

	if (rpc_call_async(h->params.rpc, &check, &request, answered, h, &e) < 0) {
		log_debug("the agent is not asked whether it lives: %s", e.msg);
		return;
	}
	h->state = HEALTH_ASKED;
	timer_arm(h->timer.fd, h->params.timeout_ms, 0);
}

static void due(struct io *io, uint32_t flags)
{
	struct health *h = CONTAINER_OF(io, struct health, timer);
	struct error why;

	(void)flags;
	timer_read(io->fd);
	switch (h->state) {
	case HEALTH_IDLE:
		ask(h);
		return;
	case HEALTH_ASKED:
		h->state = HEALTH_LATE;
		timer_arm(io->fd, GRACE_MS, 0);
		return;
	case HEALTH_LATE:
		break;
	}
	(void)fail(&why, ETIMEDOUT, "the agent has not answered for %llu ms whether it lives",
		   (unsigned long long)h->params.timeout_ms);
	h->params.silent(h->params.arg, &why);
}

struct health *health_new(const struct health_params *params, struct error *e)
{
	struct health *h = xcalloc(1, sizeof(*h));

	h->params = *params;
	h->timer = (struct io){ timer_open(e), due };
	if (h->timer.fd < 0 || loop_add(params->loop, &h->timer, EPOLLIN, e) < 0) {
		(void)close_fd(h->timer.fd);
		free(h);
		return NULL;
	}
	timer_arm(h->timer.fd, params->every_ms, 0);
	return h;
}

void health_free(struct health *own_health)
{
	struct health *h = own_health;

	if (!h)
		return;
	rpc_call_forget(h->params.rpc, h);
	loop_del(h->params.loop, &h->timer);
	(void)close_fd(h->timer.fd);
	free(h);
}
