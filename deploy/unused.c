/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unused - wait until nothing uses the installation that is to be removed.
 *
 * The containers of a deleted pod stay in containerd until the kubelet collects them, up to a
 * minute later, and their shim is needed for that: a removal right after the last pod was deleted
 * is the usual case and waits.  What runs is not ours to end, and may run for years: it gets the
 * time a pod takes to end, then the removal gives up and everything that a sandbox needs stays. One
 * thread.
 */
#include "deploy/unused.h"

#include <inttypes.h>

#include "lib/log.h"

#define SAY_MS (15 * UINT64_C(1000))

int unused_fail(const struct live *l, struct error *e)
{
	_free_ char *text = live_text(l);

	return fail(e, EBUSY,
		    "%s still use this installation: handlers and files stay.  End them, then "
		    "install and remove once more, or run 'kata-deploy cleanup'",
		    text);
}

static void say(const struct live *l, uint64_t left_ms)
{
	_free_ char *text = live_text(l);

	log_info("waiting for %s to leave containerd, at most %" PRIu64 " s more", text,
		 left_ms / 1000);
}

static uint64_t limit_ms(const struct unused *u, const struct live *l)
{
	return l->running > 0 ? u->running_ms : u->wait_ms;
}

int unused_wait(const struct unused *u, struct error *e)
{
	uint64_t began_ms = now_ms();
	uint64_t say_ms = began_ms;
	struct error wait;

	for (;;) {
		_live_ struct live l = { 0 };
		int r = u->look(u->arg, &l, e);
		uint64_t now = now_ms();
		uint64_t end_ms = began_ms + limit_ms(u, &l);

		if (r >= 0 && !live_is_used(&l))
			return 0;
		if (now >= end_ms)
			return r < 0 ? r : unused_fail(&l, e);
		if (r >= 0 && now >= say_ms) {
			say(&l, end_ms - now);
			say_ms = now + SAY_MS;
		}
		if (wait_pause(u->poll_ms, "waiting for pods to leave", NO_DEADLINE, u->cancel,
			       &wait) < 0) {
			*e = wait;
			return -e->code;
		}
	}
}
