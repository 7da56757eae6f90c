/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_share - what a guest sees of a volume on which the host mounts something later, on real
 * mounts of a namespace in which the test is root.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "runtime/sandbox/share.h"
#include "tests/unit/root.h"

static bool has_mounts;
static bool is_old_kernel;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* What share.c calls so is in no kernel before 5.12. */
long __wrap_syscall(long number, ...)
{
	long a[5];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (!is_old_kernel)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4]);
	errno = ENOSYS;
	return -1;
}

static int group_setup(void **state)
{
	(void)state;
	has_mounts = become_root(CLONE_NEWNS);
	return 0;
}

struct fixture {
	char *dir;
	char *source; /* mounted, and shared with whoever has a copy */
	char *late;   /* a folder in it */
	struct share share;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	*state = f;
	f->dir = folder_new();
	f->source = path_join(f->dir, "source");
	f->late = path_join(f->source, "late one");
	if (!has_mounts)
		return 0;
	assert_return_code(mkdir(f->source, 0755), errno);
	assert_return_code(mount("tmpfs", f->source, "tmpfs", 0, "size=1m"), errno);
	assert_return_code(mount(NULL, f->source, NULL, MS_SHARED, NULL), errno);
	assert_return_code(mkdir(f->late, 0755), errno);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	is_old_kernel = false;
	share_close(&f->share);
	share_detach_below(f->dir);
	folder_remove(f->dir);
	free(f->source);
	free(f->late);
	free(f);
	return 0;
}

static void mount_late(const struct fixture *f)
{
	assert_return_code(mount("tmpfs", f->late, "tmpfs", 0, "size=1m"), errno);
	folder_put(f->late, "file", "");
}

static void bind_volume(struct fixture *f, enum share_access access)
{
	_free_ char *root = path_join(f->dir, "share");
	struct error e;

	if (share_open(&f->share, root, "box", &e) < 0 ||
	    share_bind(&f->share, f->source, "volume", access, &e) < 0)
		fail_msg("%s", e.msg);
}

static void bind_and_mount(struct fixture *f, enum share_access access)
{
	bind_volume(f, access);
	mount_late(f);
}

/* What the guest gets when it opens NAME in the folder on which the host mounted later: 0 or
 * -errno. */
static int guest_open(const struct fixture *f, const char *name, int flags)
{
	_free_ char *late = path_join(f->share.exported, "volume/late one");
	_free_ char *path = path_join(late, name);
	_close_ int fd = open(path, flags | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : 0;
}

static void test_read_only_volume_stays_so_below_later_mounts(void **state)
{
	struct fixture *f = *state;

	if (!has_mounts)
		skip();
	bind_and_mount(f, SHARE_READ_ONLY);
	assert_int_equal(guest_open(f, "new", O_WRONLY | O_CREAT), -EROFS);
}

static void test_volume_shows_no_later_mounts_unless_asked(void **state)
{
	struct fixture *f = *state;

	if (!has_mounts)
		skip();
	bind_and_mount(f, SHARE_READ_WRITE);
	assert_int_equal(guest_open(f, "file", O_RDONLY), -ENOENT);
	assert_int_equal(guest_open(f, "new", O_WRONLY | O_CREAT), 0);
}

static void test_volume_that_follows_shows_later_mounts(void **state)
{
	struct fixture *f = *state;

	if (!has_mounts)
		skip();
	bind_and_mount(f, SHARE_FOLLOWING);
	assert_int_equal(guest_open(f, "file", O_RDONLY), 0);
}

static void test_read_only_volume_is_so_with_all_that_is_in_it(void **state)
{
	struct fixture *f = *state;

	if (!has_mounts)
		skip();
	mount_late(f);
	bind_volume(f, SHARE_READ_ONLY);
	assert_int_equal(guest_open(f, "file", O_RDONLY), 0);
	assert_int_equal(guest_open(f, "new", O_WRONLY | O_CREAT), -EROFS);
}

static void test_read_only_volume_of_an_old_kernel_is_no_different(void **state)
{
	is_old_kernel = true;
	test_read_only_volume_is_so_with_all_that_is_in_it(state);
}

static void test_read_only_file_of_an_old_kernel_stays_so(void **state)
{
	struct fixture *f = *state;
	_free_ char *path = NULL;

	if (!has_mounts)
		skip();
	is_old_kernel = true;
	folder_put(f->source, "file", "");
	free(f->source);
	f->source = path_join(f->dir, "source/file");
	bind_volume(f, SHARE_READ_ONLY);
	path = path_join(f->share.exported, "volume");
	assert_int_equal(open(path, O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_only_volume_stays_so_below_later_mounts),
		TEST(test_volume_shows_no_later_mounts_unless_asked),
		TEST(test_volume_that_follows_shows_later_mounts),
		TEST(test_read_only_volume_is_so_with_all_that_is_in_it),
		TEST(test_read_only_volume_of_an_old_kernel_is_no_different),
		TEST(test_read_only_file_of_an_old_kernel_stays_so),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
