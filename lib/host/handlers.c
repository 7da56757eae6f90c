/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handlers - find the handlers of Kata in the configuration of the machine's container engines.
 *
 * All engines keep a table "runtimes" whose entries name a shim: containerd in each version of its
 * format, CRI-O, Docker.  So the files are searched for such tables, whatever stands around them,
 * and what leads to a shim of Kata counts; a later file changes an earlier one's, as the engines
 * read them: a file that containerd's main one does not import is nobody's.  A configuration is
 * said by an option, by a key of CRI-O's, or by a launcher, the script that kata-deploy makes; else
 * the shim searches.  No engine need run.  Any thread; may block on the disk.
 */
#include "lib/host/handlers.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/crio.h"
#include "lib/host/flavour.h"
#include "lib/json.h"

#define FILE_MAX      (1 * MIB)
#define LAUNCHER_MAX  4096
#define SHIM_PREFIX   "containerd-shim-kata"
#define TYPE_PREFIX   "io.containerd.kata"
#define CONFIG_OPTION " -config="

/* An entry of a table "runtimes".  Borrowed; NULL where nothing is said. */
struct entry {
	const char *name;
	const char *type;
	const char *path;
	const char *config;
};

/* A handler, while later files can change it. */
struct found {
	char *name;
	char *file;
	char *config; /* NULL: the search */
};

struct search {
	const char *prefix;
	const char *file; /* being read */
	struct found *list;
	size_t n;
	strv problems;
	const char *name; /* of the one handler that is looked for, wherever it leads; NULL: none */
	struct handler_place *place;
};

static bool is_shim(const char *path)
{
	return path && (str_starts(path_base(path), SHIM_PREFIX) || str_starts(path, TYPE_PREFIX));
}

/* What the launcher at PATH passes; NULL if it is none.  Caller frees. */
static char *launched_config(const char *prefix, const char *path)
{
	_free_ char *full = path && *path == '/' ? xasprintf("%s%s", prefix, path) : NULL;
	_free_ char *text = NULL;
	struct error ignored;
	char *option;

	/* The shim itself is larger than any launcher. */
	if (!full || file_read(full, LAUNCHER_MAX, &text, NULL, &ignored) < 0 ||
	    !str_starts(text, "#!"))
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	option = strstr(text, CONFIG_OPTION);
	return option ? xstrdup(option + strlen(CONFIG_OPTION)) : NULL;
}

static struct found *find(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_equal(s->list[i].name, name))
			return &s->list[i];
	return NULL;
}

static struct found *find_or_add(struct search *s, const char *name)
{
	struct found *f = find(s, name);

	if (f)
		return f;
	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n] = (struct found){ .name = xstrdup(name) };
	return &s->list[s->n++];
}

static void found_done(struct found *f)
{
	free(f->name);
	free(f->file);
	free(f->config);
}

static void forget(struct search *s, const char *name)
{
	struct found *f = find(s, name);

	if (!f)
		return;
	found_done(f);
	s->n--;
	memmove(f, f + 1, (size_t)(s->list + s->n - f) * sizeof(*f));
}

static void set_config(struct search *s, struct found *f, char *own_config)
{
	str_set(&f->file, s->file);
	free(f->config);
	f->config = own_config;
}

/* What a later file does not say stays. */
static void note_place(const struct search *s, const struct entry *e)
{
	struct handler_place *place = s->place;

	if (!str_equal(s->name, e->name))
		return;
	str_set(&place->file, s->file);
	if (e->type)
		str_set(&place->type, e->type);
	if (e->path)
		str_set(&place->path, e->path);
}

/* A later file may say anew where a handler leads, or only with which configuration. */
static void take_entry(struct search *s, const struct entry *e)
{
	char *config = e->config ? xstrdup(e->config) : NULL;
	bool is_ours = is_shim(e->path) || is_shim(e->type);
	struct found *f = is_ours ? find_or_add(s, e->name) : find(s, e->name);

	if (s->name)
		note_place(s, e);
	if (is_ours && !config)
		config = launched_config(s->prefix, e->path ? e->path : e->type);
	if (is_ours || (f && config && !e->path && !e->type))
		set_config(s, f, TAKE_PTR(config));
	else if (e->path || e->type)
		forget(s, e->name);
	free(config);
}

/* ---- TOML ---- */

static const char *toml_text(const struct toml *table, const char *key)
{
	const struct toml *value = toml_child(table, key);

	return value && value->type == TOML_STRING && *value->text.s ? value->text.s : NULL;
}

static void take_toml_table(struct search *s, const struct toml *runtimes)
{
	for (const struct toml *t = runtimes->children; t; t = t->next) {
		const char *config = toml_text(t, "runtime_config_path");

		if (t->type != TOML_TABLE)
			continue;
		if (!config)
			config = toml_text(toml_child(t, "options"), "ConfigPath");
		take_entry(s, &(struct entry){ .name = t->key,
					       .type = toml_text(t, "runtime_type"),
					       .path = toml_text(t, "runtime_path"),
					       .config = config });
	}
}

/* Recursive; the parser bounds the depth. */
static void search_toml(struct search *s, const struct toml *table)
{
	for (const struct toml *t = table->children; t; t = t->next) {
		if (t->type != TOML_TABLE)
			continue;
		if (str_equal(t->key, "runtimes"))
			take_toml_table(s, t);
		else
			search_toml(s, t);
	}
}

