/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-format - what is said about handlers in containerd's TOML, and in which dialect.
 *
 * The name of the CRI plugin follows the version of the format, not that of containerd.  Up to 2.2
 * the version that the last file declares counts for all of them: plugins under names of another
 * version are dropped, with every handler and pod that needs one.  So a file of ours declares the
 * version that counts without it, and uses the names under which handlers are found then.  Later
 * ones bring each file up to date by itself and take any.
 *
 * A table is ours by what it means, where the shim is, not by comments around it: tools that
 * rewrite TOML lose those.  Any thread.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/containerd-parts.h"

#define NEWEST 3

static const struct {
	int64_t names;
	const char *id;
} plugins[] = {
	{ 3, "\"io.containerd.cri.v1.runtime\"" },
	{ 2, "\"io.containerd.grpc.v1.cri\"" },
	{ 1, "cri" },
};

/* Where 2.x keeps the snapshotter of a handler as well. */
#define PLATFORMS "plugins.\"io.containerd.cri.v1.images\".runtime_platforms"

static const char *plugin_id(int64_t names)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(plugins) && names < plugins[i].names)
		i++;
	return plugins[i].id;
}

static const struct toml *runtimes(const struct toml *root, int64_t names)
{
	_free_ char *path = xasprintf("plugins.%s.containerd.runtimes", plugin_id(names));
	const struct toml *table = toml_get(root, path);

	return table && table->type == TOML_TABLE ? table : NULL;
}

static bool has_newest_runtimes(const struct containerd_files *files, const char *ours)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->list[i].path, ours) != 0 && runtimes(files->list[i].root, NEWEST))
			return true;
	return false;
}

struct format containerd_format(const struct engine *engine, const struct containerd_files *files,
				const char *ours)
{
	struct format f = { .version = engine->major < 2 ? 2 : NEWEST };

	if (engine->major < 2 && files->n > 0)
		f.version = files->list[0].version;
	for (size_t i = 0; i < files->n; i++)
		if (files->list[i].version > 1 && strcmp(files->list[i].path, ours) != 0)
			f.version = files->list[i].version;
	f.names = f.version < NEWEST ? f.version : NEWEST;
	/* Old names are not looked at where the newest ones are there as well. */
	if (engine->major >= 2 && f.names < NEWEST && has_newest_runtimes(files, ours))
		f.names = NEWEST;
	return f;
}

static void print_handler(FILE *f, const struct handler *h, int64_t names, enum lookup lookup)
{
	_free_ char *table =
		xasprintf("plugins.%s.containerd.runtimes.%s", plugin_id(names), h->name);
	_free_ char *shim = toml_quote(h->runtime_path);
	_free_ char *config = h->config_path ? toml_quote(h->config_path) : NULL;
	_free_ char *launcher = toml_quote(h->launcher ? h->launcher : h->runtime_path);
	_free_ char *snapshotter = h->snapshotter ? toml_quote(h->snapshotter) : NULL;

	fprintf(f, "[%s]\n", table);
	if (lookup == BY_TYPE)
		fprintf(f, "runtime_type = %s\n", shim);
	else
		fprintf(f, "runtime_type = \"io.containerd.%s.v2\"\nruntime_path = %s\n", h->name,
			launcher);
	if (snapshotter)
		fprintf(f, "snapshotter = %s\n", snapshotter);
	fputs("privileged_without_host_devices = true\n", f);
	fputs("pod_annotations = [\"io.katacontainers.*\"]\n", f);
	fputs("container_annotations = [\"io.kubernetes.container.terminationMessage*\"]\n", f);
	if (lookup == BY_TYPE && config)
		fprintf(f, "[%s.options]\nConfigPath = %s\n", table, config);
	/* Older formats have no place for it: containerd unpacks such an image when it is used. */
	if (snapshotter && names >= NEWEST)
		fprintf(f, "[" PLATFORMS ".%s]\nsnapshotter = %s\n", h->name, snapshotter);
}

char *containerd_tables(const struct handlers *handlers, int64_t names, enum lookup lookup)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < handlers->n; i++)
		print_handler(f, &handlers->list[i], names, lookup);
	(void)fclose(f);
	return text;
}

char *containerd_default_table(const struct engine *engine, const struct toml *root, int64_t names)
{
	const struct toml *there = runtimes(root, names);
	const char *id = plugin_id(names);

	/* An empty one says that there shall be none. */
	if (there)
		return xstrdup("");
	return xasprintf(
		"[plugins.%s.containerd.runtimes.runc]\n"
		"runtime_type = \"io.containerd.runc.v2\"\n%s"
		"[plugins.%s.containerd.runtimes.runc.options]\n"
		"SystemdCgroup = false\n",
		id, engine->minor >= 7 ? "sandbox_mode = \"podsandbox\"\n" : "", id);
}

