/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cri - what the installer refuses before it writes anything about the container runtime.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <string.h>

#include "deploy/attempt.h"
#include "deploy/install.h"
#include "lib/file.h"
#include "lib/host/containerd.h"
#include "lib/host/endpoint.h"
#include "lib/host/task.h"

struct world {
	char *dir;
	struct facts facts;
	struct install in;
	struct error e;
};

extern const struct step step_cri, step_remove;

static void begin(struct world *w, const char *version, const char *text)
{
	*w = (struct world){ .dir = folder_new() };
	w->in.facts = &w->facts;
	w->facts.engine.dir = w->dir;
	w->facts.engine.socket = "/none";
	w->facts.engine.main_file = "config.toml";
	w->facts.engine.owner = &test_owner;
	assert_int_equal(flavour_find("k8s", &w->facts.engine.flavour, &w->e), 0);
	w->facts.engine.driver = engine_driver(w->facts.engine.flavour);
	assert_int_equal(engine_set_version(&w->facts.engine, version, &w->e), 0);
	folder_put(w->dir, "config.toml", text);
}

static void end(struct world *w)
{
	install_done(&w->in);
	facts_done(&w->facts);
	folder_remove(w->dir);
}

static int assess(struct world *w)
{
	static step_table steps = { &step_cri, NULL };
	const struct plan plan = { .steps = steps, .context = &w->in };
	_assessment_ struct assessment a = { 0 };

	return plan_assess(&plan, &a, &w->e);
}

static void test_containerd_without_cri_is_refused_before_anything_runs(void **state)
{
	static const char *const versions[] = { "1.7.29", "2.2.0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct world w;

		begin(&w, versions[i], "disabled_plugins = [\"cri\"]\n");
		assert_int_equal(assess(&w), -ENOTSUP);
		assert_non_null(strstr(w.e.msg, "disabled_plugins"));
		end(&w);
	}
}

