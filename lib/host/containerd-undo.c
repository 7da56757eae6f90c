/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-undo - our part of a file as it was, the rest as somebody else has made it since.
 *
 * Works for every version of containerd, and without asking it: it may have changed, or not start
 * any more.  A main file that is gone went with our part of it; the drop-in is ours as a whole.
 * Any thread.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"

static bool imports_drop_in(const char *text, const char *main_path, const char *drop_in)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *dir = path_parent(main_path);
	_strv_ strv imports = NULL;
	struct error ignored;

	if (toml_parse(text, strlen(text), main_path, &root, &ignored) < 0)
		return false;
	(void)imports_read(root, main_path, &imports, &ignored);
	return imports_name(imports, dir, drop_in);
}

/* NOW with the block as it is in OLD. */
static int merge_block(const struct owner *owner, const char *path, const char *now,
		       const char *old, char **ret_text, struct error *e)
{
	_free_ char *rest = NULL;
	_free_ char *block = NULL;
	size_t begin, len;

	if (block_strip(owner, now, path, &rest, e) < 0 ||
	    block_find(owner, old, path, &begin, &len, e) < 0)
		return -e->code;
	block = xstrndup(old + begin, len);
	*ret_text = len > 0 ? block_append(rest, block) : TAKE_PTR(rest);
	return 0;
}

/* NOW with the block and the import as they are in OLD. */
static int merge_main(const struct owner *owner, const char *path, const char *drop_in,
		      const char *now, const char *old, char **ret_text, struct error *e)
{
	enum presence presence =
		imports_drop_in(old, path, drop_in) ? HANDLERS_PRESENT : HANDLERS_ABSENT;
	_free_ char *rest = NULL;
	_free_ char *text = NULL;

	if (block_strip(owner, now, path, &rest, e) < 0 ||
	    imports_set(rest, path, drop_in, presence, &text, e) < 0)
		return -e->code;
	return merge_block(owner, path, text, old, ret_text, e);
}

static bool is_template(const struct engine *engine, const char *path)
{
	const char *name = path_base(path);

	return str_equal(name, engine->flavour->template) ||
	       str_equal(name, engine->flavour->template3);
}

int containerd_merge(const void *context, const char *path, const char *now, const char *old,
		     char **ret_text, struct error *e)
{
	const struct engine *engine = context;
	_free_ char *main_path = path_join(engine->dir, engine->main_file);
	_free_ char *drop_in = containerd_drop_in_path(engine, 2);
	_free_ char *drop_in3 = containerd_drop_in_path(engine, 3);

	if (strcmp(path, drop_in) == 0 || strcmp(path, drop_in3) == 0) {
		*ret_text = old ? xstrdup(old) : NULL;
		return 0;
	}
	if (!now) {
		*ret_text = NULL;
		return 0;
	}
	if (strcmp(path, main_path) == 0)
		return merge_main(engine->owner, path, drop_in, now, old ? old : "", ret_text, e);
	if (is_template(engine, path))
		return merge_block(engine->owner, path, now, old ? old : "", ret_text, e);
	/* Somebody else's, who has changed it since we took our names out of it. */
	*ret_text = xstrdup(now);
	return 0;
}
