/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_adopt - an installation of upstream's is moved aside and back, and every path of it is valid
 * whenever the installer is killed.
 */

#include "tests/unit/upstream.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/adopt.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"

#define CUTS_MAX 500

/* ---- a kill ---- */

static unsigned cut; /* the process ends at this call that changes something; 0: never */

int __real_link_replace(const char *path, const char *target, struct error *e);
int __wrap_link_replace(const char *path, const char *target, struct error *e);
int __real_file_sync_parent(const char *path, struct error *e);
int __wrap_file_sync_parent(const char *path, struct error *e);

static bool cannot_exchange; /* as an old file system */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* None that is called here has more than five arguments. */
long __wrap_syscall(long number, ...)
{
	long a[5];
	va_list args;

	if (cannot_exchange && number == SYS_renameat2) {
		errno = EINVAL;
		return -1;
	}
	va_start(args, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4]);
}

static void count_down(void)
{
	if (cut > 0 && --cut == 0)
		_exit(1);
}

int __wrap_link_replace(const char *path, const char *target, struct error *e)
{
	count_down();
	return __real_link_replace(path, target, e);
}

int __wrap_file_sync_parent(const char *path, struct error *e)
{
	count_down();
	return __real_file_sync_parent(path, e);
}

/* Runs WORK on ROOT, killed at the N-th of those calls.  True if it came to its end. */
static bool run_until(void (*work)(const char *root), const char *root, unsigned n)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		cut = n;
		work(root);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

/* ---- what is done ---- */

static void take(const char *root)
{
	_adoptable_ struct adoptable found = { 0 };
	_json_ struct json_object *record = json_object_new_object();
	enum adopt_kind kind;
	struct error e;

	json_set_str(record, "label", "true");
	if (adopt_look(root, &kind, &found, &e) < 0 || kind != ADOPT_UPSTREAM ||
	    adopt_take(root, &found, record, &e) < 0)
		_exit(2);
}

static void give_back(const char *root)
{
	struct error e;

	if (adopt_return(root, &e) < 0 || adopt_forget(root, "4.1.0-foreign", &e) < 0)
		_exit(2);
}

static void install(const char *root)
{
	struct error e;

	folder_put(root, "versions/1-aaa/bin/containerd-shim-kata-v2", "ours");
	folder_put(root, "versions/1-aaa/libexec/d", "ours");
	folder_put(root, "versions/1-aaa/share/k", "ours");
	assert_true(store_link(root, &e) >= 0);
	assert_int_equal(store_switch(root, "1-aaa", &e), 0);
}

static void uninstall(const char *root)
{
	struct error e;

	assert_int_equal(store_unlink(root, &e), 0);
	assert_int_equal(store_switch(root, NULL, &e), 0);
	assert_int_equal(store_remove(root, "1-aaa", &e), 0);
}

static char *read_text(const char *root, const char *name)
{
	_free_ char *path = path_join(root, name);
	char *text = NULL;
	struct error e;

	return file_read(path, 1 * MIB, &text, NULL, &e) < 0 ? xstrdup(e.msg) : text;
}

static void must_read(const char *root, const char *name, const char *text)
{
	_free_ char *is = read_text(root, name);

	assert_string_equal(is, text);
}

/* Every path that somebody may have noted. */
static void must_have_paths(const char *root)
{
	must_read(root, UPSTREAM_GO, "#!/bin/sh\necho go \"$@\"\n");
	must_read(root, UPSTREAM_RUST, "#!/bin/sh\necho rust \"$@\"\n");
	must_read(root, "bin/qemu-system-x86_64", "qemu");
	must_read(root, "libexec/virtiofsd", "virtiofsd");
	must_read(root, "share/kata-containers/kata-containers.img", "image");
	must_read(root, "share/defaults/kata-containers/configuration-qemu.toml",
		  "# Managed by kata-deploy.\n[hypervisor.qemu]\n");
	must_read(root, UPSTREAM_IMPORT, "version = 3\n");
	must_read(root, "versions.yaml", "externals: {}\n");
}

static int setup(void **state)
{
	char *root = folder_new();

	upstream_put(root, "version = 3\n");
	folder_put(root, "VERSION", "4.1.0\n");
	folder_put(root, ".lock", "");
	folder_put(root, "versions/.keep", "");
	*state = root;
	return 0;
}

/* ---- the tests ---- */

