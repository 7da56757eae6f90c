/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ways - the table of ways into a guest, and the ways that need neither mounts nor a VM.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/rpc/message.h"
#include "lib/str.h"
#include "runtime/sandbox/copies.h"
#include "runtime/sandbox/share.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/ways/way.h"

#define REFER(name) &name,
static const struct way *const rows[] = { WAYS(REFER) };

static Oci__Spec *parse(const char *devices, const char *rules)
{
	_free_ char *text = xasprintf(
		"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{\"devices\":[%s],\"resources\":{\"devices\":"
		"[%s]}}}",
		devices, rules);
	Oci__Spec *spec = NULL;
	struct error e;

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static void test_every_row_is_whole_and_named_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_non_null(rows[i]->name);
		assert_true(rows[i]->kind < N_WAY_KIND);
		assert_true(rows[i]->match && rows[i]->give);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(rows[i], rows[j]);
	}
}

struct share *__wrap_sandbox_share(struct sandbox *s);
const char *__wrap_sandbox_shm_source(const struct sandbox *s);

static bool is_shared = true;

struct share *__wrap_sandbox_share(struct sandbox *s)
{
	static char is_there;

	(void)s;
	return is_shared ? (void *)&is_there : NULL;
}

const char *__wrap_sandbox_shm_source(const struct sandbox *s)
{
	(void)s;
	return "/run/pod/shm";
}

static struct config config;

const struct config *__wrap_sandbox_config(const struct sandbox *s);

const struct config *__wrap_sandbox_config(const struct sandbox *s)
{
	(void)s;
	return &config;
}

static const struct way *way_of(const char *type, const char *source, const char *destination)
{
	_free_ char *text = xasprintf(
		"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{},\"mounts\":[{\"type\":\"%s\",\"source\":\"%s\","
		"\"destination\":\"%s\"}]}",
		type, source, destination);
	_message_ Oci__Spec *spec = NULL;
	struct arrival a = { .kind = WAY_MOUNT };
	struct error e;

	if (spec_parse(text, strlen(text), "config.json", &spec, &e) < 0)
		fail_msg("%s", e.msg);
	a.spec = spec;
	a.mount = spec->mounts[0];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i]->kind == WAY_MOUNT && rows[i]->match(&a, &e) > 0)
			return rows[i];
	return NULL;
}

static const struct way *way_of_root(const struct rootfs_mount *mounts, size_t n)
{
	const struct arrival a = { .kind = WAY_ROOT, .root_mounts = mounts, .n_root_mounts = n };
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i]->kind == WAY_ROOT && rows[i]->match(&a, &e) > 0)
			return rows[i];
	return NULL;
}

