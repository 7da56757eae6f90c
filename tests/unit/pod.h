/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_POD_H
#define TESTS_UNIT_POD_H

/*
 * A whole pod through the Task service, with a hypervisor that runs nothing and an agent from a
 * script (fake-vmm.h, scripted-agent.h).
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
#include "runtime/pod/task.h"
#include "runtime/sandbox/ask.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/front.h"
#include "tests/unit/fake-vmm.h"
#include "tests/unit/rpc-peer.h"
#include "tests/unit/scripted-agent.h"

#define POOL_THREADS 4
#define HANG_MS      200
#define KILL_MS      5000
#define PATIENCE_MS  5000 /* half of what the configuration gives an agent */
#define KILL_SOON_MS 300  /* where the agent will not tell */
#define V2           "containerd.task.v2.Task"
#define POD          "pod"
#define BOX          "box"
#define EXEC         "exec"

static uint64_t hang_ms; /* until a call that is never answered is given up */

int __real_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e);
int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e);
int __wrap_config_check_paths(const struct config *c, struct error *e);
void __real_ask_agent(struct ask *a, struct rpc_client *rpc, enum client_call call,
		      const void *request, uint64_t wait_ms);
void __wrap_ask_agent(struct ask *a, struct rpc_client *rpc, enum client_call call,
		      const void *request, uint64_t wait_ms);

int __wrap_rpc_call(struct rpc_client *client, const struct rpc_call *call, const void *in,
		    void *ret_out, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	if (agent_is_hanging(call->name))
		deadline_ms = min_u64(deadline_ms, deadline_in(hang_ms));
	return __real_rpc_call(client, call, in, ret_out, deadline_ms, c, e);
}

void __wrap_ask_agent(struct ask *a, struct rpc_client *rpc, enum client_call call,
		      const void *request, uint64_t wait_ms)
{
	if (agent_is_hanging(client_call_of(call)->name))
		wait_ms = hang_ms;
	__real_ask_agent(a, rpc, call, request, wait_ms);
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

static inline size_t count_entries(const char *path)
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
static inline void *shim_thread(void *arg)
{
	struct shim *shim = arg;

	(void)loop_run(shim->pod.loop);
	pod_halt(&shim->pod);
	rpc_server_free(TAKE_PTR(shim->server));
	state_remove(NULL, shim->pod.id);
	return NULL;
}

static inline void stop_shim(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct fixture, stop)->shim.pod.loop, 0);
}

static inline int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct pod_params params = { .held = -1,
				     .id = POD,
				     .namespace_ = "default",
				     .kill_wait_ms = KILL_MS,
				     .max_threads = POOL_THREADS };
	struct error e;
	int fds[2];

	*state = f;
	fake_reset();
	agent_reset();
	hang_ms = HANG_MS;
	f->n_fds = count_entries("/proc/self/fd");
	params.loop = loop_new(&e);
	assert_return_code(shim_open(&f->shim, &params, NULL, &e), 0);
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
static inline void assert_nothing_is_left(const struct fixture *f)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fake_disks(), 0);
	assert_true(count_entries("/run/vc/vm") <= 2);
	assert_true(count_entries("/run/vc/sbs") <= 2);
	assert_true(count_entries("/run/kata-containers/shared/sandboxes") <= 2);
	assert_int_equal(count_entries("/proc/self/fd"), f->n_fds);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	struct loop *loop = f->shim.pod.loop;

	f->stop.run = stop_shim;
	loop_post(loop, &f->stop);
	(void)pthread_join(f->thread, NULL);
	peer_loop_end(&f->engine);
	rpc_client_free(f->client);
	loop_free(f->engine.loop);
	shim_close(&f->shim);
	assert_null(f->shim.pod.tasks);
	assert_null(f->shim.pod.dropped);
	loop_free(loop);
	assert_nothing_is_left(f);
	free(f);
	return 0;
}

/* ---- containers ---- */

static inline void put(const char *path, const char *text)
{
	_free_ char *parent = path_parent(path);
	struct error e;

	if (dir_make(parent, 0755, &e) < 0 || file_replace(path, text, strlen(text), 0644, &e) < 0)
		fail_msg("%s", e.msg);
}

