/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-plan - our handlers in containerd's configuration.
 *
 * The two major versions read imported files differently.  1.x replaces a plugin's whole section by
 * that of the imported file, so a drop-in of handlers takes every other handler away, the CRI
 * plugin fails and the node is lost; there our tables go into a marked block at the end of
 * config.toml and every byte before it stays as it is.  2.x merges, so a file of our own beside it
 * does, and the main file is touched only if it does not import that file yet or still has the
 * block.  The name of the CRI plugin follows the version of the configuration format, not that of
 * containerd.  Any thread.
 */
#include "lib/host/containerd.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/toml.h"

#define BLOCK_BEGIN "# BEGIN kata-deploy: this block is managed, changes in it are lost\n"
#define BLOCK_END   "# END kata-deploy\n"
#define CREATED     "# Created by kata-deploy, removed with it while nothing else is added.\n"
#define FRESH1      CREATED "version = 2\n\n"
#define FRESH2      CREATED "version = 3\n"

enum { FILE_MAIN, FILE_DROP_IN };

static const struct {
	int64_t min_version; /* of the configuration format */
	const char *id;
} plugins[] = {
	{ 3, "\"io.containerd.cri.v1.runtime\"" },
	{ 2, "\"io.containerd.grpc.v1.cri\"" },
	{ 1, "cri" },
};

/* VERSION is at least 1. */
static const char *plugin_id(int64_t version)
{
	size_t i = 0;

	while (version < plugins[i].min_version)
		i++;
	return plugins[i].id;
}

/* Version of the format of TEXT; a file that says none, or 0, has version 1. */
static int format_version(const char *text, const char *name, int64_t *ret_version, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	const struct toml *version;
	int r = toml_parse(text, strlen(text), name, &root, e);

	if (r < 0)
		return fail_wrap(e, "the configuration of containerd");
	version = toml_get(root, "version");
	if (version && (version->type != TOML_INTEGER || version->integer < 0))
		return fail(e, EINVAL,
			    "the configuration of containerd: '%s', line %u: the version is no "
			    "positive number",
			    name, version->line);
	*ret_version = version && version->integer > 0 ? version->integer : 1;
	return 0;
}

/* How the runtime finds the shim. */
enum lookup {
	BY_TYPE, /* runtime_type itself is the path: the CRI plugin of 1.6 ignores runtime_path */
	/* runtime_path, of the launcher: options would have a type that containerd cannot add to,
	 * as it does for a container whose users are mapped. */
	BY_PATH,
};

/* The tables of the handlers, as TOML. */
static char *handler_tables(const struct handler *handlers, size_t n, int64_t version,
			    enum lookup lookup)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < n; i++) {
		const struct handler *h = &handlers[i];
		_free_ char *table =
			xasprintf("plugins.%s.containerd.runtimes.%s", plugin_id(version), h->name);
		_free_ char *shim = toml_quote(h->runtime_path);
		_free_ char *config = toml_quote(h->config_path);
		_free_ char *launcher = toml_quote(h->launcher);

		fprintf(f, "[%s]\n", table);
		if (lookup == BY_TYPE)
			fprintf(f, "runtime_type = %s\n", shim);
		else
			fprintf(f, "runtime_type = \"io.containerd.%s.v2\"\nruntime_path = %s\n",
				h->name, launcher);
		fputs("privileged_without_host_devices = true\n", f);
		fputs("pod_annotations = [\"io.katacontainers.*\"]\n", f);
		fputs("container_annotations = [\"io.kubernetes.container.terminationMessage*\"]\n",
		      f);
		if (lookup == BY_TYPE)
			fprintf(f, "[%s.options]\nConfigPath = %s\n", table, config);
	}
	(void)fclose(f);
	return text;
}

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
	*ret_begin = begin ? (size_t)(begin - text) : 0;
	*ret_len = begin ? (size_t)(end - begin) + strlen(BLOCK_END) : 0;
	return 0;
}

