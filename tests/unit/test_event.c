/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_event - which messages about a node are the same Event.
 */

#include "tests/unit/owner.h"
#include "tests/unit/unit.h"

#include "lib/kube/event.h"

static void test_failure_that_differs_in_numbers_is_one_event(void **state)
{
	static const struct {
		enum kube_event_type type;
		const char *note;
		bool is_first; /* the one the others are compared with */
		bool is_same;
	} cases[] = {
		{ KUBE_EVENT_WARNING, "canary-1f0a: after 12 ms, pid 77: 'no such \xff'", true,
		  true },
		{ KUBE_EVENT_WARNING, "canary-99cc: after 3456 ms, pid 8: 'no such \xff'", false,
		  true },
		{ KUBE_EVENT_WARNING, "canary-99cc: after 3456 ms, pid 8: 'no such y'", false,
		  false },
		{ KUBE_EVENT_NORMAL, "version 1", true, true },
		{ KUBE_EVENT_NORMAL, "version 2", false, false },
	};
	_free_ char *first = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct kube_event event = { .node = "n1",
						  .node_uid = "u",
						  .type = cases[i].type,
						  .reason = "R",
						  .action = "A",
						  .note = cases[i].note };
		_free_ char *name = kube_event_name(&test_owner, &event);

		if (cases[i].is_first)
			str_set(&first, name);
		if (str_equal(first, name) != cases[i].is_same)
			fail_msg("'%s'", cases[i].note);
	}
}

/* The name that each version of this program gives it. */
static void test_what_is_said_once_has_one_name_for_ever(void **state)
{
	const struct kube_event event = { .node = "n1",
					  .pod_namespace = "shop",
					  .pod_name = "cart",
					  .pod_uid = "u",
					  .type = KUBE_EVENT_WARNING,
					  .reason = "R",
					  .note = "whatever",
					  .once = "version box" };
	const struct owner owner = { .name = (char *)(uintptr_t) "kata-deploy" };
	_free_ char *name = kube_event_name(&owner, &event);

	(void)state;
	assert_string_equal(name, "cart.e2b188420f667e05");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure_that_differs_in_numbers_is_one_event),
		cmocka_unit_test(test_what_is_said_once_has_one_name_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
