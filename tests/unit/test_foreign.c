/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_foreign - which sandboxes are of upstream's shims.
 */

#include "tests/unit/folder.h"

#include "lib/foreign.h"

static void fill(const char *run)
{
	folder_put(run, "vc/sbs/ours/state.json", "{}");
	folder_put(run, "vc/sbs/go/persist.json", "{}");
	folder_put(run, "vc/sbs/go/member/persist.json", "{}");
	folder_put(run, "kata/rust/state.json", "{}");
	/* An id that was upstream's once: what we noted of it counts. */
	folder_put(run, "vc/sbs/both/persist.json", "{}");
	folder_put(run, "vc/sbs/both/state.json", "{}");
	folder_put(run, "kata/both/state.json", "{}");
	folder_put(run, "vc/sbs/starting/shim.sock", "");
	folder_put(run, "kata/half/shim-monitor.sock", "");
}

static void test_a_sandbox_is_of_the_shim_that_keeps_its_state(void **state)
{
	const char *run = *state;

	fill(run);
	assert_int_equal(foreign_kind(run, "go"), FOREIGN_GO);
	assert_int_equal(foreign_kind(run, "rust"), FOREIGN_RUST);
	assert_int_equal(foreign_kind(run, "ours"), FOREIGN_NONE);
	assert_int_equal(foreign_kind(run, "both"), FOREIGN_NONE);
	assert_int_equal(foreign_kind(run, "starting"), FOREIGN_NONE);
	assert_int_equal(foreign_kind(run, "half"), FOREIGN_NONE);
	assert_int_equal(foreign_kind(run, "gone"), FOREIGN_NONE);
	assert_null(foreign_program(FOREIGN_NONE));
	assert_string_equal(foreign_program(FOREIGN_GO), "bin/containerd-shim-kata-v2");
	assert_string_equal(foreign_program(FOREIGN_RUST),
			    "runtime-rs/bin/containerd-shim-kata-v2");
}

static void test_those_of_both_shims_are_listed(void **state)
{
	const char *run = *state;
	_strv_ strv ids = NULL;
	struct error e;

	assert_int_equal(foreign_list(run, &ids, &e), 0);
	assert_null(ids);
	fill(run);
	assert_int_equal(foreign_list(run, &ids, &e), 0);
	assert_int_equal(strv_len(ids), 2);
	assert_true(strv_contains(ids, "go"));
	assert_true(strv_contains(ids, "rust"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_sandbox_is_of_the_shim_that_keeps_its_state,
						folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_those_of_both_shims_are_listed, folder_setup,
						folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
