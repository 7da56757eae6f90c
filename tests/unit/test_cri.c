/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cri - what the installer refuses before it writes anything about the container runtime.
 */
#include "tests/unit/folder.h"

#include <string.h>

#include "deploy/install.h"
#include "lib/file.h"

struct world {
	char *dir;
	struct install in;
	struct error e;
};

static void begin(struct world *w, const char *version, const char *text)
{
	*w = (struct world){ .dir = folder_new() };
	w->in.engine.dir = w->dir;
	w->in.engine.main_file = "config.toml";
	w->in.engine.drop_in = "kata-deploy.toml";
	assert_int_equal(flavour_find("k8s", &w->in.engine.flavour, &w->e), 0);
	w->in.engine.driver = engine_driver(w->in.engine.flavour);
	assert_int_equal(engine_set_version(&w->in.engine, version, &w->e), 0);
	folder_put(w->dir, "config.toml", text);
}

static void end(struct world *w)
{
	install_done(&w->in);
	folder_remove(w->dir);
}

static void test_containerd_without_cri_is_refused_by_the_first_step(void **state)
{
	static const char *const versions[] = { "1.7.29", "2.2.0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct world w;

		begin(&w, versions[i], "disabled_plugins = [\"cri\"]\n");
		assert_int_equal(install_steps[0].run(&w.in, &w.e), -ENOTSUP);
		assert_non_null(strstr(w.e.msg, "disabled_plugins"));
		end(&w);
	}
}

/* The removal's last step, where there is no containerd to go on with. */
static void test_removal_removes_what_a_killed_validation_left(void **state)
{
	const struct step *s = cleanup_steps;
	_free_ char *path = NULL;
	struct world w;

	(void)state;
	begin(&w, "2.2.0", "");
	w.in.root = xstrdup(w.dir);
	w.in.engine.root = w.in.root;
	w.in.engine.socket = "/none";
	folder_put(w.dir, ".kata-deploy-candidate", "");
	path = path_join(w.dir, ".kata-deploy-candidate");
	while (strcmp(s->name, "remove") != 0)
		s++;
	assert_true(s->run(&w.in, &w.e) < 0);
	assert_false(file_exists(path));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containerd_without_cri_is_refused_by_the_first_step),
		cmocka_unit_test(test_removal_removes_what_a_killed_validation_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
