/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_live - which versions the records of sandboxes name, and what containerd still knows.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/rpc/proto/client.pb-c.h"

static void put_record(const char *dir, const char *id, const char *text)
{
	_free_ char *folder = path_join(dir, id);
	_free_ char *path = path_join(folder, "state.json");
	struct error e;

	assert_int_equal(dir_make(folder, 0700, &e), 0);
	if (text)
		assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void test_versions_of_records_are_listed(void **state)
{
	char *dir = folder_new();
	_strv_ strv versions = NULL;
	struct error e;

	(void)state;
	put_record(dir, "a", "{\"version_dir\":\"/opt/kata/versions/1\",\"id\":\"a\"}");
	put_record(dir, "b", "{\"version_dir\":\"/opt/kata/versions/2\"}");
	put_record(dir, "starting", NULL);
	assert_int_equal(live_versions(dir, NULL, &versions, &e), 0);
	assert_int_equal(strv_len(versions), 2);
	assert_true(strv_contains(versions, "/opt/kata/versions/1"));
	assert_true(strv_contains(versions, "/opt/kata/versions/2"));
	folder_remove(dir);
}

/* What another installation runs keeps no version of ours. */
static void test_versions_of_another_installation_are_not_listed(void **state)
{
	char *dir = folder_new();
	_free_ char *root = path_join(dir, "opt");
	_free_ char *ours = path_join(dir, "opt/versions/1");
	_free_ char *theirs = path_join(dir, "second/versions/1");
	_free_ char *records = path_join(dir, "sbs");
	_free_ char *a = xasprintf("{\"version_dir\":\"%s\"}", ours);
	_free_ char *b = xasprintf("{\"version_dir\":\"%s\"}", theirs);
	const struct scope scope = { .owner = &test_owner, .root = root };
	_strv_ strv versions = NULL;
	_strv_ strv elsewhere = NULL;
	struct error e;

	(void)state;
	assert_int_equal(dir_make(ours, 0755, &e), 0);
	assert_int_equal(dir_make(theirs, 0755, &e), 0);
	put_record(records, "a", a);
	put_record(records, "b", b);
	assert_int_equal(live_versions(records, &scope, &versions, &e), 0);
	assert_int_equal(strv_len(versions), 1);
	assert_string_equal(versions[0], ours);
	assert_int_equal(live_elsewhere(records, &scope, &elsewhere, &e), 0);
	assert_int_equal(strv_len(elsewhere), 1);
	assert_string_equal(elsewhere[0], "b");
	folder_remove(dir);
}

static void test_version_of_one_sandbox_is_its_records(void **state)
{
	char *dir = folder_new();
	_free_ char *version = NULL;
	struct error e;

	(void)state;
	put_record(dir, "a", "{\"version_dir\":\"/opt/kata/versions/1\"}");
	put_record(dir, "starting", NULL);
	assert_int_equal(live_version_of(dir, "a", &version, &e), 0);
	assert_string_equal(version, "/opt/kata/versions/1");
	assert_int_equal(live_version_of(dir, "starting", &version, &e), -ENOENT);
	assert_int_equal(live_version_of(dir, "b", &version, &e), -ENOENT);
	folder_remove(dir);
}

static void test_record_that_says_nothing_is_an_error(void **state)
{
	static const char *const texts[] = { "", "{", "{}", "{\"version_dir\":1}", "[]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *dir = folder_new();
		_strv_ strv versions = NULL;
		struct error e;

		put_record(dir, "a", texts[i]);
		assert_true(live_versions(dir, NULL, &versions, &e) < 0);
		folder_remove(dir);
	}
}

static void test_machine_without_records_has_no_versions(void **state)
{
	_strv_ strv versions = NULL;
	struct error e;

	(void)state;
	assert_int_equal(live_versions("/nonexistent", NULL, &versions, &e), 0);
	assert_null(versions);
}

/* A container of containerd's list; POD "" has no labels, as one that is no pod's. */
struct known {
	char id[16];
	char pod[16];
	bool has_task;
	Client__TaskStatus status;
};

#define KNOWN_MAX 4

static void add_known_of(struct live *l, const char *type, const struct known *known, size_t n)
{
	static char namespace_key[] = "io.kubernetes.pod.namespace", namespace[] = "default";
	static char pod_key[] = "io.kubernetes.pod.name";
	Client__ListContainersResponse containers = CLIENT__LIST_CONTAINERS_RESPONSE__INIT;
	Client__ListTasksResponse tasks = CLIENT__LIST_TASKS_RESPONSE__INIT;
	struct known copy[KNOWN_MAX];
	static char uid_key[] = "io.kubernetes.pod.uid";
	Client__Label labels[KNOWN_MAX][3], *label_refs[KNOWN_MAX][3];
	Client__Container c[KNOWN_MAX], *c_refs[KNOWN_MAX];
	_free_ char *name = xstrdup(type);
	Client__Runtime runtime = CLIENT__RUNTIME__INIT;
	Client__Task t[KNOWN_MAX], *t_refs[KNOWN_MAX];

	memcpy(copy, known, n * sizeof(*known));
	runtime.name = name;
	for (size_t i = 0; i < n; i++) {
		c[i] = (Client__Container)CLIENT__CONTAINER__INIT;
		c_refs[i] = &c[i];
		c[i].id = copy[i].id;
		c[i].runtime = &runtime;
		for (size_t k = 0; k < 3; k++) {
			labels[i][k] = (Client__Label)CLIENT__LABEL__INIT;
			label_refs[i][k] = &labels[i][k];
		}
		labels[i][0].key = namespace_key;
		labels[i][0].value = namespace;
		labels[i][1].key = pod_key;
		labels[i][1].value = copy[i].pod;
		labels[i][2].key = uid_key;
		labels[i][2].value = copy[i].pod;
		c[i].labels = label_refs[i];
		c[i].n_labels = copy[i].pod[0] ? 3 : 0;
		if (!copy[i].has_task)
			continue;
		t[i] = (Client__Task)CLIENT__TASK__INIT;
		t_refs[tasks.n_tasks++] = &t[i];
		t[i].id = copy[i].id;
		t[i].status = copy[i].status;
	}
	containers.containers = c_refs;
	containers.n_containers = n;
	tasks.tasks = t_refs;
	live_add(l, "k8s.io", &containers, &tasks);
}

static void add_known(struct live *l, const struct known *known, size_t n)
{
	add_known_of(l, "io.containerd.kata-qemu.v2", known, n);
}

static void test_containers_of_a_deleted_pod_do_not_run(void **state)
{
	static const struct known known[] = {
		{ "sandbox", "web", true, CLIENT__TASK_STATUS__STOPPED },
		{ "container", "web", false, CLIENT__TASK_STATUS__UNKNOWN },
	};
	_live_ struct live l = { 0 };
	_free_ char *text = NULL;

	(void)state;
	assert_false(live_is_used(&l));
	add_known(&l, known, ARRAY_SIZE(known));
	assert_true(live_is_used(&l));
	assert_int_equal(l.running, 0);
	text = live_text(&l);
	assert_string_equal(text, "2 containers (0 running) of pod 'default/web'");
}

/* Those of a pod whose sandbox a shim of upstream's made, whichever shim they have themselves. */
static void test_pods_of_upstreams_shims_do_not_count(void **state)
{
	static const struct known known[] = {
		{ "theirs", "web", true, CLIENT__TASK_STATUS__RUNNING },
		{ "member", "web", true, CLIENT__TASK_STATUS__RUNNING },
		{ "alone", "", true, CLIENT__TASK_STATUS__RUNNING },
		{ "ours", "db", true, CLIENT__TASK_STATUS__RUNNING },
	};
	_live_ struct live l = { 0 };
	_free_ char *text = NULL;

	(void)state;
	l.foreign = strv_split("theirs alone", " ");
	add_known(&l, known, ARRAY_SIZE(known));
	text = live_text(&l);
	assert_string_equal(text, "1 containers (1 running) of pod 'default/db'");
}

static void test_containers_that_may_run_are_counted(void **state)
{
	static const struct known known[] = {
		{ "a", "web", true, CLIENT__TASK_STATUS__RUNNING },
		{ "b", "", true, CLIENT__TASK_STATUS__PAUSED },
		{ "c", "db", true, CLIENT__TASK_STATUS__UNKNOWN },
		{ "d", "db", true, CLIENT__TASK_STATUS__STOPPED },
	};
	_live_ struct live l = { 0 };
	_free_ char *text = NULL;

	(void)state;
	add_known(&l, known, ARRAY_SIZE(known));
	assert_int_equal(l.running, 3);
	text = live_text(&l);
	assert_string_equal(text,
			    "4 containers (3 running) of pod 'default/web', container 'b' "
			    "in containerd's namespace 'k8s.io', pod 'default/db'");
}

static void test_containers_of_another_installation_are_not_counted(void **state)
{
	static const struct known known[] = {
		{ "a", "web", true, CLIENT__TASK_STATUS__RUNNING },
	};
	struct scope scope = { .owner = &test_owner, .root = "/opt/kata" };
	_live_ struct live l = { .scope = &scope };

	(void)state;
	strv_add(&scope.others, "kata-qemu");
	add_known(&l, known, ARRAY_SIZE(known));
	assert_false(live_is_used(&l));
	scope_done(&scope);
}

/* As ctr and Docker name the runtime: whose it is only the record says. */
static void test_containers_by_type_alone_are_of_whom_their_record_says(void **state)
{
	static const struct known known[] = {
		{ "theirs", "", true, CLIENT__TASK_STATUS__RUNNING },
		{ "sandbox", "web", true, CLIENT__TASK_STATUS__RUNNING },
		{ "member", "web", true, CLIENT__TASK_STATUS__RUNNING },
		{ "ended", "", true, CLIENT__TASK_STATUS__STOPPED },
	};
	static const struct {
		const char *type;
		unsigned containers;
	} cases[] = {
		{ "io.containerd.kata.v2", 1 },
		{ "/usr/local/bin/containerd-shim-kata-v2", 1 },
		{ "io.containerd.kata-qemu.v2", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_live_ struct live l = { 0 };

		l.elsewhere = strv_split("theirs sandbox", " ");
		add_known_of(&l, cases[i].type, known, ARRAY_SIZE(known));
		assert_int_equal(l.containers, cases[i].containers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers_by_type_alone_are_of_whom_their_record_says),
		cmocka_unit_test(test_containers_of_a_deleted_pod_do_not_run),
		cmocka_unit_test(test_pods_of_upstreams_shims_do_not_count),
		cmocka_unit_test(test_containers_that_may_run_are_counted),
		cmocka_unit_test(test_containers_of_another_installation_are_not_counted),
		cmocka_unit_test(test_versions_of_records_are_listed),
		cmocka_unit_test(test_version_of_one_sandbox_is_its_records),
		cmocka_unit_test(test_record_that_says_nothing_is_an_error),
		cmocka_unit_test(test_machine_without_records_has_no_versions),
		cmocka_unit_test(test_versions_of_another_installation_are_not_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
