/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_supervise - SIGTERM at any time ends the work, then cleans up, then ends.
 *
 * The supervisor starts its own program for the work, which is this one: main() plays the child.
 * The environment says how.
 */

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "deploy/supervise.h"
#include "lib/file.h"
#include "lib/log.h"

#define PLAY          "TEST_SUPERVISE"
#define STATUS_OF_END 7

/* The supervisor is told to end in the middle of the work. */
static int play(const char *action)
{
	const char *part = getenv(PLAY);
	sigset_t all;

	if (strcmp(action, "cleanup") == 0)
		return STATUS_OF_END;
	(void)sigfillset(&all);
	/* What the supervisor sends in return may come before the end of this function. */
	if (!str_equal(part, "waits"))
		(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)kill(getppid(), SIGTERM);
	if (str_equal(part, "killed"))
		(void)raise(SIGKILL);
	if (str_equal(part, "waits"))
		for (;;)
			(void)pause();
	return str_equal(part, "fails") ? 1 : 0;
}

/* Runs a supervisor whose child plays PART; what it logs. */
static char *supervise_with(const char *part, int *ret_status)
{
	const struct settings settings = { .health_port = 0 };
	int pipe_fds[2];
	char *text = NULL;
	struct error e;
	sigset_t old;

	assert_int_equal(setenv(PLAY, part, 1), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &old), 0);
	log_open("test", pipe_fds[1], LOG_TEXT, LOG_LEVEL_INFO);
	*ret_status = supervise(&settings);
	log_open("test", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_INFO);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(close(pipe_fds[1]), 0);
	assert_int_equal(file_read_fd(pipe_fds[0], "log", 4096, &text, NULL, &e), 0);
	assert_int_equal(close(pipe_fds[0]), 0);
	return text;
}

static void test_term_at_any_time_cleans_up_and_ends(void **state)
{
	static const char *const parts[] = { "waits", "fails", "succeeds", "killed" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int status = 0;
		_free_ char *log = supervise_with(parts[i], &status);

		if (status != STATUS_OF_END)
			fail_msg("a child that %s: status %d: %s", parts[i], status, log);
	}
}

static void test_child_that_is_killed_is_told(void **state)
{
	int status = 0;
	_free_ char *killed = supervise_with("killed", &status);
	_free_ char *ended = supervise_with("waits", &status);

	(void)state;
	if (!strstr(killed, "the installer was killed by signal 9") || strstr(ended, "killed"))
		fail_msg("%s\n%s", killed, ended);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_term_at_any_time_cleans_up_and_ends),
		cmocka_unit_test(test_child_that_is_killed_is_told),
	};

	if (argc == 3 && str_starts(argv[1], "--report="))
		return play(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