/* TEXT without our block. */
static int strip_block(const char *text, const char *name, char **ret_text, struct error *e)
{
	size_t begin, len;

	if (find_block(text, name, &begin, &len, e) < 0)
		return -e->code;
	*ret_text = xasprintf("%.*s%s", (int)begin, text, text + begin + len);
	return 0;
}

/* BLOCK behind TEXT, on a line of its own. */
static char *append_block(const char *text, const char *block)
{
	return xasprintf("%s%s%s", text, str_ends(text, "\n") || !*text ? "" : "\n", block);
}

/* That nobody added anything to a main file that we created. */
static bool is_fresh(const char *text)
{
	return str_equal(text, FRESH1) || str_equal(text, FRESH2);
}

/* Handlers of our names that somebody else configured, such as an older kata-deploy, give way. */
static int strip_handlers(char **text, const struct handler *handlers, size_t n, int64_t version,
			  struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		_free_ char *table = xasprintf("plugins.%s.containerd.runtimes.%s",
					       plugin_id(version), handlers[i].name);
		char *shorter = NULL;

		if (toml_remove_table(*text, table, &shorter, e) < 0)
			return -e->code;
		free(*text);
		*text = shorter;
	}
	return 0;
}

static int check_toml(const char *text, const char *name, struct error *e)
{
	int64_t version;

	return format_version(text, name, &version, e);
}

static int plan_block(struct edit_file *f, const struct handler *handlers, size_t n,
		      struct error *e)
{
	_free_ char *rest = NULL;
	_free_ char *tables = NULL;
	_free_ char *block = NULL;
	int64_t version;

	if (strip_block(f->old_text ? f->old_text : FRESH1, f->path, &rest, e) < 0 ||
	    format_version(rest, f->path, &version, e) < 0 ||
	    strip_handlers(&rest, handlers, n, version, e) < 0)
		return -e->code;
	if (n == 0) {
		f->new_text = is_fresh(rest) ? NULL : TAKE_PTR(rest);
		return 0;
	}
	tables = handler_tables(handlers, n, version, BY_TYPE);
	block = xasprintf(BLOCK_BEGIN "%s" BLOCK_END, tables);
	f->new_text = append_block(rest, block);
	return check_toml(f->new_text, f->path, e);
}

static int plan1(const struct engine *engine, const struct handler *handlers, size_t n,
		 struct edit *ret_edit, struct error *e)
{
	_edit_ struct edit edit = { 0 };
	_free_ char *path = path_join(engine->dir, engine->main_file);
	struct edit_file *f = edit_add(&edit, path, e);

	if (!f || plan_block(f, handlers, n, e) < 0)
		return -e->code;
	*ret_edit = edit;
	edit = (struct edit){ 0 };
	return 0;
}

static char *candidate1(const struct edit *edit)
{
	const char *text = edit->files[FILE_MAIN].new_text;

	return xstrdup(text ? text : "version = 2\n");
}

/* The strings of "imports". */
static int read_imports(const char *text, const char *name, strv *ret_imports, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	const struct toml *imports;
	int r = toml_parse(text, strlen(text), name, &root, e);

	if (r < 0)
		return r;
	imports = toml_get(root, "imports");
	if (imports && imports->type != TOML_ARRAY)
		return fail(e, EINVAL, "%s:%u: 'imports' is not an array", name, imports->line);
	for (const struct toml *i = imports ? imports->children : NULL; i; i = i->next)
		if (i->type == TOML_STRING)
			strv_add(ret_imports, i->text.s);
	return 0;
}

static int write_imports(const char *text, char *const *imports, char **ret_text, struct error *e)
{
	_strv_ strv quoted = NULL;
	_free_ char *joined = NULL;
	_free_ char *literal = NULL;

	if (strv_len(imports) == 0)
		return toml_unset(text, "", "imports", ret_text, e);
	for (char *const *i = imports; *i; i++)
		strv_take(&quoted, toml_quote(*i));
	joined = strv_join(quoted, ", ");
	literal = xasprintf("[%s]", joined);
	return toml_set(text, "", "imports", literal, ret_text, e);
}

