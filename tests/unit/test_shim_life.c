/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shim_life - whole pods through the Task service, with a hypervisor that runs nothing and an
 * agent from a script: each step fails once, and nothing may be left of it.
 *
 * Sandbox and shim are the real ones; what they make on the machine is made in a mount namespace
 * whose /run, /etc and cgroups are empty.  Without root that takes a user namespace.
 */

#include "tests/unit/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/rpc/client.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/shim.h"
#include "tests/unit/fake-vmm.h"
#include "tests/unit/rpc-peer.h"
#include "tests/unit/scripted-agent.h"

#define POOL_THREADS 4
#define HANG_MS      200 /* until a call that is never answered is given up */
#define KILL_MS      5000
#define PATIENCE_MS  5000 /* half of what the configuration gives an agent */
#define KILL_SOON_MS 300  /* where the agent will not tell */
#define V2           "containerd.task.v2.Task"
#define POD          "pod"
#define BOX          "box"
#define EXEC         "exec"

int __real_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e);
int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e);
int __wrap_config_check_paths(const struct config *c, struct error *e);

int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	if (agent_is_hanging(call->name))
		deadline_ms = min_u64(deadline_ms, deadline_in(HANG_MS));
	return __real_rpc_call(client, call, in, ret_out, deadline_ms, c, e);
}

/* In a user namespace root's files are nobody's. */
int __wrap_config_check_paths(const struct config *c, struct error *e)
{
	(void)c;
	(void)e;
	return 0;
}

/* ---- the shim, as serve.c makes one ---- */

struct fixture {
	struct peer_loop engine; /* its end of the connection outlives the shim's */
	pthread_t thread;
	struct loop_task stop;
	struct shim shim;
	struct rpc_client *client;
	size_t n_fds;
};

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n;
}

/* What was answered last is sent at the end. */
static void *shim_thread(void *arg)
{
	struct shim *shim = arg;

	(void)loop_run(shim->loop);
	work_pool_stop(shim->pool);
	work_pool_stop(shim->urgent);
	watch_free(TAKE_PTR(shim->watch));
	rpc_server_free(shim->server);
	state_remove(NULL, shim->id);
	return NULL;
}

static void stop_shim(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct fixture, stop)->shim.loop, 0);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct rpc_service service;
	struct error e;
	int fds[2];

	*state = f;
	fake_reset();
	agent_reset();
	f->n_fds = count_entries("/proc/self/fd");
	f->shim = (struct shim){
		.loop = loop_new(&e), .id = POD, .namespace_ = "default", .kill_wait_ms = KILL_MS
	};
	f->shim.pool = work_pool_new(f->shim.loop, POOL_THREADS, 256 * KIB);
	f->shim.urgent = work_pool_new(f->shim.loop, POOL_THREADS, 256 * KIB);
	assert_return_code(cancel_init(&f->shim.cancel, &e), 0);
	f->shim.events = events_new(f->shim.loop, NULL, "default", &e);
	task_service(&f->shim, &service);
	f->shim.server = rpc_server_new(f->shim.loop, f->shim.pool, &service, &e);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			   errno);
	assert_return_code(rpc_server_serve(f->shim.server, fds[0], &e), 0);
	f->engine.loop = loop_new(&e);
	f->client = rpc_client_new(f->engine.loop, fds[1], &e);
	peer_loop_start(&f->engine);
	assert_int_equal(pthread_create(&f->thread, NULL, shim_thread, &f->shim), 0);
	return 0;
}

/* What a pod may leave: nothing, once its shim has ended. */
static void assert_nothing_is_left(const struct fixture *f)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fake_disks(), 0);
	assert_true(count_entries("/run/vc/vm") <= 2);
	assert_true(count_entries("/run/vc/sbs") <= 2);
	assert_true(count_entries("/run/kata-containers/shared/sandboxes") <= 2);
	assert_int_equal(count_entries("/proc/self/fd"), f->n_fds);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->stop.run = stop_shim;
	loop_post(f->shim.loop, &f->stop);
	(void)pthread_join(f->thread, NULL);
	peer_loop_end(&f->engine);
	rpc_client_free(f->client);
	loop_free(f->engine.loop);
	sandbox_free(f->shim.sandbox);
	events_free(f->shim.events);
	work_pool_free(f->shim.pool);
	work_pool_free(f->shim.urgent);
	cancel_done(&f->shim.cancel);
	assert_null(f->shim.tasks);
	assert_null(f->shim.dropped);
	loop_free(f->shim.loop);
	assert_nothing_is_left(f);
	free(f);
	return 0;
}

