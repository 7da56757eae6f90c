/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage - what is mounted for the sandbox and its containers.
 *
 * One table row per driver: a function that turns one Storage into a detached mount (or none, for a
 * plain directory).  The common part does the rest: it counts the users of each mount point
 * (points.h), makes the mount point below SANDBOX_RUN_DIR without following a link, and attaches
 * the mount.  The root of each mount is kept as a descriptor, so its end needs no path.
 *
 * A shared storage has one more user, the sandbox, until the agent ends: the data of a pod's volume
 * outlives a container that restarts.  A volume is a shared mount, so that containers which ask for
 * it see each other's mounts in it.  Any work thread.
 */

#include "agent/storage/storage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"

#include "agent/device/bus.h"
#include "agent/plan/run-dir.h"
#include "agent/sandbox.h"
#include "agent/storage/format.h"
#include "agent/storage/fsgroup.h"
#include "agent/storage/points.h"
#include "agent/storage/shares.h"
#include "agent/storage/watch.h"
#include "lib/mount.h"

#define DIR_MODE      0755
#define WATCHABLE     "watchable"
#define IMAGE_DEVICE  "device="
#define OVERLAY_LOWER "lowerdir="
#define FS_STRING_MAX 255 /* of a value that a file system is given */
#define OVERLAY_RW    "io.katacontainers.fs-opt.overlay-rw"
#define FORMAT        "create_filesystem"
#define OVERLAY_MKDIR "io.katacontainers.volume.overlayfs.create_directory="

struct storages {
	struct sandbox *sb;
	struct points *points;
	struct watches *watches;
};

/* One call of storages_add() for one Storage. */
struct request {
	struct storages *st;
	const char *cid;
	const Agent__Storage *in;
	uint64_t deadline_ms;
	const struct cancel *cancel;
	/* Options that are the agent's affair, taken out of in->options: */
	bool has_gid;
	uint32_t gid;
	bool has_mode;
	uint32_t mode;
	bool is_overlay_rw;
	bool is_formatted; /* before it is mounted */
	strv options;      /* the rest */
};

/* Makes a detached mount and returns its descriptor, or NO_MOUNT for a plain directory. */
typedef int mounter(struct request *q, struct error *e);
#define NO_MOUNT INT32_MAX

struct storages *storages_new(struct sandbox *sb, struct error *e)
{
	struct storages *st = xcalloc(1, sizeof(*st));

	st->sb = sb;
	st->points = points_new();
	st->watches = watches_new(sb->loop, sb->pool, st->points, e);
	if (!st->watches) {
		storages_free(st);
		return NULL;
	}
	return st;
}

static int mount_fs(const struct request *q, const char *fstype, const char *source,
		    struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	int r = mount_options_parse(q->options, strv_len(q->options), &o, e);

	if (r >= 0)
		r = mount_options_check_plain(&o, e);
	return r < 0 ? r : mount_new(fstype, source, &o, e);
}

static int need_fstype(const struct request *q, struct error *e)
{
	if (str_empty(q->in->fstype))
		return fail(e, EINVAL, "it has no type of file system");
	return 0;
}

static int mount_virtiofs(struct request *q, struct error *e)
{
	if (str_empty(q->in->source))
		return fail(e, EINVAL, "it has no virtio-fs tag");
	return mount_fs(q, "virtiofs", q->in->source, e);
}

static int mount_ephemeral(struct request *q, struct error *e)
{
	int r = need_fstype(q, e);

	if (r < 0)
		return r;
	/* The pages of a hugetlbfs are kept for the container that may use them. */
	if (!str_equal(q->in->fstype, "hugetlbfs") && !str_equal(q->in->fstype, "tmpfs"))
		r = fail(e, EINVAL, "ephemeral storage is tmpfs or hugetlbfs, not '%.64s'",
			 q->in->fstype);
	return r < 0 ? r : mount_fs(q, q->in->fstype, q->in->source, e);
}

static int make_local(struct request *q, struct error *e)
{
	(void)q;
	(void)e;
	return NO_MOUNT;
}

