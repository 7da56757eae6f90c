/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_manager - this machine's own configuration of sandboxes, as kata-manager keeps it.
 */

#include "tests/unit/folder.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "lib/host/lock.h"
#include "manager/configuration.h"
#include "manager/show.h"

#define DELIVERED "share/defaults/kata-containers/configuration-qemu.toml"
#define TEXT      "[hypervisor.qemu]\nallow_emulation = false\n"
#define KEY       "hypervisor.qemu.default_memory"
#define HOLD_MS   300
#define WAIT_MS   20000

/* A machine below DIR, with version 1 among its versions as one that shall be current. */
static void machine_in(const char *dir, struct machine *k)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	const struct options o = { .root = root, .etc = etc };
	char digest[SHA256_HEX + 1];
	_free_ char *body = NULL;
	_free_ char *text = NULL;
	_free_ char *file = NULL;
	struct error e;

	assert_int_equal(machine_open(&o, k, &e), 0);
	sha256_bytes(TEXT, strlen(TEXT), digest);
	body = xasprintf("kata-manifest 1\nversion 1\narch x86_64\nfile 644 %zu %s " DELIVERED "\n",
			 strlen(TEXT), digest);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	if (manifest_parse(text, strlen(text), "MANIFEST", &k->release, &e) < 0)
		fail_msg("%s", e.msg);
	k->folder = xstrdup("1-aaaaaaaaaaaa");
	k->version_dir = path_join(root, "versions/1-aaaaaaaaaaaa");
	file = xasprintf("kata/versions/1-aaaaaaaaaaaa/" DELIVERED);
	folder_put(dir, file, TEXT);
}

/* The text of the file NAME in ETC as planned; NULL: none. */
static const char *planned(const struct machine *k, const char *name)
{
	for (size_t i = 0; i < k->configuration.n_files; i++)
		if (str_ends(k->configuration.files[i].path, name))
			return k->configuration.files[i].new_text;
	return NULL;
}

static void test_a_copy_is_there_while_something_differs(void **state)
{
	static const struct {
		const char *own;    /* our drop-in */
		const char *others; /* somebody's */
		bool is_copied;
	} cases[] = {
		{ NULL, NULL, false },
		{ "[hypervisor.qemu]\nallow_emulation = true\n", NULL, true },
		{ NULL, "[agent.kata]\nenable_debug = true\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *dir = folder_new();
		_machine_ struct machine k = { 0 };
		struct error e;

		machine_in(dir, &k);
		if (cases[i].own)
			folder_put(dir, "etc/config.d/50-kata-manager.toml", cases[i].own);
		if (cases[i].others)
			folder_put(dir, "etc/config.d/70-theirs.toml", cases[i].others);
		assert_int_equal(configuration_plan(&k, HANDLERS_PRESENT, &e), 0);
		assert_int_equal(planned(&k, "/configuration.toml") != NULL, cases[i].is_copied);
		if (cases[i].is_copied)
			assert_true(str_ends(planned(&k, "/configuration.toml"), TEXT));
		assert_int_equal(configuration_allows_emulation(&k), cases[i].own != NULL);
		folder_remove(dir);
	}
}

static void test_the_last_drop_in_by_name_allows_emulation(void **state)
{
	static const struct {
		const char *theirs;
		bool allows;
	} cases[] = {
		{ "etc/config.d/10-theirs.toml", true },
		{ "etc/config.d/70-theirs.toml", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *dir = folder_new();
		_machine_ struct machine k = { 0 };
		struct error e;

		machine_in(dir, &k);
		folder_put(dir, "etc/config.d/50-kata-manager.toml",
			   "[hypervisor.qemu]\nallow_emulation = true\n");
		folder_put(dir, cases[i].theirs, "[hypervisor.qemu]\nallow_emulation = false\n");
		assert_int_equal(configuration_plan(&k, HANDLERS_PRESENT, &e), 0);
		assert_int_equal(configuration_allows_emulation(&k), cases[i].allows);
		folder_remove(dir);
	}
}

static void test_a_file_of_somebody_elses_stays_as_it_is(void **state)
{
	static const enum presence presences[] = { HANDLERS_PRESENT, HANDLERS_ABSENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(presences); i++) {
		char *dir = folder_new();
		_machine_ struct machine k = { 0 };
		_candidate_ struct candidate c = { 0 };
		struct error e;

		machine_in(dir, &k);
		folder_put(dir, "etc/configuration.toml", "# mine\n");
		folder_put(dir, "etc/config.d/50-kata-manager.toml", "[runtime]\n");
		assert_int_equal(configuration_plan(&k, presences[i], &e), 0);
		assert_string_equal(planned(&k, "/configuration.toml"), "# mine\n");
		assert_int_equal(planned(&k, "50-kata-manager.toml") != NULL,
				 presences[i] == HANDLERS_PRESENT);
		assert_int_equal(configuration_candidate(&k, &c, &e), 0);
		assert_true(strv_contains(c.texts, "# mine\n"));
		folder_remove(dir);
	}
}

static int config(const char *dir, const char *line, struct error *e)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	_free_ char *locks = path_join(dir, "lock");
	struct options o = { .root = root, .etc = etc };
	struct manager m = { .options = &o, .out = stdout };
	int r;

	assert_int_equal(setenv("KATA_LOCKS", locks, 1), 0);
	o.arguments = strv_split(line, " ");
	r = cmd_config(&m, e);
	strv_free(o.arguments);
	return r;
}

static void test_a_value_is_set_checked_and_unset(void **state)
{
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "etc/config.d/50-kata-manager.toml");
	_free_ char *text = NULL;
	_free_ char *after = NULL;
	struct error e;

	(void)state;
	assert_int_equal(config(dir, "config set " KEY " 512", &e), 0);
	assert_int_equal(file_read(path, KIB, &text, NULL, &e), 0);
	assert_non_null(strstr(text, "[hypervisor.qemu]\ndefault_memory = 512\n"));
	assert_int_equal(config(dir, "config set " KEY " lots", &e), -EINVAL);
	/* No line of another key comes along. */
	assert_int_equal(config(dir, "config set " KEY " 512\ndefault_vcpus=3", &e), -EINVAL);
	assert_int_equal(config(dir, "config set hypervisor.qemu.defaultmemory 1", &e), -EINVAL);
	assert_non_null(strstr(e.msg, "did you mean '" KEY "'?"));
	assert_int_equal(file_read(path, KIB, &after, NULL, &e), 0);
	assert_string_equal(after, text);
	assert_int_equal(config(dir, "config unset hypervisor.qemu.default_vcpus", &e), -ENOENT);
	assert_int_equal(config(dir, "config unset " KEY, &e), 0);
	assert_false(file_exists(path));
	assert_int_equal(config(dir, "config frobnicate", &e), -EINVAL);
	folder_remove(dir);
}

