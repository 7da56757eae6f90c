/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-plan - our handlers in containerd's configuration.
 *
 * Every byte of others stays as it is.  Their main file is touched only where our block is at home
 * (containerd-place.c), if it does not import our own file yet, or has handlers of our names. Those
 * give way wherever they are: merged with ours they would lend it what ours does not say.  What
 * another version of the engine made us leave elsewhere goes, too.  Any thread; may block where an
 * import is only to be seen on the node.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"

#define CREATED_BY    "# Created by "
#define CREATED       CREATED_BY "%s, removed with it while nothing else is added.\n%s"
#define FRESH1        "version = 2\n\n"
#define FRESH2        "version = 3\n"
#define BASE_TEMPLATE "{{ template \"base\" . }}\n"
#define MANAGED       "# Managed by %s: changes are lost.\n"
#define OWN_FOLDER    "# Its folder was made for it.\n"

struct plan {
	const struct engine *engine;
	const struct handlers *handlers;
	bool is_wanted;
	struct containerd_place place;
	struct edit edit;
};

static void plan_done(struct plan *p)
{
	containerd_place_done(&p->place);
	edit_done(&p->edit);
}

/* The file F made for our sake, where it is not there. */
static char *fresh(const struct plan *p, const struct edit_file *f, const char *content)
{
	_free_ char *text = xasprintf("%s%s", f->has_folder ? "" : OWN_FOLDER, content);

	return xasprintf(CREATED, p->engine->owner->program, text);
}

/* It goes, and what was made for it. */
static void drop_fresh(struct edit_file *f)
{
	str_set(&f->new_text, NULL);
	f->takes_folder = f->old_text && strstr(f->old_text, OWN_FOLDER);
}

