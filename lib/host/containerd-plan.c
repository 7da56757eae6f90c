/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-plan - our handlers in containerd's configuration.
 *
 * The two major versions read imported files differently.  1.x replaces a plugin's whole section by
 * that of the imported file, so a drop-in of handlers takes every other handler away, the CRI
 * plugin fails and the node is lost; there our tables go into a marked block at the end of
 * config.toml and every byte before it stays as it is.  2.x merges, so a file of our own beside it
 * does, and the main file is touched only if it does not import that file yet, still has the block
 * or handlers of our names.  Those give way wherever they are: merged with ours they would lend it
 * what ours does not say.
 *
 * Some flavours write the main file themselves.  k0s reads our drop-in without being told; k3s and
 * rke2 do so with containerd 2, and before that write what a template says, which gets the block.
 * Any thread; may block where an import is only to be seen on the node.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"

#define BLOCK_BEGIN   "# BEGIN kata-deploy: this block is managed, changes in it are lost\n"
#define BLOCK_END     "# END kata-deploy"
#define CREATED       "# Created by kata-deploy, removed with it while nothing else is added.\n"
#define FRESH1        CREATED "version = 2\n\n"
#define FRESH2        CREATED "version = 3\n"
#define BASE_TEMPLATE "{{ template \"base\" . }}\n"
#define MANAGED       "# Managed by kata-deploy: changes are lost.\n"
#define OWN_FOLDER    "# Its folder was made for it.\n"

enum home {
	HOME_BLOCK,    /* in the main file */
	HOME_DROP_IN,  /* a file of our own, which the main file imports */
	HOME_TOLD,     /* the same, and the main file is somebody else's */
	HOME_TEMPLATE, /* a block in what the main file is made from */
};

struct plan {
	const struct engine *engine;
	const struct handlers *handlers;
	bool is_wanted;
	char *main_path;
	struct containerd_files files; /* as they are */
	struct format format;
	char *drop_in;  /* path */
	char *template; /* path; NULL: there is none */
	enum home home;
	struct edit edit;
};

static void plan_done(struct plan *p)
{
	free(p->main_path);
	containerd_files_done(&p->files);
	free(p->drop_in);
	free(p->template);
	edit_done(&p->edit);
}

/* ---- the block ---- */

/* Where our block is in TEXT, of length 0 if it is not; one that does not end is refused rather
 * than guessed at. */
static int find_block(const char *text, const char *name, size_t *ret_begin, size_t *ret_len,
		      struct error *e)
{
	const char *begin = strstr(text, BLOCK_BEGIN);
	const char *end = begin ? strstr(begin, BLOCK_END) : NULL;

	if (begin && !end)
		return fail(e, EINVAL,
			    "'%s' has the line that begins our block but not the one that ends it; "
			    "remove the block by hand",
			    name);
	*ret_begin = 0;
	*ret_len = 0;
	if (!begin)
		return 0;
	end += strlen(BLOCK_END);
	*ret_begin = (size_t)(begin - text);
	*ret_len = (size_t)(end - begin) + (*end == '\n');
	return 0;
}

/* TEXT without our block.  One whose last line is open was put behind a line that was. */
static int strip_block(const char *text, const char *name, char **ret_text, struct error *e)
{
	size_t begin, len;
	bool is_open;

	if (find_block(text, name, &begin, &len, e) < 0)
		return -e->code;
	is_open =
		len > 0 && begin > 0 && text[begin + len] == '\0' && text[begin + len - 1] != '\n';
	*ret_text = xasprintf("%.*s%s", (int)(begin - is_open), text, text + begin + len);
	return 0;
}

/* BLOCK behind TEXT, on a line of its own; a last line that is open stays one. */
static char *append_block(const char *text, const char *block)
{
	bool is_open = *text && !str_ends(text, "\n");
	size_t len = strlen(block) - (is_open && str_ends(block, "\n"));

	return xasprintf("%s%s%.*s", text, is_open ? "\n" : "", (int)len, block);
}

static char *make_block(const char *tables, const char *others)
{
	return xasprintf(BLOCK_BEGIN "%s%s" BLOCK_END "\n", tables, others);
}

/* That nobody added anything to a file that we created. */
static bool is_fresh(const char *text)
{
	return str_equal(text, FRESH1) || str_equal(text, FRESH2);
}

/* ---- paths and homes ---- */

