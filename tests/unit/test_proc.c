/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_proc - child processes: output, ends, descriptors, rights.
 *
 * Every test works in a folder of its own below the temporary directory.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/file.h"
#include "lib/loop.h"
#include "lib/proc.h"
#include "tests/unit/root.h"

#define LONG_MS 60000

/* Of the last wait. */
static uint64_t last_deadline_ms;
/* Something comes before any deadline. */
static bool is_always_ready;

int __real_wait_fd(int fd, short events, const char *what, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e);
int __wrap_wait_fd(int fd, short events, const char *what, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e);

int __wrap_wait_fd(int fd, short events, const char *what, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e)
{
	last_deadline_ms = deadline_ms;
	return __real_wait_fd(fd, events, what, is_always_ready ? NO_DEADLINE : deadline_ms, c, e);
}

static void test_proc_run_collects_output_and_exit_code(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "echo out; echo err >&2; pwd; exit 3" }, NULL };
	const struct proc_spec spec = { .argv = argv, .cwd = "/tmp" };
	_free_ char *output = NULL;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 4096, &status, &output, &e),
			 0);
	assert_int_equal(status, 3);
	assert_string_equal(output, "out\nerr\n/tmp\n");
}

static void test_proc_run_beyond_its_output_limit_goes_on(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "head -c 300000 /dev/zero; exit 5" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	_free_ char *output = NULL;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 10, &status, &output, &e), 0);
	assert_int_equal(status, 5);
}

static void test_proc_run_that_talks_without_end_times_out(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char[]){ "exec timeout 5 yes" },
			 NULL };
	const struct proc_spec spec = { .argv = argv };
	_free_ char *output = NULL;
	struct error e;
	int status;

	(void)state;
	is_always_ready = true;
	assert_int_equal(proc_run(&spec, deadline_in(50), NULL, 10, &status, &output, &e),
			 -ETIMEDOUT);
	is_always_ready = false;
}

/* A program with a child that holds its output, as wrappers have them. */
static void test_proc_run_that_times_out_leaves_nothing_behind(void **state)
{
	/* What another run of this test left is not ours. */
	_free_ char *script = xasprintf("sleep 3141.%d & exec sleep 3141.%d", getpid(), getpid());
	_free_ char *pattern = xasprintf("^sleep 3141.%d$", getpid());
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, script, NULL };
	const struct proc_spec spec = { .argv = argv, .new_session = true };
	char *find[] = { (char[]){ "/usr/bin/pgrep" }, (char[]){ "-f" }, pattern, NULL };
	const struct proc_spec finding = { .argv = find };
	_free_ char *output = NULL;
	_free_ char *found = NULL;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_run(&spec, deadline_in(300), NULL, 10, &status, &output, &e),
			 -ETIMEDOUT);
	assert_int_equal(proc_run(&finding, deadline_in(LONG_MS), NULL, 100, &status, &found, &e),
			 0);
	assert_string_equal(found, "");
}

static int write_arg(void *arg, int out_fd)
{
	const char *text = arg;

	if (strcmp(text, "hang") == 0)
		(void)pause();
	return write(out_fd, text, strlen(text)) < 0 ? 1 : 7;
}

static void test_proc_call_gives_output_and_status_of_a_function(void **state)
{
	char text[] = "some words";
	_free_ char *output = NULL;
	struct error e;
	int status = 0;

	(void)state;
	assert_int_equal(
		proc_call(write_arg, text, deadline_in(LONG_MS), NULL, 4, &status, &output, &e), 0);
	assert_int_equal(status, 7);
	assert_string_equal(output, "some");
}

static void test_proc_call_of_what_hangs_times_out(void **state)
{
	char text[] = "hang";
	_free_ char *output = NULL;
	struct error e;
	int status = 0;

	(void)state;
	assert_int_equal(
		proc_call(write_arg, text, deadline_in(100), NULL, 4, &status, &output, &e),
		-ETIMEDOUT);
	assert_null(output);
}

