/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager_letters - the option letters of upstream's script, without a verb.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "manager/letters.h"
#include "manager/manager.h"

/* "VERB LINE; VERB LINE"; the message of a failure. */
static char *translated(const char *line)
{
	_strv_ strv words = strv_split(line, " ");
	_letters_ struct letters l = { 0 };
	_strv_ strv lines = NULL;
	struct error e;

	assert_true(letters_are((int)strv_len(words), words));
	if (letters_translate((int)strv_len(words), words, &l, &e) < 0)
		return xstrdup(e.msg);
	for (size_t i = 0; i < l.n; i++) {
		_free_ char *one = strv_join(l.lines[i], " ");

		strv_add(&lines, one);
	}
	return strv_join(lines, "; ");
}

static void test_letters_stand_for_verbs(void **state)
{
	static const struct {
		const char *line;
		const char *wanted;
	} cases[] = {
		{ "-h", "help" },
		{ "-l", "list" },
		{ "-e", "config show" },
		{ "-L", "config show" },
		{ "-S qemu", "config use qemu" },
		{ "-T", "test" },
		{ "-K a.tar.zst", "install --from a.tar.zst" },
		{ "-k 4.1.0", "install 4.1.0" },
		{ "-o 4.1.0", "install --engines=none 4.1.0" },
		{ "-Ka.tar.zst -o", "install --from a.tar.zst --engines=none" },
		{ "-otrDN -c lts -K a", "install --engines=none --from a" },
		{ "-fK a", "install --yes --from a" },
		{ "-d -K a", "config set runtime.enable_debug true; install --from a" },
		{ "-H qemu -K a", "config use qemu; install --from a" },
		{ "-K a --key k.pub", "install --from a --key k.pub" },
		{ "-d -K a --root=/r",
		  "config set runtime.enable_debug true --root=/r; "
		  "install --from a --root=/r" },
		{ "-l --root /r", "list --root /r" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = translated(cases[i].line);

		assert_string_equal(text, cases[i].wanted);
	}
}

static void test_what_no_verb_does_is_refused(void **state)
{
	static const struct {
		const char *line;
		const char *wanted;
	} cases[] = {
		{ "-oZ", "no option '-Z'" },
		{ "-K", "needs a value" },
		{ "-k", "needs a value" },
		{ "-dddddddddd", "too many options" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = translated(cases[i].line);

		if (!strstr(text, cases[i].wanted))
			fail_msg("%s", text);
	}
}

static void test_each_letter_says_what_it_stands_for(void **state)
{
	static const char all[] = "-cx -d -D -e -f -h -Hx -kx -Kx -l -L -N -o -r -Sx -t -T";
	_strv_ strv words = strv_split(all, " ");
	struct error e;

	(void)state;
	for (char **word = words; *word; word++) {
		char *one[] = { *word, NULL };
		_letters_ struct letters l = { 0 };
		_free_ char *begin = xasprintf("-%c stands for '", (*word)[1]);

		assert_int_equal(letters_translate(1, one, &l, &e), 0);
		assert_int_equal(strv_len(l.notes), 1);
		assert_true(str_starts(l.notes[0], begin));
	}
}

static void test_with_a_verb_they_are_options_of_it(void **state)
{
	static const char *const lines[] = { "-o json list", "list -o json", "status", "--help",
					     "-y" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_strv_ strv words = strv_split(lines[i], " ");

		assert_false(letters_are((int)strv_len(words), words));
	}
}

/* None of these changes a machine. */
static void test_program_takes_them(void **state)
{
	char program[] = "kata-manager", list[] = "-l", root[] = "--root=/nowhere";
	char another[] = "-Snothing", unknown[] = "-lZ";
	char *good[] = { program, list, root, NULL };
	char *failing[] = { program, another, root, NULL };
	char *bad[] = { program, unknown, NULL };

	(void)state;
	assert_int_equal(manager_main(3, good), 0);
	assert_int_equal(manager_main(3, failing), EXIT_FAILED);
	assert_int_equal(manager_main(2, bad), EXIT_USAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters_stand_for_verbs),
		cmocka_unit_test(test_what_no_verb_does_is_refused),
		cmocka_unit_test(test_each_letter_says_what_it_stands_for),
		cmocka_unit_test(test_with_a_verb_they_are_options_of_it),
		cmocka_unit_test(test_program_takes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
