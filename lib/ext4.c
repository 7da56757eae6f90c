/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext4 - make an empty ext4 file system in a file or on a disk.
 *
 * A volume that is a disk needs a file system before the guest can mount it; neither the guest nor
 * every node has a program that makes one.  An empty one is little: a superblock, the table of
 * groups, the maps of the first group, a folder, a journal.  All other groups are marked as never
 * used, so that the kernel makes their maps when it needs them, and the file, which reads as zeros,
 * is their tables of inodes; on a disk, which may have anything in it, the first group is emptied
 * and the kernel empties the other tables while it is used.  It has a journal, since the volume
 * outlives a VM that is killed.
 *
 * Layout and numbers are those of the Linux kernel's Documentation/filesystems/ext4: blocks of
 * 4 KiB, 128 MiB a group, an inode for each 16 KiB, checksums of groups (gdt_csum), and of the
 * features that change the layout only extents.  Nothing is read.  Pure but for the writes.
 */

#include "lib/ext4.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK           4096U
#define GROUP_BLOCKS    32768U
#define GROUP_INODES    8192U
#define INODE           256U
#define TABLE_BLOCKS    (GROUP_INODES * INODE / BLOCK)
#define DESCRIPTOR      32U
#define GROUPS_MAX      131071U /* block numbers are of 32 bits */
#define RESERVED_INODES 10U
#define ROOT_INODE      2U
#define JOURNAL_INODE   8U
#define JOURNAL_LARGE   8192U /* blocks, of a file system of at least a whole group */
#define JOURNAL_SMALL   1024U
#define GROUP_NO_INODES 1U /* the inode map is not made */
#define GROUP_NO_BLOCKS 2U /* nor the block map */
#define GROUP_ZEROED    4U /* the inode table is */
#define INODE_EXTENTS   0x80000U
#define INODE_EXTRA     32U
#define COMPATIBLE      0x2cU /* has_journal, ext_attr, dir_index */
#define INCOMPATIBLE    0x42U /* filetype, extent */
#define READ_COMPATIBLE \
	0x7bU /* sparse_super, large_file, huge_file, gdt_csum, dir_nlink, extra_isize */
#define MOUNT_DEFAULTS  0x0cU /* user_xattr, acl */
#define DIRECTORY_ENTRY 12U   /* of "." */
#define EMPTY_BLOCKS    64U   /* that are emptied at once */

struct layout {
	const struct ext4_new *new;
	uint32_t groups;
	uint32_t blocks;
	uint32_t table;   /* blocks of the table of groups */
	uint32_t root;    /* block of the top folder */
	uint32_t journal; /* first block */
	uint32_t journal_blocks;
	uint32_t used; /* blocks of the first group */
};

static void put16(uint8_t *at, uint32_t value)
{
	uint16_t little = htole16((uint16_t)value);

	memcpy(at, &little, sizeof(little));
}

static void put32(uint8_t *at, uint32_t value)
{
	uint32_t little = htole32(value);

	memcpy(at, &little, sizeof(little));
}

static void put32_big(uint8_t *at, uint32_t value)
{
	uint32_t big = htobe32(value);

	memcpy(at, &big, sizeof(big));
}

static uint16_t crc16(uint16_t crc, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1);
	}
	return crc;
}

static bool is_power_of(uint32_t number, uint32_t base)
{
	while (number % base == 0)
		number /= base;
	return number == 1;
}

/* Groups that have room for a copy of the superblock and of the table. */
static bool has_copy(uint32_t group)
{
	return group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
	       is_power_of(group, 7);
}

static int plan(const struct ext4_new *new, struct layout *ret, struct error *e)
{
	uint64_t blocks = new->bytes / BLOCK;
	uint64_t groups = blocks / GROUP_BLOCKS;
	struct layout l = { .new = new };

	if (new->bytes < EXT4_MIN)
		return fail(e, ENOSPC, "%llu bytes are too few for a file system",
			    (unsigned long long)new->bytes);
	l.groups = (uint32_t)max_u64(1, min_u64(groups, GROUPS_MAX));
	l.blocks = groups ? l.groups * GROUP_BLOCKS : (uint32_t)blocks;
	l.table = (l.groups * DESCRIPTOR + BLOCK - 1) / BLOCK;
	l.root = 1 + l.table + 2 + TABLE_BLOCKS;
	l.journal = l.root + 1;
	l.journal_blocks = groups ? JOURNAL_LARGE : JOURNAL_SMALL;
	l.used = l.journal + l.journal_blocks;
	*ret = l;
	return 0;
}

/* Where its maps are, counted from its first block. */
static uint32_t first_map(const struct layout *l, uint32_t group)
{
	return has_copy(group) ? 1 + l->table : 0;
}

