/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-load - which files containerd reads, in its order.
 *
 * The main file first, then what it imports, then what those import, each once; a name with a star
 * is a pattern, which may find nothing, any other must be there: containerd does not start without
 * it, although its own "config dump" passes.  A relative name is one beside the importing file; a
 * relative pattern is one only since 2.0.  An import often lies in a folder that is not mounted
 * into this pod: its text is asked of the node then, and a pattern there is taken to find nothing.
 * May block.
 */
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/task.h"

#define READ_MS (60 * UINT64_C(1000))

void containerd_files_done(struct containerd_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].path);
		free(files->list[i].text);
		toml_free(files->list[i].root);
	}
	strv_free(files->missing);
	*files = (struct containerd_files){ 0 };
}

/* That somebody outside this pod may see a file there. */
static bool is_out_of_sight(const char *path)
{
	_free_ char *folder = path_parent(path);

	return !file_exists(folder) || file_exists(path);
}

/* ENOENT if it is not there. */
static int read_on_node(const struct engine *engine, const char *path, char **ret_text,
			struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	int r;

	strv_add(&argv, "cat");
	strv_add(&argv, path);
	r = engine->exec(engine, argv, deadline_in(READ_MS), NULL, &result, e);
	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, ENOENT, "cannot read '%s' on the node: %.200s", path,
			    str_trim(result.err));
	*ret_text = TAKE_PTR(result.out);
	return 0;
}

static const struct edit_file *edited(const struct edit *edit, const char *path)
{
	for (size_t i = 0; edit && i < edit->n_files; i++)
		if (strcmp(edit->files[i].path, path) == 0)
			return &edit->files[i];
	return NULL;
}

static int read_text(const struct engine *engine, const struct edit *edit, const char *path,
		     char **ret_text, struct error *e)
{
	const struct edit_file *f = edited(edit, path);
	int r;

	if (f && !f->new_text)
		return fail(e, ENOENT, "'%s' is to be removed", path);
	if (f) {
		*ret_text = xstrdup(f->new_text);
		return 0;
	}
	r = file_read(path, EDIT_TEXT_MAX, ret_text, NULL, e);
	if (r == -ENOENT && engine->exec && is_out_of_sight(path))
		return read_on_node(engine, path, ret_text, e);
	return r;
}

/* A file that says none, or 0, has version 1. */
static int read_version(const struct toml *root, const char *path, int64_t *ret_version,
			struct error *e)
{
	const struct toml *version = toml_get(root, "version");

	if (version && (version->type != TOML_INTEGER || version->integer < 0))
		return fail(e, EINVAL, "'%s', line %u: the version is no positive number", path,
			    version->line);
	*ret_version = version && version->integer > 0 ? version->integer : 1;
	return 0;
}

static int add_file(struct containerd_files *files, const char *path, char *own_text,
		    struct error *e)
{
	struct containerd_file f = { .text = own_text };

	if (files->n == CONTAINERD_FILES_MAX) {
		free(own_text);
		return fail(e, E2BIG, "containerd imports more than %d files",
			    CONTAINERD_FILES_MAX);
	}
	if (toml_parse(own_text, strlen(own_text), path, &f.root, e) < 0 ||
	    read_version(f.root, path, &f.version, e) < 0) {
		toml_free(f.root);
		free(own_text);
		return fail_wrap(e, "the configuration of containerd");
	}
	f.path = xstrdup(path);
	files->list[files->n++] = f;
	return 0;
}

static bool has(const struct containerd_files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->list[i].path, path) == 0)
			return true;
	return false;
}

/* The files that EDIT makes count as well, those that it removes do not. */
static void add_matches(const struct edit *edit, const char *pattern, strv *pending)
{
	glob_t found;

	if (glob(pattern, GLOB_PERIOD, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (!edited(edit, found.gl_pathv[i]))
				strv_add(pending, found.gl_pathv[i]);
		globfree(&found);
	}
	for (size_t i = 0; edit && i < edit->n_files; i++)
		if (edit->files[i].new_text && str_matches(edit->files[i].path, pattern))
			strv_add(pending, edit->files[i].path);
}

/* What FILE imports, behind what is PENDING. */
static int add_imports(const struct engine *engine, const struct edit *edit,
		       const struct containerd_file *file, strv *pending, strv *importers,
		       struct error *e)
{
	_free_ char *dir = path_parent(file->path);
	_strv_ strv imports = NULL;
	int r = imports_read(file->root, file->path, &imports, e);

	for (char **i = imports; r >= 0 && i && *i; i++) {
		_free_ char *path = **i == '/' ? xstrdup(*i) : path_join(dir, *i);

		if (!strchr(path, '*'))
			strv_add(pending, path);
		else if (**i == '/' || engine->major >= 2)
			add_matches(edit, path, pending);
		while (strv_len(*importers) < strv_len(*pending))
			strv_add(importers, file->path);
	}
	return r;
}

int containerd_load(const struct engine *engine, const struct edit *edit,
		    struct containerd_files *ret_files, struct error *e)
{
	_containerd_files_ struct containerd_files files = { 0 };
	_strv_ strv pending = NULL;
	_strv_ strv importers = NULL;

	strv_take(&pending, path_join(engine->dir, engine->main_file));
	strv_add(&importers, "");
	for (size_t i = 0; i < strv_len(pending); i++) {
		char *text = NULL;
		int r;

		if (has(&files, pending[i]))
			continue;
		r = read_text(engine, edit, pending[i], &text, e);
		if (r == -ENOENT && i == 0)
			break;
		if (r == -ENOENT) {
			if (engine->exec || !is_out_of_sight(pending[i]))
				strv_addf(&files.missing, "'%s', which '%s' imports", pending[i],
					  importers[i]);
			continue;
		}
		if (r >= 0)
			r = add_file(&files, pending[i], text, e);
		if (r >= 0)
			r = add_imports(engine, edit, &files.list[files.n - 1], &pending,
					&importers, e);
		if (r < 0)
			return r;
	}
	*ret_files = files;
	files = (struct containerd_files){ 0 };
	return 0;
}
