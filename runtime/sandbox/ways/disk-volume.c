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

#include "lib/ext4.h"
#include "lib/file.h"
#include "runtime/sandbox/ephemeral.h"
#include "runtime/sandbox/origin.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/disk.h"
#include "runtime/sandbox/ways/empty-dir.h"

#define IMAGE "disk.img"

static int match(const struct arrival *a, struct error *e)
{
	(void)e;
	return str_equal(sandbox_config(a->sandbox)->runtime.emptydir_mode, "block-plain") &&
	       empty_dir_is(a->mount);
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
	_free_ char *point = empty_dir_point(volume);
	_free_ char *part = NULL, *whole = NULL;
	int r = empty_dir_part(volume, a->mount->source, &part, e);

	if (r >= 0)
		r = give_disk(a, g, volume, point, e);
	if (r < 0)
		return r;
	whole = part[0] ? path_join(point, part) : xstrdup(point);
	if (part[0])
		r = empty_dir_add_folder(a, g, whole, e);
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
