/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk-volume - an emptyDir as a disk of the guest's (emptydir_mode = "block-plain").
 *
 * The disk is a sparse file in the volume's own folder on the node, as large as the space that is
 * free there: what the pod writes makes it grow and what it removes makes it shrink, so that the
 * kubelet's sizeLimit, du and the end of the pod work as for any emptyDir.  It is made by whoever
 * uses the volume first, with the folder's mode and owner, and stays plugged in until the VM ends;
 * a sandbox that comes again after a crash finds it.
 *
 * A subPath is the same part of it, made by the agent: what kubelet makes on the node nobody sees.
 *
 * Work thread; two containers may be about to make one disk.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "lib/file.h"
#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/ext4.h"
#include "runtime/sandbox/origin.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/disk.h"

#define GUEST_ROOT "/run/kata-containers/sandbox/storage/empty-dir"
#define IMAGE      "disk.img"

static int match(const struct arrival *a, struct error *e)
{
	const struct config *config = sandbox_config(a->sandbox);
	_free_ char *volume = NULL;
	struct stat st;

	(void)e;
	if (!str_equal(config->runtime.emptydir_mode, "block-plain") ||
	    !spec_mount_is_bind(a->mount))
		return 0;
	volume = volume_of_pod(a->mount->source);
	return volume && stat(volume, &st) == 0 && S_ISDIR(st.st_mode) &&
	       stat(a->mount->source, &st) == 0 && S_ISDIR(st.st_mode);
}

static int fill_image(int dir, int fd, struct error *e)
{
	struct ext4_new new = { .time = (uint32_t)time(NULL) };
	struct statvfs room;
	struct stat st;

	if (fstatvfs(dir, &room) < 0 || fstat(dir, &st) < 0)
		return fail(e, errno, "cannot look at a volume's folder: %m");
	if (getrandom(new.uuid, sizeof(new.uuid), 0) != sizeof(new.uuid))
		return fail(e, EIO, "there are no random bytes");
	new.uuid[6] = (new.uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
	new.uuid[8] = (new.uuid[8] & 0x3f) | 0x80;
	new.bytes = (uint64_t)room.f_bavail *room.f_frsize;
	new.mode = st.st_mode;
	new.uid = st.st_uid;
	new.gid = st.st_gid;
	return ext4_make(fd, &new, e);
}

/* Under a name of its own until it is whole; who comes second leaves the first one's. */
static int make_image(int dir, const char *container, struct error *e)
{
	_free_ char *name = xasprintf("." IMAGE ".%s", container);
	_close_ int fd = -1;
	int r;

	(void)unlinkat(dir, name, 0);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot make a disk: %m");
	r = fill_image(dir, fd, e);
	if (r >= 0 && linkat(dir, name, dir, IMAGE, 0) < 0 && errno != EEXIST)
		r = fail(e, errno, "cannot name a disk: %m");
	(void)unlinkat(dir, name, 0);
	return r;
}

static int need_image(const char *volume, const char *container, struct error *e)
{
	_close_ int dir = open(volume, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0)
		return fail(e, errno, "cannot open '%s': %m", volume);
	if (fstatat(dir, IMAGE, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		if (make_image(dir, container, e) < 0)
			return -e->code;
		(void)fstatat(dir, IMAGE, &st, AT_SYMLINK_NOFOLLOW);
	}
	return S_ISREG(st.st_mode) && st.st_uid == geteuid()
		       ? 0
		       : fail(e, EPERM, "'%s/" IMAGE "' is not the disk that was made there",
			      volume);
}

/* The path of the mount within VOLUME, "" for all of it. */
static int find_part(const char *volume, const char *source, char **ret_part, struct error *e)
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

static int add_part(struct gifts *g, const char *source, const char *point, struct error *e)
{
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

static int give_disk(const struct arrival *a, struct gifts *g, const char *volume,
		     const char *point, struct error *e)
{
	static char discard[] = "discard";
	char *options[] = { discard, NULL };
	_free_ char *image = path_join(volume, IMAGE);
	const struct disk disk = {
		.source = image,
		.fstype = "ext4",
		.options = options,
		.point = point,
		.is_pods = true,
	};
	int r = need_image(volume, a->container, e);

	return r < 0 ? r : disk_give(a, g, &way_disk_volume, &disk, NULL, e);
}

static int give(const struct arrival *a, struct gifts *g, struct error *e)
{
	_free_ char *volume = volume_of_pod(a->mount->source);
	_free_ char *point = xasprintf(GUEST_ROOT "/%s", path_base(volume));
	_free_ char *part = NULL, *whole = NULL;
	int r = find_part(volume, a->mount->source, &part, e);

	if (r >= 0)
		r = give_disk(a, g, volume, point, e);
	if (r < 0)
		return r;
	whole = part[0] ? path_join(point, part) : xstrdup(point);
	if (part[0])
		r = add_part(g, a->mount->source, whole, e);
	spec_set(&a->mount->source, whole);
	spec_set(&a->mount->type, "bind");
	return r;
}

const struct way way_disk_volume = {
	.name = "a disk in the volume's folder",
	.kind = WAY_MOUNT,
	.match = match,
	.give = give,
};
