/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block - give a guest disks, each once.
 *
 * A disk is known by what it is: the number of a block device, the inode of a file.  Two nodes of
 * one disk, or a node and a link to it, are therefore one.  What is plugged in for reading alone
 * cannot become writable, so who wants to write it then gets it a second time; the guest reads both
 * through caches of their own.
 *
 * A file system that a guest mounts must be nobody else's.  A block device is opened exclusively
 * for it, which fails while anything on the host has it mounted and keeps everybody from doing so
 * later. A file has no such lock but the one QEMU takes against other VMs; loop devices are looked
 * through.
 *
 * A disk is opened by its number through a node of our own, in a tmpfs that nobody else sees: its
 * name in /dev may be missing (a node inside a container), and /run is mounted nodev on most
 * machines.
 */

#include "runtime/sandbox/block.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/mount.h"
#include "lib/str.h"

#define PLUG_MS   UINT64_C(20000)
#define UNPLUG_MS UINT64_C(10000)
#define RESIZE_MS UINT64_C(10000)
#define NODE      "disk"

struct block {
	struct block *next;
	dev_t device; /* of the disk, or of the file system that has the file */
	ino_t inode;  /* 0: a disk */
	bool is_read_only;
	bool is_claimed;
	int fd; /* keeps the claim */
	strv users;
	char id[24];
	struct address address;
};

