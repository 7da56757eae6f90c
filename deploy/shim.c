/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim - what SHIMS means: handlers, configuration files and what the node changes in them.
 *
 * The delivered configuration is part of a version and never written.  When this node wants
 * something else (a drop-in, debugging, more annotations), sandboxes read a copy in
 * /etc/kata-containers/HANDLER instead, with config.d beside it; the copy is made anew at every
 * upgrade, and the numbers of the drop-ins leave room for the administrator's own.  Any thread, one
 * at a time.
 */
#include "deploy/shim.h"

#include <glob.h>
#include <string.h>

#include "lib/file.h"
#include "lib/toml.h"

#define TEXT_MAX     (1 * MIB)
#define LINE_MAX_LEN 255 /* of the kernel, since Linux 5.1 */
#define DEFAULTS     "share/defaults/kata-containers"
#define SHIM_PROGRAM "bin/containerd-shim-kata-v2"

#define DEBUG_FILE  "20-debug.toml"
#define CUSTOM_FILE "50-user-overrides.toml"
#define LAUNCHER    "containerd-shim-kata-v2"

static const char debug_text[] =
	"# From DEBUG of kata-deploy.\n"
	"[%s]\nenable_debug = true\n"
	"[agent.kata]\nenable_debug = true\n"
	"[runtime]\nenable_debug = true\n";

static int read_custom(struct offer *o, const struct settings *s, struct error *e)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *path = xasprintf("%s/dropin-%s.toml", s->custom, o->shim->name);
	size_t len;
	int r = file_read(path, TEXT_MAX, &o->custom, &len, e);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	/* Refused here rather than by every sandbox later. */
	return r < 0 ? r : toml_parse(o->custom, len, path, &root, e);
}

/* Names allowed for SHIM; *ret_names stays empty if none is. */
static void allowed_annotations(const struct settings *s, const struct shim *shim, strv *ret_names)
{
	for (char **a = s->annotations; a && *a; a++) {
		const char *colon = strchr(*a, ':');
		_strv_ strv names = strv_split(colon ? colon + 1 : *a, ",");

		if (!colon || (strncmp(*a, shim->name, (size_t)(colon - *a)) == 0 &&
			       shim->name[colon - *a] == '\0'))
			strv_add_all(ret_names, names);
	}
}

static char *mapped_snapshotter(const struct settings *s, const char *shim)
{
	size_t len = strlen(shim);

	for (char **entry = s->snapshotters; entry && *entry; entry++)
		if (strncmp(*entry, shim, len) == 0 && (*entry)[len] == ':')
			return xstrdup(*entry + len + 1);
	return NULL;
}

/* Whether the administrator of the node has put drop-ins beside ours. */
static bool has_others(const struct offer *o, const struct settings *s)
{
	_free_ char *pattern = xasprintf("%s/%s/config.d/*.toml", s->etc, o->handler);
	bool found = false;
	glob_t files;

	if (glob(pattern, 0, NULL, &files) != 0)
		return false;
	for (size_t i = 0; i < files.gl_pathc; i++)
		found |= strcmp(path_base(files.gl_pathv[i]), DEBUG_FILE) != 0 &&
			 strcmp(path_base(files.gl_pathv[i]), CUSTOM_FILE) != 0;
	globfree(&files);
	return found;
}

static bool is_own(const struct offer *o, const struct settings *s)
{
	_strv_ strv names = NULL;

	allowed_annotations(s, o->shim, &names);
	return o->custom || s->debug || strv_len(names) > 0 || has_others(o, s);
}

char *shim_handler(const struct settings *s, const char *name)
{
	return xasprintf("kata-%s%s%s", name, *s->suffix ? "-" : "", s->suffix);
}

int offer_init(struct offer *o, const struct settings *s, const char *root, const char *name,
	       struct error *e)
{
	o->shim = shim_find(name, e);
	if (!o->shim)
		return -e->code;
	o->handler = shim_handler(s, name);
	o->runtime_path = xasprintf("%s/" SHIM_PROGRAM, root);
	o->launcher = xasprintf("%s/%s/" LAUNCHER, s->etc, o->handler);
	o->snapshotter = mapped_snapshotter(s, name);
	o->delivered = xasprintf("%s/" DEFAULTS "/%s", root, o->shim->configuration);
	return 0;
}

int offer_read(struct offer *o, const struct settings *s, struct error *e)
{
	if (read_custom(o, s, e) < 0)
		return -e->code;
	o->config_path = is_own(o, s)
				 ? xasprintf("%s/%s/%s", s->etc, o->handler, o->shim->configuration)
				 : xstrdup(o->delivered);
	return 0;
}

/* The first two words of "#!/opt/kata-blue/bin/containerd-shim-kata-v2 -config=...": the shim, NULL
 * if LAUNCHER is none, and the configuration, NULL if it names none. */