/* In a process of its own: holds the locks for a while, then sets another value, as `config set`
 * does, and lets go.  Says on TO when it holds them. */
static _noreturn_ void set_another(const char *dir, const char *path, int to)
{
	static const char text[] = "[hypervisor.qemu]\ndefault_vcpus = 3\n";
	_free_ char *locks = path_join(dir, "lock");
	char *const folders[] = { locks, NULL };
	struct lock *lock = NULL;
	struct error e;

	if (lock_take(folders, deadline_in(WAIT_MS), NULL, &lock, &e) < 0 ||
	    write(to, "", 1) != 1 || wait_pause(HOLD_MS, "holding", NO_DEADLINE, NULL, &e) < 0 ||
	    file_replace(path, text, strlen(text), 0644, &e) < 0)
		_exit(1);
	_exit(0);
}

static void test_a_value_that_another_sets_meanwhile_stays(void **state)
{
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "etc/config.d/50-kata-manager.toml");
	_free_ char *text = NULL;
	int fds[2], status;
	struct error e;
	char byte;
	pid_t pid;

	(void)state;
	folder_put(dir, "etc/config.d/50-kata-manager.toml", "");
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		set_another(dir, path, fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(config(dir, "config set " KEY " 512", &e), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(file_read(path, KIB, &text, NULL, &e), 0);
	assert_non_null(strstr(text, "default_vcpus = 3\n"));
	assert_non_null(strstr(text, "default_memory = 512\n"));
	(void)close(fds[0]);
	(void)close(fds[1]);
	folder_remove(dir);
}

/* In a process of its own whose terminal is TERMINAL: 0 if the answer is yes. */
static _noreturn_ void be_asked(const char *terminal)
{
	const struct options o = { 0 };
	const struct manager m = { .options = &o };
	struct error e;
	int fd;

	(void)setsid();
	fd = open(terminal, O_RDWR);
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(2);
	_exit(ask(&m, "Go?", &e) < 0);
}

static void read_until(int fd, const char *end)
{
	char text[512] = "";

	for (size_t len = 0; !strstr(text, end) && len < sizeof(text) - 1; len++)
		assert_int_equal(read(fd, text + len, 1), 1);
}

/* Who types ahead answers nothing that was not asked yet. */
static void test_only_what_comes_behind_a_question_answers_it(void **state)
{
	static const struct {
		const char *before, *behind;
		int status;
	} cases[] = { { "y\n", "n\n", 1 }, { "n\n", "y\n", 0 }, { "", "y\n", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		_close_ int kept = -1;
		int status;
		pid_t pid;

		assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
		kept = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_int_equal(write(master, cases[i].before, strlen(cases[i].before)),
				 strlen(cases[i].before));
		pid = fork();
		if (pid == 0)
			be_asked(ptsname(master));
		read_until(master, "[y/N] ");
		assert_int_equal(write(master, cases[i].behind, strlen(cases[i].behind)),
				 strlen(cases[i].behind));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), cases[i].status);
	}
}

