/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint - ask the container runtime instead of believing its configuration file.
 *
 * After a restart with a bad CRI section containerd runs, answers `ctr version`, and only its CRI
 * service is gone; so every question here that matters goes to the CRI service.  The verbose status
 * carries the configuration in use, in containerd 1.6 and in 2.x, and with it the handlers; the
 * list runtime_handlers exists only in newer ones.  May block, with deadlines.
 */
#include "lib/host/endpoint.h"

#include <string.h>

#include "lib/http/grpc.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/client.pb-c.h"
#include "lib/rpc/proto/cri.pb-c.h"

#define POLL_MS 250

static const struct grpc_method version_method = {
	.path = "/containerd.services.version.v1.Version/Version",
	.in = &pb__empty__descriptor,
	.out = &client__version_response__descriptor,
};

static const struct grpc_method plugins_method = {
	.path = "/containerd.services.introspection.v1.Introspection/Plugins",
	.in = &client__plugins_request__descriptor,
	.out = &client__plugins_response__descriptor,
};

static const struct grpc_method status_method = {
	.path = "/runtime.v1.RuntimeService/Status",
	.in = &cri__status_request__descriptor,
	.out = &cri__status_response__descriptor,
};

void endpoint_state_done(struct endpoint_state *s)
{
	free(s->why_not);
	json_putp(&s->config);
	strv_free(s->handlers);
	*s = (struct endpoint_state){ 0 };
}

int endpoint_version(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		     char **ret_version, struct error *e)
{
	const Pb__Empty in = PB__EMPTY__INIT;
	_message_ Client__VersionResponse *out = NULL;
	int r = grpc_ask(socket, &version_method, &in, &out, deadline_ms, cancel, e);

	if (r < 0)
		return fail_wrap(e, "asking containerd for its version");
	*ret_version = xstrdup(out->version);
	return 0;
}

int endpoint_has_snapshotter(const char *socket, const char *name, uint64_t deadline_ms,
			     const struct cancel *cancel, struct error *e)
{
	static char filter[] = "type==io.containerd.snapshotter.v1";
	char *filters[] = { filter };
	Client__PluginsRequest in = CLIENT__PLUGINS_REQUEST__INIT;
	_message_ Client__PluginsResponse *out = NULL;
	_free_ char *list = NULL;
	_strv_ strv working = NULL;
	int r;

	in.filters = filters;
	in.n_filters = ARRAY_SIZE(filters);
	r = grpc_ask(socket, &plugins_method, &in, &out, deadline_ms, cancel, e);
	if (r < 0)
		return fail_wrap(e, "asking containerd for its snapshotters");
	for (size_t i = 0; i < out->n_plugins; i++)
		if (!out->plugins[i]->init_err)
			strv_add(&working, out->plugins[i]->id);
	if (strv_contains(working, name))
		return 0;
	list = strv_join(working, ", ");
	return fail(e, ENOENT, "containerd has no snapshotter '%s' that works, only %s", name,
		    list);
}

static void read_conditions(const Cri__RuntimeStatus *status, struct endpoint_state *s)
{
	for (size_t i = 0; status && i < status->n_conditions; i++) {
		const Cri__RuntimeCondition *c = status->conditions[i];

		if (strcmp(c->type, "RuntimeReady") != 0)
			continue;
		s->is_ready = c->status;
		str_set(&s->why_not, c->message);
	}
}

static void add_handler(struct endpoint_state *s, const char *name)
{
	if (!str_empty(name) && !strv_contains(s->handlers, name))
		strv_add(&s->handlers, name);
}

static void read_config(const Cri__StatusResponse *out, struct endpoint_state *s)
{
	struct json_object *runtimes;
	struct error ignored;

	for (size_t i = 0; i < out->n_info; i++) {
		if (strcmp(out->info[i]->key, "config") == 0 && !s->config)
			(void)json_parse(out->info[i]->value, strlen(out->info[i]->value),
					 "CRI configuration", &s->config, &ignored);
	}
	runtimes = json_at(s->config, "containerd.runtimes");
	if (!json_object_is_type(runtimes, json_type_object))
		return;
	json_object_object_foreach(runtimes, name, value)
	{
		(void)value;
		add_handler(s, name);
	}
}

