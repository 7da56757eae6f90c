/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_found - configurations of containerd as they are found, and what once went wrong with them.
 */
#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"

#define CRI2 "plugins.\"io.containerd.grpc.v1.cri\""
#define CRI3 "plugins.\"io.containerd.cri.v1.runtime\""

static const struct handler handlers[] = {
	{ "kata-qemu", "/opt/kata/bin/shim", "/opt/kata/share/c.toml", "/etc/kata/launcher", NULL },
};
/* What a removal knows: it reads no configuration. */
static const struct handler known[] = {
	{ "kata-qemu", "/opt/kata/bin/shim", NULL, "/etc/kata/launcher", NULL },
};

struct fixture {
	char *dir;
	struct engine engine;
	struct edit edit;
	struct error e;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;

	f->dir = folder_new();
	assert_int_equal(flavour_find("k8s", &f->engine.flavour, &e), 0);
	f->engine.driver = engine_driver(f->engine.flavour);
	f->engine.dir = f->dir;
	f->engine.main_file = "config.toml";
	f->engine.owner = &test_owner;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	edit_done(&f->edit);
	engine_done(&f->engine);
	folder_remove(f->dir);
	free(f);
	return 0;
}

static void put_main(const struct fixture *f, const char *format)
{
	_free_ char *text = NULL;
	const char *at = strstr(format, "@");

	text = at ? xasprintf("%.*s%s%s", (int)(at - format), format, f->dir, at + 1)
		  : xstrdup(format);
	folder_put(f->dir, "config.toml", text);
}

static int plan(struct fixture *f, const char *version, enum presence presence)
{
	const struct handlers all = { presence == HANDLERS_PRESENT ? handlers : known,
				      ARRAY_SIZE(handlers), presence };

	edit_done(&f->edit);
	assert_int_equal(engine_set_version(&f->engine, version, &f->e), 0);
	return containerd_plan(&f->engine, &all, &f->edit, &f->e);
}

/* The text that is planned for the file NAME. */
static const char *planned(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->edit.n_files; i++)
		if (str_ends(f->edit.files[i].path, name))
			return f->edit.files[i].new_text ? f->edit.files[i].new_text : "";
	fail_msg("nothing is planned for '%s'", name);
	return NULL;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

/* ---- the version that counts ---- */

static void test_drop_in_speaks_as_the_last_file_does(void **state)
{
	static const struct {
		const char *main_text, *other, *version, *table;
	} cases[] = {
		{ "version = 3\n", "version = 2\n", "version = 2\n", CRI2 },
		{ "version = 2\n", "version = 3\n", "version = 3\n", CRI3 },
		{ "version = 3\n[" CRI3 ".containerd.runtimes.runc]\n", "version = 2\n",
		  "version = 2\n", CRI3 },
		{ "version = 3\n[" CRI3 ".cni]\n",
		  "version = 2\n[" CRI2 ".containerd.runtimes.runc]\n", "version = 2\n", CRI2 },
		{ "version = 2\n", "", "version = 2\n", CRI2 },
		{ "", "", "version = 3\n", CRI3 },
		{ "version = 4\n", "", "version = 4\n", CRI3 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *text = xasprintf("imports = ['@/other.toml']\n%s", cases[i].main_text);

		folder_put(f->dir, "other.toml", cases[i].other);
		put_main(f, text);
		if (plan(f, "2.1.0", HANDLERS_PRESENT) < 0)
			fail_msg("%s", f->e.msg);
		assert_has(planned(f, "kata-deploy.toml"), cases[i].version);
		assert_has(planned(f, "kata-deploy.toml"), cases[i].table);
	}
}

/* ---- containerd 1 and its own handler ---- */

static void test_containerd1_keeps_its_own_handler_where_no_table_names_it(void **state)
{
	static const char *const texts[] = {
		"",
		"# nothing\n",
		"version = 2\n",
		"version = 2\n[" CRI2 ".cni]\n  bin_dir = 'x'\n",
	};
	static const char *const own[] = { "1.6.20", "1.7.29" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts) * ARRAY_SIZE(own); i++) {
		put_main(f, texts[i / 2]);
		assert_int_equal(plan(f, own[i % 2], HANDLERS_PRESENT), 0);
		assert_has(planned(f, "config.toml"),
			   "containerd.runtimes.runc]\n"
			   "runtime_type = \"io.containerd.runc.v2\"");
	}
	(void)unlink(f->edit.files[0].path);
	assert_int_equal(plan(f, "1.6.20", HANDLERS_PRESENT), 0);
	assert_has(planned(f, "config.toml"), CRI2 ".containerd.runtimes.runc]");
}

