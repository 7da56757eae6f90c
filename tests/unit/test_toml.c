/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_toml - the rules of TOML 1.0 as tables of documents, and edits that leave the rest alone.
 */

#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/toml.h"

static int parse(const char *text, struct toml **ret_root, struct error *e)
{
	return toml_parse(text, strlen(text), "t.toml", ret_root, e);
}

static void test_valid_documents_parse(void **state)
{
	static const char *const documents[] = {
		"",
		"\xef\xbb\xbf# byte order mark\n",
		"a = 1",
		"a = 1\r\nb = 2\r\n",
		"a.b.c = 1\na.b.d = 2\n",
		"\"quoted key\" = 1\n'literal' = 2\n\"\" = 3\n",
		"3.14 = \"dotted\"\n",
		"a = 0xdead_beef\nb = 0o755\nc = 0b1101\nd = -1_000\ne = +0\n",
		"a = 9223372036854775807\nb = -9223372036854775808\n",
		"a = 1.0\nb = -1e6\nc = 6.26e-34\nd = inf\ne = -nan\nf = 1_0.0_1\n",
		("a = 1979-05-27T07:32:00Z\nb = 1979-05-27 07:32:00.999-07:00\nc = 1979-05-27\n"
		 "d = 07:32:00\n"),
		"a = 2024-02-29\n",
		"a = [1, 2,\n # comment\n 3,\n]\nb = [[1], [\"x\", 2.0]]\nc = []\n",
		"a = {x = 1, y.z = 2}\nb = {}\n",
		"[a]\n[a.b]\n[c.d.e]\n[c]\n[c.d]\n",
		"[[p]]\nx = 1\n[[p]]\n[p.q]\ny = 2\n[[p.r]]\n",
		"[a]\nb.c = 1\n[a.d]\n",
		"a = \"\"\"\nline\\\n   joined\"\"\"\"\"\nb = '''\nraw \\ '' x'''\n",
		"a = \"\\u00e9\\U0001F600\\t\\\\\"\n",
		"[ \"a\" . b ] # spaces\n",
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		_cleanup_(toml_freep) struct toml *root = NULL;

		if (parse(documents[i], &root, &e) < 0)
			fail_msg("%s: %s", documents[i], e.msg);
	}
}

static void test_invalid_documents_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} documents[] = {
		{ "a", 1 },
		{ "a =", 1 },
		{ "a = 1 b = 2", 1 },
		{ "= 1", 1 },
		{ "a = 1\na = 2", 2 },
		{ "a = 1\n\"a\" = 2", 2 },
		{ "a = 1\na.b = 2", 2 },
		{ "[a]\n[a]", 2 },
		{ "[a]\nb = 1\n[a.b]", 3 },
		{ "a = {x = 1}\n[a.y]", 2 },
		{ "a = {x = 1}\na.y = 2", 2 },
		{ "[a]\nb.c = 1\n[a.b]", 3 },
		{ "a = [1]\n[[a]]", 2 },
		{ "[[a]]\n[a]", 2 },
		{ "[a]\n[[a]]", 2 },
		{ "a = {x = 1,}", 1 },
		{ "a = {x = 1\n}", 1 },
		{ "a = [1 2]", 1 },
		{ "a = [1,,2]", 1 },
		{ "a = \"x", 1 },
		{ "a = \"x\ny\"", 1 },
		{ "a = \"\\x41\"", 1 },
		{ "a = \"\\ud800\"", 1 },
		{ "a = '''x", 1 },
		{ "a = 01", 1 },
		{ "a = 1__0", 1 },
		{ "a = _1", 1 },
		{ "a = 1_", 1 },
		{ "a = +0x1", 1 },
		{ "a = 9223372036854775808", 1 },
		{ "a = 1.", 1 },
		{ "a = .5", 1 },
		{ "a = 1.e2", 1 },
		{ "a = 2023-02-29", 1 },
		{ "a = 25:00:00", 1 },
		{ "a = True", 1 },
		{ "a = yes", 1 },
		{ "[a", 1 },
		{ "[]", 1 },
		{ "[a]]", 1 },
		{ "a.= 1", 1 },
		{ "\n\na = \x80", 3 },
		{ "# \x01", 1 },
		{ "a b = 1", 1 },
	};
	char place[32];
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		_cleanup_(toml_freep) struct toml *root = NULL;

		if (parse(documents[i].text, &root, &e) != -EINVAL)
			fail_msg("'%s' was taken", documents[i].text);
		(void)snprintf(place, sizeof(place), "t.toml:%u: ", documents[i].line);
		if (strncmp(e.msg, place, strlen(place)))
			fail_msg("'%s': %s, expected %s", documents[i].text, e.msg, place);
	}
}

static void test_nesting_beyond_the_limit_is_refused(void **state)
{
	char text[2000] = "a = ";
	_cleanup_(toml_freep) struct toml *root = NULL;
	struct error e;

	(void)state;
	memset(text + 4, '[', 1000);
	assert_int_equal(parse(text, &root, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "too deeply"));
}

