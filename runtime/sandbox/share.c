/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share - bind what a pod needs into the folder its guest sees.
 *
 * The guest is hostile and reaches this folder as root through virtiofsd.  So the folder that is
 * exported is a read-only view: nothing can be created, renamed or replaced by a link beside the
 * binds, and no path we mount on or unmount is the guest's to choose.  Each bind is made as a
 * detached tree that gets its flags before it becomes visible, so there is no moment in which a
 * read-only volume can be written; flags hold for the mounts below it as well.  nodev, nosuid and
 * noexec are for virtiofsd, which must never open a device or run a file of the guest.
 *
 * What the host mounts below a volume later would come with the flags it has there, so a copy is
 * cut off from its origin, but for a volume to be written that asks for such mounts.
 *
 * `mounts` is shared: a bind made there later appears in the exported view, in virtiofsd's own
 * namespace and in the guest.  Unmounting detaches: virtiofsd keeps descriptors open.
 *
 * Kernels before 5.12 cannot set flags on a detached tree.  What appears in the exported view keeps
 * the flags that it had at that moment, so there the tree is bound beside it first, gets its flags,
 * and is bound from there.
 */

#include "runtime/sandbox/share.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/mountinfo.h"

#define TREE_CLONE         1u          /* OPEN_TREE_CLONE */
#define TREE_RECURSIVE     0x8000u     /* AT_RECURSIVE */
#define MOVE_FROM_EMPTY    0x00000004u /* MOVE_MOUNT_F_EMPTY_PATH */
#define ATTR_RDONLY        0x00000001u
#define ATTR_NOSUID        0x00000002u
#define ATTR_NODEV         0x00000004u
#define ATTR_NOEXEC        0x00000008u
#define SHARED_MOUNT_FLAGS (MS_NODEV | MS_NOSUID | MS_NOEXEC)

/* struct mount_attr of linux/mount.h, which cannot be included beside sys/mount.h everywhere. */
struct attributes {
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint64_t userns_fd;
};

static void share_name(struct share *s, const char *root, const char *id)
{
	s->dir = path_join(root ? root : SHARE_ROOT, id);
	s->mounts = path_join(s->dir, "mounts");
	s->exported = path_join(s->dir, "shared");
}

