/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_diff - unified diffs that patch(1) takes, without what is secret.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/host/diff.h"
#include "lib/redact.h"
#include "lib/str.h"

static void test_diff_is_what_diff_u_says(void **state)
{
	static const struct {
		const char *before;
		const char *after;
		const char *diff;
	} cases[] = {
		{ "a\n", "a\n", "" },
		{ NULL, NULL, "" },
		{ NULL, "a\nb\n", "--- /dev/null\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n" },
		{ "a\n", NULL, "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n" },
		{ "a\nb\nc\n", "a\nx\nc\n", "--- /f\n+++ /f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\nx\n",
		  "--- /f\n+++ /f\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+x\n" },
		/* Two hunks, as more than six lines between them are the same. */
		{ "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
		  "--- /f\n+++ /f\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n "
		  "7\n-b\n+B\n" },
		/* One, as there are six. */
		{ "a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
		  "--- /f\n+++ /f\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n" },
		{ "a", "a\n",
		  "--- /f\n+++ /f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n" },
		{ "token = \"abcdef\"\nx\n", "token = \"abcdef\"\ny\n",
		  "--- /f\n+++ /f\n@@ -1,2 +1,2 @@\n token = ...\n-x\n+y\n" },
		{ "", "a\n", "--- /f\n+++ /f\n@@ -0,0 +1 @@\n+a\n" },
		{ "x\na\nb\nc\n", "a\nb\ny\nc\n",
		  "--- /f\n+++ /f\n@@ -1,4 +1,4 @@\n-x\n a\n b\n+y\n c\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *diff = diff_unified("/f", cases[i].before, cases[i].after);

		assert_string_equal(diff, cases[i].diff);
	}
}

/* Its table would have 9 * 10^6 cells. */
static void test_large_middle_is_replaced_as_a_whole(void **state)
{
	_strv_ strv a = NULL;
	_strv_ strv b = NULL;
	_free_ char *before = NULL, *after = NULL, *diff = NULL;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		strv_addf(&a, "a%d", i);
		strv_addf(&b, "b%d", i);
	}
	before = strv_join(a, "\n");
	after = strv_join(b, "\n");
	diff = diff_unified("/f", before, after);
	assert_non_null(strstr(diff, "@@ -1,3000 +1,3000 @@\n-a0\n-a1\n"));
	assert_non_null(strstr(diff, "\n-a2999\n\\ No newline at end of file\n+b0\n"));
}

static void test_values_of_secrets_are_left_out(void **state)
{
	static const struct {
		const char *line;
		const char *redacted;
	} cases[] = {
		{ "password = \"hunter2\"", "password = ..." },
		{ "  registry_password: hunter2", "  registry_password: ..." },
		{ "+\t\"identitytoken\": \"abc\",", "+\t\"identitytoken\": ..." },
		{ " auth=\"dXNlcjpwYXNz\"", " auth=..." },
		{ "-    client-key-data: TUlJRQ==", "-    client-key-data: ..." },
		{ "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "AWS_SECRET_ACCESS_KEY=..." },
		{ "level=error msg=\"no\" token=eyJhbGciOi", "level=error msg=\"no\" token=..." },
		{ "got {\"a\":1,\"token\":\"abcd\"}", "got {\"a\":1,\"token\":..." },
		{ "got {\\\"password\\\" : \\\"abcd\\\"}", "got {\\\"password\\\" : ..." },
		{ "proxy = \"http://joe:hunter2@p:3128/x\"",
		  "proxy = \"http://joe:...@p:3128/x\"" },
		{ "http://a:b@c and https://d:e@f", "http://a:.@c and https://d:.@f" },
		{ "curl -H 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9' x",
		  "curl -H 'Authorization: Bearer ...' x" },
		{ "the bearer token: it is gone", "the bearer token: it is gone" },
		{ "cannot read the token: no such file", "cannot read the token: no such file" },
		{ "http://host:1/a@b: no", "http://host:1/a@b: no" },
		{ "author = \"somebody\"", "author = \"somebody\"" },
		{ "runtime_type = \"io.containerd.kata.v2\"",
		  "runtime_type = \"io.containerd.kata.v2\"" },
		{ "# a password is nothing for a comment",
		  "# a password is nothing for a comment" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("one\n%s\nthree", cases[i].line);
		_free_ char *wanted = xasprintf("one\n%s\nthree", cases[i].redacted);

		redact_text(text);
		assert_string_equal(text, wanted);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diff_is_what_diff_u_says),
		cmocka_unit_test(test_large_middle_is_replaced_as_a_whole),
		cmocka_unit_test(test_values_of_secrets_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
