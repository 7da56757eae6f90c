/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager_engines - which container engines kata-manager configures, and which it leaves
 * alone.
 *
 * Each case is a machine as it is found: a folder for each engine, none of which runs.
 */
#include "tests/unit/folder.h"

#include "manager/packages.h"

#define RUNC2                                                                \
	"version = 2\n"                                                      \
	"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n" \
	"  runtime_type = \"io.containerd.runc.v2\"\n"
#define TABLE2 "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata]\n"
#define CRIO   "[crio.runtime.runtimes.kata]\n"

enum which { NERDCTL, CONTAINERD, CRI_O, DOCKER };

static const char *const files[] = { NULL, "containerd/config.toml", "crio/crio.conf",
				     "docker/daemon.json" };
static const char *const versions[] = { "2.1.0", "2.1.0", "1.34.0", "26.1.5" };

/* A machine below DIR that has the programs of all engines. */
static void machine_in(const char *dir, const char *engines, struct machine *k)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	_free_ char *links = path_join(dir, "bin");
	const struct options o = {
		.root = root,
		.etc = etc,
		.link_dir = links,
		.engines = engines,
	};
	struct error e;

	assert_int_equal(machine_open(&o, k, &e), 0);
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		struct present *p = &k->engines[i];
		_free_ char *file = files[i] ? path_join(dir, files[i]) : NULL;

		p->is_there = true;
		if (file)
			p->engine.dir = path_parent(file);
		assert_int_equal(engine_set_version(&p->engine, versions[i], &e), 0);
	}
}

static void machine_end(struct machine *k)
{
	for (size_t i = 0; i < PRESENT_MAX; i++)
		if (files[i])
			free((char *)(uintptr_t)k->engines[i].engine.dir);
	machine_done(k);
}

static int plan(struct machine *k, enum presence presence, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < PRESENT_MAX; i++) {
		edit_done(&k->engines[i].edit);
		r = present_plan(k, &k->engines[i], presence, e);
	}
	return r;
}

/* Plans and makes what is planned. */
static void make(struct machine *k, enum presence presence)
{
	struct error e;

	if (plan(k, presence, &e) < 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < PRESENT_MAX; i++)
		if (edit_is_needed(&k->engines[i].edit))
			assert_int_equal(edit_apply(&k->engines[i].edit, &e), 0);
}

static char *text_of(const char *dir, const char *name)
{
	_free_ char *path = path_join(dir, name);
	char *text = NULL;
	struct error ignored;

	(void)file_read(path, MIB, &text, NULL, &ignored);
	return text;
}

static bool has(const char *dir, const char *name, const char *part)
{
	_free_ char *text = text_of(dir, name);

	return text && strstr(text, part);
}

static void test_all_that_are_there_are_configured_and_given_back(void **state)
{
	static const char docker[] = "{\n  \"log-driver\": \"journald\"\n}\n";
	static const char crio[] = "[crio.runtime]\ndefault_runtime = \"crun\"\n";
	_free_ char *link = path_join(*state, "bin/containerd-shim-kata-v2");
	_free_ char *drop_in = path_join(*state, "containerd/conf.d");
	struct machine k = { 0 };
	struct error e;

	folder_put(*state, files[CONTAINERD], RUNC2);
	folder_put(*state, files[CRI_O], crio);
	folder_put(*state, files[DOCKER], docker);
	machine_in(*state, NULL, &k);
	make(&k, HANDLERS_PRESENT);
	assert_int_equal(access(link, F_OK), -1); /* leads to nothing yet */
	assert_true(has(*state, "containerd/conf.d/kata-manager.toml", "runtimes.kata]"));
	assert_true(has(*state, "crio/crio.conf.d/kata-manager.conf", CRIO));
	assert_true(has(*state, files[DOCKER], "\"kata\""));
	assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
	for (size_t i = 0; i < PRESENT_MAX; i++)
		assert_false(edit_is_needed(&k.engines[i].edit));

	/* Removed meanwhile, or stopped: the files are there all the same. */
	for (size_t i = 0; i < PRESENT_MAX; i++)
		k.engines[i].is_there = false;
	make(&k, HANDLERS_ABSENT);
	assert_true(has(*state, files[CONTAINERD], RUNC2));
	for (size_t i = CONTAINERD; i < PRESENT_MAX; i++) {
		static const char *const before[] = { NULL, RUNC2, crio, docker };
		_free_ char *text = text_of(*state, files[i]);

		assert_string_equal(text, before[i]);
	}
	assert_false(file_exists(drop_in));
	machine_end(&k);
}