static uint32_t free_blocks(const struct layout *l, uint32_t group)
{
	if (group == 0)
		return (l->groups == 1 ? l->blocks : GROUP_BLOCKS) - l->used;
	return GROUP_BLOCKS - first_map(l, group) - 2 - TABLE_BLOCKS;
}

/* The checker wants those of the last group to be made. */
static uint32_t flags_of(const struct layout *l, uint32_t group)
{
	uint32_t zeroed = group == 0 || l->new->ground == EXT4_FILE ? GROUP_ZEROED : 0;

	if (group == 0)
		return zeroed;
	return zeroed | GROUP_NO_INODES | (group + 1 < l->groups ? GROUP_NO_BLOCKS : 0);
}

static void put_group(const struct layout *l, uint32_t group, uint8_t *at)
{
	uint32_t map = group * GROUP_BLOCKS + first_map(l, group);
	uint32_t inodes = group ? GROUP_INODES : GROUP_INODES - RESERVED_INODES;
	uint8_t number[4];
	uint16_t crc;

	put32(at, map);
	put32(at + 4, map + 1);
	put32(at + 8, map + 2);
	put16(at + 12, free_blocks(l, group));
	put16(at + 14, inodes);
	put16(at + 16, group ? 0 : 1);
	put16(at + 18, flags_of(l, group));
	put16(at + 28, inodes);
	put32(number, group);
	crc = crc16(UINT16_MAX, l->new->uuid, sizeof(l->new->uuid));
	crc = crc16(crc, number, sizeof(number));
	put16(at + 30, crc16(crc, at, 30));
}

static void put_superblock(const struct layout *l, uint8_t *at)
{
	uint64_t free_all = 0;

	for (uint32_t i = 0; i < l->groups; i++)
		free_all += free_blocks(l, i);
	put32(at, l->groups * GROUP_INODES);
	put32(at + 4, l->blocks);
	put32(at + 12, (uint32_t)free_all);
	put32(at + 16, l->groups * GROUP_INODES - RESERVED_INODES);
	put32(at + 24, 2); /* blocks of 1024 << 2 */
	put32(at + 28, 2);
	put32(at + 32, GROUP_BLOCKS);
	put32(at + 36, GROUP_BLOCKS);
	put32(at + 40, GROUP_INODES);
	put32(at + 48, l->new->time);
	put16(at + 54, UINT16_MAX); /* mounts until a check: never */
	put16(at + 56, 0xef53);
	put16(at + 58, 1); /* clean */
	put16(at + 60, 1); /* go on after an error */
	put32(at + 64, l->new->time);
	put32(at + 76, 1); /* revision */
	put32(at + 84, RESERVED_INODES + 1);
	put16(at + 88, INODE);
	put32(at + 92, COMPATIBLE);
	put32(at + 96, INCOMPATIBLE);
	put32(at + 100, READ_COMPATIBLE);
	memcpy(at + 104, l->new->uuid, sizeof(l->new->uuid));
	put32(at + 224, JOURNAL_INODE);
	memcpy(at + 236, l->new->uuid, sizeof(l->new->uuid)); /* seed of the hashes of names */
	at[252] = 1;                                          /* half MD4 */
	put32(at + 256, MOUNT_DEFAULTS);
	put32(at + 264, l->new->time);
	put16(at + 348, INODE_EXTRA);
	put16(at + 350, INODE_EXTRA);
	put32(at + 352, 1); /* hashes of signed characters */
}

static void put_inode(const struct layout *l, uint8_t *at, mode_t mode, uint32_t first,
		      uint32_t blocks)
{
	put16(at, mode);
	put32(at + 4, blocks * BLOCK);
	put32(at + 8, l->new->time);
	put32(at + 12, l->new->time);
	put32(at + 16, l->new->time);
	put16(at + 26, S_ISDIR(mode) ? 2 : 1);
	put32(at + 28, blocks * (BLOCK / 512));
	put32(at + 32, INODE_EXTENTS);
	put16(at + 40, 0xf30a); /* one extent of four */
	put16(at + 42, 1);
	put16(at + 44, 4);
	put16(at + 56, blocks);
	put32(at + 60, first);
	put16(at + 128, INODE_EXTRA);
}

static void put_owner(uint8_t *at, uid_t uid, gid_t gid)
{
	put16(at + 2, uid & 0xffff);
	put16(at + 24, gid & 0xffff);
	put16(at + 120, uid >> 16);
	put16(at + 122, gid >> 16);
}

static void put_name(uint8_t *at, uint32_t len, const char *name)
{
	put32(at, ROOT_INODE);
	put16(at + 4, len);
	at[6] = (uint8_t)strlen(name);
	at[7] = 2; /* a folder */
	memcpy(at + 8, name, strlen(name));
}

static void set_bits(uint8_t *map, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		map[i / 8] |= (uint8_t)(1U << i % 8);
}

