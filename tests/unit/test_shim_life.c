/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_life - whole pods through the Task service: each step of the hypervisor's driver and
 * each method of the agent fails, hangs and hangs up once, and nothing may be left of it.
 */

#include "tests/unit/pod.h"

#include "runtime/sandbox/cgroup.h"

static bool cgroup_is_closed;

int __real_cgroup_join(const char *root, const char *path, struct cgroup *ret_cgroup,
		       struct error *e);
int __wrap_cgroup_join(const char *root, const char *path, struct cgroup *ret_cgroup,
		       struct error *e);

int __wrap_cgroup_join(const char *root, const char *path, struct cgroup *ret_cgroup,
		       struct error *e)
{
	return cgroup_is_closed ? fail(e, EACCES, "scripted")
				: __real_cgroup_join(root, path, ret_cgroup, e);
}

/* ---- the life of a pod ---- */

enum act {
	CREATE_POD,
	START_POD,
	CREATE_BOX,
	START_BOX,
	ADD_EXEC,
	START_EXEC,
	RESIZE,
	CLOSE_IO,
	STATS,
	UPDATE,
	PAUSE,
	RESUME,
	KILL_EXEC,
	WAIT_EXEC,
	DELETE_EXEC,
	KILL_BOX,
	WAIT_BOX,
	DELETE_BOX,
	KILL_POD,
	WAIT_POD,
	DELETE_POD,
	SHUTDOWN,
	N_ACT
};

struct life {
	int results[N_ACT];
	struct error errors[N_ACT];
	int exec_status, box_status, pod_status;
};

/* One that was never started does not end, and a signal that was refused is sent again. */
static int wait_exec(struct fixture *f, struct life *l, struct error *e)
{
	if (l->results[START_EXEC] < 0)
		return fail(e, ENOENT, "it was never started");
	if (l->results[KILL_EXEC] < 0)
		(void)kill_it(f, BOX, EXEC, e);
	return wait_for(f, BOX, EXEC, &l->exec_status, e);
}

static int do_shut_down(struct fixture *f, struct error *e)
{
	return shutdown_pod(f, e);
}

static int wait_box(struct fixture *f, struct life *l, struct error *e)
{
	return wait_for(f, BOX, "", &l->box_status, e);
}

static int wait_pod(struct fixture *f, struct life *l, struct error *e)
{
	return wait_for(f, POD, "", &l->pod_status, e);
}

static const struct {
	const char *name;
	int (*act)(struct fixture *f, struct error *e);
	int (*wait)(struct fixture *f, struct life *l, struct error *e); /* without ACT */
} acts[N_ACT] = {
	[CREATE_POD] = { "create pod", create_pod, NULL },
	[START_POD] = { "start pod", do_start_pod, NULL },
	[CREATE_BOX] = { "create box", create_box, NULL },
	[START_BOX] = { "start box", do_start_box, NULL },
	[ADD_EXEC] = { "add exec", do_add_exec, NULL },
	[START_EXEC] = { "start exec", do_start_exec, NULL },
	[RESIZE] = { "resize", resize, NULL },
	[CLOSE_IO] = { "close io", close_io, NULL },
	[STATS] = { "stats", do_stats, NULL },
	[UPDATE] = { "update", update, NULL },
	[PAUSE] = { "pause", do_pause, NULL },
	[RESUME] = { "resume", do_resume, NULL },
	[KILL_EXEC] = { "kill exec", do_kill_exec, NULL },
	[WAIT_EXEC] = { "wait exec", NULL, wait_exec },
	[DELETE_EXEC] = { "delete exec", do_delete_exec, NULL },
	[KILL_BOX] = { "kill box", do_kill_box, NULL },
	[WAIT_BOX] = { "wait box", NULL, wait_box },
	[DELETE_BOX] = { "delete box", do_delete_box, NULL },
	[KILL_POD] = { "kill pod", do_kill_pod, NULL },
	[WAIT_POD] = { "wait pod", NULL, wait_pod },
	[DELETE_POD] = { "delete pod", do_delete_pod, NULL },
	[SHUTDOWN] = { "shutdown", do_shut_down, NULL },
};

