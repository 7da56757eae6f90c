/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker - the driver of Docker on a machine of its own, without Kubernetes.
 *
 * Its daemon reads daemon.json again at SIGHUP; a runtime that is new there can be used at once.
 * One that is gone from the file stays known to it until it starts again, if no other is left: the
 * file says nothing of runtimes then.
 *
 * systemd holds the socket for it, so the program behind the socket is not the daemon; that one is
 * found by its pid file.  Its own words on a new file are those of the same program with the same
 * options and --validate, since an option that the file repeats keeps it from starting.  What runs
 * and what only exists it knows alone, in its API; to run something of ours there is its
 * containerd.  Runs on the machine itself: it looks into /proc.  May block, with deadlines.
 */
#include "lib/host/docker.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/docker-parts.h"
#include "lib/host/endpoint.h"
#include "lib/host/live.h"
#include "lib/host/task.h"
#include "lib/http/client.h"

#define CONFIG_FILE  "--config-file"
#define ASK_MS       (30 * UINT64_C(1000))
#define ARGUMENT_MAX (128 * 1024)

/* Where its containerd listens, if it does not say: one that it started itself, or the machine's.
 */
static const char *const containerds[] = { "/run/docker/containerd/containerd.sock",
					   "/run/containerd/containerd.sock" };

static bool has_drop_ins(const struct engine *engine)
{
	(void)engine;
	return false;
}

/* ---- its API ---- */

static int ask(const char *socket, const char *path, uint64_t deadline_ms,
	       const struct cancel *cancel, struct json_object **ret_answer, struct error *e)
{
	const struct http_target target = { .base_url = "http://docker", .unix_socket = socket };
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	_http_response_ struct http_response response = { 0 };
	const struct http_request request = {
		.path = path,
		.deadline_ms = min_u64(deadline_ms, deadline_in(ASK_MS)),
		.cancel = cancel,
	};
	int r = http_client_new(&target, &client, e);

	if (r >= 0)
		r = http_do(client, &request, &response, e);
	if (r >= 0 && response.status == 404)
		r = fail(e, ENOENT, "there is none");
	else if (r >= 0 && response.status != 200)
		r = fail(e, EREMOTEIO, "status %u: %.300s", response.status, response.body);
	if (r >= 0)
		r = json_parse(response.body, response.len, "Docker's answer", ret_answer, e);
	return r < 0 ? fail_wrap(e, "asking Docker for '%s'", path) : 0;
}

static int ask_version(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		       char **ret_version, struct error *e)
{
	_json_ struct json_object *answer = NULL;
	const char *version;

	if (ask(socket, "/version", deadline_ms, cancel, &answer, e) < 0)
		return -e->code;
	version = json_get_str(answer, "Version");
	if (!version)
		return fail(e, EPROTO, "Docker's answer has no version");
	*ret_version = xstrdup(version);
	return 0;
}

/* Its list of runtimes has the members that containerd's CRI service gives its own. */
static int read_status(struct json_object *answer, struct endpoint_state *ret_status,
		       struct error *e)
{
	struct json_object *runtimes = json_at(answer, "Runtimes");
	struct json_object *containerd;
	struct endpoint_state s = { .is_ready = true };

	if (!json_object_is_type(runtimes, json_type_object))
		return fail(e, EPROTO, "Docker's answer has no runtimes");
	s.config = json_object_new_object();
	containerd = json_set_object(s.config, "containerd");
	json_set_str(containerd, "defaultRuntimeName", json_get_str(answer, "DefaultRuntime"));
	(void)json_object_object_add(containerd, "runtimes", json_object_get(runtimes));
	json_object_object_foreach(runtimes, name, value)
	{
		(void)value;
		strv_add(&s.handlers, name);
	}
	*ret_status = s;
	return 0;
}

static int status(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		  struct endpoint_state *ret_status, struct error *e)
{
	_json_ struct json_object *answer = NULL;

	return ask(socket, "/info", deadline_ms, cancel, &answer, e) < 0
		       ? -e->code
		       : read_status(answer, ret_status, e);
}

static void add_container(struct live *l, const char *id, struct json_object *container)
{
	const char *runtime = json_get_str(container, "HostConfig.Runtime");
	const char *name = json_get_str(container, "Name");

	if (!runtime || !scope_has_runtime(l->scope, "", runtime) ||
	    strv_contains(l->foreign, id) ||
	    (scope_is_vague(runtime) && strv_contains(l->elsewhere, id)))
		return;
	l->containers++;
	l->running += json_get_bool(container, "State.Running", true);
	live_add_user(l, xasprintf("Docker's container '%s'", name ? name + (*name == '/') : ""));
}

static int live(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		struct live *l, struct error *e)
{
	_json_ struct json_object *all = NULL;
	size_t n;

	if (ask(socket, "/containers/json?all=1", deadline_ms, cancel, &all, e) < 0)
		return -e->code;
	if (!json_object_is_type(all, json_type_array))
		return fail(e, EPROTO, "Docker's answer is no list of containers");
	n = json_len(all);
	for (size_t i = 0; i < n; i++) {
		const char *id = json_get_str(json_item(all, i), "Id");
		_free_ char *escaped = http_escape(id ? id : "");
		_free_ char *path = xasprintf("/containers/%s/json", escaped);
		_json_ struct json_object *container = NULL;
		int r = ask(socket, path, deadline_ms, cancel, &container, e);

		/* Removed meanwhile. */
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		add_container(l, id ? id : "", container);
	}
	return 0;
}

/* ---- its words on a new file ---- */

/* The words of a command line as the kernel has it, each with a NUL behind it. */
static strv split_arguments(const char *text, size_t len)
{
	strv words = NULL;

	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		strv_add(&words, text + at);
	return words;
}

