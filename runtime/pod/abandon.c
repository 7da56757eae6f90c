/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abandon - end a pod that nobody will ask for anything any more.
 *
 * An engine that gives a sandbox up sends Delete and Shutdown, or runs `delete`.  CRI-O does
 * neither when the first container of a pod does not start: it forgets the sandbox and removes its
 * bundle. So one that does not run (not yet, no more, or its first
 * container never started) looks from time to time whether its bundle is still there, and leaves
 * when it is not, as after a Shutdown.  While a pod runs nothing is looked at: a pod is never ended
 * for a folder.  Io thread, but for the look.
 */

#include "runtime/pod/abandon.h"

#include <unistd.h>

#include "lib/log.h"
#include "runtime/pod/look.h"
#include "runtime/pod/stop.h"

/* 1 if the bundle is gone.  What cannot be looked at is not known to be gone. */
static int look_work(struct op *op, struct error *e)
{
	(void)e;
	return access(op->pod->bundle, F_OK) < 0 && errno == ENOENT;
}

static void look_finish(struct op *op)
{
	struct pod *pod = op->pod;

	if (op->result <= 0 || !pod_may_be_abandoned(pod)) {
		pod_look_again(pod);
		return;
	}
	log_warn("'%s' is gone, and with it whoever would delete this sandbox", pod->bundle);
	pod_leave(pod, (struct asker){ 0 });
}

static void look_due(struct io *io, uint32_t flags)
{
	struct pod *pod = CONTAINER_OF(io, struct pod, look);
	struct op *op;

	(void)flags;
	timer_read(io->fd);
	if (!pod_may_be_abandoned(pod))
		return;
	op = op_new(pod, NULL);
	op->work = look_work;
	op->finish = look_finish;
	op_submit(op, OP_ALONE);
}

int pod_look_open(struct pod *pod, struct error *e)
{
	int r;

	pod->look = (struct io){ timer_open(e), look_due };
	if (pod->look.fd < 0)
		return pod->look.fd;
	r = loop_add(pod->loop, &pod->look, EPOLLIN, e);
	if (r < 0)
		pod->look.fd = close_fd(pod->look.fd);
	else
		pod_look_again(pod);
	return r;
}

void pod_look_close(struct pod *pod)
{
	if (pod->look.fd < 0)
		return;
	loop_del(pod->loop, &pod->look);
	pod->look.fd = close_fd(pod->look.fd);
}
