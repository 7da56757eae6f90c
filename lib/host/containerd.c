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
#include "lib/host/containerd-parts.h"
#include "lib/host/endpoint.h"
#include "lib/host/envoy.h"
#include "lib/host/live.h"
#include "lib/host/trial.h"

#define DEFAULT_CONFIG "/etc/containerd/config.toml"

/* Those of 1.x replace, but where somebody else merges them for it. */
static bool has_drop_ins(const struct engine *engine)
{
	_containerd_place_ struct containerd_place place = { 0 };
	struct error ignored;

	return engine->major >= 2 ||
	       (containerd_place(engine, &place, &ignored) >= 0 && place.home == HOME_TOLD);
}

/* What the running containerd makes of the file at PATH.  2.0 brings old names up to date only in
 * "migrate", which later is the same as "dump"; 1.6 has none, and no dump of a file that is not
 * there.
 */
static int dump(const struct engine *engine, const char *path, uint64_t deadline_ms,
		const struct cancel *cancel, char **ret_text, struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	int r;

	strv_addf(&argv, ENVOY_PEER "%s", engine->socket);
	strv_add(&argv, "-c");
	strv_add(&argv, path);
	strv_add(&argv, "config");
	strv_add(&argv, engine->major >= 2 ? "migrate" : file_exists(path) ? "dump" : "default");
	r = engine->exec(engine, argv, deadline_ms, cancel, &result, e);
	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EINVAL, "containerd refuses the configuration: %.400s",
			    str_trim(result.err));
	*ret_text = TAKE_PTR(result.out);
	return 0;
}

/* The file that --config names among the words of a command line; NULL if none does. */
static const char *config_option(char *const *words)
{
	static const char *const options[] = { "--config", "-config", "-c" };

	for (; *words; words++)
		for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
			const char *rest = *words + strlen(options[i]);

			if (!str_starts(*words, options[i]))
				continue;
			if (*rest == '\0' && words[1])
				return words[1];
			if (*rest == '=')
				return rest + 1;
		}
	return NULL;
}

int containerd_must_read(const struct engine *engine, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e)
{
	const char *name = engine->flavour->reads ? engine->flavour->reads : engine->main_file;
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	_strv_ strv lines = NULL;
	const char *reads;

	strv_addf(&argv, ENVOY_WORDS "%s", engine->socket);
	strv_take(&argv, path_join(engine->dir, name));
	strv_add(&argv, DEFAULT_CONFIG);
	if (engine->exec(engine, argv, deadline_ms, cancel, &result, e) < 0)
		return fail_wrap(e, "asking which configuration containerd reads");
	lines = strv_split(result.out, "\n");
	/* What cannot be seen is no mistake. */
	if (result.status != 0 || strv_len(lines) < 3)
		return 0;
	reads = config_option(lines + 2);
	if (!reads)
		reads = lines[1];
	if (reads[0] != '/' || strcmp(reads, lines[0]) == 0)
		return 0;
	return fail(e, EINVAL,
		    "the containerd that listens on '%s' reads '%s', not '%s': name its folder "
		    "and file in KATA_CONTAINERD_DIR and KATA_CONTAINERD_FILE, or the kind of "
		    "node in K8S_DISTRIBUTION",
		    engine->socket, reads, lines[0]);
}

static int must_have(const struct handlers *handlers, const char *text, struct error *e)
{
	_strv_ strv names = NULL;
	int r = containerd_dump_handlers(text, strlen(text), &names, e);

	for (size_t i = 0; r >= 0 && i < handlers->n; i++)
		if (handlers->presence == HANDLERS_PRESENT &&
		    !strv_contains(names, handlers->list[i].name))
			return fail(e, EINVAL,
				    "containerd does not see the handler '%s': does a file in "
				    "'imports' replace the CRI section?",
				    handlers->list[i].name);
	return r;
}

