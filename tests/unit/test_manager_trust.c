/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager_trust - whose releases kata-manager takes, and which versions it does not.
 */

#include "tests/unit/folder.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/trust.h"
#include "manager/known.h"
#include "manager/trust.h"
#include "tests/unit/minisign.h"

#define NOBODY 0

static int setup(void **state)
{
	*state = folder_new();
	(void)unsetenv("KATA_MANAGER_KEY");
	(void)unsetenv("KATA_MANAGER_KEY_ROTATION");
	(void)unsetenv("KATA_WITHDRAWN");
	return 0;
}

static int teardown(void **state)
{
	folder_remove(*state);
	return 0;
}

/* An installation into ROOT of a release that SIGNER signed; what is to be pinned is. */
static int install(const char *root, const struct options *given, unsigned char signer,
		   struct error *e)
{
	struct options o = *given;
	_machine_ struct machine k = { 0 };
	int r;

	o.root = root;
	assert_int_equal(machine_open(&o, &k, e), 0);
	k.archive = xstrdup("/a/release");
	k.release.text = xstrdup("kata-manifest 1\n");
	k.release.version = xstrdup("1");
	k.release.signature =
		signer == NOBODY ? NULL : minisign(signer, k.release.text, "release 1");
	r = trust_release(&k, &o, e);
	if (r >= 0 && k.pin)
		assert_int_equal(trust_pin(root, k.pin, e), 0);
	return r;
}

static void test_without_a_key_nothing_is_taken(void **state)
{
	const struct options none = { 0 };
	const struct options unsigned_too = { .takes_unsigned = true };
	struct error e;

	assert_int_equal(install(*state, &none, NOBODY, &e), -ENOKEY);
	assert_non_null(strstr(e.msg, "--insecure-unsigned"));
	assert_int_equal(install(*state, &none, 1, &e), -ENOKEY);
	assert_int_equal(install(*state, &unsigned_too, NOBODY, &e), 0);
	/* Once is not for ever. */
	assert_int_equal(install(*state, &none, NOBODY, &e), -ENOKEY);
}

static void test_key_is_a_text_or_a_file_or_a_variable(void **state)
{
	_free_ char *line = minisign_public(1);
	_free_ char *text = xasprintf("untrusted comment: mine\n%s\n", line);
	_free_ char *file = path_join(*state, "key.pub");
	const char *const given[] = { line, text, file };
	struct error e;

	folder_put(*state, "key.pub", text);
	for (size_t i = 0; i < ARRAY_SIZE(given) * 2; i++) {
		const char *value = given[i / 2];
		const struct options o = { .key = i % 2 ? NULL : value };

		(void)(i % 2 ? setenv("KATA_MANAGER_KEY", value, 1) : unsetenv("KATA_MANAGER_KEY"));
		assert_int_equal(install(*state, &o, 2, &e), -EKEYREJECTED);
		assert_int_equal(install(*state, &o, NOBODY, &e), -ENOKEY);
		assert_int_equal(install(*state, &o, 1, &e), 0);
		assert_int_equal(trust_pin(*state, NULL, &e), 0);
	}
}

static void test_pinned_key_counts_without_being_given(void **state)
{
	_free_ char *one = minisign_public(1), *two = minisign_public(2);
	_free_ char *rotation = minisign(1, two, "mine follows");
	_free_ char *wrong = minisign(2, two, "mine follows");
	const struct options first = { .key = one }, none = { 0 }, other = { .key = two },
			     followed = { .key = two, .rotation = rotation },
			     usurped = { .key = two, .rotation = wrong };
	struct error e;

	assert_int_equal(install(*state, &first, 1, &e), 0);
	assert_int_equal(install(*state, &none, 1, &e), 0);
	assert_int_equal(install(*state, &none, NOBODY, &e), -ENOKEY);
	assert_int_equal(install(*state, &other, 2, &e), -EKEYREJECTED);
	assert_int_equal(install(*state, &usurped, 2, &e), -EKEYREJECTED);
	assert_int_equal(install(*state, &followed, 2, &e), 0);
	assert_int_equal(install(*state, &none, 2, &e), 0);
	assert_int_equal(install(*state, &none, 1, &e), -EKEYREJECTED);
}

/* What packages brought, which SIGNER signed. */
static int assemble(const char *root, unsigned char signer, struct error *e)
{
	const struct options o = { .root = root };
	_machine_ struct machine k = { 0 };
	int r;

	assert_int_equal(machine_open(&o, &k, e), 0);
	k.archive = xstrdup("/a/folder");
	k.release.text = xstrdup("kata-manifest 1\n");
	k.release.version = xstrdup("1");
	k.release.signature =
		signer == NOBODY ? NULL : minisign(signer, k.release.text, "release 1");
	r = trust_parts(&k, e);
	assert_null(k.pin);
	return r;
}