/* A pid file outlives its daemon, and its number may be somebody else's by then. */
static bool is_daemon(char *const *arguments)
{
	return strv_len(arguments) > 0 && str_equal(path_base(arguments[0]), "dockerd");
}

/* The daemon's own command line; empty if it cannot be found. */
static strv daemon_arguments(const struct engine *engine, char **ret_program)
{
	_free_ char *pid = NULL;
	_free_ char *path = NULL;
	_free_ char *text = NULL;
	_strv_ strv arguments = NULL;
	const char *number;
	struct error ignored;
	size_t len = 0;

	if (file_read(engine->flavour->pid_file, 64, &pid, NULL, &ignored) < 0)
		return NULL;
	number = str_trim(pid);
	path = xasprintf("/proc/%s/cmdline", number);
	if (file_read(path, ARGUMENT_MAX, &text, &len, &ignored) < 0 || len == 0)
		return NULL;
	arguments = split_arguments(text, len);
	if (!is_daemon(arguments))
		return NULL;
	*ret_program = xasprintf("/proc/%s/exe", number);
	return TAKE_PTR(arguments);
}

/* ARGV is to judge CANDIDATE in place of the file that it reads, which must be ours to edit. */
static int set_file(strv *argv, char *const *arguments, const char *main_path,
		    const char *candidate, struct error *e)
{
	for (; arguments && *arguments; arguments++) {
		const char *path = NULL;

		if (strcmp(*arguments, CONFIG_FILE) == 0 && arguments[1])
			path = *++arguments;
		else if (str_starts(*arguments, CONFIG_FILE "="))
			path = *arguments + strlen(CONFIG_FILE "=");
		if (!path)
			strv_add(argv, *arguments);
		else if (strcmp(path, main_path) != 0)
			return fail(e, EINVAL, "Docker's daemon reads '%s', not '%s'", path,
				    main_path);
	}
	strv_add(argv, "--validate");
	strv_add(argv, CONFIG_FILE);
	strv_add(argv, candidate);
	return 0;
}

/* Where there is no configuration its folder may be missing as well. */
static char *candidate_path(const struct engine *engine)
{
	_free_ char *parent = path_parent(engine->dir);

	return xasprintf("%s/.%s-candidate", file_exists(engine->dir) ? engine->dir : parent,
			 engine->owner->name);
}

static void clear(const struct engine *engine)
{
	_free_ char *path = candidate_path(engine);

	(void)unlink(path);
	file_clear_rest(path);
}

static int judge(const struct engine *engine, const char *candidate, uint64_t deadline_ms,
		 const struct cancel *cancel, struct error *e)
{
	_free_ char *main_path = path_join(engine->dir, engine->main_file);
	_task_result_ struct task_result result = { 0 };
	_free_ char *program = NULL;
	_strv_ strv arguments = daemon_arguments(engine, &program);
	_strv_ strv argv = NULL;
	int r;

	strv_add(&argv, program ? program : "dockerd");
	r = set_file(&argv, strv_len(arguments) > 0 ? arguments + 1 : NULL, main_path, candidate,
		     e);
	if (r >= 0)
		r = engine->exec(engine, argv, deadline_ms, cancel, &result, e);
	if (r >= 0 && result.status != 0)
		return fail(e, EINVAL, "Docker refuses the configuration: %.400s",
			    str_trim(result.err));
	return r;
}

static int validate(const struct engine *engine, const struct edit *edit,
		    const struct handlers *handlers, uint64_t deadline_ms,
		    const struct cancel *cancel, struct error *e)
{
	_free_ char *candidate = candidate_path(engine);
	const char *text = edit->n_files > 0 ? edit->files[0].new_text : NULL;
	int r;

	(void)handlers;
	/* No file is what most machines have. */
	if (!text)
		return 0;
	r = file_replace(candidate, text, strlen(text), 0600, e);
	if (r >= 0)
		r = judge(engine, candidate, deadline_ms, cancel, e);
	clear(engine);
	return r < 0 ? fail_wrap(e, "validating the configuration of Docker") : 0;
}

/* ---- its containerd ---- */

static int find_containerd(const char *socket, char **ret_socket, struct error *e)
{
	_json_ struct json_object *info = NULL;
	const char *address;

	if (ask(socket, "/info", deadline_in(ASK_MS), NULL, &info, e) < 0)
		return -e->code;
	address = json_get_str(info, "Containerd.Address");
	for (size_t i = 0; !address && i < ARRAY_SIZE(containerds); i++)
		if (file_exists(containerds[i]))
			address = containerds[i];
	if (!address)
		return fail(e, ENOENT, "Docker's containerd is not to be found");
	*ret_socket = xstrdup(address);
	return 0;
}

static int run(const struct task_spec *spec, uint64_t deadline_ms, const struct cancel *cancel,
	       struct task_result *ret_result, struct error *e)
{
	_free_ char *socket = NULL;
	struct task_spec there = *spec;

	if (find_containerd(spec->socket, &socket, e) < 0)
		return -e->code;
	there.socket = socket;
	return task_run(&there, deadline_ms, cancel, ret_result, e);
}

static int clear_tasks(const char *socket, const char *namespace, struct error *e)
{
	_free_ char *containerd = NULL;

	return find_containerd(socket, &containerd, e) < 0 ? -e->code
							   : task_clear(containerd, namespace, e);
}

const struct engine_driver docker_driver = {
	.name = "docker",
	.program = "dockerd",
	.min_major = 23,
	.max_major = 29,
	.ask_version = ask_version,
	.has_drop_ins = has_drop_ins,
	.plan = docker_plan,
	.merge = docker_merge,
	.validate = validate,
	.clear = clear,
	.status = status,
	.live = live,
	.run = run,
	.clear_tasks = clear_tasks,
};
