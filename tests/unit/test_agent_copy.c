/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_copy - files from the host, and what a hostile host tries with them.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sandbox.h"
#include "agent/storage/copy.h"
#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

/* TOP/shared is the shared directory; everything else below TOP must stay as it is. */
struct fixture {
	char *top;
	int rootfd;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	_free_ char *shared = NULL;

	f->top = folder_new();
	shared = path_join(f->top, "shared");
	if (mkdir(shared, 0755) < 0)
		return -1;
	f->rootfd = open(shared, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->rootfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->rootfd);
	folder_remove(f->top);
	free(f);
	return 0;
}

static void init_request(Agent__CopyFileRequest *in, char *path, uint32_t mode, const char *text)
{
	*in = (Agent__CopyFileRequest)AGENT__COPY_FILE_REQUEST__INIT;
	in->path = path;
	in->file_mode = mode;
	in->dir_mode = 0755;
	in->uid = (int32_t)getuid();
	in->gid = (int32_t)getgid();
	in->data.data = (uint8_t *)(uintptr_t)text;
	in->data.len = strlen(text);
	in->file_size = (int64_t)strlen(text);
}

static int copy(const struct fixture *f, const char *below, uint32_t mode, const char *text,
		struct error *e)
{
	_free_ char *path = path_join(SANDBOX_SHARED_DIR, below);
	Agent__CopyFileRequest in;

	init_request(&in, path, mode, text);
	return copy_file(f->rootfd, &in, e);
}

static void expect_copied(const struct fixture *f, const char *below, uint32_t mode,
			  const char *text)
{
	struct error e;

	if (copy(f, below, mode, text, &e) < 0)
		fail_msg("'%s' is refused: %s", below, e.msg);
}

static char *path_in(const struct fixture *f, const char *below)
{
	return xasprintf("%s/shared/%s", f->top, below);
}

