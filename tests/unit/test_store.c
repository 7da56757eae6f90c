/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store - a version is there as a whole or not at all, whatever the archive holds.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/host/store.h"
#include "lib/host/unpack.h"
#include "tests/unit/archive-fixture.h"
#include "tests/unit/tar-writer.h"

#define SHIM_TEXT "not really a shim"

/* One member of an archive under test. */
struct member {
	const char *path;
	const char *text;
	const char *symlink;
	const char *hardlink;
};

static void write_archive(const char *path, const struct member *members, size_t n)
{
	_buf_ struct buf b = { .max = TAR_MAX };

	for (size_t i = 0; i < n; i++)
		tar_put(&b, &(struct tar_writer_member){
				    .path = members[i].path,
				    .text = members[i].text,
				    .target = members[i].hardlink ? members[i].hardlink
								  : members[i].symlink,
				    .type = members[i].hardlink ? '1' : '\0',
			    });
	tar_finish(&b, path);
}

/* A manifest of bin/shim, libexec/d, share/k and the link bin/l. */
static char *manifest_text(const char *version)
{
	char shim[SHA256_HEX + 1], empty[SHA256_HEX + 1], digest[SHA256_HEX + 1];
	_free_ char *body = NULL;

	sha256_bytes(SHIM_TEXT, strlen(SHIM_TEXT), shim);
	sha256_bytes("", 0, empty);
	body = xasprintf(
		"kata-manifest 1\nversion %s\narch x86_64\n"
		"file 0755 %zu %s bin/shim\nlink shim bin/l\n"
		"file 0644 0 %s libexec/d\nfile 0644 0 %s share/k\n",
		version, strlen(SHIM_TEXT), shim, empty, empty);
	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

/* Writes a release with the members of EXTRA behind (or, by path, instead of) the right ones. */
static void write_release(const struct fixture *f, const char *version, const struct member *extra,
			  size_t n_extra)
{
	_free_ char *manifest = manifest_text(version);
	const struct member right[] = {
		{ "opt/kata/MANIFEST", manifest, NULL, NULL },
		{ "opt/kata/bin/shim", SHIM_TEXT, NULL, NULL },
		{ "./opt/kata/bin/l", NULL, "shim", NULL },
		{ "opt/kata/libexec/d", "", NULL, NULL },
		{ "opt/kata/share/k", "", NULL, NULL },
	};
	struct member all[16];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		bool is_replaced = false;

		for (size_t j = 0; j < n_extra; j++)
			is_replaced |= strcmp(extra[j].path, right[i].path) == 0;
		if (!is_replaced)
			all[n++] = right[i];
	}
	for (size_t j = 0; j < n_extra; j++)
		all[n++] = extra[j];
	write_archive(f->archive, all, n);
}

static int add(const struct fixture *f, char **ret_folder, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	int r = unpack_manifest(f->archive, &m, e);

	if (r < 0)
		return r;
	*ret_folder = manifest_folder(&m);
	return store_add(f->root, f->archive, &m, STORE_ALONE, NULL, e);
}

static void assert_nothing_left(const struct fixture *f)
{
	_free_ char *versions = path_join(f->root, "versions");

	/* rmdir(2) refuses a folder that has anything in it. */
	assert_true(!file_exists(versions) || rmdir(versions) == 0);
}

/* By this intact.c knows it, however soon it comes: several rounds, as a tick may end in between.
 */
static void test_what_is_touched_later_is_later_than_the_manifest(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		_free_ char *version = xasprintf("1.0.%u", i);
		_free_ char *folder = NULL, *manifest = NULL, *shim = NULL;
		struct stat seal, touched;
		struct error e;

		write_release(f, version, NULL, 0);
		assert_int_equal(add(f, &folder, &e), 0);
		manifest = xasprintf("%s/versions/%s/MANIFEST", f->root, folder);
		shim = xasprintf("%s/versions/%s/bin/shim", f->root, folder);
		assert_int_equal(chmod(shim, 0755), 0);
		assert_int_equal(stat(manifest, &seal), 0);
		assert_int_equal(stat(shim, &touched), 0);
		assert_true(touched.st_ctim.tv_sec > seal.st_mtim.tv_sec ||
			    touched.st_ctim.tv_nsec > seal.st_mtim.tv_nsec);
	}
}

static void test_add_and_switch_makes_known_paths_work(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *current = NULL;
	_free_ char *text = NULL;
	_free_ char *path = path_join(f->root, "bin/l");
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &folder, &e), 0);
	assert_true(store_has(f->root, folder));
	assert_int_equal(store_link(f->root, &e), 1);
	assert_int_equal(store_link(f->root, &e), 0);
	assert_int_equal(store_switch(f->root, folder, &e), 0);
	assert_int_equal(store_current(f->root, &current, &e), 0);
	assert_string_equal(current, folder);
	assert_int_equal(file_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, SHIM_TEXT);
}

