/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook - run the programs that a specification names for moments of a container's life.
 *
 * They are the engine's, which could run them itself: they get what the OCI runtime specification
 * says, the state on standard input and nothing else of ours.  Their environment is theirs alone;
 * what they print is for the error, should they fail.  One without a time limit of its own has
 * ours, for a call must end.  Work thread.
 */

#include "runtime/sandbox/hook.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/proc.h"

#define WAIT_S_MAX INT64_C(300)
#define OUTPUT_MAX (64 * KIB)
#define SHOWN_MAX  300

static const struct {
	const char *name;
	const char *status; /* of the container, then */
	size_t list;        /* in Oci__Hooks: how many, and which */
	size_t count;
} moments[] = {
	[HOOK_PRESTART] = { "prestart", "creating", offsetof(Oci__Hooks, prestart),
			    offsetof(Oci__Hooks, n_prestart) },
	[HOOK_CREATE_RUNTIME] = { "createRuntime", "creating", offsetof(Oci__Hooks, createruntime),
				  offsetof(Oci__Hooks, n_createruntime) },
	[HOOK_POSTSTART] = { "poststart", "running", offsetof(Oci__Hooks, poststart),
			     offsetof(Oci__Hooks, n_poststart) },
	[HOOK_POSTSTOP] = { "poststop", "stopped", offsetof(Oci__Hooks, poststop),
			    offsetof(Oci__Hooks, n_poststop) },
};
static_assert(ARRAY_SIZE(moments) == N_HOOK_MOMENT, "a row for every moment");

static char *state_text(const struct hook_state *s, enum hook_moment moment)
{
	_json_ struct json_object *object = json_object_new_object();
	struct json_object *annotations;

	json_set_str(object, "ociVersion", str_empty(s->version) ? "1.0.0" : s->version);
	json_set_str(object, "id", s->id);
	json_set_str(object, "status", moments[moment].status);
	if (s->pid > 0)
		json_set_int(object, "pid", s->pid);
	json_set_str(object, "bundle", s->bundle);
	annotations = json_set_object(object, "annotations");
	for (size_t i = 0; i < s->n_annotations; i++)
		json_set_str(annotations, s->annotations[i]->key, s->annotations[i]->value);
	return xstrdup(json_text(object));
}

/* A file to be read from its beginning: it never blocks, whether it is read or not. */
static int input_open(const char *text, struct error *e)
{
	_close_ int fd = memfd_create("state", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return fail(e, errno, "cannot make a file in memory: %m");
	r = write_all(fd, text, strlen(text), "state", e);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(e, errno, "cannot rewind a file in memory: %m");
	return TAKE_FD(fd);
}

static int run_one(const Oci__Hook *hook, const char *input, const char *bundle,
		   const struct cancel *c, struct error *e)
{
	_close_ int fd = input_open(input, e);
	const struct proc_fd fds[] = { { fd, STDIN_FILENO } };
	char *own_argv[] = { hook->path, NULL };
	_strv_ strv argv = NULL, env = NULL;
	_free_ char *output = NULL;
	struct proc_spec spec = {
		.path = hook->path, .argv = own_argv, .cwd = bundle, .fds = fds, .n_fds = 1
	};
	int64_t wait_s = hook->timeout > 0 ? hook->timeout : WAIT_S_MAX;
	int status, r;

	if (fd < 0)
		return fd;
	if (hook->path[0] != '/')
		return fail(e, EINVAL, "its path is not absolute");
	for (size_t i = 0; i < hook->n_args; i++)
		strv_add(&argv, hook->args[i]);
	for (size_t i = 0; i < hook->n_env; i++)
		strv_add(&env, hook->env[i]);
	if (argv)
		spec.argv = argv;
	spec.env = env;
	r = proc_run(&spec, deadline_in((uint64_t)wait_s * 1000), c, OUTPUT_MAX, &status, &output,
		     e);
	if (r < 0)
		return r;
	if (status != 0)
		return fail(e, EIO, "it ended with status %d: %.*s", status, SHOWN_MAX,
			    str_trim(output));
	return 0;
}

int hooks_run(const Oci__Hooks *hooks, enum hook_moment moment, const struct hook_state *state,
	      const struct cancel *c, struct error *e)
{
	_free_ char *input = NULL;
	Oci__Hook *const *list;
	size_t count;

	if (!hooks)
		return 0;
	memcpy(&list, (const char *)hooks + moments[moment].list, sizeof(list));
	memcpy(&count, (const char *)hooks + moments[moment].count, sizeof(count));
	input = state_text(state, moment);
	for (size_t i = 0; i < count; i++) {
		if (run_one(list[i], input, state->bundle, c, e) >= 0)
			continue;
		(void)fail_wrap(e, "%s hook '%s'", moments[moment].name, list[i]->path);
		if (moment != HOOK_POSTSTOP)
			return -e->code;
		log_warn("%s", e->msg);
	}
	return 0;
}
