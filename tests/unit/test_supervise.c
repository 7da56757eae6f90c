/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_supervise - SIGTERM at any time ends the work, then cleans up, then ends.
 *
 * The supervisor starts its own program for the work, which is this one: main() plays the child.
 * The environment says how.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "deploy/run.h"
#include "deploy/supervise.h"
#include "lib/file.h"
#include "lib/host/hostcheck.h"
#include "lib/log.h"

#define PLAY          "TEST_SUPERVISE"
#define MARK          "TEST_SUPERVISE_MARK"
#define HELD          "held "
#define STATUS_OF_END 7

/* The installation succeeds, or leaves the version that somebody went back to; then somebody, who
 * is played by the one that follows the Node, changes a file, or ends the engine and maybe starts
 * it again.  What is done about it ends the supervisor. */
static int play_change(const char *part, const char *action)
{
	const char *etc = getenv("KATA_ETC");
	bool is_held = str_starts(part, HELD);

	part += is_held ? strlen(HELD) : 0;
	if (strcmp(action, "apply") == 0)
		return is_held ? RUN_STATUS_HELD : 0;
	if (strcmp(action, "follow") != 0) {
		_free_ char *mark = xasprintf("%s-%s", getenv(MARK), action);

		(void)!mkdir(mark, 0700);
		if (str_equal(part, "repairs") && str_equal(action, "keep"))
			return RUN_STATUS_REPAIRED;
		(void)kill(getppid(), SIGTERM);
		return str_starts(action, "keep") ? 0 : 1;
	}
	/* It sees a change of the Node, the first time. */
	if (strcmp(part, "follows") == 0 ||
	    (strcmp(part, "repairs") == 0 && mkdir(getenv(MARK), 0700) == 0))
		return 0;
	while (strcmp(part, "repairs") == 0)
		(void)pause();
	if (strcmp(part, "is watched") != 0)
		(void)unlink(getenv("KATA_CONTAINERD_SOCKET"));
	if (strcmp(part, "starts") == 0)
		folder_put(etc, "engine.sock", "");
	folder_put(etc, "kata-qemu/file", "x");
	for (;;)
		(void)pause();
}