static int write_at(int fd, uint32_t block, const uint8_t *bytes, size_t len, struct error *e)
{
	ssize_t n = pwrite(fd, bytes, len, (off_t)block * BLOCK);

	if (n < 0)
		return fail(e, errno, "cannot write a file system: %m");
	return (size_t)n == len ? 0 : fail(e, ENOSPC, "cannot write a file system: no room");
}

static int write_groups(const struct layout *l, int fd, struct error *e)
{
	size_t len = (size_t)l->table * BLOCK;
	_free_ uint8_t *table = xcalloc(1, len);

	for (uint32_t i = 0; i < l->groups; i++)
		put_group(l, i, table + (size_t)i * DESCRIPTOR);
	return write_at(fd, 1, table, len, e);
}

static int write_maps(const struct layout *l, int fd, struct error *e)
{
	uint8_t maps[2 * BLOCK] = { 0 };

	set_bits(maps, 0, l->used);
	set_bits(maps, l->blocks, BLOCK * 8);
	set_bits(maps + BLOCK, 0, RESERVED_INODES);
	set_bits(maps + BLOCK, GROUP_INODES, BLOCK * 8);
	return write_at(fd, 1 + l->table, maps, sizeof(maps), e);
}

static int write_last_map(const struct layout *l, int fd, struct error *e)
{
	uint8_t map[BLOCK] = { 0 };
	uint32_t last = l->groups - 1, first = first_map(l, last);

	if (last == 0)
		return 0;
	set_bits(map, 0, first + 2 + TABLE_BLOCKS);
	return write_at(fd, last * GROUP_BLOCKS + first, map, sizeof(map), e);
}

static int write_inodes(const struct layout *l, int fd, struct error *e)
{
	uint8_t block[BLOCK] = { 0 };
	uint8_t *root = block + (ROOT_INODE - 1) * INODE;

	put_inode(l, root, S_IFDIR | (l->new->mode & 07777), l->root, 1);
	put_owner(root, l->new->uid, l->new->gid);
	put_inode(l, block + (JOURNAL_INODE - 1) * INODE, S_IFREG | 0600, l->journal,
		  l->journal_blocks);
	return write_at(fd, 1 + l->table + 2, block, sizeof(block), e);
}

static int write_folder(const struct layout *l, int fd, struct error *e)
{
	uint8_t block[BLOCK] = { 0 };

	put_name(block, DIRECTORY_ENTRY, ".");
	put_name(block + DIRECTORY_ENTRY, BLOCK - DIRECTORY_ENTRY, "..");
	return write_at(fd, l->root, block, sizeof(block), e);
}

static int write_journal(const struct layout *l, int fd, struct error *e)
{
	uint8_t block[BLOCK] = { 0 };

	put32_big(block, 0xc03b3998);
	put32_big(block + 4, 4); /* a superblock, version 2 */
	put32_big(block + 12, BLOCK);
	put32_big(block + 16, l->journal_blocks);
	put32_big(block + 20, 1); /* first block of the log */
	put32_big(block + 24, 1); /* first transaction */
	memcpy(block + 48, l->new->uuid, sizeof(l->new->uuid));
	put32_big(block + 64, 1); /* users */
	return write_at(fd, l->journal, block, sizeof(block), e);
}

/* Last: without it there is no file system. */
static int write_superblock(const struct layout *l, int fd, struct error *e)
{
	uint8_t block[BLOCK] = { 0 };

	put_superblock(l, block + 1024);
	return write_at(fd, 0, block, sizeof(block), e);
}

static int empty_file(const struct layout *l, int fd, struct error *e)
{
	if (ftruncate(fd, (off_t)l->blocks * BLOCK) < 0)
		return fail(e, errno, "cannot make a file of %llu bytes: %m",
			    (unsigned long long)l->blocks * BLOCK);
	return 0;
}

static int empty_disk(const struct layout *l, int fd, struct error *e)
{
	/* Not in the program, which would be larger by as much. */
	_free_ uint8_t *zeros = xcalloc(EMPTY_BLOCKS, BLOCK);
	int r = 0;

	for (uint32_t block = 0; r >= 0 && block < l->used; block += EMPTY_BLOCKS)
		r = write_at(fd, block, zeros, min_size(EMPTY_BLOCKS, l->used - block) * BLOCK, e);
	return r;
}

static int write_ground(const struct layout *l, int fd, struct error *e)
{
	return l->new->ground == EXT4_FILE ? empty_file(l, fd, e) : empty_disk(l, fd, e);
}

int ext4_make(int fd, const struct ext4_new *new, struct error *e)
{
	static int (*const parts[])(const struct layout *l, int fd, struct error *e) = {
		write_ground, write_groups, write_maps,    write_last_map,
		write_inodes, write_folder, write_journal, write_superblock,
	};
	struct layout l;
	int r = plan(new, &l, e);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](&l, fd, e);
	return r;
}