static void expect_content(const struct fixture *f, const char *below, const char *wanted)
{
	_free_ char *path = path_in(f, below), *text = NULL;
	struct error e;

	if (file_read(path, 4096, &text, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(text, wanted);
}

static void expect_missing(const struct fixture *f, const char *name)
{
	_free_ char *path = path_join(f->top, name);

	if (file_exists(path))
		fail_msg("'%s' exists", path);
}

static void test_file_is_copied_with_its_mode_but_setuid(void **state)
{
	_free_ char *path = path_in(*state, "a/b/c");
	struct stat st;

	expect_copied(*state, "a/b/c", S_IFREG | S_ISUID | S_ISGID | 0640, "hello");
	expect_content(*state, "a/b/c", "hello");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_file_in_chunks_appears_when_whole(void **state)
{
	const struct fixture *f = *state;
	char path[] = SANDBOX_SHARED_DIR "/big";
	Agent__CopyFileRequest in;
	struct error e;

	init_request(&in, path, S_IFREG | 0600, "hello ");
	in.file_size = 11;
	assert_int_equal(copy_file(f->rootfd, &in, &e), 0);
	expect_missing(f, "shared/big");
	init_request(&in, path, S_IFREG | 0600, "world");
	in.file_size = 11;
	in.offset = 6;
	assert_int_equal(copy_file(f->rootfd, &in, &e), 0);
	expect_content(f, "big", "hello world");
	expect_missing(f, "shared/..big_tmp");
}

static void test_file_is_replaced(void **state)
{
	expect_copied(*state, "x", S_IFREG | 0600, "a longer text");
	expect_copied(*state, "x", S_IFREG | 0600, "short");
	expect_content(*state, "x", "short");
}

static void test_empty_file_is_made(void **state)
{
	expect_copied(*state, "empty", S_IFREG | 0600, "");
	expect_content(*state, "empty", "");
}

static void test_chunk_out_of_order_is_refused(void **state)
{
	const struct fixture *f = *state;
	char path[] = SANDBOX_SHARED_DIR "/big";
	Agent__CopyFileRequest in;
	struct error e;

	init_request(&in, path, S_IFREG | 0600, "world");
	in.file_size = 11;
	in.offset = 6;
	assert_int_equal(copy_file(f->rootfd, &in, &e), -EINVAL);
	expect_missing(f, "shared/big");
}

static void test_sizes_out_of_range_are_refused(void **state)
{
	static const struct {
		int64_t offset, size;
	} cases[] = { { -1, 5 },
		      { 0, -1 },
		      { INT64_MAX, 5 },
		      { 0, INT64_MAX },
		      { 0, 4 },
		      { 1, 5 },
		      { INT64_MAX - 1, INT64_MAX } };
	const struct fixture *f = *state;
	char path[] = SANDBOX_SHARED_DIR "/x";
	Agent__CopyFileRequest in;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		init_request(&in, path, S_IFREG | 0600, "hello");
		in.offset = cases[i].offset;
		in.file_size = cases[i].size;
		assert_int_equal(copy_file(f->rootfd, &in, &e), -EINVAL);
	}
}

static void test_directory_and_link_are_made(void **state)
{
	_free_ char *link = path_in(*state, "d/l");
	char target[64];
	ssize_t n;

	expect_copied(*state, "d", S_IFDIR | 0750, "");
	expect_copied(*state, "d", S_IFDIR | 0700, "");
	expect_copied(*state, "d/l", S_IFLNK | 0777, "../../etc/passwd");
	expect_copied(*state, "d/l", S_IFLNK | 0777, "other");
	n = readlink(link, target, sizeof(target));
	assert_int_equal(n, strlen("other"));
}

static void test_path_outside_is_refused(void **state)
{
	static const char *const cases[] = { "/etc/passwd", "", "relative",
					     "/run/kata-containers/shared/containersX/x",
					     "/run/kata-containers/shared/containers" };
	const struct fixture *f = *state;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = xstrdup(cases[i]);
		Agent__CopyFileRequest in;

		init_request(&in, path, S_IFREG | 0600, "x");
		assert_int_equal(copy_file(f->rootfd, &in, &e), -EACCES);
	}
}

static void test_bad_names_and_modes_are_refused(void **state)
{
	struct error e;

	assert_int_equal(copy(*state, "a/..", S_IFREG | 0600, "x", &e), -EINVAL);
	assert_int_equal(copy(*state, "a/.", S_IFREG | 0600, "x", &e), -EINVAL);
	assert_int_equal(copy(*state, "a/", S_IFREG | 0600, "x", &e), -EINVAL);
	assert_int_equal(copy(*state, "node", S_IFBLK | 0600, "x", &e), -EINVAL);
	assert_int_equal(copy(*state, "fifo", S_IFIFO | 0600, "x", &e), -EINVAL);
	assert_int_equal(copy(*state, "link", S_IFLNK | 0777, "", &e), -EINVAL);
}

static void test_dots_stay_inside(void **state)
{
	expect_copied(*state, "../../../escaped", S_IFREG | 0600, "x");
	expect_missing(*state, "escaped");
	expect_content(*state, "escaped", "x");
}

/* Not even to another container's volume. */
static void test_planted_links_are_not_followed(void **state)
{
	const struct fixture *f = *state;
	_free_ char *outside = path_join(f->top, "outside");
	struct error e;

	assert_int_equal(mkdir(outside, 0755), 0);
	expect_copied(f, "up", S_IFLNK | 0777, "../outside");
	expect_copied(f, "abs", S_IFLNK | 0777, outside);
	expect_copied(f, "other", S_IFDIR | 0755, "");
	expect_copied(f, "beside", S_IFLNK | 0777, "other");
	assert_int_equal(copy(f, "up/x", S_IFREG | 0600, "x", &e), -ELOOP);
	assert_int_equal(copy(f, "abs/x", S_IFREG | 0600, "x", &e), -ELOOP);
	assert_int_equal(copy(f, "beside/x", S_IFREG | 0600, "x", &e), -ELOOP);
	assert_int_equal(copy(f, "beside/new/x", S_IFREG | 0600, "x", &e), -ELOOP);
	expect_missing(f, "outside/x");
	expect_missing(f, "shared/other/x");
}

static void test_whatever_has_the_name_is_replaced(void **state)
{
	const struct fixture *f = *state;

	expect_copied(f, "d/below/file", S_IFREG | 0600, "x");
	expect_copied(f, "d", S_IFREG | 0600, "a file");
	expect_content(f, "d", "a file");
	expect_copied(f, "d", S_IFDIR | 0700, "");
	expect_copied(f, "d/again", S_IFREG | 0600, "x");
	expect_copied(f, "d", S_IFLNK | 0777, "file");
	expect_copied(f, "file", S_IFREG | 0600, "by the link");
	expect_content(f, "d", "by the link");
	expect_copied(f, "d", S_IFDIR | 0700, "");
	expect_copied(f, "d/x", S_IFREG | 0600, "x");
	expect_content(f, "file", "by the link");
}

/* A file is not lost to another one on its way. */
static void test_temporary_names_are_nobody_elses(void **state)
{
	expect_copied(*state, "v/a.tmp", S_IFREG | 0600, "one");
	expect_copied(*state, "v/a", S_IFREG | 0600, "two");
	expect_copied(*state, "v/a", S_IFLNK | 0777, "three");
	expect_content(*state, "v/a.tmp", "one");
}

static void test_turn_of_data_takes_the_old_version_away(void **state)
{
	const struct fixture *f = *state;
	_free_ char *gone = path_in(f, "v/gone"), *dangling = path_in(f, "v/dangling");
	struct stat st;

	expect_copied(f, "v/..1/kept", S_IFREG | 0600, "old");
	expect_copied(f, "v/..1/gone", S_IFREG | 0600, "old");
	expect_copied(f, "v/..data", S_IFLNK | 0777, "..1");
	expect_copied(f, "v/kept", S_IFLNK | 0777, "..data/kept");
	expect_copied(f, "v/gone", S_IFLNK | 0777, "..data/gone");
	expect_copied(f, "v/dangling", S_IFLNK | 0777, "nowhere");
	expect_copied(f, "v/..data", S_IFLNK | 0777, "..1");
	expect_content(f, "v/gone", "old");
	expect_copied(f, "v/..2/kept", S_IFREG | 0600, "new");
	expect_content(f, "v/kept", "old");
	expect_copied(f, "v/..data", S_IFLNK | 0777, "..2");
	expect_content(f, "v/kept", "new");
	expect_missing(f, "shared/v/..1");
	assert_int_equal(lstat(gone, &st), -1);
	assert_int_equal(lstat(dangling, &st), 0);
}

/* As upstream's shim in Rust sends it: what a folder has, in whatever order, before what is in its
 * folders.  The name of a file that is still to come is no name of one that has gone. */
static void test_turn_of_data_before_its_files_keeps_their_names(void **state)
{
	const struct fixture *f = *state;

	expect_copied(f, "v/..1/key", S_IFREG | 0644, "one");
	expect_copied(f, "v/..data", S_IFLNK, "..1");
	expect_copied(f, "v/key", S_IFLNK, "..data/key");
	for (size_t i = 0; i < 2; i++) {
		_free_ char *folder = xasprintf("..%zu", i + 2), *path = NULL, *file = NULL;

		path = xasprintf("v/%s", folder);
		file = xasprintf("%s/key", path);
		if (i == 1)
			expect_copied(f, path, S_IFDIR | 0755, "");
		expect_copied(f, "v/key", S_IFLNK, "..data/key");
		expect_copied(f, "v/..data", S_IFLNK, folder);
		expect_copied(f, path, S_IFDIR | 0755, "");
		expect_copied(f, file, S_IFREG | 0644, folder);
		expect_content(f, "v/key", folder);
	}
	expect_missing(f, "shared/v/..1");
	expect_missing(f, "shared/v/..2");
}

/* Wherever the host says that "..data" led. */
static void test_turn_of_data_removes_nothing_outside(void **state)
{
	static const char *const targets[] = { "..", "../other", "../../victim",
					       "/",  "plain",    "..data" };
	const struct fixture *f = *state;
	_free_ char *victim = path_join(f->top, "victim");

	assert_int_equal(mkdir(victim, 0755), 0);
	expect_copied(f, "other/file", S_IFREG | 0600, "kept");
	expect_copied(f, "v/plain/file", S_IFREG | 0600, "kept");
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		expect_copied(f, "v/..data", S_IFLNK | 0777, targets[i]);
	expect_content(f, "other/file", "kept");
	expect_content(f, "v/plain/file", "kept");
	assert_true(file_exists(victim));
}

#define CID    "c"
#define DIGITS "0123456789abcdef"

static void test_what_a_container_was_sent_goes_with_it(void **state)
{
	const struct fixture *f = *state;

	expect_copied(f, CID "-" DIGITS "-v/d/file", S_IFREG | 0600, "x");
	expect_copied(f, CID "-" DIGITS "-file", S_IFREG | 0600, "x");
	expect_copied(f, CID "-2-" DIGITS "-v/file", S_IFREG | 0600, "kept");
	expect_copied(f, CID "-" DIGITS "0-v", S_IFREG | 0600, "kept");
	expect_copied(f, "b-" DIGITS "-v", S_IFREG | 0600, "kept");
	copy_forget_below(f->rootfd, CID);
	expect_missing(f, "shared/" CID "-" DIGITS "-v");
	expect_missing(f, "shared/" CID "-" DIGITS "-file");
	expect_content(f, CID "-2-" DIGITS "-v/file", "kept");
	expect_content(f, CID "-" DIGITS "0-v", "kept");
	expect_content(f, "b-" DIGITS "-v", "kept");
}

static void test_end_of_a_file_is_read_by_who_was_sent_it(void **state)
{
	static const struct {
		const char *path;
		int result;
	} cases[] = {
		{ SANDBOX_SHARED_DIR "/" CID "-" DIGITS "-words", 0 },
		{ SANDBOX_SHARED_DIR "/" CID "-" DIGITS "-dir", -EINVAL },
		{ SANDBOX_SHARED_DIR "/" CID "-" DIGITS "-link", -ELOOP },
		{ SANDBOX_SHARED_DIR "/" CID "-" DIGITS "-none", -ENOENT },
		{ SANDBOX_SHARED_DIR "/b-" DIGITS "-words", -EACCES },
		{ "/etc/passwd", -EACCES },
	};
	const struct fixture *f = *state;
	char long_text[COPY_END_MAX + 11];

	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text + sizeof(long_text) - 5, "end.", 5);
	expect_copied(f, CID "-" DIGITS "-words", S_IFREG | 0600, long_text);
	expect_copied(f, "b-" DIGITS "-words", S_IFREG | 0600, "x");
	expect_copied(f, CID "-" DIGITS "-dir", S_IFDIR | 0700, "");
	expect_copied(f, CID "-" DIGITS "-link", S_IFLNK | 0777, "b-" DIGITS "-words");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = NULL;
		struct error e;
		size_t len = 0;
		int r = copy_read_end(f->rootfd, cases[i].path, CID, &text, &len, &e);

		if (r != cases[i].result)
			fail_msg("%s: %d", cases[i].path, r);
		if (r == 0)
			assert_string_equal(text + COPY_END_MAX - 4, "end.");
	}
}

