/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_config - the kernel command line as the agent understands it.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "agent/config.h"

static int setup(void **state)
{
	struct config *c = xcalloc(1, sizeof(*c));

	config_init(c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	config_done(*state);
	free(*state);
	return 0;
}

static void parse(struct config *c, const char *text)
{
	struct error e;

	if (config_parse(c, text, &e) < 0)
		fail_msg("'%s' is refused: %s", text, e.msg);
}

static void test_parse_nothing_keeps_defaults(void **state)
{
	const struct config *c = *state;

	parse(*state, "");
	assert_string_equal(c->server_addr, "vsock://-1:1024");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->hotplug_timeout_s, 3);
	assert_int_equal(c->ready_vport, 0);
	assert_false(c->has_debug_console);
}

static void test_parse_whole_line_takes_ours_only(void **state)
{
	const struct config *c = *state;

	parse(*state,
	      "console=ttyS0 quiet\tagent.log=debug agent.ready_vport=1101 agent.debug_console "
	      "agent.debug_console_vport=1026 agent.hotplug_timeout=10 agent.server_addr=unix:///x "
	      "agent.future=1 agentlog=error agent.container_pipe_size=4096\n");
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->ready_vport, 1101);
	assert_true(c->has_debug_console);
	assert_int_equal(c->debug_console_vport, 1026);
	assert_int_equal(c->hotplug_timeout_s, 10);
	assert_int_equal(c->container_pipe_size, 4096);
	assert_string_equal(c->server_addr, "unix:///x");
	assert_null(c->not_supported);
}

static void test_parse_same_name_twice_takes_last(void **state)
{
	const struct config *c = *state;

	parse(*state, "agent.log=debug agent.log=warn");
	assert_int_equal(c->log_level, LOG_LEVEL_WARN);
}

static void test_parse_flags_follow_protocol(void **state)
{
	static const struct {
		const char *text;
		bool has_debug_console;
	} cases[] = {
		{ "agent.debug_console", true },          { "agent.debug_console=true", true },
		{ "agent.debug_console=1", true },        { "agent.debug_console=7", true },
		{ "agent.debug_console=0", false },       { "agent.debug_console=false", false },
		{ "agent.debug_console=perhaps", false },
	};
	struct config *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		c->has_debug_console = false;
		parse(c, cases[i].text);
		if (c->has_debug_console != cases[i].has_debug_console)
			fail_msg("'%s' reads wrong", cases[i].text);
	}
}

static void test_parse_bad_value_names_parameter(void **state)
{
	static const char *const cases[] = {
		"agent.log=loud",
		"agent.log=",
		"agent.hotplug_timeout=0",
		"agent.hotplug_timeout=-1",
		"agent.hotplug_timeout=3s",
		"agent.ready_vport=4294967296",
		"agent.ready_vport",
		"agent.server_addr",
		"agent.container_pipe_size=999999999999",
	};
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *name = xstrndup(cases[i], strcspn(cases[i], "="));

		if (config_parse(*state, cases[i], &e) >= 0)
			fail_msg("'%s' is taken", cases[i]);
		if (!strstr(e.msg, name))
			fail_msg("'%s' is not named by '%s'", name, e.msg);
	}
}

static void test_parse_unsupported_is_listed_once(void **state)
{
	const struct config *c = *state;

	parse(*state, "agent.https_proxy=http://p agent.config_file=/x agent.https_proxy=http://q");
	assert_int_equal(strv_len(c->not_supported), 2);
	assert_true(strv_contains(c->not_supported, "config_file"));
}

static void test_environment_wins(void **state)
{
	const struct config *c = *state;
	struct error e;

	parse(*state, "agent.log=debug");
	assert_int_equal(setenv("KATA_AGENT_LOG_LEVEL", "error", 1), 0);
	assert_int_equal(config_parse_env(*state, &e), 0);
	assert_int_equal(c->log_level, LOG_LEVEL_ERROR);
	assert_int_equal(setenv("KATA_AGENT_LOG_LEVEL", "loud", 1), 0);
	assert_true(config_parse_env(*state, &e) < 0);
	assert_non_null(strstr(e.msg, "KATA_AGENT_LOG_LEVEL"));
	(void)unsetenv("KATA_AGENT_LOG_LEVEL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parse_nothing_keeps_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parse_whole_line_takes_ours_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_parse_same_name_twice_takes_last, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_parse_flags_follow_protocol, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parse_bad_value_names_parameter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_parse_unsupported_is_listed_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_environment_wins, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