static void test_proc_start_of_a_missing_program_names_it(void **state)
{
	char *argv[] = { (char[]){ "/nonexistent/program" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p;
	struct error e;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), -ENOENT);
	assert_string_equal(e.msg,
			    "cannot execute '/nonexistent/program': No such file or directory");
}

static void test_proc_start_permutes_descriptors(void **state)
{
	_free_ char *first = path_join(*state, "first"), *second = path_join(*state, "second");
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
			 (char[]){ "echo one >&3; echo two >&4; ls /proc/self/fd | wc -l >&4" },
			 NULL };
	_close_ int a = open(first, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_close_ int b = open(second, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const struct proc_fd fds[] = { { a, 4 }, { b, 3 } };
	const struct proc_spec spec = { .argv = argv, .fds = fds, .n_fds = 2 };
	_free_ char *output = NULL, *text_a = NULL, *text_b = NULL;
	struct error e;
	int status;

	assert_int_equal(proc_run(&spec, deadline_in(LONG_MS), NULL, 100, &status, &output, &e), 0);
	assert_int_equal(file_read(first, 100, &text_a, NULL, &e), 0);
	assert_int_equal(file_read(second, 100, &text_b, NULL, &e), 0);
	/* stdin, stdout, stderr, 3, 4 and the folder that ls reads. */
	assert_string_equal(text_a, "two\n6\n");
	assert_string_equal(text_b, "one\n");
}

static void test_proc_stop_ends_a_child_that_ignores_sigterm(void **state)
{
	char *argv[] = {
		(char[]){ "/bin/sh" }, (char[]){ "-c" },
		(char[]){ "trap '' TERM; echo; while :; do read x || exec sleep 600; done" }, NULL
	};
	const struct proc_spec spec = { .argv = argv };
	uint64_t ticks;
	struct proc p;
	struct error e;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), 0);
	pid = p.pid;
	assert_int_equal(proc_start_time(pid, &ticks, &e), 0);
	assert_true(proc_stop(&p, 20));
	assert_int_equal(proc_start_time(pid, &ticks, &e), -ESRCH);
	/* A process in the kernel's hands may not even obey SIGKILL. */
	assert_true(last_deadline_ms < NO_DEADLINE);
	assert_true(proc_stop(&p, 20));
}

static void test_proc_wait_reports_a_signal_as_128_plus(void **state)
{
	char *argv[] = { (char[]){ "/bin/sleep" }, (char[]){ "600" }, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p;
	struct error e;
	int status;

	(void)state;
	assert_int_equal(proc_start(&spec, &p, &e), 0);
	assert_int_equal(proc_wait(&p, deadline_in(1), NULL, &status, &e), -ETIMEDOUT);
	assert_int_equal(proc_kill(&p, SIGKILL, &e), 0);
	assert_int_equal(proc_wait(&p, deadline_in(LONG_MS), NULL, &status, &e), 0);
	assert_int_equal(status, 128 + SIGKILL);
}

/* The lines of /proc/self/status that begin with one of NAMES, in a child made from SPEC. */
static char *status_of(const struct proc_spec *spec, const char *names)
{
	_free_ char *script = xasprintf("grep -E '^(%s):' /proc/self/status", names);
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, script, NULL };
	struct proc_spec full = *spec;
	char *output = NULL;
	struct error e;
	int status;

	full.argv = argv;
	assert_int_equal(proc_run(&full, deadline_in(LONG_MS), NULL, 4096, &status, &output, &e),
			 0);
	return output;
}

static void test_proc_with_no_new_privs_says_so_and_another_does_not(void **state)
{
	const struct proc_spec with = { .no_new_privs = true }, without = { 0 };
	_free_ char *set = status_of(&with, "NoNewPrivs");
	_free_ char *unset = status_of(&without, "NoNewPrivs");

	(void)state;
	assert_string_equal(set, "NoNewPrivs:\t1\n");
	assert_string_equal(unset, "NoNewPrivs:\t0\n");
}

