/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ephemeral - give a pod's volumes in memory to the guest.
 *
 * kubelet mounts a tmpfs on .../volumes/kubernetes.io~empty-dir/NAME.  Shared from the host its
 * pages would be the host's, outside the VM's memory and the containers' limits, and every access
 * would cross the VM.  So the guest gets a tmpfs of its own with the size, mode and owner of the
 * host's, which stays empty; all containers of the pod have the same one.  The host's size is what
 * kubelet made of sizeLimit and the pod's memory limit; without either it is a part of the node's
 * memory, and what bounds the volume is the VM's.
 *
 * A subPath of such a volume arrives as a bind mount in .../volume-subpaths/NAME/CONTAINER/N: it is
 * the same part of the guest's tmpfs, made there as a folder.  A subPath that names a file which
 * only the guest has cannot be known to kubelet, and becomes a folder.
 *
 * A volume of huge pages (hugetlbfs) is the guest's for the same reason, wherever on the host it is
 * mounted: its pages are the guest's memory.  It has the host's page size, and the size that the
 * host's mount has, if any: how many pages a container may use is said by its limits, and the agent
 * keeps so many for it.
 *
 * An emptyDir on the node's disk is not of this kind.  Work thread.
 */

#include "runtime/sandbox/ephemeral.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "lib/mountinfo.h"
#include "lib/str.h"
#include "runtime/sandbox/origin.h"
#include "runtime/sandbox/ways/way.h"

#define GUEST_ROOT   "/run/kata-containers/sandbox/ephemeral"
#define PLUGIN_DIR   "kubernetes.io~empty-dir"
#define SUBPATHS_DIR "volume-subpaths"
#define NAME_MAX_LEN 63

static bool is_volume_path(const char *path)
{
	_free_ char *parent = path_parent(path);
	struct error ignored;

	return path[0] == '/' && strcmp(path_base(parent), PLUGIN_DIR) == 0 &&
	       check_id(path_base(path), "volume", NAME_MAX_LEN, &ignored) >= 0;
}

/* The volume's path if PATH is that of a subPath, else NULL.  Caller frees. */
static char *volume_of_subpath(const char *path)
{
	_free_ char *container = path_parent(path);
	_free_ char *volume = path_parent(container);
	_free_ char *subpaths = path_parent(volume);
	_free_ char *pod = path_parent(subpaths);

	if (path[0] != '/' || strcmp(path_base(subpaths), SUBPATHS_DIR) != 0)
		return NULL;
	return xasprintf("%s/volumes/" PLUGIN_DIR "/%s", pod, path_base(volume));
}

char *volume_of_pod(const char *source)
{
	_free_ char *volume = is_volume_path(source) ? xstrdup(source) : volume_of_subpath(source);

	return volume && is_volume_path(volume) ? TAKE_PTR(volume) : NULL;
}

/* True if PATH is a folder of a file system in memory.  A block of a hugetlbfs is a page. */
static bool look(const char *path, struct stat *ret_st, struct ephemeral *v)
{
	struct statfs fs;

	if (stat(path, ret_st) < 0 || statfs(path, &fs) < 0 || !S_ISDIR(ret_st->st_mode))
		return false;
	v->size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	v->page_size = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : 0;
	return fs.f_type == TMPFS_MAGIC || v->page_size;
}

/* The same if it is mounted on PATH. */
static bool look_at_volume(const char *path, struct stat *ret_st, struct ephemeral *v)
{
	_free_ char *parent = path_parent(path);
	struct stat above;

	return look(path, ret_st, v) && stat(parent, &above) == 0 && ret_st->st_dev != above.st_dev;
}

/* What of its file system is mounted on PATH, on top of what else may be there. */
static int mounted_part(const char *path, char **ret_part, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	const char *part = NULL;
	int r = mountinfo_read(&info, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < info.n; i++)
		if (strcmp(info.entries[i].point, path) == 0)
			part = info.entries[i].root;
	if (!part || strstr(part, "//deleted"))
		return fail(e, EINVAL, "cannot tell which part of a volume in memory '%s' is",
			    path);
	*ret_part = xstrdup(part + strspn(part, "/"));
	return 0;
}

