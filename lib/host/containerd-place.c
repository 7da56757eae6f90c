/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-place - where our handlers go in the files of this containerd.
 *
 * The two major versions read imported files differently.  1.x replaces a plugin's whole section by
 * that of the imported file, so a drop-in of handlers takes every other handler away, the CRI
 * plugin fails and the node is lost; there our tables go into a marked block at the end of
 * config.toml.  2.x merges, so a file of our own beside it does.
 *
 * Some flavours write the main file themselves.  k0s reads our drop-in without being told; k3s and
 * rke2 do so with containerd 2, and before that write what a template says, which gets the block.
 * Any thread; may block where an import is only to be seen on the node.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"

static const char *by_version(const char *newest, const char *older, int64_t version)
{
	return version >= 3 && newest ? newest : older;
}

char *containerd_drop_in_path(const struct engine *engine, int64_t version)
{
	const struct flavour *f = engine->flavour;

	return xasprintf("%s/%s/%s.toml", engine->dir,
			 by_version(f->drop_in_dir3, f->drop_in_dir, version), engine->owner->name);
}

static bool is_somebody_elses(const struct flavour *f, const struct containerd_files *files)
{
	return f->writer &&
	       (!f->writer_mark || (files->n > 0 && strstr(files->list[0].text, f->writer_mark)));
}

static bool is_covered(const struct containerd_place *p)
{
	_strv_ strv imports = NULL;
	struct error ignored;

	if (p->files.n == 0)
		return false;
	(void)imports_read(p->files.list[0].root, p->main_path, &imports, &ignored);
	return imports_cover(imports, p->drop_in);
}

static enum containerd_home find_home(const struct engine *engine, const struct containerd_place *p)
{
	bool merges = engine->major >= 2;

	if (!is_somebody_elses(engine->flavour, &p->files))
		return merges ? HOME_DROP_IN : HOME_BLOCK;
	if (p->template && !(merges && is_covered(p)))
		return HOME_TEMPLATE;
	return HOME_TOLD;
}

int containerd_place(const struct engine *engine, struct containerd_place *ret_place,
		     struct error *e)
{
	_containerd_place_ struct containerd_place p = { 0 };
	const struct flavour *f = engine->flavour;
	const char *template;

	p.main_path = path_join(engine->dir, engine->main_file);
	if (containerd_load(engine, NULL, &p.files, e) < 0)
		return -e->code;
	p.format.version = engine->major < 2 ? 2 : 3;
	if (p.files.n > 0)
		p.format.version = p.files.list[0].version;
	p.drop_in = containerd_drop_in_path(engine, p.format.version);
	template = by_version(f->template3, f->template, p.format.version);
	p.template = template ? path_join(engine->dir, template) : NULL;
	p.format = containerd_format(engine, &p.files, p.drop_in);
	p.home = find_home(engine, &p);
	*ret_place = p;
	p = (struct containerd_place){ 0 };
	return 0;
}

void containerd_place_done(struct containerd_place *p)
{
	free(p->main_path);
	containerd_files_done(&p->files);
	free(p->drop_in);
	free(p->template);
}
