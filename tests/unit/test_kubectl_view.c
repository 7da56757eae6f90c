/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kubectl_view - what kubectl-kata takes from its command line, shows and archives.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "deploy/kubectl/archive.h"
#include "deploy/kubectl/kubectl.h"

static struct json_object *parse(const char *text)
{
	struct json_object *object = NULL;
	struct error e;

	if (json_parse(text, strlen(text), "test", &object, &e) < 0)
		fail_msg("%s", e.msg);
	return object;
}

/* ---- views ---- */

static const struct column columns[] = {
	{ .title = "NAME", .member = "name" },
	{ .title = "COUNT", .member = "count" },
	{ .title = "MORE", .member = "more", .is_wide = true },
};

static const struct view view = { .api = "kata-deploy.katacontainers.io/v1",
				  .kind = "ThingList",
				  .name_kind = "thing",
				  .name = "name",
				  .columns = columns,
				  .n_columns = 3 };

static void assert_shown(const char *items, enum view_format format, bool has_headers,
			 const char *wanted)
{
	_json_ struct json_object *array = parse(items);
	_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	view_show(&view, array, format, has_headers, out);
	(void)fclose(out);
	assert_string_equal(text, wanted);
}

static void test_items_are_shown_in_every_format(void **state)
{
	static const char items[] =
		"[{\"name\":\"a\",\"count\":12,\"more\":\"x y\",\"list\":[{\"k\":\"v\"},2]},"
		"{\"name\":\"\\u00e4bc\\u001b[2J\",\"o-1\":{}}]";

	(void)state;
	assert_shown(items, VIEW_TABLE, VIEW_HEADERS,
		     "NAME     COUNT\na        12\n\xc3\xa4"
		     "bc?[2J  -\n");
	assert_shown(items, VIEW_WIDE, VIEW_NO_HEADERS,
		     "a        12  x y\n\xc3\xa4"
		     "bc?[2J  -   -\n");
	assert_shown(items, VIEW_NAME, VIEW_HEADERS,
		     "thing/a\nthing/\xc3\xa4"
		     "bc?[2J\n");
	assert_shown("[{\"name\":\"a\\u009b2Jb\\u007f\"}]", VIEW_TABLE, VIEW_NO_HEADERS,
		     "a??2Jb?  -\n");
	assert_shown(
		"[{\"name\":\"a\\u009b2Jb\\u007f\"}]", VIEW_YAML, VIEW_NO_HEADERS,
		"apiVersion: \"kata-deploy.katacontainers.io/v1\"\nkind: \"ThingList\"\nitems:\n"
		"- name: \"a\\u009b2Jb\\u007f\"\n");
	assert_shown(
		"[{\"name\":\"a\",\"list\":[{\"k\":\"v\",\"l\":true},2,[]]},{\"o-1\":{}}]",
		VIEW_YAML, VIEW_HEADERS,
		"apiVersion: \"kata-deploy.katacontainers.io/v1\"\nkind: \"ThingList\"\nitems:\n"
		"- name: \"a\"\n  list:\n  - k: \"v\"\n    l: true\n  - 2\n  - []\n- \"o-1\": "
		"{}\n");
	assert_shown("[]", VIEW_YAML, VIEW_HEADERS,
		     "apiVersion: \"kata-deploy.katacontainers.io/v1\"\nkind: "
		     "\"ThingList\"\nitems: []\n");
	assert_shown("[]", VIEW_TABLE, VIEW_HEADERS, "NAME  COUNT\n");
}

/* What changes outside the table's columns is a change for a program. */
static void test_row_is_what_its_format_shows(void **state)
{
	_json_ struct json_object *a = parse("{\"name\":\"n\",\"more\":\"x\",\"list\":[1]}");
	_json_ struct json_object *b = parse("{\"name\":\"n\",\"more\":\"y\",\"list\":[1]}");

	(void)state;
	for (int i = 0; i < N_VIEW_FORMAT; i++) {
		enum view_format format = (enum view_format)i;
		_free_ char *row_a = view_row(&view, a, format);
		_free_ char *row_b = view_row(&view, b, format);

		assert_int_equal(strcmp(row_a, row_b) == 0,
				 format == VIEW_TABLE || format == VIEW_NAME);
	}
}

