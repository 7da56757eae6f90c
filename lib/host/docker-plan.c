/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-plan - our handlers as runtimes in daemon.json.
 *
 * One file, which Docker's own tools, NVIDIA's and people write: only our entries come and go
 * (docker-json.c).  One is ours by where it leads.  An entry of a name that we need gives way, and
 * comes back with an undo.  What a formatter made of ours is left as it is.  Docker does not start
 * with a default-runtime that it does not have, so one of ours that is the default cannot go.  Any
 * thread.
 */
#include <string.h>

#include "lib/file.h"
#include "lib/host/docker-parts.h"
#include "lib/host/docker.h"

#define OPTIONS_TYPE "runtimeoptions.v1.Options"

static struct json_object *make_runtime(const struct handler *h)
{
	struct json_object *runtime = json_object_new_object();
	struct json_object *options;

	json_set_str(runtime, "runtimeType", h->runtime_path);
	options = json_set_object(runtime, "options");
	json_set_str(options, "TypeUrl", OPTIONS_TYPE);
	json_set_str(options, "ConfigPath", h->config_path);
	return runtime;
}

static unsigned count(char *const *names, const char *name)
{
	unsigned n = 0;

	for (; names && *names; names++)
		n += strcmp(*names, name) == 0;
	return n;
}

static struct json_object *read_runtime(const char *text, const char *name)
{
	_free_ char *raw = daemon_json_runtime(text, name);
	struct json_object *value = NULL;
	struct error ignored;

	if (raw)
		(void)json_parse(raw, strlen(raw), name, &value, &ignored);
	return value;
}

/* Once, and in whatever form. */
static bool has_runtime(const char *text, const char *name, struct json_object *value)
{
	_json_ struct json_object *is = text ? read_runtime(text, name) : NULL;
	_strv_ strv names = text ? daemon_json_names(text) : NULL;

	return count(names, name) == 1 && json_object_equal(is, value);
}

static bool leads_to(const char *text, const struct handler *h)
{
	_json_ struct json_object *is = read_runtime(text, h->name);
	const char *type = json_get_str(is, "runtimeType");

	return type && (str_equal(type, h->runtime_path) || str_equal(type, h->launcher));
}

static void replace(char **text, char *own_text)
{
	free(*text);
	*text = own_text;
}

static void add_handler(char **text, const struct handler *h)
{
	_json_ struct json_object *value = make_runtime(h);

	if (has_runtime(*text, h->name, value))
		return;
	if (*text)
		replace(text, daemon_json_remove(*text, h->name));
	replace(text, daemon_json_add(*text, h->name, value));
}

static int remove_handler(char **text, struct json_object *root, const struct handler *h,
			  const char *path, struct error *e)
{
	if (!*text || !leads_to(*text, h))
		return 0;
	if (str_equal(json_member_str(root, "default-runtime"), h->name))
		return fail(e, EBUSY,
			    "'%s' has '%s' as default-runtime: Docker would not start without it; "
			    "choose another one there first",
			    path, h->name);
	replace(text, daemon_json_remove(*text, h->name));
	return 0;
}

static bool is_wished(const struct handlers *handlers, const char *name)
{
	for (size_t i = 0; i < handlers->n; i++)
		if (str_equal(handlers->list[i].name, name))
			return true;
	return false;
}

/* What leads to us and is not wished any more. */
static int remove_others(char **text, struct json_object *root, const struct handlers *handlers,
			 const char *path, struct error *e)
{
	_strv_ strv names = *text ? daemon_json_names(*text) : NULL;

	for (char **name = names; name && *name; name++)
		for (size_t i = 0; i < handlers->n && !is_wished(handlers, *name); i++) {
			struct handler h = handlers->list[i];

			h.name = *name;
			if (remove_handler(text, root, &h, path, e) < 0)
				return -e->code;
		}
	return 0;
}

/* The folder was made for the file: so begins one, in which JSON sees nothing. */
#define OWN_FOLDER "\n"

/* Makes of the text as it is, without that mark, the one that shall be, with it. */
static void mark_folder(struct edit_file *f)
{
	bool is_own = f->old_text ? str_starts(f->old_text, OWN_FOLDER "{") : !f->has_folder;

	f->takes_folder = is_own;
	if (is_own && f->new_text)
		replace(&f->new_text, xasprintf(OWN_FOLDER "%s", f->new_text));
}

int docker_plan(const struct engine *engine, const struct handlers *handlers, struct edit *ret_edit,
		struct error *e)
{
	_free_ char *path = path_join(engine->dir, engine->main_file);
	_json_ struct json_object *root = NULL;
	_edit_ struct edit edit = { 0 };
	struct edit_file *f = edit_add(&edit, path, e);

	if (!f || (f->old_text && daemon_json_parse(f->old_text, path, &root, e) < 0))
		return -e->code;
	if (f->old_text)
		str_set(&f->new_text, f->old_text + str_starts(f->old_text, OWN_FOLDER "{"));
	for (size_t i = 0; i < handlers->n; i++) {
		if (handlers->presence == HANDLERS_PRESENT)
			add_handler(&f->new_text, &handlers->list[i]);
		else if (remove_handler(&f->new_text, root, &handlers->list[i], path, e) < 0)
			return -e->code;
	}
	if (handlers->presence == HANDLERS_PRESENT &&
	    remove_others(&f->new_text, root, handlers, path, e) < 0)
		return -e->code;
	mark_folder(f);
	*ret_edit = edit;
	edit = (struct edit){ 0 };
	return 0;
}

/* ---- the undo ---- */

static bool is_same(const char *text, const char *other, const char *name)
{
	_json_ struct json_object *value = other ? read_runtime(other, name) : NULL;

	return value && has_runtime(text, name, value);
}

/* Names of ours, each once, in TEXT. */
static strv our_names(const struct engine *engine, const char *text)
{
	_strv_ strv all = text ? daemon_json_names(text) : NULL;
	strv ours = NULL;

	for (char **name = all; name && *name; name++)
		if (scope_has_handler(engine->scope, *name) && !strv_contains(ours, *name))
			strv_add(&ours, *name);
	return ours;
}

/* NOW with runtimes of our names as they are in OLD. */
int docker_merge(const void *context, const char *path, const char *now, const char *old,
		 char **ret_text, struct error *e)
{
	_strv_ strv is = our_names(context, now);
	_strv_ strv was = our_names(context, old);
	_free_ char *text = now ? xstrdup(now) : NULL;
	_json_ struct json_object *root = NULL;

	if (now && daemon_json_parse(now, path, &root, e) < 0)
		return -e->code;
	for (char **name = is; now && name && *name; name++)
		if (text && !is_same(text, old, *name))
			replace(&text, daemon_json_remove(text, *name));
	for (char **name = was; now && name && *name; name++) {
		_json_ struct json_object *value = read_runtime(old, *name);

		if (!text || !has_runtime(text, *name, value))
			replace(&text, daemon_json_add(text, *name, value));
	}
	*ret_text = TAKE_PTR(text);
	return 0;
}
