/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-config - this machine's own values of keys of the configuration.
 *
 * They are kept in a drop-in (configuration.h), which survives upgrades.  Where a version is
 * installed, a sandbox has to boot with a change before it is made; before that, what is set waits
 * for the first installation.
 */
#include <string.h>

#include "lib/argument.h"
#include "lib/file.h"
#include "lib/host/store.h"
#include "lib/toml.h"
#include "manager/configuration.h"
#include "manager/run.h"
#include "manager/show.h"
#include "runtime/config/config.h"
#include "runtime/config/fields.h"

#define FIRST_LINE "# From 'kata-manager config set'.\n"

/* ---- what is in force ---- */

static const struct column columns[] = {
	{ .title = "KEY", .member = "key" },
	{ .title = "VALUE", .member = "value" },
	{ .title = "FROM", .member = "from" },
};

static const struct view view = {
	.kind = "ConfigurationList",
	.name_kind = "key",
	.name = "key",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

/* The last file that sets KEY; "default" where that is the release's own value. */
static const char *origin_of(const struct machine *k, const struct config *c, const char *key)
{
	_free_ char *begin = xasprintf("%s = ", key);
	_free_ char *within = xasprintf("\n%s", begin);
	const char *origin = "default";

	for (size_t i = 0; c->files && c->files[i] && c->values[i]; i++)
		if (str_starts(c->values[i], begin) || strstr(c->values[i], within))
			origin = configuration_is_delivered(k, c->files[i]) ? "default"
									    : c->files[i];
	return origin;
}

static void add_field(struct json_object *items, const struct field *row, const struct machine *k,
		      const struct config *c)
{
	struct json_object *item = json_object_new_object();
	_free_ char *key = field_name(row, c->vmm);
	_free_ char *value = field_text(row, c);

	json_set_str(item, "key", key);
	json_set_str(item, "value", value);
	json_set_str(item, "from", origin_of(k, c, key));
	json_set_str(item, "help", row->help);
	(void)json_object_array_add(items, item);
}

static int show_config(struct manager *m, const struct machine *k, struct error *e)
{
	_free_ char *version_dir = path_join(k->root, "current");
	const struct config_source source = { .version_dir = version_dir, .etc_dir = k->etc };
	_json_ struct json_object *items = json_object_new_array();
	_config_ struct config c = { 0 };

	if (config_load(&source, &c, e) < 0)
		return -e->code;
	for (char *const *w = c.warnings; w && *w; w++)
		view_say("warning: %s", *w);
	for (size_t i = 0; i < n_fields; i++)
		if (field_is_of(&fields[i], c.vmm))
			add_field(items, &fields[i], k, &c);
	return show(m, &view, items, e);
}

/* ---- what is to be another ---- */

struct key {
	char *table;
	const char *name;
	const char *whole;
};

/* "hypervisor.qemu.default_memory" is the key default_memory of the table hypervisor.qemu. */
static int parse_key(const char *whole, struct key *ret_key, struct error *e)
{
	const char *dot = strrchr(whole, '.');
	_free_ char *table = dot ? xstrndup(whole, (size_t)(dot - whole)) : NULL;
	_strv_ strv known = NULL;

	if (!table || !field_find(table, dot + 1)) {
		known = field_names();
		return argument_unknown("key", whole, known, e);
	}
	*ret_key = (struct key){ TAKE_PTR(table), dot + 1, whole };
	return 0;
}

/* Whether it is one value of TOML, and not the lines of other keys behind it as well. */
static bool is_value(const char *value)
{
	_cleanup_(toml_entries_done) struct toml_entries entries = { 0 };
	_free_ char *line = xasprintf("x = %s\n", value);
	struct error ignored;

	return toml_scan(line, strlen(line), "value", &entries, &ignored) >= 0 && entries.n == 1;
}

/* What is no TOML by itself is a text. */
static char *literal_of(const char *value)
{
	return is_value(value) ? xstrdup(value) : toml_quote(value);
}

static bool is_entry(const struct toml_entry *entry, const struct key *key)
{
	_free_ char *path = strv_join(entry->path, ".");

	return !entry->is_header && strcmp(path, key->whole) == 0;
}

/* TEXT without the lines that set KEY; ENOENT if there are none. */
static int without_key(const char *text, const struct key *key, char **ret_text, struct error *e)
{
	struct toml_entries entries = { 0 };
	int r = toml_scan(text, strlen(text), "the drop-in", &entries, e);
	bool is_found = false;

	for (size_t i = 0; r >= 0 && !is_found && i < entries.n; i++) {
		const struct toml_entry *entry = &entries.list[i];

		if (!is_entry(entry, key))
			continue;
		*ret_text = xasprintf("%.*s%s", (int)entry->begin, text, text + entry->end);
		is_found = true;
	}
	toml_entries_done(&entries);
	if (r < 0)
		return r;
	return is_found ? 0 : fail(e, ENOENT, "'%s' is not set here", key->whole);
}

/* Nothing but headers and remarks is left. */
static bool sets_nothing(const char *text)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *values = NULL;
	struct error ignored;

	if (toml_parse(text, strlen(text), "the drop-in", &root, &ignored) < 0)
		return false;
	values = toml_flatten(root);
	return !*values;
}