/* That IMPORT is the path of DROP_IN: containerd takes a relative one from the main file's folder.
 */
static bool names(const char *import, const char *dir, const char *drop_in)
{
	_free_ char *path = import[0] == '/' ? xstrdup(import) : path_join(dir, import);

	return str_equal(path, drop_in);
}

/* To containerd a pattern is what has a star.  Relative ones do not count: older versions take them
 * from the daemon's working folder. */
static bool covers(const char *import, const char *drop_in)
{
	return import[0] == '/' && strchr(import, '*') && str_matches(drop_in, import);
}

/* TEXT with an import of DROP_IN of its own or without; a pattern that covers it is left alone. */
static int set_import(const char *text, const char *main_path, const char *drop_in, bool is_wanted,
		      char **ret_text, struct error *e)
{
	_free_ char *dir = path_parent(main_path);
	_strv_ strv imports = NULL;
	_strv_ strv kept = NULL;

	if (read_imports(text, main_path, &imports, e) < 0)
		return -e->code;
	for (char **i = imports; i && *i; i++) {
		is_wanted &= !covers(*i, drop_in);
		if (!names(*i, dir, drop_in))
			strv_add(&kept, *i);
	}
	if (is_wanted)
		strv_add(&kept, drop_in);
	if (strv_len(kept) != strv_len(imports))
		return write_imports(text, kept, ret_text, e);
	*ret_text = xstrdup(text);
	return 0;
}

static char *drop_in_path(const struct engine *engine)
{
	return xasprintf("%s/%s/%s", engine->dir, engine->flavour->drop_in_dir, engine->drop_in);
}

/* Before its upgrade in place, containerd 1 had our block in this file. */
static int plan_main(struct edit_file *f, const char *drop_in, bool is_wanted, struct error *e)
{
	_free_ char *rest = NULL;

	if (strip_block(f->old_text ? f->old_text : FRESH2, f->path, &rest, e) < 0 ||
	    set_import(rest, f->path, drop_in, is_wanted, &f->new_text, e) < 0)
		return -e->code;
	if (!is_wanted && is_fresh(f->new_text))
		str_set(&f->new_text, NULL);
	return 0;
}

static int plan_drop_in(struct edit *edit, const struct handler *handlers, size_t n,
			struct error *e)
{
	struct edit_file *main_file = &edit->files[FILE_MAIN];
	struct edit_file *drop_in = &edit->files[FILE_DROP_IN];
	_free_ char *tables = NULL;
	int64_t version = 3;

	if (main_file->old_text &&
	    format_version(main_file->old_text, main_file->path, &version, e) < 0)
		return -e->code;
	if (plan_main(main_file, drop_in->path, n > 0, e) < 0)
		return -e->code;
	if (n == 0)
		return 0;
	/* containerd 2 reads older formats too, and merges by the plugin names of the main file. */
	tables = handler_tables(handlers, n, version, BY_PATH);
	drop_in->new_text = xasprintf(
		"# Managed by kata-deploy: changes are lost.\n"
		"version = %lld\n\n%s",
		(long long)version, tables);
	return check_toml(drop_in->new_text, drop_in->path, e);
}

static int plan2(const struct engine *engine, const struct handler *handlers, size_t n,
		 struct edit *ret_edit, struct error *e)
{
	_edit_ struct edit edit = { 0 };
	_free_ char *main_path = path_join(engine->dir, engine->main_file);
	_free_ char *drop_in = drop_in_path(engine);

	if (!edit_add(&edit, main_path, e) || !edit_add(&edit, drop_in, e))
		return -e->code;
	if (plan_drop_in(&edit, handlers, n, e) < 0)
		return -e->code;
	*ret_edit = edit;
	edit = (struct edit){ 0 };
	return 0;
}

