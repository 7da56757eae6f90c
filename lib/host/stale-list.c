/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale-list - read what the machine has now, and compare each sandbox's record with it.
 *
 * Each configuration and each version is looked at once, however many sandboxes have it.  A sandbox
 * that starts now reads the configuration its handler's launcher names, which need not be the one
 * that this handler had before; one that was started without a handler reads what it asked for.
 * Files that no version has are compared where they can be seen, which is not everywhere from a
 * pod.  A shim that was killed is cleaned up after by the engine, so that a record without a shim
 * is believed only when it stays.  Any thread; may block for some seconds.
 */
#include "lib/host/stale-list.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/intact.h"
#include "lib/host/shims.h"
#include "lib/host/store.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/sha256.h"
#include "lib/toml.h"
#include "lib/wait.h"

#define FILE_MAX     MIB
#define DROP_INS_MAX 128
#define DEFAULTS     "share/defaults/kata-containers"
#define LEFTOVER_MS  5000

/* A configuration as it is now. */
struct present {
	char *path; /* as it was looked for */
	char *real;
	char *text;
	char *failure; /* NULL: it was read */
	char digest[SHA256_HEX + 1];
};

struct checked {
	char *folder;
	strv changes;
};

struct looker {
	const struct stale_places *places;
	const char *current;
	struct present *configs;
	size_t n_configs;
	struct checked *versions;
	size_t n_versions;
};

/* ---- configurations ---- */

static int add_file(const char *path, struct sha256 *sum, FILE *out, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *text = NULL;
	_free_ char *lines = NULL;
	_free_ char *line = NULL;
	char digest[SHA256_HEX + 1];
	size_t len;

	if (file_read(path, FILE_MAX, &text, &len, e) < 0 ||
	    toml_parse(text, len, path, &root, e) < 0)
		return -e->code;
	sha256_bytes(text, len, digest);
	line = xasprintf("%s  %s\n", digest, path);
	sha256_add(sum, line, strlen(line));
	lines = toml_flatten(root);
	(void)fprintf(out, "%s\n%s", path, lines);
	return 0;
}

static int add_drop_ins(const char *main_file, struct sha256 *sum, FILE *out, struct error *e)
{
	_free_ char *parent = path_parent(main_file);
	_free_ char *dir = path_join(parent, "config.d");
	_strv_ strv names = NULL;
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot list '%s': %m", dir);
	if (dir_list(fd, DROP_INS_MAX, &names, e) < 0)
		return -e->code;
	for (char **name = names; name && *name; name++) {
		_free_ char *path = path_join(dir, *name);

		if (**name != '.' && add_file(path, sum, out, e) < 0)
			return -e->code;
	}
	return 0;
}

static void read_present(struct present *p)
{
	struct sha256 sum;
	size_t size = 0;
	FILE *out = open_memstream(&p->text, &size);
	struct error e = { 0 };

	sha256_init(&sum);
	p->real = realpath(p->path, NULL);
	if (!p->real)
		(void)fail(&e, errno, "configuration '%s' cannot be read: %m", p->path);
	else if (add_file(p->real, &sum, out, &e) >= 0)
		(void)add_drop_ins(p->real, &sum, out, &e);
	(void)fclose(out);
	sha256_end(&sum, p->digest);
	if (e.code)
		p->failure = xstrdup(e.msg);
}

static const struct present *present_of(struct looker *l, const char *path)
{
	struct present *p;

	for (size_t i = 0; i < l->n_configs; i++)
		if (strcmp(l->configs[i].path, path) == 0)
			return &l->configs[i];
	l->configs = xrealloc(l->configs, l->n_configs + 1, sizeof(*l->configs));
	p = &l->configs[l->n_configs++];
	*p = (struct present){ .path = xstrdup(path) };
	read_present(p);
	return p;
}

/* What PATH, in the version that R runs, is called in the current one; NULL if it is not in it. */
static char *in_current(const struct looker *l, const struct record *r, const char *path)
{
	size_t len = strlen(r->version_dir);

	if (len == 0 || !path_is_within(path, r->version_dir) || path[len] != '/')
		return NULL;
	return xasprintf("%s/current/%s", l->places->root, path + len + 1);
}

/* The file that sandboxes of the handler with LAUNCHER have when it is the node's own. */
static bool is_own_of(const struct stale_handler *h, const char *path)
{
	_free_ char *dir = path_parent(h->launcher);
	_free_ char *own = path_join(dir, path_base(h->config));

	return strcmp(own, path) == 0;
}

