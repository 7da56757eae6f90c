/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked - calls that wait for something to happen.
 *
 * A parked call costs a list entry and no thread.  The number per list is bounded: a client has one
 * call per stream under way, and a few waiters per process.  Io thread.
 */
#include "agent/container/parked.h"

int parked_add(struct parked **list, struct rpc_request *req, const char *what,
	       struct parked **ret_parked, struct error *e)
{
	struct parked *p;
	size_t n = 0;

	for (; *list; list = &(*list)->next)
		n++;
	if (n >= PARKED_MAX)
		return fail(e, EBUSY, "%zu calls wait already %s", n, what);
	p = xcalloc(1, sizeof(*p));
	p->req = req;
	*list = p;
	if (ret_parked)
		*ret_parked = p;
	return rpc_defer(req);
}

static void release(struct parked *p)
{
	free(p->data);
	free(p);
}

struct parked *parked_take(struct parked **list)
{
	struct parked *p = *list;

	if (p)
		*list = p->next;
	return p;
}

void parked_reply(struct parked **list, const void *out)
{
	struct parked *p = parked_take(list);

	if (!p)
		return;
	rpc_reply(p->req, out);
	release(p);
}

void parked_reply_all(struct parked **list, const void *out)
{
	while (*list)
		parked_reply(list, out);
}

void parked_drop_gone(struct parked **list)
{
	while (*list) {
		struct parked *p = *list;
		struct error e;

		if (!rpc_is_abandoned(p->req)) {
			list = &p->next;
			continue;
		}
		*list = p->next;
		(void)fail(&e, ECANCELED, "nobody waits any more");
		rpc_reply_error(p->req, &e);
		release(p);
	}
}

void parked_fail_all(struct parked **list, int code, const char *why)
{
	struct error e;
	struct parked *p;

	(void)fail(&e, code, "%s", why);
	for (p = parked_take(list); p; p = parked_take(list)) {
		rpc_reply_error(p->req, &e);
		release(p);
	}
}

void parked_drop_all(struct parked **list)
{
	struct parked *p;

	for (p = parked_take(list); p; p = parked_take(list))
		release(p);
}