static const char *by_version(const char *newest, const char *older, int64_t version)
{
	return version >= 3 && newest ? newest : older;
}

static char *drop_in_path(const struct engine *engine, int64_t version)
{
	const struct flavour *f = engine->flavour;

	return xasprintf("%s/%s/%s", engine->dir,
			 by_version(f->drop_in_dir3, f->drop_in_dir, version), engine->drop_in);
}

static bool is_somebody_elses(const struct flavour *f, const struct containerd_files *files)
{
	return f->writer &&
	       (!f->writer_mark || (files->n > 0 && strstr(files->list[0].text, f->writer_mark)));
}

static bool is_covered(const struct plan *p)
{
	_strv_ strv imports = NULL;
	struct error ignored;

	if (p->files.n == 0)
		return false;
	(void)imports_read(p->files.list[0].root, p->main_path, &imports, &ignored);
	return imports_cover(imports, p->drop_in);
}

static enum home find_home(const struct plan *p)
{
	bool merges = p->engine->major >= 2;

	if (!is_somebody_elses(p->engine->flavour, &p->files))
		return merges ? HOME_DROP_IN : HOME_BLOCK;
	if (p->template && !(merges && is_covered(p)))
		return HOME_TEMPLATE;
	return HOME_TOLD;
}

static int plan_init(struct plan *p, struct error *e)
{
	const struct flavour *f = p->engine->flavour;
	const char *template;

	p->is_wanted = p->handlers->presence == HANDLERS_PRESENT;
	p->main_path = path_join(p->engine->dir, p->engine->main_file);
	if (containerd_load(p->engine, NULL, &p->files, e) < 0)
		return -e->code;
	p->format.version = p->engine->major < 2 ? 2 : 3;
	if (p->files.n > 0)
		p->format.version = p->files.list[0].version;
	p->drop_in = drop_in_path(p->engine, p->format.version);
	template = by_version(f->template3, f->template, p->format.version);
	p->template = template ? path_join(p->engine->dir, template) : NULL;
	p->format = containerd_format(p->engine, &p->files, p->drop_in);
	p->home = find_home(p);
	return 0;
}

/* ---- a containerd that Kubernetes does not use ---- */

/* The plugins without one of which there is no CRI service, and the first version that has them. */
static const struct {
	const char *name;
	unsigned major;
} cri_plugins[] = {
	{ "cri", 1 }, /* in the first version of the format */
	{ "io.containerd.grpc.v1.cri", 1 },
	{ "io.containerd.cri.v1.runtime", 2 },
	{ "io.containerd.cri.v1.images", 2 },
};

static bool is_cri(const struct engine *engine, const struct toml *name)
{
	for (size_t i = 0; name->type == TOML_STRING && i < ARRAY_SIZE(cri_plugins); i++)
		if (engine->major >= cri_plugins[i].major &&
		    strcmp(name->text.s, cri_plugins[i].name) == 0)
			return true;
	return false;
}

/* The lists of all files count together. */
static int must_have_cri(const struct plan *p, struct error *e)
{
	for (size_t i = 0; i < p->files.n; i++) {
		const struct containerd_file *f = &p->files.list[i];
		const struct toml *list = toml_get(f->root, "disabled_plugins");
		bool is_list = list && list->type == TOML_ARRAY;

		for (const struct toml *c = is_list ? list->children : NULL; c; c = c->next)
			if (is_cri(p->engine, c))
				return fail(e, ENOTSUP,
					    "containerd has no CRI service: '%s' has '%s' in "
					    "disabled_plugins, as Docker's package does; take it "
					    "out there and restart containerd, or, if the kubelet "
					    "uses another runtime, keep this node out with the "
					    "DaemonSet's nodeSelector",
					    f->path, c->text.s);
	}
	return 0;
}

/* ---- the main file ---- */

static const struct toml *main_root(const struct plan *p)
{
	return p->files.n > 0 ? p->files.list[0].root : NULL;
}

/* That the main file says what we would, although a tool took our marks away. */
static bool is_said(const struct plan *p, const struct edit_file *f, const char *tables)
{
	return p->is_wanted && f->old_text && !strstr(f->old_text, BLOCK_BEGIN) && main_root(p) &&
	       containerd_says(main_root(p), p->handlers, tables);
}

static int check_toml(const char *text, const char *name, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;

	return toml_parse(text, strlen(text), name, &root, e) < 0
		       ? fail_wrap(e, "the configuration of containerd")
		       : 0;
}