static void test_values_keep_type_text_and_line(void **state)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	const char *text =
		"# one\n[hypervisor.qemu]\npath = \"/a\\tb\"\ncpus = -12\n\n"
		"[plugins.'io.containerd.grpc.v1.cri']\nx = [true, 0.5]\n";
	const struct toml *value;
	struct error e;

	(void)state;
	assert_int_equal(parse(text, &root, &e), 0);
	value = toml_get(root, "hypervisor.qemu.path");
	assert_int_equal(value->type, TOML_STRING);
	assert_string_equal(value->text.s, "/a\tb");
	assert_int_equal(value->line, 3);
	assert_int_equal(toml_get(root, "hypervisor.qemu.cpus")->integer, -12);
	value = toml_get(root, "plugins.\"io.containerd.grpc.v1.cri\".x");
	assert_int_equal(value->type, TOML_ARRAY);
	assert_true(value->children->boolean);
	assert_true(fabs(value->children->next->real - 0.5) < 1e-9);
	assert_null(toml_get(root, "hypervisor.nothing.path"));
	assert_string_equal(toml_type_name(value->type), "array");
}

struct edit {
	const char *before, *table, *key, *literal, *after;
};

static void test_set_changes_one_value_and_nothing_else(void **state)
{
	static const struct edit edits[] = {
		{ "a = 1 # why\n", "", "a", "2", "a = 2 # why\n" },
		{ "a = 1", "", "b", "2", "a = 1\nb = 2\n" },
		{ "", "x.y", "b", "true", "[x.y]\nb = true\n" },
		{ "[x]\n  a = 1\n\n# about y\n[y]\n", "x", "b", "2",
		  "[x]\n  a = 1\n  b = 2\n\n# about y\n[y]\n" },
		{ "[x]\n[x.y]\nz = 1", "x", "b", "2", "[x]\nb = 2\n[x.y]\nz = 1" },
		{ "[x.y]\nz = 1", "x", "b", "2", "[x.y]\nz = 1\n\n[x]\nb = 2\n" },
		{ "[t]\na = [1,\n 2] # two\n", "t", "a", "[]", "[t]\na = [] # two\n" },
		{ "[p.'a.b']\nx = 1\n", "p.\"a.b\"", "y", "2", "[p.'a.b']\nx = 1\ny = 2\n" },
		{ "[t]\r\na = 1\r\n", "t", "a", "2", "[t]\r\na = 2\r\n" },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_free_ char *after = NULL;

		assert_int_equal(toml_set(edits[i].before, edits[i].table, edits[i].key,
					  edits[i].literal, &after, &e),
				 0);
		assert_string_equal(after, edits[i].after);
	}
}

static void test_set_that_would_break_the_document_is_refused(void **state)
{
	static const struct edit edits[] = {
		{ "x = {a = 1}\n", "x", "b", "2", NULL }, { "x = 1\n", "x", "b", "2", NULL },
		{ "", "x", "b", "not a value", NULL },    { "", "x", "b", "1\n[y]", "accepted" },
		{ "broken", "x", "b", "1", NULL },
	};
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_free_ char *after = NULL;
		int r = toml_set(edits[i].before, edits[i].table, edits[i].key, edits[i].literal,
				 &after, &e);

		assert_int_equal(r, edits[i].after ? 0 : -EINVAL);
	}
}

static void test_remove_table_leaves_the_rest(void **state)
{
	const char *text =
		"top = 1\n[a] # keep\nx = 1\n[a.kata]\nz = 1\n"
		"[a.kata.options]\nw = 1\n# about b\n[b]\na.kata = 5\n";
	_free_ char *shorter = NULL, *same = NULL;
	struct error e;

	(void)state;
	assert_int_equal(toml_remove_table(text, "a.kata", &shorter, &e), 0);
	assert_string_equal(shorter, "top = 1\n[a] # keep\nx = 1\n# about b\n[b]\na.kata = 5\n");
	assert_int_equal(toml_remove_table(shorter, "nothing", &same, &e), 0);
	assert_string_equal(same, shorter);
}

static void test_quote_survives_a_round_trip(void **state)
{
	const char *s = "a\"b\\c\n\x7f\xc3\xa9";
	_free_ char *quoted = toml_quote(s);
	_free_ char *text = xasprintf("k = %s", quoted);
	_cleanup_(toml_freep) struct toml *root = NULL;
	struct error e;

	(void)state;
	assert_int_equal(parse(text, &root, &e), 0);
	assert_string_equal(toml_get(root, "k")->text.s, s);
}

static void test_equal_values_are_equal_lines(void **state)
{
	static const char text[] =
		"a.b = 0x10\n'odd key' = 'x\"y'\n[c]\nd = [1, {e = true}]\n"
		"[[t]]\nn = 1.50\n[c.f]\ng = 2020-01-01\n";
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *lines = NULL;
	struct error e;

	(void)state;
	assert_int_equal(toml_parse(text, strlen(text), "t", &root, &e), 0);
	lines = toml_flatten(root);
	assert_string_equal(lines,
			    "a.b = 16\n\"odd key\" = \"x\\\"y\"\n"
			    "c.d = [1, {e = true}]\nc.f.g = 2020-01-01\n"
			    "t = [{n = 1.5}]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_values_are_equal_lines),
		cmocka_unit_test(test_valid_documents_parse),
		cmocka_unit_test(test_invalid_documents_are_refused_with_their_line),
		cmocka_unit_test(test_nesting_beyond_the_limit_is_refused),
		cmocka_unit_test(test_values_keep_type_text_and_line),
		cmocka_unit_test(test_set_changes_one_value_and_nothing_else),
		cmocka_unit_test(test_set_that_would_break_the_document_is_refused),
		cmocka_unit_test(test_remove_table_leaves_the_rest),
		cmocka_unit_test(test_quote_survives_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
