/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-assemble - `assemble` and `dismantle`: what packages of a distribution ask for when they come
 * and go.
 *
 * They bring a release in parts to a folder of theirs, from which it becomes a version like any
 * other, with the laws of all.  A machine may be one that only grows in a chroot: nobody is asked,
 * no sandbox is booted, nothing is configured but the link by which containerd finds the shim, not
 * in /usr/local, which is no package's.  What sandboxes use outlives the packages: with the version
 * the link, which containerd needs to clean up after them, and so the current version.  What their
 * records say counts, not what an engine remembers of containers that ended.  Where a record cannot
 * be read everything stays.  A root that another program keeps is left to it.
 */
#include "lib/host/holder.h"
#include "lib/host/live.h"
#include "lib/host/store.h"
#include "manager/run.h"
#include "manager/show.h"
#include "manager/trust.h"

#define LINK_DIR "/usr/bin"

static int want_parts(struct machine *k, const void *arg, struct error *e)
{
	const struct options *o = arg;

	if (machine_want_parts(k, o->arguments[1], e) < 0 || store_may_link(k->root, e) < 0 ||
	    trust_parts(k, e) < 0 || trust_version(k, o, e) < 0)
		return -e->code;
	if (!k->archive)
		view_say(
			"%s stays, as one went back from what '%s' has; 'kata-manager rollback' "
			"goes forward",
			k->folder, o->arguments[1]);
	return 0;
}

/* Engines are left to whoever asks for them; on a machine that has an installation that was done.
 */
static int choose_engines(struct options *o, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_free_ char *holder = NULL;

	if (machine_open(o, &k, e) < 0)
		return -e->code;
	holder = holder_of(&k.owner, k.root);
	if (!holder)
		o->engines = "none";
	return 0;
}

int cmd_assemble(struct manager *m, struct error *e)
{
	const struct options *given = m->options;
	struct options o = *given;
	const struct action action = {
		.name = "assemble",
		.steps = assemble_steps,
		.presence = HANDLERS_PRESENT,
		.asks_nobody = true,
		.want = want_parts,
		.arg = &o,
	};
	int r;

	o.usual_link_dir = LINK_DIR;
	m->options = &o;
	r = choose_engines(&o, e) < 0 ? -e->code : run_action(m, &action, e);
	m->options = given;
	return r;
}

static int want_settings(struct machine *k, const void *arg, struct error *e)
{
	const struct options *o = arg;

	(void)e;
	k->keeps_settings = !o->purges;
	k->only_runs_count = true;
	return 0;
}

static int remove_all(struct manager *m, struct error *e)
{
	const struct action action = {
		.name = "dismantle",
		.steps = dismantle_steps,
		.presence = HANDLERS_ABSENT,
		.want = want_settings,
		.arg = m->options,
	};

	return run_action(m, &action, e);
}

static int want_used(struct machine *k, const void *arg, struct error *e)
{
	(void)arg;
	k->is_leaving = true;
	return machine_want_current(k, e);
}

static int remove_unused(struct manager *m, struct error *e)
{
	static const struct action action = {
		.name = "dismantle",
		.steps = leave_steps,
		.presence = HANDLERS_ABSENT,
		.want = want_used,
	};

	return run_action(m, &action, e);
}

/* Whether it is ours to remove anything; there may be settings without an installation. */
static bool is_ours(const struct machine *k, const struct options *o)
{
	_free_ char *holder = holder_of(&k->owner, k->root);

	return holder ? str_equal(holder, k->owner.program) : o->purges;
}

/* Packages can go all the same, but not all of what they brought. */
static int stay(const struct manager *m, const struct machine *k, const struct error *why)
{
	if (m->options->purges)
		return -why->code;
	view_say("'%s' stays as it is: %s", k->root, why->msg);
	return 0;
}

int cmd_dismantle(struct manager *m, struct error *e)
{
	_machine_ struct machine k = { 0 };
	_free_ char *text = NULL;
	_strv_ strv used = NULL;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	if (!is_ours(&k, m->options)) {
		text = xasprintf("there is nothing of ours in '%s'", k.root);
		show_end(m, "dismantle", 0, text);
		return 0;
	}
	if (live_versions(LIVE_RECORDS, &k.scope, &used, e) < 0)
		return stay(m, &k, e);
	if (!used)
		return remove_all(m, e);
	if (m->options->purges) {
		m->is_refused = true;
		return fail(e, EBUSY,
			    "sandboxes still use '%s' (%zu): end them, then purge once more",
			    k.root, strv_len(used));
	}
	view_say(
		"sandboxes still use '%s' (%zu): what they need stays until '%s/bin/kata-manager "
		"remove', or the packages are purged",
		k.root, strv_len(used), k.root);
	return remove_unused(m, e);
}
