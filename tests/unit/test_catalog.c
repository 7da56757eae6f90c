/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_catalog - the lists of a mirror that are right are read, those that are wrong are refused.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "lib/host/catalog.h"
#include "lib/host/stale.h"

#define ZERO64 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD   "kata-index 1\nserial 7\n"
#define OF(version, arch, name) \
	"release " version " " arch " " ZERO64 " 1000 " ZERO64 " " name ".tar.zst\n"
#define FRAME(size, path) "frame " size " " ZERO64 " " path "\n"

/* BODY with the right last line. */
static char *sealed(const char *body)
{
	char digest[SHA256_HEX + 1];

	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

static int parse(const char *body, struct catalog *c, struct error *e)
{
	_free_ char *text = sealed(body);

	return catalog_parse(text, strlen(text), "test", c, e);
}

static void test_index_that_is_right_is_read(void **state)
{
	_catalog_ struct catalog c = { 0 };
	_free_ char *folder = NULL;
	const char *reason = NULL;
	struct error e;

	(void)state;
	assert_int_equal(
		parse(HEAD OF("5.0.0", "x86_64", "a") "frames 10 " ZERO64 " a.frames\n"
						      "withdrawn 5.0.0 guests could read the host\n"
						      "something new that nobody knows\n",
		      &c, &e),
		0);
	assert_int_equal(c.serial, 7);
	assert_int_equal(c.n_releases, 1);
	assert_string_equal(c.releases[0].archive.name, "a.tar.zst");
	assert_int_equal(c.releases[0].archive.size, 1000);
	assert_string_equal(c.releases[0].frames.name, "a.frames");
	folder = catalog_folder(&c.releases[0]);
	assert_string_equal(folder, "5.0.0-000000000000");
	assert_true(stale_is_withdrawn(c.withdrawn, folder, &reason));
	assert_string_equal(reason, "guests could read the host");
}

static void test_index_that_is_wrong_is_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"kata-index 2\n",
		"kata-manifest 1\n",
		HEAD "serial x\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 " ZERO64 " ../a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 " ZERO64 " a/b\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 " ZERO64 " .a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 " ZERO64 " http://a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " -1 " ZERO64 " a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 99999999999999 " ZERO64 " a\n",
		HEAD "release 5.0.0 x86_64 0123 1000 " ZERO64 " a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 0123 a\n",
		HEAD "release 5/0 x86_64 " ZERO64 " 1000 " ZERO64 " a\n",
		HEAD "release 5.0.0 x86_64 " ZERO64 " 1000 " ZERO64 "\n",
		HEAD "frames 10 " ZERO64 " a.frames\n",
		HEAD OF("5.0.0", "x86_64", "a") "frames 99999999 " ZERO64 " a.frames\n",
		HEAD "withdrawn 5.0.0\n",
		HEAD "withdrawn 5=0 x\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		_catalog_ struct catalog c = { 0 };
		struct error e;

		if (parse(bodies[i], &c, &e) >= 0)
			fail_msg("accepted: %s", bodies[i]);
	}
}

static void test_index_that_is_cut_off_or_damaged_is_refused(void **state)
{
	_free_ char *text = sealed(HEAD OF("5.0.0", "x86_64", "a"));
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		_catalog_ struct catalog c = { 0 };
		struct error e;

		assert_true(catalog_parse(text, i, "test", &c, &e) < 0);
		text[i] ^= 1;
		assert_true(catalog_parse(text, len, "test", &c, &e) < 0);
		text[i] ^= 1;
	}
}

