/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stale - which sandboxes are stale, and why.
 */

#include "tests/unit/folder.h"
#include "tests/unit/owner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/file.h"
#include "lib/host/intact.h"
#include "lib/host/stale-list.h"
#include "lib/host/store.h"
#include "lib/json.h"
#include "lib/rpc/proto/cri.pb-c.h"
#include "lib/wait.h"

#define OLD "1.1.0-c534ffc58182"
#define NEW "1.2.0-77aa01f0b3c4"

/* ---- one sandbox ---- */

/* "KIND: DETAIL; ..." of a sandbox with this record where the node has NOW. */
static char *causes_of(const struct record *r, const struct stale_now *now)
{
	_stale_ struct stale s = { 0 };
	_strv_ strv parts = NULL;

	stale_find(r, now, &s);
	for (size_t i = 0; i < s.n; i++)
		strv_addf(&parts, "%s: %s", stale_names[s.list[i].kind], s.list[i].detail);
	return strv_join(parts, "; ");
}

static char empty[] = "", some_path[] = "/etc/kata-containers/c.toml",
	    some_digest[] = "0123456789abcdef";

static struct record record_of(const char *folder)
{
	return (struct record){
		.id = empty,
		.version_dir = xasprintf("/opt/kata/versions/%s", folder),
		.config_source = empty,
		.config_path = some_path,
		.config_digest = some_digest,
		.configuration = empty,
		.started = empty,
	};
}

static void expect_causes(const struct record *r, const struct stale_now *now, const char *text)
{
	_free_ char *causes = causes_of(r, now);

	assert_string_equal(causes, text);
}

static void test_version_is_compared_by_its_folder(void **state)
{
	static char path[] = "/etc/kata-containers/c.toml", digest[] = "0123456789abcdef";
	struct record r = record_of(OLD);

	(void)state;
	r.config_path = path;
	r.config_digest = digest;
	expect_causes(&r, &(struct stale_now){ .current = OLD }, "");
	expect_causes(&r, &(struct stale_now){ .current = NEW }, "version: the node has " NEW);
	expect_causes(&r, &(struct stale_now){ .current = "" },
		      "version: the node has no version any more");
	expect_causes(&r, &(struct stale_now){ 0 }, "");
	free(r.version_dir);
}

struct pair {
	const char *before;
	const char *after;
	const char *text;
};