/* More of the specification of what is created next. */
static const char *more = "";
/* Of its network namespace; "": it is to be made. */
static const char *network_path = "";
static const char *more_linux = ""; /* in its section of that name */

/* A bundle, and the disk that is its root. */
static inline char *bundle_of(const char *id, const char *annotations)
{
	char *bundle = xasprintf("/run/bundles/%s", id);
	_free_ char *config = path_join(bundle, "config.json");
	_free_ char *disk = path_join(bundle, "disk");
	_free_ char *text = xasprintf(
		"{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"root\":{\"path\":\"rootfs\"},\"annotations\":{%s},%s"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"%s},"
		"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],"
		"%s\"cgroupsPath\":\"/pods/%s\"}}",
		annotations, more, network_path, more_linux, id);

	put(config, text);
	put(disk, "a file system");
	return bundle;
}

static inline int call(struct fixture *f, const char *name,
		       const ProtobufCMessageDescriptor *in_type,
		       const ProtobufCMessageDescriptor *out_type, const void *in, void *ret_out,
		       struct error *e)
{
	const struct rpc_call which = { V2, name, in_type, out_type };

	return __real_rpc_call(f->client, &which, in, ret_out, deadline_in(PEER_PATIENCE_MS), NULL,
			       e);
}

static inline int create(struct fixture *f, const char *id, const char *annotations,
			 struct error *e)
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

static inline int create_pod(struct fixture *f, struct error *e)
{
	return create(f, POD, "\"io.kubernetes.cri.container-type\":\"sandbox\"", e);
}

static inline int create_member(struct fixture *f, const char *id, struct error *e)
{
	return create(f, id,
		      "\"io.kubernetes.cri.container-type\":\"container\","
		      "\"io.kubernetes.cri.sandbox-id\":\"" POD "\"",
		      e);
}

static inline int create_box(struct fixture *f, struct error *e)
{
	return create_member(f, BOX, e);
}

/* A call whose request is ID and EXEC_ID and whose answer has no meaning. */
static inline int ask(struct fixture *f, const char *name, const char *id, const char *exec_id,
		      const ProtobufCMessageDescriptor *out_type, struct error *e)
{
	Task__StateRequest in = TASK__STATE_REQUEST__INIT;

	in.id = (char *)(uintptr_t)id;
	in.exec_id = (char *)(uintptr_t)exec_id;
	return call(f, name, &task__state_request__descriptor, out_type, &in, NULL, e);
}

static inline int start(struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	return ask(f, "Start", id, exec_id, &task__start_response__descriptor, e);
}

/* *ret_status is -1 when nobody knows. */
static inline int wait_for(struct fixture *f, const char *id, const char *exec_id, int *ret_status,
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

static inline int kill_it(struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	Task__KillRequest in = TASK__KILL_REQUEST__INIT;

	in.id = (char *)(uintptr_t)id;
	in.exec_id = (char *)(uintptr_t)exec_id;
	in.signal = SIGKILL;
	return call(f, "Kill", &task__kill_request__descriptor, &pb__empty__descriptor, &in, NULL,
		    e);
}

static inline int delete (struct fixture *f, const char *id, const char *exec_id, struct error *e)
{
	return ask(f, "Delete", id, exec_id, &task__delete_response__descriptor, e);
}

static inline int add_exec_as(struct fixture *f, const char *id, const char *out, struct error *e)
{
	Task__ExecProcessRequest in = TASK__EXEC_PROCESS_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char *)(uintptr_t)id;
	in.stdout = (char *)(uintptr_t)out;
	in.terminal = true;
	spec.value.data = (uint8_t[]){ "{\"args\":[\"x\"]}" };
	spec.value.len = strlen((const char *)spec.value.data);
	in.spec = &spec;
	return call(f, "Exec", &task__exec_process_request__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

static inline int add_exec(struct fixture *f, const char *out, struct error *e)
{
	return add_exec_as(f, EXEC, out, e);
}

static inline int resize(struct fixture *f, struct error *e)
{
	Task__ResizePtyRequest in = TASK__RESIZE_PTY_REQUEST__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char[]){ EXEC };
	in.width = 80;
	in.height = 25;
	return call(f, "ResizePty", &task__resize_pty_request__descriptor, &pb__empty__descriptor,
		    &in, NULL, e);
}

static inline int close_io(struct fixture *f, struct error *e)
{
	Task__CloseIORequest in = TASK__CLOSE_IOREQUEST__INIT;

	in.id = (char[]){ BOX };
	in.exec_id = (char[]){ EXEC };
	in.stdin = true;
	return call(f, "CloseIO", &task__close_iorequest__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

/* Limits of ID become RESOURCES. */
static inline int update_of(struct fixture *f, const char *id, const char *resources,
			    struct error *e)
{
	Task__UpdateTaskRequest in = TASK__UPDATE_TASK_REQUEST__INIT;
	Pb__Any any = PB__ANY__INIT;

	in.id = (char *)(uintptr_t)id;
	any.value.data = (uint8_t *)(uintptr_t)resources;
	any.value.len = strlen(resources);
	in.resources = &any;
	return call(f, "Update", &task__update_task_request__descriptor, &pb__empty__descriptor,
		    &in, NULL, e);
}

/* More than the VM has. */
static inline int update(struct fixture *f, struct error *e)
{
	return update_of(f, BOX,
			 "{\"memory\":{\"limit\":268435456},"
			 "\"cpu\":{\"quota\":200000,\"period\":100000},"
			 "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":134217728}]}",
			 e);
}

