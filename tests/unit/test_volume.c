/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_volume - what a storage driver asks of a disk that a guest has mounted.
 *
 * Disks are files, the VM and the agent are replaced here.
 */

#include "tests/unit/folder.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/csi.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/volume.h"

#define POINT "/run/kata-containers/sandbox/storage/L3Y="

static struct blocks blocks;
static char calls[512]; /* what VM and agent were asked, in order */
static int agent_result;

static void note(const char *format, const char *what, uint64_t bytes)
{
	size_t len = strlen(calls);
	_free_ char *one = xasprintf("%s %s %llu;", format, what, (unsigned long long)bytes);

	(void)snprintf(calls + len, sizeof(calls) - len, "%s", one);
}

int __wrap_vmm_add_block(struct vmm *vmm, const struct vmm_block *block,
			 struct address *ret_address, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e);
int __wrap_vmm_remove_block(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e);
int __wrap_vmm_resize_block(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e);
int __wrap_sandbox_find_disk(struct sandbox *s, const char *path, enum block_access access,
			     char **ret_point, struct error *e);
int __wrap_sandbox_grow_disk(struct sandbox *s, const char *path, uint64_t bytes, struct error *e);
struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s);
const struct cancel *__wrap_sandbox_canceller(const struct sandbox *s);
int __wrap_client_call(struct rpc_client *rpc, enum client_call which, const void *in,
		       void *ret_out, uint64_t wait_ms, const struct cancel *cancel,
		       struct error *e);

int __wrap_vmm_add_block(struct vmm *vmm, const struct vmm_block *block,
			 struct address *ret_address, uint64_t deadline_ms, const struct cancel *c,
			 struct error *e)
{
	(void)vmm;
	(void)block;
	(void)deadline_ms;
	(void)c;
	(void)e;
	*ret_address = (struct address){ ADDRESS_PCI, "05/00" };
	return 0;
}

int __wrap_vmm_remove_block(struct vmm *vmm, const char *id, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)deadline_ms;
	(void)c;
	return fail(e, EBUSY, "the guest keeps '%s'", id);
}

int __wrap_vmm_resize_block(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
			    const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)deadline_ms;
	(void)c;
	(void)e;
	note("vm", id, bytes);
	return 0;
}

int __wrap_sandbox_find_disk(struct sandbox *s, const char *path, enum block_access access,
			     char **ret_point, struct error *e)
{
	const char *user;
	int r = block_find_user(&blocks, path, access, &user, e);

	(void)s;
	if (r >= 0)
		*ret_point = xstrdup(strchr(user, ':') + 1);
	return r;
}

int __wrap_sandbox_grow_disk(struct sandbox *s, const char *path, uint64_t bytes, struct error *e)
{
	(void)s;
	return block_grow(&blocks, NULL, path, bytes, NULL, e);
}

struct rpc_client *__wrap_sandbox_rpc(struct sandbox *s)
{
	(void)s;
	return NULL;
}

const struct cancel *__wrap_sandbox_canceller(const struct sandbox *s)
{
	(void)s;
	return NULL;
}

static Csi__VolumeUsage *usage(Csi__VolumeUsage__Unit unit, uint64_t total, uint64_t used)
{
	Csi__VolumeUsage *u = message_new(&csi__volume_usage__descriptor);

	u->unit = unit;
	u->total = total;
	u->used = used;
	u->available = total - used;
	return u;
}

static Csi__VolumeStatsResponse *some_stats(void)
{
	Csi__VolumeStatsResponse *stats = message_new(&csi__volume_stats_response__descriptor);

	stats->usage = xcalloc(2, sizeof(*stats->usage));
	stats->usage[stats->n_usage++] =
		usage(CSI__VOLUME_USAGE__UNIT__BYTES, UINT64_MAX, UINT64_MAX);
	stats->usage[stats->n_usage++] = usage(CSI__VOLUME_USAGE__UNIT__INODES, 16, 11);
	stats->volume_condition = message_new(&csi__volume_condition__descriptor);
	stats->volume_condition->message = xstrdup("OK");
	return stats;
}

int __wrap_client_call(struct rpc_client *rpc, enum client_call which, const void *in,
		       void *ret_out, uint64_t wait_ms, const struct cancel *cancel,
		       struct error *e)
{
	(void)rpc;
	(void)wait_ms;
	(void)cancel;
	if (which == CLIENT_VOLUME_STATS) {
		const Agent__VolumeStatsRequest *request = in;

		note("stats", request->volume_guest_path, 0);
		*(void **)ret_out = some_stats();
		return 0;
	}
	note("resize", ((const Agent__ResizeVolumeRequest *)in)->volume_guest_path,
	     ((const Agent__ResizeVolumeRequest *)in)->size);
	return agent_result < 0 ? fail(e, -agent_result, "no") : 0;
}

