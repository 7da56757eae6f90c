/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dry - what the actions would do, told and not done.
 *
 * The facts are read and the steps assessed as for a real run, with the same refusals; so a plan
 * that is told is one that would run, unless somebody changes something meanwhile.  Rights that are
 * needed last are asked for by dry runs of the API server.  One thread; may block.
 */
#include "deploy/dry.h"

#include "deploy/install.h"
#include "deploy/node.h"
#include "deploy/wish.h"
#include "lib/host/cycle.h"
#include "lib/host/holder.h"

/* The facts and the means, without the lock. */
struct dry {
	struct facts facts;
	struct install in;
};

static void dry_done(struct dry *d)
{
	install_done(&d->in);
	facts_done(&d->facts);
}

static int dry_open(const struct settings *s, const struct cancel *cancel, struct dry *d,
		    struct error *e)
{
	if (facts_open(s, &d->facts, e) < 0)
		return -e->code;
	d->facts.is_dry = true;
	return install_open(&d->facts, cancel, &d->in, e);
}

static struct plan_subject subject_of(const struct dry *d, const char *action, const char *note)
{
	const struct settings *s = d->facts.settings;

	return (struct plan_subject){
		.program = s->owner.program,
		.action = action,
		.node = s->node_name,
		.version = d->facts.folder,
		.note = note,
	};
}

static int tell(struct dry *d, const char *action, const struct step *const *steps,
		enum plan_format format, FILE *out, struct error *e)
{
	const struct plan plan = { .steps = steps, .context = &d->in };
	struct plan_subject subject = subject_of(d, action, NULL);

	return cycle_tell(&plan, &subject, d->facts.root, format, out, e);
}

/* A node that is left as it is. */
static int show(const struct dry *d, const struct assessment *a, const char *action,
		const char *note, enum plan_format format, FILE *out)
{
	struct plan_subject subject = subject_of(d, action, note);

	return cycle_show(a, &subject, d->facts.root, format, out);
}

/* What node_tell_unsuitable() would change. */
static void add_unsuitable(const struct facts *f, const char *why, struct change *c)
{
	const char *condition = f->settings->owner.condition;
	const char *status = node_condition_status(f->node, condition);
	const struct node_marks now = node_marks(f);
	const struct node_marks shall = node_marks_untrue(f);

	if (!str_equal(now.shared, shall.shared))
		change_add_values(c, EFFECT_LABEL, NODE_LABEL, now.shared, shall.shared, why);
	if (!str_equal(now.instance, NODE_UNSUITABLE))
		change_add_values(c, EFFECT_LABEL, node_label(f), now.instance, NODE_UNSUITABLE,
				  why);
	if (!str_equal(status, "False") || !str_equal(node_condition_reason(f), f->unsuitable))
		change_add_values(c, EFFECT_LABEL, condition, status, "False", why);
}

/* Nothing is wrong, and what is installed already stays. */
static int tell_unsuitable(struct dry *d, const char *action, enum plan_format format, FILE *out,
			   const char *why)
{
	_assessment_ struct assessment a = { .n_changes = 1 };
	_free_ char *note = xasprintf("this node is not suitable: %s", why);

	a.changes = xcalloc(1, sizeof(*a.changes));
	a.changes[0].step = install_steps[0];
	add_unsuitable(&d->facts, why, &a.changes[0]);
	return show(d, &a, action, note, format, out);
}

/* D is one that was opened, with the result R. */
static int tell_install(struct dry *d, int r, facts_reader *read, const char *action,
			enum plan_format format, FILE *out, struct error *e)
{
	if (r >= 0)
		r = read(&d->facts, &d->in, e);
	if (r < 0)
		return d->facts.unsuitable ? tell_unsuitable(d, action, format, out, e->msg) : r;
	return tell(d, action, install_steps, format, out, e);
}

int dry_apply(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	      FILE *out, struct error *e)
{
	_cleanup_(dry_done) struct dry d = { 0 };

	return tell_install(&d, dry_open(s, cancel, &d, e), facts_read_install, "apply", format,
			    out, e);
}

int dry_rollback(const struct settings *s, const struct cancel *cancel, enum plan_format format,
		 FILE *out, struct error *e)
{
	_cleanup_(dry_done) struct dry d = { 0 };

	return tell_install(&d, dry_open(s, cancel, &d, e), facts_read_rollback, "rollback", format,
			    out, e);
}

static int tell_staying(const struct dry *d, const char *action, enum plan_format format, FILE *out)
{
	const struct settings *s = d->facts.settings;
	const struct assessment nothing = { 0 };
	_free_ char *note = xasprintf("DaemonSet '%s' still wants node '%s': everything stays",
				      s->daemonset_name, s->node_name);

	return show(d, &nothing, action, note, format, out);
}

int dry_cleanup(const struct settings *s, const struct cancel *cancel, enum plan_format format,
		FILE *out, struct error *e)
{
	_cleanup_(dry_done) struct dry d = { 0 };
	_free_ char *root = settings_root(s);
	_free_ char *holder = holder_other(&s->owner, root);

	if (dry_open(s, cancel, &d, e) < 0 || wish_read(&d.facts, &d.in, e) < 0)
		return -e->code;
	if (d.facts.wish == WISH_STAY)
		return tell_staying(&d, "cleanup", format, out);
	if (facts_read_removal(&d.facts, &d.in, e) < 0)
		return -e->code;
	return tell(&d, "cleanup", holder ? leave_steps : cleanup_steps, format, out, e);
}

int dry_reset(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	      FILE *out, struct error *e)
{
	_cleanup_(dry_done) struct dry d = { 0 };

	if (dry_open(s, cancel, &d, e) < 0 || wish_read(&d.facts, &d.in, e) < 0 ||
	    facts_read_removal(&d.facts, &d.in, e) < 0)
		return -e->code;
	return tell(&d, "reset", reset_steps, format, out, e);
}