static void test_runtime_of_another_kubelet_is_refused_before_anything_runs(void **state)
{
	static const struct {
		const char *ours, *kubelets, *says; /* the text that stops here */
	} cases[] = {
		{ "v2.4.2", "cri-o://1.36.0", "cri-o" },
		{ "v2.4.2", "docker://28.0.1", "docker" },
		{ "v2.4.2", "containerd://1.7.2", "KATA_CONTAINERD_SOCKET" },
		{ "v2.4.2", "containerd://2.4.20", "KATA_CONTAINERD_SOCKET" },
		{ "v2.4.2", "containerd://2.4.2", "disabled_plugins" },
		{ "1.6.20~ds1", "containerd://1.6.20", "disabled_plugins" },
		{ "v1.7.27-k3s1", "containerd://1.7.27-k3s1", "disabled_plugins" },
		{ "v1.7.27.m", "containerd://1.7.27", "disabled_plugins" },
		{ "v2.4.2", "", "disabled_plugins" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *status;
		struct world w;

		begin(&w, cases[i].ours, "disabled_plugins = [\"cri\"]\n");
		w.facts.engine.socket = "/none";
		w.facts.node = json_object_new_object();
		status = json_set_object(w.facts.node, "status");
		json_set_str(json_set_object(status, "nodeInfo"), "containerRuntimeVersion",
			     cases[i].kubelets);
		assert_true(assess(&w) < 0);
		if (!strstr(w.e.msg, cases[i].says))
			fail_msg("%s, not '%s'", w.e.msg, cases[i].says);
		end(&w);
	}
}

static const char *words; /* what the node says of the daemon, a line each */

static int fake_exec(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
		     const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	assert_non_null(strstr(argv[0], engine->socket));
	*ret_result = (struct task_result){
		.out = xasprintf("%s\n%s\n%s", argv[1], argv[2], words),
		.err = xstrdup(""),
	};
	return 0;
}

static void test_daemon_that_reads_another_file_is_refused(void **state)
{
	static const struct {
		const char *flavour, *words;
		bool is_right;
	} cases[] = {
		{ "k8s", "/usr/bin/containerd\n", true },
		{ "k8s", "/usr/bin/containerd\n--log-level=debug\n", true },
		{ "k8s", "containerd\n-c\n/etc/containerd/config.toml\n", true },
		{ "k8s", "containerd\n--config\n/etc/containerd/config.toml\n--x\n", true },
		{ "k8s", "containerd\n--config=/etc/containerd/other.toml\n", false },
		{ "k8s", "containerd\n-c\n/var/lib/rancher/k3s/agent/etc/containerd/config.toml\n",
		  false },
		{ "k3s", "containerd\n-c\n/var/lib/rancher/k3s/agent/etc/containerd/config.toml\n",
		  true },
		{ "k3s", "containerd\n", false },
		{ "k0s", "containerd\n--root=/a\n--config=/etc/k0s/containerd.toml\n", true },
		{ "microk8s",
		  "containerd\n--config\n/var/snap/microk8s/current/args/containerd.toml\n", true },
		{ "k8s", "containerd\n-c\nrelative.toml\n", true }, /* nobody knows to what */
		{ "k8s", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct flavour *flavour = NULL;
		struct engine engine = { .socket = "/s", .exec = fake_exec };
		struct error e;
		int r;

		assert_int_equal(flavour_find(cases[i].flavour, &flavour, &e), 0);
		engine.flavour = flavour;
		engine.dir = flavour->dir;
		engine.main_file = flavour->main_file;
		words = cases[i].words;
		r = containerd_must_read(&engine, NO_DEADLINE, NULL, &e);
		if (r != (cases[i].is_right ? 0 : -EINVAL))
			fail_msg("case %zu: %d", i, r);
		if (r < 0)
			assert_non_null(strstr(e.msg, "KATA_CONTAINERD_DIR"));
	}
}

static int begin_attempt(struct world *w)
{
	_edit_ struct edit edit = { 0 };
	const struct handlers none = { .presence = HANDLERS_PRESENT };

	assert_int_equal(w->facts.engine.driver->plan(&w->facts.engine, &none, &edit, &w->e), 0);
	attempt_begin(&w->in, &edit);
	return attempt_must_be_new(&w->facts, &edit, &w->e);
}

static void test_attempt_that_failed_is_repeated_once_something_changed(void **state)
{
	const struct error failure = { .code = ETIMEDOUT, .msg = "no handler" };
	const struct error cancel = { .code = ECANCELED, .msg = "cancelled" };
	struct world w;

	(void)state;
	begin(&w, "2.2.0", "version = 3\n");
	w.facts.root = xstrdup(w.dir);
	w.facts.proof = xstrdup("5.0.0");
	assert_int_equal(begin_attempt(&w), 0);
	attempt_failed(&w.in, &cancel);
	assert_int_equal(begin_attempt(&w), 0);
	attempt_failed(&w.in, &failure);
	assert_int_equal(begin_attempt(&w), -EALREADY);
	assert_non_null(strstr(w.e.msg, "no handler"));
	assert_int_equal(begin_attempt(&w), -EALREADY);
	folder_put(w.dir, "conf.d/other.toml", "version = 3\n");
	assert_int_equal(begin_attempt(&w), 0);
	attempt_failed(&w.in, &failure);
	assert_int_equal(begin_attempt(&w), -EALREADY);
	folder_put(w.dir, "conf.d/other.toml", "version = 3\n# by hand\n");
	assert_int_equal(begin_attempt(&w), 0);
	folder_put(w.dir, "conf.d/other.toml", "version = 3\n");
	assert_int_equal(begin_attempt(&w), -EALREADY);
	str_set(&w.facts.proof, "5.0.1");
	assert_int_equal(begin_attempt(&w), 0);
	str_set(&w.facts.proof, "5.0.0");
	assert_int_equal(begin_attempt(&w), -EALREADY);
	attempt_forget(&w.facts);
	assert_int_equal(begin_attempt(&w), 0);
	end(&w);
}

/* As another set of shims would. */
static void test_attempt_at_another_text_is_another_one(void **state)
{
	const struct error failure = { .code = ETIMEDOUT, .msg = "no handler" };
	_edit_ struct edit edit = { 0 };
	struct edit_file *file;
	_free_ char *path = NULL;
	struct world w;

	(void)state;
	begin(&w, "2.2.0", "version = 3\n");
	w.facts.root = xstrdup(w.dir);
	path = path_join(w.dir, "ours.toml");
	file = edit_add(&edit, path, &w.e);
	assert_non_null(file);
	str_set(&file->new_text, "one");
	attempt_begin(&w.in, &edit);
	attempt_failed(&w.in, &failure);
	assert_int_equal(attempt_must_be_new(&w.facts, &edit, &w.e), -EALREADY);
	str_set(&file->new_text, "two");
	assert_int_equal(attempt_must_be_new(&w.facts, &edit, &w.e), 0);
	end(&w);
}

static void test_what_failed_is_refused_before_anything_runs(void **state)
{
	const struct error failure = { .code = ETIMEDOUT, .msg = "no handler" };
	struct world w;

	(void)state;
	begin(&w, "2.2.0", "version = 3\n");
	w.facts.root = xstrdup(w.dir);
	assert_int_equal(begin_attempt(&w), 0);
	attempt_failed(&w.in, &failure);
	assert_int_equal(assess(&w), -EALREADY);
	end(&w);
}

static int compare(const char *before, const char *now, struct error *e)
{
	_endpoint_state_ struct endpoint_state a = { 0 };
	_endpoint_state_ struct endpoint_state b = { 0 };

	a.handlers = strv_split("runc kata-old", " ");
	b.handlers = strv_split(strstr(now, "runc") ? "runc kata-qemu" : "kata-qemu", " ");
	assert_int_equal(json_parse(before, strlen(before), "before", &a.config, e), 0);
	assert_int_equal(json_parse(now, strlen(now), "now", &b.config, e), 0);
	return endpoint_compare(NULL, &a, &b, e);
}

#define STATUS(snapshotter, runtimes) \
	"{\"containerd\":{\"snapshotter\":\"" snapshotter "\",\"runtimes\":{" runtimes "}}}"
#define RUNC(type) "\"runc\":{\"runtimeType\":\"" type "\"}"

static void test_what_a_restart_takes_from_others_is_named(void **state)
{
	static const struct {
		const char *now, *says; /* NULL: nothing is taken */
	} cases[] = {
		{ STATUS("overlayfs", RUNC("v2") ",\"kata-qemu\":{}"), NULL },
		{ STATUS("overlayfs", "\"kata-qemu\":{}"), "lost the handler 'runc'" },
		{ STATUS("overlayfs", RUNC("v1")), "'runc' was 'v2' and is 'v1'" },
		{ STATUS("native", RUNC("v2")), "containerd.snapshotter" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };
		int r = compare(STATUS("overlayfs", RUNC("v2") ",\"kata-old\":{}"), cases[i].now,
				&e);

		assert_int_equal(r, cases[i].says ? -EINVAL : 0);
		if (cases[i].says && !strstr(e.msg, cases[i].says))
			fail_msg("%s", e.msg);
	}
}

static void test_handler_with_another_snapshotter_is_not_as_configured(void **state)
{
	static const struct {
		const char *says, *wanted;
		bool lacks;
	} cases[] = {
		{ "{}", NULL, false },
		{ "{\"snapshotter\":\"\"}", NULL, false },
		{ "{\"snapshotter\":\"nydus\"}", NULL, true },
		{ "{\"snapshotter\":\"nydus\"}", "nydus", false },
		{ "{\"snapshotter\":\"\"}", "nydus", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct handler handler = { .name = "kata-qemu",
						 .runtime_path = "/s",
						 .snapshotter = cases[i].wanted };
		_free_ char *text = xasprintf("{\"containerd\":{\"runtimes\":{\"kata-qemu\":%s}}}",
					      cases[i].says);
		_endpoint_state_ struct endpoint_state s = { 0 };
		struct error e;

		s.handlers = strv_split("kata-qemu", " ");
		assert_int_equal(json_parse(text, strlen(text), "status", &s.config, &e), 0);
		assert_int_equal(endpoint_lacks(&s, &handler, 1) != NULL, cases[i].lacks);
	}
}

static void test_what_a_restart_takes_from_another_installation_is_named(void **state)
{
	struct scope scope = { .owner = &test_owner, .root = "/opt/kata" };
	struct endpoint_state before = { 0 };
	struct endpoint_state now = { 0 };
	struct error e;

	(void)state;
	before.handlers = strv_split("kata-old kata-qemu-blue", " ");
	assert_int_equal(endpoint_compare(&scope, &before, &now, &e), 0);
	strv_add(&scope.others, "kata-qemu-blue");
	assert_int_equal(endpoint_compare(&scope, &before, &now, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "kata-qemu-blue"));
	endpoint_state_done(&before);
	scope_done(&scope);
}

/* The removal's last step, where there is no containerd to go on with. */
static void test_removal_removes_what_a_killed_validation_left(void **state)
{
	_free_ char *path = NULL;
	struct world w;

	(void)state;
	begin(&w, "2.2.0", "");
	w.facts.root = xstrdup(w.dir);
	w.facts.engine.root = w.facts.root;
	w.facts.engine.socket = "/none";
	folder_put(w.dir, ".kata-deploy-candidate", "");
	path = path_join(w.dir, ".kata-deploy-candidate");
	assert_true(step_remove.may_begin(&w.in, &w.e) < 0);
	assert_false(file_exists(path));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containerd_without_cri_is_refused_before_anything_runs),
		cmocka_unit_test(test_runtime_of_another_kubelet_is_refused_before_anything_runs),
		cmocka_unit_test(test_daemon_that_reads_another_file_is_refused),
		cmocka_unit_test(test_attempt_that_failed_is_repeated_once_something_changed),
		cmocka_unit_test(test_what_failed_is_refused_before_anything_runs),
		cmocka_unit_test(test_handler_with_another_snapshotter_is_not_as_configured),
		cmocka_unit_test(test_what_a_restart_takes_from_others_is_named),
		cmocka_unit_test(test_what_a_restart_takes_from_another_installation_is_named),
		cmocka_unit_test(test_removal_removes_what_a_killed_validation_left),
		cmocka_unit_test(test_attempt_at_another_text_is_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