static char *make_disk(const char *dir, const char *name, off_t size)
{
	char *path = path_join(dir, name);

	folder_put(dir, name, "");
	assert_return_code(truncate(path, size), errno);
	return path;
}

static void plug(const char *path, enum block_access access, const char *user)
{
	const struct block_source source = { .path = path, .access = access };
	const struct address *address;
	struct error e = { 0 };

	assert_return_code(block_plug(&blocks, NULL, &source, user, NULL, &address, &e), e.code);
}

static int setup(void **state)
{
	calls[0] = '\0';
	agent_result = 0;
	return folder_setup(state);
}

static int teardown(void **state)
{
	blocks_done(&blocks);
	blocks = (struct blocks){ 0 };
	return folder_teardown(state);
}

static void test_stats_are_those_that_upstream_writes(void **state)
{
	_free_ char *disk = make_disk(*state, "disk", 8192);
	_free_ char *json = NULL;
	struct error e = { 0 };

	plug(disk, BLOCK_READ_ONLY, "box:" POINT);
	assert_return_code(volume_stats(NULL, disk, &json, &e), e.code);
	assert_string_equal(calls, "stats " POINT " 0;");
	assert_string_equal(json,
			    "{\"usage\":[{\"total\":18446744073709551615,"
			    "\"used\":18446744073709551615,\"unit\":1},"
			    "{\"available\":5,\"total\":16,\"used\":11,\"unit\":2}],"
			    "\"volume_condition\":{\"message\":\"OK\"}}");
}

/* Whatever its name: a disk is what it is. */
static void test_disk_is_found_by_another_name(void **state)
{
	_free_ char *disk = make_disk(*state, "disk", 8192);
	_free_ char *other = path_join(*state, "other");
	_free_ char *json = NULL;
	struct error e = { 0 };

	plug(disk, BLOCK_READ_WRITE, "box:" POINT);
	assert_return_code(symlink("disk", other), errno);
	assert_return_code(volume_stats(NULL, other, &json, &e), e.code);
}

static void test_guest_is_told_of_the_whole_disk_first(void **state)
{
	_free_ char *disk = make_disk(*state, "disk", 8192);
	struct error e = { 0 };

	plug(disk, BLOCK_READ_WRITE, "box:" POINT);
	assert_return_code(truncate(disk, 1000001), errno);
	assert_return_code(volume_resize(NULL, disk, 65536, &e), e.code);
	assert_string_equal(calls, "vm disk-0 1000001;resize " POINT " 65536;");
}

static void test_disk_that_is_too_small_stays_as_it_is(void **state)
{
	_free_ char *disk = make_disk(*state, "disk", 8192);
	struct error e;

	plug(disk, BLOCK_READ_WRITE, "box:" POINT);
	assert_int_equal(volume_resize(NULL, disk, 8193, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "has 8192 bytes"));
	assert_string_equal(calls, "");
}

static void test_what_the_guest_has_not_is_refused(void **state)
{
	static const struct {
		const char *name;
		int code;
	} cases[] = {
		{ "other", ENOENT }, /* a disk of nobody's */
		{ "read", ENOENT },  /* it may only read it */
		{ "gone", ENOENT },  /* its users are gone, though the guest keeps it */
		{ "missing", ENOENT }, { ".", ENOTBLK },
	};
	_free_ char *read_only = make_disk(*state, "read", 8192);
	_free_ char *gone = make_disk(*state, "gone", 8192);
	struct error e;

	free(make_disk(*state, "other", 8192));
	plug(read_only, BLOCK_READ_ONLY, "box:" POINT);
	plug(gone, BLOCK_READ_WRITE, "old:" POINT);
	block_unplug(&blocks, NULL, "old:" POINT, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = path_join(*state, cases[i].name);

		assert_int_equal(volume_resize(NULL, path, 4096, &e), -cases[i].code);
	}
	assert_int_equal(volume_resize(NULL, "disk", 4096, &e), -EINVAL);
	assert_string_equal(calls, "");
}

static void test_what_the_agent_refuses_is_said(void **state)
{
	_free_ char *disk = make_disk(*state, "disk", 8192);
	struct error e;

	plug(disk, BLOCK_READ_WRITE, "box:" POINT);
	agent_result = -ENOTSUP;
	assert_int_equal(volume_resize(NULL, disk, 8192, &e), -ENOTSUP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stats_are_those_that_upstream_writes),
		TEST(test_disk_is_found_by_another_name),
		TEST(test_guest_is_told_of_the_whole_disk_first),
		TEST(test_disk_that_is_too_small_stays_as_it_is),
		TEST(test_what_the_guest_has_not_is_refused),
		TEST(test_what_the_agent_refuses_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
