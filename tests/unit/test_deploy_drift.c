/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_deploy_drift - what somebody else has changed is repaired, or told and left.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include "deploy/drift.h"
#include "deploy/run.h"
#include "tests/unit/fake-api.h"

#define TOLD(reason, text)                                                                  \
	{                                                                                   \
		{ "POST /apis/events.k8s.io/v1/namespaces/default/events?", reason, text }, \
			"201 Created", "{}", FAKE_KEEP, NULL                                \
	}
#define PROVEN                                                                 \
	"{\"metadata\":{\"uid\":\"u\",\"annotations\":{"                       \
	"\"kata-deploy.katacontainers.io/default\":\"p\"},\"managedFields\":[" \
	"{\"manager\":\"kata-deploy\",\"time\":\"2026-01-03T00:00:00Z\"},"     \
	"{\"manager\":\"kubelet\",\"time\":\"2026-01-04T00:00:00Z\","          \
	"\"subresource\":\"status\"},"                                         \
	"{\"manager\":\"kubectl-label\",\"time\":\"2026-01-02T00:00:00Z\"},"   \
	"{\"manager\":\"older\",\"time\":\"2026-01-01T00:00:00Z\"}]}}"

static const struct step step_of_files = { .name = "files" };

struct world {
	char *dir;
	struct fake_api api;
	struct settings settings;
	struct facts facts;
	struct install in;
	struct change change;
	struct assessment assessment;
};

static void start(struct world *w, const char *node, const struct fake_turn *turns, size_t n)
{
	static char name[] = "n1", proof[] = "p", repair[] = DRIFT_REPAIR;
	struct error e;

	*w = (struct world){ .dir = folder_new(),
			     .settings = {
				     .node_name = name, .drift = repair, .owner = test_owner } };
	assert_true(fake_start(&w->api, turns, n, NULL));
	fake_kubeconfig(&w->api, w->dir);
	w->facts = (struct facts){ .settings = &w->settings, .root = w->dir, .proof = proof };
	assert_int_equal(json_parse(node, strlen(node), "node", &w->facts.node, &e), 0);
	if (install_open(&w->facts, NULL, &w->in, &e) < 0)
		fail_msg("%s", e.msg);
	w->change.step = &step_of_files;
	w->assessment = (struct assessment){ .changes = &w->change, .n_changes = 1 };
}

static void stop(struct world *w)
{
	const char *fault;

	install_done(&w->in);
	json_putp(&w->facts.node);
	fault = fake_stop(&w->api);
	if (fault)
		fail_msg("%s", fault);
	w->assessment.changes = xcalloc(1, sizeof(w->change));
	w->assessment.changes[0] = w->change;
	assessment_done(&w->assessment);
	folder_remove(w->dir);
}

static int judge(struct world *w, struct error *e)
{
	_strv_ strv things = NULL;
	int r = drift_judge(&w->in, &w->assessment, &things, e);

	if (r == 0 && things)
		drift_repaired(&w->in, things);
	return r < 0 ? r : (int)strv_len(things);
}

static void test_new_settings_are_no_drift(void **state)
{
	static const char other[] =
		"{\"metadata\":{\"annotations\":{\"kata-deploy.katacontainers.io/default\":"
		"\"old\"}}}";
	struct world w;
	struct error e;

	(void)state;
	start(&w, other, NULL, 0);
	change_add(&w.change, EFFECT_FILE, "/etc/a", "why");
	assert_int_equal(judge(&w, &e), 0);
	stop(&w);
}

static void test_nothing_to_do_is_no_drift(void **state)
{
	struct world w;
	struct error e;

	(void)state;
	start(&w, PROVEN, NULL, 0);
	assert_int_equal(judge(&w, &e), 0);
	stop(&w);
}

static void test_third_repair_is_another_writer(void **state)
{
	static const struct fake_turn turns[] = {
		TOLD("KataDriftRepaired", "somebody had changed '/nonexistent/a'"),
		TOLD("KataDriftRepaired", "somebody had changed '/nonexistent/a'"),
		TOLD("KataDriftContested", "'/nonexistent/a' (it is gone); it stays so"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, PROVEN, turns, ARRAY_SIZE(turns));
	change_add(&w.change, EFFECT_FILE, "/nonexistent/a", "why");
	assert_int_equal(judge(&w, &e), 1);
	assert_int_equal(judge(&w, &e), 1);
	assert_int_equal(judge(&w, &e), -RUN_CONTESTED);
	drift_forget(&w.facts);
	stop(&w);
}

/* Who may have done it is the youngest manager of the Node that is not ourselves. */
static void test_report_leaves_and_names_who_it_may_have_been(void **state)
{
	static char report[] = DRIFT_REPORT;
	static const struct fake_turn turns[] = {
		TOLD("\"KataDrift\"", "'a-label' (the Node was last changed by 'kubectl-label')"),
	};
	struct world w;
	struct error e;

	(void)state;
	start(&w, PROVEN, turns, ARRAY_SIZE(turns));
	w.settings.drift = report;
	change_add(&w.change, EFFECT_LABEL, "a-label", "why");
	assert_int_equal(judge(&w, &e), -RUN_DRIFT);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_settings_are_no_drift),
		cmocka_unit_test(test_nothing_to_do_is_no_drift),
		cmocka_unit_test(test_third_repair_is_another_writer),
		cmocka_unit_test(test_report_leaves_and_names_who_it_may_have_been),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