/* ---- containers ---- */

static void put(const char *path, const char *text)
{
	_free_ char *parent = path_parent(path);
	struct error e;

	if (dir_make(parent, 0755, &e) < 0 || file_replace(path, text, strlen(text), 0644, &e) < 0)
		fail_msg("%s", e.msg);
}

/* More of the specification of what is created next. */
static const char *more = "";

/* A bundle, and the disk that is its root. */
static char *bundle_of(const char *id, const char *annotations)
{
	char *bundle = xasprintf("/run/bundles/%s", id);
	_free_ char *config = path_join(bundle, "config.json");
	_free_ char *disk = path_join(bundle, "disk");
	_free_ char *text = xasprintf(
		"{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"root\":{\"path\":\"rootfs\"},\"annotations\":{%s},%s"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},"
		"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],"
		"\"cgroupsPath\":\"/pods/%s\"}}",
		annotations, more, id);

	put(config, text);
	put(disk, "a file system");
	return bundle;
}

static int call(struct fixture *f, const char *name, const ProtobufCMessageDescriptor *in_type,
		const ProtobufCMessageDescriptor *out_type, const void *in, void *ret_out,
		struct error *e)
{
	const struct rpc_call which = { V2, name, in_type, out_type };

	return __real_rpc_call(f->client, &which, in, ret_out, deadline_in(PEER_PATIENCE_MS), NULL,
			       e);
}

static int create(struct fixture *f, const char *id, const char *annotations, struct error *e)
{
	_free_ char *bundle = bundle_of(id, annotations);
	_free_ char *disk = path_join(bundle, "disk");
	char *options[] = { (char[]){ "loop" } };
	Containerd__Mount root = CONTAINERD__MOUNT__INIT, *roots[] = { &root };
	Task__CreateTaskRequest in = TASK__CREATE_TASK_REQUEST__INIT;

	root.type = (char[]){ "ext4" };
	root.source = disk;
	root.options = options;
	root.n_options = 1;
	in.id = (char *)(uintptr_t)id;
	in.bundle = bundle;
	in.rootfs = roots;
	in.n_rootfs = 1;
	return call(f, "Create", &task__create_task_request__descriptor,
		    &task__create_task_response__descriptor, &in, NULL, e);
}

static int create_pod(struct fixture *f, struct error *e)
{
	return create(f, POD, "\"io.kubernetes.cri.container-type\":\"sandbox\"", e);
}

static int create_box(struct fixture *f, struct error *e)
{
	return create(f, BOX,
		      "\"io.kubernetes.cri.container-type\":\"container\","
		      "\"io.kubernetes.cri.sandbox-id\":\"" POD "\"",
		      e);
}

/* A call whose request is ID and EXEC_ID and whose answer has no meaning. */
static int ask(struct fixture *f, const char *name, const char *id, const char *exec_id,
	       const ProtobufCMessageDescriptor *out_type, struct error *e)
{
	Task__StateRequest in = TASK__STATE_REQUEST__INIT;

	in.id = (char *)(uintptr_t)id;
	in.exec_id = (char *)(uintptr_t)exec_id;
	return call(f, name, &task__state_request__descriptor, out_type, &in, NULL, e);
}

static int start(struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	return ask(f, "Start", id, exec_id, &task__start_response__descriptor, e);
}

/* *ret_status is -1 when nobody knows. */
static int wait_for(struct fixture *f, const char *id, const char *exec_id, int *ret_status,
		    struct error *e)
{
	Task__WaitRequest in = TASK__WAIT_REQUEST__INIT;
	_message_ Task__WaitResponse *out = NULL;
	int r;

