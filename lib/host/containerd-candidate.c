/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-candidate - a main file for containerd to judge before anything is in place.
 *
 * The edit is several files that name one another; the judge gets one that is as valid, and beside
 * it the drop-in under another name.  Of a template it gets what its reader will make of it.  Any
 * thread; may block.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"

static const struct edit_file *find_file(const struct edit *edit, const char *path)
{
	for (size_t i = 0; i < edit->n_files; i++)
		if (strcmp(edit->files[i].path, path) == 0)
			return &edit->files[i];
	return NULL;
}

/* TEXT that imports STAND_IN (NULL: nothing) in place of the drop-in. */
static int stand_in_for(const struct containerd_place *p, const char *text, const char *stand_in,
			char **ret_text, struct error *e)
{
	_free_ char *dir = path_parent(p->main_path);
	_free_ char *without = NULL;

	if (imports_remove(text, p->main_path, dir, p->drop_in, &without, e) < 0)
		return -e->code;
	if (stand_in)
		return imports_add(without, p->main_path, stand_in, ret_text, e);
	*ret_text = TAKE_PTR(without);
	return 0;
}

/* What the writer of the main file will make of the template. */
static int render(const struct owner *owner, const struct containerd_place *p,
		  const struct edit_file *template, char **ret_text, struct error *e)
{
	const char *now = p->files.n > 0 ? p->files.list[0].text : "version = 2\n";
	const char *new_text = template->new_text ? template->new_text : "";
	_free_ char *rest = NULL;
	_free_ char *block = NULL;
	size_t begin, len;

	if (block_strip(owner, now, p->main_path, &rest, e) < 0 ||
	    block_find(owner, new_text, template->path, &begin, &len, e) < 0)
		return -e->code;
	block = xstrndup(new_text + begin, len);
	*ret_text = block_append(rest, block);
	return 0;
}

/* The main file as the edit leaves it.  One that somebody else writes is made anew without the
 * block that a template had. */
static int main_text(const struct engine *engine, const struct containerd_place *p,
		     const struct edit *edit, char **ret_text, struct error *e)
{
	const struct edit_file *main_file = find_file(edit, p->main_path);

	if (main_file && main_file->new_text)
		*ret_text = xstrdup(main_file->new_text);
	else if (main_file || p->files.n == 0)
		*ret_text = xstrdup(engine->major < 2 ? "version = 2\n" : "version = 3\n");
	else
		return block_strip(engine->owner, p->files.list[0].text, p->main_path, ret_text, e);
	return 0;
}

int containerd_candidate(const struct engine *engine, const struct edit *edit, const char *stand_in,
			 char **ret_drop_in, char **ret_text, struct error *e)
{
	_containerd_place_ struct containerd_place p = { 0 };
	const struct edit_file *drop_in, *template;
	_free_ char *text = NULL;

	if (containerd_place(engine, &p, e) < 0)
		return -e->code;
	drop_in = find_file(edit, p.drop_in);
	template = p.template ? find_file(edit, p.template) : NULL;
	*ret_drop_in = NULL;
	if (template && p.home == HOME_TEMPLATE)
		return render(engine->owner, &p, template, ret_text, e);
	if (main_text(engine, &p, edit, &text, e) < 0)
		return -e->code;
	if (!drop_in) {
		*ret_text = TAKE_PTR(text);
		return 0;
	}
	*ret_drop_in = drop_in->new_text ? xstrdup(drop_in->new_text) : NULL;
	return stand_in_for(&p, text, *ret_drop_in ? stand_in : NULL, ret_text, e);
}
