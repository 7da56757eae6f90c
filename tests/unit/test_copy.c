/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_copy - what is sent to a guest with which nothing is shared, in which order, and what is
 * sent again when the host turns "..data".
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "runtime/sandbox/copies.h"

#define GUEST "/guest/v"

/* What has been sent: "PATH/" for a folder, "PATH -> TARGET" for a link, "PATH=BYTES" for a piece
 * of a file. */
struct sent {
	strv list;
	struct loop *loop;
	const char *awaited; /* what ends the loop */
	struct loop_task end;
	int32_t uid, gid;      /* of the last one */
	const char *forbidden; /* a path that the guest does not take */
};

static int record(void *arg, const Agent__CopyFileRequest *in, struct error *e)
{
	struct sent *sent = arg;
	const char *path = in->path + strlen(GUEST);

	if (str_equal(path, sent->forbidden))
		return fail(e, EIO, "not this one");
	sent->uid = in->uid;
	sent->gid = in->gid;
	if (S_ISDIR(in->file_mode))
		strv_addf(&sent->list, "%s/", path);
	else if (S_ISLNK(in->file_mode))
		strv_addf(&sent->list, "%s -> %.*s", path, (int)in->data.len, in->data.data);
	else
		strv_addf(&sent->list, "%s=%zu of %zu at %zu", path, in->data.len,
			  (size_t)in->file_size, (size_t)in->offset);
	if (sent->awaited && str_equal(sent->list[strv_len(sent->list) - 1], sent->awaited))
		loop_post(sent->loop, &sent->end);
	return 0;
}

static void end_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct sent, end)->loop, 0);
}

static int send_all(struct sent *sent, const char *source, const struct idmap *map,
		    struct copy_state *state, struct error *e)
{
	const struct copy_target to = { .send = record, .arg = sent, .path = GUEST, .map = map };
	_close_ int fd = open(source, O_PATH | O_CLOEXEC);

	assert_return_code(fd, errno);
	return copy_volume(fd, &to, state, e);
}

static void expect_sent(struct sent *sent, const char *const *wanted, size_t n)
{
	_free_ char *all = strv_join(sent->list, "\n");

	for (size_t i = 0; i < n || i < strv_len(sent->list); i++)
		if (i >= n || i >= strv_len(sent->list) || strcmp(sent->list[i], wanted[i]) != 0)
			fail_msg("not '%s' at %zu of:\n%s", i < n ? wanted[i] : "", i, all);
	strv_free(TAKE_PTR(sent->list));
}

#define EXPECT_SENT(sent, ...)                                                 \
	do {                                                                   \
		static const char *const wanted[] = { __VA_ARGS__ };           \
		expect_sent((sent), wanted, sizeof(wanted) / sizeof(*wanted)); \
	} while (0)

static void link_in(const char *dir, const char *name, const char *target)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *temporary = xasprintf("%s_new", path);

	assert_return_code(symlink(target, temporary), errno);
	assert_return_code(rename(temporary, path), errno);
}