static void test_link_in_place_of_file_is_not_followed(void **state)
{
	const struct fixture *f = *state;
	_free_ char *victim = path_join(f->top, "victim"), *text = NULL;
	_free_ char *temporary = path_in(f, "..file_tmp");
	struct error e;

	assert_int_equal(file_replace(victim, "kept", 4, 0600, &e), 0);
	expect_copied(f, "file", S_IFLNK | 0777, "../victim");
	assert_int_equal(symlink("../victim", temporary), 0);
	expect_copied(f, "file", S_IFREG | 0600, "new");
	expect_content(f, "file", "new");
	assert_int_equal(file_read(victim, 64, &text, NULL, &e), 0);
	assert_string_equal(text, "kept");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_is_copied_with_its_mode_but_setuid),
		TEST(test_file_in_chunks_appears_when_whole),
		TEST(test_file_is_replaced),
		TEST(test_empty_file_is_made),
		TEST(test_chunk_out_of_order_is_refused),
		TEST(test_sizes_out_of_range_are_refused),
		TEST(test_directory_and_link_are_made),
		TEST(test_path_outside_is_refused),
		TEST(test_bad_names_and_modes_are_refused),
		TEST(test_dots_stay_inside),
		TEST(test_planted_links_are_not_followed),
		TEST(test_whatever_has_the_name_is_replaced),
		TEST(test_temporary_names_are_nobody_elses),
		TEST(test_turn_of_data_takes_the_old_version_away),
		TEST(test_turn_of_data_before_its_files_keeps_their_names),
		TEST(test_turn_of_data_removes_nothing_outside),
		TEST(test_what_a_container_was_sent_goes_with_it),
		TEST(test_end_of_a_file_is_read_by_who_was_sent_it),
		TEST(test_link_in_place_of_file_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