/* What RUN says to LINE below DIR.  Caller frees. */
static char *said(const char *dir, manager_run *run, const char *line, enum view_format format)
{
	_free_ char *root = path_join(dir, "kata");
	_free_ char *etc = path_join(dir, "etc");
	struct options o = { .root = root, .etc = etc };
	struct manager m = { .options = &o, .format = format };
	char *text = NULL;
	size_t size = 0;
	struct error e;

	o.arguments = strv_split(line, " ");
	m.out = open_memstream(&text, &size);
	if (run(&m, &e) < 0)
		fail_msg("%s", e.msg);
	(void)fclose(m.out);
	strv_free(o.arguments);
	return text;
}

/* The file that KEY is from, as `config show` says it.  Caller frees. */
static char *origin(const char *dir, const char *key)
{
	_free_ char *text = said(dir, cmd_config, "config show", VIEW_JSON);
	_json_ struct json_object *all = NULL;
	struct json_object *items;
	struct error e;

	assert_int_equal(json_parse(text, strlen(text), "it", &all, &e), 0);
	items = json_at(all, "items");
	return xstrdup(json_get_str(json_find(items, "key", key), "from"));
}

static void test_values_of_the_release_are_the_default(void **state)
{
	static const char main_file[] =
		"kata/current/share/defaults/kata-containers/"
		"configuration.toml";
	char *dir = folder_new();
	_free_ char *drop_in = path_join(dir, "etc/config.d/50-kata-manager.toml");
	_free_ char *theirs = path_join(dir, "etc/configuration.toml");
	_free_ char *first = NULL, *mine = NULL, *copied = NULL, *written = NULL;

	(void)state;
	folder_put(dir, main_file, "[hypervisor.qemu]\ndefault_memory = 300\n");
	first = origin(dir, KEY);
	assert_string_equal(first, "default");
	folder_put(dir, "etc/config.d/50-kata-manager.toml",
		   "[hypervisor.qemu]\ndefault_vcpus = 2\n");
	folder_put(dir, "etc/configuration.toml",
		   "# Copied from the current version by kata-manager, at every upgrade: what "
		   "shall be different goes into config.d.\n[hypervisor.qemu]\n"
		   "default_memory = 300\n");
	mine = origin(dir, "hypervisor.qemu.default_vcpus");
	assert_string_equal(mine, drop_in);
	copied = origin(dir, KEY);
	assert_string_equal(copied, "default");
	folder_put(dir, "etc/configuration.toml", "[hypervisor.qemu]\ndefault_memory = 300\n");
	written = origin(dir, KEY);
	assert_string_equal(written, theirs);
	folder_remove(dir);
}

static void test_words_are_completed_from_the_tables(void **state)
{
	static const struct {
		const char *words;
		const char *wanted;
	} cases[] = {
		{ "in", "install\n:4\n" },
		{ "config un", "unset\n:4\n" },
		{ "config set hypervisor.qemu.default_mem", KEY "\n:4\n" },
		{ "completion f", "fish\n:4\n" },
		{ "verify 1", "1-aaaaaaaaaaaa\n:4\n" },
		{ "plan -o js", "json\n:4\n" },
		{ "install --insec", "--insecure-unsigned\n:4\n" },
		{ "install nothing", ":4\n" },
	};
	char *dir = folder_new();

	(void)state;
	folder_put(dir, "kata/versions/1-aaaaaaaaaaaa/MANIFEST", "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *line = xasprintf("__complete %s", cases[i].words);
		_free_ char *text = said(dir, cmd_complete, line, VIEW_TABLE);

		assert_string_equal(text, cases[i].wanted);
	}
	folder_remove(dir);
}