/* A machine where nobody configured anything yet: not even the folders are there. */
static void test_folders_that_were_made_for_it_go_again(void **state)
{
	static const struct {
		const char *containerd;
		bool has_folders;
	} cases[] = {
		{ "2.1.0", false }, { "1.7.24", false }, { "2.1.0", true }, { "1.6.20", true }
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *containerd = path_join(*state, "containerd");
		_free_ char *docker = path_join(*state, "docker");
		struct machine k = { 0 };
		struct error e;

		machine_in(*state, NULL, &k);
		assert_int_equal(
			engine_set_version(&k.engines[CONTAINERD].engine, cases[i].containerd, &e),
			0);
		if (cases[i].has_folders)
			assert_int_equal(mkdir(containerd, 0755) | mkdir(docker, 0755), 0);
		make(&k, HANDLERS_PRESENT);
		assert_true(has(*state, files[DOCKER], "\"kata\""));
		assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
		for (size_t p = 0; p < PRESENT_MAX; p++)
			assert_false(edit_is_needed(&k.engines[p].edit));
		make(&k, HANDLERS_ABSENT);
		assert_int_equal(file_exists(containerd), cases[i].has_folders);
		assert_int_equal(file_exists(docker), cases[i].has_folders);
		(void)rmdir(containerd);
		(void)rmdir(docker);
		machine_end(&k);
	}
}

/* What a CRI-O and a containerd read has a path only where there is one. */
static void test_a_handler_leads_to_the_current_shim_and_to_no_configuration(void **state)
{
	_free_ char *shim = path_join(*state, "kata/bin/containerd-shim-kata-v2");
	struct machine k = { 0 };

	machine_in(*state, NULL, &k);
	make(&k, HANDLERS_PRESENT);
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = { "containerd/conf.d/kata-manager.toml",
						     "crio/crio.conf.d/kata-manager.conf",
						     "docker/daemon.json" };

		assert_true(has(*state, names[i], shim));
		assert_false(has(*state, names[i], "null"));
		assert_false(has(*state, names[i], "onfigPath"));
		assert_false(has(*state, names[i], "config_path"));
	}
	make(&k, HANDLERS_ABSENT);
	machine_end(&k);
}

static void test_a_handler_of_somebody_elses_is_refused(void **state)
{
	static const struct {
		enum which engine;
		const char *text;
	} cases[] = {
		{ CONTAINERD,
		  RUNC2 TABLE2 "runtime_type = \"/opt/other/containerd-shim-kata-v2\"\n" },
		{ CONTAINERD, RUNC2 TABLE2 "runtime_type = \"io.containerd.kata-fc.v2\"\n" },
		{ CONTAINERD, RUNC2 TABLE2 "runtime_type = \"io.containerd.kata.v2\"\n"
					   "runtime_path = \"/opt/other/shim\"\n" },
		{ CRI_O, CRIO "runtime_path = \"/usr/bin/other\"\n" },
		{ DOCKER, "{\"runtimes\": {\"kata\": {\"path\": \"/usr/bin/kata-runtime\"}}}" },
		{ DOCKER, "{\"runtimes\": {\"kata\": {\"runtimeType\": \"/opt/other\"}}}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = path_join(*state, files[cases[i].engine]);
		struct machine k = { 0 };
		struct error e;

		folder_put(*state, files[cases[i].engine], cases[i].text);
		machine_in(*state, NULL, &k);
		assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), -EEXIST);
		assert_non_null(strstr(e.msg, path));
		/* Nobody's business but theirs when we go, or are not to touch the engine. */
		assert_int_equal(plan(&k, HANDLERS_ABSENT, &e), 0);
		assert_false(edit_is_needed(&k.engines[cases[i].engine].edit));
		assert_int_equal(present_choose(&k, "none", &e), 0);
		assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
		assert_int_equal(unlink(path), 0);
		machine_end(&k);
	}
}