static int add_block(const struct plan *p, struct edit_file *f, const char *rest,
		     const char *tables, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *others = NULL;
	_free_ char *block = NULL;

	if (toml_parse(rest, strlen(rest), f->path, &root, e) < 0)
		return -e->code;
	others = containerd_default_table(p->engine, root, p->format.names);
	block = make_block(tables, others);
	f->new_text = append_block(rest, block);
	return check_toml(f->new_text, f->path, e);
}

static int plan_block(struct plan *p, struct error *e)
{
	struct edit_file *f = edit_add(&p->edit, p->main_path, e);
	_free_ char *tables = NULL;
	_free_ char *rest = NULL;

	if (!f)
		return -e->code;
	if (p->is_wanted)
		tables = containerd_tables(p->handlers, p->format.names, BY_TYPE);
	if (is_said(p, f, tables)) {
		str_set(&f->new_text, f->old_text);
		return 0;
	}
	if (strip_block(f->old_text ? f->old_text : FRESH1, f->path, &rest, e) < 0 ||
	    check_toml(rest, f->path, e) < 0 ||
	    containerd_strip(&rest, f->path, p->handlers, e) < 0)
		return -e->code;
	if (p->is_wanted)
		return add_block(p, f, rest, tables, e);
	f->new_text = is_fresh(rest) ? NULL : TAKE_PTR(rest);
	return 0;
}

/* TEXT with an import of DROP_IN of its own or without; a pattern that covers it is left alone. */
static int set_import(const char *text, const char *main_path, const char *drop_in, bool is_wanted,
		      char **ret_text, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *dir = path_parent(main_path);
	_strv_ strv imports = NULL;
	bool is_named, is_covered_;

	if (toml_parse(text, strlen(text), main_path, &root, e) < 0 ||
	    imports_read(root, main_path, &imports, e) < 0)
		return -e->code;
	is_named = imports_name(imports, dir, drop_in);
	is_covered_ = imports_cover(imports, drop_in);
	if (is_named && (!is_wanted || is_covered_))
		return imports_remove(text, main_path, dir, drop_in, ret_text, e);
	if (is_wanted && !is_named && !is_covered_)
		return imports_add(text, main_path, drop_in, ret_text, e);
	*ret_text = xstrdup(text);
	return 0;
}

/* Before its upgrade in place, containerd 1 had our block in this file. */
static int plan_main(struct plan *p, struct error *e)
{
	struct edit_file *f = &p->edit.files[0];
	_free_ char *rest = NULL;

	if (strip_block(f->old_text ? f->old_text : FRESH2, f->path, &rest, e) < 0 ||
	    containerd_strip(&rest, f->path, p->handlers, e) < 0 ||
	    set_import(rest, f->path, p->drop_in, p->is_wanted, &f->new_text, e) < 0)
		return -e->code;
	if (!p->is_wanted && is_fresh(f->new_text))
		str_set(&f->new_text, NULL);
	return 0;
}

/* ---- a file of our own ---- */

static void fill_drop_in(const struct plan *p, struct edit_file *f)
{
	_free_ char *tables = NULL;
	bool is_own_folder = f->old_text ? strstr(f->old_text, OWN_FOLDER) != NULL : !f->has_folder;

	f->takes_folder = is_own_folder;
	if (!p->is_wanted)
		return;
	tables = containerd_tables(p->handlers, p->format.names, BY_PATH);
	f->new_text = xasprintf(MANAGED "%sversion = %lld\n\n%s", is_own_folder ? OWN_FOLDER : "",
				(long long)p->format.version, tables);
}

/* Handlers of our names in files that others made. */
static int plan_others(struct plan *p, struct error *e)
{
	for (size_t i = 1; i < p->files.n; i++) {
		const struct containerd_file *other = &p->files.list[i];
		_free_ char *text = xstrdup(other->text);
		struct edit_file *f;

		if (strcmp(other->path, p->drop_in) == 0)
			continue;
		if (containerd_strip(&text, other->path, p->handlers, e) < 0)
			return -e->code;
		if (strcmp(text, other->text) == 0)
			continue;
		f = edit_add(&p->edit, other->path, e);
		if (!f)
			return -e->code;
		if (!f->old_text)
			return fail(e, ENOTSUP,
				    "'%s' has handlers of our names and cannot be changed from "
				    "here; remove them there",
				    f->path);
		f->new_text = TAKE_PTR(text);
	}
	return 0;
}

