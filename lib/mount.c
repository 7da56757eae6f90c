/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount - mounts by descriptor, and the table of mount options.
 *
 * Built on fsopen, open_tree, mount_setattr and move_mount (Linux 5.12): the attributes are on a
 * mount before anybody can reach it, and a destination that was resolved once inside a container's
 * root is used as a descriptor, so there is no second look-up to race against.  libc headers know
 * these calls in different versions, so their numbers, which are kernel interface, stand here.
 *
 * Any thread.
 */
#include "lib/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "lib/str.h"

enum {
	ABI_FSOPEN_CLOEXEC = 1,
	ABI_FSMOUNT_CLOEXEC = 1,
	ABI_OPEN_TREE_CLONE = 1,
	ABI_MOVE_MOUNT_EMPTY_PATHS = 0x04 | 0x40, /* of both sides */
	ABI_AT_RECURSIVE = 0x8000,
	ABI_FSCONFIG_SET_FLAG = 0,
	ABI_FSCONFIG_SET_STRING = 1,
	ABI_FSCONFIG_CREATE = 6,
	ABI_FSCONFIG_RECONFIGURE = 7,
	ABI_FSPICK_CLOEXEC_EMPTY_PATH = 0x1 | 0x8,
	ABI_STATX_MNT_ID = 0x1000,
	ABI_STATX_BASIC_STATS = 0x7ff,
	ABI_AT_NO_AUTOMOUNT = 0x800,
	ABI_AT_STATX_DONT_SYNC = 0x4000,
	ABI_AT_STATX_FORCE_SYNC = 0x2000,
	ABI_STATX_ATTR_AUTOMOUNT = 0x1000,
	ABI_STATX_ATTR_MOUNT_ROOT = 0x2000,
};

enum {
	ATTR_NOATIME = 0x10,
	ATTR_STRICTATIME = 0x20,
	ATTR_ATIME = 0x70, /* the field of the three above and of relatime, which is 0 */
	ATTR_NODIRATIME = 0x80,
	ATTR_IDMAP = 0x100000,
	ATTR_NOSYMFOLLOW = 0x200000,
};

struct abi_mount_attr {
	uint64_t set;
	uint64_t clear;
	uint64_t propagation;
	uint64_t userns_fd;
};

/* struct statx of linux/stat.h, which cannot be included beside sys/stat.h everywhere. */
struct abi_statx {
	uint32_t mask;
	uint32_t block_size;
	uint64_t attributes;
	uint8_t others[128];
	uint64_t mount_id;
	uint8_t rest[104];
};
_Static_assert(sizeof(struct abi_statx) == 256, "as the kernel's");

enum super_flag { SUPER_RO, SUPER_SYNC, SUPER_DIRSYNC, SUPER_LAZYTIME, SUPER_MAND, N_SUPER_FLAG };

static const char *const super_flag_names[] = {
	[SUPER_RO] = "ro",           [SUPER_SYNC] = "sync",
	[SUPER_DIRSYNC] = "dirsync", [SUPER_LAZYTIME] = "lazytime",
	[SUPER_MAND] = "mand",
};
_Static_assert(ARRAY_SIZE(super_flag_names) == N_SUPER_FLAG, "one name each");

#define SUPER(flag) (1U << (flag))

/* What a word of the options asks for. */
struct option {
	const char *name;
	uint64_t set;
	uint64_t clear;
	bool is_tree; /* set and clear are for everything below as well */
	unsigned super_set;
	unsigned super_clear;
	uint64_t propagation;
	bool propagates_tree;
};

