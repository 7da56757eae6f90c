/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial - run a sandbox of a handler through the CRI service and see whose it is.
 *
 * The witness is the record that a shim of ours keeps for each sandbox: its version and, by being
 * there, that it was ours.  The network is the node's, which a sandbox in a VM runs without if it
 * is told to: so a node without a CNI plugin can be tried.  The image is the one that the engine
 * has for sandboxes: each pod needs it, the installer's too, so it is there or pulled.  System
 * calls are filtered by the engine's profile, as the kubelet asks for.  Where an engine fails, for
 * want of it or of anything else, with the handler of other pods as well, nothing is proven about
 * ours; a CRI-O that needs no image for those and cannot have it runs no pod of ours.
 *
 * The kubelet stops sandboxes that it did not ask for, every two seconds.  One that was stopped
 * before it could be looked at is run once more.  Removing goes on until nothing is left or its own
 * deadline.  May block.
 */
#include "lib/host/trial.h"

#include <string.h>
#include <sys/random.h>

#include "lib/file.h"
#include "lib/host/endpoint.h"
#include "lib/host/live.h"
#include "lib/http/grpc.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/cri.pb-c.h"

#define LABEL     "katacontainers.io/trial"
#define ASK_MS    60000
#define REMOVE_MS 60000
#define POLL_MS   200
#define TRIES     3

enum call { RUN, STATUS, LIST, STOP, REMOVE };

static const struct grpc_method calls[] = {
	[RUN] = { "/runtime.v1.RuntimeService/RunPodSandbox",
		  &cri__run_pod_sandbox_request__descriptor,
		  &cri__run_pod_sandbox_response__descriptor },
	[STATUS] = { "/runtime.v1.RuntimeService/PodSandboxStatus",
		     &cri__pod_sandbox_request__descriptor,
		     &cri__pod_sandbox_status_response__descriptor },
	[LIST] = { "/runtime.v1.RuntimeService/ListPodSandbox",
		   &cri__list_pod_sandbox_request__descriptor,
		   &cri__list_pod_sandbox_response__descriptor },
	[STOP] = { "/runtime.v1.RuntimeService/StopPodSandbox",
		   &cri__pod_sandbox_request__descriptor, NULL },
	[REMOVE] = { "/runtime.v1.RuntimeService/RemovePodSandbox",
		     &cri__pod_sandbox_request__descriptor, NULL },
};

struct run {
	const struct trial *trial;
	struct http_client *client;
	uint64_t deadline_ms;
	const struct cancel *cancel;
};

static int call(const struct run *t, enum call which, const void *in, void *ret_out,
		struct error *e)
{
	/* A VM boots during the first, and an image may be pulled. */
	uint64_t deadline_ms =
		which == RUN ? t->deadline_ms : min_u64(t->deadline_ms, deadline_in(ASK_MS));

	return grpc_call(t->client, &calls[which], in, ret_out, NULL, deadline_ms, t->cancel, e);
}

static int call_by_id(const struct run *t, enum call which, const char *id, void *ret_out,
		      struct error *e)
{
	Cri__PodSandboxRequest in = CRI__POD_SANDBOX_REQUEST__INIT;
	_free_ char *own_id = xstrdup(id);

	in.pod_sandbox_id = own_id;
	return call(t, which, &in, ret_out, e);
}

/* KEY and VALUE are borrowed. */
static Cri__Label label(char *key, char *value)
{
	Cri__Label l = CRI__LABEL__INIT;

	l.key = key;
	l.value = value;
	return l;
}

/* Says whose a trial is. */
static char label_key[] = LABEL;
/* Says that it runs without network. */
static char network_key[] = "io.katacontainers.config.runtime.internetworking_model";
static char network_value[] = "none";