static int open_node(int dir, bool is_read_only)
{
	return openat(dir, NODE, (is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
}

/* One that cannot be written may be opened for it all the same. */
static bool is_write_protected(int fd)
{
	int is_set = 0;

	return ioctl(fd, BLKROGET, &is_set) == 0 && is_set;
}

/* By its number. */
static int open_device(struct block *b, struct error *e)
{
	const struct mount_options none = { 0 };
	_close_ int dir = mount_new("tmpfs", "disk", &none, e);

	if (dir < 0)
		return dir;
	if (mknodat(dir, NODE, S_IFBLK | 0600, b->device) < 0)
		return fail(e, errno, "cannot make a node: %m");
	b->fd = open_node(dir, b->is_read_only);
	if (!b->is_read_only &&
	    (b->fd < 0 ? errno == EACCES || errno == EROFS : is_write_protected(b->fd))) {
		b->is_read_only = true;
		(void)close_fd(b->fd);
		b->fd = open_node(dir, b->is_read_only);
	}
	return b->fd < 0 ? fail(e, errno, "cannot open it: %m") : 0;
}

/* True if LOOP ("loop3") is made of the file ST. */
static bool is_loop_of(const char *loop, const struct stat *st)
{
	_free_ char *path = xasprintf("/sys/block/%s/loop/backing_file", loop);
	_free_ char *file = NULL;
	struct stat backing;
	struct error ignored;

	return file_read(path, PATH_MAX, &file, NULL, &ignored) >= 0 &&
	       stat(str_trim(file), &backing) == 0 && backing.st_dev == st->st_dev &&
	       backing.st_ino == st->st_ino;
}

static bool has_loop(const struct stat *st)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	for (entry = readdir(dir); entry && !found; entry = readdir(dir))
		found = str_starts(entry->d_name, "loop") && is_loop_of(entry->d_name, st);
	(void)closedir(dir);
	return found;
}

/* By its path, for a file system. */
static int claim(struct block *b, const char *path, struct error *e)
{
	int flags = (b->is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	struct stat st;

	b->fd = open(path, b->inode ? flags : flags | O_EXCL);
	if (b->fd < 0)
		return fail(e, errno, "cannot have '%s' alone: %m", path);
	if (fstat(b->fd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (b->inode && has_loop(&st))
		return fail(e, EBUSY, "'%s' is a loop device of the host", path);
	return 0;
}

static int identify(const struct block_source *source, struct block *ret, struct error *e)
{
	struct stat st;

	*ret = (struct block){ .device = source->device,
			       .is_read_only = source->access == BLOCK_READ_ONLY,
			       .is_claimed = source->path != NULL,
			       .fd = -1 };
	if (!source->path)
		return 0;
	if (stat(source->path, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", source->path);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(e, ENOTBLK, "'%s' is neither a block device nor a file", source->path);
	ret->device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	ret->inode = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	return 0;
}

static struct block *find(const struct blocks *blocks, const struct block *like)
{
	struct block *b = blocks->first;

	while (b && (b->device != like->device || b->inode != like->inode ||
		     b->is_claimed != like->is_claimed || (b->is_read_only && !like->is_read_only)))
		b = b->next;
	return b;
}

/* Consumes what NEW holds. */
static int plug(struct blocks *blocks, struct vmm *vmm, const struct block_source *source,
		struct block *new, const struct cancel *c, struct block **ret_block,
		struct error *e)
{
	struct vmm_block disk = { .id = new->id, .is_shared = !new->is_claimed };
	struct block *b;
	int r = source->path ? claim(new, source->path, e) : open_device(new, e);

	(void)snprintf(new->id, sizeof(new->id), "disk-%u", blocks->n_made++);
	disk.fd = new->fd;
	disk.read_only = new->is_read_only;
	if (r >= 0)
		r = vmm_add_block(vmm, &disk, &new->address, deadline_in(PLUG_MS), c, e);
	if (r < 0) {
		(void)close_fd(new->fd);
		return r;
	}
	b = xmalloc(sizeof(*b));
	*b = *new;
	b->next = blocks->first;
	blocks->first = b;
	*ret_block = b;
	return 0;
}

int block_plug(struct blocks *blocks, struct vmm *vmm, const struct block_source *source,
	       const char *user, const struct cancel *c, const struct address **ret_address,
	       struct error *e)
{
	struct block new;
	struct block *b;
	int r = identify(source, &new, e);

	if (r < 0)
		return r;
	b = find(blocks, &new);
	if (!b)
		r = plug(blocks, vmm, source, &new, c, &b, e);
	if (r < 0)
		return r;
	strv_add(&b->users, user);
	*ret_address = &b->address;
	return 0;
}

static void forget(struct blocks *blocks, struct block *b)
{
	struct block **at = &blocks->first;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	strv_free(b->users);
	(void)close_fd(b->fd);
	free(b);
}

void block_unplug(struct blocks *blocks, struct vmm *vmm, const char *user, const struct cancel *c)
{
	struct block *b = blocks->first;
	struct error e;

	while (b && !strv_contains(b->users, user))
		b = b->next;
	if (!b)
		return;
	strv_drop(b->users, user);
	if (strv_len(b->users) > 0)
		return;
	/* One that stays is not forgotten: who wants it next has it at once. */
	if (vmm_remove_block(vmm, b->id, deadline_in(UNPLUG_MS), c, &e) < 0)
		log_info("the guest keeps a disk: %s", e.msg);
	else
		forget(blocks, b);
}

static int find_file_system(const struct blocks *blocks, const char *path, enum block_access access,
			    struct block **ret, struct error *e)
{
	const struct block_source source = { .path = path, .access = access };
	struct block like;
	int r = identify(&source, &like, e);

	if (r < 0)
		return r;
	*ret = find(blocks, &like);
	if (!*ret || strv_len((*ret)->users) == 0)
		return fail(e, ENOENT, "the guest has no file system on '%s'%s", path,
			    access == BLOCK_READ_WRITE ? " for writing" : "");
	return 0;
}

int block_find_user(const struct blocks *blocks, const char *path, enum block_access access,
		    const char **ret_user, struct error *e)
{
	struct block *b;
	int r = find_file_system(blocks, path, access, &b, e);

	if (r >= 0)
		*ret_user = b->users[0];
	return r;
}

/* Of a file and of a device alike. */
static int size_of(int fd, uint64_t *ret_bytes, struct error *e)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return fail(e, errno, "cannot find out its size: %m");
	*ret_bytes = (uint64_t)end;
	return 0;
}

int block_grow(const struct blocks *blocks, struct vmm *vmm, const char *path, uint64_t bytes,
	       const struct cancel *c, struct error *e)
{
	struct block *b;
	uint64_t has;
	int r = find_file_system(blocks, path, BLOCK_READ_WRITE, &b, e);

	if (r >= 0)
		r = size_of(b->fd, &has, e);
	if (r < 0)
		return r;
	if (has < bytes)
		return fail(e, ENOSPC,
			    "'%s' has %" PRIu64 " bytes: it must be made larger on the node first",
			    path, has);
	return vmm_resize_block(vmm, b->id, has, deadline_in(RESIZE_MS), c, e);
}

bool blocks_hold_data(const struct blocks *blocks)
{
	const struct block *b = blocks->first;

	while (b && (!b->is_claimed || b->is_read_only))
		b = b->next;
	return b != NULL;
}

void blocks_done(struct blocks *blocks)
{
	while (blocks->first)
		forget(blocks, blocks->first);
}
