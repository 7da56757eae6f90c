/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_link - the link in the PATH is ours or is left alone.
 */
#include "tests/unit/folder.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/shim-link.h"

#define SHIM "/opt/kata/bin/containerd-shim-kata-v2"

static int try_plan(const char *dir, enum presence presence, struct edit *edit, struct error *e)
{
	return shim_link_plan(dir, SHIM, presence, edit, e);
}

static void assert_leads_to(const char *dir, const char *wanted)
{
	_free_ char *path = path_join(dir, "containerd-shim-kata-v2");
	char target[PATH_MAX] = "";

	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, wanted);
}

static void put_link(const char *dir, const char *target)
{
	_free_ char *path = path_join(dir, "containerd-shim-kata-v2");
	struct error e;

	if (link_replace(path, target, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_file_of_somebody_else_is_refused_and_does_not_hinder_a_removal(void **state)
{
	_edit_ struct edit edit = { 0 };
	struct error e;

	folder_put(*state, "containerd-shim-kata-v2", "#!/bin/sh\n");
	assert_int_equal(try_plan(*state, HANDLERS_PRESENT, &edit, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "containerd-shim-kata-v2"));
	assert_int_equal(try_plan(*state, HANDLERS_ABSENT, &edit, &e), 0);
	assert_false(edit_is_needed(&edit));
}

static void test_link_of_somebody_else_is_refused_and_stays(void **state)
{
	_edit_ struct edit edit = { 0 };
	_edit_ struct edit removal = { 0 };
	struct error e;

	put_link(*state, "/usr/bin/theirs");
	assert_int_equal(try_plan(*state, HANDLERS_PRESENT, &edit, &e), -EEXIST);
	assert_non_null(strstr(e.msg, "/usr/bin/theirs"));
	assert_int_equal(try_plan(*state, HANDLERS_ABSENT, &removal, &e), 0);
	assert_false(edit_is_needed(&removal));
}

static void test_undo_leaves_what_somebody_else_put_there_since(void **state)
{
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	assert_int_equal(try_plan(*state, HANDLERS_PRESENT, &edit, &e), 0);
	edit_save(&edit, data);
	assert_int_equal(edit_apply(&edit, &e), 0);
	assert_leads_to(*state, SHIM);
	put_link(*state, "/usr/bin/theirs");
	assert_int_equal(edit_restore(data, shim_link_merge, NULL, &e), 0);
	assert_leads_to(*state, "/usr/bin/theirs");
}

static void test_undo_leaves_a_file_that_somebody_else_put_there_since(void **state)
{
	_free_ char *path = path_join(*state, "containerd-shim-kata-v2");
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	_free_ char *text = NULL;
	struct error e;

	assert_int_equal(try_plan(*state, HANDLERS_PRESENT, &edit, &e), 0);
	edit_save(&edit, data);
	assert_int_equal(edit_apply(&edit, &e), 0);
	assert_return_code(unlink(path), errno);
	folder_put(*state, "containerd-shim-kata-v2", "#!/bin/sh\n");
	assert_int_equal(edit_restore(data, shim_link_merge, NULL, &e), 0);
	assert_int_equal(file_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "#!/bin/sh\n");
}

static void test_link_that_somebody_else_put_there_meanwhile_is_not_overwritten(void **state)
{
	_edit_ struct edit edit = { 0 };
	struct error e;

	assert_int_equal(try_plan(*state, HANDLERS_PRESENT, &edit, &e), 0);
	put_link(*state, "/usr/bin/theirs");
	assert_int_equal(edit_apply(&edit, &e), -EAGAIN);
	assert_leads_to(*state, "/usr/bin/theirs");
}

#define T(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_file_of_somebody_else_is_refused_and_does_not_hinder_a_removal),
		T(test_link_of_somebody_else_is_refused_and_stays),
		T(test_undo_leaves_what_somebody_else_put_there_since),
		T(test_undo_leaves_a_file_that_somebody_else_put_there_since),
		T(test_link_that_somebody_else_put_there_meanwhile_is_not_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
