/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - a copy of the configuration that sandboxes shall have, for the canary.
 *
 * The canary must read what sandboxes will read, and what they read now must not change for a
 * version that does not boot.  So the planned files, and the drop-ins of others as they are, are
 * written into a folder where the shim takes a configuration from and nobody else looks.  One
 * thread; the installer's lock is held.
 */
#include "lib/host/candidate.h"

#include <glob.h>
#include <string.h>

#include "lib/file.h"
#include "lib/owner.h"
#include "lib/sha256.h"

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

static void add_planned(struct candidate *c, const struct edit *planned, const char *but,
			const char *folder)
{
	for (size_t i = 0; i < planned->n_files; i++) {
		const struct edit_file *f = &planned->files[i];

		if (f->new_text && str_starts(f->path, folder) && !str_equal(f->path, but))
			add(c, f->path + strlen(folder), f->new_text);
	}
}

static int add_others(struct candidate *c, const struct edit *planned, const char *folder,
		      struct error *e)
{
	_free_ char *pattern = path_pattern(folder, CANDIDATE_DROP_INS "*.toml");
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
			add(c, path + strlen(folder), text);
	}
	globfree(&found);
	return r;
}

int candidate_add(struct candidate *c, const char *folder, const struct edit *planned,
		  const char *but, struct error *e)
{
	add_planned(c, planned, but, folder);
	return add_others(c, planned, folder, e);
}

static int write_one(const char *dir, const char *name, const char *text, struct error *e)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *parent = path_parent(path);

	if (dir_make(parent, 0755, e) < 0)
		return -e->code;
	return file_replace(path, text, strlen(text), 0644, e);
}

int candidate_put(const struct candidate *c, const char *folder, struct error *e)
{
	if (tree_remove(folder, e) < 0)
		return -e->code;
	for (size_t i = 0; c->names && c->names[i]; i++)
		if (write_one(folder, c->names[i], c->texts[i], e) < 0)
			return -e->code;
	return 0;
}

/* With its end, so that no two lists of texts are one. */
static void add_text(struct sha256 *sum, const char *text)
{
	sha256_add(sum, text, strlen(text) + 1);
}

void candidate_sum(const struct candidate *c, struct sha256 *sum)
{
	for (size_t i = 0; c->names && c->names[i]; i++) {
		add_text(sum, c->names[i]);
		add_text(sum, c->texts[i]);
	}
}

char *candidate_folder(const char *etc, const struct owner *owner)
{
	return xasprintf("%s/.%s-candidate", etc, owner->name);
}

int candidate_clear(const char *etc, const struct owner *owner, struct error *e)
{
	_free_ char *path = candidate_folder(etc, owner);

	return tree_remove(path, e);
}

bool candidate_has_rest(const char *etc, const struct owner *owner)
{
	_free_ char *path = candidate_folder(etc, owner);

	return file_exists(path);
}