/* All acts in order, whatever becomes of each: what cannot be done says so, and soon. */
static void live(struct fixture *f, struct life *l)
{
	*l = (struct life){ .exec_status = -1, .box_status = -1, .pod_status = -1 };
	for (enum act i = 0; i < N_ACT; i++)
		l->results[i] = acts[i].act ? acts[i].act(f, &l->errors[i])
					    : acts[i].wait(f, l, &l->errors[i]);
	/* The end is always reached. */
	assert_int_equal(l->results[SHUTDOWN], 0);
}

static void assert_failed(const struct life *l, enum act which, const char *said)
{
	if (l->results[which] >= 0)
		fail_msg("%s was done", acts[which].name);
	if (!strstr(l->errors[which].msg, said))
		fail_msg("%s: '%s' does not name '%s'", acts[which].name, l->errors[which].msg,
			 said);
}

static void assert_all_done(const struct life *l)
{
	for (enum act i = 0; i < N_ACT; i++)
		if (l->results[i] < 0)
			fail_msg("%s: %s", acts[i].name, l->errors[i].msg);
}

static void test_a_pod_lives_and_leaves_nothing(void **state)
{
	struct life l;

	live(*state, &l);
	assert_all_done(&l);
	assert_int_equal(l.exec_status, 128 + SIGKILL);
	assert_int_equal(l.box_status, 128 + SIGKILL);
	assert_int_equal(l.pod_status, 128 + SIGKILL);
	assert_int_equal(fake_count(FAKE_BOOT), 1);
	assert_int_equal(fake_count(FAKE_PLUG), 2);
	assert_int_equal(agent_calls("DestroySandbox"), 1);
	assert_true(fake_count(FAKE_VCPUS) && fake_count(FAKE_MEMORY) && fake_count(FAKE_PAGES));
}

/* ---- each step fails once ---- */

/* Runs a life in which something is scripted, with a shim of its own. */
static void live_alone(void (*script)(const void *arg), const void *arg, uint64_t kill_ms,
		       struct life *l)
{
	void *state;

	assert_int_equal(setup(&state), 0);
	((struct fixture *)state)->shim.pod.kill_wait_ms = kill_ms;
	script(arg);
	live(state, l);
	(void)teardown(&state);
}

struct step_case {
	enum fake_step step;
	enum act act;     /* that fails */
	const char *said; /* and names what it was at */
};

static void script_step(const void *arg)
{
	const struct step_case *c = arg;

	fake_fail_next(c->step);
}

static void test_a_step_of_the_vmm_that_fails_is_named_and_leaves_nothing(void **state)
{
	static const struct step_case cases[] = {
		{ FAKE_PREPARE, CREATE_POD, "starting the VM: starting vm 'pod': scripted: prep" },
		{ FAKE_BOOT, CREATE_POD, "starting the VM: starting vm 'pod': scripted: boot" },
		{ FAKE_PLUG, CREATE_POD, "scripted: plug" },
		{ FAKE_VCPUS, UPDATE, "scripted: vcpus" },
		{ FAKE_MEMORY, UPDATE, "scripted: memory" },
		{ FAKE_PAGES, UPDATE, "scripted: pages" },
		{ FAKE_UNPLUG, N_ACT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct life l;

		live_alone(script_step, &cases[i], KILL_MS, &l);
		if (cases[i].said)
			assert_failed(&l, cases[i].act, cases[i].said);
		else
			assert_all_done(&l);
		/* What is not touched by it goes on. */
		if (cases[i].act == UPDATE)
			assert_int_equal(
				l.results[PAUSE] + l.results[WAIT_BOX] + l.results[DELETE_POD], 0);
	}
}

/* Nobody's limits would hold its VM. */
static void test_a_pod_whose_cgroup_cannot_be_joined_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error e;
	struct life l;

	cgroup_is_closed = true;
	assert_true(create_pod(f, &e) < 0);
	cgroup_is_closed = false;
	assert_non_null(strstr(e.msg, "the VM would not be accounted to its pod: scripted"));
	assert_int_equal(fake_count(FAKE_PREPARE), 0);
	live(f, &l);
	assert_all_done(&l);
}

