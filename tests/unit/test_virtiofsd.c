/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_virtiofsd - the command line of virtiofsd, ours and the administrator's.
 */

#include "tests/unit/unit.h"

#include "runtime/vmm/virtiofsd.h"

static strv command(char *const *extra)
{
	const struct virtiofsd_params params = {
		.program = "/x/virtiofsd",
		.share_dir = "/shared",
		.cache = "auto",
		.extra_args = extra,
	};

	return virtiofsd_command(&params, 3);
}

static unsigned count(char *const *args, const char *prefix)
{
	unsigned n = 0;

	for (; args && *args; args++)
		n += str_starts(*args, prefix) ? 1 : 0;
	return n;
}

static void test_command_names_socket_folder_and_cache(void **state)
{
	_strv_ strv args = command(NULL);

	(void)state;
	assert_string_equal(args[0], "/x/virtiofsd");
	assert_true(strv_contains(args, "--fd=3"));
	assert_true(strv_contains(args, "--shared-dir=/shared"));
	assert_true(strv_contains(args, "--cache=auto"));
}

static void test_command_for_private_files_lets_the_guest_hold_writes_back(void **state)
{
	const struct virtiofsd_params params = {
		.program = "/x/virtiofsd",
		.share_dir = "/private",
		.cache = "always",
		.holds_writes_back = true,
	};
	_strv_ strv private = virtiofsd_command(&params, 3);
	_strv_ strv shared = command(NULL);

	(void)state;
	assert_true(strv_contains(private, "--writeback"));
	assert_false(strv_contains(shared, "--writeback"));
}

static void test_command_has_attributes_and_acls(void **state)
{
	_strv_ strv args = command(NULL);

	(void)state;
	assert_int_equal(count(args, "--xattrmap="), 1);
	assert_true(strv_contains(args, "--posix-acl=auto"));
	assert_true(strv_contains(args, "--killpriv-v2"));
}

static void test_command_with_an_argument_of_the_administrator_lets_it_win(void **state)
{
	static const struct {
		const char *theirs;
		const char *ours;
		unsigned left; /* of that name, theirs included */
	} cases[] = {
		{ "--posix-acl=never", "--posix-acl", 1 },
		{ "--posix-acl", "--posix-acl", 1 },
		{ "--xattrmap=:map::user.v.:", "--xattrmap", 1 },
		{ "--cache=always", "--cache", 1 },
		{ "--translate-uid=map:0:1:2", "--posix-acl", 0 },
		{ "--translate-gid", "--posix-acl", 0 },
		{ "--no-killpriv-v2", "--killpriv-v2", 0 },
		/* Another name that begins alike. */
		{ "--xattr", "--xattrmap", 1 },
		{ "--posix-acl-of-tomorrow", "--posix-acl=", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_strv_ strv extra = NULL;
		_strv_ strv args = NULL;

		strv_add(&extra, cases[i].theirs);
		args = command(extra);
		assert_true(strv_contains(args, cases[i].theirs));
		assert_int_equal(count(args, cases[i].ours), cases[i].left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_names_socket_folder_and_cache),
		cmocka_unit_test(test_command_has_attributes_and_acls),
		cmocka_unit_test(test_command_for_private_files_lets_the_guest_hold_writes_back),
		cmocka_unit_test(test_command_with_an_argument_of_the_administrator_lets_it_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
