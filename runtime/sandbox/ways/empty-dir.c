/* SPDX-License-Identifier: Apache-2.0 */
/*
 * empty-dir - an emptyDir on the node's disk where nothing is shared: a folder of the guest's.
 *
 * It is in the guest's memory, as there is no other place.  All containers of the pod have the same
 * folder, which stays until the VM ends; that of the node stays empty.  A subPath is the same part
 * of it, made by the agent.
 *
 * Work thread.
 */

#include "runtime/sandbox/ways/empty-dir.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/origin.h"
#include "runtime/sandbox/spec.h"

#define GUEST_ROOT "/run/kata-containers/sandbox/storage/empty-dir"

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool empty_dir_is(const Oci__Mount *m)
{
	_free_ char *volume = spec_mount_is_bind(m) ? volume_of_pod(m->source) : NULL;

	return volume && is_folder(volume) && is_folder(m->source);
}

char *empty_dir_point(const char *volume)
{
	return xasprintf(GUEST_ROOT "/%s", path_base(volume));
}

int empty_dir_part(const char *volume, const char *source, char **ret_part, struct error *e)
{
	_origin_ struct origin outer = ORIGIN_INIT, inner = ORIGIN_INIT;
	const char *part = "";
	int r;

	if (strcmp(volume, source) != 0) {
		r = origin_find(volume, &outer, e);
		if (r >= 0)
			r = origin_find(source, &inner, e);
		if (r < 0)
			return r;
		part = origin_part(&outer, &inner);
	}
	if (!part)
		return fail(e, EINVAL, "cannot tell which part of '%s' is '%s'", volume, source);
	*ret_part = xstrdup(part);
	return 0;
}

int empty_dir_add_folder(const struct arrival *a, struct gifts *g, const char *point,
			 struct error *e)
{
	const char *source = a->mount->source;
	Agent__Storage *s;
	strv options = NULL;
	struct stat st;

	if (stat(source, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", source);
	strv_addf(&options, "mode=%o", st.st_mode & 07777);
	if (st.st_gid)
		strv_addf(&options, "fsgid=%u", st.st_gid);
	s = gifts_add_storage(g);
	s->driver = xstrdup("local");
	s->source = xstrdup("local");
	s->fstype = xstrdup("local");
	s->mount_point = xstrdup(point);
	s->options = options;
	s->n_options = strv_len(options);
	s->shared = true;
	return 0;
}

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return !sandbox_share(a->sandbox) && empty_dir_is(a->mount);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *volume = volume_of_pod(a->mount->source);
	_free_ char *point = empty_dir_point(volume);
	_free_ char *part = NULL, *whole = NULL;
	int r = empty_dir_part(volume, a->mount->source, &part, e);

	if (r < 0)
		return r;
	whole = part[0] ? path_join(point, part) : xstrdup(point);
	r = empty_dir_add_folder(a, g, whole, e);
	spec_set(&a->mount->source, whole);
	spec_set(&a->mount->type, "bind");
	return r;
}

const struct way way_guest_folder = {
	.name = "a folder in the guest's memory",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
};
