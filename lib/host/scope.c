/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope - tell the sandboxes and handlers of one installation from those of another.
 *
 * Names say it where they can: an installation with a suffix has handlers that nobody else has, and
 * the one without has what is nobody else's, be it of an older version, of a tool that names a shim
 * by its path, or left by somebody.  The name that containerd looks up in its PATH is anybody's:
 * there the record decides, if there is one.  A record says it by the folder of its version.  That
 * path was resolved on the machine, where links can lie on the way that are not to be seen from a
 * container; so it is compared with the place of our root in its file system, from which the
 * machine's path differs in what comes before.  Any thread; may block on /proc.
 */
#include "lib/host/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/mountinfo.h"

#define TYPE_PREFIX "io.containerd."
#define TYPE_SUFFIX ".v2"
#define FAMILY      "kata"

void scope_done(struct scope *s)
{
	strv_free(s->mine);
	strv_free(s->others);
	*s = (struct scope){ 0 };
}

static bool has(const struct scope *s, const char *name)
{
	return s->mine ? strv_contains(s->mine, name) : !strv_contains(s->others, name);
}

bool scope_has_handler(const struct scope *s, const char *name)
{
	return str_starts(name, FAMILY) && (!s || has(s, name));
}

/* Programs and their installations have names of one family. */
static bool is_anothers_namespace(const struct owner *owner, const char *namespace)
{
	size_t len = strlen(owner->program);

	return strncmp(namespace, owner->program, len) == 0 &&
	       (namespace[len] == '-' || namespace[len] == '\0') &&
	       strcmp(namespace, owner->name) != 0;
}

/* "kata-qemu" of "io.containerd.kata-qemu.v2"; anything else as it is.  Caller frees. */
static char *name_of(const char *runtime)
{
	size_t len = strlen(runtime);
	size_t around = strlen(TYPE_PREFIX TYPE_SUFFIX);

	if (!str_starts(runtime, TYPE_PREFIX) || !str_ends(runtime, TYPE_SUFFIX) || len <= around)
		return xstrdup(runtime);
	return xstrndup(runtime + strlen(TYPE_PREFIX), len - around);
}

bool scope_has_runtime(const struct scope *s, const char *namespace, const char *runtime)
{
	_free_ char *name = NULL;
	_free_ char *below = NULL;

	if (!strstr(runtime, FAMILY))
		return false;
	if (!s)
		return true;
	if (is_anothers_namespace(s->owner, namespace))
		return false;
	name = name_of(runtime);
	below = xasprintf("%s/", s->root);
	return str_starts(runtime, below) || has(s, name);
}

bool scope_is_vague(const char *runtime)
{
	return runtime[0] == '/' || strcmp(runtime, TYPE_PREFIX FAMILY TYPE_SUFFIX) == 0;
}

char *scope_place(const struct mountinfo *mountinfo, const char *path)
{
	const struct mountinfo_entry *on = NULL;
	const char *rest;

	for (size_t i = 0; i < mountinfo->n; i++) {
		const struct mountinfo_entry *m = &mountinfo->entries[i];

		if (path_is_within(path, m->point) &&
		    (!on || strlen(m->point) >= strlen(on->point)))
			on = m;
	}
	if (!on)
		return xstrdup(path);
	rest = strcmp(on->point, "/") == 0 ? path : path + strlen(on->point);
	if (strcmp(on->root, "/") == 0)
		return xstrdup(*rest ? rest : "/");
	return xasprintf("%s%s", on->root, strcmp(rest, "/") == 0 ? "" : rest);
}

/* Both are absolute, so the tail begins with a whole name. */
bool scope_is_place(const char *place, const char *path)
{
	return strcmp(place, "/") == 0 || str_ends(place, path) || str_ends(path, place);
}

bool scope_has_version(const struct scope *s, const char *version_dir)
{
	_free_ char *versions = path_parent(version_dir);
	_free_ char *theirs = versions ? path_parent(versions) : NULL;
	_free_ char *root = s ? realpath(s->root, NULL) : NULL;
	_mountinfo_ struct mountinfo mounts = { 0 };
	_free_ char *place = NULL;
	struct error ignored;

	if (s && !root && errno == ENOENT)
		return false;
	if (!root || !theirs || mountinfo_read(&mounts, &ignored) < 0)
		return true;
	place = scope_place(&mounts, root);
	return scope_is_place(place, theirs);
}
