/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tree_watch - which changes below a folder are told.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/tree-watch.h"

#define FIRST  1
#define SECOND 2

struct world {
	struct loop *loop;
	char *first;
	char *second;
	struct tree_place places[2];
	struct tree_watch *watch;
};

static const char *const only[] = { "in", "link", NULL };

static void never(void *arg, unsigned bits)
{
	(void)arg;
	fail_msg("told %u outside of the loop", bits);
}

static void world_init(struct world *w, const char *dir)
{
	struct error e;

	*w = (struct world){ .first = path_join(dir, "first"), .second = path_join(dir, "second") };
	w->places[0] = (struct tree_place){ w->first, 2, only, FIRST };
	w->places[1] = (struct tree_place){ w->second, 0, NULL, SECOND };
	folder_put(dir, "first/in/a/b/c/file", "x");
	folder_put(dir, "second/file", "x");
	w->loop = loop_new(&e);
	assert_non_null(w->loop);
	if (tree_watch_new(w->loop, w->places, 2, never, NULL, &w->watch, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(tree_watch_take(w->watch), 0);
}

static void world_done(struct world *w)
{
	tree_watch_free(w->watch);
	loop_free(w->loop);
	free(w->first);
	free(w->second);
}

static void test_changes_within_the_depth_are_told(void **state)
{
	static const struct {
		const char *file;
		unsigned bits;
	} rows[] = {
		{ "first/in/file", FIRST },
		{ "first/in/a/file", FIRST },
		/* Too deep, not named, hidden. */
		{ "first/in/a/b/file", 0 },
		{ "first/other", 0 },
		{ "first/in/.new-x", 0 },
		{ "second/file", SECOND },
		{ "second/.file.tmp", 0 },
	};
	struct world w;

	world_init(&w, *state);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned bits;

		folder_put(*state, rows[i].file, "y");
		bits = tree_watch_take(w.watch);
		if (bits != rows[i].bits)
			fail_msg("%s: %u", rows[i].file, bits);
		assert_int_equal(tree_watch_take(w.watch), 0);
	}
	world_done(&w);
}

static void test_every_kind_of_change_is_told(void **state)
{
	_free_ char *file = path_join(*state, "first/in/file");
	_free_ char *moved = path_join(*state, "first/in/moved");
	_free_ char *link = path_join(*state, "first/link");
	_close_ int fd = -1;
	struct world w;

	world_init(&w, *state);
	folder_put(*state, "first/in/file", "y");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(tree_watch_take(w.watch), 0);
	/* That it ends is told, whether it wrote or not: so is the end of who held it open. */
	assert_int_equal(close(TAKE_FD(fd)), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	assert_int_equal(rename(file, moved), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	assert_int_equal(unlink(moved), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	assert_int_equal(symlink("in", link), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	world_done(&w);
}

static void test_reading_is_no_change(void **state)
{
	_free_ char *file = path_join(*state, "second/file");
	_free_ char *text = NULL;
	struct world w;
	struct error e;

	world_init(&w, *state);
	assert_int_equal(file_read(file, 10, &text, NULL, &e), 0);
	assert_int_equal(tree_watch_take(w.watch), 0);
	world_done(&w);
}

static void test_folder_that_comes_is_watched(void **state)
{
	_free_ char *in = path_join(*state, "first/in");
	struct world w;
	struct error e;

	world_init(&w, *state);
	folder_put(*state, "first/in/new/file", "x");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	folder_put(*state, "first/in/new/file", "y");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	/* Gone and made anew. */
	assert_int_equal(tree_remove(in, &e), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	folder_put(*state, "first/in/again/file", "x");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	folder_put(*state, "first/in/again/file", "y");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	world_done(&w);
}

static void test_place_that_was_not_there_is_told_when_it_comes(void **state)
{
	struct world w;
	struct error e;

	world_init(&w, *state);
	/* All that leads there, too. */
	assert_int_equal(tree_remove(*state, &e), 0);
	assert_int_equal(tree_watch_take(w.watch), FIRST | SECOND);
	assert_int_equal(tree_watch_take(w.watch), 0);
	folder_put(*state, "other/file", "x");
	assert_int_equal(tree_watch_take(w.watch), 0);
	folder_put(*state, "second/file", "x");
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	folder_put(*state, "second/file", "y");
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	folder_put(*state, "first/in/a/file", "x");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	folder_put(*state, "first/in/a/file", "y");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	tree_watch_renew(w.watch);
	assert_int_equal(tree_watch_take(w.watch), 0);
	world_done(&w);
}

static void test_place_that_is_moved_away_is_looked_for_anew(void **state)
{
	_free_ char *aside = path_join(*state, "aside");
	struct world w;

	world_init(&w, *state);
	assert_int_equal(rename(w.second, aside), 0);
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	(void)tree_watch_take(w.watch);
	folder_put(*state, "aside/file", "y");
	assert_int_equal(tree_watch_take(w.watch), 0);
	/* Another one comes, or the same again. */
	folder_put(*state, "second/file", "y");
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	folder_put(*state, "second/file", "z");
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	world_done(&w);
}

/* More changes than the kernel keeps, among them the end of a folder that is there again. */
static void test_nothing_is_lost_when_changes_were(void **state)
{
	_free_ char *in = path_join(*state, "first/in");
	_free_ char *text = NULL;
	struct world w;
	struct error e;
	uint64_t limit;

	world_init(&w, *state);
	assert_int_equal(file_read("/proc/sys/fs/inotify/max_queued_events", 32, &text, NULL, &e),
			 0);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(parse_u64(text, "limit", UINT32_MAX, &limit, &e), 0);
	/* Two in turn, as equal ones in a row are one. */
	for (uint64_t i = 0; i < limit / 2 + 1; i++) {
		assert_int_equal(chmod(w.second, i % 2 ? 0700 : 0755), 0);
		assert_int_equal(chmod(in, i % 2 ? 0700 : 0755), 0);
	}
	assert_int_equal(tree_remove(in, &e), 0);
	folder_put(*state, "first/in/file", "x");
	assert_int_equal(tree_watch_take(w.watch), FIRST | SECOND);
	folder_put(*state, "first/in/file", "y");
	assert_int_equal(tree_watch_take(w.watch), FIRST);
	folder_put(*state, "second/file", "y");
	assert_int_equal(tree_watch_take(w.watch), SECOND);
	world_done(&w);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_changes_within_the_depth_are_told),
		IN_FOLDER(test_every_kind_of_change_is_told),
		IN_FOLDER(test_reading_is_no_change),
		IN_FOLDER(test_folder_that_comes_is_watched),
		IN_FOLDER(test_place_that_was_not_there_is_told_when_it_comes),
		IN_FOLDER(test_place_that_is_moved_away_is_looked_for_anew),
		IN_FOLDER(test_nothing_is_lost_when_changes_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