static void test_configuration_is_compared_key_by_key(void **state)
{
	static char path[] = "/etc/kata-containers/c.toml", digest[] = "0123456789abcdef";
	static const struct pair pairs[] = {
		{ "/a\nx.y = 1\n", "/b\nx.y = 1\n", "" },
		{ "/a\nx.y = 1\n/d\nx.y = 2\n", "/a\nx.y = 2\n", "" },
		{ "/a\nh.q.default_memory = 2048\n",
		  "/a\nh.q.default_memory = 2048\n/d/dropin-qemu.toml\nh.q.default_memory = 1024\n",
		  "configuration: default_memory 2048 -> 1024 in /d/dropin-qemu.toml" },
		{ "/a\nx.y = 1\n", "/a\n", "configuration: y 1 -> unset in /a" },
		{ "/a\n", "/a\nx.y = \"b = c\"\n", "configuration: y unset -> \"b = c\" in /a" },
		/* Which of the two must be said. */
		{ "/a\nx.debug = 1\ny.debug = 1\n", "/a\nx.debug = 1\ny.debug = 2\n",
		  "configuration: y.debug 1 -> 2 in /a" },
		{ "/a\nk = 1\nl = 1\n", "/a\nl = 2\nk = 2\n",
		  "configuration: k 1 -> 2 in /a, l 1 -> 2 in /a" },
		/* Of an older form: only the digest tells. */
		{ "", "/a\nx.y = 1\n",
		  "configuration: /etc/kata-containers/c.toml or a file beside it has changed "
		  "(digest 0123456789ab -> ffff)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct record r = record_of(OLD);
		struct stale_now now = { .current = OLD,
					 .config_path = path,
					 .config_digest = "ffff",
					 .configuration = pairs[i].after };

		r.config_path = path;
		r.config_digest = digest;
		r.configuration = (char *)(uintptr_t)pairs[i].before;
		expect_causes(&r, &now, pairs[i].text);
		now.config_digest = digest;
		expect_causes(&r, &now, "");
		free(r.version_dir);
	}
}

static void test_many_differences_are_counted(void **state)
{
	static char digest[] = "0123";
	_free_ char *before = NULL, *after = NULL, *causes = NULL;
	_strv_ strv a = NULL, b = NULL;
	struct record r = record_of(OLD);
	struct stale_now now = { .current = OLD, .config_digest = "ffff" };

	(void)state;
	strv_add(&a, "/f");
	strv_add(&b, "/f");
	for (int i = 0; i < 11; i++) {
		strv_addf(&a, "k%d = 1", i);
		strv_addf(&b, "k%d = 2", i);
	}
	before = strv_join(a, "\n");
	after = strv_join(b, "\n");
	r.config_digest = digest;
	r.configuration = before;
	now.configuration = after;
	causes = causes_of(&r, &now);
	assert_non_null(strstr(causes, "k7 1 -> 2 in /f, and 3 more"));
	assert_null(strstr(causes, "k8"));
	free(r.version_dir);
}

static void test_withdrawn_versions_are_an_advisory(void **state)
{
	static char digest[] = "";
	static const char *const of_old[] = { "1.1.0", OLD, "1.1.0=CVE-2026-1", OLD "=a=b" };
	static const char *const none_of_old[] = { "1.1", "1.1.0-c534", "", "=x", "1.2.0", NEW };
	struct record r = record_of(OLD);

	(void)state;
	r.config_digest = digest;
	for (size_t i = 0; i < ARRAY_SIZE(of_old); i++) {
		char *list[] = { (char *)(uintptr_t) "9.9.9", (char *)(uintptr_t)of_old[i], NULL };
		const struct stale_now now = { .current = OLD, .withdrawn = list };
		_free_ char *causes = causes_of(&r, &now);

		assert_true(str_starts(causes, "advisory: version " OLD " is withdrawn"));
		assert_true(!strchr(of_old[i], '=') || strstr(causes, strchr(of_old[i], '=') + 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(none_of_old); i++) {
		char *list[] = { (char *)(uintptr_t)none_of_old[i], NULL };

		expect_causes(&r, &(struct stale_now){ .current = OLD, .withdrawn = list }, "");
	}
	free(r.version_dir);
}

static void test_leftover_runs_nothing_old(void **state)
{
	static char digest[] = "";
	struct record r = record_of(OLD);

	(void)state;
	r.config_digest = digest;
	r.life = RECORD_GONE;
	expect_causes(&r, &(struct stale_now){ .current = NEW },
		      "leftover: its shim has ended and left its record behind");
	free(r.version_dir);
}

/* ---- a version that was changed ---- */

static void put_version(const char *root, const char *folder)
{
	_free_ char *text = NULL;
	_free_ char *body = NULL;
	_free_ char *name = xasprintf("versions/%s/MANIFEST", folder);
	_free_ char *file = xasprintf("versions/%s/share/vmlinux", folder);
	_free_ char *other = xasprintf(
		"versions/%s/share/defaults/kata-containers/"
		"configuration-qemu.toml",
		folder);
	char digest[SHA256_HEX + 1], sum[SHA256_HEX + 1], toml[SHA256_HEX + 1];
	static const char configuration[] = "[hypervisor.qemu]\ndefault_memory = 2048\n";

	sha256_bytes("kernel", 6, digest);
	sha256_bytes(configuration, strlen(configuration), toml);
	body = xasprintf(
		"kata-manifest 1\nversion 1\narch x86_64\nfile 644 6 %s share/vmlinux\n"
		"file 644 %zu %s share/defaults/kata-containers/configuration-qemu.toml\n",
		digest, strlen(configuration), toml);
	sha256_bytes(body, strlen(body), sum);
	text = xasprintf("%sdigest %s\n", body, sum);
	folder_put(root, file, "kernel");
	folder_put(root, other, configuration);
	folder_put(root, name, text);
}

static void set_mtime(const char *path, time_t seconds)
{
	const struct timespec times[] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_changed_file_of_a_version_is_found(void **state)
{
	const char *root = *state;
	_free_ char *dir = path_join(root, "versions/1");
	_free_ char *file = path_join(dir, "share/vmlinux");
	_free_ char *manifest = path_join(dir, "MANIFEST");
	_strv_ strv changes = NULL;

	put_version(root, "1");
	intact_check(dir, &changes);
	assert_null(changes);
	/* What is touched is read, and is still the same. */
	set_mtime(manifest, 1);
	intact_check(dir, &changes);
	assert_null(changes);
	folder_put(root, "versions/1/share/vmlinux", "Kernel");
	intact_check(dir, &changes);
	assert_int_equal(strv_len(changes), 1);
	assert_true(str_starts(changes[0], "share/vmlinux has other bytes (sha256 "));
	folder_put(root, "versions/1/share/vmlinux", "kernels");
	strv_free(TAKE_PTR(changes));
	intact_check(dir, &changes);
	assert_string_equal(changes[0], "share/vmlinux has another size (6 -> 7)");
	folder_put(root, "versions/1/share/vmlinux", "kernel");
	assert_int_equal(chmod(file, 0600), 0);
	strv_free(TAKE_PTR(changes));
	intact_check(dir, &changes);
	assert_string_equal(changes[0], "share/vmlinux has another mode (644 -> 600)");
	assert_int_equal(unlink(file), 0);
	strv_free(TAKE_PTR(changes));
	intact_check(dir, &changes);
	assert_string_equal(changes[0], "share/vmlinux is gone");
	assert_int_equal(unlink(manifest), 0);
	strv_free(TAKE_PTR(changes));
	intact_check(dir, &changes);
	assert_string_equal(changes[0], "MANIFEST is gone");
}

/* ---- the list ---- */

struct world {
	const char *root;
	char *records;
	char *run;
	char *proc;
	char *etc;
	char *launcher;
	char *config;
	struct scope scope;
	struct stale_handler handler;
	struct stale_places places;
};

static void world_init(struct world *w, const char *root)
{
	struct error e;

	*w = (struct world){ .root = root };
	w->records = path_join(root, "run/vc/sbs");
	w->run = path_join(root, "run");
	w->proc = path_join(root, "proc");
	w->etc = path_join(root, "etc");
	w->launcher = xasprintf("%s/etc/kata-qemu/containerd-shim-kata-v2", root);
	w->config = xasprintf("%s/share/defaults/kata-containers/configuration-qemu.toml", root);
	w->scope = (struct scope){ .owner = &test_owner, .root = root };
	w->handler = (struct stale_handler){ w->launcher, w->config };
	w->places = (struct stale_places){ .root = root,
					   .scope = &w->scope,
					   .records = w->records,
					   .run = w->run,
					   .proc = w->proc,
					   .etc = w->etc,
					   .handlers = &w->handler,
					   .n_handlers = 1 };
	put_version(root, OLD);
	put_version(root, NEW);
	assert_int_equal(store_switch(root, OLD, &e), 0);
	assert_true(store_link(root, &e) >= 0);
}

static void world_done(struct world *w)
{
	free(w->records);
	free(w->run);
	free(w->proc);
	free(w->etc);
	free(w->launcher);
	free(w->config);
}

/* The record of a sandbox of OLD that read SOURCE; the lock as its shim has it. */
static int put_sandbox(const struct world *w, const char *id, const char *source,
		       const char *configuration)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_free_ char *state = xasprintf("run/vc/sbs/%s/state.json", id);
	_free_ char *values = xasprintf("run/vc/sbs/%s/configuration", id);
	_free_ char *alive = xasprintf("%s/%s/alive", w->records, id);
	_free_ char *text = xasprintf(
		"{\"version\":2,\"id\":\"%s\",\"version_dir\":\"%s/versions/" OLD
		"\",\"config_source\":\"%s\",\"config_path\":\"%s\",\"config_digest\":\"0\","
		"\"started\":\"2026-01-31T23:59:59Z\",\"pod_namespace\":\"shop\","
		"\"pod_name\":\"cart\",\"pod_uid\":\"u\"}",
		id, w->root, source, source);
	int fd;

	folder_put(w->root, state, text);
	folder_put(w->root, values, configuration);
	fd = open(alive, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	return fd;
}

#define AS_DELIVERED "/x\nhypervisor.qemu.default_memory = 2048\n"

static char *printed(const struct world *w)
{
	_stale_list_ struct stale_list list = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct error e;

	if (stale_list_read(&w->places, &list, &e) < 0)
		fail_msg("%s", e.msg);
	stale_list_print(&list, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_sandbox_is_compared_with_what_its_handler_has_now(void **state)
{
	struct world w;
	_free_ char *fresh = NULL, *custom = NULL, *version = NULL;
	struct error e;
	int fd;

	world_init(&w, *state);
	fd = put_sandbox(&w, "box", w.config, AS_DELIVERED);
	fresh = printed(&w);
	assert_string_equal(fresh, "no stale sandboxes; the node has " OLD "\n");
	/* The handler has a configuration of the node's own now, with a drop-in. */
	folder_put(*state, "etc/kata-qemu/configuration-qemu.toml",
		   "[hypervisor.qemu]\ndefault_memory = 2048\n");
	folder_put(*state, "etc/kata-qemu/config.d/50-user-overrides.toml",
		   "[hypervisor.qemu]\ndefault_memory = 1024\n");
	free(w.config);
	w.config = xasprintf("%s/etc/kata-qemu/configuration-qemu.toml", w.root);
	w.handler.config = w.config;
	custom = printed(&w);
	assert_non_null(strstr(custom, "shop            cart"));
	assert_non_null(strstr(custom, "configuration: default_memory 2048 -> 1024 in "));
	assert_non_null(strstr(custom, "/config.d/50-user-overrides.toml\n"));
	assert_int_equal(store_switch(*state, NEW, &e), 0);
	version = printed(&w);
	assert_non_null(strstr(version, "version: the node has " NEW "\n"));
	assert_non_null(strstr(version, OLD));
	assert_int_equal(close(fd), 0);
	world_done(&w);
}

/* One that was started without a handler reads what it asked for. */
static void test_sandbox_without_a_handler_is_compared_with_its_own_file(void **state)
{
	struct world w;
	_free_ char *source = path_join(*state, "etc/mine/configuration-qemu.toml");
	_free_ char *same = NULL, *gone = NULL;
	int fd;

	world_init(&w, *state);
	folder_put(*state, "etc/mine/configuration-qemu.toml",
		   "[hypervisor.qemu]\ndefault_memory = 2048 # a comment\n");
	fd = put_sandbox(&w, "box", source, AS_DELIVERED);
	same = printed(&w);
	assert_string_equal(same, "no stale sandboxes; the node has " OLD "\n");
	assert_int_equal(unlink(source), 0);
	gone = printed(&w);
	assert_non_null(strstr(gone, "configuration: configuration '"));
	assert_non_null(strstr(gone, "cannot be read"));
	assert_int_equal(close(fd), 0);
	world_done(&w);
}

static void test_list_says_all_for_programs(void **state)
{
	struct world w;
	_stale_list_ struct stale_list list = { 0 };
	_json_ struct json_object *json = NULL;
	struct json_object *box;
	struct error e;
	int fd;

	world_init(&w, *state);
	fd = put_sandbox(&w, "box", w.config, AS_DELIVERED);
	folder_put(*state, "versions/" OLD "/share/vmlinux", "other");
	assert_int_equal(store_switch(*state, NEW, &e), 0);
	assert_int_equal(stale_list_read(&w.places, &list, &e), 0);
	json = stale_list_json(&list, "n1", "default");
	assert_string_equal(json_get_str(json, "node"), "n1");
	assert_string_equal(json_get_str(json, "installation"), "default");
	assert_string_equal(json_get_str(json, "current"), NEW);
	assert_int_equal(json_len(json_at(json, "sandboxes")), 1);
	box = json_item(json_at(json, "sandboxes"), 0);
	assert_string_equal(json_get_str(box, "id"), "box");
	assert_string_equal(json_get_str(box, "namespace"), "shop");
	assert_string_equal(json_get_str(box, "name"), "cart");
	assert_string_equal(json_get_str(box, "uid"), "u");
	assert_string_equal(json_get_str(box, "started"), "2026-01-31T23:59:59Z");
	assert_string_equal(json_get_str(box, "runs"), OLD);
	assert_string_equal(json_get_str(json_item(json_at(box, "causes"), 0), "cause"), "version");
	assert_string_equal(json_get_str(json_item(json_at(box, "causes"), 1), "cause"), "assets");
	assert_string_equal(json_get_str(json_item(json_at(box, "causes"), 1), "detail"),
			    "share/vmlinux has another size (6 -> 5)");
	assert_int_equal(stale_list_count(&list, STALE_ASSETS), 1);
	assert_int_equal(stale_list_count(&list, STALE_LEFTOVER), 0);
	assert_int_equal(close(fd), 0);
	world_done(&w);
}

/* Whoever cleans up after a shim that died has some seconds, unless it is known that nobody does.
 */
static void test_leftover_is_believed_when_it_stays(void **state)
{
	static char id[] = "box";
	char *known[] = { id, NULL };
	_free_ char *text = NULL;
	uint64_t began = now_ms();
	struct world w;

	world_init(&w, *state);
	assert_int_equal(close(put_sandbox(&w, "box", w.config, AS_DELIVERED)), 0);
	w.places.leftovers = known;
	text = printed(&w);
	assert_non_null(strstr(text, "leftover: its shim has ended and left its record behind\n"));
	assert_true(now_ms() - began < 4000);
	w.places.leftovers = NULL;
	free(TAKE_PTR(text));
	began = now_ms();
	text = printed(&w);
	assert_non_null(strstr(text, "leftover"));
	assert_true(now_ms() - began >= 4000);
	world_done(&w);
}

static void put_process(const char *root, const char *pid, const char *program)
{
	_free_ char *dir = xasprintf("%s/proc/%s", root, pid);
	_free_ char *exe = path_join(dir, "exe");
	_free_ char *path = path_join(dir, "cmdline");
	static const char words[] = "containerd-shim-kata-v2\0-namespace\0k8s.io\0-id\0old";
	struct error e;

	assert_int_equal(dir_make(dir, 0755, &e), 0);
	assert_int_equal(symlink(program, exe), 0);
	assert_int_equal(file_replace(path, words, sizeof(words), 0644, &e), 0);
}

static void name_old(void *arg, struct pods *ret_pods)
{
	static char id[] = "old", ns[] = "shop", name[] = "cart", uid[] = "u";
	Cri__PodSandboxMetadata metadata = CRI__POD_SANDBOX_METADATA__INIT;
	Cri__PodSandbox sandbox = CRI__POD_SANDBOX__INIT;
	Cri__ListPodSandboxResponse answer = CRI__LIST_POD_SANDBOX_RESPONSE__INIT;
	Cri__PodSandbox *items[] = { &sandbox };

	++*(unsigned *)arg;
	metadata.namespace_ = ns;
	metadata.name = name;
	metadata.uid = uid;
	sandbox.id = id;
	sandbox.metadata = &metadata;
	sandbox.created_at = INT64_C(1769903999) * 1000000000;
	answer.items = items;
	answer.n_items = 1;
	pods_take(&answer, ret_pods);
}

static void test_sandboxes_of_upstreams_shims_are_foreign(void **state)
{
	static const struct {
		const char *file; /* its record, or what its process runs */
		const char *text;
	} rows[] = {
		{ "run/vc/sbs/old/persist.json",
		  "kata-containers (Go)     foreign: a Go shim of upstream's made it\n" },
		{ "run/kata/old/state.json",
		  "kata-containers (Rust)   foreign: a Rust shim of upstream's made it\n" },
		{ "/opt/kata/bin/containerd-shim-kata-v2",
		  "/opt/kata/bin/containerd-shim-kata-v2 foreign: the shim "
		  "'/opt/kata/bin/containerd-shim-kata-v2' made it\n" },
		{ "/opt/kata/bin/containerd-shim-kata-v2 (deleted)",
		  "/opt/kata/bin/containerd-shim-kata-v2 foreign: the shim "
		  "'/opt/kata/bin/containerd-shim-kata-v2' made it\n" },
		{ "/opt/kata/versions/1/bin/containerd-shim-kata-v2", NULL },
		{ "/opt/kata/versions/4.1.0-foreign/bin/containerd-shim-kata-v2",
		  "-foreign/bin/containerd-shim-kata-v2' made it\n" },
		{ "/usr/bin/containerd-shim-runc-v2", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *dir = folder_new();
		unsigned asked = 0;
		_free_ char *text = NULL;
		struct world w;

		world_init(&w, dir);
		w.places.ask_pods = name_old;
		w.places.arg = &asked;
		if (rows[i].file[0] == '/')
			put_process(dir, "77", rows[i].file);
		else
			folder_put(dir, rows[i].file, "{}");
		text = printed(&w);
		assert_int_equal(asked, rows[i].text ? 1 : 0);
		if (rows[i].text ? !strstr(text, rows[i].text) ||
					   !strstr(text, "shop            cart") ||
					   !strstr(text, "2026-01-31T23:59:59Z")
				 : strstr(text, "foreign") != NULL)
			fail_msg("%s: %s", rows[i].file, text);
		world_done(&w);
		folder_remove(dir);
	}
}

/* The first round's shims note no pod. */
static void test_sandbox_whose_pod_is_not_noted_is_named_by_the_engine(void **state)
{
	const char *root = *state;
	_free_ char *record = xasprintf("{\"version_dir\":\"%s/versions/" OLD "\"}", root);
	_free_ char *text = NULL;
	unsigned asked = 0;
	struct world w;
	struct error e;

	world_init(&w, root);
	w.places.ask_pods = name_old;
	w.places.arg = &asked;
	folder_put(root, "run/vc/sbs/old/state.json", record);
	assert_int_equal(store_switch(root, NEW, &e), 0);
	text = printed(&w);
	assert_int_equal(asked, 1);
	if (!strstr(text, "shop            cart") || !strstr(text, "version: the node has"))
		fail_msg("%s", text);
	world_done(&w);
}

/* A shim of an earlier release has no lock: somebody listens, or nobody does. */
static void life_is_asked_of(const char *dir, const char *socket_name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_free_ char *records = path_join(dir, "sbs");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	folder_put(dir, "sbs/a/state.json", "{\"version_dir\":\"/v\"}");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/a/%s", records, socket_name);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	for (int i = 0; i < 2; i++) {
		_record_ struct record r = { 0 };
		struct error e;

		assert_int_equal(record_read(records, "a", &r, &e), 0);
		assert_int_equal(r.life, i == 0 ? RECORD_ALIVE : RECORD_GONE);
		assert_string_equal(r.version_dir, "/v");
		assert_string_equal(r.pod_name, "");
		if (i == 0)
			assert_int_equal(close(fd), 0);
	}
	assert_int_equal(unlink(address.sun_path), 0);
}

static void test_life_of_an_older_shim_is_asked_of_its_socket(void **state)
{
	life_is_asked_of(*state, "shim-monitor.sock");
	life_is_asked_of(*state, "shim.sock");
}

static void test_what_is_no_record_is_not_read(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "1" };
	_free_ char *records = path_join(*state, "sbs");
	_record_ struct record r = { 0 };
	struct error e;

	assert_int_equal(record_read(records, "none", &r, &e), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		folder_put(*state, "sbs/a/state.json", texts[i]);
		assert_true(record_read(records, "a", &r, &e) < 0);
	}
}

static void test_what_is_no_record_hides_no_other(void **state)
{
	_free_ char *large = xcalloc(2 * MIB, 1);
	_free_ char *text = NULL;
	_close_ int held = -1;
	struct world w;

	world_init(&w, *state);
	memset(large, ' ', 2 * MIB - 1);
	folder_put(*state, "run/vc/sbs/a/state.json", "{\"version_dir\":");
	folder_put(*state, "run/vc/sbs/b/state.json", large);
	folder_put(*state, "run/vc/sbs/c/state.json/x", "");
	folder_put(*state, "run/vc/sbs/d", "");
	held = put_sandbox(&w, "e", "/none", AS_DELIVERED);
	text = printed(&w);
	assert_non_null(strstr(text, "cart"));
	world_done(&w);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_is_compared_by_its_folder),
		cmocka_unit_test(test_configuration_is_compared_key_by_key),
		cmocka_unit_test(test_many_differences_are_counted),
		cmocka_unit_test(test_withdrawn_versions_are_an_advisory),
		cmocka_unit_test(test_leftover_runs_nothing_old),
		IN_FOLDER(test_changed_file_of_a_version_is_found),
		IN_FOLDER(test_sandbox_is_compared_with_what_its_handler_has_now),
		IN_FOLDER(test_sandbox_without_a_handler_is_compared_with_its_own_file),
		IN_FOLDER(test_list_says_all_for_programs),
		IN_FOLDER(test_leftover_is_believed_when_it_stays),
		cmocka_unit_test(test_sandboxes_of_upstreams_shims_are_foreign),
		IN_FOLDER(test_sandbox_whose_pod_is_not_noted_is_named_by_the_engine),
		IN_FOLDER(test_life_of_an_older_shim_is_asked_of_its_socket),
		IN_FOLDER(test_what_is_no_record_is_not_read),
		IN_FOLDER(test_what_is_no_record_hides_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