static void test_two_versions_stand_side_by_side(void **state)
{
	struct fixture *f = *state;
	_free_ char *one = NULL;
	_free_ char *two = NULL;
	_strv_ strv all = NULL;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &one, &e), 0);
	write_release(f, "2.0", NULL, 0);
	assert_int_equal(add(f, &two, &e), 0);
	assert_int_equal(store_switch(f->root, two, &e), 0);
	assert_int_equal(store_list(f->root, &all, &e), 0);
	assert_int_equal(strv_len(all), 2);
	assert_int_equal(store_remove(f->root, two, &e), -EBUSY);
	assert_int_equal(store_remove(f->root, one, &e), 0);
	assert_false(store_has(f->root, one));
	assert_true(store_has(f->root, two));
}

static void test_switch_to_missing_version_keeps_current(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *current = NULL;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &folder, &e), 0);
	assert_int_equal(store_switch(f->root, folder, &e), 0);
	assert_int_equal(store_switch(f->root, "9.9-000000000000", &e), -ENOENT);
	assert_int_equal(store_current(f->root, &current, &e), 0);
	assert_string_equal(current, folder);
}

#define SWITCHES 500

/* Whoever starts a sandbox meanwhile. */
struct reader {
	const char *path;
	atomic_bool has_begun, ends;
	unsigned missed;
};

static void *read_all_the_time(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->ends)) {
		int fd = open(r->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			r->missed++;
		(void)close_fd(fd);
		atomic_store(&r->has_begun, true);
	}
	return NULL;
}

static void test_switch_is_seen_as_the_old_or_the_new(void **state)
{
	struct fixture *f = *state;
	_free_ char *path = path_join(f->root, "current/bin/shim");
	_free_ char *one = NULL, *two = NULL;
	/* A reader on a busy machine may look away in the moment in which the link is gone. */
	_close_ int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct reader reader = { .path = path };
	char event[4096] __attribute__((aligned(8)));
	pthread_t thread;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &one, &e), 0);
	write_release(f, "2.0", NULL, 0);
	assert_int_equal(add(f, &two, &e), 0);
	assert_int_equal(store_switch(f->root, one, &e), 0);
	assert_true(inotify_add_watch(watch, f->root, IN_DELETE) >= 0);
	assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &reader), 0);
	while (!atomic_load(&reader.has_begun))
		(void)sched_yield();
	for (unsigned i = 0; i < SWITCHES; i++)
		if (store_switch(f->root, i % 2 ? one : two, &e) < 0)
			fail_msg("%s", e.msg);
	atomic_store(&reader.ends, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.missed, 0);
	assert_int_equal(read(watch, event, sizeof(event)), -1);
}

static void test_add_of_hostile_archive_leaves_nothing(void **state)
{
	static const struct member hostile[] = {
		{ "opt/kata/../../../tmp/escaped", "x", NULL, NULL },
		{ "/opt/kata/bin/abs", "x", NULL, NULL },
		{ "opt/kata/bin/unlisted", "x", NULL, NULL },
		{ "opt/kata/bin/shim", "not really a shiM", NULL, NULL },
		{ "opt/kata/bin/shim", "short", NULL, NULL },
		{ "opt/kata/bin/shim", "much longer than the manifest says", NULL, NULL },
		{ "opt/kata/bin/shim", NULL, "/bin/sh", NULL },
		{ "opt/kata/bin/shim", NULL, NULL, "/etc/passwd" },
		{ "./opt/kata/bin/l", NULL, "/etc", NULL },
		{ "./opt/kata/bin/l", "a file", NULL, NULL },
		{ "etc/passwd", "x", NULL, NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		_free_ char *folder = NULL;
		struct error e;

		write_release(f, "1.0", &hostile[i], 1);
		if (add(f, &folder, &e) >= 0)
			fail_msg("accepted '%s' (case %zu)", hostile[i].path, i);
		assert_nothing_left(f);
	}
	assert_false(file_exists("/tmp/escaped"));
}

static void test_add_of_twice_the_same_member_is_refused(void **state)
{
	static const struct member twice[] = {
		{ "./opt/kata/bin/shim", SHIM_TEXT, NULL, NULL },
	};
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	struct error e;

	write_release(f, "1.0", twice, 1);
	assert_true(add(f, &folder, &e) < 0);
	assert_nothing_left(f);
}

/* A limit on the size of files stands in for a full disk: the write fails in the middle. */
static int add_on_a_full_disk(const struct fixture *f, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	struct rlimit old, small = { .rlim_cur = 4 };
	sigset_t set;
	int r;

	assert_int_equal(unpack_manifest(f->archive, &m, e), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGXFSZ);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = store_add(f->root, f->archive, &m, STORE_ALONE, NULL, e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	return r;
}

static void test_add_when_a_write_fails_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add_on_a_full_disk(f, &e), -EFBIG);
	assert_nothing_left(f);
}

