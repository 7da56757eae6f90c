/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vmm_user - the user ids of VMs.
 *
 * Every test has a folder of locks and a file of users of its own.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "lib/file.h"
#include "runtime/vmm/user.h"

#define FIRST   2000000000U
#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

static int take(const char *folder, uid_t count, const char *name, struct vmm_user *ret,
		struct error *e)
{
	_free_ char *locks = path_join(folder, "uids"), *passwd = path_join(folder, "passwd");

	return vmm_user_take(locks, passwd, FIRST, count, name, ret, e);
}

static void test_no_two_vms_have_one_user(void **state)
{
	struct vmm_user users[8];
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		assert_int_equal(take(*state, ARRAY_SIZE(users), "same", &users[i], &e), 0);
		assert_in_range(users[i].uid, FIRST, FIRST + ARRAY_SIZE(users) - 1);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(users[i].uid, users[k].uid);
	}
	for (size_t i = 0; i < ARRAY_SIZE(users); i++)
		vmm_user_release(&users[i]);
}

static void test_a_user_that_is_free_is_given_again(void **state)
{
	_free_ char *lock = NULL;
	struct vmm_user user;
	struct error e;
	uid_t uid;

	assert_int_equal(take(*state, 1000, "box", &user, &e), 0);
	uid = user.uid;
	lock = xstrdup(user.lock);
	vmm_user_release(&user);
	vmm_user_release(&user);
	assert_int_equal(access(lock, F_OK), -1);
	/* As a shim that was killed leaves it. */
	folder_put(*state, strstr(lock, "uids/"), "");
	assert_int_equal(take(*state, 1000, "box", &user, &e), 0);
	assert_int_equal(user.uid, uid);
	vmm_user_release(&user);
}

static void test_the_user_of_somebody_is_not_given(void **state)
{
	struct vmm_user user;
	struct error e;

	folder_put(*state, "passwd",
		   "root:x:0:0::/root:/bin/sh\n"
		   "one:x:2000000000:1::/:/bin/sh\n"
		   "two:x:2000000002:1::/:/bin/sh\n");
	for (int i = 0; i < 5; i++) {
		_free_ char *name = xasprintf("box%d", i);

		assert_int_equal(take(*state, 3, name, &user, &e), 0);
		assert_int_equal(user.uid, FIRST + 1);
		vmm_user_release(&user);
	}
}

static void test_when_all_users_are_taken_it_says_so(void **state)
{
	struct vmm_user first, second;
	struct error e;

	assert_int_equal(take(*state, 1, "a", &first, &e), 0);
	assert_int_equal(take(*state, 1, "b", &second, &e), -EUSERS);
	assert_string_equal(e.msg, "each of the 1 user ids from 2000000000 on has a VM or a user");
	vmm_user_release(&first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_two_vms_have_one_user),
		TEST(test_a_user_that_is_free_is_given_again),
		TEST(test_the_user_of_somebody_is_not_given),
		TEST(test_when_all_users_are_taken_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
