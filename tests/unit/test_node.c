/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_node - when the Node object says what it should, and when it has to be told.
 */

#include "tests/unit/unit.h"

#include <string.h>

#include "deploy/install.h"

#define LABELS                                         \
	"\"labels\":{"                                 \
	"\"katacontainers.io/kata-runtime\":\"true\"," \
	"\"kata-deploy.katacontainers.io/default\":\"true\"}"
#define PROOF(name) "\"annotations\":{\"kata-deploy.katacontainers.io/default\":\"" name "\"}"
#define CONDITIONS(status)                                                      \
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}," \
	"{\"type\":\"KataReady\",\"status\":\"" status "\"}]}"

static void test_ready_is_needed_until_the_node_says_all_of_it(void **state)
{
	static const struct {
		const char *node;
		int needed;
	} cases[] = {
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}," CONDITIONS("True") "}", 0 },
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}," CONDITIONS("False") "}", 1 },
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}}", 1 },
		{ "{\"metadata\":{" LABELS "," PROOF("old") "}," CONDITIONS("True") "}", 1 },
		{ "{\"metadata\":{" PROOF("p") "}," CONDITIONS("True") "}", 1 },
	};
	static char none[] = "", proof[] = "p";
	const struct settings settings = { .suffix = none };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct install in = { .settings = &settings, .proof = proof };
		struct error e;
		int r;

		assert_int_equal(json_parse(cases[i].node, strlen(cases[i].node), "node",
					    &in.node_object, &e),
				 0);
		r = ready_check(&in, &e);
		json_putp(&in.node_object);
		if (r != cases[i].needed)
			fail_msg("case %zu: %d", i, r);
	}
}

static void test_claim_brings_back_no_promise_that_the_runtime_breaks(void **state)
{
	static const char promised[] = "{\"metadata\":{" LABELS "," PROOF("p") "}}";
	static const char bare[] = "{\"metadata\":{}}";
	static const struct {
		const char *node;
		bool is_unserved;
		const char *label;
		const char *proof;
	} cases[] = {
		{ promised, false, "true", "p" },
		{ promised, true, "false", NULL },
		{ bare, true, NULL, NULL },
	};
	static char none[] = "";
	const struct settings settings = { .suffix = none };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct install in = { .settings = &settings, .is_unserved = cases[i].is_unserved };
		_json_ struct json_object *data = json_object_new_object();
		struct error e;

		assert_int_equal(json_parse(cases[i].node, strlen(cases[i].node), "node",
					    &in.node_object, &e),
				 0);
		assert_int_equal(claim_save(&in, data, &e), 0);
		json_putp(&in.node_object);
		assert_true(str_equal(json_get_str(data, "shared"), cases[i].label));
		assert_true(str_equal(json_get_str(data, "instance"), cases[i].label));
		assert_true(str_equal(json_get_str(data, "proof"), cases[i].proof));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_is_needed_until_the_node_says_all_of_it),
		cmocka_unit_test(test_claim_brings_back_no_promise_that_the_runtime_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
