/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ext4 - empty file systems: how large they are, and how little they take.
 *
 * That they are whole, the checker of e2fsprogs and the guest's kernel say, in tests/it.
 */

#include "tests/unit/unit.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ext4.h"

static int make(uint64_t bytes, int *ret_fd, struct error *e)
{
	const struct ext4_new new = { .bytes = bytes, .uuid = { 1 }, .mode = 0755 };
	int fd = memfd_create("disk", MFD_CLOEXEC);
	int r = ext4_make(fd, &new, e);

	*ret_fd = r < 0 ? -1 : fd;
	if (r < 0)
		(void)close(fd);
	return r;
}

static uint32_t number(int fd, off_t at)
{
	uint32_t value = 0;

	assert_int_equal(pread(fd, &value, sizeof(value), 1024 + at), sizeof(value));
	return le32toh(value);
}

/* Whole groups of 128 MiB, but where there is less than one; never more than was given. */
static void test_file_system_fits_and_stays_sparse(void **state)
{
	static const struct {
		uint64_t bytes, wanted;
	} cases[] = {
		{ 16 * MIB, 16 * MIB },
		{ 100 * MIB + 5, 100 * MIB },
		{ 128 * MIB, 128 * MIB },
		{ 300 * MIB, 256 * MIB },
		{ 5 * GIB + MIB, 5 * GIB },
		{ 1024 * GIB, 1024 * GIB },
		{ 99999 * GIB, 16384 * GIB - 128 * MIB },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stat st;
		struct error e;
		int fd;

		assert_int_equal(make(cases[i].bytes, &fd, &e), 0);
		assert_return_code(fstat(fd, &st), errno);
		assert_int_equal(st.st_size, cases[i].wanted);
		assert_int_equal((uint64_t)number(fd, 4) * 4096, cases[i].wanted);
		assert_true((uint64_t)st.st_blocks * 512 < 5 * MIB);
		assert_true(number(fd, 12) < number(fd, 4));
		(void)close(fd);
	}
}

/* What a disk had before is nobody's tables of inodes, nor a journal that would be replayed. */
static void test_what_a_disk_had_is_gone(void **state)
{
	struct ext4_new new = { .bytes = 300 * MIB, .uuid = { 1 }, .mode = 0755 };
	int file = memfd_create("file", MFD_CLOEXEC), disk = memfd_create("disk", MFD_CLOEXEC);
	uint8_t *old = xcalloc(1, MIB), wanted[4096], got[4096];
	struct error e;

	(void)state;
	memset(old, 0xee, MIB);
	for (off_t i = 0; i < 300; i++)
		assert_int_equal(pwrite(disk, old, MIB, i * (off_t)MIB), MIB);
	assert_int_equal(ext4_make(file, &new, &e), 0);
	new.ground = EXT4_DISK;
	assert_int_equal(ext4_make(disk, &new, &e), 0);
	/* The first group is the same but for the table of groups, in which the others' tables are
	 * not known to be empty. */
	for (off_t block = 0; block < 34 * 256; block++) {
		assert_int_equal(pread(file, wanted, sizeof(wanted), block * 4096), 4096);
		assert_int_equal(pread(disk, got, sizeof(got), block * 4096), 4096);
		if (block == 1)
			assert_int_equal(wanted[32 + 18] - got[32 + 18], 4);
		else
			assert_memory_equal(wanted, got, sizeof(got));
	}
	(void)close(file);
	(void)close(disk);
	free(old);
}

static void test_too_little_room_is_said(void **state)
{
	struct error e;
	int fd;

	(void)state;
	assert_int_equal(make(15 * MIB, &fd, &e), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_system_fits_and_stays_sparse),
		cmocka_unit_test(test_what_a_disk_had_is_gone),
		cmocka_unit_test(test_too_little_room_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