static bool is_delivered_for(const struct looker *l, const struct stale_handler *h,
			     const char *path)
{
	_free_ char *delivered =
		xasprintf("%s/" DEFAULTS "/%s", l->places->root, path_base(h->config));

	return strcmp(delivered, path) == 0;
}

/* NULL if no handler of the node ever named SOURCE. */
static const char *config_of_handler(const struct looker *l, const char *source)
{
	const struct stale_places *p = l->places;

	for (size_t i = 0; i < p->n_handlers; i++)
		if (strcmp(p->handlers[i].config, source) == 0)
			return source;
	for (size_t i = 0; i < p->n_handlers; i++)
		if (is_own_of(&p->handlers[i], source))
			return p->handlers[i].config;
	for (size_t i = 0; i < p->n_handlers; i++)
		if (is_delivered_for(l, &p->handlers[i], source))
			return p->handlers[i].config;
	return NULL;
}

/* What a sandbox that is started as R was reads now.  Caller frees. */
static char *config_now(const struct looker *l, const struct record *r)
{
	const char *source = *r->config_source ? r->config_source : r->config_path;
	const char *handler = config_of_handler(l, source);
	char *moved;

	if (handler)
		return xstrdup(handler);
	/* It asked for none, which an older form does not say. */
	if (!*r->config_source && *r->started) {
		_free_ char *etc = path_join(l->places->etc, "configuration.toml");

		return file_exists(etc) ? TAKE_PTR(etc)
					: xasprintf("%s/current/" DEFAULTS "/configuration.toml",
						    l->places->root);
	}
	moved = in_current(l, r, source);
	return moved ? moved : xstrdup(source);
}

/* ---- files ---- */

static char *const *changes_of(struct looker *l, const char *folder)
{
	_free_ char *dir = xasprintf("%s/versions/%s", l->places->root, folder);
	struct checked *c;

	for (size_t i = 0; i < l->n_versions; i++)
		if (strcmp(l->versions[i].folder, folder) == 0)
			return l->versions[i].changes;
	l->versions = xrealloc(l->versions, l->n_versions + 1, sizeof(*l->versions));
	c = &l->versions[l->n_versions++];
	*c = (struct checked){ .folder = xstrdup(folder) };
	intact_check(dir, &c->changes);
	return c->changes;
}

static void check_asset(const struct record_asset *a, strv *changes)
{
	struct stat st;
	int64_t mtime_ns;

	if (*a->sha256 || a->size == 0 || stat(a->path, &st) < 0)
		return;
	mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if ((uint64_t)st.st_size != a->size)
		strv_addf(changes, "%s %s has another size (%llu -> %llu)", a->name, a->path,
			  (unsigned long long)a->size, (unsigned long long)st.st_size);
	else if (st.st_ino != a->inode || mtime_ns != a->mtime_ns)
		strv_addf(changes, "%s %s is another file or was written", a->name, a->path);
}

static strv all_changes(struct looker *l, const struct record *r)
{
	strv changes = NULL;

	if (*r->version_dir)
		strv_add_all(&changes, changes_of(l, path_base(r->version_dir)));
	for (size_t i = 0; i < r->n_assets; i++)
		check_asset(&r->assets[i], &changes);
	return changes;
}

/* ---- the list ---- */

static void compare(struct looker *l, const struct record *r, struct stale *ret_stale)
{
	_free_ char *path = config_now(l, r);
	_strv_ strv changes = all_changes(l, r);
	struct stale_now now = {
		.current = l->current,
		.changes = changes,
		.withdrawn = l->places->withdrawn,
	};
	const struct present *config = *path ? present_of(l, path) : NULL;

	/* Without a current version nothing of it can be read, and that is told already. */
	if (config && *l->current) {
		now.config_path = config->real;
		now.config_digest = config->digest;
		now.configuration = config->text;
		now.no_config = config->failure;
	}
	stale_find(r, &now, ret_stale);
}

static void add_sandbox(struct stale_list *list, struct record *own_record, struct stale *own_stale)
{
	list->list = xrealloc(list->list, list->n + 1, sizeof(*list->list));
	list->list[list->n++] = (struct stale_sandbox){
		.record = *own_record,
		.runs = xstrdup(path_base(own_record->version_dir)),
		.stale = *own_stale,
	};
	*own_record = (struct record){ 0 };
	*own_stale = (struct stale){ 0 };
}