/* clang-format off */
static const struct option options_table[] = {
	{ .name = "defaults" },
	{ .name = "ro", .set = MOUNT_RDONLY, .super_set = SUPER(SUPER_RO) },
	{ .name = "rw", .clear = MOUNT_RDONLY, .super_clear = SUPER(SUPER_RO) },
	{ .name = "nosuid", .set = MOUNT_NOSUID },
	{ .name = "suid", .clear = MOUNT_NOSUID },
	{ .name = "nodev", .set = MOUNT_NODEV },
	{ .name = "dev", .clear = MOUNT_NODEV },
	{ .name = "noexec", .set = MOUNT_NOEXEC },
	{ .name = "exec", .clear = MOUNT_NOEXEC },
	{ .name = "noatime", .set = ATTR_NOATIME, .clear = ATTR_ATIME },
	{ .name = "atime", .clear = ATTR_ATIME },
	{ .name = "relatime", .clear = ATTR_ATIME },
	{ .name = "norelatime", .clear = ATTR_ATIME },
	{ .name = "strictatime", .set = ATTR_STRICTATIME, .clear = ATTR_ATIME },
	{ .name = "nostrictatime", .clear = ATTR_ATIME },
	{ .name = "nodiratime", .set = ATTR_NODIRATIME },
	{ .name = "diratime", .clear = ATTR_NODIRATIME },
	{ .name = "nosymfollow", .set = ATTR_NOSYMFOLLOW },
	{ .name = "symfollow", .clear = ATTR_NOSYMFOLLOW },
	{ .name = "rro", .set = MOUNT_RDONLY, .is_tree = true },
	{ .name = "rrw", .clear = MOUNT_RDONLY, .is_tree = true },
	{ .name = "rnosuid", .set = MOUNT_NOSUID, .is_tree = true },
	{ .name = "rsuid", .clear = MOUNT_NOSUID, .is_tree = true },
	{ .name = "rnodev", .set = MOUNT_NODEV, .is_tree = true },
	{ .name = "rdev", .clear = MOUNT_NODEV, .is_tree = true },
	{ .name = "rnoexec", .set = MOUNT_NOEXEC, .is_tree = true },
	{ .name = "rexec", .clear = MOUNT_NOEXEC, .is_tree = true },
	{ .name = "rnoatime", .set = ATTR_NOATIME, .clear = ATTR_ATIME, .is_tree = true },
	{ .name = "rrelatime", .clear = ATTR_ATIME, .is_tree = true },
	{ .name = "rstrictatime", .set = ATTR_STRICTATIME, .clear = ATTR_ATIME, .is_tree = true },
	{ .name = "rnodiratime", .set = ATTR_NODIRATIME, .is_tree = true },
	{ .name = "rdiratime", .clear = ATTR_NODIRATIME, .is_tree = true },
	{ .name = "rnosymfollow", .set = ATTR_NOSYMFOLLOW, .is_tree = true },
	{ .name = "rsymfollow", .clear = ATTR_NOSYMFOLLOW, .is_tree = true },
	{ .name = "sync", .super_set = SUPER(SUPER_SYNC) },
	{ .name = "async", .super_clear = SUPER(SUPER_SYNC) },
	{ .name = "dirsync", .super_set = SUPER(SUPER_DIRSYNC) },
	{ .name = "lazytime", .super_set = SUPER(SUPER_LAZYTIME) },
	{ .name = "nolazytime", .super_clear = SUPER(SUPER_LAZYTIME) },
	{ .name = "mand", .super_set = SUPER(SUPER_MAND) },
	{ .name = "nomand", .super_clear = SUPER(SUPER_MAND) },
	{ .name = "shared", .propagation = MS_SHARED },
	{ .name = "slave", .propagation = MS_SLAVE },
	{ .name = "private", .propagation = MS_PRIVATE },
	{ .name = "unbindable", .propagation = MS_UNBINDABLE },
	{ .name = "rshared", .propagation = MS_SHARED, .propagates_tree = true },
	{ .name = "rslave", .propagation = MS_SLAVE, .propagates_tree = true },
	{ .name = "rprivate", .propagation = MS_PRIVATE, .propagates_tree = true },
	{ .name = "runbindable", .propagation = MS_UNBINDABLE, .propagates_tree = true },
};
/* clang-format on */

static const struct option *option_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options_table); i++)
		if (!strcmp(options_table[i].name, name))
			return &options_table[i];
	return NULL;
}

/* The later option wins: what it sets is no longer cleared and the other way round. */
static void attr_apply(uint64_t *set, uint64_t *clear, const struct option *option)
{
	*set = (*set & ~option->clear) | option->set;
	*clear = (*clear & ~option->set) | option->clear;
}

static void option_apply(struct mount_options *o, const struct option *option)
{
	if (option->is_tree)
		attr_apply(&o->set_tree, &o->clear_tree, option);
	else
		attr_apply(&o->set, &o->clear, option);
	o->super_flags = (o->super_flags & ~option->super_clear) | option->super_set;
	if (option->propagation) {
		o->propagation = option->propagation;
		o->propagates_tree = option->propagates_tree;
	}
}