/* Adds version 1.0 and changes a file of it, as somebody who edits a configuration by hand does.
 * Returns the file's path. */
static char *add_and_damage(const struct fixture *f, char **ret_folder)
{
	_free_ char *name = NULL;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, ret_folder, &e), 0);
	assert_int_equal(store_switch(f->root, *ret_folder, &e), 0);
	name = xasprintf("versions/%s/share/k", *ret_folder);
	folder_put(f->root, name, "by hand");
	assert_false(store_has(f->root, *ret_folder));
	return path_join(f->root, name);
}

static void test_damaged_version_stays_when_its_repair_fails(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *edited = add_and_damage(f, &folder);
	_free_ char *shim = path_join(f->root, "current/bin/shim");
	struct error e;

	assert_int_equal(add_on_a_full_disk(f, &e), -EFBIG);
	assert_true(file_exists(shim));
	assert_true(file_exists(edited));
	assert_false(store_has_rest(f->root));
}

static void test_damaged_version_is_exchanged_for_a_whole_one(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *again = NULL;
	struct error e;

	free(add_and_damage(f, &folder));
	assert_int_equal(add(f, &again, &e), 0);
	assert_string_equal(again, folder);
	assert_true(store_has(f->root, folder));
	assert_false(store_has_rest(f->root));
}

/* Makes this process one whose file systems cannot exchange two names. */
static bool forbid_exchange(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_damaged_version_is_replaced_where_nothing_is_exchanged(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_manifest_ struct manifest m = { 0 };
	struct error e;
	int status;
	pid_t child;

	free(add_and_damage(f, &folder));
	assert_int_equal(unpack_manifest(f->archive, &m, &e), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(forbid_exchange() ? -store_add(f->root, f->archive, &m, STORE_ALONE, NULL, &e)
					: EXIT_FAILURE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(store_has(f->root, folder));
	assert_false(store_has_rest(f->root));
}

static void test_version_with_a_file_of_another_size_is_none(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *path = NULL;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &folder, &e), 0);
	path = xasprintf("%s/versions/%s/bin/shim", f->root, folder);
	assert_int_equal(truncate(path, 3), 0);
	assert_false(store_has(f->root, folder));
}

static void test_rest_of_a_crash_is_seen_and_swept(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *rest = path_join(f->root, "versions/.new-2.0-0123456789ab/bin");
	struct error e;

	assert_false(store_has_rest(f->root));
	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &folder, &e), 0);
	assert_false(store_has_rest(f->root));
	assert_int_equal(dir_make(rest, 0755, &e), 0);
	assert_true(store_has_rest(f->root));
	assert_int_equal(store_sweep(f->root, &e), 0);
	assert_false(store_has_rest(f->root));
	assert_true(store_has(f->root, folder));
	folder_put(f->root, ".proofs.tmp-7", "half");
	assert_true(store_has_rest(f->root));
	assert_int_equal(store_sweep(f->root, &e), 0);
	assert_false(store_has_rest(f->root));
}

static void test_version_goes_beside_the_rest_of_its_repair(void **state)
{
	struct fixture *f = *state;
	_free_ char *folder = NULL;
	_free_ char *rest = NULL;
	struct error e;

	write_release(f, "1.0", NULL, 0);
	assert_int_equal(add(f, &folder, &e), 0);
	rest = xasprintf("%s/versions/.new-%s/bin", f->root, folder);
	assert_int_equal(dir_make(rest, 0755, &e), 0);
	assert_int_equal(store_remove(f->root, folder, &e), 0);
	assert_false(store_has(f->root, folder));
	assert_false(store_has_rest(f->root));
}

static void test_link_over_foreign_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	_free_ char *path = path_join(f->root, "share");
	struct error e;

	assert_int_equal(dir_make(path, 0755, &e), 0);
	assert_int_equal(store_link(f->root, &e), -EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_and_switch_makes_known_paths_work, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_two_versions_stand_side_by_side, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_what_is_touched_later_is_later_than_the_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_switch_to_missing_version_keeps_current, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_add_of_hostile_archive_leaves_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_add_of_twice_the_same_member_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_add_when_a_write_fails_leaves_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_damaged_version_stays_when_its_repair_fails,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_version_is_exchanged_for_a_whole_one,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_damaged_version_is_replaced_where_nothing_is_exchanged, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_version_with_a_file_of_another_size_is_none,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest_of_a_crash_is_seen_and_swept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_version_goes_beside_the_rest_of_its_repair,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_over_foreign_folder_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_switch_is_seen_as_the_old_or_the_new, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
