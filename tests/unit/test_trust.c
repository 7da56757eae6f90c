/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_trust - whose releases a machine takes, from its first key on.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "lib/host/trust.h"
#include "tests/unit/minisign.h"

#define ANYBODY 0 /* no key, no signature */

struct fixture {
	char *root;
	char *keys[4];
	struct manifest m;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->root = folder_new();
	for (unsigned char i = 1; i < ARRAY_SIZE(f->keys); i++)
		f->keys[i] = minisign_public(i);
	f->m = (struct manifest){ .text = xstrdup("kata-manifest 1\n"), .version = xstrdup("1") };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	folder_remove(f->root);
	for (unsigned i = 1; i < ARRAY_SIZE(f->keys); i++)
		free(f->keys[i]);
	manifest_done(&f->m);
	free(f);
	return 0;
}

static void sign(struct fixture *f, unsigned char key)
{
	free(f->m.signature);
	f->m.signature = key == ANYBODY ? NULL : minisign(key, f->m.text, "release 1");
}

/* An installation with KEY, which key ROTATED says follows it, of a release that SIGNER signed;
 * what is to be pinned is. */
static int install(struct fixture *f, unsigned char key, unsigned char rotated,
		   unsigned char signer, struct error *e)
{
	_free_ char *rotation =
		rotated ? minisign(rotated, f->keys[key], "the key after mine") : NULL;
	const struct trust t = { .root = f->root, .key = f->keys[key], .rotation = rotation };
	_free_ char *pin = NULL;
	int r;

	sign(f, signer);
	r = trust_check(&t, &f->m, &pin, e);
	if (r >= 0 && pin)
		assert_int_equal(trust_pin(f->root, pin, e), 0);
	return r;
}

static void expect_pinned(const struct fixture *f, const char *wanted)
{
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(trust_pinned(f->root, &text, &e), 0);
	if (!str_equal(text, wanted))
		fail_msg("pinned is '%s', not '%s'", text ? text : "", wanted ? wanted : "");
}

static void test_without_a_key_every_release_is_taken(void **state)
{
	struct fixture *f = *state;
	struct error e;

	assert_int_equal(install(f, ANYBODY, 0, ANYBODY, &e), 0);
	assert_int_equal(install(f, ANYBODY, 0, 1, &e), 0);
	expect_pinned(f, NULL);
}

static void test_with_a_key_its_releases_alone_are_taken(void **state)
{
	struct fixture *f = *state;
	_free_ char *line = xasprintf("%s\n", f->keys[1]);
	struct error e;

	assert_int_equal(install(f, 1, 0, ANYBODY, &e), -ENOKEY);
	assert_int_equal(install(f, 1, 0, 2, &e), -EKEYREJECTED);
	expect_pinned(f, NULL);
	assert_int_equal(install(f, 1, 0, 1, &e), 0);
	expect_pinned(f, line);
}

static void test_pinned_key_outlives_its_setting(void **state)
{
	struct fixture *f = *state;
	struct error e;

	assert_int_equal(install(f, 1, 0, 1, &e), 0);
	assert_int_equal(install(f, ANYBODY, 0, 1, &e), 0);
	assert_int_equal(install(f, ANYBODY, 0, ANYBODY, &e), -ENOKEY);
	assert_int_equal(install(f, ANYBODY, 0, 2, &e), -EKEYREJECTED);
	assert_int_equal(install(f, 2, 0, 2, &e), -EKEYREJECTED);
	assert_non_null(strstr(e.msg, "is not the trusted one"));
}

static void test_key_follows_another_by_its_signature_alone(void **state)
{
	struct fixture *f = *state;
	_free_ char *both = xasprintf("%s\n%s\n", f->keys[2], f->keys[1]);
	_free_ char *all = xasprintf("%s\n%s", f->keys[3], both);
	struct error e;

	assert_int_equal(install(f, 1, 0, 1, &e), 0);
	assert_int_equal(install(f, 2, 2, 2, &e), -EKEYREJECTED);
	assert_int_equal(install(f, 2, 3, 2, &e), -EKEYREJECTED);
	/* The new key counts at once, and nothing is pinned for a release that is refused. */
	assert_int_equal(install(f, 2, 1, 1, &e), -EKEYREJECTED);
	assert_int_equal(install(f, 2, 1, 2, &e), 0);
	expect_pinned(f, both);
	/* The settings may stay as they are. */
	assert_int_equal(install(f, 2, 1, 2, &e), 0);
	expect_pinned(f, both);
	assert_int_equal(install(f, 1, 0, 1, &e), -EKEYREJECTED);
	assert_int_equal(install(f, 3, 1, 3, &e), -EKEYREJECTED);
	assert_int_equal(install(f, 3, 2, 3, &e), 0);
	expect_pinned(f, all);
}

static void test_unsigned_is_taken_where_it_is_asked_for(void **state)
{
	struct fixture *f = *state;
	_free_ char *line = xasprintf("%s\n", f->keys[1]);
	const struct trust t = {
		.root = f->root,
		.key = f->keys[2],
		.not_signed = UNSIGNED_TAKEN,
	};
	_free_ char *pin = NULL;
	struct error e;

	assert_int_equal(install(f, 1, 0, 1, &e), 0);
	sign(f, ANYBODY);
	assert_int_equal(trust_check(&t, &f->m, &pin, &e), 0);
	assert_null(pin);
	expect_pinned(f, line);
}

static void test_changed_manifest_is_not_what_was_signed(void **state)
{
	struct fixture *f = *state;
	const struct trust t = { .root = f->root, .key = f->keys[1] };
	_free_ char *pin = NULL;
	struct error e;

	sign(f, 1);
	f->m.text[0] = 'K';
	assert_int_equal(trust_check(&t, &f->m, &pin, &e), -EBADMSG);
	assert_null(pin);
}

static void test_damaged_file_of_keys_trusts_nobody(void **state)
{
	struct fixture *f = *state;
	struct error e;

	folder_put(f->root, TRUST_FILE, "by hand\n");
	assert_int_equal(install(f, ANYBODY, 0, ANYBODY, &e), -EINVAL);
	assert_int_equal(install(f, 1, 0, 1, &e), -EINVAL);
}

static void test_older_key_still_says_whose_a_version_is(void **state)
{
	struct fixture *f = *state;
	_free_ char *now = NULL, *before = NULL, *nobody = NULL;
	struct error e;

	assert_int_equal(install(f, 1, 0, 1, &e), 0);
	assert_int_equal(install(f, 2, 1, 2, &e), 0);
	assert_int_equal(trust_whose(f->root, &f->m, &now, &e), 0);
	assert_string_equal(now, "key 0202020202020202: release 1");
	sign(f, 1);
	assert_int_equal(trust_whose(f->root, &f->m, &before, &e), 0);
	assert_non_null(strstr(before, "key 0101010101010101, no longer the newest"));
	sign(f, 3);
	assert_int_equal(trust_whose(f->root, &f->m, &nobody, &e), -EKEYREJECTED);
	assert_int_equal(trust_pin(f->root, NULL, &e), 0);
	assert_int_equal(trust_whose(f->root, &f->m, &nobody, &e), -ENOKEY);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_without_a_key_every_release_is_taken),
		TEST(test_with_a_key_its_releases_alone_are_taken),
		TEST(test_pinned_key_outlives_its_setting),
		TEST(test_key_follows_another_by_its_signature_alone),
		TEST(test_unsigned_is_taken_where_it_is_asked_for),
		TEST(test_changed_manifest_is_not_what_was_signed),
		TEST(test_damaged_file_of_keys_trusts_nobody),
		TEST(test_older_key_still_says_whose_a_version_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
