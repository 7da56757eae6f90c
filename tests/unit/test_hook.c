/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hook - which hooks run when, what they read, and what their failure means.
 */

#include "tests/unit/folder.h"

#include "lib/json.h"
#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"
#include "runtime/sandbox/hook.h"

static const char *folder;

static int setup(void **state)
{
	int r = folder_setup(state);

	folder = *state;
	return r;
}

static Oci__Hooks *hooks_of(const char *json)
{
	_strv_ strv unknown = NULL;
	Oci__Hooks *hooks = NULL;
	struct error e;

	assert_int_equal(pbjson_parse(json, strlen(json), "hooks", &oci__hooks__descriptor,
				      &unknown, &hooks, &e),
			 0);
	return hooks;
}

static int run(const char *json, enum hook_moment moment, struct error *e)
{
	_message_ Oci__Hooks *hooks = hooks_of(json);
	Oci__Spec__AnnotationsEntry entry = OCI__SPEC__ANNOTATIONS_ENTRY__INIT;
	Oci__Spec__AnnotationsEntry *list[] = { &entry };
	const struct hook_state state = {
		.version = "1.1.0",
		.id = "box",
		.bundle = folder,
		.annotations = list,
		.n_annotations = 1,
		.pid = moment == HOOK_POSTSTOP ? 0 : 77,
	};

	entry.key = (char[]){ "a/b" };
	entry.value = (char[]){ "c" };
	return hooks_run(hooks, moment, &state, NULL, e);
}

static char *written(const char *name)
{
	_free_ char *path = path_join(folder, name);
	char *text = NULL;
	struct error e;

	return file_read(path, MIB, &text, NULL, &e) < 0 ? xstrdup("") : text;
}

/* A hook of sh, in the bundle. */
#define SH(script) "{\"path\":\"/bin/sh\",\"args\":[\"name\",\"-c\",\"" script "\"]}"

static void test_hooks_of_a_moment_run_in_order(void **state)
{
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	assert_int_equal(
		run("{\"prestart\":[" SH("echo $0 1 >>log") "," SH(
			    "echo 2 >>log") "],"
					    "\"createRuntime\":[" SH("echo other >>log") "]}",
		    HOOK_PRESTART, &e),
		0);
	text = written("log");
	assert_string_equal(text, "name 1\n2\n");
}

static void test_hook_reads_the_state_and_has_its_environment_alone(void **state)
{
	static const struct {
		enum hook_moment moment;
		const char *name, *status;
		int64_t pid;
	} cases[] = {
		{ HOOK_PRESTART, "prestart", "creating", 77 },
		{ HOOK_CREATE_RUNTIME, "createRuntime", "creating", 77 },
		{ HOOK_POSTSTART, "poststart", "running", 77 },
		{ HOOK_POSTSTOP, "poststop", "stopped", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *json = xasprintf(
			"{\"%s\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat >state; "
			"echo $A-$HOME >env\"],\"env\":[\"A=b\",\"PATH=/usr/bin:/bin\"]}]}",
			cases[i].name);
		_free_ char *text = NULL, *env = NULL;
		_json_ struct json_object *object = NULL;
		struct error e;

		assert_int_equal(run(json, cases[i].moment, &e), 0);
		text = written("state");
		assert_int_equal(json_parse(text, strlen(text), "state", &object, &e), 0);
		assert_string_equal(json_get_str(object, "ociVersion"), "1.1.0");
		assert_string_equal(json_get_str(object, "id"), "box");
		assert_string_equal(json_get_str(object, "status"), cases[i].status);
		assert_string_equal(json_get_str(object, "bundle"), folder);
		assert_string_equal(json_get_str(object, "annotations.a/b"), "c");
		assert_int_equal(json_get_int(object, "pid", 0), cases[i].pid);
		env = written("env");
		assert_string_equal(env, "b-\n");
	}
}

static void test_hook_that_fails_is_the_last_and_says_why(void **state)
{
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	assert_true(run("{\"createRuntime\":[" SH("echo the reason >&2; exit 3") "," SH(
				"echo ran >>log") "]}",
			HOOK_CREATE_RUNTIME, &e) < 0);
	assert_string_equal(e.msg,
			    "createRuntime hook '/bin/sh': it ended with status 3: the reason");
	text = written("log");
	assert_string_equal(text, "");
	assert_true(run("{\"prestart\":[{\"path\":\"/no/such\"}]}", HOOK_PRESTART, &e) < 0);
	assert_true(run("{\"prestart\":[{\"path\":\"sh\"}]}", HOOK_PRESTART, &e) < 0);
}

static void test_hook_has_its_time_and_no_more(void **state)
{
	uint64_t begin = now_ms();
	struct error e;

	(void)state;
	assert_true(run("{\"poststart\":[{\"path\":\"/bin/sleep\",\"args\":[\"sleep\",\"600\"],"
			"\"timeout\":1}]}",
			HOOK_POSTSTART, &e) < 0);
	assert_true(now_ms() - begin < 60000);
}

static void test_every_hook_of_the_end_runs(void **state)
{
	_free_ char *text = NULL;
	struct error e;

	(void)state;
	assert_int_equal(
		run("{\"poststop\":[" SH("exit 1") "," SH("echo ran >log") "]}", HOOK_POSTSTOP, &e),
		0);
	text = written("log");
	assert_string_equal(text, "ran\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hooks_of_a_moment_run_in_order, setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_hook_reads_the_state_and_has_its_environment_alone, setup,
			folder_teardown),
		cmocka_unit_test_setup_teardown(test_hook_that_fails_is_the_last_and_says_why,
						setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_hook_has_its_time_and_no_more, setup,
						folder_teardown),
		cmocka_unit_test_setup_teardown(test_every_hook_of_the_end_runs, setup,
						folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