/* HANDLER empty: the default one. */
static int run_sandbox(const struct run *t, const char *handler, char **ret_id, struct error *e)
{
	Cri__NamespaceOption namespaces = CRI__NAMESPACE_OPTION__INIT;
	Cri__LinuxSandboxSecurityContext security = CRI__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
	Cri__SecurityProfile seccomp = CRI__SECURITY_PROFILE__INIT;
	Cri__LinuxPodSandboxConfig linux_ = CRI__LINUX_POD_SANDBOX_CONFIG__INIT;
	Cri__PodSandboxMetadata metadata = CRI__POD_SANDBOX_METADATA__INIT;
	Cri__PodSandboxConfig config = CRI__POD_SANDBOX_CONFIG__INIT;
	Cri__RunPodSandboxRequest in = CRI__RUN_POD_SANDBOX_REQUEST__INIT;
	_message_ Cri__RunPodSandboxResponse *out = NULL;
	static char name[] = "canary";
	_free_ char *own_handler = xstrdup(handler);
	_free_ char *owner = xstrdup(t->trial->owner);
	_free_ char *uid = NULL;
	Cri__Label mine = label(label_key, owner), network = label(network_key, network_value);
	Cri__Label *labels[] = { &mine }, *annotations[] = { &network };
	uint64_t random[2] = { 0 };
	int r;

	(void)getrandom(random, sizeof(random), 0);
	uid = hex_encode(random, sizeof(random));
	namespaces.network = CRI__NAMESPACE_MODE__NODE;
	security.namespace_options = &namespaces;
	security.seccomp = &seccomp;
	linux_.security_context = &security;
	metadata.name = name;
	metadata.namespace_ = owner;
	metadata.uid = uid;
	config.metadata = &metadata;
	config.labels = labels;
	config.n_labels = ARRAY_SIZE(labels);
	config.annotations = annotations;
	config.n_annotations = ARRAY_SIZE(annotations);
	config.linux = &linux_;
	in.config = &config;
	in.runtime_handler = own_handler;
	r = call(t, RUN, &in, &out, e);
	if (r >= 0)
		*ret_id = xstrdup(out->pod_sandbox_id);
	return r;
}

/* 1 if it is ready, 0 if somebody has taken it down. */
static int is_ready(const struct run *t, const char *id, struct error *e)
{
	_message_ Cri__PodSandboxStatusResponse *out = NULL;
	int r = call_by_id(t, STATUS, id, &out, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return out->status && out->status->state == CRI__POD_SANDBOX_STATE__SANDBOX_READY;
}

/* 1 if it is one of ours, 0 if it was taken down before that could be seen. */
static int look(const struct run *t, const char *id, struct error *e)
{
	const char *wanted = path_base(t->trial->version_dir);
	_free_ char *found = NULL;
	int ready = is_ready(t, id, e);
	int r;

	if (ready <= 0)
		return ready;
	r = live_version_of(t->trial->records, id, &found, e);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT) {
		ready = is_ready(t, id, e);
		return ready <= 0 ? ready
				  : fail(e, EPROTO, "a sandbox runs, but no shim of ours runs it");
	}
	if (!str_equal(path_base(found), wanted))
		return fail(e, EPROTO, "the sandbox has version '%s', not '%s'", path_base(found),
			    wanted);
	return 1;
}

static int remove_one(const struct run *t, const char *id, struct error *e)
{
	int r;

	for (;;) {
		struct error ignored;

		r = call_by_id(t, STOP, id, NULL, e);
		if (r >= 0 || r == -ENOENT)
			r = call_by_id(t, REMOVE, id, NULL, e);
		if (r >= 0 || r == -ENOENT)
			return 0;
		if (wait_pause(POLL_MS, "removing the sandbox", t->deadline_ms, t->cancel,
			       &ignored) < 0)
			return r;
	}
}

/* Every trial of this owner.  Under its own deadline and never cancelled: nothing may stay. */
static int remove_all(const struct run *t, struct error *e)
{
	struct run own = { t->trial, t->client, deadline_in(REMOVE_MS), NULL };
	Cri__ListPodSandboxRequest in = CRI__LIST_POD_SANDBOX_REQUEST__INIT;
	Cri__PodSandboxFilter filter = CRI__POD_SANDBOX_FILTER__INIT;
	_message_ Cri__ListPodSandboxResponse *out = NULL;
	_free_ char *owner = xstrdup(t->trial->owner);
	Cri__Label mine = label(label_key, owner);
	Cri__Label *labels[] = { &mine };
	int r;

	filter.label_selector = labels;
	filter.n_label_selector = ARRAY_SIZE(labels);
	in.filter = &filter;
	r = call(&own, LIST, &in, &out, e);
	for (size_t i = 0; r >= 0 && i < out->n_items; i++)
		r = remove_one(&own, out->items[i]->id, e);
	return r < 0 ? fail_wrap(e, "removing earlier sandboxes of ours") : 0;
}

