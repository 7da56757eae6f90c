/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_containerd - edits of containerd's configuration: what is ours comes and goes, the rest
 * stays.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/engine.h"
#include "lib/toml.h"

#define RUNTIMES1 "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes"
#define RUNTIMES2 "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes"

static const struct handler handlers[] = {
	{ "kata-qemu", "/opt/kata/bin/containerd-shim-kata-v2", "/opt/kata/share/c.toml",
	  "/etc/kata/launcher", NULL },
};
/* What a removal knows: it reads no configuration. */
static const struct handler known[] = {
	{ "kata-qemu", "/opt/kata/bin/containerd-shim-kata-v2", NULL, "/etc/kata/launcher", NULL },
};

struct fixture {
	char *dir;
	char *main_path;
	char *drop_in;
	struct engine engine;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error e;

	f->dir = folder_new();
	f->main_path = path_join(f->dir, "config.toml");
	f->drop_in = path_join(f->dir, "conf.d/kata-deploy.toml");
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

	folder_remove(f->dir);
	engine_done(&f->engine);
	free(f->main_path);
	free(f->drop_in);
	free(f);
	return 0;
}

static char *read_text(const char *path)
{
	char *text = NULL;
	struct error e;

	return file_read(path, MIB, &text, NULL, &e) < 0 ? NULL : text;
}

static void write_text(const char *path, const char *text)
{
	struct error e;

	assert_int_equal(file_replace(path, text, strlen(text), 0640, &e), 0);
}

static int try_plan(struct fixture *f, const char *version, size_t n, struct edit *ret_edit,
		    struct error *e)
{
	const struct handlers all = {
		.list = n > 0 ? handlers : known,
		.n = ARRAY_SIZE(handlers),
		.presence = n > 0 ? HANDLERS_PRESENT : HANDLERS_ABSENT,
	};
	int r = engine_set_version(&f->engine, version, e);

	return r < 0 ? r : f->engine.driver->plan(&f->engine, &all, ret_edit, e);
}

