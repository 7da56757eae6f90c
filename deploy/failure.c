/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure - tell a node, and with it the cluster, what has failed on it.
 *
 * By then everything was taken back.  A node that had a version which works has it again: it stays
 * ready, and its second condition says why it is not upgraded.  One that had none says twice that
 * it is not.  The Event has the whole message, with what the guest said last, if it said something.
 * One thread; may block.
 */
#include "deploy/failure.h"

#include <string.h>

#include "deploy/advice.h"
#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/host/store.h"
#include "lib/log.h"

#define TELL_MS (30 * UINT64_C(1000))

static const struct {
	const char *step;
	const char *reason;
} reasons[] = {
	{ "host", "NodeCheckFailed" },     { "unpack", "UnpackFailed" },
	{ "canary", "CanaryFailed" },      { "cri", "ContainerRuntimeFailed" },
	{ "handlers", "HandlersMissing" }, { "trial", "TrialFailed" },
};

const char *failure_reason(const struct step *step)
{
	for (size_t i = 0; step && i < ARRAY_SIZE(reasons); i++)
		if (strcmp(reasons[i].step, step->name) == 0)
			return reasons[i].reason;
	return "InstallFailed";
}

/* "...; the node stays ready with version '...'" */
static void add_version(const struct facts *f, struct error *e)
{
	_free_ char *current = NULL;
	_free_ char *text = NULL;
	struct error ignored;

	if (store_current(f->root, &current, &ignored) < 0 || !current)
		return;
	text = xasprintf("the node stays ready with version '%s'", current);
	advice_add_text(e, text);
}

/* Of a node that is ready, and says so already or not yet. */
static const char *ready_reason(const struct facts *f)
{
	const char *status = node_condition_status(f->node, f->settings->owner.condition);

	return str_equal(status, "True") ? node_condition_reason(f) : "SandboxAnswered";
}

static int tell_conditions(const struct install *in, const char *reason, const char *message,
			   struct error *e)
{
	bool keeps = node_keeps(in->facts);
	const struct node_report report = {
		.ready = keeps ? NODE_READY : NODE_NOT_READY,
		.reason = keeps ? ready_reason(in->facts) : reason,
		.message = keeps ? node_condition_message(in->facts) : message,
		.why = reason,
		.what = message,
	};

	return node_report(in, &report, e);
}

static void tell(const struct install *in, const struct failure *what, struct error *e)
{
	struct error ignored;

	if (node_keeps(in->facts))
		add_version(in->facts, e);
	else if (node_retract(in, &ignored) < 0)
		log_warn("%s", ignored.msg);
	node_event(in, KUBE_EVENT_WARNING, what->event, e->msg);
	if (tell_conditions(in, what->reason, e->msg, &ignored) < 0)
		log_warn("%s", ignored.msg);
}

void failure_tell(const struct settings *s, const struct cancel *cancel, const struct failure *f,
		  struct error *e)
{
	_facts_ struct facts facts = { 0 };
	_install_ struct install in = { 0 };
	struct error ignored;

	advice_add(e);
	/* A cancel is somebody's wish, and the pod that follows tells how it went. */
	if (e->code == ECANCELED)
		return;
	if (facts_open(s, &facts, &ignored) >= 0 &&
	    install_open(&facts, cancel, &in, &ignored) >= 0) {
		in.deadline_ms = deadline_in(TELL_MS);
		(void)facts_read_failure(&facts, &in, &ignored);
	}
	if (facts.node)
		tell(&in, f, e);
	else
		log_warn("the node cannot be told: %s", ignored.msg);
}
