/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agent_hugepages - how many huge pages the kernel is to keep, and what it is told.
 *
 * The kernel is a folder here, which keeps any number; one without memory is tried in a guest.
 */

#include "tests/unit/folder.h"

#include <pthread.h>

#include "agent/guest/hugepages.h"
#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"
#include "lib/wait.h"

#define POOL(size) "kernel/mm/hugepages/hugepages-" size "kB/"

static char *root;
static struct hugepages_pools *pools;

static int make_root(void **state)
{
	(void)state;
	root = folder_new();
	pools = hugepages_pools_new(root);
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	hugepages_pools_free(pools);
	folder_remove(root);
	return 0;
}

static void put_pool(const char *kept, const char *surplus)
{
	folder_put(root, POOL("2048") "nr_hugepages", kept);
	folder_put(root, POOL("2048") "surplus_hugepages", surplus);
}

static void expect_kept(const char *wanted)
{
	_free_ char *path = path_join(root, POOL("2048") "nr_hugepages"), *text = NULL;
	struct error e;

	assert_int_equal(file_read(path, 64, &text, NULL, &e), 0);
	assert_string_equal(str_trim(text), wanted);
}

struct wish {
	const char *page;  /* of the limit */
	uint64_t limit;    /* bytes; 0: none */
	const char *size;  /* of each volume; NULL: there is none */
	const char *size2; /* of a second one */
};

static int pages_of(const struct wish *w, struct hugepages *ret, struct error *e)
{
	char page_option[] = "pagesize=2M";
	char *options[] = { page_option, (char *)(uintptr_t)w->size };
	char *options2[] = { page_option, (char *)(uintptr_t)w->size2 };
	Agent__Storage volume = AGENT__STORAGE__INIT, volume2 = AGENT__STORAGE__INIT;
	Agent__Storage *volumes[] = { &volume, &volume2 };
	Oci__LinuxHugepageLimit limit = OCI__LINUX_HUGEPAGE_LIMIT__INIT, *limits[] = { &limit };
	Oci__LinuxResources resources = OCI__LINUX_RESOURCES__INIT;
	Oci__Linux linux_ = OCI__LINUX__INIT;
	Oci__Spec spec = OCI__SPEC__INIT;
	Agent__CreateContainerRequest in = AGENT__CREATE_CONTAINER_REQUEST__INIT;

	volume.fstype = volume2.fstype = (char[]){ "hugetlbfs" };
	volume.options = options;
	volume2.options = options2;
	volume.n_options = volume2.n_options = 2;
	limit.pagesize = (char *)(uintptr_t)w->page;
	limit.limit = w->limit;
	resources.hugepagelimits = limits;
	resources.n_hugepagelimits = w->page ? 1 : 0;
	linux_.resources = &resources;
	spec.linux = &linux_;
	in.oci = &spec;
	in.storages = volumes;
	in.n_storages = w->size2 ? 2 : w->size ? 1 : 0;
	return hugepages_of(&in, ret, e);
}

