/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready - tell the host that the agent listens.
 *
 * The host need not ask a machine that is still booting: it listens, and the agent dials out as
 * soon as its own listener is bound.  One line, one try, a short deadline.  Runs on a work thread.
 */

#include "agent/guest/ready.h"

#include <sys/socket.h>

#include "lib/log.h"
#include "lib/sock.h"

#define TELL_MS 2000

static const char line[] = "READY " KATA_VERSION "\n";

struct ready {
	struct job job;
	uint32_t port;
};

static void run(struct job *job)
{
	const struct ready *ready = CONTAINER_OF(job, struct ready, job);
	const struct sock_address host = { .kind = SOCK_KIND_VSOCK,
					   .cid = SOCK_CID_HOST,
					   .port = ready->port };
	struct error e;
	_close_ int fd = sock_connect(&host, deadline_in(TELL_MS), NULL, &e);

	if (fd < 0)
		log_debug("no ready signal: %s", e.msg);
	else if (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
		log_debug("no ready signal: port %u of the host has closed", ready->port);
}

static void done(struct job *job)
{
	free(CONTAINER_OF(job, struct ready, job));
}

void ready_tell(struct work_pool *pool, uint32_t port)
{
	struct ready *ready = xcalloc(1, sizeof(*ready));

	ready->job.run = run;
	ready->job.done = done;
	ready->port = port;
	work_submit_alone(pool, &ready->job);
}