/* Of what was run just now: an engine that answers no more, or not once, will again. */
static int remove_at_last(const struct run *t, struct error *e)
{
	const uint64_t deadline_ms = deadline_in(REMOVE_MS);
	struct error ignored;
	int r = remove_all(t, e);

	while (r < 0 && r != -ENOSYS &&
	       wait_pause(POLL_MS, "removing the sandbox", deadline_ms, NULL, &ignored) >= 0)
		r = remove_all(t, e);
	return r;
}

/* That the engine still answers, and runs a pod without a RuntimeClass by a handler of others. */
static bool can_compare(const struct run *t)
{
	static const char *const words[] = { "containerd.defaultRuntimeName",
					     "crio.DefaultRuntime" };
	_endpoint_state_ struct endpoint_state s = { 0 };
	bool is_ours = false;
	struct error ignored;

	if (endpoint_status(t->trial->socket, t->deadline_ms, t->cancel, &s, &ignored) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *name = json_get_str(s.config, words[i]);

		is_ours |= name && scope_has_handler(NULL, name);
	}
	return !is_ours;
}

/* ENODATA if the engine cannot run one with what it runs other pods by. */
static int try_others(const struct run *t, struct error *e)
{
	_free_ char *id = NULL;
	struct error why;

	if (!can_compare(t) || run_sandbox(t, "", &id, &why) >= 0)
		return 0;
	if (why.code == ECANCELED) {
		*e = why;
		return -e->code;
	}
	return fail(e, ENODATA, "the container runtime runs no sandbox at all: %.300s", why.msg);
}

/* Whether the engine can do with others what it could not with HANDLER.  It has time of its own for
 * that: a handler that hangs has used up the rest. */
static int explain(const struct run *t, struct error *e)
{
	const struct run own = { t->trial, t->client, deadline_in(ASK_MS), t->cancel };
	struct error why;

	if (e->code != ECANCELED && try_others(&own, &why) == -ENODATA)
		*e = why;
	return -e->code;
}

static int try_once(const struct run *t, struct error *e)
{
	_free_ char *id = NULL;
	struct error undo;
	int r = run_sandbox(t, t->trial->handler, &id, e);

	r = r < 0 ? explain(t, e) : look(t, id, e);
	if (remove_at_last(t, &undo) < 0)
		log_warn("%s", undo.msg);
	return r;
}

int trial_run(const struct trial *trial, uint64_t deadline_ms, const struct cancel *cancel,
	      struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	struct run t = { trial, NULL, deadline_ms, cancel };
	int r = grpc_open(trial->socket, &client, e);

	t.client = client;
	if (r >= 0)
		r = remove_all(&t, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < TRIES && r == 0; i++)
		r = try_once(&t, e);
	if (r == 0)
		r = fail(e, EAGAIN, "each of %d sandboxes was stopped by somebody else at once",
			 TRIES);
	return r < 0 ? fail_wrap(e, "sandbox of handler '%s' through the CRI service",
				 trial->handler)
		     : 0;
}

int trial_of_others(const struct trial *trial, uint64_t deadline_ms, const struct cancel *cancel,
		    struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	struct run t = { trial, NULL, deadline_ms, cancel };
	struct error undo;
	int r = grpc_open(trial->socket, &client, e);

	t.client = client;
	if (r < 0)
		return r;
	r = try_others(&t, e);
	if (remove_at_last(&t, &undo) < 0)
		log_warn("%s", undo.msg);
	return r;
}

int trial_clear(const char *socket, const char *owner, struct error *e)
{
	const struct trial trial = { .socket = socket, .owner = owner };
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	struct run t = { &trial, NULL, 0, NULL };
	int r = grpc_open(socket, &client, e);

	t.client = client;
	return r < 0 ? r : remove_all(&t, e);
}
