/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_calls - what the Task service tells of a pod: how its VM and its processes end, what
 * one call does to another, and what is different with an agent of upstream's.
 */

#include "tests/unit/loopback.h"
#include "tests/unit/pod.h"

#define LONG_MS (2 * PEER_PATIENCE_MS)

/* ---- the VM and its end ---- */

static void test_a_vmm_that_ends_at_its_start_is_the_reason(void **state)
{
	struct fixture *f = *state;
	struct error e;

	fake_guest.dies_at_boot = true;
	assert_true(create_pod(f, &e) < 0);
	assert_non_null(strstr(e.msg, "reaching the agent"));
	assert_non_null(strstr(e.msg, "the virtual machine monitor ended with status 1"));
}

static void test_a_vm_that_is_killed_ends_all_its_containers(void **state)
{
	struct fixture *f = *state;
	int pod_status, box_status;
	struct error e;

	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(start(f, POD, "", &e), 0);
	assert_int_equal(create_box(f, &e), 0);
	assert_int_equal(start(f, BOX, "", &e), 0);
	fake_kill();
	assert_int_equal(wait_for(f, BOX, "", &box_status, &e), 0);
	assert_int_equal(wait_for(f, POD, "", &pod_status, &e), 0);
	assert_int_equal(box_status, STATUS_UNKNOWN);
	assert_int_equal(pod_status, STATUS_UNKNOWN);
	assert_int_equal(delete (f, BOX, "", &e), 0);
	assert_int_equal(delete (f, POD, "", &e), 0);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

static void test_an_exit_is_told_with_its_status(void **state)
{
	struct fixture *f = *state;
	struct error e;
	int status;

	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(start(f, POD, "", &e), 0);
	assert_int_equal(create_box(f, &e), 0);
	assert_int_equal(start(f, BOX, "", &e), 0);
	agent_exit(BOX, BOX, 7);
	assert_int_equal(wait_for(f, BOX, "", &status, &e), 0);
	assert_int_equal(status, 7);
	assert_int_equal(delete (f, BOX, "", &e), 0);
	assert_int_equal(fake_disks(), 1);
	agent_exit(POD, POD, 0);
	assert_int_equal(wait_for(f, POD, "", &status, &e), 0);
	assert_int_equal(status, 0);
	assert_int_equal(delete (f, POD, "", &e), 0);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* ---- what one call does to another ---- */

struct stuck {
	struct fixture *f;
	unsigned ended;
};

static void *ask_stats(void *arg)
{
	struct stuck *s = arg;
	struct error e;

	(void)do_stats(s->f, &e);
	(void)__atomic_add_fetch(&s->ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* More of them than there are threads: what waits for an answer takes none. */
static void test_calls_that_hang_hold_nobody_up(void **state)
{
	struct stuck stuck = { .f = *state };
	pthread_t threads[4 * POOL_THREADS];
	struct error e;

	start_all(*state);
	hang_ms = 4 * HANG_MS * 4;
	agent_always("StatsContainer", AGENT_HANGS);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_stats, &stuck), 0);
	while (agent_calls("StatsContainer") < ARRAY_SIZE(threads))
		assert_int_equal(wait_pause(5, "calls", deadline_in(PEER_PATIENCE_MS), NULL, &e),
				 0);
	assert_int_equal(update(*state, &e), 0);
	assert_int_equal(__atomic_load_n(&stuck.ended, __ATOMIC_SEQ_CST), 0);
	end_one(*state, BOX);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_exec_whose_kill_is_not_answered_is_given_up_alone(void **state)
{
	struct error e;
	int status;

	start_all(*state);
	assert_int_equal(add_exec(*state, "", &e), 0);
	assert_int_equal(do_start_exec(*state, &e), 0);
	agent_next("SignalProcess", AGENT_HANGS);
	assert_int_equal(do_kill_exec(*state, &e), 0);
	assert_int_equal(wait_for(*state, BOX, EXEC, &status, &e), 0);
	assert_int_equal(status, STATUS_KILLED);
	assert_int_equal(do_delete_exec(*state, &e), 0);
	/* The container goes on. */
	assert_int_equal(do_pause(*state, &e), 0);
	assert_int_equal(do_resume(*state, &e), 0);
	end_one(*state, BOX);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
}

/* Calls NAME of the agent, which does not answer, for as long as the test lasts. */
struct hanging {
	struct fixture *f;
	int (*ask)(struct fixture *f, struct error *e);
	pthread_t thread;
	unsigned ended;
};

static void *ask_in_vain(void *arg)
{
	struct hanging *h = arg;
	struct error e;

	(void)h->ask(h->f, &e);
	(void)__atomic_add_fetch(&h->ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void begin_hanging_for(struct hanging *h, const char *method, uint64_t wait_ms)
{
	unsigned before = agent_calls(method);
	struct error e;

	hang_ms = wait_ms;
	agent_next(method, AGENT_HANGS);
	assert_int_equal(pthread_create(&h->thread, NULL, ask_in_vain, h), 0);
	while (agent_calls(method) == before)
		assert_int_equal(wait_pause(5, method, deadline_in(PEER_PATIENCE_MS), NULL, &e), 0);
}

static void begin_hanging(struct hanging *h, const char *method)
{
	begin_hanging_for(h, method, LONG_MS);
}

static void assert_still_hanging(struct hanging *h)
{
	assert_int_equal(__atomic_load_n(&h->ended, __ATOMIC_SEQ_CST), 0);
}

static void assert_whole_life(struct fixture *f, const char *id)
{
	struct error e;

	if (create_member(f, id, &e) < 0 || start(f, id, "", &e) < 0)
		fail_msg("%s", e.msg);
	end_one(f, id);
}

/* Neither one that asks for nothing, nor one for which the VM grows as well. */
static void test_container_comes_and_goes_while_another_gets_memory(void **state)
{
	struct hanging grows = { .f = *state, .ask = update };
	struct error e;

	start_all(*state);
	begin_hanging(&grows, "OnlineCPUMem");
	assert_whole_life(*state, "other");
	more_linux = "\"resources\":{\"memory\":{\"limit\":1073741824}},";
	assert_whole_life(*state, "large");
	more_linux = "";
	assert_still_hanging(&grows);
	assert_int_equal(agent_calls("OnlineCPUMem"), 2);
	end_one(*state, BOX);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
	assert_int_equal(pthread_join(grows.thread, NULL), 0);
}

static void test_exec_that_hangs_holds_no_other_call_up(void **state)
{
	struct hanging exec = { .f = *state, .ask = do_start_exec };
	struct error e;

	start_all(*state);
	assert_int_equal(add_exec(*state, "", &e), 0);
	assert_int_equal(add_exec_as(*state, "other", "", &e), 0);
	begin_hanging(&exec, "ExecProcess");
	assert_int_equal(start(*state, BOX, "other", &e), 0);
	assert_int_equal(do_stats(*state, &e), 0);
	assert_int_equal(update(*state, &e), 0);
	assert_still_hanging(&exec);
	end_one(*state, BOX);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
	assert_int_equal(pthread_join(exec.thread, NULL), 0);
}

/* One of many containers that are made beside one another. */
struct member {
	struct fixture *f;
	int (*act)(struct fixture *f, const char *id, struct error *e);
	char id[24];
	pthread_t thread;
	int result;
	struct error error;
};

static void *act_on_member(void *arg)
{
	struct member *m = arg;

	m->result = m->act(m->f, m->id, &m->error);
	return NULL;
}

#define MEMBERS ((size_t)2 * POOL_THREADS)

/* Has all of them ACT, which calls METHOD of the agent and gets no answer. */
static void hang_all(struct fixture *f, struct member *members, size_t n, const char *method,
		     int (*act)(struct fixture *f, const char *id, struct error *e))
{
	unsigned before = agent_calls(method);
	struct error e;

	hang_ms = LONG_MS;
	agent_always(method, AGENT_HANGS);
	for (size_t i = 0; i < n; i++) {
		members[i] = (struct member){ .f = f, .act = act };
		(void)snprintf(members[i].id, sizeof(members[i].id), "box%zu", i);
		assert_int_equal(
			pthread_create(&members[i].thread, NULL, act_on_member, &members[i]), 0);
	}
	while (agent_calls(method) < before + n)
		assert_int_equal(wait_pause(5, method, deadline_in(PEER_PATIENCE_MS), NULL, &e), 0);
	agent_always(method, AGENT_ANSWERS);
}

static void join_all(struct member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_join(members[i].thread, NULL), 0);
}

static void assert_all_cancelled(struct member *members, size_t n)
{
	join_all(members, n);
	for (size_t i = 0; i < n; i++) {
		if (members[i].result != -ECANCELED || !strstr(members[i].error.msg, "cancelled"))
			fail_msg("%s: %s", members[i].id, members[i].error.msg);
	}
}

/* More than there are threads, and the pod ends while all of them hang. */
static void test_containers_that_are_not_made_hold_nobody_up(void **state)
{
	struct member members[MEMBERS];
	struct fixture *f = *state;
	uint64_t begin = now_ms();
	struct error e;

	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(start(f, POD, "", &e), 0);
	hang_all(f, members, MEMBERS, "CreateContainer", create_member);
	assert_whole_life(f, "other");
	end_one(f, POD);
	assert_all_cancelled(members, MEMBERS);
	assert_int_equal(shutdown_pod(f, &e), 0);
	assert_true(now_ms() - begin < LONG_MS);
}

static int start_member(struct fixture *f, const char *id, struct error *e)
{
	return start(f, id, "", e);
}

static void test_containers_that_do_not_start_hold_nobody_up(void **state)
{
	struct member members[MEMBERS];
	struct fixture *f = *state;
	struct error e;
	char id[24];

	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(start(f, POD, "", &e), 0);
	for (size_t i = 0; i < MEMBERS; i++) {
		(void)snprintf(id, sizeof(id), "box%zu", i);
		assert_int_equal(create_member(f, id, &e), 0);
	}
	hang_all(f, members, MEMBERS, "StartContainer", start_member);
	assert_whole_life(f, "other");
	end_one(f, POD);
	assert_all_cancelled(members, MEMBERS);
	for (size_t i = 0; i < MEMBERS; i++)
		assert_int_equal(delete (f, members[i].id, "", &e), 0);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

static int update_member(struct fixture *f, const char *id, struct error *e)
{
	return update_of(f, id, "{\"memory\":{\"limit\":268435456}}", e);
}

/* What makes the VM larger holds threads, all there are: Delete gets one more. */
static void test_container_is_deleted_though_all_threads_are_taken(void **state)
{
	struct member members[POOL_THREADS];
	struct fixture *f = *state;
	struct error e;
	char id[24];

	start_all(f);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		(void)snprintf(id, sizeof(id), "box%zu", i);
		assert_int_equal(create_member(f, id, &e), 0);
	}
	hang_all(f, members, ARRAY_SIZE(members), "OnlineCPUMem", update_member);
	end_one(f, BOX);
	end_one(f, POD);
	join_all(members, ARRAY_SIZE(members));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		assert_true(members[i].result < 0);
		assert_int_equal(delete (f, members[i].id, "", &e), 0);
	}
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* While its first container is being made in the guest, which does not answer. */
static void give_up_creation(struct fixture *f, int (*give_up)(struct fixture *f, struct error *e))
{
	struct hanging creates = { .f = f, .ask = create_pod };
	uint64_t begin = now_ms();
	struct error e;

	begin_hanging(&creates, "CreateContainer");
	assert_still_hanging(&creates);
	assert_int_equal(give_up(f, &e), 0);
	assert_int_equal(pthread_join(creates.thread, NULL), 0);
	assert_true(now_ms() - begin < PATIENCE_MS);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

static void test_pod_is_killed_while_the_agent_makes_its_container(void **state)
{
	give_up_creation(*state, do_kill_pod);
}

static void test_pod_is_deleted_while_the_agent_makes_its_container(void **state)
{
	give_up_creation(*state, do_delete_pod);
}

/* The agent may have made it: it is asked to take it away again. */
static void test_container_that_was_made_too_late_is_removed(void **state)
{
	struct fixture *f = *state;
	struct error e;

	assert_int_equal(create_pod(f, &e), 0);
	agent_next("CreateContainer", AGENT_HANGS);
	assert_int_equal(create_box(f, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.msg, "agent: CreateContainer: no answer in"));
	assert_int_equal(agent_calls("RemoveContainer"), 1);
	assert_int_equal(fake_disks(), 1);
	agent_next("CreateContainer", AGENT_FAILS);
	assert_true(create_box(f, &e) < 0);
	assert_non_null(strstr(e.msg, "agent: CreateContainer: scripted"));
	/* It has what was copied. */
	assert_int_equal(agent_calls("RemoveContainer"), 2);
	assert_int_equal(fake_disks(), 1);
	assert_int_equal(create_box(f, &e), 0);
	end_one(f, BOX);
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* What is asked of a container while it starts is done after that. */
static void test_calls_of_one_container_come_in_order(void **state)
{
	struct hanging starts = { .f = *state, .ask = do_start_box };
	uint64_t begin = now_ms();
	struct error e;

	assert_int_equal(create_pod(*state, &e), 0);
	assert_int_equal(create_box(*state, &e), 0);
	begin_hanging_for(&starts, "StartContainer", 3 * HANG_MS);
	assert_int_equal(update(*state, &e), 0);
	assert_true(now_ms() - begin >= 3 * HANG_MS);
	assert_int_equal(pthread_join(starts.thread, NULL), 0);
	end_one(*state, BOX);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
}

/* It may have waited behind another call, or for what an engine does to the pod's network. */
static void test_container_that_is_killed_while_it_starts_is_not_started(void **state)
{
	struct hanging grows = { .f = *state, .ask = update };
	struct member starts = { .f = *state, .act = start_member, .id = BOX };
	struct error e = { 0 };
	int status;

	assert_int_equal(create_pod(*state, &e), 0);
	assert_int_equal(start(*state, POD, "", &e), 0);
	assert_int_equal(create_box(*state, &e), 0);
	begin_hanging_for(&grows, "OnlineCPUMem", 3 * HANG_MS);
	assert_int_equal(pthread_create(&starts.thread, NULL, act_on_member, &starts), 0);
	while (add_exec(*state, "", &e) == -EBUSY && !strstr(e.msg, "is starting"))
		assert_int_equal(wait_pause(5, "a start", deadline_in(PEER_PATIENCE_MS), NULL, &e),
				 0);
	assert_int_equal(do_kill_box(*state, &e), 0);
	join_all(&starts, 1);
	assert_int_equal(starts.result, -EBUSY);
	assert_non_null(strstr(starts.error.msg, "container '" BOX "' has ended"));
	assert_int_equal(agent_calls("StartContainer"), 1);
	assert_int_equal(wait_for(*state, BOX, "", &status, &e), 0);
	assert_int_equal(status, STATUS_KILLED);
	assert_int_equal(pthread_join(grows.thread, NULL), 0);
	assert_int_equal(do_delete_box(*state, &e), 0);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
}

static void test_container_that_is_being_deleted_is_not_started(void **state)
{
	struct hanging deletes = { .f = *state, .ask = do_delete_box };
	struct error e;

	assert_int_equal(create_pod(*state, &e), 0);
	assert_int_equal(start(*state, POD, "", &e), 0);
	assert_int_equal(create_box(*state, &e), 0);
	begin_hanging_for(&deletes, "RemoveContainer", 3 * HANG_MS);
	assert_int_equal(start(*state, BOX, "", &e), -EBUSY);
	assert_non_null(strstr(e.msg, "is being deleted"));
	assert_int_equal(agent_calls("StartContainer"), 1);
	assert_int_equal(pthread_join(deletes.thread, NULL), 0);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
}

/* ---- what there is of a container on the host ---- */

static void test_process_of_a_container_has_nothing_of_the_host(void **state)
{
	static const char *const kinds[] = { "net", "pid", "ipc", "uts", "mnt" };
	Task__StateRequest in = TASK__STATE_REQUEST__INIT;
	_message_ Task__StateResponse *out = NULL;
	struct fixture *f = *state;
	struct stat own, its;
	char path[64];
	struct error e;

	in.id = (char[]){ POD };
	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(call(f, "State", &task__state_request__descriptor,
			      &task__state_response__descriptor, &in, &out, &e),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%u/ns/%s", out->pid, kinds[i]);
		assert_return_code(stat(path, &its), errno);
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		assert_return_code(stat(path, &own), errno);
		assert_int_not_equal(own.st_ino, its.st_ino);
	}
	(void)snprintf(path, sizeof(path), "/proc/%u/root", out->pid);
	assert_int_equal(count_entries(path), 2);
	end_one(f, POD);
	assert_int_equal(kill((pid_t)out->pid, 0), -1);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* As CRI-O gives it; what is configured is that a pod has none. */
static void test_network_of_the_host_by_a_path_is_none(void **state)
{
	struct fixture *f = *state;
	struct error e;

	network_path = ",\"path\":\"/proc/self/ns/net\"";
	if (create_pod(f, &e) < 0 || create_box(f, &e) < 0)
		fail_msg("%s", e.msg);
	network_path = "";
	end_one(f, BOX);
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* ---- ports of the pod ---- */

struct visitor {
	const char *netns;
	int echoed; /* a connection to port 80 */
	int refused;
};

/* In the pod's network namespace, where an engine connects. */
static void *visit(void *arg)
{
	struct visitor *v = arg;
	_close_ int netns = open(v->netns, O_RDONLY | O_CLOEXEC);

	assert_return_code(setns(netns, CLONE_NEWNET), errno);
	loopback_up();
	v->echoed = loopback_connect(AF_INET, 1, 80);
	v->refused = loopback_connect(AF_INET6, 1, 81);
	return NULL;
}

static void visit_pod(struct fixture *f, struct visitor *v)
{
	Task__StateRequest in = TASK__STATE_REQUEST__INIT;
	_message_ Task__StateResponse *out = NULL;
	_free_ char *netns = NULL;
	pthread_t thread;
	struct error e;

	in.id = (char[]){ POD };
	assert_int_equal(call(f, "State", &task__state_request__descriptor,
			      &task__state_response__descriptor, &in, &out, &e),
			 0);
	netns = xasprintf("/proc/%u/ns/net", out->pid);
	v->netns = netns;
	assert_int_equal(pthread_create(&thread, NULL, visit, v), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_port_of_a_pod_is_forwarded(void **state)
{
	struct visitor v = { .echoed = -1 };
	struct fixture *f = *state;
	struct error e;
	char bytes[4];

	assert_int_equal(create_pod(f, &e), 0);
	if (!f->shim.pod.forward) {
		print_message("SKIPPED: this kernel or user forwards nothing\n");
	} else {
		visit_pod(f, &v);
		assert_true(v.echoed >= 0);
		assert_true(v.refused >= 0);
		peer_send(v.echoed, "echo", 4);
		assert_true(peer_receive(v.echoed, bytes, 4));
		assert_memory_equal(bytes, "echo", 4);
		(void)shutdown(v.echoed, SHUT_WR);
		assert_false(peer_receive(v.echoed, bytes, 1));
		assert_int_equal(recv(v.refused, bytes, 1, 0), -1);
		assert_int_equal(errno, ECONNRESET);
		(void)close(v.echoed);
		(void)close(v.refused);
	}
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* One that is open does not keep the pod. */
static void test_forwarded_port_ends_with_its_pod(void **state)
{
	struct visitor v = { .echoed = -1 };
	struct fixture *f = *state;
	struct error e;
	char byte;

	assert_int_equal(create_pod(f, &e), 0);
	if (f->shim.pod.forward)
		visit_pod(f, &v);
	end_one(f, POD);
	if (v.echoed >= 0) {
		assert_false(peer_receive(v.echoed, &byte, 1));
		(void)close(v.echoed);
		(void)close(v.refused);
	}
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* ---- a name server in the pod's network namespace ---- */

static const char resolv_conf[] =
	"\"mounts\":[{\"type\":\"bind\",\"source\":\"/run/resolv.conf\","
	"\"destination\":\"/etc/resolv.conf\",\"options\":[\"rbind\"]}],";

/* As Docker does, into a network that it fills itself. */
static void create_with_resolv_conf(struct fixture *f, const char *text)
{
	static const char drop_in[] = "/etc/kata-containers/config.d/network.toml";
	struct error e;

	put(drop_in, "[runtime]\ninternetworking_model = \"tcfilter\"\n");
	put("/run/resolv.conf", text);
	more = resolv_conf;
	if (create_pod(f, &e) < 0)
		fail_msg("%s", e.msg);
	more = "";
	(void)unlink(drop_in);
}

static void test_name_server_of_before_create_is_asked_before_the_container_runs(void **state)
{
	struct fixture *f = *state;
	struct error e;

	create_with_resolv_conf(f, "nameserver 127.0.0.11\n");
	assert_int_equal(start(f, POD, "", &e), 0);
	assert_int_equal(agent_calls("GetQuestion"), 1);
	assert_true(agent_called_before("GetQuestion", "StartContainer"));
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* Docker 28 makes it then. */
static void test_name_server_of_after_create_is_asked_before_the_container_runs(void **state)
{
	struct fixture *f = *state;
	struct error e;

	create_with_resolv_conf(f, "nameserver 10.0.0.1\n");
	assert_int_equal(agent_calls("GetQuestion"), 0);
	put("/run/resolv.conf", "nameserver 127.0.0.11\noptions ndots:0\n");
	assert_int_equal(start(f, POD, "", &e), 0);
	assert_int_equal(agent_calls("GetQuestion"), 1);
	assert_true(agent_called_before("GetQuestion", "StartContainer"));
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

static void test_other_name_servers_are_the_guests_affair(void **state)
{
	static const char *const others[] = { "", "nameserver 127.0.0.53\n",
					      "nameserver 127.0.0.110\n",
					      "# nameserver 127.0.0.11\n", "search 127.0.0.11\n" };
	struct fixture *f = *state;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (i == 0)
			create_with_resolv_conf(f, others[i]);
		put("/run/resolv.conf", others[i]);
		agent_next("StartContainer", AGENT_FAILS);
		assert_true(start(f, POD, "", &e) < 0);
	}
	assert_int_equal(agent_calls("StartContainer"), ARRAY_SIZE(others));
	assert_int_equal(agent_calls("GetQuestion"), 0);
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

#define HOOK(moment, script) \
	"\"" moment "\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"" script "\"]}]"
#define NOTED(moment) HOOK(moment, "echo " moment " >>/run/hooks")

static void assert_hooks(const char *expected)
{
	_free_ char *text = NULL;
	struct error e;

	more = "";
	assert_int_equal(file_read("/run/hooks", MIB, &text, NULL, &e), 0);
	assert_string_equal(text, expected);
	(void)unlink("/run/hooks");
}

/* They name the configuration: another one would be taken in its place. */
static void test_options_that_cannot_be_read_are_refused(void **state)
{
	static uint8_t bytes[] = { 0x12, 0x7f }; /* field 2 of 127 bytes, none of which is there */
	static const struct {
		const char *type;
		const char *said;
	} cases[] = {
		{ "runtimeoptions.v1.Options", "the options of the runtime's handler: " },
		{ "containerd.runc.v1.Options", "config.json" },
	};
	struct fixture *f = *state;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Task__CreateTaskRequest in = TASK__CREATE_TASK_REQUEST__INIT;
		Pb__Any options = PB__ANY__INIT;

		options.type_url = (char *)(uintptr_t)cases[i].type;
		options.value = (ProtobufCBinaryData){ sizeof(bytes), bytes };
		in.id = (char[]){ POD };
		in.bundle = (char[]){ "/nowhere" };
		in.options = &options;
		assert_true(call(f, "Create", &task__create_task_request__descriptor,
				 &task__create_task_response__descriptor, &in, NULL, &e) < 0);
		if (!strstr(e.msg, cases[i].said))
			fail_msg("%s: %s", cases[i].type, e.msg);
	}
}

/* Whatever was the last that went well, those of the end undo it. */
static void test_hooks_run_around_the_life_of_a_container(void **state)
{
	struct fixture *f = *state;
	struct error e;

	more = "\"hooks\":{" HOOK("createRuntime", "exit 3") "," NOTED("poststop") "},";
	assert_true(create_pod(f, &e) < 0);
	assert_non_null(strstr(e.msg, "createRuntime hook '/bin/sh': it ended with status 3"));
	assert_hooks("poststop\n");
	more = "\"hooks\":{" NOTED("prestart") "," NOTED("createRuntime") "," NOTED(
		"poststart") "," NOTED("poststop") "},";
	assert_int_equal(create_pod(f, &e), 0);
	assert_int_equal(start(f, POD, "", &e), 0);
	assert_hooks("prestart\ncreateRuntime\npoststart\n");
	end_one(f, POD);
	assert_hooks("poststop\n");
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* It must not go on. */
static void test_container_whose_hook_fails_at_its_start_is_killed(void **state)
{
	struct fixture *f = *state;
	struct error e;
	int status;

	more = "\"hooks\":{" HOOK("poststart", "exit 4") "},";
	assert_int_equal(create_pod(f, &e), 0);
	more = "";
	assert_true(start(f, POD, "", &e) < 0);
	assert_non_null(strstr(e.msg, "poststart hook '/bin/sh': it ended with status 4"));
	assert_int_equal(wait_for(f, POD, "", &status, &e), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(delete (f, POD, "", &e), 0);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* ---- an agent of upstream's ---- */

static void end_all(struct fixture *f)
{
	struct error e;

	if (delete (f, BOX, EXEC, &e) < 0)
		fail_msg("%s", e.msg);
	end_one(f, BOX);
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

/* Everything until the end. */
static char *read_all(int fd)
{
	char *text = xcalloc(1, 4096);
	size_t used = 0;
	ssize_t n = 1;
	struct error e;

	while (n > 0 && used < 4095) {
		if (wait_fd(fd, POLLIN, "output", deadline_in(PEER_PATIENCE_MS), NULL, &e) < 0)
			fail_msg("%s", e.msg);
		n = read(fd, text + used, 4095 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	return text;
}

static void assert_output_is_whole(struct fixture *f)
{
	static const char out[] = "/run/output";
	_close_ int reader = -1;
	_free_ char *text = NULL;
	struct error e;
	int status;

	(void)unlink(out);
	assert_int_equal(mkfifo(out, 0600), 0);
	reader = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_return_code(reader, errno);
	agent_output("all of it");
	start_all(f);
	assert_int_equal(add_exec(f, out, &e), 0);
	assert_int_equal(start(f, BOX, EXEC, &e), 0);
	agent_exit(BOX, EXEC, 3);
	text = read_all(reader);
	assert_string_equal(text, "all of it");
	assert_int_equal(wait_for(f, BOX, EXEC, &status, &e), 0);
	assert_int_equal(status, 3);
	end_all(f);
}

static void test_output_is_whole(void **state)
{
	assert_output_is_whole(*state);
}

/* It forgets what nobody has read when it tells the exit, so it is asked for that last. */
static void test_output_of_a_foreign_agent_is_whole(void **state)
{
	fake_guest.is_foreign = true;
	agent_forgets_told();
	assert_output_is_whole(*state);
}

/* Its outputs do not end, but it must. */
static void test_exec_of_a_foreign_agent_that_is_killed_ends(void **state)
{
	struct fixture *f = *state;
	struct error e;
	int status;

	fake_guest.is_foreign = true;
	f->shim.pod.kill_wait_ms = KILL_SOON_MS;
	start_all(f);
	agent_next("ReadStdout", AGENT_HANGS);
	assert_int_equal(add_exec(f, "", &e), 0);
	assert_int_equal(start(f, BOX, EXEC, &e), 0);
	assert_int_equal(kill_it(f, BOX, EXEC, &e), 0);
	assert_int_equal(wait_for(f, BOX, EXEC, &status, &e), 0);
	assert_int_equal(status, 128 + SIGKILL);
	end_all(f);
}

/* It does not call, which was waited for half of dial_timeout. */
static void test_foreign_agent_is_not_waited_for(void **state)
{
	uint64_t begin = now_ms();
	struct error e;

	fake_guest.is_foreign = true;
	assert_int_equal(create_pod(*state, &e), 0);
	assert_true(now_ms() - begin < PATIENCE_MS);
	end_one(*state, POD);
	assert_int_equal(shutdown_pod(*state, &e), 0);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		POD_TEST(test_a_vmm_that_ends_at_its_start_is_the_reason),
		POD_TEST(test_a_vm_that_is_killed_ends_all_its_containers),
		POD_TEST(test_an_exit_is_told_with_its_status),
		POD_TEST(test_calls_that_hang_hold_nobody_up),
		POD_TEST(test_container_comes_and_goes_while_another_gets_memory),
		POD_TEST(test_exec_that_hangs_holds_no_other_call_up),
		POD_TEST(test_exec_whose_kill_is_not_answered_is_given_up_alone),
		POD_TEST(test_containers_that_are_not_made_hold_nobody_up),
		POD_TEST(test_containers_that_do_not_start_hold_nobody_up),
		POD_TEST(test_container_is_deleted_though_all_threads_are_taken),
		POD_TEST(test_pod_is_killed_while_the_agent_makes_its_container),
		POD_TEST(test_pod_is_deleted_while_the_agent_makes_its_container),
		POD_TEST(test_container_that_was_made_too_late_is_removed),
		POD_TEST(test_calls_of_one_container_come_in_order),
		POD_TEST(test_container_that_is_killed_while_it_starts_is_not_started),
		POD_TEST(test_container_that_is_being_deleted_is_not_started),
		POD_TEST(test_output_is_whole),
		POD_TEST(test_output_of_a_foreign_agent_is_whole),
		POD_TEST(test_exec_of_a_foreign_agent_that_is_killed_ends),
		POD_TEST(test_foreign_agent_is_not_waited_for),
		POD_TEST(test_process_of_a_container_has_nothing_of_the_host),
		POD_TEST(test_network_of_the_host_by_a_path_is_none),
		POD_TEST(test_port_of_a_pod_is_forwarded),
		POD_TEST(test_forwarded_port_ends_with_its_pod),
		POD_TEST(test_name_server_of_before_create_is_asked_before_the_container_runs),
		POD_TEST(test_name_server_of_after_create_is_asked_before_the_container_runs),
		POD_TEST(test_other_name_servers_are_the_guests_affair),
		POD_TEST(test_options_that_cannot_be_read_are_refused),
		POD_TEST(test_hooks_run_around_the_life_of_a_container),
		POD_TEST(test_container_whose_hook_fails_at_its_start_is_killed),
	};

	return POD_RUN(tests);
}