/* The main file with the stand-in imported instead of the drop-in. */
static int candidate2(const struct edit *edit, char *const *stand_ins, char **ret_text,
		      struct error *e)
{
	const struct edit_file *f = &edit->files[FILE_MAIN];
	const char *text = f->new_text ? f->new_text : "version = 3\n";
	_free_ char *dir = path_parent(f->path);
	_strv_ strv imports = NULL;
	_strv_ strv replaced = NULL;

	if (read_imports(text, f->path, &imports, e) < 0)
		return -e->code;
	for (char **i = imports; i && *i; i++)
		if (!names(*i, dir, edit->files[FILE_DROP_IN].path))
			strv_add(&replaced, *i);
	if (stand_ins[FILE_DROP_IN])
		strv_add(&replaced, stand_ins[FILE_DROP_IN]);
	return write_imports(text, replaced, ret_text, e);
}

static bool imports_drop_in(const char *text, const char *main_path, const char *drop_in)
{
	_free_ char *dir = path_parent(main_path);
	_strv_ strv imports = NULL;
	struct error ignored;

	(void)read_imports(text, main_path, &imports, &ignored);
	for (char **i = imports; i && *i; i++)
		if (names(*i, dir, drop_in))
			return true;
	return false;
}

/* NOW with the block and the import as they are in OLD. */
static int merge_main(const char *path, const char *drop_in, const char *now, const char *old,
		      char **ret_text, struct error *e)
{
	_free_ char *rest = NULL;
	_free_ char *text = NULL;
	_free_ char *block = NULL;
	size_t begin, len;

	if (strip_block(now, path, &rest, e) < 0 || find_block(old, path, &begin, &len, e) < 0 ||
	    set_import(rest, path, drop_in, imports_drop_in(old, path, drop_in), &text, e) < 0)
		return -e->code;
	block = xstrndup(old + begin, len);
	*ret_text = len > 0 ? append_block(text, block) : TAKE_PTR(text);
	return 0;
}

/* For every version: it may change between an edit and its undo, and a runtime that does not start
 * any more does not say which it is.  A main file that is gone
 * went with our part of it.  The drop-in is ours as a whole. */
int containerd_merge(const void *context, const char *path, const char *now, const char *old,
		     char **ret_text, struct error *e)
{
	const struct engine *engine = context;
	_free_ char *main_path = path_join(engine->dir, engine->main_file);
	_free_ char *drop_in = drop_in_path(engine);

	if (strcmp(path, main_path) != 0) {
		*ret_text = old ? xstrdup(old) : NULL;
		return 0;
	}
	if (!now) {
		*ret_text = NULL;
		return 0;
	}
	return merge_main(path, drop_in, now, old ? old : "", ret_text, e);
}

int containerd_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_strv_ strv names = NULL;
	int r = toml_parse(dump, len, "containerd config dump", &root, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		_free_ char *path = xasprintf("plugins.%s.containerd.runtimes", plugins[i].id);
		const struct toml *runtimes = toml_get(root, path);

		if (!runtimes || runtimes->type != TOML_TABLE)
			continue;
		for (const struct toml *t = runtimes->children; t; t = t->next)
			strv_add(&names, t->key);
	}
	*ret_names = TAKE_PTR(names);
	return 0;
}

int containerd_plan(const struct engine *engine, const struct handlers *handlers,
		    struct edit *ret_edit, struct error *e)
{
	size_t n = handlers->presence == HANDLERS_PRESENT ? handlers->n : 0;

	if (engine->major < 2)
		return plan1(engine, handlers->list, n, ret_edit, e);
	return plan2(engine, handlers->list, n, ret_edit, e);
}

int containerd_candidate(const struct engine *engine, const struct edit *edit,
			 char *const *stand_ins, char **ret_text, struct error *e)
{
	if (engine->major >= 2)
		return candidate2(edit, stand_ins, ret_text, e);
	*ret_text = candidate1(edit);
	return 0;
}
