/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal - one installer at a time, and a file of whole lines whatever interrupts a write.
 *
 * What a plan makes of a journal is in test_plan.c.
 */

#include "tests/unit/folder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/host/journal.h"
#include "tests/unit/owner.h"

#define LONG_MS 20000

static void begin(struct journal *j, const char *step)
{
	_json_ struct json_object *data = json_object_new_object();
	struct error e;

	if (journal_begin(j, step, data, &e) < 0)
		fail_msg("%s", e.msg);
}

static struct journal *open_journal(const char *root)
{
	struct journal *j = NULL;
	struct error e;

	if (journal_open(&test_owner, root, deadline_in(LONG_MS), NULL, &j, &e) < 0)
		fail_msg("%s", e.msg);
	return j;
}

static char *text_of(const char *root)
{
	_free_ char *path = path_join(root, "journal");
	struct error e;
	char *text;

	if (file_read(path, 4096, &text, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	return text;
}

static void test_a_second_installer_waits_for_the_first(void **state)
{
	_cleanup_(journal_closep) struct journal *second = NULL;
	struct journal *first = open_journal(*state);
	struct cancel cancel;
	struct error e;

	assert_int_equal(journal_open(&test_owner, *state, deadline_in(50), NULL, &second, &e),
			 -ETIMEDOUT);
	assert_non_null(strstr(e.msg, "another installer works on this node"));
	assert_int_equal(
		journal_open_afresh(&test_owner, *state, deadline_in(50), NULL, &second, &e),
		-ETIMEDOUT);
	assert_return_code(cancel_init(&cancel, &e), 0);
	cancel_raise(&cancel);
	assert_int_equal(
		journal_open(&test_owner, *state, deadline_in(LONG_MS), &cancel, &second, &e),
		-ECANCELED);
	cancel_done(&cancel);
	assert_null(second);
	journal_close(first);
	assert_int_equal(journal_open(&test_owner, *state, deadline_in(50), NULL, &second, &e), 0);
}

/* It dies with the lock, in the middle of a line. */
static void die_within_a_line(const char *root, const char *torn)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		_free_ char *path = path_join(root, "journal");
		struct journal *j = open_journal(root);
		FILE *file;

		begin(j, "first");
		file = fopen(path, "ae");
		(void)fputs(torn, file);
		(void)fflush(file);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Without the cut, the next entry would be glued to the torn line and both be lost. */
static void test_entry_after_a_torn_line_is_read_after_the_next_kill(void **state)
{
	static const char *const torn[] = { "d", "do secon", "do second {\"a\":", "ok firs" };

	for (size_t i = 0; i < ARRAY_SIZE(torn); i++) {
		_cleanup_(journal_closep) struct journal *j = NULL;
		char *root = folder_new();
		_free_ char *text = NULL;

		die_within_a_line(root, torn[i]);
		j = open_journal(root);
		assert_int_equal(journal_len(j), 1);
		begin(j, "third");
		journal_close(TAKE_PTR(j));
		j = open_journal(root);
		assert_int_equal(journal_len(j), 2);
		assert_string_equal(journal_at(j, 0)->step, "first");
		assert_string_equal(journal_at(j, 1)->step, "third");
		text = text_of(root);
		assert_string_equal(text, "do first {}\ndo third {}\n");
		folder_remove(root);
	}
	(void)state;
}

/* A kill after the last entry was taken back, or within the first line, leaves nothing to undo. */
static void test_journal_without_an_entry_is_removed(void **state)
{
	static const char *const texts[] = { "do first {}\nok first\nundone first\n", "do fir",
					     "" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_free_ char *path = path_join(*state, "journal");

		folder_put(*state, "journal", texts[i]);
		journal_close(open_journal(*state));
		assert_false(file_exists(path));
	}
}

/* Lets no file grow beyond SIZE; what write(2) could not write it says. */
static void limit_files(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk takes part of a line. */
static void test_line_that_was_not_written_whole_is_taken_back(void **state)
{
	_cleanup_(journal_closep) struct journal *j = open_journal(*state);
	_json_ struct json_object *data = json_object_new_object();
	_free_ char *before = NULL, *after = NULL, *later = NULL;
	struct sigaction old, ignore = { .sa_handler = SIG_IGN };
	struct error e;

	begin(j, "first");
	before = text_of(*state);
	assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
	limit_files(strlen(before) + 5);
	assert_int_equal(journal_begin(j, "second", data, &e), -EFBIG);
	assert_int_equal(journal_done(j, &e), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_int_equal(sigaction(SIGXFSZ, &old, NULL), 0);
	after = text_of(*state);
	assert_string_equal(after, before);
	assert_int_equal(journal_len(j), 1);
	assert_false(journal_at(j, 0)->is_done);
	begin(j, "third");
	later = text_of(*state);
	assert_string_equal(later, "do first {}\ndo third {}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_second_installer_waits_for_the_first,
						folder_setup, folder_teardown),
		cmocka_unit_test(test_entry_after_a_torn_line_is_read_after_the_next_kill),
		cmocka_unit_test_setup_teardown(test_journal_without_an_entry_is_removed,
						folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_line_that_was_not_written_whole_is_taken_back,
						folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
