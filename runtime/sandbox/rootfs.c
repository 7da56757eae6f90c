/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootfs - mount a container's root file system on the host.
 *
 * containerd hands over what its snapshotter made: a bind or an overlay, rarely anything else.
 * mount(2) takes one page of options and an overlay of many layers needs more, so an overlay's
 * layers are named relative to the folder they have in common, which the kernel resolves against
 * the working directory.  That belongs to the process, hence a thread with one of its own.
 *
 * Work thread.
 */

#include "runtime/sandbox/rootfs.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "runtime/sandbox/share.h"

#define LOWER_OPTION "lowerdir="

static const struct {
	const char *name;
	unsigned long set;
	unsigned long clear;
} flags[] = {
	{ "async", 0, MS_SYNCHRONOUS },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
	{ "dev", 0, MS_NODEV },
	{ "diratime", 0, MS_NODIRATIME },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "norelatime", 0, MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosuid", MS_NOSUID, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "sync", MS_SYNCHRONOUS, 0 },
};

static bool apply_flag(const char *option, unsigned long *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(flags[i].name, option) == 0) {
			*value = (*value | flags[i].set) & ~flags[i].clear;
			return true;
		}
	return false;
}

char *rootfs_options(char *const *options, size_t n_options, unsigned long *ret_flags)
{
	_strv_ strv data = NULL;

	*ret_flags = 0;
	for (size_t i = 0; i < n_options; i++)
		if (!apply_flag(options[i], ret_flags))
			strv_add(&data, options[i]);
	return strv_join(data, ",");
}

/* The folder that all layers of LOWER ("a:b:c") have in common, or NULL. */
static char *common_folder(const char *lower)
{
	_strv_ strv layers = strv_split(lower, ":");
	size_t common = layers ? strlen(layers[0]) : 0;

	for (char **layer = layers; layer && *layer; layer++) {
		size_t same = 0;

		while (same < common && (*layer)[same] == layers[0][same] && (*layer)[same])
			same++;
		common = same;
	}
	while (common > 0 && layers[0][common - 1] != '/')
		common--;
	return common > 1 ? xstrndup(layers[0], common) : NULL;
}

/* DATA with the layers of its lowerdir relative to *RET_FOLDER, or NULL if nothing is gained. */
static char *shorten(const char *data, char **ret_folder)
{
	_strv_ strv options = strv_split(data, ",");
	_strv_ strv result = NULL;

	*ret_folder = NULL;
	for (char **option = options; option && *option; option++) {
		const char *lower = *option + strlen(LOWER_OPTION);
		_strv_ strv layers = NULL;
		_strv_ strv names = NULL;
		_free_ char *joined = NULL;

		if (!str_starts(*option, LOWER_OPTION) || *ret_folder) {
			strv_add(&result, *option);
			continue;
		}
		*ret_folder = common_folder(lower);
		if (!*ret_folder)
			return NULL;
		layers = strv_split(lower, ":");
		for (char **layer = layers; layer && *layer; layer++)
			strv_add(&names, *layer + strlen(*ret_folder));
		joined = strv_join(names, ":");
		strv_addf(&result, "%s%s", LOWER_OPTION, joined);
	}
	return *ret_folder ? strv_join(result, ",") : NULL;
}

struct long_mount {
	const char *source;
	const char *target;
	const char *type;
	unsigned long flags;
	const char *folder;
	const char *data;
	int code;
};

static void *long_mount_run(void *arg)
{
	struct long_mount *m = arg;

	if (unshare(CLONE_FS) < 0 || chdir(m->folder) < 0 ||
	    mount(m->source, m->target, m->type, m->flags, m->data) < 0)
		m->code = errno;
	return NULL;
}

/* mount(2) from inside FOLDER. */
static int mount_in(struct long_mount *m, struct error *e)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, long_mount_run, m);

	if (r != 0)
		return fail(e, r, "cannot make a thread to mount '%s': %m", m->target);
	(void)pthread_join(thread, NULL);
	if (m->code != 0)
		return fail(e, m->code, "cannot mount %s on '%s': %m", m->type, m->target);
	return 0;
}

static int mount_one(const struct rootfs_mount *m, const char *target, struct error *e)
{
	unsigned long bits;
	_free_ char *data = rootfs_options(m->options, m->n_options, &bits);
	_free_ char *folder = NULL;
	_free_ char *shorter = NULL;
	const unsigned long bind_bits = bits & (MS_BIND | MS_REC);

	if (strlen(data) >= (size_t)sysconf(_SC_PAGESIZE))
		shorter = shorten(data, &folder);
	if (shorter) {
		struct long_mount lm = { .source = m->source,
					 .target = target,
					 .type = m->type,
					 .flags = bits,
					 .folder = folder,
					 .data = shorter };

		return mount_in(&lm, e);
	}
	if (mount(m->source, target, m->type, bind_bits ? bind_bits : bits, data) < 0)
		return fail(e, errno, "cannot mount %s '%s' on '%s': %m", m->type, m->source,
			    target);
	/* A bind ignores the other flags the first time. */
	if (bind_bits && (bits & ~bind_bits) &&
	    mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | (bits & ~bind_bits), NULL) < 0)
		return fail(e, errno, "cannot set the mount flags of '%s': %m", target);
	return 0;
}

int rootfs_mount(const struct rootfs_mount *mounts, size_t n_mounts, const char *dir,
		 struct error *e)
{
	int r = dir_make(dir, 0711, e);

	for (size_t i = 0; r >= 0 && i < n_mounts; i++) {
		_free_ char *target = str_empty(mounts[i].target)
					      ? xstrdup(dir)
					      : path_join(dir, mounts[i].target);

		r = mount_one(&mounts[i], target, e);
	}
	if (r < 0)
		share_detach_below(dir);
	return r;
}