int endpoint_status(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		    struct endpoint_state *ret_status, struct error *e)
{
	Cri__StatusRequest in = CRI__STATUS_REQUEST__INIT;
	_message_ Cri__StatusResponse *out = NULL;
	struct endpoint_state s = { 0 };
	int r;

	in.verbose = true;
	r = grpc_ask(socket, &status_method, &in, &out, deadline_ms, cancel, e);
	if (r < 0)
		return fail_wrap(e, "asking the CRI service");
	read_conditions(out->status, &s);
	for (size_t i = 0; i < out->n_runtime_handlers; i++)
		add_handler(&s, out->runtime_handlers[i]->name);
	read_config(out, &s);
	*ret_status = s;
	return 0;
}

static struct json_object *config_of(const struct endpoint_state *s, const char *name)
{
	return json_member(json_at(s->config, "containerd.runtimes"), name);
}

static bool has_handler(const struct endpoint_state *s, const struct handler *h)
{
	struct json_object *config = config_of(s, h->name);
	const char *config_path = json_get_str(config, "options.ConfigPath");
	const char *path = json_get_str(config, "runtimePath");
	const char *type = json_get_str(config, "runtimeType");
	const char *snapshotter = json_get_str(config, "snapshotter");
	const char *shim = type && type[0] == '/' ? type : path;

	if (!strv_contains(s->handlers, h->name) ||
	    (snapshotter && !str_equal(snapshotter, h->snapshotter ? h->snapshotter : "")))
		return false;
	return (!config_path || str_equal(config_path, h->config_path ? h->config_path : "")) &&
	       (str_empty(shim) || strcmp(shim, h->runtime_path) == 0 ||
		(h->launcher && strcmp(shim, h->launcher) == 0));
}

const struct handler *endpoint_lacks(const struct endpoint_state *s, const struct handler *handlers,
				     size_t n_handlers)
{
	for (size_t i = 0; i < n_handlers; i++)
		if (!has_handler(s, &handlers[i]))
			return &handlers[i];
	return NULL;
}

static int must_be_same(const struct endpoint_state *before, const struct endpoint_state *now,
			const char *path, struct error *e)
{
	const char *old = json_get_str(before->config, path);
	const char *new = json_get_str(now->config, path);

	return str_equal(old ? old : "", new ? new : "")
		       ? 0
		       : fail(e, EINVAL, "the container runtime's '%s' was '%s' and is '%s'", path,
			      old ? old : "", new ? new : "");
}

static int must_have_same(const struct endpoint_state *before, const struct endpoint_state *now,
			  const char *handler, struct error *e)
{
	const char *old = json_get_str(config_of(before, handler), "runtimeType");
	const char *new = json_get_str(config_of(now, handler), "runtimeType");

	if (!strv_contains(now->handlers, handler))
		return fail(e, EINVAL, "the container runtime has lost the handler '%s'", handler);
	if (old && !str_equal(old, new))
		return fail(e, EINVAL, "the handler '%s' was '%s' and is '%s'", handler, old,
			    new ? new : "");
	return 0;
}

int endpoint_compare(const struct scope *scope, const struct endpoint_state *before,
		     const struct endpoint_state *now, struct error *e)
{
	static const char *const paths[] = { "containerd.defaultRuntimeName",
					     "containerd.snapshotter", "cni.binDir", "cni.confDir",
					     "registry.configPath" };

	for (char **h = before->handlers; h && *h; h++)
		if (!scope_has_handler(scope, *h) && must_have_same(before, now, *h, e) < 0)
			return -e->code;
	for (size_t i = 0; before->config && now->config && i < ARRAY_SIZE(paths); i++)
		if (must_be_same(before, now, paths[i], e) < 0)
			return -e->code;
	return 0;
}

static int ask_ready(const struct engine *engine, const struct handler *handlers, size_t n_handlers,
		     uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_endpoint_state_ struct endpoint_state s = { 0 };
	const struct handler *lacking;
	int r = engine->driver->status(engine->socket, deadline_ms, cancel, &s, e);

	if (r < 0)
		return r;
	if (!s.is_ready)
		return fail(e, EAGAIN, "the container runtime is not ready: %s",
			    s.why_not ? s.why_not : "no reason given");
	lacking = endpoint_lacks(&s, handlers, n_handlers);
	return lacking ? fail(e, EAGAIN, "the container runtime has no handler '%s'", lacking->name)
		       : 0;
}

int endpoint_wait(const struct engine *engine, const struct handler *handlers, size_t n_handlers,
		  uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	struct error wait;
	int r;

	for (;;) {
		r = ask_ready(engine, handlers, n_handlers, deadline_ms, cancel, e);
		if (r >= 0)
			return 0;
		if (wait_pause(POLL_MS, "the CRI endpoint", deadline_ms, cancel, &wait) >= 0)
			continue;
		if (wait.code == ECANCELED)
			*e = wait;
		return -e->code;
	}
}
