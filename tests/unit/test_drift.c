/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_drift - what somebody else changed, and when it is too often.
 */

#include "tests/unit/folder.h"

#include "lib/host/drift.h"

static const struct step files = { .name = "files" };
static const struct step upkeep = { .name = "upkeep", .is_upkeep = true };

struct effect_row {
	const struct step *step;
	enum effect_kind kind;
	const char *what;
};

static char *found(const struct effect_row *rows, size_t n)
{
	_free_ struct change *changes = xcalloc(n, sizeof(*changes));
	const struct assessment a = { .changes = changes, .n_changes = n };
	_strv_ strv things = NULL;

	for (size_t i = 0; i < n; i++) {
		changes[i].step = rows[i].step;
		change_add(&changes[i], rows[i].kind, rows[i].what, "why");
	}
	things = drift_find(&a);
	for (size_t i = 0; i < n; i++) {
		free(changes[i].effects[0].what);
		free(changes[i].effects[0].why);
		free(changes[i].effects);
	}
	return strv_join(things, ",");
}

static void test_causes_are_named_and_not_what_follows(void **state)
{
	static const struct effect_row all[] = {
		{ &files, EFFECT_LABEL, "label" },   { &files, EFFECT_PROBE, "canary" },
		{ &files, EFFECT_FILE, "/a" },       { &files, EFFECT_FILE, "/a" },
		{ &files, EFFECT_OBJECT, "kata" },   { &files, EFFECT_RESTART, "containerd" },
		{ &upkeep, EFFECT_REMOVAL, "/old" },
	};
	_free_ char *causes = found(all, ARRAY_SIZE(all));
	_free_ char *label = found(all, 2);
	_free_ char *restart = found(all + 5, 2);
	_free_ char *nothing = found(all + 6, 1);

	(void)state;
	assert_string_equal(causes, "/a,kata");
	assert_string_equal(label, "label");
	assert_string_equal(restart, "containerd");
	assert_string_equal(nothing, "");
}

static char *contested_at(const char *path, char *const *things, int64_t now)
{
	_strv_ strv contested = drift_contested(path, things, now);

	return strv_join(contested, ",");
}

static void test_third_time_within_an_hour_is_contested(void **state)
{
	static char a[] = "/etc/a b", b[] = "/etc/b";
	_free_ char *path = path_join(*state, "drift");
	char *both[] = { a, b, NULL }, *one[] = { a, NULL };
	_free_ char *first = NULL, *second = NULL, *third = NULL, *later = NULL;
	struct error e;

	first = contested_at(path, both, 10000);
	assert_string_equal(first, "");
	assert_int_equal(drift_note(path, both, 10000, &e), 0);
	second = contested_at(path, both, 10001);
	assert_string_equal(second, "");
	assert_int_equal(drift_note(path, one, 12000, &e), 0);
	third = contested_at(path, both, 13599);
	assert_string_equal(third, "/etc/a b");
	later = contested_at(path, both, 13600);
	assert_string_equal(later, "");
}

static void test_what_is_no_history_is_none(void **state)
{
	static const char *const texts[] = { "",
					     "\n\n",
					     "x /a\nx /a\n",
					     "1\n1\n",
					     "-1 /a\n-1 /a\n",
					     "99999999999999999999 /a\n",
					     "9000 /a\n9000 /a\n" };
	static char a[] = "/a";
	_free_ char *path = path_join(*state, "drift");
	char *things[] = { a, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_free_ char *contested = NULL;

		folder_put(*state, "drift", texts[i]);
		contested = contested_at(path, things, 8000);
		assert_string_equal(contested, "");
	}
}

static void test_history_is_bounded(void **state)
{
	static char a[] = "/a";
	_free_ char *path = path_join(*state, "drift");
	char *things[] = { a, NULL };
	_strv_ strv lines = NULL;
	_free_ char *text = NULL;
	struct error e;

	for (int i = 0; i < 300; i++)
		assert_int_equal(drift_note(path, things, 1000 + i, &e), 0);
	assert_int_equal(file_read(path, 1 << 20, &text, NULL, &e), 0);
	lines = strv_split(text, "\n");
	assert_int_equal(strv_len(lines), 256);
	assert_string_equal(lines[255], "1299 /a");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes_are_named_and_not_what_follows),
		IN_FOLDER(test_third_time_within_an_hour_is_contested),
		IN_FOLDER(test_what_is_no_history_is_none),
		IN_FOLDER(test_history_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
