/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - what somebody else has changed of an installation that was whole.
 *
 * The Node's annotation names version and configuration that were proven there: where it still says
 * what the settings want, whatever there is to do is somebody's doing; where it says something
 * else, the settings have changed, and it is an ordinary installation.  Who did it is not known;
 * what can be said is when a file was written and as whom, and who owns a field of the Node.  One
 * thread; may block.
 */
#include "deploy/drift.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "deploy/node.h"
#include "deploy/run.h"
#include "lib/file.h"
#include "lib/host/drift.h"
#include "lib/kube/watch.h"
#include "lib/log.h"
#include "lib/timestamp.h"

#define FOLLOW_MS (24 * 60 * 60 * UINT64_C(1000))

static char *history_path(const struct facts *f)
{
	return path_join(f->root, ".drift");
}

/* The manager whose change of the Node is the youngest, but for us; NULL if it does not say. */
static const char *other_manager(const struct facts *f)
{
	struct json_object *fields = json_at(f->node, "metadata.managedFields");
	const char *found = NULL, *youngest = "";

	for (size_t i = 0; i < json_len(fields); i++) {
		const char *manager = json_get_str(json_item(fields, i), "manager");
		const char *time = json_get_str(json_item(fields, i), "time");
		const char *part = json_get_str(json_item(fields, i), "subresource");

		if (!manager || !time || !str_empty(part) || strcmp(time, youngest) <= 0 ||
		    strcmp(manager, f->settings->owner.name) == 0)
			continue;
		found = manager;
		youngest = time;
	}
	return found;
}

/* THING with what can be said of who changed it.  Caller frees. */
static char *describe(const struct facts *f, const char *thing)
{
	const char *manager = other_manager(f);
	char time[TIMESTAMP_SIZE];
	struct stat st;

	if (thing[0] != '/')
		return manager ? xasprintf("'%s' (the Node was last changed by '%s')", thing,
					   manager)
			       : xasprintf("'%s'", thing);
	if (lstat(thing, &st) < 0)
		return xasprintf("'%s' (it is gone)", thing);
	timestamp_format(&st.st_ctim, TIMESTAMP_SECONDS, time);
	return xasprintf("'%s' (changed %s, it belongs to user %u)", thing, time,
			 (unsigned)st.st_uid);
}

static char *describe_all(const struct facts *f, char *const *things)
{
	_strv_ strv texts = NULL;

	for (; things && *things; things++)
		strv_take(&texts, describe(f, *things));
	return strv_join(texts, ", ");
}

/* The settings want what was proven here, as far as the Node says what that was. */
static bool was_whole(const struct facts *f)
{
	const struct node_marks marks = node_marks(f);

	return !marks.proof || str_equal(marks.proof, f->proof);
}

static int leave(const struct install *in, char *const *things, const char *reason, int code,
		 const char *why, struct error *e)
{
	_free_ char *text = describe_all(in->facts, things);

	(void)fail(e, code, "somebody has changed %s; it stays so: %s", text, why);
	node_event(in, KUBE_EVENT_WARNING, reason, e->msg);
	return -e->code;
}

int drift_judge(const struct install *in, const struct assessment *a, strv *ret_things,
		struct error *e)
{
	const struct facts *f = in->facts;
	_free_ char *path = history_path(f);
	_strv_ strv things = was_whole(f) ? drift_find(a) : NULL;
	_strv_ strv contested = NULL;

	if (!things)
		return 0;
	if (strcmp(f->settings->drift, DRIFT_REPORT) == 0)
		return leave(in, things, "KataDrift", RUN_DRIFT, "KATA_DEPLOY_DRIFT is report", e);
	contested = drift_contested(path, things, time(NULL));
	if (contested)
		return leave(in, contested, "KataDriftContested", RUN_CONTESTED,
			     "it was repaired twice within an hour, so there is another writer; "
			     "stop that one, or let KATA_DEPLOY_DRIFT be report",
			     e);
	*ret_things = TAKE_PTR(things);
	return 0;
}

void drift_repaired(const struct install *in, char *const *things)
{
	_free_ char *path = history_path(in->facts);
	_free_ char *list = strv_join(things, "', '");
	_free_ char *note = xasprintf("somebody had changed '%s'; it is repaired", list);
	struct error e;

	log_warn("%s", note);
	node_event(in, KUBE_EVENT_WARNING, "KataDriftRepaired", note);
	if (drift_note(path, things, time(NULL), &e) < 0)
		log_warn("%s", e.msg);
}

void drift_forget(const struct facts *f)
{
	_free_ char *path = history_path(f);

	(void)unlink(path);
	file_clear_rest(path);
}

/* ---- the Node ---- */

/* Most of what a connection with TLS costs is code that ran once.  The kernel has it in its cache.
 */
static void give_code_back(void)
{
	extern const char __executable_start[], etext[];
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)__executable_start + page - 1) / page * page;
	uintptr_t end = (uintptr_t)etext / page * page;

	(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static int on_node(void *arg, enum watch_type type, struct json_object *node, struct error *e)
{
	const struct facts *f = arg;
	struct json_object *labels = json_at(node, "metadata.labels");
	struct json_object *annotations = json_at(node, "metadata.annotations");
	const char *key = node_label(f);

	(void)e;
	give_code_back();
	if (type == WATCH_DELETED)
		return 0;
	if (node_is_true(json_member_str(labels, NODE_LABEL)) &&
	    node_is_true(json_member_str(labels, key)) && json_member_str(annotations, key))
		return 0;
	log_info("the Node's labels are not what they were");
	return 1;
}

int run_follow(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	_facts_ struct facts facts = { 0 };
	_install_ struct install in = { 0 };
	_free_ char *selector = xasprintf("metadata.name=%s", s->node_name);
	const struct kube_watch watch = {
		.path = "/api/v1/nodes",
		.field_selector = selector,
		.handler = on_node,
		.arg = &facts,
		.deadline_ms = deadline_in(FOLLOW_MS),
		.cancel = cancel,
	};
	int r = facts_open(s, &facts, e);

	if (r >= 0)
		r = install_open(&facts, cancel, &in, e);
	if (r >= 0)
		r = kube_watch(in.kube, &watch, e);
	/* After a day it is looked whether all is well, and begun anew. */
	return r < 0 && r != -ETIMEDOUT ? r : 0;
}