static void test_ages_are_short(void **state)
{
	static const struct {
		int64_t seconds;
		const char *age;
	} cases[] = { { -5, "0s" },      { 0, "0s" },     { 119, "119s" },   { 120, "2m" },
		      { 10799, "179m" }, { 10800, "3h" }, { 172799, "47h" }, { 172800, "2d" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *age = view_age(1000, 1000 + cases[i].seconds);

		assert_string_equal(age, cases[i].age);
	}
}

/* ---- options ---- */

static void test_options_are_those_of_kubectl(void **state)
{
	char words[][40] = { "stale",      "-ojson", "--context=c", "-n",         "shop",
			     "-w",         "--as",   "jane",        "--as-group", "a",
			     "--as-group", "b",      "--",          "-n1" };
	char *argv[ARRAY_SIZE(words)];
	_options_ struct options o = { 0 };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		argv[i] = words[i];
	assert_int_equal(options_parse(ARRAY_SIZE(words), argv, &o, &e), 0);
	assert_string_equal(o.arguments[0], "stale");
	assert_string_equal(o.arguments[1], "-n1");
	assert_string_equal(o.output, "json");
	assert_string_equal(o.choice.context, "c");
	assert_string_equal(o.choice.namespace, "shop");
	assert_string_equal(o.choice.as, "jane");
	assert_string_equal(o.choice.as_groups[1], "b");
	assert_true(o.is_watching);
}

static void test_namespaces_are_all_and_empty_values_none(void **state)
{
	char words[][20] = { "stale", "-n", "shop", "-A", "--context", "", "--as=", "-l", "" };
	char *argv[ARRAY_SIZE(words)];
	_options_ struct options o = { 0 };
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		argv[i] = words[i];
	assert_int_equal(options_parse(ARRAY_SIZE(words), argv, &o, &e), 0);
	assert_int_equal(strv_len(o.arguments), 1);
	assert_null(o.choice.namespace);
	assert_null(o.choice.context);
	assert_null(o.choice.as);
	assert_null(o.selector);
}

static void test_options_that_are_wrong_are_refused(void **state)
{
	static const char *const cases[][2] = { { "status", "--bogus" },
						{ "status", "-o" },
						{ "status", "--watch=no" },
						{ "status", "-x" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[] = { (char *)(uintptr_t)cases[i][0], (char *)(uintptr_t)cases[i][1] };
		_options_ struct options o = { 0 };
		struct error e;

		assert_int_equal(options_parse(2, argv, &o, &e), -EINVAL);
	}
}

static void test_command_takes_its_own_options_only(void **state)
{
	const struct options image = { .image = "x" };
	struct error e;

	(void)state;
	for (const struct kata_command *c = kata_commands; c->name; c++)
		assert_int_equal(options_check(&image, c, &e),
				 c->takes & TAKES_IMAGE ? 0 : -EINVAL);
}

static void test_timeouts_are_written_as_for_kubectl(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ "0", 0 },
		{ "30", 0 },
		{ "30s", 0 },
		{ "5m", 0 },
		{ "24h", 0 },
		{ "", 0 },
		{ "25h", EXIT_FAILED },
		{ "s", EXIT_FAILED },
		{ "5x", EXIT_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char program[] = "kubectl-kata", command[] = "completion", shell[] = "bash";
		_free_ char *option = xasprintf("--request-timeout=%s", cases[i].text);
		char *argv[] = { program, command, shell, option };

		assert_int_equal(kubectl_main(ARRAY_SIZE(argv), argv), cases[i].status);
	}
}

/* ---- archives ---- */

static void test_archive_has_no_secret_and_an_end(void **state)
{
	_json_ struct json_object *object =
		parse("{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"},"
		      "{\"name\":\"HOME\",\"value\":\"/root\"}],\"token\":\"hunter2\","
		      "\"managedFields\":[1],\"list\":[{\"auth\":\"hunter2\"}],"
		      "\"automountServiceAccountToken\":false,"
		      "\"message\":\"first\\npassword: hunter2\",\"last\":\"http://u:hunter2@h\"}");
	_json_ struct json_object *kept = NULL;
	struct error e;
	char log[] = "a line\npassword: hunter2\n";
	struct archive a = { .folder = "d", .max = 4096 };
	_free_ char *text = NULL;
	size_t size = 0;

	(void)state;
	a.out = open_memstream(&text, &size);
	archive_add(&a, "one", object);
	archive_add_text(&a, "two", log);
	archive_end(&a);
	(void)fclose(a.out);
	assert_int_equal(size % 512, 0);
	for (size_t i = 0; i + 7 <= size; i++)
		assert_int_not_equal(memcmp(text + i, "hunter2", 7), 0);
	assert_non_null(strstr(text + 512, "/root"));
	assert_null(strstr(text + 512, "managedFields"));
	/* What is left is JSON still. */
	assert_int_equal(json_parse(text + 512, strlen(text + 512), "one", &kept, &e), 0);
	assert_string_equal(json_get_str(kept, "last"), "http://u:...@h");
	for (size_t i = size - 1024; i < size; i++)
		assert_int_equal(text[i], 0);
	archive_done(&a);
}

static void test_archive_is_bounded_and_names_what_it_lacks(void **state)
{
	_free_ char *large = xcalloc(1, 3000);
	char small[] = "small\n";
	struct archive a = { .folder = "d", .max = 4096 };
	_free_ char *text = NULL;
	size_t size = 0;

	(void)state;
	memset(large, 'x', 2999);
	a.out = open_memstream(&text, &size);
	archive_add_text(&a, "one", large);
	archive_add_text(&a, "two", large);
	archive_add_text(&a, "three", small);
	archive_end(&a);
	(void)fclose(a.out);
	assert_int_equal(strv_len(a.left_out), 1);
	assert_string_equal(a.left_out[0], "two");
	assert_true(size <= 4096 + 5 * 512);
	archive_done(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_are_shown_in_every_format),
		cmocka_unit_test(test_row_is_what_its_format_shows),
		cmocka_unit_test(test_ages_are_short),
		cmocka_unit_test(test_options_are_those_of_kubectl),
		cmocka_unit_test(test_namespaces_are_all_and_empty_values_none),
		cmocka_unit_test(test_options_that_are_wrong_are_refused),
		cmocka_unit_test(test_command_takes_its_own_options_only),
		cmocka_unit_test(test_timeouts_are_written_as_for_kubectl),
		cmocka_unit_test(test_archive_has_no_secret_and_an_end),
		cmocka_unit_test(test_archive_is_bounded_and_names_what_it_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