static void test_versions_compare_as_people_read_them(void **state)
{
	static const char *const rising[] = { "0.9",       "1.0.0-rc1", "1.0.0-rc2", "1.0.0-rc10",
					      "1.0.0",     "1.0.0.1",   "1.2.0",     "1.10.0",
					      "2.0.0-dev", "2.0.0",     "10.0.0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rising); i++)
		for (size_t j = 0; j < ARRAY_SIZE(rising); j++) {
			int r = catalog_compare(rising[i], rising[j]);

			if ((i < j && r >= 0) || (i == j && r != 0) || (i > j && r <= 0))
				fail_msg("%s and %s: %d", rising[i], rising[j], r);
		}
	assert_int_equal(catalog_compare("1.09", "1.9"), 0);
}

static void test_newest_that_is_not_withdrawn_is_found(void **state)
{
	static const struct {
		const char *version, *arch, *wanted;
	} cases[] = {
		{ NULL, "x86_64", "d.tar.zst" },
		{ "5.2.0", "x86_64", "c.tar.zst" }, /* who names it is told by the caller */
		{ "5.0.0-000000000000", "x86_64", "a.tar.zst" },
		{ NULL, "aarch64", "b.tar.zst" },
		{ "5.1.0", "aarch64", NULL },
		{ NULL, "riscv64", NULL },
	};
	_catalog_ struct catalog c = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(parse(HEAD OF("5.1.0", "x86_64", "d") OF("5.0.0", "x86_64", "a")
				       OF("5.0.0", "aarch64", "b") OF("5.2.0", "x86_64", "c") OF(
					       "5.1.0-rc3", "x86_64", "e") "withdrawn 5.2.0 no\n",
			       &c, &e),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct catalog_release *found = NULL;
		int r = catalog_find(&c, cases[i].version, cases[i].arch, &found, &e);

		assert_int_equal(r, cases[i].wanted ? 0 : -ENOENT);
		if (cases[i].wanted)
			assert_string_equal(found->archive.name, cases[i].wanted);
	}
}

static int parse_frames(const char *body, struct frames *f, struct error *e)
{
	_free_ char *text = sealed(body);

	return frames_parse(text, strlen(text), "test", f, e);
}

static void test_frames_lie_one_behind_the_other(void **state)
{
	_frames_ struct frames f = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(parse_frames("kata-frames 1\n" FRAME("10", "MANIFEST") FRAME("20", "bin/a")
					      FRAME("3", "-"),
				      &f, &e),
			 0);
	assert_int_equal(f.size, 33);
	assert_int_equal(frames_find(&f, "bin/a")->offset, 10);
	assert_null(frames_find(&f, "bin/b"));
	assert_int_equal(f.list[2].offset, 30);
}

static void test_frames_that_are_wrong_are_refused(void **state)
{
	static const char *const bodies[] = {
		"kata-frames 1\n",
		"kata-index 1\n" FRAME("1", "MANIFEST") FRAME("1", "-"),
		"kata-frames 1\n" FRAME("1", "MANIFEST"),
		"kata-frames 1\n" FRAME("1", "a") FRAME("1", "-"),
		"kata-frames 1\n" FRAME("1", "MANIFEST") FRAME("1", "a"),
		"kata-frames 1\n" FRAME("1", "MANIFEST") FRAME("1", "-") FRAME("1", "-"),
		"kata-frames 1\n" FRAME("0", "MANIFEST") FRAME("1", "-"),
		"kata-frames 1\n" FRAME("4294967296", "MANIFEST") FRAME("1", "-"),
		"kata-frames 1\nframe 1 00 MANIFEST\n" FRAME("1", "-"),
		"kata-frames 1\n" FRAME("1", "MANIFEST") FRAME("1", "a b") FRAME("1", "-"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		_frames_ struct frames f = { 0 };
		struct error e;

		if (parse_frames(bodies[i], &f, &e) >= 0)
			fail_msg("accepted: %s", bodies[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_that_is_right_is_read),
		cmocka_unit_test(test_index_that_is_wrong_is_refused),
		cmocka_unit_test(test_index_that_is_cut_off_or_damaged_is_refused),
		cmocka_unit_test(test_versions_compare_as_people_read_them),
		cmocka_unit_test(test_newest_that_is_not_withdrawn_is_found),
		cmocka_unit_test(test_frames_lie_one_behind_the_other),
		cmocka_unit_test(test_frames_that_are_wrong_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