/* A Create that failed has undone all it did: the next one finds a machine as before. */
static void test_a_pod_that_failed_can_be_created_again(void **state)
{
	static const enum fake_step steps[] = { FAKE_PREPARE, FAKE_BOOT, FAKE_PLUG };
	struct fixture *f = *state;
	struct error e;
	struct life l;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		fake_fail_next(steps[i]);
		assert_int_equal(create_pod(f, &e), -EIO);
		assert_null(f->shim.pod.tasks);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_true(count_entries("/run/vc/vm") <= 2);
	}
	agent_next("CreateContainer", AGENT_FAILS);
	assert_true(create_pod(f, &e) < 0);
	assert_non_null(strstr(e.msg, "agent: CreateContainer: scripted"));
	live(f, &l);
	assert_all_done(&l);
}

struct agent_case {
	const char *method;
	enum act act;    /* that fails when it fails or hangs; N_ACT: none */
	bool in_silence; /* nobody hears of it */
};

/* In the order in which a life comes to them. */
static const struct agent_case agent_cases[] = {
	{ "SetGuestDateTime", N_ACT, false },     { "CreateSandbox", CREATE_POD, false },
	{ "CreateContainer", CREATE_POD, false }, { "GetOOMEvent", N_ACT, false },
	{ "StartContainer", START_POD, false },   { "ExecProcess", START_EXEC, false },
	{ "TtyWinResize", RESIZE, false },        { "CloseStdin", N_ACT, false },
	{ "StatsContainer", STATS, false },       { "OnlineCPUMem", UPDATE, false },
	{ "UpdateContainer", UPDATE, false },     { "PauseContainer", PAUSE, false },
	{ "ResumeContainer", RESUME, false },     { "SignalProcess", N_ACT, true },
	{ "WaitProcess", N_ACT, true },           { "ReadStdout", N_ACT, false },
	{ "RemoveContainer", N_ACT, false },      { "DestroySandbox", N_ACT, false },
};

struct agent_script {
	const char *method;
	enum agent_action action;
};

static void script_agent(const void *arg)
{
	const struct agent_script *s = arg;

	agent_next(s->method, s->action);
}

static void live_with(const struct agent_case *c, enum agent_action action, struct life *l)
{
	const struct agent_script script = { c->method, action };
	uint64_t begin = now_ms();

	live_alone(script_agent, &script, KILL_SOON_MS, l);
	if (now_ms() - begin > PEER_PATIENCE_MS)
		fail_msg("%s held somebody up", c->method);
}

static void test_a_method_of_the_agent_that_fails_is_named_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(agent_cases); i++) {
		const struct agent_case *c = &agent_cases[i];
		_free_ char *said = xasprintf("agent: %s: scripted", c->method);
		struct life l;

		live_with(c, AGENT_FAILS, &l);
		if (c->act < N_ACT)
			assert_failed(&l, c->act, said);
		else if (!c->in_silence)
			assert_all_done(&l);
	}
}

static void test_a_method_of_the_agent_that_hangs_is_given_up_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(agent_cases); i++) {
		const struct agent_case *c = &agent_cases[i];
		struct life l;

		live_with(c, AGENT_HANGS, &l);
		if (c->act < N_ACT)
			assert_failed(&l, c->act, c->method);
	}
}

static void test_an_agent_that_hangs_up_ends_the_pod_and_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(agent_cases); i++) {
		const struct agent_case *c = &agent_cases[i];
		struct life l;

		live_with(c, AGENT_CLOSES, &l);
		if (c->act < N_ACT)
			assert_failed(&l, c->act, c->method);
	}
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		POD_TEST(test_a_pod_lives_and_leaves_nothing),
		cmocka_unit_test(test_a_step_of_the_vmm_that_fails_is_named_and_leaves_nothing),
		POD_TEST(test_a_pod_whose_cgroup_cannot_be_joined_is_refused),
		POD_TEST(test_a_pod_that_failed_can_be_created_again),
		cmocka_unit_test(test_a_method_of_the_agent_that_fails_is_named_and_leaves_nothing),
		cmocka_unit_test(
			test_a_method_of_the_agent_that_hangs_is_given_up_and_leaves_nothing),
		cmocka_unit_test(test_an_agent_that_hangs_up_ends_the_pod_and_leaves_nothing),
	};

	return POD_RUN(tests);
}