/* What is on /dev/shm says what it is, not the place. */
static void test_mount_goes_the_first_way_that_fits(void **state)
{
	char *dir = folder_new();
	_free_ char *settings = path_join(dir, "volumes/kubernetes.io~configmap/settings");
	_free_ char *disk = path_join(dir, "volumes/kubernetes.io~empty-dir/disk");
	const struct {
		const char *type;
		const char *source;
		const char *destination;
		const struct way *way;
	} cases[] = {
		{ "bind", "/run/pod/shm", "/dev/shm", &way_pod_shm },
		{ "bind", "/dev/shm", "/dev/shm", &way_pod_shm },
		{ "bind", disk, "/dev/shm", &way_shared_volume },
		{ "bind", disk, "/data", &way_shared_volume },
		{ "tmpfs", "shm", "/dev/shm", &way_guest_mount },
		{ "bind", settings, "/etc/settings", &way_watchable_volume },
		{ "bind", dir, "/etc/other", &way_shared_volume },
		{ "bind", "/proc/sys", "/host", &way_guest_mount },
		{ "proc", "proc", "/proc", &way_guest_mount },
	};
	struct error e;

	(void)state;
	assert_return_code(dir_make(settings, 0755, &e), 0);
	assert_return_code(dir_make(disk, 0755, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (way_of(cases[i].type, cases[i].source, cases[i].destination) != cases[i].way)
			fail_msg("%s on %s", cases[i].source, cases[i].destination);
	folder_remove(dir);
}

static void test_emptydir_is_a_disk_where_that_is_asked_for(void **state)
{
	static char block_plain[] = "block-plain";
	char *dir = folder_new();
	_free_ char *settings = path_join(dir, "volumes/kubernetes.io~configmap/settings");
	_free_ char *disk = path_join(dir, "volumes/kubernetes.io~empty-dir/disk");
	_free_ char *part = path_join(dir, "volume-subpaths/disk/c/0");
	_free_ char *foreign = path_join(dir, "volume-subpaths/other/c/0");
	struct error e;

	(void)state;
	assert_return_code(dir_make(settings, 0755, &e), 0);
	assert_return_code(dir_make(disk, 0755, &e), 0);
	assert_return_code(dir_make(part, 0755, &e), 0);
	assert_return_code(dir_make(foreign, 0755, &e), 0);
	config.runtime.emptydir_mode = block_plain;
	assert_ptr_equal(way_of("bind", disk, "/data"), &way_disk_volume);
	assert_ptr_equal(way_of("bind", part, "/data"), &way_disk_volume);
	assert_ptr_equal(way_of("bind", foreign, "/data"), &way_shared_volume);
	assert_ptr_equal(way_of("bind", settings, "/data"), &way_watchable_volume);
	assert_ptr_equal(way_of("bind", dir, "/data"), &way_shared_volume);
	config.runtime.emptydir_mode = NULL;
	folder_remove(dir);
}

static void test_nothing_is_shared_where_that_is_asked_for(void **state)
{
	char *dir = folder_new();
	_free_ char *settings = path_join(dir, "volumes/kubernetes.io~configmap/settings");
	_free_ char *disk = path_join(dir, "volumes/kubernetes.io~empty-dir/disk");
	const struct arrival overlay = {
		.kind = WAY_ROOT,
		.root_mounts = &(struct rootfs_mount){ .type = "overlay", .source = "overlay" },
		.n_root_mounts = 1,
	};
	struct error e;

	(void)state;
	assert_return_code(dir_make(settings, 0755, &e), 0);
	assert_return_code(dir_make(disk, 0755, &e), 0);
	is_shared = false;
	assert_ptr_equal(way_of("bind", settings, "/data"), &way_copied_volume);
	assert_ptr_equal(way_of("bind", dir, "/data"), &way_copied_volume);
	assert_ptr_equal(way_of("bind", disk, "/data"), &way_guest_folder);
	assert_ptr_equal(way_of("bind", "/run/pod/shm", "/dev/shm"), &way_pod_shm);
	assert_ptr_equal(way_of("bind", "/proc/sys", "/host"), &way_guest_mount);
	assert_ptr_equal(way_of_root(overlay.root_mounts, 1), &way_unshared_root);
	assert_int_equal(way_unshared_root.give(&overlay, NULL, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "as 'overlay'"));
	is_shared = true;
	folder_remove(dir);
}

/* Disks need no share; what else a layer or the root names of the node does. */
static void test_layers_are_disks_where_nothing_is_shared(void **state)
{
	char on_disk[] = "upperdir={{ mount 1 }}/upper", on_node[] = "upperdir=/run/x/upper";
	char second[] = "device=/run/x/second";
	char *disk[] = { on_disk }, *node[] = { on_node }, *devices[] = { second };
	char *dir = folder_new();
	_free_ char *layer = path_join(dir, "layer");
	struct rootfs_mount mounts[] = {
		{ .type = "erofs", .source = layer },
		{ .type = "ext4", .source = layer },
		{ .type = "format/overlay", .source = "overlay", .n_options = 1 },
	};

	(void)state;
	folder_put(dir, "layer", "");
	for (int shares = 0; shares <= 1; shares++) {
		const struct way *else_ = shares ? &way_layered_root : &way_unshared_root;

		is_shared = shares;
		mounts[0].n_options = 0;
		mounts[2].options = disk;
		assert_ptr_equal(way_of_root(mounts, 1), &way_layered_root);
		assert_ptr_equal(way_of_root(mounts, 3), &way_layered_root);
		mounts[2].options = node;
		assert_ptr_equal(way_of_root(mounts, 3), else_);
		mounts[2].options = disk;
		mounts[0].options = devices;
		mounts[0].n_options = 1;
		assert_ptr_equal(way_of_root(mounts, 3), else_);
	}
	folder_remove(dir);
}

/* What is written must not be lost without a word. */
static void test_volume_that_may_be_written_is_not_copied(void **state)
{
	static const char *const destinations[] = { "/data", "/etc/hostsx", "/etc/hosts" };
	char *dir = folder_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		_free_ char *text = xasprintf(
			"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
			"\"linux\":{},\"mounts\":[{\"type\":\"bind\",\"source\":\"%s\","
			"\"destination\":\"%s\",\"options\":[\"rbind\",\"rw\"]}]}",
			dir, destinations[i]);
		_message_ Oci__Spec *spec = NULL;
		struct gifts g = { 0 };
		struct arrival a = { .kind = WAY_MOUNT, .container = "c" };
		struct error e;

		assert_return_code(spec_parse(text, strlen(text), "config.json", &spec, &e), 0);
		a.spec = spec;
		a.mount = spec->mounts[0];
		assert_int_equal(way_copied_volume.give(&a, &g, &e), -ENOTSUP);
		assert_non_null(strstr(e.msg, "would not reach the host"));
		assert_int_equal(g.n_notes, 0);
	}
	folder_remove(dir);
}

int __wrap_statvfs(const char *path, struct statvfs *ret_fs);
int __wrap_share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
		     struct error *e);