static void test_containerd1_with_handlers_gets_none_but_ours(void **state)
{
	struct fixture *f = *state;

	put_main(f, "version = 2\n[" CRI2 ".containerd.runtimes.nvidia]\n  runtime_type = 'x'\n");
	assert_int_equal(plan(f, "1.6.20", HANDLERS_PRESENT), 0);
	assert_has_not(planned(f, "config.toml"), "runtimes.runc");
}

/* ---- handlers of our names ---- */

#define UPSTREAM                                                                \
	"version = 3\n[" CRI3                                                   \
	".containerd.runtimes.kata-qemu]\n"                                     \
	"runtime_type = 'io.containerd.kata-qemu.v2'\nsnapshotter = 'nydus'\n"  \
	"[" CRI3                                                                \
	".containerd.runtimes.kata-qemu.options]\nConfigPath = 'x'\n"           \
	"[plugins.'io.containerd.cri.v1.images'.runtime_platforms.kata-qemu]\n" \
	"snapshotter = 'nydus'\n"                                               \
	"[" CRI3 ".containerd.runtimes.crun]\nruntime_type = 'y'\n"

static void test_handler_of_our_name_gives_way_wherever_it_is(void **state)
{
	static const char *const places[] = { "config.toml", "other.toml" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		put_main(f, "version = 3\nimports = ['@/other.toml']\n");
		folder_put(f->dir, "other.toml", "version = 3\n");
		folder_put(f->dir, places[i], i == 0 ? UPSTREAM : UPSTREAM);
		assert_int_equal(plan(f, "2.1.0", HANDLERS_PRESENT), 0);
		assert_has_not(planned(f, places[i]), "kata-qemu]");
		assert_has_not(planned(f, places[i]), "nydus");
		assert_has(planned(f, places[i]), "crun");
		assert_int_equal(edit_apply(&f->edit, &f->e), 0);
		assert_int_equal(plan(f, "2.1.0", HANDLERS_PRESENT), 0);
		assert_false(edit_is_needed(&f->edit));
	}
}

static void test_handler_within_a_value_is_refused(void **state)
{
	struct fixture *f = *state;

	put_main(f, "version = 3\n[" CRI3
		    ".containerd]\n"
		    "runtimes = { kata-qemu = { runtime_type = 'x' } }\n");
	assert_int_equal(plan(f, "2.1.0", HANDLERS_PRESENT), -ENOTSUP);
	assert_has(f->e.msg, "config.toml");
}

/* Takes out of the main file all comments, as a tool does that reads and writes it. */
static void drop_comments(const struct fixture *f)
{
	_free_ char *path = path_join(f->dir, "config.toml");
	_free_ char *text = NULL;
	_free_ char *joined = NULL;
	_strv_ strv lines = NULL;
	_strv_ strv kept = NULL;
	struct error e;

	assert_int_equal(file_read(path, MIB, &text, NULL, &e), 0);
	lines = strv_split(text, "\n");
	for (char **l = lines; *l; l++)
		if (**l != '#')
			strv_add(&kept, *l);
	strv_add(&kept, "");
	joined = strv_join(kept, "\n");
	folder_put(f->dir, "config.toml", joined);
}

static void test_handlers_without_marks_are_ours_by_what_they_mean(void **state)
{
	static const char *const versions[] = { "1.6.20", "1.7.29" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		put_main(f,
			 "version = 2\n[" CRI2 ".containerd.runtimes.runc]\nruntime_type = 'r'\n");
		assert_int_equal(plan(f, versions[i], HANDLERS_PRESENT), 0);
		assert_int_equal(edit_apply(&f->edit, &f->e), 0);
		drop_comments(f);
		assert_int_equal(plan(f, versions[i], HANDLERS_PRESENT), 0);
		assert_false(edit_is_needed(&f->edit));
		assert_int_equal(plan(f, versions[i], HANDLERS_ABSENT), 0);
		assert_has_not(planned(f, "config.toml"), "kata-qemu");
		assert_has(planned(f, "config.toml"), "runtimes.runc]");
	}
}

