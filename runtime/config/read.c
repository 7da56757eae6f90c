/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read - the keys of one file onto a configuration.
 *
 * First the file says which hypervisor it is for, by hypervisor_name or by the one table
 * [hypervisor.NAME] that it has; tables of others are skipped only where the name chose.  Then each
 * key is one of ours (fields.c), one of upstream's (foreign.c), or unknown.  What cannot be had is
 * an error with file and line, so that nobody believes to have it.  Any thread, each on its own
 * struct config.
 */

#include <string.h>

#include "lib/toml.h"
#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/foreign.h"

#define DEPTH_MAX 8
#define NAME_KEY  "hypervisor_name"

/* Names that upstream's two runtimes have for keys of ours. */
static const struct {
	const char *section;
	const char *key;
	const char *our_section;
	const char *our_key;
} aliases[] = {
	{ "hypervisor.qemu", "seccomp_sandbox", "hypervisor.qemu", "seccompsandbox" },
	{ "agent.kata", "create_container_timeout", "runtime", "create_container_timeout" },
};

/* One file on its way. */
struct reading {
	struct config *c;
	const char *file;
	struct error *e;
};

static const struct field *find_field(const char *section, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (!strcmp(aliases[i].section, section) && !strcmp(aliases[i].key, key))
			return field_find(aliases[i].our_section, aliases[i].our_key);
	return field_find(section, key);
}

static void warn(const struct reading *r, unsigned line, const char *what, const char *name)
{
	strv_addf(&r->c->warnings, "%s:%u: unknown %s '%.128s' is ignored", r->file, line, what,
		  name);
}

static int refuse(const struct reading *r, const struct toml *value, const char *section,
		  const char *asks)
{
	return fail(r->e, EINVAL,
		    "%s:%u: [%s] %.128s asks for %s, which this version does not have", r->file,
		    value->line, section, value->key, asks);
}

/* Without a row that says more. */
static int apply_unknown(const struct reading *r, const char *section, const struct toml *value,
			 const char *what)
{
	_free_ char *name =
		*section ? xasprintf("%s.%s", section, value->key) : xstrdup(value->key);

	if (foreign_is_protection(value->key))
		return refuse(r, value, section, "some protection");
	warn(r, value->line, what, name);
	return 0;
}

static int apply_foreign(const struct reading *r, const char *section, const struct toml *value)
{
	const struct foreign *row = foreign_find(section, value->key);

	if (!row)
		return apply_unknown(r, section, value, "key");
	return foreign_is_harmless(row, value) ? 0 : refuse(r, value, section, row->asks);
}

static bool is_name_of_vmm(const char *section, const struct toml *value)
{
	return !strcmp(section, "runtime") && !strcmp(value->key, NAME_KEY);
}

static int apply_key(const struct reading *r, const char *section, const struct toml *value)
{
	const struct field *row = find_field(section, value->key);

	if (is_name_of_vmm(section, value))
		return 0;
	if (!row)
		return apply_foreign(r, section, value);
	if (field_set_toml(row, r->c, value, r->e) < 0)
		return fail_wrap(r->e, "%s:%u: [%s]", r->file, value->line, section);
	field_keep_fixed(row, r->c);
	return 0;
}

/* True if a table that is known is SECTION or lies below it. */
static bool leads_to_section(const struct config *c, const char *section)
{
	_free_ char *below = xasprintf("%s.", section);

	for (size_t i = 0; i < n_fields; i++) {
		_free_ char *name = field_section(&fields[i], c->vmm);

		if (!strcmp(name, section) || str_starts(name, below))
			return true;
	}
	return foreign_has_section(section);
}

static int apply_table(const struct reading *r, const char *section, const struct toml *table,
		       unsigned depth);

/* A hypervisor that is not the one of this configuration; choose_vmm() has looked at its name. */
static bool is_of_another(const struct reading *r, const char *section, const struct toml *value)
{
	return !strcmp(section, CONFIG_HYPERVISOR) && strcmp(value->key, r->c->vmm->name) != 0;
}