static void expect_all_sent(struct sent *sent, const char *source, struct copy_state *state)
{
	static const struct idmap none = { 0 };
	struct error e;

	if (send_all(sent, source, &none, state, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_links_come_after_what_they_lead_to(void **state)
{
	const char *dir = *state;
	struct copy_state known = { 0 };
	_free_ char *pipe_path = path_join(dir, "pipe");
	struct sent sent = { 0 };

	folder_put(dir, "z", "text");
	folder_put(dir, "below/file", "");
	link_in(dir, "a", "z");
	link_in(dir, "below/dangling", "/nowhere");
	assert_return_code(mkfifo(pipe_path, 0600), errno);
	expect_all_sent(&sent, dir, &known);
	EXPECT_SENT(&sent, "/", "/below/", "/below/file=0 of 0 at 0", "/below/dangling -> /nowhere",
		    "/below/", "/z=4 of 4 at 0", "/a -> z", "/");
	assert_null(known.data);
}

static void test_large_file_goes_in_pieces(void **state)
{
	_free_ char *path = path_join(*state, "file");
	struct copy_state known = { 0 };
	struct sent sent = { 0 };

	folder_put(*state, "file", "");
	assert_return_code(truncate(path, 2 * MIB + 5), errno);
	expect_all_sent(&sent, path, &known);
	EXPECT_SENT(&sent, "=1048576 of 2097157 at 0", "=1048576 of 2097157 at 1048576",
		    "=5 of 2097157 at 2097152");
}

static void test_nothing_is_sent_of_what_is_too_much(void **state)
{
	_free_ char *large = path_join(*state, "below/large"), *deep = xstrdup("deep");
	static const struct idmap none = { 0 };
	struct copy_state known = { 0 };
	struct sent sent = { 0 };
	struct error e;

	folder_put(*state, "below/large", "");
	folder_put(*state, "below/other", "12345");
	assert_return_code(truncate(large, (off_t)COPY_BYTES_MAX), errno);
	assert_int_equal(send_all(&sent, *state, &none, &known, &e), -E2BIG);
	assert_non_null(strstr(e.msg, "32 MiB"));
	assert_return_code(truncate(large, (off_t)COPY_BYTES_MAX + 1), errno);
	assert_int_equal(send_all(&sent, large, &none, &known, &e), -E2BIG);
	assert_return_code(unlink(large), errno);
	for (int i = 0; i < 40; i++) {
		_free_ char *next = path_join(deep, "d");

		free(deep);
		deep = TAKE_PTR(next);
	}
	folder_put(*state, deep, "");
	assert_int_equal(send_all(&sent, *state, &none, &known, &e), -E2BIG);
	assert_null(sent.list);
}

static void test_more_files_than_allowed_are_refused(void **state)
{
	static const struct idmap none = { 0 };
	struct copy_state known = { 0 };
	struct sent sent = { 0 };
	struct error e;

	for (int i = 0; i <= COPY_ENTRIES_MAX; i++) {
		_free_ char *path = xasprintf("%s/%d", (const char *)*state, i);

		assert_return_code(symlink("x", path), errno);
	}
	assert_int_equal(send_all(&sent, *state, &none, &known, &e), -E2BIG);
	assert_non_null(strstr(e.msg, "4096 files"));
	assert_null(sent.list);
}

static void test_owners_are_those_of_the_map(void **state)
{
	Oci__LinuxIDMapping line = OCI__LINUX_IDMAPPING__INIT, *lines[] = { &line };
	const struct idmap map = { lines, 1, lines, 1 };
	_free_ char *path = path_join(*state, "file");
	struct copy_state known = { 0 };
	struct sent sent = { 0 };
	struct error e;

	line.containerid = getuid();
	line.hostid = 70000;
	line.size = 1;
	folder_put(*state, "file", "x");
	assert_return_code(send_all(&sent, path, &map, &known, &e), 0);
	assert_int_equal(sent.uid, 70000);
	line.containerid++;
	assert_return_code(send_all(&sent, path, &map, &known, &e), 0);
	assert_int_equal(sent.uid, 65534);
	strv_free(sent.list);
}

/* One version of a volume as kubelet makes it. */
static void put_version(const char *dir, const char *version, const char *key)
{
	_free_ char *name = xasprintf("%s/%s", version, key), *target = xasprintf("..data/%s", key);
	_free_ char *link = path_join(dir, key);
	struct stat st;

	folder_put(dir, name, version);
	if (lstat(link, &st) < 0)
		link_in(dir, key, target);
}

static void test_turn_of_data_sends_what_is_new(void **state)
{
	const char *dir = *state;
	struct copy_state known = { 0 };
	struct sent sent = { 0 };

	put_version(dir, "..1", "key");
	link_in(dir, "..data", "..1");
	expect_all_sent(&sent, dir, &known);
	EXPECT_SENT(&sent, "/", "/..1/", "/..1/key=3 of 3 at 0", "/..1/", "/..data -> ..1",
		    "/key -> ..data/key", "/");
	expect_all_sent(&sent, dir, &known);
	assert_null(sent.list);
	put_version(dir, "..22", "key");
	put_version(dir, "..22", "more");
	link_in(dir, "..data", "..22");
	expect_all_sent(&sent, dir, &known);
	EXPECT_SENT(&sent, "/..22/", "/..22/key=4 of 4 at 0", "/..22/more=4 of 4 at 0", "/..22/",
		    "/..data -> ..22", "/more -> ..data/more", "/");
	copy_state_done(&known);
}

/* It may be removed at any moment; so may the links of its keys. */
static void test_version_before_is_not_looked_at(void **state)
{
	const char *dir = *state;
	_free_ char *large = path_join(dir, "..1/key");
	struct copy_state known = { 0 };
	struct sent sent = { 0 };

	put_version(dir, "..1", "key");
	assert_return_code(truncate(large, (off_t)COPY_BYTES_MAX + 1), errno);
	put_version(dir, "..2", "key");
	link_in(dir, "..data", "..2");
	expect_all_sent(&sent, dir, &known);
	EXPECT_SENT(&sent, "/", "/..2/", "/..2/key=3 of 3 at 0", "/..2/", "/..data -> ..2",
		    "/key -> ..data/key", "/");
	copy_state_done(&known);
}

/* One that failed half way is sent again, all that is left of it. */
static void test_version_that_failed_is_sent_again(void **state)
{
	static const struct idmap none = { 0 };
	struct copy_state known = { 0 };
	struct sent sent = { .forbidden = "/key" };
	struct error e;

	put_version(*state, "..1", "key");
	link_in(*state, "..data", "..1");
	assert_int_equal(send_all(&sent, *state, &none, &known, &e), -EIO);
	strv_free(TAKE_PTR(sent.list));
	sent.forbidden = NULL;
	expect_all_sent(&sent, *state, &known);
	EXPECT_SENT(&sent, "/", "/..1/", "/..1/key=3 of 3 at 0", "/..1/", "/..data -> ..1",
		    "/key -> ..data/key", "/");
	copy_state_done(&known);
}

/* It is the host's, but a volume need not be kubelet's. */
static void test_data_that_leads_elsewhere_is_a_link(void **state)
{
	static const char *const targets[] = { "..", "../x", "/etc", "plain", "..data" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct copy_state known = { 0 };
		struct sent sent = { 0 };
		_free_ char *link = xasprintf("/..data -> %s", targets[i]);
		const char *const wanted[] = { "/", link, "/" };

		link_in(*state, "..data", targets[i]);
		expect_all_sent(&sent, *state, &known);
		expect_sent(&sent, wanted, ARRAY_SIZE(wanted));
	}
}

static void test_volume_is_sent_again_when_data_turns(void **state)
{
	const char *dir = *state;
	struct error e;
	_cleanup_(loop_freep) struct loop *loop = loop_new(&e);
	_cleanup_(work_pool_freep) struct work_pool *pool = work_pool_new(loop, 2, 256 * 1024);
	struct sent sent = { .loop = loop,
			     .awaited = "/..data -> ..2",
			     .end = { .run = end_loop } };
	const struct copies_params params = {
		.loop = loop, .pool = pool, .send = record, .arg = &sent
	};
	struct copies *copies = copies_new(&params);
	struct copies_volume v = { .ticket = "one", .source = dir, .path = GUEST };

	put_version(dir, "..1", "key");
	link_in(dir, "..data", "..1");
	assert_return_code(copies_add(copies, &v, &e), 0);
	/* Of two that look after one folder, one goes. */
	v.ticket = "two";
	assert_return_code(copies_add(copies, &v, &e), 0);
	copies_drop(copies, "two");
	copies_drop(copies, "none");
	strv_free(TAKE_PTR(sent.list));
	put_version(dir, "..2", "key");
	link_in(dir, "..data", "..2");
	assert_int_equal(loop_run(loop), 0);
	work_pool_stop(pool);
	/* What the job leaves to the io thread. */
	loop_post(loop, &sent.end);
	assert_int_equal(loop_run(loop), 0);
	EXPECT_SENT(&sent, "/..2/", "/..2/key=3 of 3 at 0", "/..2/", "/..data -> ..2", "/");
	copies_close(copies);
	copies_free(copies);
}

static void test_refused_file_is_an_error_with_the_volumes_name(void **state)
{
	struct error e;
	_cleanup_(loop_freep) struct loop *loop = loop_new(&e);
	_cleanup_(work_pool_freep) struct work_pool *pool = work_pool_new(loop, 2, 256 * 1024);
	struct sent sent = { .forbidden = "/b" };
	const struct copies_params params = {
		.loop = loop, .pool = pool, .send = record, .arg = &sent
	};
	struct copies *copies = copies_new(&params);
	const struct copies_volume v = { .ticket = "one", .source = *state, .path = GUEST };

	folder_put(*state, "a", "x");
	folder_put(*state, "b", "x");
	assert_int_equal(copies_add(copies, &v, &e), -EIO);
	assert_non_null(strstr(e.msg, *state));
	copies_drop(copies, "one");
	copies_close(copies);
	copies_free(copies);
	strv_free(sent.list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_links_come_after_what_they_lead_to),
		TEST(test_large_file_goes_in_pieces),
		TEST(test_nothing_is_sent_of_what_is_too_much),
		TEST(test_more_files_than_allowed_are_refused),
		TEST(test_owners_are_those_of_the_map),
		TEST(test_turn_of_data_sends_what_is_new),
		TEST(test_version_before_is_not_looked_at),
		TEST(test_version_that_failed_is_sent_again),
		TEST(test_data_that_leads_elsewhere_is_a_link),
		TEST(test_volume_is_sent_again_when_data_turns),
		TEST(test_refused_file_is_an_error_with_the_volumes_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
