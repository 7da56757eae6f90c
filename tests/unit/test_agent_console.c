/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_console - the commands of a guest without a shell.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "agent/guest/console-shell.h"
#include "lib/str.h"

/* What the shell says to INPUT.  Caller frees. */
static char *say(const char *input)
{
	_free_ char *copy = xstrdup(input);
	char *text = NULL;
	size_t size;
	FILE *in = fmemopen(copy, strlen(copy), "r");
	FILE *out = open_memstream(&text, &size);

	assert_non_null(in);
	assert_non_null(out);
	assert_int_equal(console_shell(in, out), 0);
	(void)fclose(in);
	(void)fclose(out);
	return text;
}

static void expect_answer(const char *input, const char *wanted)
{
	_free_ char *text = say(input);

	if (!strstr(text, wanted))
		fail_msg("'%s' is missing in the answer to '%s':\n%s", wanted, input, text);
}

static void test_shell_commands_answer(void **state)
{
	(void)state;
	expect_answer("help\n", "list the processes");
	expect_answer("ps\n", "PPID");
	expect_answer("cat /proc/self/comm\n", "test_agent_con");
	expect_answer("ls /proc/self\n", "exe -> ");
	expect_answer("mounts\n", " / ");
	expect_answer("net\n", "== /proc/net/dev");
}

static void test_shell_wrong_words_are_explained(void **state)
{
	(void)state;
	expect_answer("fly\n", "no command 'fly', try 'help'");
	expect_answer("cat\n", "'cat' takes 1 to 16 words");
	expect_answer("ps all\n", "'ps' takes 0 to 0 words");
	expect_answer("cat /nonexistent\n", "cannot open '/nonexistent'");
	expect_answer("ls /nonexistent\n", "cannot list '/nonexistent'");
}

static void test_shell_ends_at_exit_or_end(void **state)
{
	_free_ char *text = say("exit\nfly\n");

	(void)state;
	assert_null(strstr(text, "fly"));
	expect_answer("\n  \t\nfly", "no command 'fly'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shell_commands_answer),
		cmocka_unit_test(test_shell_wrong_words_are_explained),
		cmocka_unit_test(test_shell_ends_at_exit_or_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
