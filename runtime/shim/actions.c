/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actions - start a pod's shim, and clean up after one.
 *
 * The shim listens on a socket beside the sandbox's record; its address follows from the sandbox's
 * id, so a container of the pod finds it without asking.  `start` opens the socket before it makes
 * the shim: when the address is printed a connection succeeds, however slow the machine is.
 */

#include "runtime/shim/actions.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/task.pb-c.h"
#include "lib/sock.h"
#include "runtime/sandbox/outside.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/share.h"
#include "runtime/sandbox/spec.h"
#include "runtime/sandbox/state.h"
#include "runtime/shim/handover.h"
#include "runtime/shim/shim.h"

extern char **environ;

int actions_bundle(const struct arguments *a, char **ret_bundle, struct error *e)
{
	char *cwd;

	if (!str_empty(a->bundle)) {
		*ret_bundle = xstrdup(a->bundle);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return fail(e, errno, "cannot find out the working directory: %m");
	*ret_bundle = cwd;
	return 0;
}

void actions_open_log(const struct arguments *a, const char *bundle)
{
	_free_ char *path = path_join(bundle, "log");
	enum log_level level = a->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
	/* For reading too: while containerd restarts nobody reads, and lines wait or are lost. */
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	log_open("kata-shim", fd < 0 ? STDERR_FILENO : fd, LOG_TEXT,
		 fd < 0 ? LOG_LEVEL_ERROR : level);
	log_set_field("sandbox", a->id);
}

static char *address_of(const char *sandbox_id)
{
	return xasprintf("unix://%s/%s/shim.sock", STATE_ROOT, sandbox_id);
}

static int write_file(const char *bundle, const char *name, const char *text, struct error *e)
{
	_free_ char *path = path_join(bundle, name);

	return file_replace(path, text, strlen(text), 0644, e);
}

static int print_address(const char *bundle, const char *address, struct error *e)
{
	int r = write_file(bundle, "address", address, e);

	if (r < 0)
		return r;
	return write_all(STDOUT_FILENO, address, strlen(address), "standard output", e);
}

/* A container of a pod is served by the pod's shim. */
static int start_member(const struct arguments *a, const Oci__Spec *spec, const char *bundle,
			struct error *e)
{
	const char *sandbox = spec_sandbox_id(spec);
	_state_ struct state state = { 0 };
	_free_ char *address = NULL;
	int r;

	if (!sandbox)
		return fail(e, EINVAL, "the container does not say which sandbox it belongs to");
	r = check_id(sandbox, "sandbox id", ID_LENGTH_MAX, e);
	if (r >= 0)
		r = state_load(&state, NULL, sandbox, e);
	/* One engine's tenants have no business with another's. */
	if (r >= 0 && strcmp(state.namespace_, a->namespace_) != 0)
		r = fail(e, EPERM, "it is of the namespace '%s', not '%s'", state.namespace_,
			 a->namespace_);
	if (r < 0)
		return fail_wrap(e, "sandbox '%s'", sandbox);
	address = address_of(sandbox);
	return print_address(bundle, address, e);
}

/* A record is left when a shim was killed and `delete` never ran. */
static int clear_leftovers(const char *id, struct error *e)
{
	_state_ struct state state = { 0 };
	struct error why;

	if (state_load(&state, NULL, id, &why) < 0)
		return 0;
	if (state_is_alive(&state.processes[STATE_SHIM]))
		return fail(e, EEXIST, "sandbox '%s' has a shim, process %d", id,
			    (int)state.processes[STATE_SHIM].pid);
	log_warn("cleaning up after an earlier sandbox of this id");
	state_clean(&state);
	return 0;
}

static int listen_on(const char *address, struct error *e)
{
	struct sock_address parsed;
	int r = sock_parse(address, &parsed, e);

	return r < 0 ? r : sock_listen(&parsed, e);
}

/* The arguments of `start` but for the action. */
static int launch(const struct arguments *a, const char *bundle, int listener, struct error *e)
{
	char program[4096];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	_strv_ strv argv = NULL;
	const struct proc_fd fds[] = { { listener, LISTENER_FD } };
	struct proc_spec spec = {
		.env = environ, .cwd = bundle, .fds = fds, .n_fds = 1, .new_session = true
	};
	struct proc proc;
	char pid[16];
	int r;

	if (len < 0)
		return fail(e, errno, "cannot find this program: %m");
	program[len] = '\0';
	strv_add(&argv, program);
	strv_addf(&argv, "-namespace=%s", a->namespace_);
	strv_addf(&argv, "-address=%s", a->address ? a->address : "");
	strv_addf(&argv, "-publish-binary=%s", a->publish_binary ? a->publish_binary : "");
	strv_addf(&argv, "-id=%s", a->id);
	if (a->config)
		strv_addf(&argv, "-config=%s", a->config);
	if (a->debug)
		strv_add(&argv, "-debug");
	spec.argv = argv;
	r = proc_start(&spec, &proc, e);
	if (r < 0)
		return r;
	(void)snprintf(pid, sizeof(pid), "%d", (int)proc.pid);
	proc_done(&proc);
	return write_file(bundle, "shim.pid", pid, e);
}

static int start_sandbox(const struct arguments *a, const char *bundle, struct error *e)
{
	_free_ char *address = address_of(a->id);
	_free_ char *dir = state_dir(NULL, a->id);
	_close_ int listener = -1;
	int r = clear_leftovers(a->id, e);

	if (r >= 0)
		r = dir_make(dir, 0700, e);
	if (r < 0)
		return r;
	listener = listen_on(address, e);
	if (listener < 0)
		return listener;
	r = launch(a, bundle, listener, e);
	return r < 0 ? r : print_address(bundle, address, e);
}

static int leave_to_others(const struct arguments *a, const char *bundle, struct error *e)
{
	_free_ char *root = NULL;

	return handover_root(&root, e) < 0 ? -e->code : handover(FOREIGN_RUN, root, a, bundle, e);
}

int action_start(const struct arguments *a, struct error *e)
{
	_free_ char *bundle = NULL;
	_message_ Oci__Spec *spec = NULL;
	enum spec_type type;
	int r = actions_bundle(a, &bundle, e);

	if (r < 0)
		return r;
	actions_open_log(a, bundle);
	r = spec_read(bundle, &spec, e);
	if (r >= 0)
		r = spec_type(spec, &type, e);
	if (r < 0)
		return r;
	if (type != SPEC_MEMBER)
		return start_sandbox(a, bundle, e);
	return leave_to_others(a, bundle, e) < 0 ? -e->code : start_member(a, spec, bundle, e);
}

/* Whether the sandbox has begun after this program.  containerd asks it to delete what it knows to
 * be gone as well, and may have made another of the same id meanwhile. */
static bool is_next(const struct state *state)
{
	const struct state_process *shim = &state->processes[STATE_SHIM];
	struct error e;
	uint64_t own;

	return state_is_alive(shim) && proc_start_time(getpid(), &own, &e) >= 0 &&
	       shim->start_ticks > own;
}

/* containerd has given this shim up: it must not go on. */
static void end_shim(const struct state *state)
{
	const struct state_process *shim = &state->processes[STATE_SHIM];

	if (shim->pid == getpid() || !state_is_alive(shim))
		return;
	log_warn("ending the shim, process %d", (int)shim->pid);
	(void)kill(shim->pid, SIGKILL);
}

static int print_deleted(struct error *e)
{
	Task__DeleteResponse answer = TASK__DELETE_RESPONSE__INIT;
	Pb__Timestamp when = PB__TIMESTAMP__INIT;
	_free_ uint8_t *bytes = NULL;
	size_t len;

	when.seconds = time(NULL);
	answer.exit_status = STATUS_KILLED;
	answer.exited_at = &when;
	len = message_pack(&answer, &bytes);
	return write_all(STDOUT_FILENO, bytes, len, "standard output", e);
}

/* Hooks of the engine's undo what others made, such as the network.  A shim that has left its
 * record has not run them. */
static void run_last_hooks(const char *id, const char *bundle)
{
	_message_ Oci__Spec *spec = NULL;
	struct error e;

	if (spec_read(bundle, &spec, &e) >= 0)
		outside_forget(id, bundle, spec);
}

int action_delete(const struct arguments *a, struct error *e)
{
	_free_ char *bundle = NULL;
	_free_ char *rootfs = NULL;
	_state_ struct state state = { 0 };
	int r = actions_bundle(a, &bundle, e);

	if (r < 0)
		return r;
	log_open("kata-shim", STDERR_FILENO, LOG_TEXT, LOG_LEVEL_INFO);
	/* containerd asks only once: what can be done without that shim is done. */
	if (leave_to_others(a, bundle, e) < 0)
		log_warn("%s", e->msg);
	r = state_load(&state, NULL, a->id, e);
	if (r >= 0 && is_next(&state)) {
		log_info("there is a later sandbox of this id, which stays");
		return print_deleted(e);
	}
	if (r >= 0) {
		end_shim(&state);
		state_clean(&state);
		run_last_hooks(a->id, bundle);
	} else if (r != -ENOENT) {
		log_warn("what is left of sandbox '%s' is not known: %s", a->id, e->msg);
		share_forget(NULL, a->id);
		state_remove(NULL, a->id);
	}
	rootfs = path_join(bundle, "rootfs");
	rootfs_unmount(rootfs);
	return print_deleted(e);
}
