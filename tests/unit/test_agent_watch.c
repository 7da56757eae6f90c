/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_watch - copies of small volumes, and what programs that watch them see.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/storage/watch.h"

struct fixture {
	char *top;
	char *from;
	char *to;
	int source;
	int target;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->top = folder_new();
	f->from = path_join(f->top, "from");
	f->to = path_join(f->top, "to");
	if (mkdir(f->from, 0755) < 0 || mkdir(f->to, 0755) < 0)
		return -1;
	f->source = open(f->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->target = open(f->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->source < 0 || f->target < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->source);
	(void)close(f->target);
	folder_remove(f->top);
	free(f->from);
	free(f->to);
	free(f);
	return 0;
}

static void copy(struct fixture *f)
{
	struct error e;

	if (watch_copy(f->source, f->target, &watch_first, &e) < 0)
		fail_msg("%s", e.msg);
}

static void link_to(struct fixture *f, const char *target, const char *name)
{
	(void)unlinkat(f->source, "..data_tmp", 0);
	assert_int_equal(symlinkat(target, f->source, "..data_tmp"), 0);
	assert_int_equal(renameat(f->source, "..data_tmp", f->source, name), 0);
}

/* As kubelet writes a configMap. */
static void put_volume(struct fixture *f)
{
	folder_put(f->from, "..first/colour", "red");
	link_to(f, "..first", "..data");
	link_to(f, "..data/colour", "colour");
}

static char *content(struct fixture *f, const char *name)
{
	struct error e;
	char *text = NULL;

	if (file_read_at(f->target, name, 4096, &text, NULL, &e) < 0)
		return xstrdup(e.code == ENOENT ? "nothing" : e.msg);
	return text;
}

static void assert_content(struct fixture *f, const char *name, const char *wanted)
{
	_free_ char *text = content(f, name);

	assert_string_equal(text, wanted);
}

static void test_copy_of_a_volume_has_links_files_and_modes(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	put_volume(f);
	folder_put(f->from, "..first/secret", "word");
	assert_int_equal(fchmodat(f->source, "..first/secret", 0400, 0), 0);
	assert_int_equal(fchmod(f->source, 01777), 0);
	copy(f);
	assert_content(f, "colour", "red");
	assert_int_equal(fstatat(f->target, "..first/secret", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(fstat(f->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(fstatat(f->target, "colour", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
}

/* The names of the events since the last call, one after the other. */
static char *events(int fd)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} kinds[] = {
		{ IN_CREATE, "create" }, { IN_DELETE, "delete" }, { IN_MOVED_FROM, "from" },
		{ IN_MOVED_TO, "to" },   { IN_MODIFY, "modify" },
	};
	char bytes[4096] __attribute__((aligned(8)));
	_strv_ strv words = NULL;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *one = (const void *)at;

			for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
				if (one->mask & kinds[i].bit)
					strv_addf(&words, "%s %s", kinds[i].name, one->name);
			at += sizeof(*one) + one->len;
		}
	return strv_join(words, ", ");
}

static void test_update_gives_the_events_of_kubelet(void **state)
{
	struct fixture *f = *state;
	_close_ int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	_free_ char *seen = NULL, *later = NULL;
	struct error e;

	put_volume(f);
	copy(f);
	assert_true(inotify_add_watch(watch, f->to, IN_ALL_EVENTS) >= 0);
	folder_put(f->from, "..second/colour", "blue");
	link_to(f, "..second", "..data");
	assert_int_equal(unlinkat(f->source, "..first/colour", 0), 0);
	assert_int_equal(unlinkat(f->source, "..first", AT_REMOVEDIR), 0);
	copy(f);
	seen = events(watch);
	assert_string_equal(seen,
			    "create ..second, create ..data_tmp, from ..data_tmp, to ..data, "
			    "delete ..first");
	assert_content(f, "colour", "blue");
	/* A look that finds nothing is no event. */
	assert_true(watch_copy(f->source, f->target, &watch_first, &e) >= 0);
	later = events(watch);
	assert_string_equal(later, "");
}

/* By a rename: nobody finds it gone. */
static void test_changed_file_is_replaced_as_a_whole(void **state)
{
	struct fixture *f = *state;
	_close_ int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	_free_ char *seen = NULL;
	_close_ int old = -1;
	char text[8] = "";

	folder_put(f->from, "plain", "one");
	copy(f);
	old = openat(f->target, "plain", O_RDONLY | O_CLOEXEC);
	assert_true(inotify_add_watch(watch, f->to, IN_ALL_EVENTS) >= 0);
	folder_put(f->from, "plain", "two two");
	copy(f);
	seen = events(watch);
	assert_string_equal(seen,
			    "create ..plain_tmp, modify ..plain_tmp, from ..plain_tmp, "
			    "to plain");
	assert_content(f, "plain", "two two");
	assert_int_equal(read(old, text, sizeof(text)), 3);
	assert_string_equal(text, "one");
}

static void test_removed_names_and_changed_types_follow(void **state)
{
	struct fixture *f = *state;

	folder_put(f->from, "folder/deep/file", "text");
	folder_put(f->from, "gone", "text");
	copy(f);
	assert_content(f, "folder/deep/file", "text");
	assert_int_equal(unlinkat(f->source, "gone", 0), 0);
	assert_int_equal(unlinkat(f->source, "folder/deep/file", 0), 0);
	assert_int_equal(unlinkat(f->source, "folder/deep", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(f->source, "folder", AT_REMOVEDIR), 0);
	folder_put(f->from, "folder", "now a file");
	copy(f);
	assert_content(f, "gone", "nothing");
	assert_content(f, "folder", "now a file");
}

static void test_link_waits_for_what_it_leads_to(void **state)
{
	struct fixture *f = *state;
	struct error e;

	put_volume(f);
	copy(f);
	link_to(f, "..not-there-yet", "..data");
	assert_int_equal(watch_copy(f->source, f->target, &watch_first, &e), -EAGAIN);
	assert_content(f, "colour", "red");
}

static void test_too_much_is_refused(void **state)
{
	struct fixture *f = *state;
	struct watch_limits small = { .entries = 100, .bytes = 4 };
	struct error e;

	folder_put(f->from, "large", "12345");
	assert_int_equal(watch_copy(f->source, f->target, &small, &e), -E2BIG);
	for (unsigned i = 0; i < watch_first.entries; i++) {
		_free_ char *name = xasprintf("folder/file%u", i);

		folder_put(f->from, name, "x");
	}
	assert_int_equal(watch_copy(f->source, f->target, &watch_first, &e), -E2BIG);
}

static void test_links_and_pipes_of_the_source_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(symlinkat("/etc/passwd", f->source, "link"), 0);
	assert_int_equal(mkfifoat(f->source, "fifo", 0600), 0);
	copy(f);
	assert_int_equal(fstatat(f->target, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(fstatat(f->target, "fifo", &st, AT_SYMLINK_NOFOLLOW), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_copy_of_a_volume_has_links_files_and_modes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_gives_the_events_of_kubelet, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_changed_file_is_replaced_as_a_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_removed_names_and_changed_types_follow, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_link_waits_for_what_it_leads_to, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_much_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_and_pipes_of_the_source_are_not_followed,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
