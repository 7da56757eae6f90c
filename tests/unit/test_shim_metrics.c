/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_metrics - the numbers of a pod, as Prometheus takes them.
 */

#include "tests/unit/folder.h"

#include "runtime/sandbox/client.h"
#include "runtime/shim/metrics.h"

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in\n%s", part, text);
}

static void put_process(const char *proc, const char *pid, const char *rss)
{
	_free_ char *status = xasprintf("%s/status", pid);
	_free_ char *stat = xasprintf("%s/stat", pid);
	_free_ char *io = xasprintf("%s/io", pid);
	_free_ char *fd = xasprintf("%s/fd/0", pid);
	_free_ char *text =
		xasprintf("Name:\tx\nVmRSS:\t %s kB\nvoluntary_ctxt_switches:\t3\n", rss);

	folder_put(proc, status, text);
	folder_put(proc, stat, "7 (a b) c) S 1 1 1 0 -1 4 5 6 7 8 11 12 13 14 20 0 2 0 99\n");
	folder_put(proc, io, "rchar: 5\nread_bytes: 4096\n");
	folder_put(proc, fd, "");
}

static void test_processes_are_summed(void **state)
{
	static const pid_t pids[] = { 7, 8, 9 };
	char *proc = folder_new();
	_free_ char *text = NULL;

	(void)state;
	put_process(proc, "7", "10");
	put_process(proc, "8", "20");
	text = metrics_of_processes("kata_x", proc, pids, 3);
	expect(text, "# TYPE kata_x_threads gauge\nkata_x_threads 4\n");
	expect(text, "kata_x_proc_status{item=\"vmrss\"} 30720\n");
	expect(text, "kata_x_proc_status{item=\"voluntary_ctxt_switches\"} 6\n");
	expect(text, "kata_x_proc_stat{item=\"cstime\"} 28\n");
	expect(text, "kata_x_io_stat{item=\"readbytes\"} 8192\n");
	expect(text, "kata_x_fds 2\n");
	assert_null(strstr(text, "vmpeak"));
	folder_remove(proc);
}

static void test_guest_speaks_of_itself_alone(void **state)
{
	static const char said[] =
		"# HELP kata_guest_load x\n# TYPE kata_guest_load gauge\nkata_guest_load 1\n"
		"kata_agent_threads 2\n# TYPE process_rss gauge\nprocess_rss 3\n"
		"kata_shim_threads 4\nkata_hypervisor_fds{a=\"\033[2J\"} 5\n# EOF\n# odd\n{} 6\n";
	_free_ char *text = metrics_of_guest(said);

	(void)state;
	assert_string_equal(
		text,
		"# HELP kata_guest_load x\n# TYPE kata_guest_load gauge\nkata_guest_load 1\n"
		"kata_agent_threads 2\n# TYPE kata_agent_process_rss gauge\n"
		"kata_agent_process_rss 3\nkata_agent_kata_shim_threads 4\n"
		"kata_agent_kata_hypervisor_fds{a=\"?[2J\"} 5\n");
}

static void test_calls_are_counted_by_what_they_took(void **state)
{
	static const struct rpc_method create = { .name = "Create" },
				       resize = { .name = "ResizePty" };
	static const struct metrics_sample nothing = { 0 };
	const struct rpc_call foreign = { "grpc.Health", "Check", NULL, NULL };
	struct metrics *m = metrics_new();
	_free_ char *text = NULL;

	(void)state;
	metrics_task_took(m, &create, 1);
	metrics_task_took(m, &create, 3);
	metrics_task_took(m, &create, 1000);
	metrics_task_took(m, &resize, 0);
	metrics_agent_took(m, client_call_of(CLIENT_START_CONTAINER), 600);
	metrics_agent_took(m, client_call_of(CLIENT_READ_STDOUT), 600);
	metrics_agent_took(m, &foreign, 1);
	text = metrics_text(m, "gathered 1\n", &nothing);
	expect(text, "_bucket{action=\"create\",le=\"1\"} 1\n");
	expect(text, "_bucket{action=\"create\",le=\"4\"} 2\n");
	expect(text, "_bucket{action=\"create\",le=\"512\"} 2\n");
	expect(text, "_bucket{action=\"create\",le=\"+Inf\"} 3\n");
	expect(text, "_sum{action=\"create\"} 1004\n");
	expect(text, "_count{action=\"create\"} 3\n");
	expect(text, "_bucket{action=\"resize_pty\",le=\"1\"} 1\n");
	expect(text,
	       "kata_shim_agent_rpc_durations_histogram_milliseconds_bucket{"
	       "action=\"grpc.StartContainerRequest\",le=\"+Inf\"} 1\n");
	assert_null(strstr(text, "ReadStream"));
	assert_true(str_ends(text, "gathered 1\n"));
	metrics_free(m);
}

static void test_overhead_is_what_the_containers_do_not_use(void **state)
{
	const struct metrics_sample first = { 1000, 500, 9000, 100, 4000 },
				    second = { 2000, 900, 8000, 300, 9000 }, unknown = { 0 };
	struct metrics *m = metrics_new();
	_free_ char *one = metrics_text(m, "", &first);
	_free_ char *two = metrics_text(m, "", &unknown);
	_free_ char *three = metrics_text(m, "", &second);

	(void)state;
	expect(one, "kata_shim_pod_overhead_memory_in_bytes 5000\n");
	assert_null(strstr(one, "overhead_cpu"));
	assert_null(strstr(two, "overhead"));
	expect(three, "kata_shim_pod_overhead_memory_in_bytes -1000\n");
	expect(three, "kata_shim_pod_overhead_cpu 20\n");
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes_are_summed),
		cmocka_unit_test(test_guest_speaks_of_itself_alone),
		cmocka_unit_test(test_calls_are_counted_by_what_they_took),
		cmocka_unit_test(test_overhead_is_what_the_containers_do_not_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