static void option_add(struct mount_options *o, const char *name)
{
	const struct option *option = option_find(name);

	if (!strcmp(name, "bind") || !strcmp(name, "rbind")) {
		o->is_bind = true;
		o->is_bind_tree = o->is_bind_tree || name[0] == 'r';
	} else if (option) {
		option_apply(o, option);
	} else if (!strcmp(name, "idmap") || !strcmp(name, "ridmap")) {
		o->idmap = name[0] == 'r' ? MOUNT_IDMAP_TREE : MOUNT_IDMAP_ONE;
	} else if (!strcmp(name, "tmpcopyup")) {
		o->copies_up = true;
	} else if (!str_empty(name)) {
		strv_add(&o->data, name);
	}
}

int mount_options_parse(char *const *options, size_t n, struct mount_options *ret, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };

	if (n > MOUNT_OPTIONS_MAX)
		return fail(e, E2BIG, "%zu mount options, at most %d are allowed", n,
			    MOUNT_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		option_add(&o, options[i]);
	*ret = o;
	o.data = NULL;
	return 0;
}

int mount_options_check_plain(const struct mount_options *o, struct error *e)
{
	if (o->copies_up)
		return fail(e, EINVAL, "mount option 'tmpcopyup' is for a tmpfs of a container");
	if (o->idmap != MOUNT_IDMAP_NONE)
		return fail(e, EINVAL, "mount option '%s' is for binds of a container",
			    o->idmap == MOUNT_IDMAP_TREE ? "ridmap" : "idmap");
	return 0;
}

void mount_options_done(struct mount_options *o)
{
	strv_free(o->data);
	o->data = NULL;
}

/* The kernel writes why it refuses to the file system's descriptor; its last line is the best
 * explanation there is. */
static int fs_fail(int fsfd, const char *fstype, const char *option, struct error *e)
{
	char text[256] = "";
	int code = errno;
	ssize_t n = read(fsfd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (option)
		return fail(e, code, "file system '%s' refuses the option '%s': %m%s%s", fstype,
			    option, *text ? ": " : "", text);
	return fail(e, code, "cannot make a mount of '%s': %m%s%s", fstype, *text ? ": " : "",
		    text);
}

static int fs_set(int fsfd, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fsfd,
			    value ? ABI_FSCONFIG_SET_STRING : ABI_FSCONFIG_SET_FLAG, key, value, 0);
}

static int fs_set_option(int fsfd, const char *fstype, const char *option, struct error *e)
{
	_free_ char *key = xstrdup(option);
	char *value = strchr(key, '=');

	if (value)
		*value++ = '\0';
	if (fs_set(fsfd, key, value) < 0)
		return fs_fail(fsfd, fstype, option, e);
	return 0;
}