static void search_containerd(struct search *s, const struct flavour *flavour, const char *dir)
{
	const struct engine engine = {
		.flavour = flavour,
		.dir = dir,
		.main_file = flavour->main_file,
		.major = 2,
	};
	_containerd_files_ struct containerd_files files = { 0 };
	struct error e;

	if (containerd_load(&engine, NULL, &files, &e) < 0) {
		strv_add(&s->problems, e.msg);
		return;
	}
	for (size_t i = 0; i < files.n; i++) {
		s->file = files.list[i].path;
		search_toml(s, files.list[i].root);
	}
}

static void search_toml_file(struct search *s, const char *path)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *text = NULL;
	size_t len = 0;
	struct error e;
	int r = file_read(path, FILE_MAX, &text, &len, &e);

	if (r >= 0)
		r = toml_parse(text, len, path, &root, &e);
	s->file = path;
	if (r >= 0)
		search_toml(s, root);
	else if (r != -ENOENT)
		strv_add(&s->problems, e.msg);
}

/* ---- JSON ---- */

static void search_json_file(struct search *s, const char *path)
{
	_json_ struct json_object *root = NULL;
	struct json_object *runtimes;
	struct error e;
	int r = json_read_file(path, FILE_MAX, &root, &e);

	if (r < 0 && r != -ENOENT)
		strv_add(&s->problems, e.msg);
	runtimes = r < 0 ? NULL : json_at(root, "runtimes");
	if (!json_object_is_type(runtimes, json_type_object))
		return;
	s->file = path;
	json_object_object_foreach(runtimes, name, o)
	{
		take_entry(s, &(struct entry){ .name = name,
					       .type = json_get_str(o, "runtimeType"),
					       .path = json_get_str(o, "path"),
					       .config = json_get_str(o, "options.ConfigPath") });
	}
}

/* ---- all ---- */

static void search_crio(struct search *s, const struct flavour *f, const char *dir)
{
	_strv_ strv paths = NULL;
	struct error e;

	if (crio_list_files(f, dir, &paths, &e) < 0)
		strv_add(&s->problems, e.msg);
	for (char **path = paths; path && *path; path++)
		search_toml_file(s, *path);
}

static void search_docker(struct search *s, const struct flavour *f, const char *dir)
{
	_free_ char *path = path_join(dir, f->main_file);

	search_json_file(s, path);
}

/* nerdctl has no file that names a handler. */
static const struct {
	const char *driver;
	void (*search)(struct search *s, const struct flavour *f, const char *dir);
} engines[] = {
	{ "containerd", search_containerd },
	{ "cri-o", search_crio },
	{ "docker", search_docker },
};

static void search_flavour(struct search *s, const struct flavour *f)
{
	_free_ char *dir = xasprintf("%s%s", s->prefix, f->dir);

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		if (str_equal(f->driver, engines[i].driver))
			engines[i].search(s, f, dir);
}

static bool is_same_place(const struct flavour *a, const struct flavour *b)
{
	return str_equal(a->dir, b->dir) && str_equal(a->main_file, b->main_file);
}

static bool was_searched(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_same_place(flavour_at(k), flavour_at(i)))
			return true;
	return false;
}

static void add_config(struct handlers_found *found, const struct found *f)
{
	struct handlers_config *c = NULL;

	for (size_t i = 0; i < found->n && !c; i++)
		if (str_equal(found->list[i].path, f->config))
			c = &found->list[i];
	if (!c) {
		found->list = xrealloc(found->list, found->n + 1, sizeof(*found->list));
		c = &found->list[found->n++];
		*c = (struct handlers_config){ .path = f->config ? xstrdup(f->config) : NULL };
	}
	strv_addf(&c->used_by, "%s (%s)", f->name, f->file);
}

static void search_done(struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		found_done(&s->list[i]);
	free(s->list);
	strv_free(s->problems);
}

void handlers_find(const char *prefix, struct handlers_found *ret_found)
{
	struct handlers_found found = { 0 };
	const struct flavour *f;

	for (size_t i = 0; (f = flavour_at(i)) != NULL; i++) {
		_cleanup_(search_done) struct search s = { .prefix = prefix };

		if (was_searched(i))
			continue;
		search_flavour(&s, f);
		for (size_t k = 0; k < s.n; k++)
			add_config(&found, &s.list[k]);
		strv_add_all(&found.problems, s.problems);
	}
	*ret_found = found;
}

int handlers_look(const char *name, const struct flavour *flavour, const char *dir,
		  struct handler_place *ret_place, struct error *e)
{
	_handler_place_ struct handler_place place = { 0 };
	_cleanup_(search_done) struct search s = { .prefix = "", .name = name, .place = &place };

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		if (str_equal(flavour->driver, engines[i].driver))
			engines[i].search(&s, flavour, dir);
	if (s.problems)
		return fail(e, EINVAL, "%s", s.problems[0]);
	*ret_place = place;
	place = (struct handler_place){ 0 };
	return ret_place->file != NULL;
}

void handler_place_done(struct handler_place *place)
{
	free(place->file);
	free(place->type);
	free(place->path);
	*place = (struct handler_place){ 0 };
}

void handlers_found_done(struct handlers_found *found)
{
	for (size_t i = 0; i < found->n; i++) {
		free(found->list[i].path);
		strv_free(found->list[i].used_by);
	}
	free(found->list);
	strv_free(found->problems);
	*found = (struct handlers_found){ 0 };
}