/* A record that cannot be read, as it has just gone or is none of ours, hides no other. */
static void look_at(struct looker *l, const char *id, struct stale_list *list)
{
	_record_ struct record r = { 0 };
	_stale_ struct stale s = { 0 };
	struct error e;

	if (record_read(l->places->records, id, &r, &e) < 0) {
		log_debug("%s", e.msg);
		return;
	}
	if (*r.version_dir && !scope_has_version(l->places->scope, r.version_dir))
		return;
	compare(l, &r, &s);
	if (s.n > 0)
		add_sandbox(list, &r, &s);
}

/* ---- of others ---- */

static void add_foreign(struct stale_list *list, const char *id, const char *runs, char *own_detail)
{
	struct stale_sandbox *s;

	list->list = xrealloc(list->list, list->n + 1, sizeof(*list->list));
	s = &list->list[list->n++];
	*s = (struct stale_sandbox){ .runs = xstrdup(runs) };
	record_init(&s->record, id);
	stale_add(&s->stale, STALE_FOREIGN, own_detail);
}

/* By the records that upstream's shims keep. */
static int add_recorded(const struct stale_places *p, struct stale_list *list, strv *ret_ids,
			struct error *e)
{
	if (foreign_list(p->run, ret_ids, e) < 0)
		return -e->code;
	for (char **id = *ret_ids; id && *id; id++) {
		bool is_go = foreign_kind(p->run, *id) == FOREIGN_GO;

		add_foreign(list, *id, is_go ? "kata-containers (Go)" : "kata-containers (Rust)",
			    xasprintf("a %s shim of upstream's made it", is_go ? "Go" : "Rust"));
	}
	return 0;
}

/* By the processes, those that have no record. */
static void add_processes(const struct stale_places *p, struct stale_list *list, char *const *known)
{
	_strv_ strv ids = NULL;
	_strv_ strv programs = NULL;

	shims_list(p->proc, &ids, &programs);
	for (size_t i = 0; i < strv_len(ids); i++) {
		_free_ char *record = xasprintf("%s/%s/state.json", p->records, ids[i]);

		if (!strv_contains(known, ids[i]) && !file_exists(record))
			add_foreign(list, ids[i], programs[i],
				    xasprintf("the shim '%s' made it", programs[i]));
	}
}

static int add_all_foreign(const struct stale_places *p, struct stale_list *list, struct error *e)
{
	_strv_ strv ids = NULL;

	if (add_recorded(p, list, &ids, e) < 0)
		return -e->code;
	add_processes(p, list, ids);
	return 0;
}

/* ---- whose they are ---- */

static void name_pod(struct record *r, const struct pods *pods)
{
	const struct pod *pod = pods_find(pods, r->id);

	if (!pod || *r->pod_uid)
		return;
	str_set(&r->pod_namespace, pod->namespace_);
	str_set(&r->pod_name, pod->name);
	str_set(&r->pod_uid, pod->uid);
	str_set(&r->started, pod->started);
}

/* Shims of upstream's, and of our first round, do not note it: the engine knows. */
static void name_pods(const struct stale_places *p, struct stale_list *list)
{
	_pods_ struct pods pods = { 0 };
	bool is_known = true;

	for (size_t i = 0; i < list->n; i++)
		is_known &= *list->list[i].record.pod_uid != '\0';
	if (is_known || !p->ask_pods)
		return;
	p->ask_pods(p->arg, &pods);
	for (size_t i = 0; i < list->n; i++)
		name_pod(&list->list[i].record, &pods);
}

static bool is_leftover(const struct stale_sandbox *s)
{
	return s->stale.n > 0 && s->stale.list[0].kind == STALE_LEFTOVER;
}

static bool has_new_leftovers(const struct stale_places *places, const struct stale_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (is_leftover(&list->list[i]) &&
		    !strv_contains(places->leftovers, list->list[i].record.id))
			return true;
	return false;
}

static void sandbox_done(struct stale_sandbox *s)
{
	record_done(&s->record);
	stale_done(&s->stale);
	free(s->runs);
}

/* Takes out those whose record has gone meanwhile. */
static void confirm_leftovers(const struct stale_places *places, struct stale_list *list)
{
	size_t kept = 0;
	struct error ignored;

	if (!has_new_leftovers(places, list))
		return;
	(void)wait_pause(LEFTOVER_MS, "leftovers", deadline_in(2 * LEFTOVER_MS), NULL, &ignored);
	for (size_t i = 0; i < list->n; i++) {
		_free_ char *dir = path_join(places->records, list->list[i].record.id);

		if (is_leftover(&list->list[i]) && !file_exists(dir))
			sandbox_done(&list->list[i]);
		else
			list->list[kept++] = list->list[i];
	}
	list->n = kept;
}