static int fs_set_all(int fsfd, const char *fstype, const char *source,
		      const struct mount_options *o, struct error *e)
{
	char *const *option;
	unsigned i;
	int r;

	if (!str_empty(source) && fs_set(fsfd, "source", source) < 0)
		return fs_fail(fsfd, fstype, source, e);
	for (i = 0; i < N_SUPER_FLAG; i++)
		if (o->super_flags & SUPER(i) && fs_set(fsfd, super_flag_names[i], NULL) < 0)
			return fs_fail(fsfd, fstype, super_flag_names[i], e);
	for (option = o->data; option && *option; option++) {
		r = fs_set_option(fsfd, fstype, *option, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int setattr(int mountfd, unsigned flags, struct abi_mount_attr *attr, const char *name,
		   struct error *e)
{
	if (!attr->set && !attr->clear && !attr->propagation)
		return 0;
	/* The field of the access times is replaced as a whole or not at all. */
	if (attr->set & ATTR_ATIME)
		attr->clear |= ATTR_ATIME;
	if (syscall(SYS_mount_setattr, mountfd, "", AT_EMPTY_PATH | flags, attr, sizeof(*attr)) < 0)
		return fail(e, errno, "cannot set the attributes of the mount '%s': %m", name);
	return 0;
}

int mount_change(int mountfd, const struct mount_options *o, const char *name, struct error *e)
{
	struct abi_mount_attr own = { .set = o->set, .clear = o->clear };
	struct abi_mount_attr tree = { .set = o->set_tree, .clear = o->clear_tree };
	int r;

	if (o->propagates_tree)
		tree.propagation = o->propagation;
	else
		own.propagation = o->propagation;
	r = setattr(mountfd, ABI_AT_RECURSIVE, &tree, name, e);
	return r < 0 ? r : setattr(mountfd, 0, &own, name, e);
}

int mount_map_ids(int mountfd, enum mount_idmap idmap, int userns, const char *name,
		  struct error *e)
{
	struct abi_mount_attr attr = { .set = ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	unsigned flags = AT_EMPTY_PATH | (idmap == MOUNT_IDMAP_TREE ? ABI_AT_RECURSIVE : 0);

	if (idmap == MOUNT_IDMAP_NONE)
		return 0;
	if (syscall(SYS_mount_setattr, mountfd, "", flags, &attr, sizeof(attr)) < 0)
		return fail(e, errno, "cannot map the owners of the files in '%s': %s", name,
			    errno == EINVAL ? "its file system does not support it"
					    : strerror(errno));
	return 0;
}

int mount_new(const char *fstype, const char *source, const struct mount_options *o,
	      struct error *e)
{
	_close_ int fsfd = -1, mountfd = -1;
	int r;

	fsfd = (int)syscall(SYS_fsopen, fstype, ABI_FSOPEN_CLOEXEC);
	if (fsfd < 0)
		return fail(e, errno, "cannot open the file system type '%s': %m", fstype);
	r = fs_set_all(fsfd, fstype, source, o, e);
	if (r < 0)
		return r;
	if (syscall(SYS_fsconfig, fsfd, ABI_FSCONFIG_CREATE, NULL, NULL, 0) < 0)
		return fs_fail(fsfd, fstype, NULL, e);
	mountfd = (int)syscall(SYS_fsmount, fsfd, ABI_FSMOUNT_CLOEXEC, 0);
	if (mountfd < 0)
		return fs_fail(fsfd, fstype, NULL, e);
	r = mount_change(mountfd, o, fstype, e);
	return r < 0 ? r : TAKE_FD(mountfd);
}

int mount_reconfigure(int mountfd, const struct mount_options *o, const char *name, struct error *e)
{
	_close_ int fsfd = (int)syscall(SYS_fspick, mountfd, "", ABI_FSPICK_CLOEXEC_EMPTY_PATH);
	int r;

	if (fsfd < 0)
		return fail(e, errno, "cannot open the file system of '%s': %m", name);
	r = fs_set_all(fsfd, name, NULL, o, e);
	if (r == 0 && syscall(SYS_fsconfig, fsfd, ABI_FSCONFIG_RECONFIGURE, NULL, NULL, 0) < 0)
		r = fs_fail(fsfd, name, NULL, e);
	return r;
}

int mount_clone(int dirfd, const char *path, const struct mount_options *o, struct error *e)
{
	unsigned flags = ABI_OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH;
	_close_ int mountfd = -1;
	int r;

	if (o->is_bind_tree)
		flags |= ABI_AT_RECURSIVE;
	mountfd = (int)syscall(SYS_open_tree, dirfd, path, flags);
	if (mountfd < 0)
		return fail(e, errno, "cannot bind '%s': %m", path);
	r = mount_change(mountfd, o, path, e);
	return r < 0 ? r : TAKE_FD(mountfd);
}

int mount_attach(int mountfd, int targetfd, const char *name, struct error *e)
{
	if (syscall(SYS_move_mount, mountfd, "", targetfd, "", ABI_MOVE_MOUNT_EMPTY_PATHS) < 0)
		return fail(e, errno, "cannot mount on '%s': %m", name);
	return 0;
}

void mount_ask_again(int fd)
{
	unsigned flags = AT_EMPTY_PATH | ABI_AT_NO_AUTOMOUNT | ABI_AT_STATX_FORCE_SYNC;
	struct abi_statx st;

	(void)syscall(SYS_statx, fd, "", flags, ABI_STATX_BASIC_STATS, &st);
}

int mount_look(int fd, struct mount_place *ret_place, struct error *e)
{
	unsigned flags = AT_EMPTY_PATH | ABI_AT_NO_AUTOMOUNT | ABI_AT_STATX_DONT_SYNC;
	struct abi_statx st;

	if (syscall(SYS_statx, fd, "", flags, ABI_STATX_MNT_ID, &st) < 0)
		return fail(e, errno, "cannot look at a mount: %m");
	if (!(st.mask & ABI_STATX_MNT_ID))
		return fail(e, ENOTSUP, "the kernel does not number mounts");
	*ret_place = (struct mount_place){
		.id = st.mount_id,
		.is_root = st.attributes & ABI_STATX_ATTR_MOUNT_ROOT,
		.is_automount = st.attributes & ABI_STATX_ATTR_AUTOMOUNT,
	};
	return 0;
}