int __wrap_copies_add(struct copies *c, const struct copies_volume *v, struct error *e);
struct copies *__wrap_sandbox_copies(struct sandbox *s);

int __wrap_statvfs(const char *path, struct statvfs *ret_fs)
{
	(void)path;
	*ret_fs = (struct statvfs){ .f_flag = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC };
	return 0;
}

int __wrap_share_get(struct share *s, const struct share_use *use, char **ret_path, strv *nested,
		     struct error *e)
{
	(void)s;
	(void)use;
	(void)nested;
	(void)e;
	*ret_path = xstrdup("/guest");
	return 0;
}

int __wrap_copies_add(struct copies *c, const struct copies_volume *v, struct error *e)
{
	(void)c;
	(void)v;
	(void)e;
	return 0;
}

struct copies *__wrap_sandbox_copies(struct sandbox *s)
{
	(void)s;
	return NULL;
}

static void test_what_the_nodes_mount_forbids_stays_forbidden(void **state)
{
	static const struct way *const host_files[] = {
		&way_shared_volume,
		&way_watchable_volume,
		&way_copied_volume,
	};
	char *dir = folder_new();
	_free_ char *text = xasprintf(
		"{\"process\":{\"args\":[\"x\"]},\"root\":{\"path\":\"r\"},"
		"\"linux\":{},\"mounts\":[{\"type\":\"bind\",\"source\":\"%s\","
		"\"destination\":\"/a\",\"options\":[\"rbind\",\"ro\",\"exec\"]}]}",
		dir);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(host_files); i++) {
		_message_ Oci__Spec *spec = NULL;
		_cleanup_(gifts_done) struct gifts g = { 0 };
		struct arrival a = { .kind = WAY_MOUNT, .container = "c" };
		struct error e;

		assert_return_code(spec_parse(text, strlen(text), "config.json", &spec, &e), 0);
		a.spec = spec;
		a.mount = spec->mounts[0];
		if (host_files[i]->give(&a, &g, &e) < 0)
			fail_msg("%s: %s", host_files[i]->name, e.msg);
		assert_true(spec_mount_has(a.mount, "nosuid"));
		assert_true(spec_mount_has(a.mount, "nodev"));
		assert_false(spec_mount_has(a.mount, "noexec"));
	}
	folder_remove(dir);
}

static strv undone;

static void undo(struct sandbox *s, const char *what)
{
	(void)s;
	strv_add(&undone, what);
}

static void test_notes_are_taken_back_once_last_first(void **state)
{
	static const struct way way = { .name = "test", .undo = undo };
	struct gifts g = { 0 };
	_free_ char *all = NULL;

	(void)state;
	gifts_note(&g, &way, "a");
	gifts_note(&g, &way, "b");
	ways_take_back(NULL, &g);
	ways_take_back(NULL, &g);
	all = strv_join(undone, " ");
	assert_string_equal(all, "b a");
	strv_free(undone);
	gifts_done(&g);
}

#define DENY_ALL  "{\"allow\":false,\"access\":\"rwm\"}"
#define ALLOW_ALL "{\"allow\":true,\"access\":\"rwm\"}"

/* Of those the guest has its own; what the host has not is asked for by name. */
static void test_devices_of_the_host_are_left_out_when_all_are_given(void **state)
{
	static const struct {
		const char *device;
		const char *rules;
		int matches;
	} cases[] = {
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3}", ALLOW_ALL, 1 },
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":3}", DENY_ALL, 0 },
		{ "{\"path\":\"/dev/null\",\"type\":\"c\",\"major\":1,\"minor\":5}", ALLOW_ALL, 0 },
		{ "{\"path\":\"/dev/nosuch\",\"type\":\"c\",\"major\":10}", ALLOW_ALL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_message_ Oci__Spec *spec = parse(cases[i].device, cases[i].rules);
		struct arrival a = { .kind = WAY_DEVICE,
				     .spec = spec,
				     .device = spec->linux->devices[0] };
		struct error e;

		assert_int_equal(way_host_device.match(&a, &e), cases[i].matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_whole_and_named_once),
		cmocka_unit_test(test_mount_goes_the_first_way_that_fits),
		cmocka_unit_test(test_emptydir_is_a_disk_where_that_is_asked_for),
		cmocka_unit_test(test_nothing_is_shared_where_that_is_asked_for),
		cmocka_unit_test(test_layers_are_disks_where_nothing_is_shared),
		cmocka_unit_test(test_volume_that_may_be_written_is_not_copied),
		cmocka_unit_test(test_what_the_nodes_mount_forbids_stays_forbidden),
		cmocka_unit_test(test_notes_are_taken_back_once_last_first),
		cmocka_unit_test(test_devices_of_the_host_are_left_out_when_all_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