static void test_parts_of_packages_need_a_signature_where_a_key_is_pinned(void **state)
{
	_free_ char *line = minisign_public(1);
	const struct options o = { .key = line };
	struct error e;

	assert_int_equal(assemble(*state, NOBODY, &e), 0);
	assert_int_equal(assemble(*state, 2, &e), 0);
	assert_int_equal(install(*state, &o, 1, &e), 0);
	assert_int_equal(assemble(*state, NOBODY, &e), -ENOKEY);
	assert_int_equal(assemble(*state, 2, &e), -EKEYREJECTED);
	assert_int_equal(assemble(*state, 1, &e), 0);
}

static int go_to(const char *root, const struct options *given, struct error *e)
{
	struct options o = *given;
	_machine_ struct machine k = { 0 };

	o.root = root;
	assert_int_equal(machine_open(&o, &k, e), 0);
	k.folder = xstrdup("1.2.0-77aa01f0b3c4");
	return trust_version(&k, &o, e);
}

static void test_withdrawn_version_takes_a_flag(void **state)
{
	static const struct {
		const char *list;
		int wanted;
	} cases[] = {
		{ "", 0 },
		{ "1.2.1", 0 },
		{ "1.2.0", -EPERM },
		{ "1.1.0,1.2.0-77aa01f0b3c4=it-leaks", -EPERM },
		{ "1.2.0-77aa01f0b3c5", 0 },
	};
	const struct options none = { 0 }, all = { .takes_withdrawn = true };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)setenv("KATA_WITHDRAWN", cases[i].list, 1);
		assert_int_equal(go_to(*state, &none, &e), cases[i].wanted);
		assert_int_equal(go_to(*state, &all, &e), 0);
	}
}

/* As the mirror said when it was asked last. */
static void test_what_a_mirror_withdrew_is_remembered(void **state)
{
	static const char body[] = "kata-index 1\nserial 1\nwithdrawn 1.2.0 it leaks\n";
	const struct options none = { 0 };
	char digest[SHA256_HEX + 1];
	_free_ char *text = NULL;
	struct error e;

	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	folder_put(*state, "kata-index", text);
	assert_int_equal(go_to(*state, &none, &e), -EPERM);
	assert_non_null(strstr(e.msg, "it leaks"));
	/* One that is damaged says nothing, and keeps nobody from going back. */
	text[20] ^= 1;
	folder_put(*state, "kata-index", text);
	assert_int_equal(go_to(*state, &none, &e), 0);
}

/* An index with this number that withdraws VERSION.  Caller frees. */
static char *index_of(unsigned serial, const char *version)
{
	_free_ char *body =
		xasprintf("kata-index 1\nserial %u\nwithdrawn %s it leaks\n", serial, version);
	char digest[SHA256_HEX + 1];

	sha256_bytes(body, strlen(body), digest);
	return xasprintf("%sdigest %s\n", body, digest);
}

/* What is withdrawn where the mirror's index is TEXT, and what is known then; signed, or not. */
static void follow(const char *root, const char *text, const char *pin, bool is_signed,
		   char **ret_withdrawn, char **ret_known)
{
	const struct options o = { .root = root };
	_free_ char *path = path_join(root, "kata-index");
	_machine_ struct machine k = { 0 };
	_strv_ strv all = NULL;
	struct error e;

	assert_int_equal(machine_open(&o, &k, &e), 0);
	assert_int_equal(catalog_parse(text, strlen(text), "index", &k.catalog, &e), 0);
	str_set(&k.index, is_signed ? text : NULL);
	str_set(&k.pin, pin);
	all = trust_withdrawn(&k);
	*ret_withdrawn = strv_join(all, ",");
	known_keep(&k);
	assert_int_equal(file_read(path, KIB, ret_known, NULL, &e), 0);
}

static void test_older_index_takes_nothing_back(void **state)
{
	static const struct {
		const char *name, *pin;
		unsigned serial;
		bool is_signed, is_kept;
		const char *withdrawn;
	} cases[] = {
		{ "older", NULL, 4, true, false, "2.0=it leaks,1.0=it leaks" },
		{ "the same", NULL, 5, true, true, "2.0=it leaks" },
		{ "newer", NULL, 6, true, true, "2.0=it leaks" },
		{ "of nobody", NULL, 6, false, false, "2.0=it leaks,1.0=it leaks" },
		{ "of another key", "key", 1, true, true, "2.0=it leaks,1.0=it leaks" },
	};
	_free_ char *before = index_of(5, "1.0");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = index_of(cases[i].serial, "2.0");
		_free_ char *withdrawn = NULL, *known = NULL;

		folder_put(*state, "kata-index", before);
		follow(*state, text, cases[i].pin, cases[i].is_signed, &withdrawn, &known);
		if (strcmp(withdrawn, cases[i].withdrawn) != 0 ||
		    strcmp(known, cases[i].is_kept ? text : before) != 0)
			fail_msg("%s: withdrawn are '%s', known is:\n%s", cases[i].name, withdrawn,
				 known);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_without_a_key_nothing_is_taken),
		TEST(test_key_is_a_text_or_a_file_or_a_variable),
		TEST(test_pinned_key_counts_without_being_given),
		TEST(test_parts_of_packages_need_a_signature_where_a_key_is_pinned),
		TEST(test_withdrawn_version_takes_a_flag),
		TEST(test_what_a_mirror_withdrew_is_remembered),
		TEST(test_older_index_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
