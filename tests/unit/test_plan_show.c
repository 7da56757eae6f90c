/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plan_show - a plan is told in full, and to programs under names that stay.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "lib/host/plan-show.h"

static const struct step cri = { .name = "cri", .purpose = "configure the container runtime" };
static const struct step ready = { .name = "ready", .purpose = "label the node" };
static const struct step canary = { .name = "canary", .purpose = "boot a sandbox" };

static void make(struct assessment *a)
{
	*a = (struct assessment){ .n_changes = 3 };
	a->changes = xcalloc(3, sizeof(*a->changes));
	a->changes[0].step = &cri;
	a->changes[1].step = &ready;
	a->changes[2].step = &canary;
}

static char *told(const struct assessment *a, const struct plan_subject *subject,
		  enum plan_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	plan_show(a, subject, format, out);
	(void)fclose(out);
	return text;
}

static void test_text_has_diffs_values_and_the_restart(void **state)
{
	const struct plan_subject subject = { .program = "p", .is_after_interrupt = true };
	_assessment_ struct assessment a = { 0 };
	_free_ char *text = NULL;

	(void)state;
	make(&a);
	change_add_values(&a.changes[0], EFFECT_FILE, "/etc/c.toml", "a\n", "b\n", "it is old");
	change_add(&a.changes[0], EFFECT_RESTART, "containerd", "its configuration changes");
	change_add_values(&a.changes[1], EFFECT_LABEL, "l", NULL, "true", "it answered");
	text = told(&a, &subject, PLAN_TEXT);
	assert_string_equal(text,
			    "journal: an interrupted run is undone before all this\n"
			    "cri: file: /etc/c.toml: it is old\n"
			    "--- /etc/c.toml\n+++ /etc/c.toml\n@@ -1 +1 @@\n-a\n+b\n"
			    "cri: restart: containerd: its configuration changes\n"
			    "ready: label: l: none -> true: it answered\n"
			    "restart: yes: containerd: its configuration changes\n");
}

static void test_nothing_to_do_says_so_and_that_nothing_restarts(void **state)
{
	const struct plan_subject subject = { .program = "p" };
	_assessment_ struct assessment a = { 0 };
	_free_ char *text = NULL;

	(void)state;
	make(&a);
	text = told(&a, &subject, PLAN_TEXT);
	assert_string_equal(text,
			    "nothing to do\nrestart: no: nothing changes that the container "
			    "runtime has read\n");
	assert_false(plan_has_changes(&a, &subject));
}

/* What is only asked or tried leaves nothing behind. */
static void test_probe_is_no_change_but_a_journal_is(void **state)
{
	struct plan_subject subject = { .program = "p" };
	_assessment_ struct assessment a = { 0 };

	(void)state;
	make(&a);
	change_add(&a.changes[2], EFFECT_PROBE, "kata-qemu", "it has to answer");
	assert_false(plan_has_changes(&a, &subject));
	subject.is_after_interrupt = true;
	assert_true(plan_has_changes(&a, &subject));
	subject.is_after_interrupt = false;
	change_add(&a.changes[1], EFFECT_LABEL, "l", "it answered");
	assert_true(plan_has_changes(&a, &subject));
}

static void test_json_has_every_effect(void **state)
{
	const struct plan_subject subject = {
		.program = "p", .action = "apply", .node = "n1", .version = "5.0.0-abc"
	};
	_assessment_ struct assessment a = { 0 };
	_json_ struct json_object *object = NULL;
	_free_ char *text = NULL;
	struct json_object *step, *effect;
	struct error e;

	(void)state;
	make(&a);
	change_add_values(&a.changes[0], EFFECT_FILE, "/c", NULL, "password = \"hunter2\"\n", "w");
	change_add_values(&a.changes[1], EFFECT_LABEL, "l", "true", NULL, "gone");
	text = told(&a, &subject, PLAN_JSON);
	assert_int_equal(json_parse(text, strlen(text), "plan", &object, &e), 0);
	assert_string_equal(json_get_str(object, "kind"), "Plan");
	assert_string_equal(json_get_str(object, "node"), "n1");
	assert_string_equal(json_get_str(object, "version"), "5.0.0-abc");
	assert_true(json_get_bool(object, "changes", false));
	assert_false(json_get_bool(object, "restart.needed", true));
	assert_int_equal(json_len(json_at(object, "steps")), 2);
	step = json_item(json_at(object, "steps"), 0);
	effect = json_item(json_at(step, "effects"), 0);
	assert_string_equal(json_get_str(step, "step"), "cri");
	assert_string_equal(json_get_str(effect, "diff"),
			    "--- /dev/null\n+++ /c\n@@ -0,0 +1 @@\n+password = ...\n");
	assert_true(json_get_bool(effect, "sandboxesNotice", false));
	effect = json_item(json_at(json_item(json_at(object, "steps"), 1), "effects"), 0);
	assert_string_equal(json_get_str(effect, "before"), "true");
	assert_null(json_get_str(effect, "after"));
	assert_false(json_get_bool(effect, "sandboxesNotice", true));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_has_diffs_values_and_the_restart),
		cmocka_unit_test(test_nothing_to_do_says_so_and_that_nothing_restarts),
		cmocka_unit_test(test_probe_is_no_change_but_a_journal_is),
		cmocka_unit_test(test_json_has_every_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
