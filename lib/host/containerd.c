/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd - the driver of containerd 1.x and 2.x.
 *
 * The daemon that runs judges a configuration before it is in place: its own binary prints what it
 * would make of it ("config dump"), wherever that binary is.  After a restart with a bad CRI
 * section containerd runs, answers `ctr version`, and only its CRI service is gone; so what it has
 * in use is asked of the CRI service (endpoint.h).  May block, with deadlines.
 */
#include "lib/host/containerd.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/endpoint.h"
#include "lib/host/live.h"
#include "lib/host/node.h"

#define CANDIDATE ".kata-deploy-candidate"

static bool has_drop_ins(const struct engine *engine)
{
	return engine->major >= 2;
}

/* The handlers in the configuration that the running containerd makes of the file at PATH. */
static int dump_handlers(const struct engine *engine, const char *path, uint64_t deadline_ms,
			 const struct cancel *cancel, strv *ret_names, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	int r;

	strv_addf(&argv, NODE_PEER "%s", engine->socket);
	strv_add(&argv, "-c");
	strv_add(&argv, path);
	strv_add(&argv, "config");
	strv_add(&argv, "dump");
	r = engine->exec(engine, argv, deadline_ms, cancel, &result, e);
	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EINVAL, "containerd refuses the configuration: %.400s",
			    str_trim(result.err));
	return containerd_dump_handlers(result.out, strlen(result.out), ret_names, e);
}

static int compare_handlers(const struct handlers *handlers, char *const *before,
			    char *const *after, struct error *e)
{
	for (char *const *name = before; name && *name; name++) {
		bool is_ours = str_starts(*name, "kata");

		if (!is_ours && !strv_contains(after, *name))
			return fail(e, EINVAL,
				    "with the new configuration containerd would lose the handler "
				    "'%s'; nothing was changed",
				    *name);
	}
	for (size_t i = 0; i < handlers->n && handlers->presence == HANDLERS_PRESENT; i++)
		if (!strv_contains(after, handlers->list[i].name))
			return fail(e, EINVAL,
				    "containerd does not see the handler '%s': does a file in "
				    "'imports' replace the CRI section?",
				    handlers->list[i].name);
	return 0;
}

static int write_text(const char *path, const char *text, struct error *e)
{
	return file_replace(path, text, strlen(text), 0644, e);
}

/* Beside the main file: imports may be relative. */
static char *candidate_path(const struct engine *engine, const char *what)
{
	return xasprintf("%s/" CANDIDATE "%s.toml", engine->dir, what);
}

/* Writes what the edit would make to names that containerd does not read by itself. */
static int write_candidate(const struct engine *engine, const struct edit *edit,
			   const char *main_path, const char *drop_in, struct error *e)
{
	char *stand_ins[2] = { NULL }; /* main file, drop-in */
	_free_ char *stand_in = xstrdup(drop_in);
	_free_ char *text = NULL;

	if (edit->n_files > 1 && edit->files[1].new_text) {
		stand_ins[1] = stand_in;
		if (write_text(drop_in, edit->files[1].new_text, e) < 0)
			return -e->code;
	}
	if (containerd_candidate(engine, edit, stand_ins, &text, e) < 0)
		return -e->code;
	return write_text(main_path, text, e);
}

static void clear(const struct engine *engine)
{
	_free_ char *main_path = candidate_path(engine, "");
	_free_ char *drop_in = candidate_path(engine, "-import");

	(void)unlink(main_path);
	(void)unlink(drop_in);
}

static int validate(const struct engine *engine, const struct edit *edit,
		    const struct handlers *handlers, uint64_t deadline_ms,
		    const struct cancel *cancel, struct error *e)
{
	_free_ char *main_path = candidate_path(engine, "");
	_free_ char *drop_in = candidate_path(engine, "-import");
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	int r = 0;

	if (edit->files[0].old_text)
		r = dump_handlers(engine, edit->files[0].path, deadline_ms, cancel, &before, e);
	if (r >= 0)
		r = write_candidate(engine, edit, main_path, drop_in, e);
	if (r >= 0)
		r = dump_handlers(engine, main_path, deadline_ms, cancel, &after, e);
	clear(engine);
	if (r < 0)
		return fail_wrap(e, "validating the configuration of containerd");
	return compare_handlers(handlers, before, after, e);
}

const struct engine_driver containerd_driver = {
	.name = "containerd",
	.min_major = 1,
	.max_major = 2,
	.ask_version = endpoint_version,
	.has_drop_ins = has_drop_ins,
	.plan = containerd_plan,
	.merge = containerd_merge,
	.validate = validate,
	.clear = clear,
	.status = endpoint_status,
	.live = live_containers,
	.run = task_run,
	.clear_tasks = task_clear,
};