static void test_upstreams_tree_is_recognised(void **state)
{
	const char *root = *state;
	_adoptable_ struct adoptable found = { 0 };
	_free_ char *before = NULL;
	_free_ char *after = NULL;
	enum adopt_kind kind;
	struct error e;

	/* A key is pinned before anything is moved. */
	assert_int_equal(trust_pin(root, "a key\n", &e), 0);
	before = upstream_list(root, UPSTREAM_TIMES);
	assert_int_equal(adopt_look(root, &kind, &found, &e), 0);
	assert_int_equal(kind, ADOPT_UPSTREAM);
	assert_string_equal(found.folder, "4.1.0-foreign");
	assert_int_equal(strv_len(found.names), 7);
	assert_true(strv_contains(found.names, "runtime-rs"));
	assert_true(strv_contains(found.names, "versions.yaml"));
	assert_false(strv_contains(found.names, ".lock"));
	assert_false(strv_contains(found.names, TRUST_FILE));
	assert_false(strv_contains(found.names, "versions"));
	after = upstream_list(root, UPSTREAM_TIMES);
	upstream_must_equal(before, after);
}

/* A folder's name must not come from a file as it is. */
static void test_a_version_that_is_no_name_is_not_used(void **state)
{
	static const char *const texts[] = { "../x", "", "a/b", ".hidden", "4.1 0" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_adoptable_ struct adoptable found = { 0 };
		enum adopt_kind kind;
		struct error e;

		folder_put(*state, "VERSION", texts[i]);
		assert_int_equal(adopt_look(*state, &kind, &found, &e), 0);
		assert_string_equal(found.folder, "upstream-foreign");
	}
}

static void test_another_tree_is_not_taken_for_upstreams(void **state)
{
	static const char *const lacks[] = { "share/kata-containers",
					     "share/defaults/kata-containers" };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lacks); i++) {
		char *root = folder_new();
		_free_ char *gone = path_join(root, lacks[i]);
		_adoptable_ struct adoptable found = { 0 };
		enum adopt_kind kind;

		assert_int_equal(adopt_look(root, &kind, &found, &e), 0);
		assert_int_equal(kind, ADOPT_NOTHING);
		upstream_put(root, NULL);
		assert_int_equal(tree_remove(gone, &e), 0);
		assert_int_equal(adopt_look(root, &kind, &found, &e), 0);
		assert_int_equal(kind, ADOPT_OTHER);
		assert_null(found.folder);
		folder_remove(root);
	}
}

static void test_what_is_taken_is_handed_back_byte_for_byte(void **state)
{
	const char *root = *state;
	_free_ char *before = upstream_list(root, UPSTREAM_TIMES);
	_free_ char *after = NULL;
	_json_ struct json_object *record = NULL;
	_strv_ strv versions = NULL;
	enum adopt_kind kind;
	struct error e;

	assert_true(run_until(take, root, 0));
	assert_true(adopt_stands(root));
	must_have_paths(root);
	assert_int_equal(adopt_look(root, &kind, NULL, &e), 0);
	assert_int_equal(kind, ADOPT_NOTHING);
	assert_int_equal(adopt_record(root, &record, &e), 0);
	assert_string_equal(json_get_str(record, "label"), "true");
	install(root);
	must_read(root, UPSTREAM_GO, "ours");
	must_read(root, "adopted/" UPSTREAM_GO, "#!/bin/sh\necho go \"$@\"\n");
	must_read(root, UPSTREAM_RUST, "#!/bin/sh\necho rust \"$@\"\n");
	must_read(root, UPSTREAM_IMPORT, "version = 3\n");
	/* What sweeps old versions must not see it. */
	assert_int_equal(store_list(root, &versions, &e), 0);
	assert_int_equal(strv_len(versions), 1);
	assert_true(run_until(give_back, root, 0));
	uninstall(root);
	after = upstream_list(root, UPSTREAM_TIMES);
	upstream_must_equal(before, after);
}

/* Killed anywhere, every path is valid, and what was there before comes back. */
static void test_a_killed_adoption_is_taken_back(void **state)
{
	const char *root = *state;
	_free_ char *before = upstream_list(root, UPSTREAM_TIMES);
	unsigned n = 1;

	while (!run_until(take, root, n)) {
		_free_ char *after = NULL;

		assert_true(++n < CUTS_MAX);
		must_have_paths(root);
		assert_true(run_until(give_back, root, 0));
		after = upstream_list(root, UPSTREAM_TIMES);
		upstream_must_equal(before, after);
	}
	assert_true(n > 20);
	must_have_paths(root);
}