/* The supervisor is told to end in the middle of the work. */
static int play(const char *action)
{
	const char *part = getenv(PLAY);
	sigset_t all;

	if (strcmp(action, "cleanup") == 0)
		return STATUS_OF_END;
	if (strcmp(action, "publish") == 0)
		return 0;
	/* The second one is one too many. */
	if (str_equal(part, "loses") && mkdir(getenv(MARK), 0700) == 0)
		return 1;
	if (str_equal(part, "is watched") || str_equal(part, "follows") ||
	    str_equal(part, "starts") || str_equal(part, "ends") || str_starts(part, HELD))
		return play_change(part, action);
	/* The one that follows the Node sees no change. */
	while (strcmp(action, "follow") == 0)
		(void)pause();
	if (str_starts(part, "is ") && mkdir(getenv(MARK), 0700) == 0)
		return str_equal(part, "is ready")  ? 0
		       : str_equal(part, "is held") ? RUN_STATUS_HELD
						    : RUN_STATUS_UNSUITABLE;
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

#define LOOKS_MAX 2000

/* How often the supervisor looked for KVM, which comes with the third time, or goes. */
static unsigned kvm_looks;
static bool kvm_goes;
static const char *kvm_ends_with; /* the file with which it goes; NULL: by number */

bool __wrap_hostcheck_has_kvm(const struct host_facts *facts);
bool __wrap_hostcheck_has_kvm(const struct host_facts *facts)
{
	(void)facts;
	/* It would look for ever. */
	if (++kvm_looks == LOOKS_MAX)
		(void)kill(getpid(), SIGTERM);
	return kvm_ends_with ? !file_exists(kvm_ends_with) : (kvm_looks >= 3) != kvm_goes;
}

/* Looking every 15 seconds is looking at once here. */
void __real_timer_arm(int fd, uint64_t first_ms, uint64_t every_ms);
void __wrap_timer_arm(int fd, uint64_t first_ms, uint64_t every_ms);
void __wrap_timer_arm(int fd, uint64_t first_ms, uint64_t every_ms)
{
	__real_timer_arm(fd, first_ms == 15000 ? 20 : first_ms, every_ms);
}

/* Runs a supervisor whose child plays PART; what it logs. */
static char *supervise_with(const char *part, int *ret_status)
{
	_settings_ struct settings settings = { 0 };
	int pipe_fds[2];
	char *text = NULL;
	struct error e;
	sigset_t old;

	assert_int_equal(setenv(PLAY, part, 1), 0);
	assert_int_equal(setenv("NODE_NAME", "n1", 1), 0);
	assert_int_equal(setenv("HEALTH_PORT", "0", 1), 0);
	assert_int_equal(setenv("INSTALLATION_PREFIX", "/nonexistent", 1), 0);
	if (settings_read(&settings, &e) < 0)
		fail_msg("%s", e.msg);
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

/* The second child ends the supervisor. */
static void expect_second_look(const char *part)
{
	char *dir = folder_new();
	_free_ char *mark = path_join(dir, "mark");
	_free_ char *log = NULL;
	int status = 0;

	assert_int_equal(setenv(MARK, mark, 1), 0);
	kvm_looks = 0;
	log = supervise_with(part, &status);
	assert_int_equal(status, STATUS_OF_END);
	if (kvm_looks < 3 || kvm_looks >= LOOKS_MAX)
		fail_msg("a child that %s: after %u looks: %s", part, kvm_looks, log);
	folder_remove(dir);
}

static void test_change_of_node_or_files_is_looked_at(void **state)
{
	static const struct {
		const char *part;
		const char *action;
	} rows[] = {
		{ "is watched", "keep" },
		{ "follows", "keep" },
		{ "starts", "keep-engine" },
		{ "ends", "keep" },
		{ HELD "is watched", "keep" },
		{ HELD "follows", "keep" },
		/* The next look says whether it is held still. */
		{ HELD "repairs", "check" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *dir = folder_new();
		_free_ char *mark = path_join(dir, "mark");
		_free_ char *done = xasprintf("%s-%s", mark, rows[i].action);
		_free_ char *socket = path_join(dir, "engine.sock");
		_free_ char *log = NULL;
		uint64_t began = now_ms();
		int status = 0;

		assert_int_equal(setenv(MARK, mark, 1), 0);
		assert_int_equal(setenv("KATA_ETC", dir, 1), 0);
		assert_int_equal(setenv("KATA_CONTAINERD_SOCKET", socket, 1), 0);
		folder_put(dir, "engine.sock", "");
		/* KVM is there all the time. */
		kvm_looks = 3;
		log = supervise_with(rows[i].part, &status);
		assert_int_equal(status, STATUS_OF_END);
		if (!file_exists(done) || now_ms() - began >= 10000)
			fail_msg("%s: %s", rows[i].part, log);
		folder_remove(dir);
	}
	assert_int_equal(unsetenv("KATA_ETC"), 0);
	assert_int_equal(unsetenv("KATA_CONTAINERD_SOCKET"), 0);
}

static void test_folder_that_was_removed_under_a_mount_ends_the_container(void **state)
{
	char *dir = folder_new();
	_free_ char *mark = path_join(dir, "mark");
	_free_ char *etc = path_join(dir, "etc");
	_free_ char *log = NULL;
	_free_ char *seen = NULL;
	_close_ int fd = -1;
	int status = 0;

	(void)state;
	assert_int_equal(mkdir(etc, 0700), 0);
	fd = open(etc, O_PATH | O_CLOEXEC);
	seen = xasprintf("/proc/%d/fd/%d", getpid(), fd);
	assert_int_equal(setenv(MARK, mark, 1), 0);
	assert_int_equal(setenv("KATA_ETC", seen, 1), 0);
	assert_int_equal(rmdir(etc), 0);
	log = supervise_with("loses", &status);
	assert_int_equal(status, 1);
	assert_non_null(strstr(log, "somebody has removed the folder"));
	assert_int_equal(unsetenv("KATA_ETC"), 0);
	folder_remove(dir);
}

static void test_node_is_looked_at_again_when_kvm_appears_or_goes(void **state)
{
	(void)state;
	kvm_goes = false;
	expect_second_look("is unsuitable");
	kvm_goes = true;
	expect_second_look("is ready");
	expect_second_look("is held");
}

/* The run may have looked before that. */
static void test_kvm_that_goes_while_a_run_is_at_work_is_noticed(void **state)
{
	char *dir = folder_new();
	_free_ char *mark = path_join(dir, "mark");
	_free_ char *log = NULL;
	int status = 0;

	(void)state;
	assert_int_equal(setenv(MARK, mark, 1), 0);
	kvm_looks = 0;
	kvm_ends_with = mark;
	log = supervise_with("is ready", &status);
	kvm_ends_with = NULL;
	assert_int_equal(status, STATUS_OF_END);
	if (kvm_looks >= LOOKS_MAX)
		fail_msg("nobody looked again: %s", log);
	folder_remove(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change_of_node_or_files_is_looked_at),
		cmocka_unit_test(test_term_at_any_time_cleans_up_and_ends),
		cmocka_unit_test(test_child_that_is_killed_is_told),
		cmocka_unit_test(test_folder_that_was_removed_under_a_mount_ends_the_container),
		cmocka_unit_test(test_node_is_looked_at_again_when_kvm_appears_or_goes),
		cmocka_unit_test(test_kvm_that_goes_while_a_run_is_at_work_is_noticed),
	};

	if (argc == 3 && str_starts(argv[1], "--report="))
		return play(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