static int plan_drop_in(struct plan *p, struct error *e)
{
	bool is_ours_to_edit = p->home == HOME_DROP_IN;
	struct edit_file *drop_in;

	if (is_ours_to_edit && (!edit_add(&p->edit, p->main_path, e) || plan_main(p, e) < 0))
		return -e->code;
	drop_in = edit_add(&p->edit, p->drop_in, e);
	if (!drop_in)
		return -e->code;
	fill_drop_in(p, drop_in);
	if (drop_in->new_text && check_toml(drop_in->new_text, drop_in->path, e) < 0)
		return -e->code;
	return plan_others(p, e);
}

/* ---- a template, which is no TOML ---- */

static int plan_template(struct plan *p, struct error *e)
{
	struct edit_file *f = edit_add(&p->edit, p->template, e);
	_free_ char *tables = NULL;
	_free_ char *block = NULL;
	_free_ char *rest = NULL;

	if (!f)
		return -e->code;
	if (strip_block(f->old_text ? f->old_text : CREATED BASE_TEMPLATE, f->path, &rest, e) < 0)
		return -e->code;
	if (!p->is_wanted) {
		if (!str_equal(rest, CREATED BASE_TEMPLATE))
			f->new_text = TAKE_PTR(rest);
		return 0;
	}
	tables = containerd_tables(p->handlers, p->format.names,
				   p->engine->major < 2 ? BY_TYPE : BY_PATH);
	block = make_block(tables, "");
	f->new_text = append_block(rest, block);
	return 0;
}

/* ---- what another version of the engine made us leave elsewhere ---- */

static int strip_template(struct plan *p, struct error *e)
{
	struct edit_file *f;

	if (!p->template || !file_exists(p->template))
		return 0;
	f = edit_add(&p->edit, p->template, e);
	if (!f || strip_block(f->old_text ? f->old_text : "", f->path, &f->new_text, e) < 0)
		return -e->code;
	if (str_equal(f->new_text, CREATED BASE_TEMPLATE))
		str_set(&f->new_text, NULL);
	return 0;
}

/* containerd 1 would have nothing but our handlers in its CRI section. */
static int drop_drop_in(struct plan *p, struct error *e)
{
	struct edit_file *main_file = &p->edit.files[0];
	struct edit_file *f;
	char *text = NULL;

	if (!file_exists(p->drop_in))
		return 0;
	if (p->home == HOME_BLOCK && main_file->new_text) {
		if (set_import(main_file->new_text, main_file->path, p->drop_in, false, &text, e) <
		    0)
			return -e->code;
		free(main_file->new_text);
		main_file->new_text = text;
	}
	f = edit_add(&p->edit, p->drop_in, e);
	if (!f)
		return -e->code;
	f->takes_folder = f->old_text && strstr(f->old_text, OWN_FOLDER);
	return 0;
}

int containerd_plan(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e)
{
	_cleanup_(plan_done) struct plan p = { .engine = engine, .handlers = handlers };
	int r = plan_init(&p, e);

	if (r >= 0 && p.is_wanted)
		r = must_have_cri(&p, e);
	if (r < 0)
		return r;
	switch (p.home) {
	case HOME_BLOCK:
		r = plan_block(&p, e) < 0 ? -e->code : drop_drop_in(&p, e);
		break;
	case HOME_DROP_IN:
	case HOME_TOLD:
		r = plan_drop_in(&p, e) < 0 ? -e->code : strip_template(&p, e);
		break;
	case HOME_TEMPLATE:
		r = plan_template(&p, e) < 0 ? -e->code : drop_drop_in(&p, e);
		break;
	}
	if (r < 0)
		return r;
	*ret_edit = p.edit;
	p.edit = (struct edit){ 0 };
	return 0;
}

/* ---- candidates ---- */

static const struct edit_file *find_file(const struct edit *edit, const char *path)
{
	for (size_t i = 0; i < edit->n_files; i++)
		if (strcmp(edit->files[i].path, path) == 0)
			return &edit->files[i];
	return NULL;
}

/* TEXT that imports STAND_IN (NULL: nothing) in place of the drop-in. */
static int stand_in_for(const struct plan *p, const char *text, const char *stand_in,
			char **ret_text, struct error *e)
{
	_free_ char *without = NULL;

	if (imports_remove(text, p->main_path, p->engine->dir, p->drop_in, &without, e) < 0)
		return -e->code;
	if (stand_in)
		return imports_add(without, p->main_path, stand_in, ret_text, e);
	*ret_text = TAKE_PTR(without);
	return 0;
}