static int mount_copy_of(struct request *q, int sourcefd, struct error *e)
{
	const struct mount_options o = { .set = MOUNT_NOSUID | MOUNT_NODEV };
	_close_ int made = mount_new("tmpfs", WATCHABLE, &o, e);
	_close_ int target = made < 0 ? -1 : openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_close_ int source = openat(sourcefd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (made < 0)
		return made;
	if (source < 0 || target < 0)
		return fail(e, errno, "cannot open '%.256s': %m", q->in->source);
	r = watch_copy(source, target, &watch_first, e);
	if (r < 0)
		return r;
	watches_add(q->st->watches, q->in->mount_point, TAKE_FD(source), TAKE_FD(target));
	return TAKE_FD(made);
}

/* A file, and what is too large to be looked through all the time, is bound as it is. */
static int mount_watchable(struct request *q, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	_close_ int source = -1;
	struct stat st;
	int r = -E2BIG;

	if (!run_dir_contains(q->in->source))
		return fail(e, EINVAL, "'%.256s' is no share", q->in->source);
	source = share_open_entered(q->in->source, e);
	if (source < 0)
		return source;
	if (fstat(source, &st) < 0)
		return fail(e, errno, "cannot look at '%.256s': %m", q->in->source);
	if (S_ISDIR(st.st_mode))
		r = mount_copy_of(q, source, e);
	if (r != -E2BIG)
		return r;
	log_info("storage '%.128s' is not watched for changes: %s", q->in->mount_point,
		 S_ISDIR(st.st_mode) ? e->msg : "it is a file");
	r = mount_options_parse(q->options, strv_len(q->options), &o, e);
	return r < 0 ? r : share_tree(q->in->source, &o, e);
}

/* The node itself, for a container that has it as a file, and not the file system on it. */
static int mount_node(const struct request *q, const char *node, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	int r = mount_options_parse(q->options, strv_len(q->options), &o, e);

	return r < 0 ? r : mount_clone(AT_FDCWD, node, &o, e);
}

/* On whichever bus: q->in->driver says it. */
static int mount_block(struct request *q, struct error *e)
{
	_free_ char *node = NULL;
	struct address address;
	int r = need_fstype(q, e);

	if (r == 0)
		r = address_parse(q->in->driver, q->in->source, &address, e);
	if (r == 0)
		r = bus_wait_block(q->st->sb, &address, q->deadline_ms, q->cancel, &node, e);
	if (r == 0 && q->is_formatted)
		r = format_disk(node, q->in->fstype, e);
	if (r < 0)
		return r;
	return str_equal(q->in->fstype, "bind") ? mount_node(q, node, e)
						: mount_fs(q, q->in->fstype, node, e);
}

/* The files of one file system, open for as long as the kernel looks them up by these names. */
struct image {
	int fds[MOUNT_OPTIONS_MAX + 1];
	size_t n;
};

static void image_done(struct image *image)
{
	while (image->n > 0)
		(void)close_fd(image->fds[--image->n]);
}

static int image_add(struct image *image, const char *path, int *ret_fd, struct error *e)
{
	struct stat st;
	int fd = run_dir_contains(path) ? run_dir_open(path, O_RDONLY, e)
					: fail(e, EINVAL, "'%.256s' is no share", path);

	if (fd < 0)
		return fd;
	image->fds[image->n++] = *ret_fd = fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(e, EINVAL, "'%.256s' is no file", path);
	return 0;
}

/* A file of a share as a file system, whose other files "device=" names.  No block device is
 * needed: erofs reads files. */
static int mount_image(struct request *q, struct error *e)
{
	_cleanup_(image_done) struct image image = { .n = 0 };
	int fd = -1, source = -1;
	int r = need_fstype(q, e);

	if (r == 0)
		r = image_add(&image, q->in->source, &source, e);
	for (char **option = q->options; r == 0 && option && *option; option++) {
		if (!str_starts(*option, IMAGE_DEVICE))
			continue;
		r = image_add(&image, *option + strlen(IMAGE_DEVICE), &fd, e);
		if (r == 0) {
			free(*option);
			*option = xasprintf("%s%s", IMAGE_DEVICE, fd_path(fd).s);
		}
	}
	return r < 0 ? r : mount_fs(q, q->in->fstype, fd_path(source).s, e);
}

/* mkdir -p of a path of the host's, which must be the sandbox's. */
static int make_sandbox_dir(const char *path, struct error *e)
{
	_close_ int dir = run_dir_make(path, DIR_MODE, e);

	return dir < 0 ? dir : 0;
}

static int make_overlay_dirs(struct request *q, struct error *e)
{
	for (size_t i = 0; i < q->in->n_driver_options; i++) {
		const char *option = q->in->driver_options[i];
		int r = 0;

		if (str_starts(option, OVERLAY_MKDIR))
			r = make_sandbox_dir(option + strlen(OVERLAY_MKDIR), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_overlay_upper(struct request *q, struct error *e)
{
	_free_ char *upper = NULL, *work = NULL;

	if (!q->cid)
		return fail(e, EINVAL, "'" OVERLAY_RW "' is for containers only");
	upper = xasprintf(SANDBOX_RUN_DIR "/%s/upper", q->cid);
	work = xasprintf(SANDBOX_RUN_DIR "/%s/work", q->cid);
	if (make_sandbox_dir(upper, e) < 0 || make_sandbox_dir(work, e) < 0)
		return -e->code;
	strv_addf(&q->options, "upperdir=%s", upper);
	strv_addf(&q->options, "workdir=%s", work);
	return 0;
}

/* The kernel takes a long list of layers only one by one. */
static void part_layers(struct request *q)
{
	strv parted = NULL;

	for (char *const *option = q->options; option && *option; option++) {
		const char *list = *option + strlen(OVERLAY_LOWER);
		_strv_ strv layers = NULL;

		if (!str_starts(*option, OVERLAY_LOWER) || strlen(list) <= FS_STRING_MAX) {
			strv_add(&parted, *option);
			continue;
		}
		layers = strv_split(list, ":");
		for (char *const *layer = layers; layer && *layer; layer++)
			strv_addf(&parted, "lowerdir+=%s", *layer);
	}
	strv_free(q->options);
	q->options = parted;
}

static int mount_overlay(struct request *q, struct error *e)
{
	int r = make_overlay_dirs(q, e);

	if (r == 0 && q->is_overlay_rw)
		r = add_overlay_upper(q, e);
	part_layers(q);
	return r < 0 ? r : mount_fs(q, "overlay", "overlay", e);
}

/* What is a volume can be bound more than once, and what one container mounts in it another one may
 * ask to see. */
enum kind { KIND_VOLUME, KIND_OTHER };

struct driver {
	const char *name;
	enum kind kind;
	mounter *mount;
};

/* What a block device is called on each bus is in lib/address.c. */
static const struct driver block_driver = { NULL, KIND_VOLUME, mount_block };
static const struct driver drivers[] = {
	{ "ephemeral", KIND_VOLUME, mount_ephemeral },
	{ "image-file", KIND_OTHER, mount_image },
	{ "local", KIND_VOLUME, make_local },
	{ "overlayfs", KIND_OTHER, mount_overlay },
	{ "virtio-fs", KIND_OTHER, mount_virtiofs },
	{ "watchable-bind", KIND_VOLUME, mount_watchable },
};

const char *storage_driver_name(size_t i)
{
	if (i < ARRAY_SIZE(drivers))
		return drivers[i].name;
	i -= ARRAY_SIZE(drivers);
	return i < N_ADDRESS_BUS ? address_driver((enum address_bus)i) : NULL;
}

static const struct driver *driver_of(const char *name)
{
	enum address_bus bus;

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_equal(drivers[i].name, name))
			return &drivers[i];
	return address_find_bus(name, &bus) ? &block_driver : NULL;
}

/* "mode=" of a tmpfs is the file system's; of a directory it is ours. */
static int take_option(struct request *q, const char *option, struct error *e)
{
	int r = 0;

	if (str_starts(option, "fsgid=")) {
		r = parse_u32(option + strlen("fsgid="), "fsgid", UINT32_MAX - 1, &q->gid, e);
		q->has_gid = true;
	} else if (str_equal(q->in->driver, "local") && str_starts(option, "mode=")) {
		r = parse_octal(option + strlen("mode="), "mode", 07777, &q->mode, e);
		q->has_mode = true;
	} else if (str_equal(option, OVERLAY_RW)) {
		q->is_overlay_rw = true;
	} else {
		strv_add(&q->options, option);
	}
	return r;
}

/* A volume that was to be encrypted must not be mounted as it is. */
static int take_driver_options(struct request *q, struct error *e)
{
	for (size_t i = 0; i < q->in->n_driver_options; i++) {
		const char *option = q->in->driver_options[i];

		if (str_starts(option, "encryption_key="))
			return fail(e, ENOTSUP, "driver option '%.128s' is not supported", option);
		if (str_equal(option, FORMAT))
			q->is_formatted = true;
		else if (!str_starts(option, OVERLAY_MKDIR))
			log_warn("storage '%.128s': driver option '%.128s' has no effect",
				 q->in->mount_point, option);
	}
	return 0;
}

static int take_options(struct request *q, struct error *e)
{
	int r = 0;

	if (q->in->n_options > MOUNT_OPTIONS_MAX)
		return fail(e, E2BIG, "%zu options are more than %d", q->in->n_options,
			    MOUNT_OPTIONS_MAX);
	for (size_t i = 0; i < q->in->n_options && r == 0; i++)
		r = take_option(q, q->in->options[i], e);
	return r;
}

/* The owner and mode of the root of what was mounted or made. */
static int own_root(const struct request *q, int fd, struct error *e)
{
	struct fd_path path = fd_path(fd);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at it: %m");
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (q->has_mode && chmod(path.s, q->mode) < 0)
		return fail(e, errno, "cannot set its mode to 0%o: %m", q->mode);
	if (!q->has_gid)
		return 0;
	if (fstat(fd, &st) < 0 || chown(path.s, (uid_t)-1, q->gid) < 0 ||
	    chmod(path.s, (st.st_mode & 07777) | S_ISGID) < 0)
		return fail(e, errno, "cannot give it to group %u: %m", q->gid);
	return 0;
}

/* A volume of the pod's group.  One that is mounted read-only cannot be changed, nor need it be. */
static int apply_fs_group(const struct request *q, int fd, struct error *e)
{
	const Agent__FSGroup *group = q->in->fs_group;
	bool is_always = false;

	if (!group || strv_contains(q->options, "ro"))
		return 0;
	is_always = group->group_change_policy == TYPES__FSGROUP_CHANGE_POLICY__Always;
	return fsgroup_apply(fd, group->group_id,
			     is_always ? FSGROUP_ALWAYS : FSGROUP_ON_ROOT_MISMATCH, e);
}

static int make_file(const char *path, struct error *e)
{
	_free_ char *parent = path_parent(path);
	_close_ int dir = run_dir_make(parent, DIR_MODE, e);
	_close_ int fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, path_base(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return fail(e, errno, "cannot make it: %m");
	return run_dir_open(path, O_PATH, e);
}

/* Returns a descriptor of the mount point and says whether a folder had to be made for it.  TYPE is
 * that of what will be mounted, 0: nothing.  Then it may be a file: a container made it in its
 * volume, and another one asks for that part. */
static int make_point(const char *path, mode_t type, bool *ret_made, struct error *e)
{
	int fd;

	if (!run_dir_contains(path))
		return fail(e, EINVAL, "its mount point is not below '" SANDBOX_RUN_DIR "'");
	*ret_made = false;
	fd = run_dir_open(path, type == S_IFDIR ? O_PATH | O_DIRECTORY : O_PATH, e);
	if (fd != -ENOENT)
		return fd;
	if (type && type != S_IFDIR)
		return make_file(path, e);
	*ret_made = true;
	return run_dir_make(path, DIR_MODE, e);
}

static mode_t type_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

static int let_propagate(int mountfd, const char *name, struct error *e)
{
	const struct mount_options shared = { .propagation = MS_SHARED };

	return mount_change(mountfd, &shared, name, e);
}

/* MADE is the detached mount, -1: a plain directory. */
static int put_in_place(struct request *q, struct point *p, enum kind kind, int made,
			struct error *e)
{
	_close_ int at = make_point(p->path, type_of(made), &p->made_dir, e);
	int root = made >= 0 ? made : at;
	int r = at;

	if (r >= 0 && made >= 0)
		r = mount_attach(made, at, p->path, e);
	if (r >= 0 && made >= 0 && kind == KIND_VOLUME)
		r = let_propagate(made, p->path, e);
	if (r >= 0)
		r = own_root(q, root, e);
	return r < 0 ? r : apply_fs_group(q, root, e);
}

static int fill_point(struct point *p, void *arg, struct error *e)
{
	struct request *q = arg;
	const struct driver *driver = driver_of(q->in->driver);
	_close_ int made = -1;
	int r;

	if (!driver)
		return fail(e, EINVAL, "driver '%.64s' is not known", q->in->driver);
	r = take_driver_options(q, e);
	if (r == 0)
		r = take_options(q, e);
	if (r < 0)
		return r;
	r = driver->mount(q, e);
	if (r < 0)
		return r;
	made = r == NO_MOUNT ? -1 : r;
	r = put_in_place(q, p, driver->kind, made, e);
	if (r == 0)
		p->mount_fd = TAKE_FD(made);
	else if (made >= 0)
		(void)umount2(fd_path(made).s, MNT_DETACH);
	return r;
}

static int take_point(struct request *q, struct error *e)
{
	/* One more user of a shared storage is the sandbox, until the agent ends. */
	unsigned uses = q->in->shared ? 2 : 1;
	int r = points_take(q->st->points, q->in->mount_point, uses, fill_point, q, q->deadline_ms,
			    e);

	/* A folder of a volume may have been removed by those who use the volume. */
	if (r > 0 && str_equal(q->in->driver, "local")) {
		struct point again = { .path = q->in->mount_point, .mount_fd = -1 };

		r = fill_point(&again, q, e);
	}
	return r < 0 ? r : 0;
}

/* The exported folder is read-only, so what is to be mounted in this part of it needs a file system
 * of the guest's. */
static int fill_watchable(struct point *p, void *arg, struct error *e)
{
	const struct mount_options o = { .set = MOUNT_NOSUID | MOUNT_NODEV };
	_close_ int made = mount_new("tmpfs", WATCHABLE, &o, e);
	_close_ int at = made < 0 ? -1 : run_dir_make(p->path, DIR_MODE, e);
	int r;

	(void)arg;
	if (made < 0 || at < 0)
		return -e->code;
	r = mount_attach(made, at, p->path, e);
	if (r >= 0)
		p->mount_fd = TAKE_FD(made);
	return r;
}

/* The folder that the mount point PATH needs so, or NULL: each runtime has its own.  Caller frees.
 */
static char *watchable_dir(const char *path)
{
	_free_ char *parent = path_parent(path);

	if (!str_starts(parent, SANDBOX_SHARED_DIR "/") || !str_equal(path_base(parent), WATCHABLE))
		return NULL;
	return TAKE_PTR(parent);
}

static int hold_watchable(struct request *q, strv *mounts, struct error *e)
{
	_free_ char *dir = watchable_dir(q->in->mount_point);
	int r;

	if (!dir)
		return 0;
	r = points_take(q->st->points, dir, 1, fill_watchable, NULL, q->deadline_ms, e);
	if (r < 0)
		return r;
	strv_add(mounts, dir);
	return 0;
}

/* What is made of a share keeps it. */
static int hold_shares(struct request *q, strv *mounts, struct error *e)
{
	static const char *const sources[] = { "watchable-bind", "image-file" };
	static const char *const options[] = { IMAGE_DEVICE, "upperdir=", "workdir=" };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sources); i++)
		if (str_equal(q->in->driver, sources[i]))
			r = share_hold(q->st->points, q->in->source, q->deadline_ms, mounts, e);
	for (size_t i = 0; r >= 0 && i < q->in->n_options && i < MOUNT_OPTIONS_MAX; i++)
		for (size_t j = 0; r >= 0 && j < ARRAY_SIZE(options); j++)
			if (str_starts(q->in->options[i], options[j]))
				r = share_hold(q->st->points,
					       q->in->options[i] + strlen(options[j]),
					       q->deadline_ms, mounts, e);
	return r;
}

static void unprefix(const Agent__Storage *in)
{
	run_dir_unprefix(in->source);
	run_dir_unprefix(in->mount_point);
	for (size_t i = 0; i < in->n_options; i++)
		run_dir_unprefix(in->options[i]);
}

/* Appends everything Q uses to *MOUNTS, also on failure. */
static int add_one(struct request *q, strv *mounts, struct error *e)
{
	int r = hold_shares(q, mounts, e);

	if (r >= 0)
		r = hold_watchable(q, mounts, e);
	if (r >= 0)
		r = take_point(q, e);
	strv_free(TAKE_PTR(q->options));
	if (r >= 0)
		strv_add(mounts, q->in->mount_point);
	return r;
}

int storages_add(struct storages *st, const char *cid, struct Agent__Storage *const *list, size_t n,
		 uint64_t deadline_ms, const struct cancel *cancel, strv *ret_mounts,
		 struct error *e)
{
	_strv_ strv mounts = NULL;
	struct error ignored;
	int r = 0;

	if (n > STORAGE_MAX_PER_CALL)
		return fail(e, E2BIG, "%zu storages are more than %d", n, STORAGE_MAX_PER_CALL);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct request q = { .st = st,
				     .cid = cid,
				     .in = list[i],
				     .deadline_ms = deadline_ms,
				     .cancel = cancel };

		unprefix(list[i]);
		r = add_one(&q, &mounts, e);
		if (r < 0)
			(void)fail_wrap(e, "storage '%.128s'", list[i]->mount_point);
	}
	if (r < 0)
		(void)storages_release(st, mounts, &ignored);
	else
		*ret_mounts = TAKE_PTR(mounts);
	return r;
}

int storages_release(struct storages *st, char *const *mounts, struct error *e)
{
	struct error later;
	int r = 0;

	for (size_t i = strv_len(mounts); i-- > 0;) {
		int one = points_release(st->points, mounts[i], r < 0 ? &later : e);

		if (r == 0)
			r = one;
	}
	return r;
}

void storages_free(struct storages *st)
{
	if (!st)
		return;
	watches_free(st->watches);
	points_free(st->points);
	free(st);
}

struct points *storages_points(struct storages *st)
{
	return st->points;
}

static int remount(struct storages *st, const Agent__Storage *in, struct error *e)
{
	_mount_options_ struct mount_options o = { 0 };
	_close_ int fd = points_mount(st->points, in->mount_point);
	_strv_ strv options = NULL;
	int r;

	if (fd < 0)
		return fail(e, ENOENT, "it is not mounted");
	for (size_t i = 0; i < in->n_options && i < MOUNT_OPTIONS_MAX; i++)
		if (!str_equal(in->options[i], "remount") && !str_starts(in->options[i], "fsgid="))
			strv_add(&options, in->options[i]);
	r = mount_options_parse(options, strv_len(options), &o, e);
	return r < 0 ? r : mount_reconfigure(fd, &o, in->fstype, e);
}

/* A changed size of volumes that are mounted already. */
int storage_rpc_update_ephemeral(struct rpc_request *req, const void *in_, void *out,
				 struct error *e)
{
	const Agent__UpdateEphemeralMountsRequest *in = in_;
	struct sandbox *sb = rpc_context(req);

	(void)out;
	if (in->n_storages > STORAGE_MAX_PER_CALL)
		return fail(e, E2BIG, "%zu storages are more than %d", in->n_storages,
			    STORAGE_MAX_PER_CALL);
	for (size_t i = 0; i < in->n_storages; i++) {
		const Agent__Storage *one = in->storages[i];
		int r;

		if (!str_equal(one->driver, "ephemeral"))
			r = fail(e, EINVAL, "its driver is '%.64s', not 'ephemeral'", one->driver);
		else
			r = remount(sb->storages, one, e);
		if (r < 0)
			return fail_wrap(e, "storage '%.128s'", one->mount_point);
	}
	return 0;
}
