/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_node - when the Node object says what it should, and when it has to be told.
 */

#include "tests/unit/owner.h"
#include "tests/unit/unit.h"

#include <string.h>

#include "deploy/install.h"
#include "deploy/node.h"

#define LABELS                                         \
	"\"labels\":{"                                 \
	"\"katacontainers.io/kata-runtime\":\"true\"," \
	"\"kata-deploy.katacontainers.io/default\":\"true\"}"
#define PROOF(name) "\"annotations\":{\"kata-deploy.katacontainers.io/default\":\"" name "\"}"
#define CONDITIONS(status)                                                      \
	"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}," \
	"{\"type\":\"KataReady\",\"status\":\"" status "\"}]}"

extern const struct step step_claim;

static void read_node(const char *text, struct facts *f)
{
	struct error e;

	assert_int_equal(json_parse(text, strlen(text), "node", &f->node, &e), 0);
}

static void test_ready_is_needed_until_the_node_says_all_of_it(void **state)
{
	static const struct {
		const char *node;
		bool is_needed;
	} cases[] = {
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}," CONDITIONS("True") "}", false },
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}," CONDITIONS("False") "}", true },
		{ "{\"metadata\":{" LABELS "," PROOF("p") "}}", true },
		{ "{\"metadata\":{" LABELS "," PROOF("old") "}," CONDITIONS("True") "}", true },
		{ "{\"metadata\":{" PROOF("p") "}," CONDITIONS("True") "}", true },
	};
	static char none[] = "", proof[] = "p";
	const struct settings settings = { .suffix = none, .owner = test_owner };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts f = { .settings = &settings, .proof = proof };
		bool is_ready;

		read_node(cases[i].node, &f);
		is_ready = node_is_ready(&f);
		json_putp(&f.node);
		if (is_ready == cases[i].is_needed)
			fail_msg("case %zu", i);
	}
}

static void test_claim_brings_back_no_promise_that_the_runtime_breaks(void **state)
{
	static const char promised[] = "{\"metadata\":{" LABELS "," PROOF("p") "}}";
	static const char bare[] = "{\"metadata\":{}}";
	static const char beside[] =
		"{\"metadata\":{\"labels\":{"
		"\"katacontainers.io/kata-runtime\":\"true\","
		"\"kata-deploy.katacontainers.io/blue\":\"true\"}}}";
	static const struct {
		const char *node;
		bool is_unserved;
		const char *label;
		const char *proof;
	} cases[] = {
		{ promised, false, "true", "p" },
		{ promised, true, "false", NULL },
		{ bare, true, NULL, NULL },
		{ beside, false, NULL, NULL },
	};
	static char none[] = "", root[] = "/nonexistent";
	const struct settings settings = { .suffix = none, .owner = test_owner };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ struct json_object *data = json_object_new_object();
		struct facts f = { .settings = &settings, .root = root };
		struct install in = { .facts = &f };
		struct error e;

		f.no_status.code = cases[i].is_unserved ? ENOSYS : EIO;
		read_node(cases[i].node, &f);
		assert_int_equal(step_claim.save(&in, NULL, data, &e), 0);
		json_putp(&f.node);
		assert_true(str_equal(json_get_str(data, "shared"), cases[i].label));
		assert_true(str_equal(json_get_str(data, "instance"), cases[i].label));
		assert_true(str_equal(json_get_str(data, "proof"), cases[i].proof));
	}
}

/* The other's RuntimeClasses select both labels: one that is false for a moment stops its pods. */
static void test_claim_leaves_the_label_that_another_installation_needs(void **state)
{
	static const struct {
		const char *labels;
		const char *shared;
	} cases[] = {
		{ LABELS, "false" },
		{ "\"labels\":{\"kata-deploy.katacontainers.io/blue\":\"true\"}", "true" },
		{ "\"labels\":{\"kata-deploy.katacontainers.io/blue\":\"false\"}", "false" },
	};
	const struct settings settings = { .owner = test_owner };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *node = xasprintf("{\"metadata\":{%s}}", cases[i].labels);
		struct facts f = { .settings = &settings };
		struct node_marks marks;

		read_node(node, &f);
		marks = node_marks_untrue(&f);
		assert_string_equal(marks.shared, cases[i].shared);
		assert_string_equal(marks.instance, "false");
		json_putp(&f.node);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_is_needed_until_the_node_says_all_of_it),
		cmocka_unit_test(test_claim_leaves_the_label_that_another_installation_needs),
		cmocka_unit_test(test_claim_brings_back_no_promise_that_the_runtime_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