/* Also where a file has a table in the place of a value. */
static bool is_key(const char *section, const struct toml *value)
{
	return value->type != TOML_TABLE || find_field(section, value->key) ||
	       foreign_find(section, value->key);
}

static int apply_entry(const struct reading *r, const char *section, const struct toml *value,
		       unsigned depth)
{
	_free_ char *name = NULL;

	if (is_key(section, value))
		return apply_key(r, section, value);
	if (is_of_another(r, section, value))
		return 0;
	name = *section ? xasprintf("%s.%s", section, value->key) : xstrdup(value->key);
	if (leads_to_section(r->c, name) && depth < DEPTH_MAX)
		return apply_table(r, name, value, depth + 1);
	return apply_unknown(r, section, value, "table");
}

static int apply_table(const struct reading *r, const char *section, const struct toml *table,
		       unsigned depth)
{
	int result = 0;

	for (const struct toml *v = table->children; v && result >= 0; v = v->next)
		result = apply_entry(r, section, v, depth);
	return result;
}

static const struct toml *child_of(const struct toml *table, const char *key)
{
	for (const struct toml *v = table ? table->children : NULL; v; v = v->next)
		if (strcmp(v->key, key) == 0)
			return v;
	return NULL;
}

static const struct toml *table_of(const struct toml *root, const char *key)
{
	const struct toml *table = child_of(root, key);

	return table && table->type == TOML_TABLE ? table : NULL;
}

/* The hypervisor NAME, found at VALUE. */
static const struct config_vmm *find_vmm(const struct reading *r, const struct toml *value,
					 const char *name)
{
	const struct config_vmm *vmm = config_vmm_find(name);

	if (!vmm)
		(void)fail(r->e, EINVAL,
			   "%s:%u: hypervisor '%.64s' asks for a virtual machine monitor that this "
			   "version does not run",
			   r->file, value->line, name);
	return vmm;
}

static int switch_vmm(const struct reading *r, const struct toml *value,
		      const struct config_vmm *vmm)
{
	if (r->c->is_vmm_chosen && r->c->vmm != vmm)
		return fail(r->e, EINVAL,
			    "%s:%u: hypervisor '%s', but the configuration is for '%s' already",
			    r->file, value->line, vmm->name, r->c->vmm->name);
	if (r->c->vmm != vmm)
		config_use_vmm(r->c, vmm);
	r->c->is_vmm_chosen = true;
	return 0;
}

static int choose_by_name(const struct reading *r, const struct toml *name)
{
	const struct config_vmm *vmm;

	if (name->type != TOML_STRING)
		return fail(r->e, EINVAL, "%s:%u: [runtime] " NAME_KEY " must be a string", r->file,
			    name->line);
	vmm = find_vmm(r, name, name->text.s);
	if (!vmm || switch_vmm(r, name, vmm) < 0)
		return -r->e->code;
	r->c->is_vmm_named = true;
	return 0;
}

static int choose_vmm(const struct reading *r, const struct toml *root)
{
	const struct toml *name = child_of(table_of(root, "runtime"), NAME_KEY);
	const struct toml *tables = table_of(root, CONFIG_HYPERVISOR);
	const struct config_vmm *vmm;

	if (name && choose_by_name(r, name) < 0)
		return -r->e->code;
	for (const struct toml *v = tables ? tables->children : NULL; v; v = v->next) {
		if (v->type != TOML_TABLE)
			continue;
		vmm = find_vmm(r, v, v->key);
		if (!vmm || (!r->c->is_vmm_named && switch_vmm(r, v, vmm) < 0))
			return -r->e->code;
	}
	return 0;
}

int config_read_text(struct config *c, const char *text, size_t len, const char *name,
		     struct error *e)
{
	const struct reading reading = { .c = c, .file = name, .e = e };
	_cleanup_(toml_freep) struct toml *root = NULL;
	int r;

	r = toml_parse(text, len, name, &root, e);
	if (r < 0)
		return r;
	strv_take(&c->values, toml_flatten(root));
	r = choose_vmm(&reading, root);
	return r < 0 ? r : apply_table(&reading, "", root, 0);
}
