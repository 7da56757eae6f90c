/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manifest - a manifest that is right is read, one that is wrong in any way is refused.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/host/manifest.h"

#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD   "kata-manifest 1\nversion 1.2.3\narch x86_64\n"

/* BODY with the right last line. */
static char *sealed(const char *body)
{
	char digest[SHA256_HEX + 1];

	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

static void test_manifest_that_is_right_is_read(void **state)
{
	_free_ char *text = sealed(HEAD "file 0755 12 " ZERO64
					" bin/shim\n"
					"link ../libexec/x bin/x\n");
	_manifest_ struct manifest m = { 0 };
	_free_ char *folder = NULL;
	struct error e;

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), "test", &m, &e), 0);
	assert_string_equal(m.version, "1.2.3");
	assert_string_equal(m.arch, "x86_64");
	assert_int_equal(m.n_entries, 2);
	assert_int_equal(m.total_size, 12);
	assert_int_equal(manifest_find(&m, "bin/shim")->mode, 0755);
	assert_string_equal(manifest_find(&m, "bin/x")->target, "../libexec/x");
	folder = manifest_folder(&m);
	assert_memory_equal(folder, "1.2.3-", 6);
	assert_memory_equal(folder + 6, m.digest, 12);
}

static void test_manifest_that_is_wrong_is_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"kata-manifest 2\nversion 1.2\narch x86_64\n",
		"kata-manifest 1\narch x86_64\n",
		"kata-manifest 1\nversion 1.2.3\n",
		HEAD "version 1.2.4\n",
		HEAD "file 0755 12 " ZERO64 "\n",
		HEAD "file 0755 12 " ZERO64 " a b\n",
		HEAD "file 4755 12 " ZERO64 " a\n",
		HEAD "file 0755 -1 " ZERO64 " a\n",
		HEAD "file 0755 99999999999999 " ZERO64 " a\n",
		HEAD "file 0755 12 0123 a\n",
		HEAD "file 0755 12 " ZERO64 " /a\n",
		HEAD "file 0755 12 " ZERO64 " ../a\n",
		HEAD "file 0755 12 " ZERO64 " a/../b\n",
		HEAD "file 0755 12 " ZERO64 " a//b\n",
		HEAD "file 0755 12 " ZERO64 " a/\n",
		HEAD "file 0755 12 " ZERO64 " ./a\n",
		HEAD "file 0755 12 " ZERO64 " MANIFEST\n",
		HEAD "file 0755 12 " ZERO64 " Manifest\n",
		HEAD "file 0755 12 " ZERO64 " MANIFEST.minisig\n",
		HEAD "file 0755 12 " ZERO64 " a\x01\n",
		HEAD "file 0755 12 " ZERO64 " a\nfile 0755 12 " ZERO64 " a\n",
		HEAD "link /etc a\n",
		HEAD "link .. a\n",
		HEAD "link ../../x bin/a\n",
		HEAD "link x/../../../y bin/a\n",
		HEAD "file 0755 12 " ZERO64 " a/..\n",
		HEAD "file 0755 12 " ZERO64 " a/.\n",
		HEAD "link b/.. a\n",
		HEAD "device 1 2 a\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		_free_ char *text = sealed(bodies[i]);
		_manifest_ struct manifest m = { 0 };
		struct error e;

		if (manifest_parse(text, strlen(text), "test", &m, &e) >= 0)
			fail_msg("accepted: %s", bodies[i]);
	}
}

static void test_link_that_leads_through_another_is_refused_by_its_line(void **state)
{
	static const struct {
		const char *body, *wanted;
	} cases[] = {
		{ "link b a\nfile 0755 0 " ZERO64 " a/x\n", "line 5: path 'a/x' lies below 'a'" },
		{ "file 0755 0 " ZERO64 " a/x\nlink b a\n", "line 4: path 'a/x' lies below 'a'" },
		{ "link b a\nlink c a/b/x\n", "line 5: path 'a/b/x' lies below 'a', a link" },
		{ "file 0755 0 " ZERO64 " a\nlink c a/x\n", "lies below 'a', a file of line 4" },
		{ "link a a\n", "line 4: link 'a' goes through 'a'" },
		{ "link b a\nlink c b\n", "line 4: link 'a' goes through 'b', a link of line 5" },
		{ "link d/e/f a\nlink b a.b\nlink a/.. c\n", "has '..' behind a name" },
		{ "link x d/l\nlink ./d//l/y a\n", "line 5: link 'a' goes through 'd/l'" },
		{ "link x d/l\nlink ../../d/l/y e/f/a\n", "link 'e/f/a' goes through 'd/l'" },
		{ "link x d/l\nlink l/y d/a\n", "link 'd/a' goes through 'd/l'" },
		{ "link x a\nlink x A\n", "line 5: path 'A' differs from 'a' of line 4 by" },
		{ "link x b/a\nlink x c\nlink y B/d\n", "differs from 'b/a' of line 4" },
		{ "link x a/a/a\nlink y a/A/b\n", "differs from" },
		{ "link x a\nlink x a-b\nlink y A/b\n", "differs from" },
		{ "link x a/Bc/d\nlink x a/b\nlink y a/bC\n", "differs from" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *body = xasprintf(HEAD "%s", cases[i].body);
		_free_ char *text = sealed(body);
		_manifest_ struct manifest m = { 0 };
		struct error e = { 0 };

		if (manifest_parse(text, strlen(text), "test", &m, &e) >= 0 ||
		    !strstr(e.msg, cases[i].wanted))
			fail_msg("wanted '%s', got '%s'", cases[i].wanted, e.msg);
	}
}

/* Names that only begin like a link's, links beside links, links to folders. */
static void test_links_that_meet_no_other_are_read(void **state)
{
	_free_ char *text = sealed(HEAD "link b a\nfile 0755 0 " ZERO64
					" ab/x\nlink ab a-b\n"
					"link ../ab/x d/e\nlink . f\nlink e2 d/e-\n");
	_manifest_ struct manifest m = { 0 };
	struct error e = { 0 };

	(void)state;
	if (manifest_parse(text, strlen(text), "test", &m, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_manifest_with_a_changed_byte_is_damaged(void **state)
{
	_free_ char *text = sealed(HEAD "file 0755 12 " ZERO64 " bin/shim\n");
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		_manifest_ struct manifest m = { 0 };
		struct error e;

		text[i] ^= 1;
		assert_true(manifest_parse(text, len, "test", &m, &e) < 0);
		text[i] ^= 1;
	}
}

static void test_manifest_cut_anywhere_is_refused(void **state)
{
	_free_ char *text = sealed(HEAD "file 0755 12 " ZERO64 " bin/shim\n");

	(void)state;
	for (size_t len = 0; len < strlen(text); len++) {
		_manifest_ struct manifest m = { 0 };
		struct error e;

		assert_true(manifest_parse(text, len, "test", &m, &e) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_that_is_right_is_read),
		cmocka_unit_test(test_manifest_that_is_wrong_is_refused),
		cmocka_unit_test(test_link_that_leads_through_another_is_refused_by_its_line),
		cmocka_unit_test(test_links_that_meet_no_other_are_read),
		cmocka_unit_test(test_manifest_with_a_changed_byte_is_damaged),
		cmocka_unit_test(test_manifest_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