/* 0 as well where the kernel has none. */
static void test_proc_without_huge_pages_says_so(void **state)
{
	const struct proc_spec spec = { .no_huge_pages = true };
	_free_ char *status = status_of(&spec, "THP_enabled");

	(void)state;
	assert_string_equal(status, "THP_enabled:\t0\n");
}

static void test_proc_without_capabilities_has_every_set_empty(void **state)
{
	const struct proc_spec spec = { .no_capabilities = true };
	_free_ char *sets = NULL;

	(void)state;
	if (!become_root(0))
		skip();
	sets = status_of(&spec, "Cap[A-Z][a-z]+");
	assert_string_equal(sets,
			    "CapInh:\t0000000000000000\n"
			    "CapPrm:\t0000000000000000\n"
			    "CapEff:\t0000000000000000\n"
			    "CapBnd:\t0000000000000000\n"
			    "CapAmb:\t0000000000000000\n");
}

static void test_proc_as_another_user_is_that_and_nothing_else(void **state)
{
	static const gid_t groups[] = { 65540 };
	static const struct proc_user user = {
		.uid = 65538, .gid = 65539, .groups = groups, .n_groups = ARRAY_SIZE(groups)
	};
	const struct proc_spec spec = { .user = &user, .no_capabilities = true, .no_core = true };
	_free_ char *got = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	got = status_of(&spec, "Uid|Gid|Groups|CapEff|CapPrm|CapBnd");
	assert_string_equal(got,
			    "Uid:\t65538\t65538\t65538\t65538\n"
			    "Gid:\t65539\t65539\t65539\t65539\n"
			    "Groups:\t65540 \n"
			    "CapPrm:\t0000000000000000\n"
			    "CapEff:\t0000000000000000\n"
			    "CapBnd:\t0000000000000000\n");
}

/* What a shell with its libraries says of a root that has them, FOLDER's file, a device and
 * WRITABLE, if that is not NULL. */
static char *in_a_jail(const char *folder, const char *writable, const char *script)
{
	_free_ char *root = path_join(folder, "root"), *text = xstrdup(script);
	_free_ char *inside = path_join(folder, "inside");
	char *paths[] = { (char[]){ "/usr" },
			  (char[]){ "/bin" },
			  (char[]){ "/lib" },
			  (char[]){ "/lib64" },
			  (char[]){ "/dev/null" },
			  inside,
			  NULL };
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, text, NULL };
	const struct jail jail = { .dir = root, .paths = paths, .folder = writable };
	const struct proc_spec spec = { .argv = argv, .jail = &jail, .no_core = true };
	struct rlimit core;
	char *output = NULL;
	struct error e;
	int status;

	/* Where nobody has dumps, it would prove nothing that this process has none. */
	assert_return_code(getrlimit(RLIMIT_CORE, &core), errno);
	core.rlim_cur = core.rlim_max;
	assert_return_code(setrlimit(RLIMIT_CORE, &core), errno);
	folder_put(folder, "inside", "seen");
	assert_int_equal(dir_make(root, 0700, &e), 0);
	if (proc_run(&spec, deadline_in(LONG_MS), NULL, 4096, &status, &output, &e) < 0)
		fail_msg("%s", e.msg);
	return output;
}

static void test_proc_in_a_jail_sees_what_it_is_shown(void **state)
{
	const char *folder = *state;
	_free_ char *said = NULL, *script = NULL, *wanted = NULL;
	_free_ char *other = path_join(folder, "other");

	if (geteuid() != 0 && !become_root(0))
		skip();
	folder_put(folder, "other", "not seen");
	script = xasprintf(
		"cat %s/inside; echo; echo /*; echo %s/*; echo x >/dev/null && "
		"echo device; ulimit -c; (echo y >/new) 2>/dev/null || echo closed; "
		"(echo y >>%s/inside) 2>/dev/null || echo kept",
		folder, folder, folder);
	wanted = xasprintf(
		"seen\n/bin /dev /lib /lib64 /tmp /usr\n%s/inside\ndevice\n0\nclosed\n"
		"kept\n",
		folder);
	said = in_a_jail(folder, NULL, script);
	assert_string_equal(said, wanted);
	/* Nothing of it was here. */
	assert_int_equal(access(other, F_OK), 0);
}

