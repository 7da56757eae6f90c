/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - run a container through the container manager, as who uses it does.
 *
 * The program that people have for an engine loads an image (image.c), runs a container of it that
 * says on which kernel it is, and removes both.  An engine with a CRI service runs a sandbox
 * through that instead, as nothing else reaches its handler: that needs its image of the pause
 * container, so where it runs no sandbox of others either nothing is proven.  One thread; may block
 * for minutes.
 */
#include "manager/container.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/here.h"
#include "manager/image.h"

#define RUN_MS  (180 * UINT64_C(1000))
#define LOAD_MS (60 * UINT64_C(1000))
#define IMAGE   "kata-manager.localhost/%s:test"

/* Words in capitals stand for what they say. */
static const struct tool {
	const char *engine;
	const char *program;
	const char *runtime;
	const char *load, *run, *remove;
} tools[] = {
	{
		.engine = "nerdctl",
		.program = "nerdctl",
		.runtime = MACHINE_TYPE,
		.load = "--address SOCKET --namespace OWNER load -i FILE",
		.run = "--address SOCKET --namespace OWNER run --rm --network none --name ID "
		       "--runtime RUNTIME IMAGE",
		.remove = "--address SOCKET --namespace OWNER rmi -f IMAGE",
	},
	{
		.engine = "nerdctl",
		.program = "ctr",
		.runtime = MACHINE_TYPE,
		.load = "--address SOCKET --namespace OWNER images import FILE",
		.run = "--address SOCKET --namespace OWNER run --rm --runtime RUNTIME IMAGE ID",
		.remove = "--address SOCKET --namespace OWNER images remove IMAGE",
	},
	{
		.engine = "docker",
		.program = "docker",
		.runtime = MACHINE_HANDLER,
		.load = "--host HOST load -i FILE",
		.run = "--host HOST run --rm --network none --name ID --runtime RUNTIME IMAGE",
		.remove = "--host HOST rmi -f IMAGE",
	},
};

void container_result_done(struct container_result *r)
{
	free(r->kernel);
	*r = (struct container_result){ 0 };
}

static const struct tool *find_tool(const struct present *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		_free_ char *path = here_find(tools[i].program);

		if (path && str_equal(tools[i].engine, p->name))
			return &tools[i];
	}
	return NULL;
}

/* What is done with a tool. */
struct attempt {
	const struct machine *machine;
	const struct engine *engine;
	const struct tool *tool;
	const struct cancel *cancel;
	char *id, *image, *file;
};

static void attempt_done(struct attempt *a)
{
	free(a->id);
	free(a->image);
	free(a->file);
}

/* What WORD stands for.  Caller frees. */
static char *filled(const struct attempt *a, const char *word)
{
	const struct {
		const char *word, *value;
	} places[] = {
		{ "SOCKET", a->engine->socket },
		{ "OWNER", a->machine->owner.name },
		{ "FILE", a->file },
		{ "IMAGE", a->image },
		{ "RUNTIME", a->tool->runtime },
		{ "ID", a->id },
	};

	if (str_equal(word, "HOST"))
		return xasprintf("unix://%s", a->engine->socket);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (str_equal(word, places[i].word))
			return xstrdup(places[i].value);
	return xstrdup(word);
}

/* Runs the tool with the words of LINE and those of MORE, which may be NULL. */
static int use(const struct attempt *a, const char *line, char *const *more, uint64_t wait_ms,
	       const struct cancel *cancel, char **ret_output, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv words = strv_split(line, " ");
	_strv_ strv argv = NULL;

	strv_add(&argv, a->tool->program);
	for (char **word = words; *word; word++)
		strv_take(&argv, filled(a, *word));
	strv_add_all(&argv, more);
	if (here_exec(a->engine, argv, deadline_in(wait_ms), cancel, &result, e) < 0)
		return -e->code;
	if (result.status != 0)
		return fail(e, EREMOTEIO, "'%s' ended with status %u: %.400s", a->tool->program,
			    result.status, str_trim(result.err));
	if (ret_output)
		*ret_output = TAKE_PTR(result.out);
	return 0;
}

static int run_image(const struct attempt *a, struct container_result *result, struct error *e)
{
	_free_ char *output = NULL;
	_strv_ strv command = NULL;
	uint64_t began = now_ms();

	strv_add(&command, IMAGE_PROGRAM);
	strv_add(&command, ENVOY_CANARY);
	strv_add(&command, a->id);
	if (use(a, a->tool->run, command, RUN_MS, a->cancel, &output, e) < 0)
		return -e->code;
	result->ms = now_ms() - began;
	return envoy_check(output, a->id, &result->kernel, e);
}

static int load_and_run(struct attempt *a, const char *dir, struct container_result *result,
			struct error *e)
{
	struct error ignored;
	int r;

	if (image_write(dir, a->image, &a->file, e) < 0 ||
	    use(a, a->tool->load, NULL, LOAD_MS, a->cancel, NULL, e) < 0)
		return -e->code;
	r = run_image(a, result, e);
	/* Not with the cancel: it has to go. */
	if (use(a, a->tool->remove, NULL, LOAD_MS, NULL, NULL, &ignored) < 0)
		view_say("warning: the image '%s' stays: %s", a->image, ignored.msg);
	return r;
}

static int try_tool(const struct machine *k, const struct present *p, const struct cancel *cancel,
		    struct container_result *result, struct error *e)
{
	_cleanup_(attempt_done) struct attempt a = {
		.machine = k,
		.engine = &p->engine,
		.tool = find_tool(p),
		.cancel = cancel,
	};
	_free_ char *work = path_join(k->root, ".work");
	_free_ char *dir = path_join(work, "image");
	struct error ignored;
	int r;

	if (!a.tool)
		return fail(&result->reason, ENODATA,
			    "there is no program on this machine to ask "
			    "it with");
	result->by = a.tool->program;
	a.id = xasprintf("canary-%llx", (unsigned long long)now_ms());
	a.image = xasprintf(IMAGE, a.id);
	r = load_and_run(&a, dir, result, e);
	(void)tree_remove(dir, &ignored);
	(void)rmdir(work);
	return r < 0 ? fail_wrap(e, "a container by %s", result->by) : 0;
}

static int try_sandbox(const struct machine *k, const struct present *p,
		       const struct cancel *cancel, struct container_result *result,
		       struct error *e)
{
	uint64_t began = now_ms();
	int r = envoy_trial(&p->engine, &k->handler, k->version_dir, deadline_in(RUN_MS), cancel,
			    e);

	result->by = "its CRI service";
	result->ms = now_ms() - began;
	if (r == -ENODATA || r == -ENOSYS) {
		result->reason = *e;
		return 0;
	}
	return r < 0 ? fail_wrap(e, "a sandbox by the CRI service of %s", p->name) : 0;
}

int container_try(const struct machine *k, const struct present *p, const struct cancel *cancel,
		  struct container_result *ret_result, struct error *e)
{
	struct container_result result = { 0 };
	int r = p->engine.driver->try_sandbox ? try_sandbox(k, p, cancel, &result, e)
					      : try_tool(k, p, cancel, &result, e);

	*ret_result = result;
	return r < 0 && result.reason.code == 0 ? r : 0;
}
