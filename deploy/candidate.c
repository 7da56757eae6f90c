/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - a copy of the configuration that sandboxes shall have, for the canary.
 *
 * The canary must read what sandboxes will read, and what they read now must not change for a
 * version that does not boot.  So the planned files, and the drop-ins of others as they are, are
 * written below ETC/.INSTALLATION-candidate, where the shim takes a configuration from and nobody
 * else looks.  One thread; the installer's lock is held.
 */
#include "deploy/candidate.h"

#include <glob.h>
#include <string.h>

#include "lib/file.h"

#define CONFIG_D "config.d/"

/* "/etc/kata-containers/kata-qemu/".  Caller frees. */
static char *handler_folder(const struct offer *o, const struct settings *s)
{
	return xasprintf("%s/%s/", s->etc, o->handler);
}

static char *folder(const struct settings *s)
{
	return xasprintf("%s/.%s-candidate", s->etc, s->owner.name);
}

bool candidate_is_empty(const struct candidate *c)
{
	return !c->names;
}

void candidate_done(struct candidate *c)
{
	strv_free(c->names);
	strv_free(c->texts);
	*c = (struct candidate){ 0 };
}

static void add(struct candidate *c, const char *name, const char *text)
{
	strv_add(&c->names, name);
	strv_add(&c->texts, text);
}

/* Whether PATH is one of the files that are ours to write, there or not. */
static bool is_planned(const struct edit *planned, const char *path)
{
	for (size_t i = 0; i < planned->n_files; i++)
		if (strcmp(planned->files[i].path, path) == 0)
			return true;
	return false;
}

static void add_planned(struct candidate *c, const struct edit *planned, const struct offer *o,
			const char *dir)
{
	for (size_t i = 0; i < planned->n_files; i++) {
		const struct edit_file *f = &planned->files[i];

		if (f->new_text && str_starts(f->path, dir) && strcmp(f->path, o->launcher) != 0)
			add(c, f->path + strlen(dir), f->new_text);
	}
}

static int add_others(struct candidate *c, const struct edit *planned, const char *dir,
		      struct error *e)
{
	_free_ char *pattern = xasprintf("%s" CONFIG_D "*.toml", dir);
	glob_t found;
	int r = 0;

	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		_free_ char *text = NULL;

		if (is_planned(planned, path))
			continue;
		r = file_read(path, EDIT_TEXT_MAX, &text, NULL, e);
		if (r >= 0)
			add(c, path + strlen(dir), text);
	}
	globfree(&found);
	return r;
}

int candidate_read(const struct offer *o, const struct settings *s, const struct edit *planned,
		   struct candidate *ret_candidate, struct error *e)
{
	_free_ char *dir = handler_folder(o, s);
	_candidate_ struct candidate c = { 0 };

	if (strcmp(o->config_path, o->delivered) != 0) {
		add_planned(&c, planned, o, dir);
		if (add_others(&c, planned, dir, e) < 0)
			return -e->code;
	}
	*ret_candidate = c;
	c = (struct candidate){ 0 };
	return 0;
}

static int write_one(const char *dir, const char *name, const char *text, struct error *e)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *parent = path_parent(path);

	if (dir_make(parent, 0755, e) < 0)
		return -e->code;
	return file_replace(path, text, strlen(text), 0644, e);
}

int candidate_write(const struct candidate *c, const struct offer *o, const struct settings *s,
		    char **ret_path, struct error *e)
{
	_free_ char *all = folder(s);
	_free_ char *dir = path_join(all, o->handler);

	if (tree_remove(dir, e) < 0)
		return -e->code;
	for (size_t i = 0; c->names && c->names[i]; i++)
		if (write_one(dir, c->names[i], c->texts[i], e) < 0)
			return -e->code;
	*ret_path = path_join(dir, path_base(o->config_path));
	return 0;
}

int candidate_clear(const struct settings *s, struct error *e)
{
	_free_ char *path = folder(s);

	return tree_remove(path, e);
}

bool candidate_has_rest(const struct settings *s)
{
	_free_ char *path = folder(s);

	return file_exists(path);
}
