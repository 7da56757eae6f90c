/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crio-plan - our handlers in CRI-O's configuration.
 *
 * A later table of a handler replaces an earlier one as a whole.  So a file of our own does, and
 * tables of our names in those of others give way, as their names may come later.
 *
 * A file that is no TOML, or a default runtime that has no table, keeps CRI-O from starting; ours
 * may be neither the reason nor the occasion.  Any thread; may block.
 */
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/crio.h"
#include "lib/owner.h"
#include "lib/toml.h"

#define MANAGED    "# Managed by %s: changes are lost.\n"
#define OWN_FOLDER "# Its folder was made for it.\n"
#define RUNTIMES   "crio.runtime.runtimes"

static char *drop_in_path(const struct engine *engine)
{
	return xasprintf("%s/%s/%s.conf", engine->dir, engine->flavour->drop_in_dir,
			 engine->owner->name);
}

/* ---- what is said in them ---- */

static void print_handler(FILE *f, const struct handler *h)
{
	_free_ char *shim = toml_quote(h->runtime_path);
	_free_ char *config = h->config_path ? toml_quote(h->config_path) : NULL;

	fprintf(f,
		"\n[" RUNTIMES
		".%s]\n"
		"runtime_path = %s\n"
		"runtime_type = \"vm\"\n"
		"runtime_root = \"/run/vc\"\n",
		h->name, shim);
	if (config)
		fprintf(f, "runtime_config_path = %s\n", config);
	fputs("privileged_without_host_devices = true\n", f);
}

static char *make_drop_in(const char *owner, const struct handlers *handlers, bool is_own_folder)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, MANAGED "%s", owner, is_own_folder ? OWN_FOLDER : "");
	for (size_t i = 0; i < handlers->n; i++)
		print_handler(f, &handlers->list[i]);
	(void)fclose(f);
	return text;
}

static int parse(const char *text, const char *path, struct toml **ret_root, struct error *e)
{
	return toml_parse(text, strlen(text), path, ret_root, e) < 0
		       ? fail_wrap(e, "the configuration of CRI-O")
		       : 0;
}

static bool leads_to_us(const struct toml *table, const struct handler *h)
{
	const struct toml *path = toml_child(table, "runtime_path");

	return path && path->type == TOML_STRING && str_equal(path->text.s, h->runtime_path);
}

/* Takes H out of *TEXT: wherever it leads if ours shall be there instead, else only if to us. */
static int strip_one(char **text, const char *path, const struct handler *h, enum presence presence,
		     struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_cleanup_(toml_freep) struct toml *rest = NULL;
	_free_ char *table = xasprintf(RUNTIMES ".%s", h->name);
	const struct toml *is;
	char *shorter = NULL;

	if (parse(*text, path, &root, e) < 0)
		return -e->code;
	is = toml_child(toml_get(root, RUNTIMES), h->name);
	if (!is || (presence == HANDLERS_ABSENT && !leads_to_us(is, h)))
		return 0;
	if (toml_remove_table(*text, table, &shorter, e) < 0)
		return -e->code;
	free(*text);
	*text = shorter;
	if (parse(*text, path, &rest, e) < 0)
		return -e->code;
	return toml_get(rest, table) ? fail(e, ENOTSUP,
					    "'%s' has [%s] within another value; remove it there "
					    "by hand",
					    path, table)
				     : 0;
}

int crio_bare(char **text, const char *path, const struct known_handler *list, size_t n,
	      struct error *e)
{
	_free_ struct handler *all = engine_known_handlers(list, n);

	for (size_t i = 0; i < n; i++)
		if (strip_one(text, path, &all[i], HANDLERS_PRESENT, e) < 0)
			return -e->code;
	return 0;
}

static int strip(struct edit *edit, const char *path, const struct handlers *handlers,
		 struct error *e)
{
	_free_ char *old_text = NULL;
	_free_ char *text = NULL;
	struct edit_file *f;

	if (file_read(path, EDIT_TEXT_MAX, &old_text, NULL, e) < 0)
		return -e->code;
	text = xstrdup(old_text);
	for (size_t i = 0; i < handlers->n; i++)
		if (strip_one(&text, path, &handlers->list[i], handlers->presence, e) < 0)
			return -e->code;
	if (strcmp(text, old_text) == 0)
		return 0;
	f = edit_add(edit, path, e);
	if (!f)
		return -e->code;
	f->new_text = TAKE_PTR(text);
	return 0;
}

