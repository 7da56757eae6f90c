/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume - the size of a volume that is mounted already.
 *
 * The host knows a volume by its path in the guest, below SANDBOX_RUN_DIR.  Its file system is what
 * the kernel says of that path; it grows while it is used, one row per type that can.  The disk
 * below must have grown before; that is waited for a moment.  Nothing is made smaller: a file
 * system in use cannot be.
 */

#include "agent/storage/volume.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/csi.pb-c.h"
#include "lib/wait.h"

#include "agent/plan/run-dir.h"

#define SECTOR       512
#define DISK_WAIT_MS UINT64_C(3000)
#define DISK_LOOK_MS UINT64_C(20)

/* ABI of the kernel that no header of the C library has. */
#define ABI_EXT_MAGIC     0xef53
#define ABI_XFS_MAGIC     0x58465342
#define ABI_EXT_RESIZE    _IOW('f', 16, uint64_t)
#define ABI_XFS_GROW_DATA _IOW('X', 110, struct abi_xfs_grow)
#define ABI_XFS_GEOMETRY  _IOR('X', 126, struct abi_xfs_geometry)

struct abi_xfs_grow {
	uint64_t blocks;
	uint32_t percent_inodes;
};

struct abi_xfs_geometry {
	uint32_t block_size;
	uint32_t other[6];
	uint32_t percent_inodes;
	uint64_t blocks;
	uint8_t rest[216];
};
static_assert(sizeof(struct abi_xfs_geometry) == 256, "the size is part of the call's number");

static int open_volume(const char *path, int flags, struct statvfs *ret_fs, struct error *e)
{
	_close_ int fd = run_dir_contains(path)
				 ? run_dir_open(path, flags, e)
				 : fail(e, EINVAL, "it is not below '" SANDBOX_RUN_DIR "'");

	if (fd < 0)
		return fail_wrap(e, "volume '%.256s'", path);
	if (fstatvfs(fd, ret_fs) < 0)
		return fail(e, errno, "cannot look at the volume '%.256s': %m", path);
	return TAKE_FD(fd);
}

static void add_usage(Csi__VolumeStatsResponse *out, Csi__VolumeUsage__Unit unit, uint64_t total,
		      uint64_t free_, uint64_t available)
{
	Csi__VolumeUsage *usage = message_new(&csi__volume_usage__descriptor);

	usage->unit = unit;
	usage->total = total;
	usage->available = available;
	usage->used = total - free_;
	out->usage = xrealloc(out->usage, out->n_usage + 1, sizeof(*out->usage));
	out->usage[out->n_usage++] = usage;
}

int volume_rpc_stats(struct rpc_request *req, const void *in_, void *out_, struct error *e)
{
	const Agent__VolumeStatsRequest *in = in_;
	Csi__VolumeStatsResponse *out = out_;
	struct statvfs fs;
	_close_ int fd = open_volume(in->volume_guest_path, O_PATH, &fs, e);

	(void)req;
	if (fd < 0)
		return fd;
	add_usage(out, CSI__VOLUME_USAGE__UNIT__BYTES, fs.f_blocks * fs.f_frsize,
		  fs.f_bfree * fs.f_frsize, fs.f_bavail * fs.f_frsize);
	add_usage(out, CSI__VOLUME_USAGE__UNIT__INODES, fs.f_files, fs.f_ffree, fs.f_favail);
	out->volume_condition = message_new(&csi__volume_condition__descriptor);
	out->volume_condition->message = xstrdup("OK");
	return 0;
}

/* ioctl(2), whose second argument the C libraries do not agree about. */
static int call(int fd, unsigned long what, void *arg)
{
	return (int)syscall(SYS_ioctl, fd, what, arg);
}

static int grow_ext(int fd, uint64_t bytes, const struct statvfs *fs)
{
	uint64_t blocks = bytes / fs->f_bsize;

	return call(fd, ABI_EXT_RESIZE, &blocks);
}

static int grow_xfs(int fd, uint64_t bytes, const struct statvfs *fs)
{
	struct abi_xfs_geometry geometry = { 0 };
	struct abi_xfs_grow grow;

	(void)fs;
	if (call(fd, ABI_XFS_GEOMETRY, &geometry) < 0)
		return -1;
	grow = (struct abi_xfs_grow){ .blocks = bytes / geometry.block_size,
				      .percent_inodes = geometry.percent_inodes };
	return grow.blocks == geometry.blocks ? 0 : call(fd, ABI_XFS_GROW_DATA, &grow);
}

static const struct {
	long magic;
	int (*grow)(int fd, uint64_t bytes, const struct statvfs *fs); /* -1 with errno */
} growers[] = {
	{ ABI_EXT_MAGIC, grow_ext },
	{ ABI_XFS_MAGIC, grow_xfs },
};

/* The disk below.  0 if the kernel does not say. */
static uint64_t disk_size(dev_t disk)
{
	_free_ char *path = xasprintf("/sys/dev/block/%u:%u/size", major(disk), minor(disk));
	_free_ char *text = NULL;
	uint64_t sectors = 0;
	struct error ignored;

	if (file_read(path, 64, &text, NULL, &ignored) < 0 ||
	    parse_u64(str_trim(text), path, UINT64_MAX / SECTOR, &sectors, &ignored) < 0)
		return 0;
	return sectors * SECTOR;
}

/* Whoever makes a disk larger is told so before the kernel here has noticed. */
static int wait_for_disk(int fd, uint64_t bytes, struct error *e)
{
	uint64_t deadline_ms = deadline_in(DISK_WAIT_MS), has;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at it: %m");
	for (has = disk_size(st.st_dev); has > 0 && has < bytes; has = disk_size(st.st_dev))
		if (wait_pause(DISK_LOOK_MS, "the disk", deadline_ms, NULL, e) < 0)
			return fail(e, ENOSPC,
				    "it cannot have %" PRIu64 " bytes: its disk has %" PRIu64,
				    bytes, has);
	return 0;
}

static int grow(int fd, uint64_t bytes, const struct statvfs *fs, struct error *e)
{
	struct statfs type;

	if (fstatfs(fd, &type) < 0)
		return fail(e, errno, "cannot look at it: %m");
	if (bytes < fs->f_blocks * fs->f_frsize)
		return fail(e, ERANGE, "it has %" PRIu64 " bytes and cannot become smaller",
			    (uint64_t)(fs->f_blocks * fs->f_frsize));
	for (size_t i = 0; i < ARRAY_SIZE(growers); i++) {
		if ((long)type.f_type != growers[i].magic)
			continue;
		if (wait_for_disk(fd, bytes, e) < 0)
			return -e->code;
		if (growers[i].grow(fd, bytes, fs) < 0)
			return fail(e, errno, "it cannot have %" PRIu64 " bytes: %m", bytes);
		return 0;
	}
	return fail(e, ENOTSUP, "its file system cannot grow while it is used");
}

int volume_rpc_resize(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__ResizeVolumeRequest *in = in_;
	struct statvfs fs;
	_close_ int fd = open_volume(in->volume_guest_path, O_RDONLY | O_DIRECTORY, &fs, e);
	int r;

	(void)req;
	(void)out;
	if (fd < 0)
		return fd;
	r = grow(fd, in->size, &fs, e);
	if (r < 0)
		return fail_wrap(e, "volume '%.256s'", in->volume_guest_path);
	log_info("the volume '%.256s' has %" PRIu64 " bytes", in->volume_guest_path, in->size);
	return 0;
}