/* A volume's size is how the same limit is said once more. */
static void test_pages_follow_limits_and_sizes_of_volumes(void **state)
{
	static const struct {
		struct wish wish;
		uint64_t page_bytes, pages;
	} cases[] = {
		{ { "2MB", 64 * MIB, NULL, NULL }, 2 * MIB, 32 },
		{ { "1GB", GIB, NULL, NULL }, GIB, 1 },
		{ { "2MB", 5 * MIB, NULL, NULL }, 2 * MIB, 2 },
		{ { "2MB", 64 * MIB, "size=67108864", NULL }, 2 * MIB, 32 },
		{ { "2MB", 4 * MIB, "size=64M", NULL }, 2 * MIB, 32 },
		{ { NULL, 0, "size=4M", "size=6M" }, 2 * MIB, 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hugepages h;
		struct error e;

		assert_int_equal(pages_of(&cases[i].wish, &h, &e), 0);
		assert_int_equal(h.n, 1);
		assert_int_equal(h.kinds[0].page_bytes, cases[i].page_bytes);
		assert_int_equal(h.kinds[0].pages, cases[i].pages);
	}
}

/* Only where nothing says how many. */
static void test_volume_without_limit_and_size_is_open(void **state)
{
	static const struct {
		struct wish wish;
		bool is_open;
	} cases[] = {
		{ { NULL, 0, "mode=0", NULL }, true },
		{ { "1GB", GIB, "mode=0", NULL }, true },
		{ { "2MB", 4 * MIB, "mode=0", NULL }, false },
		{ { "2MB", 0, "mode=0", NULL }, false },
		{ { NULL, 0, "size=4M", NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_open = false;
		struct hugepages h;
		struct error e;

		assert_int_equal(pages_of(&cases[i].wish, &h, &e), 0);
		for (size_t k = 0; k < h.n; k++)
			is_open |= h.kinds[k].page_bytes == 2 * MIB && h.kinds[k].is_open;
		assert_int_equal(is_open, cases[i].is_open);
	}
}

static void test_open_pool_makes_pages_on_demand(void **state)
{
	const struct hugepages want = { { { 2 * MIB, 0, true } }, 1 };
	_free_ char *path = path_join(root, POOL("2048") "nr_overcommit_hugepages"), *text = NULL;
	struct hugepages has = { 0 };
	struct error e;

	(void)state;
	put_pool("0\n", "0\n");
	folder_put(root, POOL("2048") "nr_overcommit_hugepages", "0\n");
	assert_int_equal(hugepages_change(pools, &has, &want, &e), 0);
	assert_int_equal(file_read(path, 64, &text, NULL, &e), 0);
	assert_string_not_equal(str_trim(text), "0");
}

static void test_what_limits_nothing_keeps_nothing(void **state)
{
	const struct wish none = { NULL, 0, NULL, NULL };
	const struct wish unlimited = { "2MB", UINT64_C(0x7ffffffffffff000), NULL, NULL };
	struct hugepages h;
	struct error e;

	(void)state;
	assert_int_equal(pages_of(&none, &h, &e), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(pages_of(&unlimited, &h, &e), 0);
	assert_int_equal(h.n, 0);
}

static void test_sizes_that_are_none_are_refused(void **state)
{
	static const struct wish cases[] = {
		{ "3MB", 64 * MIB, NULL, NULL }, { "", 64 * MIB, NULL, NULL },
		{ "2Mx", 64 * MIB, NULL, NULL }, { NULL, 0, "size=1024", NULL },
		{ NULL, 0, "size=much", NULL },
	};
	struct hugepages h;
	struct error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(pages_of(&cases[i], &h, &e), -EINVAL);
}

/* What is in use and not wanted any more is not there for the next. */
static void test_pool_grows_and_shrinks_beside_others(void **state)
{
	const struct hugepages four = { { { 2 * MIB, 4, false } }, 1 },
			       one = { { { 2 * MIB, 1, false } }, 1 }, none = { 0 };
	struct hugepages has = { 0 };
	struct error e;

	(void)state;
	put_pool("13\n", "0\n");
	assert_int_equal(hugepages_change(pools, &has, &four, &e), 0);
	expect_kept("17");
	put_pool("17\n", "1\n");
	assert_int_equal(hugepages_change(pools, &has, &one, &e), 0);
	expect_kept("13");
	put_pool("13\n", "0\n");
	assert_int_equal(hugepages_change(pools, &has, &none, &e), 0);
	expect_kept("12");
	assert_int_equal(hugepages_change(pools, &has, &none, &e), 0);
	expect_kept("12");
}

static void test_size_that_the_kernel_lacks_leaves_all_as_it_was(void **state)
{
	const struct hugepages want = { { { 2 * MIB, 4, false }, { GIB, 1, false } }, 2 };
	struct hugepages has = { 0 };
	struct error e;

	(void)state;
	put_pool("3\n", "0\n");
	assert_int_equal(hugepages_change(pools, &has, &want, &e), -ENOTSUP);
	assert_string_equal(e.msg, "the guest has no huge pages of 1048576 kB");
	expect_kept("3");
}

/* What a runtime brings memory for is there before and after the containers that use it. */
static void test_pages_of_the_pod_are_those_of_its_containers(void **state)
{
	const struct hugepages pod = { { { 2 * MIB, 6, false } }, 1 },
			       four = { { { 2 * MIB, 4, false } }, 1 },
			       open = { { { 2 * MIB, 0, true } }, 1 }, none = { 0 };
	struct hugepages a = { 0 }, b = { 0 }, c = { 0 };
	_free_ char *path = path_join(root, POOL("2048") "nr_overcommit_hugepages"), *text = NULL;
	struct error e;

	(void)state;
	put_pool("1\n", "0\n");
	folder_put(root, POOL("2048") "nr_overcommit_hugepages", "0");
	assert_int_equal(hugepages_keep(pools, &pod, &e), 0);
	expect_kept("7");
	assert_int_equal(hugepages_change(pools, &a, &four, &e), 0);
	expect_kept("7");
	assert_int_equal(hugepages_change(pools, &b, &four, &e), 0);
	expect_kept("9");
	assert_int_equal(hugepages_change(pools, &c, &open, &e), 0);
	assert_int_equal(file_read(path, 64, &text, NULL, &e), 0);
	assert_string_equal(text, "0");
	assert_int_equal(hugepages_change(pools, &a, &none, &e), 0);
	assert_int_equal(hugepages_change(pools, &b, &none, &e), 0);
	expect_kept("7");
}

/* ---- a kernel that takes its time ---- */

#define PATIENCE_MS 10000

static struct cancel gate = { -1 }; /* every write waits for it, if there is one */
static struct cancel has_come = { -1 };

int __real_file_write(const char *path, const char *text, struct error *e);
int __wrap_file_write(const char *path, const char *text, struct error *e);

int __wrap_file_write(const char *path, const char *text, struct error *e)
{
	if (gate.fd >= 0) {
		cancel_raise(&has_come);
		(void)wait_fd(gate.fd, POLLIN, "gate", deadline_in(PATIENCE_MS), NULL, e);
	}
	return __real_file_write(path, text, e);
}

static void *keep_pages(void *arg)
{
	struct hugepages pod = { 0 };
	struct error e;

	if (hugepages_add(&pod, 2 * MIB, 64 * MIB, &e) < 0 || hugepages_keep(pools, &pod, &e) < 0)
		*(struct error *)arg = e;
	return NULL;
}

/* Neither when it is made nor when it goes. */
static void test_container_without_pages_does_not_wait_for_those_of_others(void **state)
{
	const struct hugepages none = { .kinds = { { .page_bytes = 2 * MIB } }, .n = 1 };
	struct hugepages has = { 0 };
	struct error failure = { 0 };
	uint64_t begin;
	pthread_t thread;
	struct error e;

	(void)state;
	put_pool("0", "0");
	assert_int_equal(cancel_init(&gate, &e), 0);
	assert_int_equal(cancel_init(&has_come, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_pages, &failure), 0);
	assert_true(wait_fd(has_come.fd, POLLIN, "a write", deadline_in(PATIENCE_MS), NULL, &e) >=
		    0);
	begin = now_ms();
	assert_int_equal(hugepages_change(pools, &has, &none, &e), 0);
	assert_true(now_ms() - begin < PATIENCE_MS / 2);
	cancel_raise(&gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(failure.msg, "");
	cancel_done(&gate);
	cancel_done(&has_come);
	gate.fd = has_come.fd = -1;
	expect_kept("32");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pages_follow_limits_and_sizes_of_volumes),
		TEST(test_volume_without_limit_and_size_is_open),
		TEST(test_open_pool_makes_pages_on_demand),
		TEST(test_what_limits_nothing_keeps_nothing),
		TEST(test_sizes_that_are_none_are_refused),
		TEST(test_pool_grows_and_shrinks_beside_others),
		TEST(test_pages_of_the_pod_are_those_of_its_containers),
		TEST(test_size_that_the_kernel_lacks_leaves_all_as_it_was),
		TEST(test_container_without_pages_does_not_wait_for_those_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
