/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vmm_output - what of a guest's console reaches the log, with a clock that is put forward.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/wait.h"
#include "runtime/vmm/driver.h"
#include "runtime/vmm/output.h"

#define LOG_MAX (4 * MIB)

static uint64_t ahead_ms;

uint64_t __real_now_ms(void);
uint64_t __wrap_now_ms(void);

uint64_t __wrap_now_ms(void)
{
	return __real_now_ms() + ahead_ms;
}

struct fixture {
	struct loop *loop;
	struct loop_task pause;
	struct config config;
	struct vmm vmm;
	struct vmm_output *output;
	int guest; /* writes to the console */
	int log;
	char *dir;
	char *log_path;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;
	int fds[2];

	*state = f;
	f->dir = folder_new();
	f->log_path = path_join(f->dir, "log");
	f->log = open(f->log_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_return_code(pipe2(fds, O_CLOEXEC | O_NONBLOCK), errno);
	f->guest = fds[1];
	f->config.hypervisor.enable_debug = true;
	f->vmm = (struct vmm){ .config = &f->config, .console_fd = fds[0] };
	for (size_t i = 0; i < N_VMM_PROCESS; i++)
		f->vmm.processes[i] = (struct daemon)DAEMON_INIT("helper");
	f->loop = loop_new(&e);
	f->output = vmm_output_new(&f->vmm, f->loop, &e);
	assert_non_null(f->output);
	log_open("test", f->log, LOG_TEXT, LOG_LEVEL_INFO);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_open("test", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_INFO);
	vmm_output_free(f->output);
	loop_free(f->loop);
	(void)close_fd(f->vmm.console_fd);
	(void)close_fd(f->guest);
	(void)close_fd(f->log);
	folder_remove(f->dir);
	free(f->log_path);
	free(f);
	return 0;
}

static void pause_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct fixture, pause)->loop, 0);
}

/* Writes N numbered lines to the console and lets them be read. */
static void say(struct fixture *f, const char *what, unsigned n)
{
	int unread = 1;

	for (unsigned i = 0; i < n; i++)
		assert_true(dprintf(f->guest, "%s %u\n", what, i) > 0);
	f->pause.run = pause_loop;
	while (unread > 0) {
		loop_post(f->loop, &f->pause);
		(void)loop_run(f->loop);
		assert_return_code(ioctl(f->vmm.console_fd, FIONREAD, &unread), errno);
	}
}

static unsigned count(const struct fixture *f, const char *what)
{
	_free_ char *text = NULL;
	struct error e;
	unsigned n = 0;

	if (file_read(f->log_path, LOG_MAX, &text, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static void test_console_is_shown_with_the_sources_name(void **state)
{
	struct fixture *f = *state;

	say(f, "boots", 3);
	assert_int_equal(count(f, "guest: boots"), 3);
}

static void test_flood_is_cut_and_what_comes_later_is_shown(void **state)
{
	struct fixture *f = *state;

	say(f, "flood", 1500);
	assert_int_equal(count(f, "guest: flood"), 1000);
	ahead_ms += 60000;
	say(f, "panic", 1);
	assert_int_equal(count(f, "guest: panic"), 1);
	assert_int_equal(count(f, "500 lines"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_console_is_shown_with_the_sources_name),
		TEST(test_flood_is_cut_and_what_comes_later_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