static char *launched(const char *launcher, char **ret_config)
{
	static const char option[] = " -config=";
	_free_ char *text = NULL;
	struct error ignored;
	const char *rest;
	size_t len;

	if (file_read(launcher, TEXT_MAX, &text, NULL, &ignored) < 0 || !str_starts(text, "#!/"))
		return NULL;
	len = strcspn(text + 2, " \n");
	rest = text + 2 + len;
	if (str_starts(rest, option)) {
		rest += strlen(option);
		*ret_config = xstrndup(rest, strcspn(rest, " \n"));
	}
	return xstrndup(text + 2, len);
}

static bool find_launchers(const struct settings *s, glob_t *ret_found)
{
	_free_ char *pattern = xasprintf("%s/*/" LAUNCHER, s->etc);

	return glob(pattern, 0, NULL, ret_found) == 0;
}

void launchers_of_others(const struct settings *s, const char *root, strv *names)
{
	_free_ char *own = xasprintf("%s/" SHIM_PROGRAM, root);
	glob_t found;

	if (!find_launchers(s, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_free_ char *config = NULL;
		_free_ char *shim = launched(found.gl_pathv[i], &config);
		_free_ char *dir = path_parent(found.gl_pathv[i]);

		if (!shim || strcmp(shim, own) == 0)
			continue;
		strv_add(names, path_base(dir));
		strv_add(names, found.gl_pathv[i]);
		strv_add(names, shim);
	}
	globfree(&found);
}

void launchers_of_root(const struct settings *s, const char *root, strv *ret_launchers,
		       strv *ret_configs)
{
	_free_ char *own = xasprintf("%s/" SHIM_PROGRAM, root);
	glob_t found;

	if (!find_launchers(s, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_free_ char *config = NULL;
		_free_ char *shim = launched(found.gl_pathv[i], &config);

		if (!str_equal(shim, own) || !config)
			continue;
		strv_add(ret_launchers, found.gl_pathv[i]);
		strv_add(ret_configs, config);
	}
	globfree(&found);
}

void offer_done(struct offer *o)
{
	free(o->handler);
	free(o->runtime_path);
	free(o->delivered);
	free(o->config_path);
	free(o->launcher);
	free(o->snapshotter);
	free(o->custom);
	free(o->text);
	*o = (struct offer){ 0 };
}

struct known_handler offer_known(const struct offer *o)
{
	return (struct known_handler){
		.name = o->handler,
		.runtime_path = o->runtime_path,
		.launcher = o->launcher,
	};
}

struct handler offer_handler(const struct offer *o)
{
	return (struct handler){
		.name = o->handler,
		.runtime_path = o->runtime_path,
		.config_path = o->config_path,
		.launcher = o->launcher,
		.snapshotter = o->snapshotter,
	};
}

void preview_init(struct preview *p, const struct offer *o, const char *version_dir,
		  char *own_config_path)
{
	p->runtime_path = xasprintf("%s/" SHIM_PROGRAM, version_dir);
	p->config_path = own_config_path;
	if (!p->config_path)
		p->config_path =
			xasprintf("%s/" DEFAULTS "/%s", version_dir, o->shim->configuration);
	p->handler = (struct handler){
		.name = o->handler,
		.runtime_path = p->runtime_path,
		.config_path = p->config_path,
		.launcher = o->launcher,
	};
}

void preview_done(struct preview *p)
{
	free(p->runtime_path);
	free(p->config_path);
}

/* The union of what the file allows and NAMES, in that order, as TOML. */
static char *annotation_literal(const char *text, const char *section, char *const *names)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *path = xasprintf("%s.enable_annotations", section);
	const struct toml *list = NULL;
	_strv_ strv quoted = NULL;
	_free_ char *joined = NULL;
	struct error ignored;

	if (toml_parse(text, strlen(text), "configuration", &root, &ignored) >= 0)
		list = toml_get(root, path);
	for (const struct toml *t = list && list->type == TOML_ARRAY ? list->children : NULL; t;
	     t = t->next)
		if (t->type == TOML_STRING)
			strv_take(&quoted, toml_quote(t->text.s));
	for (; *names; names++) {
		_free_ char *q = toml_quote(*names);

		if (!strv_contains(quoted, q))
			strv_add(&quoted, q);
	}
	joined = quoted ? strv_join(quoted, ", ") : xstrdup("");
	return xasprintf("[%s]", joined);
}

char *offer_delivered(const struct offer *o)
{
	return xasprintf(DEFAULTS "/%s", o->shim->configuration);
}

/* The delivered text with what SETTINGS allow besides. */
static int own_text(const struct offer *o, const struct settings *s, char **ret_text,
		    struct error *e)
{
	_free_ char *literal = NULL;
	_strv_ strv names = NULL;

	allowed_annotations(s, o->shim, &names);
	if (!names) {
		*ret_text = xstrdup(o->text);
		return 0;
	}
	literal = annotation_literal(o->text, o->shim->section, names);
	return toml_set(o->text, o->shim->section, "enable_annotations", literal, ret_text, e);
}

/* Plans the file NAME of the handler's folder. */
static int plan_file(const struct offer *o, const struct settings *s, const char *name,
		     char *own_text, struct edit *edit, struct error *e)
{
	_free_ char *path = xasprintf("%s/%s/%s", s->etc, o->handler, name);
	struct edit_file *f = edit_add(edit, path, e);

	if (!f) {
		free(own_text);
		return -e->code;
	}
	f->new_text = own_text;
	return 0;
}

/* The kernel runs the shim for it (execve(2), interpreter scripts): nothing reads what is below the
 * first line. */
static int plan_launcher(const struct offer *o, struct edit *edit, struct error *e)
{
	struct edit_file *f = edit_add(edit, o->launcher, e);

	if (!f)
		return -e->code;
	f->new_text = xasprintf("#!%s -config=%s\n", o->runtime_path, o->config_path);
	f->mode = 0755;
	if (strlen(f->new_text) > LINE_MAX_LEN)
		return fail(e, ENAMETOOLONG,
			    "'%s' and '%s' are too long for the first line of '%s'",
			    o->runtime_path, o->config_path, o->launcher);
	return 0;
}

int offer_plan(const struct offer *o, const struct settings *s, struct edit *edit, struct error *e)
{
	_free_ char *debug = s->debug ? xasprintf(debug_text, o->shim->section) : NULL;
	_free_ char *text = NULL;

	if (is_own(o, s) && own_text(o, s, &text, e) < 0)
		return -e->code;
	/* The first is written last: it never leads to a configuration that is not there yet. */
	if (plan_launcher(o, edit, e) < 0 ||
	    plan_file(o, s, o->shim->configuration, TAKE_PTR(text), edit, e) < 0 ||
	    plan_file(o, s, "config.d/" DEBUG_FILE, TAKE_PTR(debug), edit, e) < 0 ||
	    plan_file(o, s, "config.d/" CUSTOM_FILE, o->custom ? xstrdup(o->custom) : NULL, edit,
		      e) < 0)
		return -e->code;
	return 0;
}

/* A power cut brings back nothing that was in a folder: those of them that are still there. */
static int sync_folders(const struct offer *o, const struct settings *s, struct error *e)
{
	static const char debug_file[] = "/config.d/" DEBUG_FILE;
	const char *const names[] = { debug_file, "/config.d", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *path = xasprintf("%s/%s%s", s->etc, o->handler, names[i]);

		if (file_sync_parent(path, e) < 0 && e->code != ENOENT)
			return -e->code;
	}
	return 0;
}

int offer_remove(const struct offer *o, const struct settings *s, struct error *e)
{
	const char *const names[] = { o->shim->configuration,
				      "config.d/" DEBUG_FILE,
				      "config.d/" CUSTOM_FILE,
				      "config.d",
				      LAUNCHER,
				      "" };
	bool has_removed = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *path = xasprintf("%s/%s/%s", s->etc, o->handler, names[i]);

		/* A folder that others use is not empty, and stays. */
		if (remove(path) == 0)
			has_removed = true;
		else if (errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
			return fail(e, errno, "cannot remove '%s': %m", path);
	}
	return has_removed ? sync_folders(o, s, e) : 0;
}

static bool lookup(const char *text, const char *path, struct toml *ret_value)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	const struct toml *value = NULL;
	struct error ignored;

	if (text && toml_parse(text, strlen(text), "configuration", &root, &ignored) >= 0)
		value = toml_get(root, path);
	if (!value || (value->type != TOML_INTEGER && value->type != TOML_BOOL))
		return false;
	*ret_value = *value;
	return true;
}

/* The drop-in wins over what is delivered. */
static bool find_value(const struct offer *o, const char *key, struct toml *ret_value)
{
	_free_ char *path = xasprintf("%s.%s", o->shim->section, key);

	return lookup(o->custom, path, ret_value) || lookup(o->text, path, ret_value);
}

bool offer_bool(const struct offer *o, const char *key, bool otherwise)
{
	struct toml value;

	if (!find_value(o, key, &value) || value.type != TOML_BOOL)
		return otherwise;
	return value.boolean;
}

int64_t offer_int(const struct offer *o, const char *key, int64_t otherwise)
{
	struct toml value;

	if (!find_value(o, key, &value) || value.type != TOML_INTEGER)
		return otherwise;
	return value.integer;
}
