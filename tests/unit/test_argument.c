/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_argument - command lines by a table, and what somebody may have meant.
 */

#include "tests/unit/unit.h"

#include <stddef.h>
#include <string.h>

#include "lib/argument.h"

struct said {
	const char *output;
	bool is_dry;
	strv groups;
};

static const struct argument table[] = {
	{ "--output", "-o", offsetof(struct said, output), ARGUMENT_TEXT, "FORMAT", 1, "how" },
	{ "--dry-run", NULL, offsetof(struct said, is_dry), ARGUMENT_FLAG, NULL, 2, "not" },
	{ "--group", NULL, offsetof(struct said, groups), ARGUMENT_WORDS, "NAME", 0, "whose" },
	{ .name = NULL },
};

static int parse(const char *line, struct said *said, strv *rest, struct error *e)
{
	/* The texts that are set are borrowed from it. */
	static strv words;

	strv_free(words);
	words = strv_split(line, " ");
	return argument_parse(table, (int)strv_len(words), words, said, rest, e);
}

static void test_options_stand_anywhere_and_end_at_two_dashes(void **state)
{
	static const char *const lines[] = { "-o json a --dry-run b", "a --output=json --dry-run b",
					     "a -ojson b --dry-run=true" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_strv_ strv rest = NULL;
		struct said said = { 0 };
		struct error e;

		assert_int_equal(parse(lines[i], &said, &rest, &e), 0);
		assert_string_equal(said.output, "json");
		assert_true(said.is_dry);
		assert_int_equal(strv_len(rest), 2);
	}
	{
		_strv_ strv rest = NULL;
		struct said said = { 0 };
		struct error e;

		assert_int_equal(parse("--group a --group b -- --dry-run -", &said, &rest, &e), 0);
		assert_false(said.is_dry);
		assert_int_equal(strv_len(rest), 2);
		assert_int_equal(strv_len(said.groups), 2);
		strv_free(said.groups);
	}
}

static void test_wrong_usage_is_told(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{ "--dry-run=no", "takes no value" },
		{ "a --output", "needs a value" },
		{ "--dryrun", "did you mean '--dry-run'?" },
		{ "--otput=json", "did you mean '--output'?" },
		{ "--quite-another", "--help shows what there is" },
		{ "-x", "there is no option '-x'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_strv_ strv rest = NULL;
		struct said said = { 0 };
		struct error e = { 0 };

		assert_int_equal(parse(cases[i].line, &said, &rest, &e), -EINVAL);
		assert_non_null(strstr(e.msg, cases[i].message));
	}
}

static void test_a_command_takes_its_options_alone(void **state)
{
	struct said said = { .is_dry = true };
	struct error e;

	(void)state;
	assert_int_equal(argument_check(table, &said, "status", 2, &e), 0);
	assert_int_equal(argument_check(table, &said, "status", 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "'status' takes no option '--dry-run'"));
}

static void test_the_nearest_word_is_named_and_a_guess_is_not(void **state)
{
	static const struct {
		const char *word;
		const char *nearest;
	} cases[] = {
		{ "inztall", "install" },
		{ "isntall", "install" },
		{ "statsu", "status" },
		{ "stat", "status" },
		{ "remofe", "remove" },
		{ "rollbakc", "rollback" },
		{ "list", "list" },
		{ "frobnicate", NULL },
		{ "", NULL },
		{ "x", NULL },
	};
	_strv_ strv known = strv_split("install status remove rollback list", " ");
	_free_ char *longer = xmalloc(1000);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *nearest = argument_nearest(cases[i].word, known);

		if (cases[i].nearest)
			assert_string_equal(nearest, cases[i].nearest);
		else
			assert_null(nearest);
	}
	memset(longer, 'l', 999);
	longer[999] = '\0';
	assert_null(argument_nearest(longer, known));
	assert_null(argument_nearest("list", NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_anywhere_and_end_at_two_dashes),
		cmocka_unit_test(test_wrong_usage_is_told),
		cmocka_unit_test(test_a_command_takes_its_options_alone),
		cmocka_unit_test(test_the_nearest_word_is_named_and_a_guess_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
