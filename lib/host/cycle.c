/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycle - lock, recover, assess, tell or do.
 *
 * Recovery comes before anything is looked at, because what an interrupted run left is not a state
 * to plan from.  What is told is what would be done: the same steps are assessed, with the same
 * refusals, unless somebody changes something meanwhile.  One thread; may block for minutes, ends
 * soon after the cancel.
 */
#include "lib/host/cycle.h"

#include "lib/file.h"
#include "lib/host/writer.h"
#include "lib/log.h"

#define TRIES 3

bool cycle_is_unreadable(int r)
{
	return r == -EPROTONOSUPPORT;
}

int cycle_open_alone(const struct cycle *c, struct journal **ret_journal, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = NULL;
	int r = journal_open(c->owner, c->root, deadline_in(c->lock_ms), c->cancel, &j, e);

	if (r >= 0 && journal_len(j) > 0)
		r = c->recover(c->arg, j, e);
	if (r < 0)
		return r;
	*ret_journal = TAKE_PTR(j);
	return 0;
}

int cycle_open(const struct cycle *c, struct journal **ret_journal, struct error *e)
{
	int r = cycle_open_alone(c, ret_journal, e);
	struct error why;

	if (!cycle_is_unreadable(r))
		return r;
	if (writer_finish(c->root, c->cancel, &why) >= 0)
		return cycle_open_alone(c, ret_journal, e);
	log_warn("%s", why.msg);
	return r;
}

int cycle_open_afresh(const struct cycle *c, struct journal **ret_journal, struct error *e)
{
	int r = cycle_open(c, ret_journal, e);

	if (!cycle_is_unreadable(r))
		return r;
	log_warn("%s; it is put aside as '%s/" JOURNAL_ASIDE "'", e->msg, c->root);
	return journal_open_afresh(c->owner, c->root, deadline_in(c->lock_ms), c->cancel,
				   ret_journal, e);
}

int cycle_run(const struct plan *plan, struct journal *j, struct error *e)
{
	_assessment_ struct assessment a = { 0 };

	if (plan_assess(plan, &a, e) < 0 ||
	    (plan->decide && plan->decide(plan->context, &a, e) < 0))
		return -e->code;
	return plan_run(plan, &a, j, e);
}

int cycle_show(const struct assessment *a, struct plan_subject *subject, const char *root,
	       enum plan_format format, FILE *out)
{
	_free_ char *journal = path_join(root, "journal");

	subject->is_after_interrupt = file_exists(journal);
	plan_show(a, subject, format, out);
	return plan_has_changes(a, subject);
}

int cycle_tell(const struct plan *plan, struct plan_subject *subject, const char *root,
	       enum plan_format format, FILE *out, struct error *e)
{
	_assessment_ struct assessment a = { 0 };

	return plan_assess(plan, &a, e) < 0 ? -e->code : cycle_show(&a, subject, root, format, out);
}

int cycle_again(int (*once)(void *arg, struct error *e), void *arg, struct error *e)
{
	int r = once(arg, e);

	for (unsigned i = 1; r == -ESTALE && i < TRIES; i++) {
		log_warn("%s", e->msg);
		r = once(arg, e);
	}
	return r;
}
