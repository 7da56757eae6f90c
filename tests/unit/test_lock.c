/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lock - one installer at a time, whatever becomes of the folders meanwhile.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "lib/host/lock.h"

#define AT_ONCE 0
#define WAIT_MS 20000

/* What happens once between the opening of a folder and its locking: it is moved there. */
static const char *move_from, *move_to;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
	const char *from = TAKE_PTR(move_from);

	if (from)
		assert_int_equal(rename(from, move_to), 0);
	return __real_flock(fd, operation);
}

struct room {
	char *dir;
	strv folders;
};

static int setup(void **state)
{
	struct room *r = xcalloc(1, sizeof(*r));

	r->dir = folder_new();
	strv_take(&r->folders, path_join(r->dir, "a"));
	strv_take(&r->folders, path_join(r->dir, "b"));
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct room *r = *state;

	strv_free(r->folders);
	folder_remove(r->dir);
	free(r);
	return 0;
}

static struct lock *take(const struct room *r)
{
	struct lock *lock = NULL;
	struct error e;

	if (lock_take(r->folders, deadline_in(WAIT_MS), NULL, &lock, &e) < 0)
		fail_msg("%s", e.msg);
	return lock;
}

static void assert_held(const struct room *r)
{
	struct lock *lock = NULL;
	struct error e;

	assert_int_equal(lock_take(r->folders, deadline_in(AT_ONCE), NULL, &lock, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.msg, "another installer"));
}

/* Removes the folder as an administrator would, and everything in it. */
static void remove_folder(const struct room *r, size_t i)
{
	struct error e;

	assert_int_equal(tree_remove(r->folders[i], &e), 0);
}

static void test_lock_is_held_by_one(void **state)
{
	const struct room *r = *state;
	struct lock *lock = take(r);

	assert_held(r);
	lock_release(lock);
	lock_release(take(r));
}

static void test_lock_outlives_the_removal_of_a_folder(void **state)
{
	const struct room *r = *state;

	for (size_t i = 0; i < strv_len(r->folders); i++) {
		struct lock *lock = take(r);

		remove_folder(r, i);
		assert_held(r);
		/* The one that was refused has made it anew. */
		assert_held(r);
		lock_release(lock);
		lock_release(take(r));
	}
}

static void *take_in_thread(void *arg)
{
	return take(arg);
}

/* Whether somebody waits for FOLDER cannot be seen, so the thread gets some rounds. */
static void test_waiter_gets_what_the_name_leads_to_now(void **state)
{
	struct room *r = *state;
	struct lock *first = take(r);
	struct lock *second = NULL;
	_free_ char *old = path_join(r->dir, "old");
	pthread_t thread;
	struct error e;

	assert_int_equal(pthread_create(&thread, NULL, take_in_thread, r), 0);
	assert_int_equal(wait_pause(500, "the thread", deadline_in(WAIT_MS), NULL, &e), 0);
	assert_int_equal(rename(r->folders[0], old), 0);
	lock_release(first);
	assert_int_equal(pthread_join(thread, (void **)&second), 0);
	assert_held(r);
	lock_release(second);
}

/* The folder is replaced between its opening and its locking: what was locked has no name by which
 * another one could find it. */
static void test_lock_of_a_folder_that_was_replaced_is_no_lock(void **state)
{
	const struct room *r = *state;
	char *only[] = { r->folders[0], NULL };
	const struct room one = { .dir = r->dir, .folders = only };
	_free_ char *old = path_join(r->dir, "old");
	struct lock *lock;

	move_to = old;
	move_from = r->folders[0];
	lock = take(&one);
	assert_held(&one);
	lock_release(lock);
}

static void test_lock_that_another_program_holds_is_waited_for(void **state)
{
	const struct room *r = *state;
	struct error e;
	_close_ int fd = -1;

	assert_int_equal(dir_make(r->folders[1], 0755, &e), 0);
	fd = open(r->folders[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_held(r);
}

static void test_lock_without_folders_is_none(void **state)
{
	const struct room none = { 0 };

	(void)state;
	lock_release(take(&none));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lock_is_held_by_one),
		T(test_lock_outlives_the_removal_of_a_folder),
		T(test_waiter_gets_what_the_name_leads_to_now),
		T(test_lock_of_a_folder_that_was_replaced_is_no_lock),
		T(test_lock_that_another_program_holds_is_waited_for),
		T(test_lock_without_folders_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
