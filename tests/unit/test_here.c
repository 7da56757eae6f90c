/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_here - what is asked of engines of the machine that we are on.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "lib/host/containerd.h"
#include "lib/host/envoy.h"
#include "lib/host/here.h"
#include "lib/host/task.h"
#include "lib/wait.h"

/* An engine whose program is SCRIPT, at PATH below DIR. */
static void engine_in(const char *dir, const char *path, const char *script,
		      struct engine_driver *driver, struct engine *engine)
{
	folder_put(dir, path_base(path), script);
	assert_int_equal(chmod(path, 0755), 0);
	*driver = containerd_driver;
	driver->program = path;
	*engine = (struct engine){
		.driver = driver,
		.owner = &test_owner,
		.socket = "/nonexistent/containerd.sock",
		.exec = here_exec,
	};
}

static void test_a_program_says_its_version(void **state)
{
	static const struct {
		const char *output;
		int code;
		const char *version;
		unsigned major, minor;
	} cases[] = {
		{ "containerd github.com/containerd/containerd/v2 v2.4.2 d09", 0, "v2.4.2", 2, 4 },
		{ "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1", 0,
		  "1.6.20~ds1", 1, 6 },
		{ "crio version 1.36.3\nVersion: 1.36.3", 0, "1.36.3", 1, 36 },
		{ "a version 3.0.0", ENOTSUP, NULL, 0, 0 },
		{ "nothing", EPROTO, NULL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *program = path_join(*state, "daemon");
		_free_ char *script =
			xasprintf("#!/bin/sh\necho late >&2\necho '%s'\n", cases[i].output);
		struct engine_driver driver;
		struct engine engine;
		struct error e;

		engine_in(*state, program, script, &driver, &engine);
		assert_int_equal(engine_identify_program(&engine, deadline_in(10000), NULL, &e),
				 -cases[i].code);
		if (cases[i].version) {
			assert_string_equal(engine.version, cases[i].version);
			assert_int_equal(engine.major, cases[i].major);
			assert_int_equal(engine.minor, cases[i].minor);
		}
		engine_done(&engine);
	}
}

static int run(const struct engine *engine, const char *word, struct task_result *ret_result)
{
	_strv_ strv argv = NULL;
	struct error e;

	strv_add(&argv, word);
	strv_add(&argv, "one");
	return here_exec(engine, argv, deadline_in(10000), NULL, ret_result, &e);
}

static void test_the_program_of_one_that_does_not_run_stands_in(void **state)
{
	_free_ char *program = path_join(*state, "daemon");
	_task_result_ struct task_result result = { 0 };
	struct engine_driver driver;
	struct engine engine;

	engine_in(*state, program, "#!/bin/sh\necho warning >&2\necho said $1\nexit 3\n", &driver,
		  &engine);
	assert_int_equal(run(&engine, ENVOY_PEER "/nonexistent/containerd.sock", &result), 0);
	assert_int_equal(result.status, 3);
	assert_string_equal(result.out, "said one\n");
	assert_string_equal(result.err, "warning\n");
}

static void test_who_listens_says_how_it_was_started(void **state)
{
	_free_ char *path = path_join(*state, "socket");
	_free_ char *word = xasprintf(ENVOY_WORDS "%s", path);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_free_ char *program = path_join(*state, "daemon");
	_task_result_ struct task_result result = { 0 };
	struct engine_driver driver;
	struct engine engine;

	engine_in(*state, program, "", &driver, &engine);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(run(&engine, word, &result), 0);
	assert_int_equal(result.status, 0);
	assert_true(str_starts(result.out, "one\n"));
	assert_non_null(strstr(result.out, "test_here"));
}

static void test_a_socket_without_anybody_is_named_and_no_port(void **state)
{
	_free_ char *path = path_join(*state, "socket");
	_free_ char *version = NULL;
	struct error e;

	assert_int_not_equal(
		containerd_driver.ask_version(path, deadline_in(5000), NULL, &version, &e), 0);
	assert_non_null(strstr(e.msg, path));
	assert_non_null(strstr(e.msg, "No such file"));
	assert_null(strstr(e.msg, "port"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_a_program_says_its_version),
		TEST(test_the_program_of_one_that_does_not_run_stands_in),
		TEST(test_who_listens_says_how_it_was_started),
		TEST(test_a_socket_without_anybody_is_named_and_no_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