	in.id = (char *)(uintptr_t)id;
	in.exec_id = (char *)(uintptr_t)exec_id;
	r = call(f, "Wait", &task__wait_request__descriptor, &task__wait_response__descriptor, &in,
		 &out, e);
	*ret_status = r < 0 ? -1 : (int)out->exit_status;
	return r;
}

static int kill_it(struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	Task__KillRequest in = TASK__KILL_REQUEST__INIT;

	in.id = (char *)(uintptr_t)id;
	in.exec_id = (char *)(uintptr_t)exec_id;
	in.signal = SIGKILL;
	return call(f, "Kill", &task__kill_request__descriptor, &pb__empty__descriptor, &in, NULL,
		    e);
}

static int delete (struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	return ask(f, "Delete", id, exec_id, &task__delete_response__descriptor, e);
}

static int add_exec(struct fixture *f, const char *out, struct error *e)
{
	Task__ExecProcessRequest in = TASK__EXEC_PROCESS_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char[]){ EXEC };
	in.stdout = (char *)(uintptr_t)out;
	in.terminal = true;
	spec.value.data = (uint8_t[]){ "{\"args\":[\"x\"]}" };
	spec.value.len = strlen((const char *)spec.value.data);
	in.spec = &spec;
	return call(f, "Exec", &task__exec_process_request__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

static int resize(struct fixture *f, struct error *e)
{
	Task__ResizePtyRequest in = TASK__RESIZE_PTY_REQUEST__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char[]){ EXEC };
	in.width = 80;
	in.height = 25;
	return call(f, "ResizePty", &task__resize_pty_request__descriptor, &pb__empty__descriptor,
		    &in, NULL, e);
}

static int close_io(struct fixture *f, struct error *e)
{
	Task__CloseIORequest in = TASK__CLOSE_IOREQUEST__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char[]){ EXEC };
	in.stdin = true;
	return call(f, "CloseIO", &task__close_iorequest__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

/* More than the VM has. */
static int update(struct fixture *f, struct error *e)
{
	static const char text[] =
		"{\"memory\":{\"limit\":268435456},"
		"\"cpu\":{\"quota\":200000,\"period\":100000},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":134217728}]}";
	Task__UpdateTaskRequest in = TASK__UPDATE_TASK_REQUEST__INIT;
	Pb__Any resources = PB__ANY__INIT;

	in.id = (char[]){ BOX };
	resources.value.data = (uint8_t *)(uintptr_t)text;
	resources.value.len = strlen(text);
	in.resources = &resources;
	return call(f, "Update", &task__update_task_request__descriptor, &pb__empty__descriptor,
		    &in, NULL, e);
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