static int find_part(const char *source, struct ephemeral *v, struct error *e)
{
	struct stat st;

	if (stat(source, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", source);
	v->sub_mode = st.st_mode & 07777;
	v->sub_gid = st.st_gid;
	return mounted_part(source, &v->sub, e);
}

/* One of the pod's, by its place. */
static int find_volume(const char *source, struct ephemeral *v, struct error *e)
{
	_free_ char *volume = volume_of_pod(source);
	struct stat st, part;
	int r = 0;

	if (!volume || !look_at_volume(volume, &st, v))
		return 0;
	if (stat(source, &part) < 0 || part.st_dev != st.st_dev || !S_ISDIR(part.st_mode))
		return 0;
	v->name = xstrdup(path_base(volume));
	v->mode = st.st_mode & 07777;
	v->uid = st.st_uid;
	v->gid = st.st_gid;
	if (strcmp(volume, source) == 0)
		v->sub = xstrdup("");
	else
		r = find_part(source, v, e);
	return r < 0 ? r : 1;
}

/* Huge pages of the host's that are no volume of the pod: known by the number of their file system.
 */
static int find_huge_pages(const char *source, struct ephemeral *v, struct error *e)
{
	_origin_ struct origin o = ORIGIN_INIT;
	struct stat st;
	int r;

	if (!look(source, &st, v) || !v->page_size)
		return 0;
	r = origin_find(source, &o, e);
	if (r < 0)
		return r;
	if (!o.inside)
		return fail(e, EINVAL, "cannot tell which part of huge pages '%s' is", source);
	v->name = xasprintf("huge-pages-%u-%u", major(st.st_dev), minor(st.st_dev));
	v->sub = xstrdup(o.inside + strspn(o.inside, "/"));
	v->mode = v->sub_mode = st.st_mode & 07777;
	v->uid = st.st_uid;
	v->gid = v->sub_gid = st.st_gid;
	return 1;
}

int ephemeral_find(const char *source, struct ephemeral *ret, struct error *e)
{
	_ephemeral_ struct ephemeral v = { 0 };
	int r = find_volume(source, &v, e);

	if (r == 0)
		r = find_huge_pages(source, &v, e);
	if (r <= 0)
		return r;
	*ret = v;
	v = (struct ephemeral){ 0 };
	return 1;
}

void ephemeral_done(struct ephemeral *v)
{
	free(v->name);
	free(v->sub);
	*v = (struct ephemeral){ 0 };
}

char *ephemeral_guest_path(const struct ephemeral *v)
{
	return v->sub[0] ? xasprintf(GUEST_ROOT "/%s/%s", v->name, v->sub)
			 : xasprintf(GUEST_ROOT "/%s", v->name);
}

static void add(struct gifts *g, const char *type, char *own_point, strv own_options)
{
	Agent__Storage *s = gifts_add_storage(g);

	s->driver = xstrdup(strcmp(type, "local") == 0 ? type : "ephemeral");
	s->source = xstrdup(strcmp(type, "hugetlbfs") == 0 ? "nodev" : type);
	s->fstype = xstrdup(type);
	s->mount_point = own_point;
	s->options = own_options;
	s->n_options = strv_len(own_options);
	s->shared = true;
}

void ephemeral_add_storages(const struct ephemeral *v, struct gifts *g)
{
	strv options = NULL, sub_options = NULL;

	if (v->page_size)
		strv_addf(&options, "pagesize=%llu", (unsigned long long)v->page_size);
	if (v->size)
		strv_addf(&options, "size=%llu", (unsigned long long)v->size);
	strv_addf(&options, "mode=%o", v->mode);
	strv_addf(&options, "uid=%u", v->uid);
	strv_addf(&options, "gid=%u", v->gid);
	add(g, v->page_size ? "hugetlbfs" : "tmpfs", xasprintf(GUEST_ROOT "/%s", v->name), options);
	if (!v->sub[0])
		return;
	strv_addf(&sub_options, "mode=%o", v->sub_mode);
	if (v->sub_gid)
		strv_addf(&sub_options, "fsgid=%u", v->sub_gid);
	add(g, "local", ephemeral_guest_path(v), sub_options);
}