static void plan(struct fixture *f, const char *version, size_t n, struct edit *ret_edit)
{
	struct error e;

	if (try_plan(f, version, n, ret_edit, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Plans and applies N handlers for VERSION.  Returns whether anything had to change. */
static bool edit(struct fixture *f, const char *version, size_t n)
{
	_edit_ struct edit edit = { 0 };
	struct error e = { 0 };

	plan(f, version, n, &edit);
	if (edit_apply(&edit, &e) < 0)
		fail_msg("%s", e.msg);
	return edit_is_needed(&edit);
}

/* Makes it impossible, for root as well, to replace the file at PATH: a folder has the name of the
 * temporary file. */
static void block(const char *path)
{
	_free_ char *temporary = xasprintf("%s.tmp-%d", path, (int)getpid());
	struct error e;

	assert_int_equal(dir_make(temporary, 0755, &e), 0);
}

static void unblock(const char *path)
{
	_free_ char *temporary = xasprintf("%s.tmp-%d", path, (int)getpid());

	assert_int_equal(rmdir(temporary), 0);
}

/* containerd does not start with an import of a file that is not there. */
static void assert_imports_exist(const struct fixture *f)
{
	_free_ char *text = read_text(f->main_path);

	if (text && strstr(text, f->drop_in))
		assert_true(file_exists(f->drop_in));
}

static void assert_handler(const char *path, const char *runtimes, const char *name)
{
	_cleanup_(toml_freep) struct toml *root = NULL;
	_free_ char *text = read_text(path);
	_free_ char *key = xasprintf("%s.%s.runtime_type", runtimes, name);
	struct error e;

	assert_non_null(text);
	assert_int_equal(toml_parse(text, strlen(text), path, &root, &e), 0);
	assert_non_null(toml_get(root, key));
}

static void test_containerd1_keeps_every_byte_before_our_block(void **state)
{
	struct fixture *f = *state;
	_free_ char *before = read_text(TEST_CLUSTER_CONFIG "/containerd-1.toml");
	_free_ char *with = NULL;
	_free_ char *after = NULL;
	struct stat st;

	assert_non_null(before);
	write_text(f->main_path, before);
	assert_true(edit(f, "1.6.20~ds1", 1));
	with = read_text(f->main_path);
	assert_memory_equal(with, before, strlen(before));
	assert_handler(f->main_path, RUNTIMES1, "runc");
	assert_handler(f->main_path, RUNTIMES1, "kata-qemu");
	assert_false(file_exists(f->drop_in));
	assert_int_equal(stat(f->main_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_false(edit(f, "1.6.20~ds1", 1));
	assert_true(edit(f, "1.6.20~ds1", 0));
	after = read_text(f->main_path);
	assert_string_equal(after, before);
}

static void test_containerd1_without_a_file_makes_and_removes_one(void **state)
{
	struct fixture *f = *state;

	assert_true(edit(f, "1.7.1", 1));
	assert_handler(f->main_path, RUNTIMES1, "kata-qemu");
	assert_true(edit(f, "1.7.1", 0));
	assert_false(file_exists(f->main_path));
	assert_false(edit(f, "1.7.1", 0));
}

static void test_containerd1_replaces_a_foreign_handler_of_our_name(void **state)
{
	static const char foreign[] =
		"version = 2\n"
		"[" RUNTIMES1
		".kata-qemu]\nruntime_type = \"old\"\n"
		"[" RUNTIMES1
		".kata-qemu.options]\nConfigPath = \"old\"\n"
		"[" RUNTIMES1 ".crun]\nruntime_type = \"crun\"\n";
	struct fixture *f = *state;
	_free_ char *text = NULL;

	write_text(f->main_path, foreign);
	assert_true(edit(f, "1.6.0", 1));
	assert_handler(f->main_path, RUNTIMES1, "crun");
	assert_handler(f->main_path, RUNTIMES1, "kata-qemu");
	text = read_text(f->main_path);
	assert_null(strstr(text, "\"old\""));
}

static void test_containerd1_leaves_the_block_where_somebody_wrote_behind_it(void **state)
{
	static const char found[] = "version = 2\n[" RUNTIMES1 ".runc]\nruntime_type = \"r\"\n";
	static const struct {
		const char *text;
		bool is_moved;
	} cases[] = {
		{ "# a comment\n", false },
		{ "\n# a comment\n[debug]\nlevel = \"info\"\n", false },
		{ "[" RUNTIMES1 ".crun]\nruntime_type = \"c\"\n", false },
		{ "runtime_root = \"it would be ours\"\n", true },
		{ "[" RUNTIMES1 ".kata-qemu.more]\na = 1\n", true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *installed = NULL;
		_free_ char *expected = NULL;
		_free_ char *changed = NULL;
		_free_ char *now = NULL;

		write_text(f->main_path, found);
		assert_true(edit(f, "1.7.29", 1));
		installed = read_text(f->main_path);
		changed = xasprintf("%s%s", installed, cases[i].text);
		write_text(f->main_path, changed);
		if (edit(f, "1.7.29", 1) != cases[i].is_moved)
			fail_msg("case %zu", i);
		assert_false(edit(f, "1.7.29", 1));
		assert_handler(f->main_path, RUNTIMES1, "kata-qemu");
		assert_true(edit(f, "1.7.29", 0));
		now = read_text(f->main_path);
		expected = xasprintf("%s%s", found, i < 4 ? cases[i].text : "");
		assert_string_equal(now, expected);
	}
}

static void test_containerd1_of_the_oldest_format_uses_its_names(void **state)
{
	struct fixture *f = *state;

	write_text(f->main_path, "[plugins.cri.containerd.runtimes.runc]\nruntime_type = \"r\"\n");
	assert_true(edit(f, "1.6.0", 1));
	assert_handler(f->main_path, "plugins.cri.containerd.runtimes", "kata-qemu");
}

/* There the version that an imported file says is that of the main one, too. */
static void test_containerd1_uses_the_names_of_what_is_imported(void **state)
{
	struct fixture *f = *state;
	_free_ char *text = xasprintf("imports = [\"%s/a.toml\"]\n", f->dir);

	write_text(f->main_path, text);
	folder_put(f->dir, "a.toml", "version = 2\n");
	assert_true(edit(f, "1.6.20", 1));
	assert_handler(f->main_path, RUNTIMES1, "kata-qemu");
}

static void test_containerd1_with_half_a_block_is_refused(void **state)
{
	struct fixture *f = *state;
	_edit_ struct edit edit = { 0 };
	_free_ char *text = NULL;
	char *end;
	struct error e;

	assert_true(edit_is_needed(&edit) == false);
	write_text(f->main_path, "version = 2\n");
	{
		_edit_ struct edit first = { 0 };

		assert_int_equal(try_plan(f, "1.6", 1, &first, &e), 0);
		assert_int_equal(edit_apply(&first, &e), 0);
	}
	text = read_text(f->main_path);
	end = strstr(text, "# END");
	assert_non_null(end);
	*end = '\0';
	write_text(f->main_path, text);
	assert_int_equal(try_plan(f, "1.6", 1, &edit, &e), -EINVAL);
}

static void test_containerd2_leaves_a_main_file_that_imports_the_folder(void **state)
{
	struct fixture *f = *state;
	_free_ char *text = xasprintf("version = 3\nimports = [\"%s/conf.d/*.toml\"]\n", f->dir);
	_free_ char *with = NULL;
	_free_ char *ours = NULL;
	_free_ char *after = NULL;

	write_text(f->main_path, text);
	assert_true(edit(f, "v2.4.2", 1));
	with = read_text(f->main_path);
	assert_string_equal(with, text);
	assert_handler(f->drop_in, RUNTIMES2, "kata-qemu");
	ours = read_text(f->drop_in);
	assert_non_null(strstr(ours, "runtime_path = \"/etc/kata/launcher\"\n"));
	assert_null(strstr(ours, "options"));
	assert_false(edit(f, "v2.4.2", 1));
	assert_true(edit(f, "v2.4.2", 0));
	assert_false(file_exists(f->drop_in));
	after = read_text(f->main_path);
	assert_string_equal(after, text);
}

static void test_containerd2_adds_its_import_beside_others(void **state)
{
	struct fixture *f = *state;
	static const char text[] =
		"version = 2\n# mine\nimports = [\"/x/y.toml\"] # why\nroot = \"/r\"\n";
	_free_ char *with = NULL;
	_free_ char *after = NULL;

	write_text(f->main_path, text);
	assert_true(edit(f, "containerd://2.1.0", 1));
	with = read_text(f->main_path);
	assert_non_null(strstr(with, f->drop_in));
	assert_non_null(strstr(with, "\"/x/y.toml\""));
	assert_non_null(strstr(with, "# mine"));
	assert_handler(f->drop_in, RUNTIMES1, "kata-qemu");
	assert_false(edit(f, "containerd://2.1.0", 1));
	assert_true(edit(f, "containerd://2.1.0", 0));
	after = read_text(f->main_path);
	assert_string_equal(after, text);
}

static void test_containerd2_without_a_file_makes_and_removes_one(void **state)
{
	struct fixture *f = *state;

	assert_true(edit(f, "2.0.0", 1));
	assert_true(file_exists(f->main_path));
	assert_handler(f->drop_in, RUNTIMES2, "kata-qemu");
	assert_false(edit(f, "2.0.0", 1));
	assert_true(edit(f, "2.0.0", 0));
	assert_false(file_exists(f->main_path));
	assert_false(file_exists(f->drop_in));
}

static void test_a_handler_may_have_a_snapshotter(void **state)
{
	static const char line[] = "\nsnapshotter = \"nydus\"\n";
	static const char platform[] =
		"[plugins.\"io.containerd.cri.v1.images\".runtime_platforms.kata-qemu]"
		"\nsnapshotter = \"nydus\"\n";
	static const struct {
		const char *version, *main_text;
		bool has_platform;
	} cases[] = {
		{ "1.7.29", "version = 2\n", false },
		{ "2.0.5", "version = 2\n", false },
		{ "2.4.2", "version = 3\n", true },
	};
	struct handler handler = handlers[0];
	const struct handlers all = { &handler, 1, HANDLERS_PRESENT };
	struct fixture *f = *state;
	struct error e;

	handler.snapshotter = "nydus";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_edit_ struct edit edit = { 0 };
		const char *text;

		write_text(f->main_path, cases[i].main_text);
		assert_int_equal(engine_set_version(&f->engine, cases[i].version, &e), 0);
		assert_int_equal(f->engine.driver->plan(&f->engine, &all, &edit, &e), 0);
		text = edit.files[edit.n_files - 1].new_text;
		assert_non_null(strstr(text, line));
		assert_int_equal(strstr(text, platform) != NULL, cases[i].has_platform);
	}
}

static void test_snapshotter_that_containerd_would_ignore_is_refused(void **state)
{
	struct handler handler = handlers[0];
	const struct handlers all = { &handler, 1, HANDLERS_PRESENT };
	struct fixture *f = *state;
	_edit_ struct edit edit = { 0 };
	struct error e;

	handler.snapshotter = "nydus";
	assert_int_equal(engine_set_version(&f->engine, "1.6.20", &e), 0);
	assert_int_equal(f->engine.driver->plan(&f->engine, &all, &edit, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "1.7"));
}

static void test_configuration_that_does_not_parse_is_refused(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.4.2" };
	struct fixture *f = *state;

	write_text(f->main_path, "version = 2\n[plugins\n");
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_edit_ struct edit edit = { 0 };
		struct error e;

		assert_true(try_plan(f, versions[i], 1, &edit, &e) < 0);
		assert_non_null(strstr(e.msg, "config.toml:2"));
	}
}

static void test_configuration_with_no_such_version_is_refused(void **state)
{
	static const char *const texts[] = { "version = -6\n", "version = '2'\n",
					     "version = -9223372036854775808\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_edit_ struct edit edit = { 0 };
		struct error e;

		write_text(f->main_path, texts[i]);
		assert_int_equal(try_plan(f, "1.6.20", 1, &edit, &e), -EINVAL);
		assert_non_null(strstr(e.msg, "config.toml', line 1"));
	}
}

static void test_edit_takes_as_many_files_as_there_are(void **state)
{
	struct fixture *f = *state;
	_edit_ struct edit edit = { 0 };
	struct error e;

	for (int i = 0; i < 100; i++) {
		_free_ char *path = xasprintf("%s.%d", f->main_path, i);

		assert_non_null(edit_add(&edit, path, &e));
	}
	assert_int_equal(edit.n_files, 100);
}

static void test_runtime_that_is_not_supported_is_named(void **state)
{
	static const char *const cases[] = { "cri-o://1.30.0", "containerd://3.0.0", "x", "" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e;

		assert_true(engine_set_version(&f->engine, cases[i], &e) < 0);
	}
}

static void test_edit_is_taken_back_from_what_was_saved(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	_free_ char *after = NULL;
	struct error e;

	write_text(f->main_path, "version = 3\n");
	assert_int_equal(try_plan(f, "2.0", 1, &edit, &e), 0);
	edit_save(&edit, data);
	assert_int_equal(edit_apply(&edit, &e), 0);
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 1);
	assert_int_equal(edit_restore(data, NULL, NULL, &e), 0);
	after = read_text(f->main_path);
	assert_string_equal(after, "version = 3\n");
	assert_false(file_exists(f->drop_in));
}

/* A step to N handlers that fails at either file, and its undo that fails at either. */
static void check_imports_on_the_way_to(struct fixture *f, size_t n)
{
	const char *const paths[] = { f->main_path, f->drop_in };
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	plan(f, "2.0", n, &edit);
	edit_save(&edit, data);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		block(paths[i]);
		(void)edit_apply(&edit, &e);
		assert_imports_exist(f);
		unblock(paths[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_true(edit_apply(&edit, &e) >= 0);
		block(paths[i]);
		(void)edit_restore(data, NULL, NULL, &e);
		assert_imports_exist(f);
		unblock(paths[i]);
	}
	assert_true(edit_restore(data, NULL, NULL, &e) >= 0);
	assert_imports_exist(f);
}

static void test_containerd2_never_imports_a_file_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	write_text(f->main_path, "version = 3\n");
	check_imports_on_the_way_to(f, 1);
	assert_false(file_exists(f->drop_in));
	assert_true(edit(f, "2.0", 1));
	check_imports_on_the_way_to(f, 0);
	assert_true(file_exists(f->drop_in));
}

static void test_containerd2_drop_in_goes_after_its_import(void **state)
{
	struct fixture *f = *state;
	_edit_ struct edit removal = { 0 };
	struct error e;

	write_text(f->main_path, "version = 3\n");
	assert_true(edit(f, "2.0", 1));
	plan(f, "2.0", 0, &removal);
	block(f->main_path);
	assert_true(edit_apply(&removal, &e) < 0);
	assert_true(file_exists(f->drop_in));
}

static void test_containerd2_import_comes_back_after_its_drop_in(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	_edit_ struct edit removal = { 0 };
	_free_ char *text = NULL;
	struct error e;

	write_text(f->main_path, "version = 3\n");
	assert_true(edit(f, "2.0", 1));
	plan(f, "2.0", 0, &removal);
	edit_save(&removal, data);
	assert_int_equal(edit_apply(&removal, &e), 0);
	block(f->drop_in);
	assert_true(edit_restore(data, NULL, NULL, &e) < 0);
	text = read_text(f->main_path);
	assert_string_equal(text, "version = 3\n");
}

/* The folder of a link's target is often not mounted into the pod. */
static void test_link_that_leads_nowhere_is_refused_and_stays(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.4.2" };
	struct fixture *f = *state;
	char target[64] = "";

	assert_int_equal(symlink("/nowhere/config.toml", f->main_path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_edit_ struct edit edit = { 0 };
		struct error e;

		assert_int_equal(try_plan(f, versions[i], 1, &edit, &e), -ENOTSUP);
		assert_non_null(strstr(e.msg, f->main_path));
		assert_non_null(strstr(e.msg, "'/nowhere/config.toml'"));
	}
	assert_true(readlink(f->main_path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/nowhere/config.toml");
}

static void test_link_stays_and_its_target_is_edited(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.0.0" };
	struct fixture *f = *state;
	_free_ char *target = path_join(f->dir, "shared/main.toml");
	_free_ char *middle = path_join(f->dir, "other.toml");

	folder_put(f->dir, "shared/main.toml", "version = 2\n");
	assert_int_equal(symlink("shared/main.toml", middle), 0);
	assert_int_equal(symlink(middle, f->main_path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_json_ struct json_object *data = json_object_new_object();
		_edit_ struct edit install = { 0 };
		_free_ char *with = NULL;
		_free_ char *after = NULL;
		struct error e;
		struct stat st;

		plan(f, versions[i], 1, &install);
		edit_save(&install, data);
		assert_int_equal(edit_apply(&install, &e), 0);
		assert_int_equal(lstat(f->main_path, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
		with = read_text(target);
		assert_non_null(strstr(with, "kata"));
		assert_int_equal(edit_restore(data, NULL, NULL, &e), 1);
		after = read_text(target);
		assert_string_equal(after, "version = 2\n");
		assert_int_equal(lstat(f->main_path, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
	}
}

/* A node whose containerd was upgraded in place. */
static void test_block_of_containerd1_goes_with_containerd2(void **state)
{
	static const char *const olds[] = { "version = 2\nroot = \"/r\"\n", NULL };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(olds); i++) {
		_free_ char *upgraded = NULL;
		_free_ char *after = NULL;
		_free_ char *removed = NULL;

		(void)unlink(f->main_path);
		if (olds[i])
			write_text(f->main_path, olds[i]);
		assert_true(edit(f, "1.7.1", 1));
		assert_true(edit(f, "2.1.0", 1));
		upgraded = read_text(f->main_path);
		assert_null(strstr(upgraded, "BEGIN"));
		assert_handler(f->drop_in, RUNTIMES1, "kata-qemu");
		assert_true(edit(f, "2.1.0", 0));
		after = read_text(f->main_path);
		assert_true(str_equal(after, olds[i]));
		assert_false(file_exists(f->drop_in));

		assert_true(edit(f, "1.7.1", 1));
		assert_true(edit(f, "2.1.0", 0));
		removed = read_text(f->main_path);
		assert_true(str_equal(removed, olds[i]));
	}
}

/* What containerd's filepath.Glob() does not find is no import of ours, whatever fnmatch(3) says.
 * Older ones take a relative pattern from the daemon's working folder. */
static void test_containerd2_pattern_that_misses_the_drop_in_is_not_trusted(void **state)
{
	struct fixture *f = *state;
	_free_ char *above = xasprintf("%s/*.toml", f->dir);
	_free_ char *question = xasprintf("%s/conf.d/kata-deplo?.toml", f->dir);
	const char *const patterns[] = { above, question, "conf.d/*.toml" };

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		_free_ char *text = xasprintf("version = 3\nimports = [\"%s\"]\n", patterns[i]);
		_free_ char *with = NULL;
		_free_ char *after = NULL;

		write_text(f->main_path, text);
		assert_true(edit(f, "2.0", 1));
		with = read_text(f->main_path);
		assert_non_null(strstr(with, f->drop_in));
		assert_non_null(strstr(with, patterns[i]));
		assert_false(edit(f, "2.0", 1));
		assert_true(edit(f, "2.0", 0));
		after = read_text(f->main_path);
		assert_string_equal(after, text);
	}
}

static void test_containerd2_relative_import_goes_with_the_drop_in(void **state)
{
	struct fixture *f = *state;
	_free_ char *after = NULL;
	_free_ char *with = NULL;
	static const char text[] = "version = 3\nimports = [\"conf.d/kata-deploy.toml\"]\n";

	folder_put(f->dir, "conf.d/kata-deploy.toml", "");
	write_text(f->main_path, text);
	assert_true(edit(f, "2.0", 1));
	with = read_text(f->main_path);
	assert_string_equal(with, text);
	assert_true(edit(f, "2.0", 0));
	after = read_text(f->main_path);
	assert_string_equal(after, "version = 3\n");
}

static void test_edit_of_somebody_else_is_not_overwritten(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.0.0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_edit_ struct edit install = { 0 };
		_free_ char *after = NULL;
		struct error e;

		write_text(f->main_path, "version = 2\n");
		plan(f, versions[i], 1, &install);
		write_text(f->main_path, "version = 2\nroot = \"/r\"\n");
		assert_int_equal(edit_apply(&install, &e), -EAGAIN);
		assert_non_null(strstr(e.msg, f->main_path));
		after = read_text(f->main_path);
		assert_string_equal(after, "version = 2\nroot = \"/r\"\n");
		assert_false(file_exists(f->drop_in));
	}
}

/* Adds TEXT to the main file, as another program or a person does while we work. */
static void append(const struct fixture *f, const char *text)
{
	_free_ char *now = read_text(f->main_path);
	_free_ char *longer = xasprintf("%s%s", now ? now : "", text);

	write_text(f->main_path, longer);
}

/* Plans N handlers and applies them, saved for the undo. */
static struct json_object *edit_saved(struct fixture *f, const char *version, size_t n)
{
	struct json_object *data = json_object_new_object();
	_edit_ struct edit edit = { 0 };
	struct error e;

	plan(f, version, n, &edit);
	edit_save(&edit, data);
	if (edit_apply(&edit, &e) < 0)
		fail_msg("%s", e.msg);
	return data;
}

static int undo(const struct fixture *f, struct json_object *data)
{
	struct error e = { 0 };
	int r = edit_restore(data, f->engine.driver->merge, &f->engine, &e);

	if (r < 0)
		fail_msg("%s", e.msg);
	return r;
}

#define FOREIGN "[proxy_plugins.x]\naddress = \"/x\"\n"

static void test_undo_keeps_what_somebody_else_added(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.0.0" };
	static const char *const olds[] = { "version = 2\n", NULL };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions) * ARRAY_SIZE(olds); i++) {
		const char *version = versions[i / 2];
		const char *before = olds[i % 2];
		_json_ struct json_object *data = NULL;
		_free_ char *after = NULL;

		(void)unlink(f->main_path);
		if (before)
			write_text(f->main_path, before);
		data = edit_saved(f, version, 1);
		append(f, FOREIGN);
		assert_int_equal(undo(f, data), 1);
		assert_int_equal(undo(f, data), 0);
		after = read_text(f->main_path);
		assert_true(str_ends(after, "\n" FOREIGN));
		assert_null(strstr(after, "kata-qemu"));
		assert_null(strstr(after, "imports"));
		assert_false(edit(f, version, 0));
		assert_false(file_exists(f->drop_in));
	}
}

/* The undo of a removal, or of an upgrade to other handlers. */
static void test_undo_brings_our_part_back_beside_what_somebody_else_added(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.0.0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_json_ struct json_object *data = NULL;
		_free_ char *after = NULL;

		write_text(f->main_path, "version = 2\n");
		assert_true(edit(f, versions[i], 1));
		data = edit_saved(f, versions[i], 0);
		append(f, FOREIGN);
		assert_int_equal(undo(f, data), 1);
		assert_int_equal(undo(f, data), 0);
		after = read_text(f->main_path);
		assert_non_null(strstr(after, FOREIGN));
		assert_false(edit(f, versions[i], 1));
		assert_true(edit(f, versions[i], 0));
	}
}

/* The first installation on a containerd that was upgraded in place. */
static void test_undo_brings_the_block_of_containerd1_back(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = NULL;
	_free_ char *after = NULL;

	write_text(f->main_path, "version = 2\n");
	assert_true(edit(f, "1.7.1", 1));
	data = edit_saved(f, "2.0.0", 1);
	append(f, FOREIGN);
	assert_int_equal(undo(f, data), 1);
	after = read_text(f->main_path);
	assert_true(str_starts(after, "version = 2\n" FOREIGN "# BEGIN"));
	assert_null(strstr(after, f->drop_in));
	assert_false(file_exists(f->drop_in));
	assert_false(edit(f, "1.7.1", 1));
}

/* Killed before it wrote anything, or refused because of that very edit. */
static void test_undo_of_what_did_not_happen_leaves_somebody_elses_edit(void **state)
{
	static const char *const versions[] = { "1.6.20", "2.0.0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_json_ struct json_object *data = json_object_new_object();
		_edit_ struct edit install = { 0 };
		_free_ char *after = NULL;

		write_text(f->main_path, "version = 2\n");
		plan(f, versions[i], 1, &install);
		edit_save(&install, data);
		append(f, FOREIGN);
		assert_int_equal(undo(f, data), 0);
		after = read_text(f->main_path);
		assert_string_equal(after, "version = 2\n" FOREIGN);
	}
}

static void test_journal_of_an_older_version_is_understood(void **state)
{
	struct fixture *f = *state;
	_json_ struct json_object *data = json_object_new_object();
	struct json_object *file = json_object_new_object();
	_free_ char *after = NULL;

	json_set_str(file, "path", f->main_path);
	json_set_str(file, "text", "version = 2\n");
	json_set_int(file, "mode", 0600);
	(void)json_object_array_add(json_set_array(data, "files"), file);
	write_text(f->main_path, "version = 2\n" FOREIGN);
	assert_int_equal(undo(f, data), 1);
	after = read_text(f->main_path);
	assert_string_equal(after, "version = 2\n");
}

static void test_version_is_compared_by_the_numbers_it_has(void **state)
{
	static const struct {
		const char *ours, *kubelets;
		int wanted;
	} cases[] = {
		{ "1.7", "containerd://1.7", 0 },
		{ "1.7", "containerd://1.7.2", -EINVAL },
		{ "1.7.20~ds1", "containerd://1.7.20", 0 },
		{ "2", "containerd://2", 0 },
		{ "2.1.0", "containerd://Unknown", 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *kubelets = xstrdup(cases[i].kubelets);
		struct error e = { 0 };

		assert_int_equal(engine_set_version(&f->engine, cases[i].ours, &e), 0);
		assert_int_equal(engine_must_be(&f->engine, kubelets, &e), cases[i].wanted);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_containerd1_keeps_every_byte_before_our_block),
		T(test_containerd1_without_a_file_makes_and_removes_one),
		T(test_containerd1_replaces_a_foreign_handler_of_our_name),
		T(test_containerd1_leaves_the_block_where_somebody_wrote_behind_it),
		T(test_containerd1_of_the_oldest_format_uses_its_names),
		T(test_containerd1_uses_the_names_of_what_is_imported),
		T(test_containerd1_with_half_a_block_is_refused),
		T(test_containerd2_leaves_a_main_file_that_imports_the_folder),
		T(test_containerd2_adds_its_import_beside_others),
		T(test_containerd2_without_a_file_makes_and_removes_one),
		T(test_a_handler_may_have_a_snapshotter),
		T(test_snapshotter_that_containerd_would_ignore_is_refused),
		T(test_configuration_that_does_not_parse_is_refused),
		T(test_configuration_with_no_such_version_is_refused),
		T(test_edit_takes_as_many_files_as_there_are),
		T(test_runtime_that_is_not_supported_is_named),
		T(test_edit_is_taken_back_from_what_was_saved),
		T(test_containerd2_never_imports_a_file_that_is_not_there),
		T(test_containerd2_drop_in_goes_after_its_import),
		T(test_containerd2_import_comes_back_after_its_drop_in),
		T(test_link_that_leads_nowhere_is_refused_and_stays),
		T(test_link_stays_and_its_target_is_edited),
		T(test_block_of_containerd1_goes_with_containerd2),
		T(test_containerd2_pattern_that_misses_the_drop_in_is_not_trusted),
		T(test_containerd2_relative_import_goes_with_the_drop_in),
		T(test_edit_of_somebody_else_is_not_overwritten),
		T(test_undo_keeps_what_somebody_else_added),
		T(test_undo_brings_our_part_back_beside_what_somebody_else_added),
		T(test_undo_brings_the_block_of_containerd1_back),
		T(test_undo_of_what_did_not_happen_leaves_somebody_elses_edit),
		T(test_journal_of_an_older_version_is_understood),
		T(test_version_is_compared_by_the_numbers_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