/* Its own "dump" lets a missing import pass; the daemon does not start. */
static int must_be_complete(const struct engine *engine, const struct edit *edit, struct error *e)
{
	_containerd_files_ struct containerd_files files = { 0 };
	int r = containerd_load(engine, edit, &files, e);

	if (r >= 0 && strv_len(files.missing) > 0)
		r = fail(e, ENOENT, "there is no %s: containerd would not start again",
			 files.missing[0]);
	return r;
}

static int write_text(const char *path, const char *text, struct error *e)
{
	return file_replace(path, text, strlen(text), 0644, e);
}

/* Beside the main file, as imports may be relative, and not "*.toml", which may be imported. */
static char *candidate_path(const struct engine *engine, const char *what)
{
	return xasprintf("%s/.%s-candidate%s", engine->dir, engine->owner->name, what);
}

/* Writes what the edit would make to names that containerd does not read by itself. */
static int write_candidate(const struct engine *engine, const struct edit *edit,
			   const char *main_path, const char *stand_in, struct error *e)
{
	_free_ char *drop_in = NULL;
	_free_ char *text = NULL;

	if (containerd_candidate(engine, edit, stand_in, &drop_in, &text, e) < 0 ||
	    (drop_in && write_text(stand_in, drop_in, e) < 0))
		return -e->code;
	return write_text(main_path, text, e);
}

static void clear(const struct engine *engine)
{
	_free_ char *main_path = candidate_path(engine, "");
	_free_ char *stand_in = candidate_path(engine, "-import");

	(void)unlink(main_path);
	(void)unlink(stand_in);
	file_clear_rest(main_path);
	file_clear_rest(stand_in);
}

static int dump_both(const struct engine *engine, const struct edit *edit, uint64_t deadline_ms,
		     const struct cancel *cancel, char **ret_before, char **ret_after,
		     struct error *e)
{
	_free_ char *now = path_join(engine->dir, engine->main_file);
	_free_ char *main_path = candidate_path(engine, "");
	_free_ char *stand_in = candidate_path(engine, "-import");
	int r = dump(engine, now, deadline_ms, cancel, ret_before, e);

	if (r >= 0)
		r = write_candidate(engine, edit, main_path, stand_in, e);
	if (r >= 0)
		r = dump(engine, main_path, deadline_ms, cancel, ret_after, e);
	clear(engine);
	return r;
}

/* The sandbox would fail, after two restarts. */
static int must_have_snapshotters(const struct engine *engine, const struct handlers *handlers,
				  uint64_t deadline_ms, const struct cancel *cancel,
				  struct error *e)
{
	for (size_t i = 0; i < handlers->n; i++) {
		const char *name = handlers->list[i].snapshotter;

		if (name && handlers->presence == HANDLERS_PRESENT &&
		    endpoint_has_snapshotter(engine->socket, name, deadline_ms, cancel, e) < 0)
			return -e->code;
	}
	return 0;
}

static int validate(const struct engine *engine, const struct edit *edit,
		    const struct handlers *handlers, uint64_t deadline_ms,
		    const struct cancel *cancel, struct error *e)
{
	_free_ char *before = NULL;
	_free_ char *after = NULL;
	int r = must_be_complete(engine, edit, e);

	if (r >= 0)
		r = must_have_snapshotters(engine, handlers, deadline_ms, cancel, e);
	if (r >= 0)
		r = dump_both(engine, edit, deadline_ms, cancel, &before, &after, e);
	if (r >= 0)
		r = must_have(handlers, after, e);
	if (r >= 0)
		r = containerd_compare(engine->scope, before, after, e);
	return r < 0 ? fail_wrap(e, "validating the configuration of containerd") : 0;
}

const struct engine_driver containerd_driver = {
	.name = "containerd",
	.program = "containerd",
	.min_major = 1,
	.max_major = 2,
	.ask_version = endpoint_version,
	.has_drop_ins = has_drop_ins,
	.plan = containerd_plan,
	.merge = containerd_merge,
	.bare = containerd_bare,
	.must_read = containerd_must_read,
	.validate = validate,
	.clear = clear,
	.status = endpoint_status,
	.live = live_containers,
	.run = task_run,
	.clear_tasks = task_clear,
	.try_sandbox = trial_run,
	.clear_trials = trial_clear,
};