static size_t count(const struct toml *t)
{
	size_t n = 0;

	for (const struct toml *c = t->children; c; c = c->next)
		n++;
	return n;
}

static bool same(const struct toml *a, const struct toml *b);

static bool same_children(const struct toml *a, const struct toml *b)
{
	const struct toml *y = b->children;

	if (count(a) != count(b))
		return false;
	for (const struct toml *x = a->children; x; x = x->next, y = y->next)
		if (!same(x, a->type == TOML_TABLE ? toml_child(b, x->key) : y))
			return false;
	return true;
}

static bool same(const struct toml *a, const struct toml *b)
{
	if (!a || !b || a->type != b->type)
		return false;
	switch (a->type) {
	case TOML_STRING:
	case TOML_DATETIME:
		return str_equal(a->text.s, b->text.s);
	case TOML_BOOL:
		return a->boolean == b->boolean;
	case TOML_INTEGER:
		return a->integer == b->integer;
	case TOML_FLOAT:
		return a->real >= b->real && a->real <= b->real;
	case TOML_ARRAY:
	case TOML_TABLE:
		return same_children(a, b);
	}
	return false;
}

bool containerd_says(const struct toml *root, const struct handlers *handlers, const char *tables)
{
	_cleanup_(toml_freep) struct toml *wanted = NULL;
	struct error ignored;

	if (toml_parse(tables, strlen(tables), "tables", &wanted, &ignored) < 0)
		return false;
	for (size_t i = 0; i < handlers->n; i++)
		for (size_t p = 0; p < ARRAY_SIZE(plugins); p++) {
			const char *name = handlers->list[i].name;
			const struct toml *is = toml_child(runtimes(root, plugins[p].names), name);
			const struct toml *be =
				toml_child(runtimes(wanted, plugins[p].names), name);

			if ((is || be) && !same(is, be))
				return false;
		}
	return true;
}

static bool leads_to(const struct toml *table, const char *key, const struct handler *h)
{
	const struct toml *value = toml_child(table, key);

	return value && value->type == TOML_STRING &&
	       (str_equal(value->text.s, h->runtime_path) || str_equal(value->text.s, h->launcher));
}

/* TABLE of the document, by lines. */
static int remove_table(char **text, const char *path, const char *table, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	char *shorter = NULL;

	if (toml_remove_table(*text, table, &shorter, e) < 0)
		return -e->code;
	free(*text);
	*text = shorter;
	if (toml_parse(*text, strlen(*text), path, &root, e) < 0)
		return -e->code;
	return !toml_get(root, table)
		       ? 0
		       : fail(e, ENOTSUP,
			      "'%s' has [%s] within another value; remove it there by hand", path,
			      table);
}

static int strip_one(char **text, const char *path, const struct handler *h, enum presence presence,
		     struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *platform = xasprintf(PLATFORMS ".%s", h->name);
	bool is_taken = presence == HANDLERS_PRESENT;

	if (toml_parse(*text, strlen(*text), path, &root, e) < 0)
		return -e->code;
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		_free_ char *table =
			xasprintf("plugins.%s.containerd.runtimes.%s", plugins[i].id, h->name);
		const struct toml *is = toml_child(runtimes(root, plugins[i].names), h->name);
		bool is_ours = leads_to(is, "runtime_type", h) || leads_to(is, "runtime_path", h);

		if (!is || (presence == HANDLERS_ABSENT && !is_ours))
			continue;
		is_taken = true;
		if (remove_table(text, path, table, e) < 0)
			return -e->code;
	}
	if (is_taken && toml_get(root, platform))
		return remove_table(text, path, platform, e);
	return 0;
}

int containerd_strip(char **text, const char *path, const struct handlers *handlers,
		     struct error *e)
{
	for (size_t i = 0; i < handlers->n; i++)
		if (strip_one(text, path, &handlers->list[i], handlers->presence, e) < 0)
			return -e->code;
	return 0;
}

int containerd_bare(char **text, const char *path, const struct known_handler *list, size_t n,
		    struct error *e)
{
	_free_ struct handler *all = engine_known_handlers(list, n);
	const struct handlers ours = { .list = all, .n = n, .presence = HANDLERS_PRESENT };

	return containerd_strip(text, path, &ours, e);
}

int containerd_dump_handlers(const char *dump, size_t len, strv *ret_names, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_strv_ strv names = NULL;
	int r = toml_parse(dump, len, "containerd config dump", &root, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		const struct toml *table = runtimes(root, plugins[i].names);

		for (const struct toml *t = table ? table->children : NULL; t; t = t->next)
			strv_add(&names, t->key);
	}
	*ret_names = TAKE_PTR(names);
	return 0;
}
