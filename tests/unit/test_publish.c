/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_publish - what the cluster is told of stale sandboxes, and that it is told once.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include "deploy/install.h"
#include "deploy/stale.h"
#include "lib/host/flavour.h"
#include "lib/host/stale-list.h"
#include "tests/unit/fake-api.h"

#define COUNT "katacontainers.io/stale-sandboxes"
#define NODE(count)                                                                            \
	{                                                                                      \
		{ "GET /api/v1/nodes/n1 " }, "200 OK",                                         \
			"{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"" COUNT "\":\"" count \
			"\"}}}",                                                               \
			FAKE_KEEP, NULL                                                        \
	}
#define COUNTED(count)                                                                        \
	{                                                                                     \
		{ "PATCH /api/v1/nodes/n1?", "\"" COUNT "\":\"" count "\"" }, "200 OK", "{}", \
			FAKE_KEEP, NULL                                                       \
	}
#define TOLD(namespace, ...)                                                                     \
	{                                                                                        \
		{ "POST /apis/events.k8s.io/v1/namespaces/" namespace "/events?", __VA_ARGS__ }, \
			"201 Created", "{}", FAKE_KEEP, NULL                                     \
	}

struct world {
	char *dir;
	struct fake_api api;
	struct settings settings;
	struct facts facts;
	struct flavour flavour;
	struct stale_list list;
};

static void start(struct world *w, const struct fake_turn *turns, size_t n)
{
	static char name[] = "n1", note[] = COUNT, current[] = "2";

	*w = (struct world){ .dir = folder_new(),
			     .settings = {
				     .node_name = name, .stale_note = note, .owner = test_owner } };
	assert_true(fake_start(&w->api, turns, n, NULL));
	fake_kubeconfig(&w->api, w->dir);
	w->facts = (struct facts){ .settings = &w->settings };
	w->facts.engine.flavour = &w->flavour;
	w->list.current = xstrdup(current);
}

static void stop(struct world *w)
{
	const char *fault = fake_stop(&w->api);

	if (fault)
		fail_msg("%s", fault);
	json_putp(&w->facts.node);
	stale_list_done(&w->list);
	folder_remove(w->dir);
}

static void add(struct world *w, const char *id, const char *namespace, const char *pod)
{
	struct stale_list *l = &w->list;
	struct stale_sandbox *s;

	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	s = &l->list[l->n++];
	*s = (struct stale_sandbox){ .runs = xstrdup("1") };
	record_init(&s->record, id);
	str_set(&s->record.pod_namespace, namespace);
	str_set(&s->record.pod_name, pod);
	str_set(&s->record.pod_uid, *pod ? "uid" : "");
	stale_add(&s->stale, STALE_VERSION, xstrdup("the node has 2"));
	stale_add(&s->stale, STALE_ASSETS, xstrdup("x is gone"));
}

static void publish(struct world *w, struct json_object *told)
{
	struct error e;

	if (stale_publish(&w->facts, &w->list, told, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

static void test_pod_and_node_are_told_of_each_cause(void **state)
{
	static const struct fake_turn turns[] = {
		NODE("0"),
		COUNTED("2"),
		TOLD("shop", "\"kind\":\"Pod\"", "\"name\":\"cart\"",
		     "its sandbox is stale: version: the node has 2"),
		TOLD("shop", "\"kind\":\"Pod\"", "its sandbox is stale: assets: x is gone"),
		/* What no pod has. */
		TOLD("default", "\"kind\":\"Node\"",
		     "sandbox bare is stale: version: the node has 2"),
		TOLD("default", "\"kind\":\"Node\"", "sandbox bare is stale: assets: x is gone"),
	};
	struct world w;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	add(&w, "box", "shop", "cart");
	add(&w, "bare", "", "");
	publish(&w, NULL);
	stop(&w);
}

static void test_what_was_told_is_not_told_again(void **state)
{
	static const char told[] =
		"{\"sandboxes\":[{\"id\":\"box\",\"causes\":["
		"{\"cause\":\"version\"}]}]}";
	static const struct fake_turn turns[] = {
		NODE("1"),
		TOLD("shop", "its sandbox is stale: assets: x is gone"),
	};
	_json_ struct json_object *before = NULL;
	struct world w;
	struct error e;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	assert_int_equal(json_parse(told, strlen(told), "told", &before, &e), 0);
	add(&w, "box", "shop", "cart");
	publish(&w, before);
	stop(&w);
}

/* Made by the pod of kata-deploy that was here before: no count, no second one. */
static void test_event_that_is_there_is_left_alone(void **state)
{
	static const struct fake_turn turns[] = {
		NODE("1"),
		{ { "POST /apis/events.k8s.io/v1/namespaces/shop/events?" },
		  "409 Conflict",
		  "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}",
		  FAKE_KEEP,
		  NULL },
		TOLD("shop", "assets"),
	};
	struct world w;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	add(&w, "box", "shop", "cart");
	publish(&w, NULL);
	stop(&w);
}

/* Its pods may still have sandboxes, or records of some. */
static void test_namespace_that_has_gone_keeps_nobody_elses_event(void **state)
{
	static const struct fake_turn gone = {
		{ "POST /apis/events.k8s.io/v1/namespaces/gone/events?" },
		"404 Not Found",
		"{\"kind\":\"Status\",\"reason\":\"NotFound\"}",
		FAKE_KEEP,
		NULL
	};
	const struct fake_turn turns[] = {
		NODE("2"), gone, gone, TOLD("shop", "version"), TOLD("shop", "assets"),
	};
	struct world w;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	add(&w, "box", "gone", "cart");
	add(&w, "next", "shop", "cart");
	publish(&w, NULL);
	stop(&w);
}

/* A record says what it likes. */
static void test_pod_that_cannot_be_is_none(void **state)
{
	static const struct fake_turn turns[] = {
		NODE("1"),
		TOLD("default", "\"kind\":\"Node\"", "version"),
		TOLD("default", "\"kind\":\"Node\"", "assets"),
	};
	struct world w;

	(void)state;
	start(&w, turns, ARRAY_SIZE(turns));
	add(&w, "box", "shop/../kube-system", "cart");
	publish(&w, NULL);
	stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pod_and_node_are_told_of_each_cause),
		cmocka_unit_test(test_what_was_told_is_not_told_again),
		cmocka_unit_test(test_event_that_is_there_is_left_alone),
		cmocka_unit_test(test_namespace_that_has_gone_keeps_nobody_elses_event),
		cmocka_unit_test(test_pod_that_cannot_be_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