static inline int shutdown_pod(struct fixture *f, struct error *e)
{
	Task__ShutdownRequest in = TASK__SHUTDOWN_REQUEST__INIT;

	in.id = (char[]){ POD };
	return call(f, "Shutdown", &task__shutdown_request__descriptor, &pb__empty__descriptor, &in,
		    NULL, e);
}

static inline int do_start_pod(struct fixture *f, struct error *e)
{
	return start(f, POD, "", e);
}

static inline int do_start_box(struct fixture *f, struct error *e)
{
	return start(f, BOX, "", e);
}

static inline int do_add_exec(struct fixture *f, struct error *e)
{
	return add_exec(f, "", e);
}

static inline int do_start_exec(struct fixture *f, struct error *e)
{
	return start(f, BOX, EXEC, e);
}

static inline int do_stats(struct fixture *f, struct error *e)
{
	return ask(f, "Stats", BOX, "", &task__stats_response__descriptor, e);
}

static inline int do_pause(struct fixture *f, struct error *e)
{
	return ask(f, "Pause", BOX, "", &pb__empty__descriptor, e);
}

static inline int do_resume(struct fixture *f, struct error *e)
{
	return ask(f, "Resume", BOX, "", &pb__empty__descriptor, e);
}

static inline int do_kill_exec(struct fixture *f, struct error *e)
{
	return kill_it(f, BOX, EXEC, e);
}

static inline int do_delete_exec(struct fixture *f, struct error *e)
{
	return delete (f, BOX, EXEC, e);
}

static inline int do_kill_box(struct fixture *f, struct error *e)
{
	return kill_it(f, BOX, "", e);
}

static inline int do_delete_box(struct fixture *f, struct error *e)
{
	return delete (f, BOX, "", e);
}

static inline int do_kill_pod(struct fixture *f, struct error *e)
{
	return kill_it(f, POD, "", e);
}

static inline int do_delete_pod(struct fixture *f, struct error *e)
{
	return delete (f, POD, "", e);
}

static inline void start_all(struct fixture *f)
{
	struct error e;

	if (create_pod(f, &e) < 0 || start(f, POD, "", &e) < 0 || create_box(f, &e) < 0 ||
	    start(f, BOX, "", &e) < 0)
		fail_msg("%s", e.msg);
}

static inline void end_one(struct fixture *f, const char *id)
{
	struct error e;
	int status;

	if (kill_it(f, id, "", &e) < 0 || wait_for(f, id, "", &status, &e) < 0 ||
	    delete (f, id, "", &e) < 0)
		fail_msg("%s", e.msg);
}

static inline bool enter_empty_machine(void)
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

#define POD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Runs TESTS, which are an array, there. */
#define POD_RUN(tests)                                                           \
	({                                                                       \
		int pod_result_ = 0;                                             \
                                                                                 \
		if (enter_empty_machine())                                       \
			pod_result_ = cmocka_run_group_tests(tests, NULL, NULL); \
		else                                                             \
			print_message("SKIPPED: no mount namespace here\n");     \
		pod_result_;                                                     \
	})

#endif
