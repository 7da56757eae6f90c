/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crio - the driver of CRI-O.
 *
 * CRI-O judges a configuration only by starting with it: its "config" command accepts a runtime
 * that does not exist, and after SIGHUP its status lists a new handler that it cannot run.  So what
 * would keep it from starting is found by reading its files as it does (crio-plan.c), a change
 * always means a restart, which running pods do not notice, its status tells afterwards whether it
 * dropped a handler, and a sandbox proves the rest (trial.h).  What would fail that sandbox for
 * want of its image, or of anything else that the node's other pods need, is found before it.
 *
 * It has no tasks but for pods: nothing can be run on the node through it, nor a canary before it
 * is configured.  Snapshotters are containerd's; a handler has none here.  May block, with
 * deadlines.
 */
#include "lib/host/crio.h"

#include <string.h>

#include "lib/host/endpoint.h"
#include "lib/host/live.h"
#include "lib/host/trial.h"
#include "lib/http/grpc.h"
#include "lib/owner.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/cri.pb-c.h"

static const struct grpc_method version_method = {
	.path = "/runtime.v1.RuntimeService/Version",
	.in = &cri__version_request__descriptor,
	.out = &cri__version_response__descriptor,
};

static const struct grpc_method list_method = {
	.path = "/runtime.v1.RuntimeService/ListPodSandbox",
	.in = &cri__list_pod_sandbox_request__descriptor,
	.out = &cri__list_pod_sandbox_response__descriptor,
};

static int ask_version(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		       char **ret_version, struct error *e)
{
	const Cri__VersionRequest in = CRI__VERSION_REQUEST__INIT;
	_message_ Cri__VersionResponse *out = NULL;
	int r = grpc_ask(socket, &version_method, &in, &out, deadline_ms, cancel, e);

	if (r < 0)
		return fail_wrap(e, "asking CRI-O for its version");
	*ret_version = xstrdup(out->runtime_version);
	return 0;
}

static int prepare(const struct engine *engine, uint64_t deadline_ms, const struct cancel *cancel,
		   struct error *e)
{
	const struct trial others = { .socket = engine->socket, .owner = engine->owner->name };

	return trial_of_others(&others, deadline_ms, cancel, e);
}

static bool has_drop_ins(const struct engine *engine)
{
	(void)engine;
	return true;
}

static int validate(const struct engine *engine, const struct edit *edit,
		    const struct handlers *handlers, uint64_t deadline_ms,
		    const struct cancel *cancel, struct error *e)
{
	(void)handlers;
	(void)deadline_ms;
	(void)cancel;
	return crio_must_start(engine, edit, e) < 0
		       ? fail_wrap(e, "validating the configuration of CRI-O")
		       : 0;
}

/* Nothing is written to validate. */
static void clear(const struct engine *engine)
{
	(void)engine;
}

/* ---- what it says ---- */

static const struct {
	const char *crio, *containerd;
} words[] = {
	{ "RuntimeType", "runtimeType" },
	{ "RuntimePath", "runtimePath" },
};

struct json_object *crio_translate(struct json_object *config)
{
	struct json_object *theirs = json_at(config, "crio.Runtimes");
	struct json_object *all, *containerd, *runtimes;

	if (!json_object_is_type(theirs, json_type_object))
		return NULL;
	all = json_object_new_object();
	containerd = json_set_object(all, "containerd");
	runtimes = json_set_object(containerd, "runtimes");
	json_set_str(containerd, "defaultRuntimeName", json_get_str(config, "crio.DefaultRuntime"));
	json_object_object_foreach(theirs, name, is)
	{
		struct json_object *runtime = json_set_object(runtimes, name);

		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			json_set_str(runtime, words[i].containerd, json_get_str(is, words[i].crio));
		json_set_str(json_set_object(runtime, "options"), "ConfigPath",
			     json_get_str(is, "RuntimeConfigPath"));
	}
	return all;
}

static int status(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		  struct endpoint_state *ret_status, struct error *e)
{
	struct endpoint_state s = { 0 };
	struct json_object *config;
	int r = endpoint_status(socket, deadline_ms, cancel, &s, e);

	if (r < 0)
		return r;
	config = crio_translate(s.config);
	json_putp(&s.config);
	s.config = config;
	*ret_status = s;
	return 0;
}

static void add_user(struct live *l, const Cri__PodSandbox *sandbox)
{
	const Cri__PodSandboxMetadata *m = sandbox->metadata;

	if (!scope_has_handler(l->scope, sandbox->runtime_handler) ||
	    strv_contains(l->foreign, sandbox->id))
		return;
	l->containers++;
	l->running += sandbox->state == CRI__POD_SANDBOX_STATE__SANDBOX_READY;
	live_add_user(l, m ? xasprintf("pod '%s/%s'", m->namespace_, m->name)
			   : xasprintf("sandbox '%s'", sandbox->id));
}

static int live(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		struct live *l, struct error *e)
{
	const Cri__ListPodSandboxRequest in = CRI__LIST_POD_SANDBOX_REQUEST__INIT;
	_message_ Cri__ListPodSandboxResponse *out = NULL;
	int r = grpc_ask(socket, &list_method, &in, &out, deadline_ms, cancel, e);

	if (r < 0)
		return fail_wrap(e, "looking for running sandboxes");
	for (size_t i = 0; i < out->n_items; i++)
		add_user(l, out->items[i]);
	return 0;
}

const struct engine_driver crio_driver = {
	.name = "cri-o",
	.program = "crio",
	.min_major = 1,
	.max_major = 1,
	.ask_version = ask_version,
	.has_drop_ins = has_drop_ins,
	.plan = crio_plan,
	.merge = crio_merge,
	.bare = crio_bare,
	.validate = validate,
	.prepare = prepare,
	.clear = clear,
	.status = status,
	.live = live,
	.try_sandbox = trial_run,
	.clear_trials = trial_clear,
};
