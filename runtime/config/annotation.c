/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotation - the one gate through which a pod changes its sandbox's configuration.
 *
 * Refused by default: the key must be a row's annotation, must match enable_annotations as a whole
 * (upstream searches for the expression anywhere, so that "path" there also allows
 * "virtio_fs_daemon_path"), unless its row says that it costs nobody else, and a path must match
 * the list of patterns of its row.  The value then passes the same checks as one from a file.
 * Lists and free-form QEMU options have no annotation.
 *
 * One of upstream's whose feature is not here (foreign.h) passes with a value that asks for
 * nothing, those of the hypervisor as far as enable_annotations has them.
 */

#include <regex.h>
#include <string.h>

#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/foreign.h"

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

static const struct foreign *find_foreign(const char *rest, const char **ret_name)
{
	const struct foreign *row = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(groups) && !row; i++) {
		*ret_name = name_in_group(rest, groups[i].section);
		row = *ret_name ? foreign_find(groups[i].section, *ret_name) : NULL;
	}
	return row;
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

static int check_list(const struct config *c, const char *key, const char *name, struct error *e)
{
	if (config_may_annotate(c, name))
		return 0;
	return fail(e, EPERM,
		    "annotation '%.128s' is refused: enable_annotations in '%s' does not contain "
		    "\"%.128s\"",
		    key, c->path ? c->path : "the configuration", name);
}

static int annotate_foreign(const struct config *c, const char *key, const char *value,
			    struct error *e)
{
	const char *rest = key + strlen(PREFIX), *name;
	const struct foreign *row = find_foreign(rest, &name);

	if (!row)
		return fail(e, EPERM,
			    "annotation '%.128s' is refused: this version has no such "
			    "setting for pods",
			    key);
	if (!strcmp(row->section, CONFIG_HYPERVISOR) && check_list(c, key, name, e) < 0)
		return -e->code;
	if (!foreign_is_harmless_text(row, value))
		return fail(e, EPERM,
			    "annotation '%s' is refused: '%.64s' asks for %s, which is not here",
			    key, value, row->asks);
	return 1;
}

int config_annotate(struct config *c, const char *key, const char *value, struct error *e)
{
	const struct field *row;
	int r;

	if (!str_starts(key, PREFIX))
		return 0;
	row = find_row(c, key + strlen(PREFIX));
	if (!row)
		return annotate_foreign(c, key, value, e);
	if (!row->is_for_pods && check_list(c, key, row->annotation, e) < 0)
		return -e->code;
	r = check_allowed_value(row, c, key, value, e);
	if (r < 0)
		return r;
	r = apply(c, row, value, e);
	if (r < 0)
		return fail_wrap(e, "annotation '%s'", key);
	field_keep_fixed(row, c);
	return 1;
}