static void test_proc_in_a_jail_writes_in_its_folder_alone(void **state)
{
	const char *folder = *state;
	_free_ char *own = path_join(folder, "own"), *made = path_join(own, "made");
	_free_ char *said = NULL, *script = NULL;
	struct error e;

	if (geteuid() != 0 && !become_root(0))
		skip();
	assert_int_equal(dir_make(own, 0700, &e), 0);
	script = xasprintf(
		"cd %s && echo x >made && echo made; cp /bin/true . && "
		"(./true 2>/dev/null || echo not run); (echo y >/new) 2>/dev/null || "
		"echo closed; (mknod n c 1 3 && : <n) 2>/dev/null || echo no device",
		own);
	said = in_a_jail(folder, own, script);
	assert_string_equal(said, "made\nnot run\nclosed\nno device\n");
	assert_int_equal(access(made, F_OK), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

/* A process that starts another one, writes its pid to REPORT and ends when GATE closes. */
static pid_t start_parent(bool dies_with_us, int report, int gate)
{
	char *argv[] = { (char[]){ "/bin/sleep" }, (char[]){ "1000" }, NULL };
	const struct proc_spec spec = { .argv = argv, .dies_with_us = dies_with_us };
	pid_t pid = fork();
	struct error e;
	struct proc p;
	char byte;

	if (pid != 0)
		return pid;
	if (proc_start(&spec, &p, &e) == 0)
		(void)!write(report, &p.pid, sizeof(p.pid));
	(void)!read(gate, &byte, 1);
	_exit(0);
}

/* Whether a child that was started so ends within PATIENCE_MS of its parent's death. */
static bool ends_with_its_parent(bool dies_with_us, int patience_ms)
{
	struct pollfd end = { .events = POLLIN };
	int report[2], gate[2];
	pid_t parent, pid;
	struct error e;
	bool has_ended;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	parent = start_parent(dies_with_us, report[1], gate[0]);
	assert_int_equal(read(report[0], &pid, sizeof(pid)), sizeof(pid));
	end.fd = child_open(pid, &e);
	assert_true(end.fd >= 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	has_ended = poll(&end, 1, patience_ms) == 1;
	if (!has_ended)
		(void)kill(pid, SIGKILL);
	(void)close(end.fd);
	for (size_t i = 0; i < 2; i++) {
		(void)close(report[i]);
		(void)close(gate[i]);
	}
	return has_ended;
}

static void test_proc_that_dies_with_us_does_and_another_does_not(void **state)
{
	(void)state;
	assert_true(ends_with_its_parent(true, LONG_MS));
	assert_false(ends_with_its_parent(false, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proc_run_collects_output_and_exit_code),
		TEST(test_proc_run_beyond_its_output_limit_goes_on),
		TEST(test_proc_run_that_talks_without_end_times_out),
		TEST(test_proc_run_that_times_out_leaves_nothing_behind),
		TEST(test_proc_call_gives_output_and_status_of_a_function),
		TEST(test_proc_call_of_what_hangs_times_out),
		TEST(test_proc_start_of_a_missing_program_names_it),
		TEST(test_proc_start_permutes_descriptors),
		TEST(test_proc_stop_ends_a_child_that_ignores_sigterm),
		TEST(test_proc_wait_reports_a_signal_as_128_plus),
		TEST(test_proc_with_no_new_privs_says_so_and_another_does_not),
		TEST(test_proc_as_another_user_is_that_and_nothing_else),
		/* These make the test root of a user namespace. */
		TEST(test_proc_in_a_jail_sees_what_it_is_shown),
		TEST(test_proc_in_a_jail_writes_in_its_folder_alone),
		TEST(test_proc_without_huge_pages_says_so),
		TEST(test_proc_without_capabilities_has_every_set_empty),
		cmocka_unit_test(test_proc_that_dies_with_us_does_and_another_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