static int export_mounts(struct share *s, struct error *e)
{
	if (mount(s->mounts, s->mounts, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on itself: %m", s->mounts);
	if (mount(NULL, s->mounts, NULL, MS_SHARED, NULL) < 0)
		return fail(e, errno, "cannot share mounts below '%s': %m", s->mounts);
	if (mount(s->mounts, s->exported, NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on '%s': %m", s->mounts, s->exported);
	if (mount(NULL, s->exported, NULL, MS_SLAVE, NULL) < 0)
		return fail(e, errno, "cannot make '%s' follow '%s': %m", s->exported, s->mounts);
	/* virtiofsd makes its namespace a slave of this one: it follows only what is shared. */
	if (mount(NULL, s->exported, NULL, MS_SHARED, NULL) < 0)
		return fail(e, errno, "cannot share mounts below '%s': %m", s->exported);
	if (mount(NULL, s->exported, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SHARED_MOUNT_FLAGS,
		  NULL) < 0)
		return fail(e, errno, "cannot make '%s' read-only: %m", s->exported);
	return 0;
}

int share_open(struct share *s, const char *root, const char *id, struct error *e)
{
	int r = dir_make(root ? root : SHARE_ROOT, 0750, e);

	*s = (struct share){ 0 };
	if (r < 0)
		return r;
	share_name(s, root, id);
	if (mkdir(s->dir, 0700) < 0) {
		r = fail(e, errno, "cannot make '%s': %m", s->dir);
		share_done(s);
		return r;
	}
	if (mkdir(s->mounts, 0755) < 0 || mkdir(s->exported, 0700) < 0)
		r = fail(e, errno, "cannot make the folders of '%s': %m", s->dir);
	else
		r = export_mounts(s, e);
	if (r < 0)
		share_close(s);
	return r;
}

static unsigned long propagation(enum share_access access)
{
	return access == SHARE_FOLLOWING ? MS_SLAVE : MS_PRIVATE;
}

/* The mount points at or below DIR, in the order they were made. */
static int mounts_below(const char *dir, strv *ret_found, struct error *e)
{
	_mountinfo_ struct mountinfo info = { 0 };
	size_t len = strlen(dir);
	int r = mountinfo_read(&info, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < info.n; i++) {
		const char *point = info.entries[i].point;

		if (strncmp(point, dir, len) == 0 && (point[len] == '/' || point[len] == '\0'))
			strv_add(ret_found, point);
	}
	return 0;
}

static int set_flags(const char *target, unsigned long flags, struct error *e)
{
	_strv_ strv found = NULL;
	int r = mounts_below(target, &found, e);

	if (r >= 0 && !found)
		r = fail(e, ENOENT, "'%s' is not mounted", target);
	for (size_t i = 0; r >= 0 && i < strv_len(found); i++)
		if (mount(NULL, found[i], NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
			r = fail(e, errno, "cannot set the mount flags of '%s': %m", found[i]);
	return r;
}

/* A detached copy of the mount tree at SOURCE with its flags set, or -ENOSYS. */
static int tree_open(const char *source, enum share_access access, struct error *e)
{
	struct attributes attributes = { .set = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC,
					 .propagation = propagation(access) };
	_close_ int fd = (int)syscall(SYS_open_tree, AT_FDCWD, source,
				      TREE_CLONE | TREE_RECURSIVE | (unsigned)O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot copy the mounts of '%s': %m", source);
	if (access == SHARE_READ_ONLY)
		attributes.set |= ATTR_RDONLY;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | TREE_RECURSIVE, &attributes,
		    sizeof(attributes)) < 0)
		return fail(e, errno, "cannot set the mount flags of '%s': %m", source);
	return TAKE_FD(fd);
}

static int target_make(const char *target, bool is_folder, struct error *e)
{
	_free_ char *parent = path_parent(target);
	_close_ int fd = -1;
	int r = dir_make(parent, 0755, e);

	if (r < 0)
		return r;
	if (is_folder) {
		if (mkdir(target, 0755) < 0 && errno != EEXIST)
			return fail(e, errno, "cannot make '%s': %m", target);
		return 0;
	}
	fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(e, errno, "cannot make '%s': %m", target);
	return 0;
}

static int stage(const char *source, const char *place, enum share_access access, struct error *e)
{
	unsigned long flags = SHARED_MOUNT_FLAGS | (access == SHARE_READ_ONLY ? MS_RDONLY : 0);

	if (mount(source, place, NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' on '%s': %m", source, place);
	if (mount(NULL, place, NULL, propagation(access) | MS_REC, NULL) < 0)
		return fail(e, errno, "cannot set the propagation of '%s': %m", place);
	return set_flags(place, flags, e);
}

static void unstage(const char *dir, const char *place)
{
	(void)umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (unlink(place) < 0)
		(void)rmdir(place);
	(void)rmdir(dir);
}

/* Binds the old way. */
static int bind_staged(const struct share *s, const char *source, const char *target,
		       bool is_folder, enum share_access access, struct error *e)
{
	_free_ char *dir = path_join(s->dir, "stage.XXXXXX");
	_free_ char *place = NULL;
	int r;

	if (!mkdtemp(dir))
		return fail(e, errno, "cannot make '%s': %m", dir);
	place = path_join(dir, "volume");
	r = target_make(place, is_folder, e);
	if (r >= 0)
		r = stage(source, place, access, e);
	if (r >= 0 && mount(place, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		r = fail(e, errno, "cannot bind '%s' on '%s': %m", source, target);
	unstage(dir, place);
	return r;
}

static int bind_one(const struct share *s, const char *source, const char *target, bool is_folder,
		    enum share_access access, struct error *e)
{
	_close_ int fd = tree_open(source, access, e);

	if (fd == -ENOSYS)
		return bind_staged(s, source, target, is_folder, access, e);
	if (fd < 0)
		return fd;
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, target, MOVE_FROM_EMPTY) < 0)
		return fail(e, errno, "cannot mount '%s' on '%s': %m", source, target);
	return 0;
}

int share_bind(struct share *s, const char *source, const char *name, enum share_access access,
	       struct error *e)
{
	_free_ char *target = path_join(s->mounts, name);
	struct stat st;
	int r;

	if (stat(source, &st) < 0)
		return fail(e, errno, "cannot share '%s': %m", source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	    !S_ISFIFO(st.st_mode))
		return fail(e, ENOTSUP, "cannot share '%s' with the guest: it is a device", source);
	r = target_make(target, S_ISDIR(st.st_mode), e);
	if (r >= 0)
		r = bind_one(s, source, target, S_ISDIR(st.st_mode), access, e);
	if (r < 0)
		share_unbind(s, name);
	return r;
}

void share_unbind(struct share *s, const char *name)
{
	_free_ char *target = path_join(s->mounts, name);
	_free_ char *parent = path_parent(target);

	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		log_warn("cannot unmount '%s': %s", target, strerror(errno));
	if (unlink(target) < 0)
		(void)rmdir(target);
	if (!str_equal(parent, s->mounts))
		(void)rmdir(parent);
}

void share_detach_below(const char *dir)
{
	_strv_ strv found = NULL;
	struct error e;

	if (mounts_below(dir, &found, &e) < 0)
		log_warn("mounts below '%s' may stay: %s", dir, e.msg);
	for (size_t i = strv_len(found); i > 0; i--)
		if (umount2(found[i - 1], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
		    errno != ENOENT)
			log_warn("cannot unmount '%s': %s", found[i - 1], strerror(errno));
}

static void folder_remove(const char *dir)
{
	struct error e;

	share_detach_below(dir);
	if (tree_remove(dir, &e) < 0)
		log_warn("'%s' stays: %s", dir, e.msg);
}

void share_close(struct share *s)
{
	if (s->dir)
		folder_remove(s->dir);
	share_done(s);
}

void share_forget(const char *root, const char *id)
{
	_free_ char *dir = path_join(root ? root : SHARE_ROOT, id);

	folder_remove(dir);
}

void share_done(struct share *s)
{
	free(s->dir);
	free(s->mounts);
	free(s->exported);
	*s = (struct share){ 0 };
}

char *share_guest_path(const char *name)
{
	return path_join(SHARE_GUEST_ROOT, name);
}