static void test_shells_get_their_scripts(void **state)
{
	char *dir = folder_new();
	_free_ char *text = said(dir, cmd_completion, "completion bash", VIEW_TABLE);

	(void)state;
	assert_non_null(strstr(text, "\ncomplete -F _kata_manager kata-manager\n"));
	folder_remove(dir);
}

static void test_a_dry_run_sets_nothing_where_nothing_is_installed(void **state)
{
	char *dir = folder_new();
	_free_ char *root = path_join(dir, "kata"), *etc = path_join(dir, "etc");
	struct options o = { .root = root, .etc = etc, .is_dry = true };
	struct manager m = { .options = &o, .out = stdout };
	struct error e;

	(void)state;
	o.arguments = strv_split("config set " KEY " 512", " ");
	assert_int_equal(cmd_config(&m, &e), EXIT_FOUND);
	assert_false(file_exists(etc));
	o.is_dry = false;
	assert_int_equal(cmd_config(&m, &e), 0);
	o.is_dry = true;
	assert_int_equal(cmd_config(&m, &e), 0);
	strv_free(o.arguments);
	folder_remove(dir);
}

static int run_manager(const char *line)
{
	_strv_ strv words = strv_split(line, " ");

	return manager_main((int)strv_len(words), words);
}

static void test_what_is_wrong_with_a_file_is_no_wrong_usage(void **state)
{
	char *dir = folder_new();
	_free_ char *line = xasprintf("kata-manager list --root %s/kata --from %s/x", dir, dir);
	_free_ char *install = xasprintf("kata-manager plan --root %s/kata --from %s/x", dir, dir);
	_free_ char *root = xasprintf("kata-manager list --root kata --from %s/x", dir);
	_free_ char *option = xasprintf("kata-manager list --root %s/kata --form x", dir);
	char text[1024] = "";

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	folder_put(dir, "x", text);
	assert_int_equal(run_manager(line), EXIT_FAILED);
	assert_int_equal(run_manager(install), EXIT_REFUSED);
	assert_int_equal(run_manager(root), EXIT_USAGE);
	assert_int_equal(run_manager(option), EXIT_USAGE);
	folder_remove(dir);
}

/* An installation of kata-deploy is not taken over, not even in a plan; nothing of it is to be
 * removed, which is no failure. */
static void test_root_of_another_program_is_refused_by_name(void **state)
{
	static const struct {
		const char *line;
		manager_run *run;
		int status;
	} cases[] = { { "rollback", cmd_rollback, -EEXIST }, { "remove", cmd_remove, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *dir = folder_new();
		_free_ char *root = path_join(dir, "kata");
		_free_ char *etc = path_join(dir, "etc");
		_free_ char *manifest = path_join(root, "versions/1-aaaaaaaaaaaa/MANIFEST");
		struct options o = { .root = root, .etc = etc, .is_dry = true };
		struct manager m = { .options = &o, .out = stdout };
		struct error e;

		folder_put(dir, "kata/versions/1-aaaaaaaaaaaa/MANIFEST", "");
		o.arguments = strv_split(cases[i].line, " ");
		assert_int_equal(cases[i].run(&m, &e), cases[i].status);
		assert_int_equal(m.is_refused, cases[i].status < 0);
		if (cases[i].status < 0)
			assert_non_null(strstr(e.msg, "an installation of kata-deploy"));
		assert_true(file_exists(manifest));
		strv_free(o.arguments);
		folder_remove(dir);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_is_there_while_something_differs),
		cmocka_unit_test(test_the_last_drop_in_by_name_allows_emulation),
		cmocka_unit_test(test_a_file_of_somebody_elses_stays_as_it_is),
		cmocka_unit_test(test_a_value_is_set_checked_and_unset),
		cmocka_unit_test(test_a_value_that_another_sets_meanwhile_stays),
		cmocka_unit_test(test_only_what_comes_behind_a_question_answers_it),
		cmocka_unit_test(test_a_dry_run_sets_nothing_where_nothing_is_installed),
		cmocka_unit_test(test_what_is_wrong_with_a_file_is_no_wrong_usage),
		cmocka_unit_test(test_root_of_another_program_is_refused_by_name),
		cmocka_unit_test(test_values_of_the_release_are_the_default),
		cmocka_unit_test(test_words_are_completed_from_the_tables),
		cmocka_unit_test(test_shells_get_their_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