static int plan_drop_in(struct edit *edit, const char *path, const char *owner,
			const struct handlers *handlers, struct error *e)
{
	struct edit_file *f = edit_add(edit, path, e);
	bool is_own_folder;

	if (!f)
		return -e->code;
	is_own_folder = edit_owns_folder(f, OWN_FOLDER);
	f->takes_folder = is_own_folder;
	if (handlers->presence == HANDLERS_PRESENT)
		f->new_text = make_drop_in(owner, handlers, is_own_folder);
	return 0;
}

int crio_plan(const struct engine *engine, const struct handlers *handlers, struct edit *ret_edit,
	      struct error *e)
{
	_free_ char *drop_in = drop_in_path(engine);
	_strv_ strv paths = NULL;
	_edit_ struct edit edit = { 0 };

	if (crio_list_files(engine->flavour, engine->dir, &paths, e) < 0 ||
	    plan_drop_in(&edit, drop_in, engine->owner->name, handlers, e) < 0)
		return -e->code;
	for (char **path = paths; path && *path; path++)
		if (strcmp(*path, drop_in) != 0 && strip(&edit, *path, handlers, e) < 0)
			return -e->code;
	*ret_edit = edit;
	edit = (struct edit){ 0 };
	return 0;
}

/* Our file is ours as a whole; another one that somebody has changed since stays as it is. */
int crio_merge(const void *context, const char *path, const char *now, const char *old,
	       char **ret_text, struct error *e)
{
	_free_ char *drop_in = drop_in_path(context);
	const char *text = strcmp(path, drop_in) == 0 ? old : now;

	(void)e;
	*ret_text = text ? xstrdup(text) : NULL;
	return 0;
}

/* ---- whether it would start ---- */

struct start {
	char *by_default; /* the runtime that is the default one */
	char *said_in;
	strv tables;
};

static void start_done(struct start *s)
{
	free(s->by_default);
	free(s->said_in);
	strv_free(s->tables);
}

static int read_new_text(const struct edit *edit, const char *path, char **ret_text,
			 struct error *e)
{
	for (size_t i = 0; i < edit->n_files; i++)
		if (strcmp(edit->files[i].path, path) == 0) {
			str_set(ret_text, edit->files[i].new_text);
			return 0;
		}
	return file_read(path, EDIT_TEXT_MAX, ret_text, NULL, e);
}

static int read_file(struct start *s, const struct edit *edit, const char *path, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *text = NULL;
	const struct toml *runtime, *runtimes, *by_default;
	int r = read_new_text(edit, path, &text, e);

	if (r < 0 || !text)
		return r;
	if (parse(text, path, &root, e) < 0)
		return fail_wrap(e, "CRI-O would not start again");
	runtime = toml_get(root, "crio.runtime");
	by_default = toml_child(runtime, "default_runtime");
	runtimes = toml_child(runtime, "runtimes");
	if (by_default && by_default->type == TOML_STRING) {
		str_set(&s->by_default, by_default->text.s);
		str_set(&s->said_in, path);
	}
	for (const struct toml *t = runtimes ? runtimes->children : NULL; t; t = t->next)
		strv_add(&s->tables, t->key);
	return 0;
}

int crio_must_start(const struct engine *engine, const struct edit *edit, struct error *e)
{
	_cleanup_(start_done) struct start s = { 0 };
	_strv_ strv paths = NULL;

	if (crio_list_files(engine->flavour, engine->dir, &paths, e) < 0)
		return -e->code;
	for (size_t i = 0; i < edit->n_files; i++)
		if (!strv_contains(paths, edit->files[i].path))
			strv_add(&paths, edit->files[i].path);
	for (char **path = paths; path && *path; path++)
		if (read_file(&s, edit, *path, e) < 0)
			return -e->code;
	/* Others may be built in. */
	if (!s.by_default || !scope_has_handler(engine->scope, s.by_default) ||
	    strv_contains(s.tables, s.by_default))
		return 0;
	return fail(e, EINVAL,
		    "'%s' has '%s' as default_runtime: CRI-O would not start without it; choose "
		    "another one there first",
		    s.said_in, s.by_default);
}