/* That nobody added anything to one, whoever made it: the last owner to leave takes it along. */
static bool is_fresh(const char *text)
{
	static const char *const contents[] = { FRESH1, FRESH2, BASE_TEMPLATE };
	const char *by = str_starts(text, CREATED_BY) ? text + strlen(CREATED_BY) : NULL;
	_free_ char *program = by ? xstrndup(by, strcspn(by, ",\n")) : NULL;

	for (size_t i = 0; by && i < ARRAY_SIZE(contents); i++) {
		_free_ char *whole = xasprintf(CREATED, program, contents[i]);
		_free_ char *more = xasprintf(OWN_FOLDER "%s", contents[i]);
		_free_ char *both = xasprintf(CREATED, program, more);

		if (strcmp(text, whole) == 0 || strcmp(text, both) == 0)
			return true;
	}
	return false;
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
	for (size_t i = 0; i < p->place.files.n; i++) {
		const struct containerd_file *f = &p->place.files.list[i];
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
	return p->place.files.n > 0 ? p->place.files.list[0].root : NULL;
}

static bool has_block(const struct plan *p, const char *text)
{
	size_t begin, len = 1;
	struct error ignored;

	(void)block_find(p->engine->owner, text, "", &begin, &len, &ignored);
	return len > 0;
}

/* That the main file says what we would, although a tool took our marks away. */
static bool is_said(const struct plan *p, const struct edit_file *f, const char *tables)
{
	return p->is_wanted && f->old_text && !has_block(p, f->old_text) && main_root(p) &&
	       containerd_says(main_root(p), p->handlers, tables);
}

static int check_toml(const char *text, const char *name, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;

	return toml_parse(text, strlen(text), name, &root, e) < 0
		       ? fail_wrap(e, "the configuration of containerd")
		       : 0;
}

/* BARE is the text without our block, REST the same without handlers of our names. */
static void share_file(const struct plan *p, struct edit_file *f, const char *bare,
		       const char *rest, const char *tables, const char *others)
{
	_free_ char *block = block_make(p->engine->owner, tables, others);

	/* What somebody wrote behind it is no reason to move it, and to restart for that. */
	if (f->old_text && strcmp(bare, rest) == 0 &&
	    block_stands(p->engine->owner, f->old_text, block))
		f->new_text = xstrdup(f->old_text);
	else
		f->new_text = block_append(rest, block);
}

static int add_block(const struct plan *p, struct edit_file *f, const char *bare, const char *rest,
		     const char *tables, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *others = NULL;

	if (toml_parse(rest, strlen(rest), f->path, &root, e) < 0)
		return -e->code;
	others = containerd_default_table(p->engine, root, p->place.format.names);
	share_file(p, f, bare, rest, tables, others);
	return check_toml(f->new_text, f->path, e);
}

static int plan_block(struct plan *p, struct error *e)
{
	struct edit_file *f = edit_add(&p->edit, p->place.main_path, e);
	_free_ char *tables = NULL;
	_free_ char *bare = NULL;
	_free_ char *rest = NULL;
	_free_ char *old = NULL;

	if (!f)
		return -e->code;
	if (p->is_wanted)
		tables = containerd_tables(p->handlers, p->place.format.names, BY_TYPE);
	if (is_said(p, f, tables)) {
		str_set(&f->new_text, f->old_text);
		return 0;
	}
	old = f->old_text ? xstrdup(f->old_text) : fresh(p, f, FRESH1);
	if (block_strip(p->engine->owner, old, f->path, &bare, e) < 0 ||
	    check_toml(bare, f->path, e) < 0)
		return -e->code;
	rest = xstrdup(bare);
	if (containerd_strip(&rest, f->path, p->handlers, e) < 0)
		return -e->code;
	if (p->is_wanted)
		return add_block(p, f, bare, rest, tables, e);
	if (is_fresh(rest))
		drop_fresh(f);
	else
		f->new_text = TAKE_PTR(rest);
	return 0;
}

/* Before its upgrade in place, containerd 1 had our block in this file. */
static int plan_main(struct plan *p, struct error *e)
{
	struct edit_file *f = &p->edit.files[0];
	_free_ char *old = f->old_text ? xstrdup(f->old_text) : fresh(p, f, FRESH2);
	_free_ char *rest = NULL;

	if (block_strip(p->engine->owner, old, f->path, &rest, e) < 0 ||
	    containerd_strip(&rest, f->path, p->handlers, e) < 0 ||
	    imports_set(rest, f->path, p->place.drop_in, p->handlers->presence, &f->new_text, e) <
		    0)
		return -e->code;
	if (!p->is_wanted && is_fresh(f->new_text))
		drop_fresh(f);
	return 0;
}

/* ---- a file of our own ---- */

/* That it says anything beside the version of its format. */
static bool has_content(const struct toml *t)
{
	if (t->type != TOML_TABLE)
		return !str_equal(t->key, "version");
	for (const struct toml *c = t->children; c; c = c->next)
		if (has_content(c))
			return true;
	return false;
}

/* Upstream's kata-deploy has the name of our file, too: what else it says there, of other handlers
 * and of snapshotters, is in use by its pods.  1, and the text without our block and the same
 * without handlers of our names; 0 if nothing is to be kept. */
static int find_others_part(const struct plan *p, const struct edit_file *f, char **ret_bare,
			    char **ret_rest, struct error *e)
{
	_free_ char *managed = xasprintf(MANAGED, p->engine->owner->name);
	_cleanup_(toml_freep) struct toml *root = NULL;
	const struct toml *version;
	struct error ignored;

	if (!f->old_text || str_starts(f->old_text, managed))
		return 0;
	if (block_strip(p->engine->owner, f->old_text, f->path, ret_bare, e) < 0)
		return -e->code;
	*ret_rest = xstrdup(*ret_bare);
	if (toml_parse(*ret_bare, strlen(*ret_bare), f->path, &root, &ignored) < 0)
		return 0;
	if (containerd_strip(ret_rest, f->path, p->handlers, e) < 0)
		return -e->code;
	toml_free(root);
	root = NULL;
	if (toml_parse(*ret_rest, strlen(*ret_rest), f->path, &root, e) < 0)
		return -e->code;
	version = toml_child(root, "version");
	return version && version->type == TOML_INTEGER &&
	       version->integer == p->place.format.version && has_content(root);
}

static void fill_drop_in(const struct plan *p, struct edit_file *f, const char *tables)
{
	bool is_own_folder = edit_owns_folder(f, OWN_FOLDER);

	f->takes_folder = is_own_folder;
	if (p->is_wanted)
		f->new_text = xasprintf(MANAGED "%sversion = %lld\n\n%s", p->engine->owner->name,
					is_own_folder ? OWN_FOLDER : "",
					(long long)p->place.format.version, tables);
}

static int plan_own_file(struct plan *p, struct error *e)
{
	struct edit_file *f = edit_add(&p->edit, p->place.drop_in, e);
	_free_ char *tables = NULL;
	_free_ char *bare = NULL;
	_free_ char *rest = NULL;
	int r;

	if (!f)
		return -e->code;
	r = find_others_part(p, f, &bare, &rest, e);
	if (r < 0)
		return r;
	if (p->is_wanted)
		tables = containerd_tables(p->handlers, p->place.format.names, BY_PATH);
	if (r == 0)
		fill_drop_in(p, f, tables);
	else if (p->is_wanted)
		share_file(p, f, bare, rest, tables, "");
	else
		f->new_text = TAKE_PTR(rest);
	return f->new_text ? check_toml(f->new_text, f->path, e) : 0;
}

/* Handlers of our names in files that others made. */
static int plan_others(struct plan *p, struct error *e)
{
	for (size_t i = 1; i < p->place.files.n; i++) {
		const struct containerd_file *other = &p->place.files.list[i];
		_free_ char *text = xstrdup(other->text);
		struct edit_file *f;

		if (strcmp(other->path, p->place.drop_in) == 0)
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
	bool is_ours_to_edit = p->place.home == HOME_DROP_IN;

	if (is_ours_to_edit && (!edit_add(&p->edit, p->place.main_path, e) || plan_main(p, e) < 0))
		return -e->code;
	if (plan_own_file(p, e) < 0)
		return -e->code;
	return plan_others(p, e);
}

/* ---- a template, which is no TOML ---- */

static int plan_template(struct plan *p, struct error *e)
{
	struct edit_file *f = edit_add(&p->edit, p->place.template, e);
	_free_ char *tables = NULL;
	_free_ char *block = NULL;
	_free_ char *rest = NULL;
	_free_ char *old = NULL;

	if (!f)
		return -e->code;
	old = f->old_text ? xstrdup(f->old_text) : fresh(p, f, BASE_TEMPLATE);
	if (block_strip(p->engine->owner, old, f->path, &rest, e) < 0)
		return -e->code;
	if (!p->is_wanted) {
		if (!is_fresh(rest))
			f->new_text = TAKE_PTR(rest);
		return 0;
	}
	tables = containerd_tables(p->handlers, p->place.format.names,
				   p->engine->major < 2 ? BY_TYPE : BY_PATH);
	block = block_make(p->engine->owner, tables, "");
	f->new_text = block_stands(p->engine->owner, old, block) ? TAKE_PTR(old)
								 : block_append(rest, block);
	return 0;
}

/* ---- what another version of the engine made us leave elsewhere ---- */

/* Whether a file that somebody else made lies beside our own. */
static bool has_neighbour(const struct plan *p)
{
	_free_ char *folder = path_parent(p->place.drop_in);

	for (size_t i = 1; i < p->place.files.n; i++) {
		const char *path = p->place.files.list[i].path;
		_free_ char *theirs = path_parent(path);

		if (str_equal(theirs, folder) && strcmp(path, p->place.drop_in) != 0)
			return true;
	}
	return false;
}

/* By having a template for the older format, even one that says nothing, a writer stays with it,
 * and with the folder that this format imports: with our file or another's. */
static bool keeps_format(const struct plan *p)
{
	const struct flavour *f = p->engine->flavour;

	return f->template3 && p->engine->major >= 2 &&
	       strcmp(path_base(p->place.template), f->template3) != 0 &&
	       (p->is_wanted || has_neighbour(p));
}

static int strip_template(struct plan *p, struct error *e)
{
	struct edit_file *f;

	if (!p->place.template || !file_exists(p->place.template))
		return 0;
	f = edit_add(&p->edit, p->place.template, e);
	if (!f || block_strip(p->engine->owner, f->old_text ? f->old_text : "", f->path,
			      &f->new_text, e) < 0)
		return -e->code;
	if (is_fresh(f->new_text) && !keeps_format(p))
		str_set(&f->new_text, NULL);
	return 0;
}

/* containerd 1 would have nothing but our handlers in its CRI section. */
static int drop_drop_in(struct plan *p, struct error *e)
{
	struct edit_file *main_file = &p->edit.files[0];
	struct edit_file *f;
	char *text = NULL;

	if (!file_exists(p->place.drop_in))
		return 0;
	if (p->place.home == HOME_BLOCK && main_file->new_text) {
		if (imports_set(main_file->new_text, main_file->path, p->place.drop_in,
				HANDLERS_ABSENT, &text, e) < 0)
			return -e->code;
		free(main_file->new_text);
		main_file->new_text = text;
	}
	f = edit_add(&p->edit, p->place.drop_in, e);
	if (!f)
		return -e->code;
	f->takes_folder = f->old_text && strstr(f->old_text, OWN_FOLDER);
	return 0;
}

static int must_know_snapshotters(const struct engine *engine, const struct handlers *handlers,
				  struct error *e)
{
	bool knows = engine->major >= 2 || engine->minor >= 7;

	for (size_t i = 0; !knows && i < handlers->n; i++)
		if (handlers->list[i].snapshotter)
			return fail(e, ENOTSUP,
				    "containerd %s has one snapshotter for all pods, and '%s' "
				    "shall have '%s': that takes 1.7 or later",
				    engine->version, handlers->list[i].name,
				    handlers->list[i].snapshotter);
	return 0;
}

int containerd_plan(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e)
{
	_cleanup_(plan_done) struct plan p = {
		.engine = engine,
		.handlers = handlers,
		.is_wanted = handlers->presence == HANDLERS_PRESENT,
	};
	int r = containerd_place(engine, &p.place, e);

	if (r >= 0 && p.is_wanted)
		r = must_have_cri(&p, e) < 0 ? -e->code
					     : must_know_snapshotters(engine, handlers, e);
	if (r < 0)
		return r;
	switch (p.place.home) {
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