static void looker_done(struct looker *l)
{
	for (size_t i = 0; i < l->n_configs; i++) {
		free(l->configs[i].path);
		free(l->configs[i].real);
		free(l->configs[i].text);
		free(l->configs[i].failure);
	}
	for (size_t i = 0; i < l->n_versions; i++) {
		free(l->versions[i].folder);
		strv_free(l->versions[i].changes);
	}
	free(l->configs);
	free(l->versions);
}

int stale_list_read(const struct stale_places *places, struct stale_list *ret_list, struct error *e)
{
	_cleanup_(looker_done) struct looker l = { .places = places };
	_stale_list_ struct stale_list list = { 0 };
	_strv_ strv ids = NULL;
	int r = store_current(places->root, &list.current, e);

	if (r < 0)
		return r;
	if (!list.current)
		list.current = xstrdup("");
	l.current = list.current;
	r = record_list(places->records, &ids, e);
	for (char **id = ids; r >= 0 && id && *id; id++)
		look_at(&l, *id, &list);
	if (r >= 0)
		r = add_all_foreign(places, &list, e);
	if (r < 0)
		return r;
	name_pods(places, &list);
	confirm_leftovers(places, &list);
	*ret_list = list;
	list = (struct stale_list){ 0 };
	return 0;
}

void stale_list_done(struct stale_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		sandbox_done(&l->list[i]);
	free(l->list);
	free(l->current);
	*l = (struct stale_list){ 0 };
}

unsigned stale_list_count(const struct stale_list *l, enum stale_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->list[i].stale.n; k++)
			n += l->list[i].stale.list[k].kind == kind;
	return n;
}

/* ---- for others ---- */

static struct json_object *sandbox_json(const struct stale_sandbox *s)
{
	struct json_object *o = json_object_new_object();
	struct json_object *causes;

	json_set_str(o, "id", s->record.id);
	json_set_str(o, "namespace", s->record.pod_namespace);
	json_set_str(o, "name", s->record.pod_name);
	json_set_str(o, "uid", s->record.pod_uid);
	json_set_str(o, "started", s->record.started);
	json_set_str(o, "runs", s->runs);
	causes = json_set_array(o, "causes");
	for (size_t i = 0; i < s->stale.n; i++) {
		struct json_object *cause = json_object_new_object();

		json_set_str(cause, "cause", stale_names[s->stale.list[i].kind]);
		json_set_str(cause, "detail", s->stale.list[i].detail);
		(void)json_object_array_add(causes, cause);
	}
	return o;
}

struct json_object *stale_list_json(const struct stale_list *l, const char *node,
				    const char *installation)
{
	struct json_object *o = json_object_new_object();
	struct json_object *sandboxes;

	json_set_str(o, "node", node);
	json_set_str(o, "installation", installation);
	json_set_str(o, "current", l->current);
	sandboxes = json_set_array(o, "sandboxes");
	for (size_t i = 0; i < l->n; i++)
		(void)json_object_array_add(sandboxes, sandbox_json(&l->list[i]));
	return o;
}

/* A sandbox that no pod has is called by its id. */
static void print_cause(const struct stale_sandbox *s, const struct stale_cause *cause, FILE *out)
{
	const struct record *r = &s->record;

	(void)fprintf(out, "%-15s %-30s %-20s %-24s %s: %s\n",
		      *r->pod_namespace ? r->pod_namespace : "-",
		      *r->pod_name ? r->pod_name : r->id, *r->started ? r->started : "-",
		      *s->runs ? s->runs : "-", stale_names[cause->kind], cause->detail);
}

void stale_list_print(const struct stale_list *l, FILE *out)
{
	if (l->n == 0) {
		(void)fprintf(out, "no stale sandboxes; the node has %s\n",
			      *l->current ? l->current : "no version");
		return;
	}
	(void)fprintf(out, "%-15s %-30s %-20s %-24s %s\n", "NAMESPACE", "POD", "SINCE", "RUNS",
		      "REASON");
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->list[i].stale.n; k++)
			print_cause(&l->list[i], &l->list[i].stale.list[k], out);
}
