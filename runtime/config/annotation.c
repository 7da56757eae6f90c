/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotation - the one gate through which a pod changes its sandbox's configuration.
 *
 * Refused by default: the key must be a row's annotation, must match enable_annotations as a whole
 * (upstream searches for the expression anywhere, so that "path" there also allows
 * "virtio_fs_daemon_path"), and a path must match the list of patterns of its row.  The value then
 * passes the same checks as one from a file.  Lists and free-form QEMU options have no annotation.
 */

#include <regex.h>
#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"

#define PREFIX "io.katacontainers.config."

/* The part of the annotation's name between PREFIX and the row's own name. */
static const struct {
	const char *section;
	const char *group;
} groups[] = {
	{ CONFIG_HYPERVISOR, "hypervisor." },
	{ "agent.kata", "agent." },
	{ "runtime", "runtime." },
};

static const char *name_in_group(const char *rest, const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(groups[i].section, section) && str_starts(rest, groups[i].group))
			return rest + strlen(groups[i].group);
	return NULL;
}

static const struct field *find_row(const struct config *c, const char *rest)
{
	for (size_t i = 0; i < n_fields; i++) {
		const char *name = name_in_group(rest, fields[i].section);

		if (name && field_is_of(&fields[i], c->vmm) &&
		    str_equal(name, fields[i].annotation))
			return &fields[i];
	}
	return NULL;
}

static bool matches(const char *name, const char *expression)
{
	_free_ char *anchored = xasprintf("^(%s)$", expression);
	regex_t re;
	bool is_match;

	if (regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	is_match = regexec(&re, name, 0, NULL, 0) == 0;
	regfree(&re);
	return is_match;
}

bool config_may_annotate(const struct config *c, const char *annotation)
{
	for (char *const *s = c->hypervisor.enable_annotations; s && *s; s++)
		if (matches(annotation, *s))
			return true;
	return false;
}

static int check_allowed_value(const struct field *row, const struct config *c, const char *key,
			       const char *value, struct error *e)
{
	const void *list = (const char *)c + row->allowed;
	_free_ char *resolved = NULL;

	if (!row->allowed)
		return 0;
	resolved = field_resolve_path(c->version_dir, value);
	for (char *const *s = *(char **const *)list; s && *s; s++)
		if (str_matches(resolved, *s))
			return 0;
	return fail(e, EPERM,
		    "annotation '%s' is refused: no pattern of the valid paths in the "
		    "configuration matches '%.256s'",
		    key, value);
}

static int append_kernel_params(struct config *c, const struct field *row, const char *value,
				struct error *e)
{
	_free_ char *both = xasprintf("%s%s%s", c->hypervisor.kernel_params,
				      *c->hypervisor.kernel_params ? " " : "", value);

	return field_set_text(row, c, both, e);
}

static int apply(struct config *c, const struct field *row, const char *value, struct error *e)
{
	if (row->offset == offsetof(struct config, hypervisor.kernel_params))
		return append_kernel_params(c, row, value, e);
	return field_set_text(row, c, value, e);
}

int config_annotate(struct config *c, const char *key, const char *value, struct error *e)
{
	const struct field *row;
	int r;

	if (!str_starts(key, PREFIX))
		return 0;
	row = find_row(c, key + strlen(PREFIX));
	if (!row)
		return fail(e, EPERM,
			    "annotation '%.128s' is refused: this version has no such "
			    "setting for pods",
			    key);
	if (!config_may_annotate(c, row->annotation))
		return fail(e, EPERM,
			    "annotation '%s' is refused: enable_annotations in '%s' does "
			    "not contain \"%s\"",
			    key, c->path ? c->path : "the configuration", row->annotation);
	r = check_allowed_value(row, c, key, value, e);
	if (r < 0)
		return r;
	r = apply(c, row, value, e);
	if (r < 0)
		return fail_wrap(e, "annotation '%s'", key);
	field_keep_fixed(row, c);
	return 1;
}