/* What the writer of the main file will make of the template. */
static int render(const struct plan *p, const struct edit_file *template, char **ret_text,
		  struct error *e)
{
	const char *now = p->files.n > 0 ? p->files.list[0].text : "version = 2\n";
	const char *new_text = template->new_text ? template->new_text : "";
	_free_ char *rest = NULL;
	_free_ char *block = NULL;
	size_t begin, len;

	if (strip_block(now, p->main_path, &rest, e) < 0 ||
	    containerd_strip(&rest, p->main_path, p->handlers, e) < 0 ||
	    find_block(new_text, template->path, &begin, &len, e) < 0)
		return -e->code;
	block = xstrndup(new_text + begin, len);
	*ret_text = append_block(rest, block);
	return 0;
}

int containerd_candidate(const struct engine *engine, const struct edit *edit, const char *stand_in,
			 char **ret_drop_in, char **ret_text, struct error *e)
{
	const struct handlers none = { 0 };
	_cleanup_(plan_done) struct plan p = { .engine = engine, .handlers = &none };
	const struct edit_file *main_file, *drop_in, *template;
	const char *text = engine->major < 2 ? "version = 2\n" : "version = 3\n";

	if (plan_init(&p, e) < 0)
		return -e->code;
	main_file = find_file(edit, p.main_path);
	drop_in = find_file(edit, p.drop_in);
	template = p.template ? find_file(edit, p.template) : NULL;
	*ret_drop_in = NULL;
	if (template)
		return render(&p, template, ret_text, e);
	if (main_file && main_file->new_text)
		text = main_file->new_text;
	else if (!main_file && p.files.n > 0)
		text = p.files.list[0].text;
	if (!drop_in) {
		*ret_text = xstrdup(text);
		return 0;
	}
	*ret_drop_in = drop_in->new_text ? xstrdup(drop_in->new_text) : NULL;
	return stand_in_for(&p, text, *ret_drop_in ? stand_in : NULL, ret_text, e);
}

/* ---- the undo ---- */

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
static int merge_block(const char *path, const char *now, const char *old, char **ret_text,
		       struct error *e)
{
	_free_ char *rest = NULL;
	_free_ char *block = NULL;
	size_t begin, len;

	if (strip_block(now, path, &rest, e) < 0 || find_block(old, path, &begin, &len, e) < 0)
		return -e->code;
	block = xstrndup(old + begin, len);
	*ret_text = len > 0 ? append_block(rest, block) : TAKE_PTR(rest);
	return 0;
}

/* NOW with the block and the import as they are in OLD. */
static int merge_main(const char *path, const char *drop_in, const char *now, const char *old,
		      char **ret_text, struct error *e)
{
	_free_ char *rest = NULL;
	_free_ char *text = NULL;

	if (strip_block(now, path, &rest, e) < 0 ||
	    set_import(rest, path, drop_in, imports_drop_in(old, path, drop_in), &text, e) < 0)
		return -e->code;
	return merge_block(path, text, old, ret_text, e);
}

static bool is_template(const struct engine *engine, const char *path)
{
	const char *name = path_base(path);

	return str_equal(name, engine->flavour->template) ||
	       str_equal(name, engine->flavour->template3);
}

/* A main file that is gone went with our part of it.  The drop-in is ours as a whole. */
int containerd_merge(const void *context, const char *path, const char *now, const char *old,
		     char **ret_text, struct error *e)
{
	const struct engine *engine = context;
	_free_ char *main_path = path_join(engine->dir, engine->main_file);
	_free_ char *drop_in = drop_in_path(engine, 2);
	_free_ char *drop_in3 = drop_in_path(engine, 3);

	if (strcmp(path, drop_in) == 0 || strcmp(path, drop_in3) == 0) {
		*ret_text = old ? xstrdup(old) : NULL;
		return 0;
	}
	if (!now) {
		*ret_text = NULL;
		return 0;
	}
	if (strcmp(path, main_path) == 0)
		return merge_main(path, drop_in, now, old ? old : "", ret_text, e);
	if (is_template(engine, path))
		return merge_block(path, now, old ? old : "", ret_text, e);
	/* Somebody else's, who has changed it since we took our names out of it. */
	*ret_text = xstrdup(now);
	return 0;
}
