/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove - take a container from guest and host, whatever either of them does.
 *
 * Three stages of an op, for a Delete and for a Create that failed: the guest forgets the
 * container, the host takes back what it gave, the guest lets go of what it remembers of that.
 * None of them fails for who waits.  Io thread, but for the host's part.
 */

#include "runtime/pod/remove.h"

static void removed(struct op *op)
{
	op->wants_answer = false;
	op_recall_result(op);
	op->after(op);
}

static void host_forgot(struct op *op)
{
	op->finish = removed;
	if (!container_ask_let_go(op->container, op_asks(op)))
		op_skip(op);
}

static int forget_work(struct op *op, struct error *e)
{
	(void)e;
	container_forget(op->container);
	return 0;
}

static void begin_forgetting(struct op *op)
{
	op->work = forget_work;
	op->finish = host_forgot;
	op_submit(op, OP_URGENT);
}

static void guest_forgot(struct op *op)
{
	container_removed(op->container, op->result < 0 ? NULL : op->answer,
			  op->result < 0 ? &op->error : NULL);
	begin_forgetting(op);
}

void op_remove_container(struct op *op, void (*after)(struct op *op))
{
	op_keep_result(op);
	op->after = after;
	op->wants_answer = true;
	op->finish = guest_forgot;
	if (!op->container) {
		op->finish = removed;
		op_skip(op);
	} else if (!container_ask_remove(op->container, op_asks(op))) {
		begin_forgetting(op);
	}
}