static int shutdown_pod(struct fixture *f, struct error *e)
{
	Task__ShutdownRequest in = TASK__SHUTDOWN_REQUEST__INIT;

	in.id = (char[]){ POD };
	return call(f, "Shutdown", &task__shutdown_request__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

/* One that was never started does not end, and a signal that was refused is sent again. */
static int wait_exec(struct fixture *f, struct life *l, struct error *e)
{
	if (l->results[START_EXEC] < 0)
		return fail(e, ENOENT, "it was never started");
	if (l->results[KILL_EXEC] < 0)
		(void)kill_it(f, BOX, EXEC, e);
	return wait_for(f, BOX, EXEC, &l->exec_status, e);
}

static int do_start_pod(struct fixture *f, struct error *e)
{
	return start(f, POD, "", e);
}

static int do_start_box(struct fixture *f, struct error *e)
{
	return start(f, BOX, "", e);
}

static int do_add_exec(struct fixture *f, struct error *e)
{
	return add_exec(f, "", e);
}

static int do_start_exec(struct fixture *f, struct error *e)
{
	return start(f, BOX, EXEC, e);
}

static int do_stats(struct fixture *f, struct error *e)
{
	return ask(f, "Stats", BOX, "", &task__stats_response__descriptor, e);
}

static int do_pause(struct fixture *f, struct error *e)
{
	return ask(f, "Pause", BOX, "", &pb__empty__descriptor, e);
}

static int do_resume(struct fixture *f, struct error *e)
{
	return ask(f, "Resume", BOX, "", &pb__empty__descriptor, e);
}

static int do_kill_exec(struct fixture *f, struct error *e)
{
	return kill_it(f, BOX, EXEC, e);
}

static int do_delete_exec(struct fixture *f, struct error *e)
{
	return delete (f, BOX, EXEC, e);
}

static int do_kill_box(struct fixture *f, struct error *e)
{
	return kill_it(f, BOX, "", e);
}

static int do_delete_box(struct fixture *f, struct error *e)
{
	return delete (f, BOX, "", e);
}

static int do_kill_pod(struct fixture *f, struct error *e)
{
	return kill_it(f, POD, "", e);
}

static int do_delete_pod(struct fixture *f, struct error *e)
{
	return delete (f, POD, "", e);
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
	((struct fixture *)state)->shim.kill_wait_ms = kill_ms;
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
		assert_null(f->shim.tasks);
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

/* ---- an agent of upstream's ---- */

static void start_all(struct fixture *f)
{
	struct error e;

	if (create_pod(f, &e) < 0 || start(f, POD, "", &e) < 0 || create_box(f, &e) < 0 ||
	    start(f, BOX, "", &e) < 0)
		fail_msg("%s", e.msg);
}

static void end_one(struct fixture *f, const char *id)
{
	struct error e;
	int status;

	if (kill_it(f, id, "", &e) < 0 || wait_for(f, id, "", &status, &e) < 0 ||
	    delete (f, id, "", &e) < 0)
		fail_msg("%s", e.msg);
}

static void end_all(struct fixture *f)
{
	struct error e;

	if (delete (f, BOX, EXEC, &e) < 0)
		fail_msg("%s", e.msg);
	end_one(f, BOX);
	end_one(f, POD);
	assert_int_equal(shutdown_pod(f, &e), 0);
}

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
	f->shim.kill_wait_ms = KILL_SOON_MS;
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

#define POD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static bool enter_empty_machine(void)
{
	static const char *const places[] = { "/run", "/etc", "/sys/fs/cgroup" };

	if (geteuid() == 0 ? unshare(CLONE_NEWNS) < 0 : !become_root(CLONE_NEWNS))
		return false;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (mount("tmpfs", places[i], "tmpfs", 0, "mode=0755") < 0)
			return false;
	put("/etc/kata-containers/configuration.toml",
	    "[hypervisor.fake]\ndefault_maxvcpus = 8\n[agent.kata]\ndial_timeout = 10\n"
	    "[runtime]\ninternetworking_model = \"none\"\n");
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POD_TEST(test_a_pod_lives_and_leaves_nothing),
		cmocka_unit_test(test_a_step_of_the_vmm_that_fails_is_named_and_leaves_nothing),
		POD_TEST(test_a_pod_that_failed_can_be_created_again),
		cmocka_unit_test(test_a_method_of_the_agent_that_fails_is_named_and_leaves_nothing),
		cmocka_unit_test(
			test_a_method_of_the_agent_that_hangs_is_given_up_and_leaves_nothing),
		cmocka_unit_test(test_an_agent_that_hangs_up_ends_the_pod_and_leaves_nothing),
		POD_TEST(test_a_vmm_that_ends_at_its_start_is_the_reason),
		POD_TEST(test_a_vm_that_is_killed_ends_all_its_containers),
		POD_TEST(test_an_exit_is_told_with_its_status),
		POD_TEST(test_output_is_whole),
		POD_TEST(test_output_of_a_foreign_agent_is_whole),
		POD_TEST(test_exec_of_a_foreign_agent_that_is_killed_ends),
		POD_TEST(test_foreign_agent_is_not_waited_for),
		POD_TEST(test_process_of_a_container_has_nothing_of_the_host),
		POD_TEST(test_hooks_run_around_the_life_of_a_container),
	};

	if (!enter_empty_machine()) {
		print_message("SKIPPED: no mount namespace here\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
