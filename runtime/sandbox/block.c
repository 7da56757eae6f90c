/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block - give a guest disks, each once.
 *
 * A disk is known by what it is: the number of a block device, the inode of a file.  Two nodes of
 * one disk, or a node and a link to it, are therefore one.  What is plugged in for reading alone
 * cannot become writable, so who wants to write it then gets it a second time; the guest reads both
 * through caches of their own.
 *
 * A disk is opened by its number through a node of our own, in a tmpfs that nobody else sees: its
 * name in /dev may be missing (a node inside a container), and /run is mounted nodev on most
 * machines.
 */

#include "runtime/sandbox/block.h"

#include <fcntl.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/mount.h"
#include "lib/str.h"

#define PLUG_MS   UINT64_C(20000)
#define UNPLUG_MS UINT64_C(10000)
#define NODE      "disk"

struct block {
	struct block *next;
	dev_t device; /* of the disk, or of the file system that has the file */
	ino_t inode;  /* 0: a disk */
	bool is_read_only;
	strv users;
	char id[24];
	struct address address;
};

static int open_node(int dir, enum block_access access)
{
	return openat(dir, NODE, (access == BLOCK_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
}

int block_open(dev_t device, enum block_access *access, struct error *e)
{
	const struct mount_options none = { 0 };
	_close_ int dir = mount_new("tmpfs", "disk", &none, e);
	int fd;

	if (dir < 0)
		return dir;
	if (mknodat(dir, NODE, S_IFBLK | 0600, device) < 0)
		return fail(e, errno, "cannot make a node: %m");
	fd = open_node(dir, *access);
	if (fd < 0 && *access == BLOCK_READ_WRITE && (errno == EACCES || errno == EROFS)) {
		*access = BLOCK_READ_ONLY;
		fd = open_node(dir, *access);
	}
	return fd < 0 ? fail(e, errno, "cannot open it: %m") : fd;
}

static int identify(int fd, struct block *ret, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at it: %m");
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(e, ENOTBLK, "it is neither a block device nor a file");
	ret->device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	ret->inode = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	return 0;
}

static struct block *find(const struct blocks *blocks, const struct block *like)
{
	struct block *b = blocks->first;

	while (b && (b->device != like->device || b->inode != like->inode ||
		     (b->is_read_only && !like->is_read_only)))
		b = b->next;
	return b;
}

static int plug(struct blocks *blocks, struct vmm *vmm, int fd, struct block *new,
		const struct cancel *c, struct block **ret_block, struct error *e)
{
	const struct vmm_block disk = { .id = new->id, .fd = fd, .read_only = new->is_read_only };
	struct block *b;
	int r;

	(void)snprintf(new->id, sizeof(new->id), "disk-%u", blocks->n_made++);
	r = vmm_add_block(vmm, &disk, &new->address, deadline_in(PLUG_MS), c, e);
	if (r < 0)
		return r;
	b = xmalloc(sizeof(*b));
	*b = *new;
	b->next = blocks->first;
	blocks->first = b;
	*ret_block = b;
	return 0;
}

int block_plug(struct blocks *blocks, struct vmm *vmm, int fd, enum block_access access,
	       const char *user, const struct cancel *c, const struct address **ret_address,
	       struct error *e)
{
	struct block new = { .is_read_only = access == BLOCK_READ_ONLY };
	struct block *b;
	int r = identify(fd, &new, e);

	if (r < 0)
		return r;
	b = find(blocks, &new);
	if (!b)
		r = plug(blocks, vmm, fd, &new, c, &b, e);
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

void blocks_done(struct blocks *blocks)
{
	while (blocks->first)
		forget(blocks, blocks->first);
}