static void test_removal_leaves_a_handler_of_our_name_that_leads_elsewhere(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.1.0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		put_main(f, "version = 2\n[" CRI2
			    ".containerd.runtimes.kata-qemu]\n"
			    "runtime_type = '/usr/local/bin/theirs'\n");
		assert_int_equal(plan(f, versions[i], HANDLERS_ABSENT), 0);
		assert_false(edit_is_needed(&f->edit));
	}
}

/* ---- texts ---- */

static void test_text_with_nul_is_refused(void **state)
{
	static const char text[] = "version = 2\n# a\0b\nroot = '/r'\n";
	struct fixture *f = *state;
	_free_ char *path = path_join(f->dir, "config.toml");

	assert_int_equal(file_replace(path, text, sizeof(text) - 1, 0644, &f->e), 0);
	assert_int_equal(plan(f, "1.6.20", HANDLERS_PRESENT), -EINVAL);
	assert_has(f->e.msg, "NUL");
}

static void test_drop_in_of_a_newer_engine_goes_with_an_older_one(void **state)
{
	struct fixture *f = *state;

	put_main(f, "version = 2\n[" CRI2 ".containerd.runtimes.runc]\nruntime_type = 'r'\n");
	assert_int_equal(plan(f, "2.1.0", HANDLERS_PRESENT), 0);
	assert_int_equal(edit_apply(&f->edit, &f->e), 0);
	assert_int_equal(plan(f, "1.7.29", HANDLERS_PRESENT), 0);
	assert_has_not(planned(f, "config.toml"), "imports");
	assert_has(planned(f, "config.toml"), "BEGIN");
	assert_string_equal(planned(f, "kata-deploy.toml"), "");
}

