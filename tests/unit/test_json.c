/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json - exactly one value, of exactly the type that was asked for.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/json.h"

static int parse(const char *text)
{
	_json_ struct json_object *object = NULL;
	struct error e;

	return json_parse(text, strlen(text), "text", &object, &e);
}

static void test_parse_takes_exactly_one_value(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "{}", 0 },      { " [1, 2] \n", 0 }, { "12", 0 },          { "\"x\"", 0 },
		{ "null", 0 },    { "", -EINVAL },     { "{} {}", -EINVAL }, { "{}x", -EINVAL },
		{ "{", -EINVAL }, { "[1,]", -EINVAL }, { "nul", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(parse(cases[i].text), cases[i].result);
}

static void test_parse_limits_the_nesting(void **state)
{
	char text[201];

	(void)state;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	text[200] = '\0';
	assert_int_equal(parse(text), -EINVAL);
	text[120] = '\0';
	assert_int_equal(parse(text + 80), 0);
}

/* N times ITEM in a list; caller frees. */
static char *list_of(const char *item, size_t n)
{
	size_t len = strlen(item) + 1;
	char *text = xmalloc(n * len + 2);

	for (size_t i = 0; i < n; i++) {
		memcpy(text + 1 + i * len, item, len);
		text[i * len] = ',';
	}
	text[0] = '[';
	text[n * len] = ']';
	text[n * len + 1] = '\0';
	return text;
}

/* Three bytes can ask for eight hundred. */
static void test_parse_limits_the_memory(void **state)
{
	static const struct {
		const char *item;
		size_t n;
		int r;
	} cases[] = {
		{ "{}", 50000, 0 },      { "{}", 100000, -EFBIG },      { "0", 500000, 0 },
		{ "0", 900000, -EFBIG }, { "\"{,[\\\"{\"", 200000, 0 },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = list_of(cases[i].item, cases[i].n);
		_json_ struct json_object *object = NULL;

		assert_int_equal(json_parse(text, strlen(text), "list", &object, &e), cases[i].r);
		assert_int_equal(json_len(object), cases[i].r == 0 ? cases[i].n : 0);
	}
}

static void test_getters_do_not_convert(void **state)
{
	_json_ struct json_object *object = NULL;
	const char *text = "{\"a\":{\"s\":\"12abc\",\"n\":7,\"b\":true}}";
	struct error e;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "text", &object, &e), 0);
	assert_string_equal(json_get_str(object, "a.s"), "12abc");
	assert_int_equal(json_get_int(object, "a.s", -1), -1);
	assert_int_equal(json_get_int(object, "a.n", -1), 7);
	assert_null(json_get_str(object, "a.n"));
	assert_true(json_get_bool(object, "a.b", false));
	assert_false(json_get_bool(object, "a.n", false));
	assert_null(json_at(object, "a.x.y"));
	assert_null(json_at(object, "a.s.y"));
}

static void test_builders_make_compact_text(void **state)
{
	_json_ struct json_object *object = json_object_new_object();
	_strv_ strv list = strv_split("x y", " ");

	(void)state;
	json_set_str(object, "s", "a\"b");
	json_set_str(object, "none", NULL);
	json_set_int(json_set_object(object, "o"), "n", -1);
	json_set_strv(object, "l", list);
	json_set_bool(object, "b", true);
	assert_string_equal(json_text(object),
			    "{\"s\":\"a\\\"b\",\"o\":{\"n\":-1},\"l\":[\"x\",\"y\"],\"b\":true}");
}

static void test_items_and_members_are_found(void **state)
{
	static const char text[] =
		"{\"a.b/c\":\"x\",\"n\":1,\"list\":[{\"type\":1},7,{\"type\":"
		"\"Ready\",\"status\":\"True\"}]}";
	_json_ struct json_object *object = NULL;
	struct json_object *list;
	struct error e;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), "text", &object, &e), 0);
	list = json_at(object, "list");
	assert_int_equal(json_len(list), 3);
	assert_int_equal(json_len(object), 0);
	assert_int_equal(json_len(NULL), 0);
	assert_string_equal(json_get_str(json_find(list, "type", "Ready"), "status"), "True");
	assert_null(json_find(list, "type", "Other"));
	assert_string_equal(json_member_str(object, "a.b/c"), "x");
	assert_null(json_member_str(object, "n"));
	assert_null(json_member(list, "n"));
	assert_null(json_member(NULL, "n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_takes_exactly_one_value),
		cmocka_unit_test(test_parse_limits_the_nesting),
		cmocka_unit_test(test_parse_limits_the_memory),
		cmocka_unit_test(test_getters_do_not_convert),
		cmocka_unit_test(test_items_and_members_are_found),
		cmocka_unit_test(test_builders_make_compact_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
