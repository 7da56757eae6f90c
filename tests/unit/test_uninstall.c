/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_uninstall - the end of a whole installation: the DaemonSet first, and nothing is said to be
 * done before Kubernetes has forgotten it.
 */
#include "tests/unit/unit.h"

#include "deploy/uninstall.h"
#include "tests/unit/fake-api.h"
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#define DAEMONSET "/apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy"
#define DELETE    "DELETE " DAEMONSET "?propagationPolicy=Foreground HTTP/1.1"
#define GET       "GET " DAEMONSET " HTTP/1.1"
#define GOING \
	"{\"metadata\":{\"deletionTimestamp\":\"x\"},\"status\":{\"currentNumberScheduled\":2}}"

static int uninstall(const char *folder, const struct fake_turn *turns, size_t n,
		     const char **ret_fault, struct error *e)
{
	const struct settings s = { .namespace = (char[]){ "kata-system" },
				    .daemonset_name = (char[]){ "kata-deploy" },
				    .owner = test_owner };
	static struct fake_api api;
	int r;

	assert_true(fake_start(&api, turns, n, NULL));
	fake_kubeconfig(&api, folder);
	r = run_uninstall(&s, NULL, e);
	*ret_fault = fake_stop(&api);
	return r;
}

static void test_uninstall_waits_until_the_daemonset_is_gone(void **state)
{
	static const struct fake_turn turns[] = {
		{ { DELETE }, "200 OK", GOING, FAKE_KEEP, NULL },
		{ { GET }, "200 OK", GOING, FAKE_KEEP, NULL },
		{ { GET }, "404 Not Found", "{\"reason\":\"NotFound\"}", FAKE_KEEP, NULL },
	};
	const char *fault;
	struct error e;

	assert_int_equal(uninstall(*state, turns, ARRAY_SIZE(turns), &fault, &e), 0);
	assert_null(fault);
}

static void test_uninstall_without_a_right_fails_by_name(void **state)
{
	static const struct fake_turn turns[] = {
		{ { DELETE }, "403 Forbidden", "{\"message\":\"no right\"}", FAKE_KEEP, NULL },
	};
	const char *fault;
	struct error e;

	assert_int_equal(uninstall(*state, turns, ARRAY_SIZE(turns), &fault, &e), -EACCES);
	assert_null(fault);
	assert_non_null(strstr(e.msg, "kata-deploy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_uninstall_waits_until_the_daemonset_is_gone,
						folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_uninstall_without_a_right_fails_by_name,
						folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