static void test_import_that_others_wrote_differently_is_found(void **state)
{
	static const char *const texts[][2] = {
		{ "imports = ['/a', '@/conf.d/kata-deploy.toml']\n", "imports = ['/a']\n" },
		{ "imports = [\n  '@/conf.d/kata-deploy.toml', # ours\n  '/a',\n]\n",
		  "imports = [\n  # ours\n  '/a',\n]\n" },
		{ "imports = [ # ]'\n  '/a' ,'@/conf.d/kata-deploy.toml' ]\n",
		  "imports = [ # ]'\n  '/a'  ]\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		folder_put(f->dir, "conf.d/kata-deploy.toml", "");
		put_main(f, texts[i][0]);
		if (plan(f, "2.1.0", HANDLERS_ABSENT) < 0)
			fail_msg("%s", f->e.msg);
		assert_string_equal(planned(f, "config.toml"), texts[i][1]);
	}
}

/* ---- files that are not there ---- */

static void test_missing_import_is_named(void **state)
{
	struct fixture *f = *state;
	_containerd_files_ struct containerd_files files = { 0 };

	put_main(f, "version = 3\nimports = ['@/gone.toml', 'none/*.toml', 'also.toml']\n");
	folder_put(f->dir, "also.toml", "imports = ['gone-too.toml']\n");
	f->engine.major = 2;
	assert_int_equal(containerd_load(&f->engine, NULL, &files, &f->e), 0);
	assert_int_equal(strv_len(files.missing), 2);
	assert_has(files.missing[0], "/gone.toml', which '");
	assert_has(files.missing[1], "/also.toml' imports");
	assert_int_equal(files.n, 2);
}

static void test_files_that_import_each_other_are_read_once(void **state)
{
	struct fixture *f = *state;
	_containerd_files_ struct containerd_files files = { 0 };

	put_main(f, "imports = ['@/a.toml']\n");
	folder_put(f->dir, "a.toml", "imports = ['config.toml', 'a.toml']\n");
	assert_int_equal(containerd_load(&f->engine, NULL, &files, &f->e), 0);
	assert_int_equal(files.n, 2);
}

/* ---- a containerd without CRI ---- */

static void test_containerd_without_cri_is_refused_and_cleaned(void **state)
{
	static const struct {
		const char *text, *version;
		int result;
	} cases[] = {
		{ "# Docker's\n\ndisabled_plugins = [\"cri\"]\n\n#[grpc]\n", "1.7.29", -ENOTSUP },
		{ "disabled_plugins = [\"cri\"]\n", "2.2.0", -ENOTSUP },
		{ "version = 2\ndisabled_plugins = ['a', 'io.containerd.grpc.v1.cri']\n", "1.6.20",
		  -ENOTSUP },
		{ "version = 2\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n", "2.0.5",
		  -ENOTSUP },
		{ "version = 3\ndisabled_plugins = ['io.containerd.cri.v1.runtime']\n", "2.1.0",
		  -ENOTSUP },
		{ "version = 3\ndisabled_plugins = ['io.containerd.cri.v1.images']\n", "2.4.2",
		  -ENOTSUP },
		{ "version = 2\ndisabled_plugins = ['io.containerd.cri.v1.images']\n", "1.7.29",
		  0 },
		{ "version = 3\ndisabled_plugins = ['io.containerd.snapshotter.v1.zfs']\n", "2.1.0",
		  0 },
		{ "version = 3\nimports = ['@/other.toml']\n", "2.1.0", -ENOTSUP },
	};
	struct fixture *f = *state;

	folder_put(f->dir, "other.toml", "disabled_plugins = ['cri']\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put_main(f, cases[i].text);
		assert_int_equal(plan(f, cases[i].version, HANDLERS_PRESENT), cases[i].result);
		if (cases[i].result < 0)
			assert_has(f->e.msg, "nodeSelector");
		assert_int_equal(plan(f, cases[i].version, HANDLERS_ABSENT), 0);
		assert_false(edit_is_needed(&f->edit));
	}
}

/* ---- what containerd makes of it ---- */

static void test_comparison_names_what_changes_and_ignores_ours(void **state)
{
	static const struct {
		const char *after;
		const char *where; /* NULL: the same */
	} cases[] = {
		{ "imports = ['x']\n[p.runtimes.runc]\nt = 'r'\n", NULL },
		{ "[p.runtimes.runc]\nt = 'r'\nempty = ''\n[p.runtimes.kata-qemu]\nt = 'k'\n",
		  NULL },
		{ "[p.runtimes.runc]\nt = 'r'\n[p.runtimes.runc.o]\nx = 0\ny = []\n", NULL },
		{ "[p.runtimes.runc]\nt = 'other'\n", "p > runtimes > runc > t" },
		{ "[p.runtimes.kata-qemu]\nt = 'k'\n", "p > runtimes" },
		{ "[p.runtimes.runc]\nt = 'r'\nnew = true\n", "p > runtimes > runc > new" },
		{ "[p]\nkata-x = 'y'\n[p.runtimes.runc]\nt = 'r'\n", "p > kata-x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e;
		int r = containerd_compare(NULL, "[p.runtimes.runc]\nt = 'r'\n", cases[i].after,
					   &e);

		assert_int_equal(r, cases[i].where ? -EINVAL : 0);
		if (cases[i].where)
			assert_has(e.msg, cases[i].where);
	}
}

static void test_comparison_guards_another_installation(void **state)
{
	static const char before[] =
		"[p.runtimes.kata-qemu]\nt = 'a'\n"
		"[p.runtimes.kata-qemu-blue]\nt = 'b'\n";
	static const char after[] = "[p.runtimes.kata-qemu]\nt = 'a'\n";
	struct scope scope = { .owner = &test_owner, .root = "/opt/kata" };
	struct error e;

	(void)state;
	assert_int_equal(containerd_compare(&scope, before, after, &e), 0);
	strv_add(&scope.others, "kata-qemu-blue");
	assert_int_equal(containerd_compare(&scope, before, after, &e), -EINVAL);
	assert_has(e.msg, "kata-qemu-blue");
	scope_done(&scope);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_drop_in_speaks_as_the_last_file_does),
		T(test_containerd1_keeps_its_own_handler_where_no_table_names_it),
		T(test_containerd1_with_handlers_gets_none_but_ours),
		T(test_handler_of_our_name_gives_way_wherever_it_is),
		T(test_handler_within_a_value_is_refused),
		T(test_handlers_without_marks_are_ours_by_what_they_mean),
		T(test_removal_leaves_a_handler_of_our_name_that_leads_elsewhere),
		T(test_text_with_nul_is_refused),
		T(test_drop_in_of_a_newer_engine_goes_with_an_older_one),
		T(test_import_that_others_wrote_differently_is_found),
		T(test_missing_import_is_named),
		T(test_files_that_import_each_other_are_read_once),
		T(test_containerd_without_cri_is_refused_and_cleaned),
		T(test_comparison_guards_another_installation),
		T(test_comparison_names_what_changes_and_ignores_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
