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
		HEAD "file 0755 12 " ZERO64 " a\x01\n",
		HEAD "file 0755 12 " ZERO64 " a\nfile 0755 12 " ZERO64 " a\n",
		HEAD "link /etc a\n",
		HEAD "link .. a\n",
		HEAD "link ../../x bin/a\n",
		HEAD "link x/../../../y bin/a\n",
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
		cmocka_unit_test(test_manifest_with_a_changed_byte_is_damaged),
		cmocka_unit_test(test_manifest_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