static void test_a_killed_return_is_brought_to_its_end(void **state)
{
	const char *root = *state;
	_free_ char *before = upstream_list(root, UPSTREAM_TIMES);
	unsigned n = 1;
	bool is_whole = false;

	for (; !is_whole; n++) {
		_free_ char *after = NULL;

		assert_true(n < CUTS_MAX);
		assert_true(run_until(take, root, 0));
		install(root);
		is_whole = run_until(give_back, root, n);
		assert_true(run_until(give_back, root, 0));
		must_have_paths(root);
		uninstall(root);
		after = upstream_list(root, UPSTREAM_TIMES);
		upstream_must_equal(before, after);
	}
	assert_true(n > 20);
}

/* There a path can be missing for a moment, and never more. */
static void test_it_goes_both_ways_where_nothing_can_be_exchanged(void **state)
{
	const char *root = *state;
	_free_ char *before = upstream_list(root, UPSTREAM_TIMES);
	bool is_whole = false;

	cannot_exchange = true;
	for (unsigned n = 1; !is_whole; n++) {
		_free_ char *after = NULL;

		assert_true(n < CUTS_MAX);
		is_whole = run_until(take, root, n);
		if (is_whole)
			must_have_paths(root);
		(void)run_until(give_back, root, n);
		assert_true(run_until(give_back, root, 0));
		after = upstream_list(root, UPSTREAM_TIMES);
		upstream_must_equal(before, after);
	}
	cannot_exchange = false;
}

/* A kill between making a file or a link and giving it its name. */
static void test_what_had_no_name_yet_does_not_keep_the_folder(void **state)
{
	const char *root = *state;
	_free_ char *dir = path_join(root, "versions/4.1.0-foreign");
	_free_ char *link = path_join(dir, "bin.new");
	struct error e;

	folder_put(dir, ADOPT_RECORD ".tmp-7", "{");
	assert_int_equal(symlink("versions/4.1.0-foreign/bin", link), 0);
	assert_int_equal(adopt_forget(root, "4.1.0-foreign", &e), 0);
	assert_false(file_exists(dir));
}

/* Somebody's own file does. */
static void test_a_file_of_somebody_else_keeps_the_folder(void **state)
{
	const char *root = *state;
	struct error e;

	folder_put(root, "versions/4.1.0-foreign/notes", "mine");
	assert_int_equal(adopt_forget(root, "4.1.0-foreign", &e), -ENOTEMPTY);
	must_read(root, "versions/4.1.0-foreign/notes", "mine");
}

/* A removal that was killed while it handed back, with the programs first. */
static void test_what_is_handed_back_in_part_is_still_upstreams(void **state)
{
	const char *root = *state;
	_free_ char *here = path_join(root, "bin");
	_free_ char *aside = path_join(root, "versions/4.1.0-foreign/bin");
	_adoptable_ struct adoptable found = { 0 };
	enum adopt_kind kind;
	struct error e;

	assert_true(run_until(take, root, 0));
	assert_int_equal(unlink(here), 0);
	assert_int_equal(rename(aside, here), 0);
	assert_int_equal(adopt_look(root, &kind, &found, &e), 0);
	assert_int_equal(kind, ADOPT_UPSTREAM);
	assert_string_equal(found.folder, "4.1.0-foreign");
}

/* Somebody put something where an entry has to come back: it is theirs. */
static void test_what_is_in_the_way_is_not_overwritten(void **state)
{
	const char *root = *state;
	_free_ char *link = path_join(root, "libexec");
	struct error e;

	assert_true(run_until(take, root, 0));
	assert_int_equal(unlink(link), 0);
	folder_put(root, "libexec/theirs", "x");
	assert_int_equal(adopt_return(root, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "libexec"));
	must_read(root, "libexec/theirs", "x");
	assert_int_equal(tree_remove(link, &e), 0);
	assert_true(run_until(give_back, root, 0));
	must_have_paths(root);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_upstreams_tree_is_recognised),
		TEST(test_a_version_that_is_no_name_is_not_used),
		TEST(test_another_tree_is_not_taken_for_upstreams),
		TEST(test_what_is_taken_is_handed_back_byte_for_byte),
		TEST(test_a_killed_adoption_is_taken_back),
		TEST(test_a_killed_return_is_brought_to_its_end),
		TEST(test_what_had_no_name_yet_does_not_keep_the_folder),
		TEST(test_a_file_of_somebody_else_keeps_the_folder),
		TEST(test_what_is_handed_back_in_part_is_still_upstreams),
		TEST(test_it_goes_both_ways_where_nothing_can_be_exchanged),
		TEST(test_what_is_in_the_way_is_not_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