/* Wrong types and values beyond their limits are told by the very code that the shim has. */
static int must_be_valid(const struct machine *k, const char *text, struct error *e)
{
	_config_ struct config c = { 0 };

	config_init(&c, k->root);
	return config_read_text(&c, text, strlen(text), "the new value", e);
}

/* What a key shall be. */
struct wish {
	const struct key *key;
	const char *value; /* NULL: whatever it is without us */
	bool is_installed;
};

/* The text of the drop-in with it. */
static int text_with(const struct machine *k, const struct wish *w, char **ret_text,
		     struct error *e)
{
	_free_ char *literal = w->value ? literal_of(w->value) : NULL;
	_free_ char *old = NULL;
	_free_ char *text = NULL;
	int r = configuration_drop_in(k, &old, e);

	if (r >= 0)
		r = literal ? toml_set(*old ? old : FIRST_LINE, w->key->table, w->key->name,
				       literal, &text, e)
			    : without_key(old, w->key, &text, e);
	if (r < 0)
		return r;
	*ret_text = sets_nothing(text) ? xstrdup("") : TAKE_PTR(text);
	return must_be_valid(k, *ret_text, e);
}

/* Under the lock: another one may set something, too, or install. */
static int want(struct machine *k, const void *arg, struct error *e)
{
	const struct wish *w = arg;
	_free_ char *current = NULL;

	if (store_current(k->root, &current, e) < 0)
		return -e->code;
	if (w->is_installed != (current != NULL))
		return fail(e, EBUSY, "something was installed or removed in '%s' meanwhile",
			    k->root);
	if (text_with(k, w, &k->drop_in, e) < 0)
		return -e->code;
	return w->is_installed ? machine_want_current(k, e) : 0;
}

static int change(struct manager *m, const struct machine *k, const struct key *key,
		  const char *value, struct error *e)
{
	struct wish wish = { .key = key, .value = value };
	struct action action = {
		.name = "config",
		.steps = install_steps,
		.presence = HANDLERS_PRESENT,
		.want = want,
		.arg = &wish,
	};
	_free_ char *current = NULL;
	_free_ char *text = NULL;

	/* A wrong word is told before anybody is waited for. */
	if (text_with(k, &wish, &text, e) < 0 || store_current(k->root, &current, e) < 0)
		return -e->code;
	wish.is_installed = current;
	if (!current) {
		action.steps = settings_steps;
		action.note = "noted; the first installation tries it";
	}
	return run_action(m, &action, e);
}

/* The one VMM of this release is in use already. */
static int use(struct manager *m, const char *name, struct error *e)
{
	if (strcmp(name, "qemu") != 0)
		return fail(e, ENOTSUP, "'%s' is no VMM of this release; it has qemu", name);
	show_end(m, "config", 0, "qemu is the VMM in use");
	return 0;
}

/* The words of 'config', and how many come with each. */
static const struct word {
	const char *name;
	size_t n;
	const char *usage;
} verbs[] = {
	{ "show", 1, "config show" },
	{ "set", 3, "config set KEY VALUE" },
	{ "unset", 2, "config unset KEY" },
	{ "use", 2, "config use VMM" },
};

static int check_words(char *const *words, size_t n, struct error *e)
{
	_strv_ strv known = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(words[0], verbs[i].name) != 0)
			strv_add(&known, verbs[i].name);
		else
			return n == verbs[i].n ? 0 : fail(e, EINVAL, "it is '%s'", verbs[i].usage);
	}
	return argument_unknown("word of config", words[0], known, e);
}

void config_add_words(const char *prefix, strv *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (str_starts(verbs[i].name, prefix))
			strv_add(found, verbs[i].name);
}

int cmd_config(struct manager *m, struct error *e)
{
	strv words = m->options->arguments + 1;
	size_t n = strv_len(words);
	_machine_ struct machine k = { 0 };
	struct key key = { 0 };
	int r = check_words(words, n, e);

	if (r < 0 || machine_open(m->options, &k, e) < 0)
		return -e->code;
	if (strcmp(words[0], "show") == 0)
		return show_config(m, &k, e);
	if (strcmp(words[0], "use") == 0)
		return use(m, words[1], e);
	if (parse_key(words[1], &key, e) < 0)
		return -e->code;
	r = change(m, &k, &key, n == 3 ? words[2] : NULL, e);
	free(key.table);
	return r;
}
