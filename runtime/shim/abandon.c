/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abandon - end a shim that nobody will ask for anything any more.
 *
 * An engine that gives a sandbox up sends Delete and Shutdown, or runs `delete`.  CRI-O does
 * neither when the first container of a pod does not start: it forgets the sandbox and removes its
 * bundle. So a shim without a running pod (it has none yet, none any more, or one whose first
 * container never started) looks from time to time whether its bundle is still there, and leaves
 * when it is not, as after a Shutdown.  While a pod runs nothing is looked at: a pod is never ended
 * for a folder.  Io thread, but for the look.
 */

#include <unistd.h>

#include "lib/log.h"
#include "runtime/shim/shim.h"

static bool has_never_started(const struct shim *shim)
{
	for (const struct task *task = shim->tasks; task; task = task->next)
		if (task->init.state > PROCESS_CREATED)
			return false;
	return shim->tasks != NULL;
}

static bool may_be_abandoned(const struct shim *shim)
{
	return shim->stage == SHIM_EMPTY || shim->stage == SHIM_STOPPED ||
	       (shim->stage == SHIM_RUNNING && has_never_started(shim));
}

/* 1 if the bundle is gone.  What cannot be looked at is not known to be gone. */
static int look_work(struct op *op, struct error *e)
{
	(void)e;
	return access(op->shim->bundle, F_OK) < 0 && errno == ENOENT;
}

static void look_finish(struct op *op)
{
	struct shim *shim = op->shim;

	if (op->result <= 0 || !may_be_abandoned(shim)) {
		shim_look_again(shim);
		return;
	}
	log_warn("'%s' is gone, and with it whoever would delete this sandbox", shim->bundle);
	shim_leave(shim, NULL);
}

static void look_due(struct io *io, uint32_t flags)
{
	struct shim *shim = CONTAINER_OF(io, struct shim, look);
	struct op *op;

	(void)flags;
	timer_read(io->fd);
	if (!may_be_abandoned(shim))
		return;
	op = op_new(shim, NULL, NULL, NULL);
	op->work = look_work;
	op->finish = look_finish;
	op_submit(op, OP_ALONE);
}

void shim_look_again(struct shim *shim)
{
	if (shim->look_ms > 0 && may_be_abandoned(shim))
		timer_arm(shim->look.fd, shim->look_ms, 0);
}

int shim_look_open(struct shim *shim, struct error *e)
{
	int r;

	shim->look = (struct io){ timer_open(e), look_due };
	if (shim->look.fd < 0)
		return shim->look.fd;
	r = loop_add(shim->loop, &shim->look, EPOLLIN, e);
	if (r < 0)
		shim->look.fd = close_fd(shim->look.fd);
	else
		shim_look_again(shim);
	return r;
}

void shim_look_close(struct shim *shim)
{
	if (shim->look.fd < 0)
		return;
	loop_del(shim->loop, &shim->look);
	shim->look.fd = close_fd(shim->look.fd);
}