static void test_one_that_our_link_serves_stays_as_it_is(void **state)
{
	static const struct {
		enum which engine;
		const char *text;
	} cases[] = {
		{ CONTAINERD, RUNC2 TABLE2 "runtime_type = \"io.containerd.kata.v2\"\n" },
		{ DOCKER,
		  "{\"runtimes\": {\"kata\": {\"runtimeType\": "
		  "\"io.containerd.kata.v2\"}}}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine k = { 0 };
		struct present *p = &k.engines[cases[i].engine];
		_free_ char *path = path_join(*state, files[cases[i].engine]);
		struct error e;

		folder_put(*state, files[cases[i].engine], cases[i].text);
		machine_in(*state, NULL, &k);
		assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
		assert_true(p->is_said);
		assert_false(edit_is_needed(&p->edit));
		assert_int_equal(plan(&k, HANDLERS_ABSENT, &e), 0);
		assert_false(edit_is_needed(&p->edit));
		assert_int_equal(unlink(path), 0);
		machine_end(&k);
	}
}

static unsigned hangups; /* before it answers */

static int hang_up(const char *socket, uint64_t deadline_ms, const struct cancel *cancel,
		   char **ret_version, struct error *e)
{
	(void)socket;
	(void)deadline_ms;
	(void)cancel;
	if (hangups > 0 && hangups-- > 0)
		return fail(e, ECONNRESET, "it hung up");
	*ret_version = xstrdup("26.1.5");
	return 0;
}

/* Else what is written is for the version of a program that lies there. */
static void test_an_engine_that_hangs_up_is_asked_again(void **state)
{
	static const struct {
		unsigned hangups;
		bool is_running;
	} cases[] = { { 0, true }, { 2, true }, { 100, false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine k = { 0 };
		struct engine *engine = &k.engines[DOCKER].engine;
		_free_ char *socket = path_join(*state, "docker.sock");
		struct engine_driver driver;

		machine_in(*state, NULL, &k);
		driver = *engine->driver;
		driver.ask_version = hang_up;
		engine->driver = &driver;
		engine->socket = socket;
		folder_put(*state, "docker.sock", "");
		hangups = cases[i].hangups;
		present_find(&k, NULL);
		assert_int_equal(k.engines[DOCKER].is_running, cases[i].is_running);
		machine_end(&k);
	}
}

static void test_an_engine_that_cannot_have_it_is_left_and_said(void **state)
{
	struct machine k = { 0 };
	struct error e;

	folder_put(*state, files[CONTAINERD],
		   "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n");
	machine_in(*state, NULL, &k);
	str_set(&k.engines[DOCKER].engine.version, NULL);
	(void)fail(&k.engines[DOCKER].silence, ENOTSUP, "docker '20.10' is not supported");
	assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
	assert_non_null(strstr(k.engines[CONTAINERD].left.msg, "disabled_plugins"));
	assert_false(edit_is_needed(&k.engines[CONTAINERD].edit));
	assert_non_null(strstr(k.engines[DOCKER].left.msg, "20.10"));
	assert_false(edit_is_needed(&k.engines[DOCKER].edit));
	assert_true(edit_is_needed(&k.engines[CRI_O].edit));
	machine_end(&k);
}

static void test_what_is_not_there_gets_nothing_but_the_link(void **state)
{
	struct machine k = { 0 };
	struct error e;

	machine_in(*state, NULL, &k);
	for (size_t i = 0; i < PRESENT_MAX; i++)
		k.engines[i].is_there = false;
	assert_int_equal(plan(&k, HANDLERS_PRESENT, &e), 0);
	for (size_t i = 0; i < PRESENT_MAX; i++)
		assert_int_equal(edit_is_needed(&k.engines[i].edit), i == NERDCTL);
	machine_end(&k);
}

static void test_a_choice_is_kept_and_what_was_configured_before_it_goes(void **state)
{
	struct machine k = { 0 };
	struct error e;

	machine_in(*state, NULL, &k);
	make(&k, HANDLERS_PRESENT);
	machine_end(&k);

	machine_in(*state, "cri-o", &k);
	make(&k, HANDLERS_PRESENT);
	assert_false(has(*state, files[DOCKER], "kata"));
	assert_true(has(*state, "crio/crio.conf.d/kata-manager.conf", CRIO));
	assert_int_equal(present_plan_choice(&k, HANDLERS_PRESENT, &e), 0);
	assert_int_equal(edit_apply(&k.choosing, &e), 0);
	machine_end(&k);

	machine_in(*state, NULL, &k);
	assert_false(k.engines[DOCKER].is_chosen);
	assert_true(k.engines[CRI_O].is_chosen);
	assert_true(k.engines[NERDCTL].is_chosen);
	assert_int_equal(present_plan_choice(&k, HANDLERS_PRESENT, &e), 0);
	assert_false(edit_is_needed(&k.choosing));
	make(&k, HANDLERS_ABSENT);
	machine_end(&k);

	machine_in(*state, "all", &k);
	assert_true(k.engines[DOCKER].is_chosen);
	assert_int_equal(present_plan_choice(&k, HANDLERS_PRESENT, &e), 0);
	assert_int_equal(edit_apply(&k.choosing, &e), 0);
	assert_false(has(*state, "kata/.engines", ""));
	machine_end(&k);
}

static void test_a_wrong_choice_names_the_right_ones(void **state)
{
	static const char *const cases[] = { "podman",     "",
					     ",",          "docker,none",
					     "all,docker", "docker cri-o containerd kubelet" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine k = { 0 };
		struct error e;

		machine_in(*state, NULL, &k);
		assert_int_equal(present_choose(&k, cases[i], &e), -EINVAL);
		machine_end(&k);
	}
}

static void test_what_is_missing_depends_on_what_is_there(void **state)
{
	static const struct {
		const char *choice;
		bool has[PRESENT_MAX];
		bool has_plugins;
		unsigned missing;
	} cases[] = {
		{ NULL, { 0 }, false, PART_ENGINE | PART_NETWORKS },
		{ NULL, { 0 }, true, PART_ENGINE },
		{ NULL, { true, true, false, false }, false, PART_NETWORKS },
		{ NULL, { true, true, false, false }, true, 0 },
		{ NULL, { false, false, true, false }, false, PART_NETWORKS },
		{ NULL, { true, true, false, true }, false, 0 },
		{ "none", { 0 }, false, 0 },
		{ "docker", { 0 }, false, 0 },
		{ "containerd", { 0 }, true, PART_ENGINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *plugin = path_join(*state, "usr/lib/cni/bridge");
		struct machine k = { 0 };

		(void)unlink(plugin);
		if (cases[i].has_plugins)
			folder_put(*state, "usr/lib/cni/bridge", "");
		machine_in(*state, cases[i].choice, &k);
		for (size_t p = 0; p < PRESENT_MAX; p++)
			k.engines[p].is_there = cases[i].has[p];
		assert_int_equal(packages_missing(&k, *state), cases[i].missing);
		machine_end(&k);
	}
}

static void test_each_distribution_has_names_of_its_own(void **state)
{
	static const struct {
		const char *program, *names;
	} cases[] = {
		{ "usr/bin/apt-get", "containerd containernetworking-plugins" },
		{ "usr/bin/dnf", "containerd containernetworking-plugins" },
		{ "usr/bin/zypper", "containerd cni-plugins" },
		{ "usr/bin/pacman", "containerd cni-plugins" },
		{ "sbin/apk", "containerd cni-plugins" },
	};

	assert_int_equal(packages_manager(*state), -1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = path_join(*state, cases[i].program);
		_strv_ strv names = NULL;
		_free_ char *list = NULL;

		folder_put(*state, cases[i].program, "");
		names = packages_names(packages_manager(*state), PART_ENGINE | PART_NETWORKS);
		list = strv_join(names, " ");
		assert_string_equal(list, cases[i].names);
		assert_int_equal(unlink(path), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
		TEST(test_all_that_are_there_are_configured_and_given_back),
		TEST(test_folders_that_were_made_for_it_go_again),
		TEST(test_a_handler_leads_to_the_current_shim_and_to_no_configuration),
		TEST(test_a_handler_of_somebody_elses_is_refused),
		TEST(test_one_that_our_link_serves_stays_as_it_is),
		TEST(test_an_engine_that_hangs_up_is_asked_again),
		TEST(test_an_engine_that_cannot_have_it_is_left_and_said),
		TEST(test_what_is_not_there_gets_nothing_but_the_link),
		TEST(test_a_choice_is_kept_and_what_was_configured_before_it_goes),
		TEST(test_a_wrong_choice_names_the_right_ones),
		TEST(test_what_is_missing_depends_on_what_is_there),
		TEST(test_each_distribution_has_names_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
