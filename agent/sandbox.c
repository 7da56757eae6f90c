/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox - the one sandbox of a guest: its names, shared namespaces, DNS, and its end.
 *
 * CreateSandbox comes once, before any container, and either leaves a whole sandbox or none: each
 * step keeps what it made in the state only when all have passed.  The shared namespaces are made
 * by a work thread that leaves its own for a moment, so no process is needed to hold them; they
 * live as long as the descriptors here.  Handlers run on work threads in the order of the sandbox's
 * queue; the lock guards what containers' calls read beside them.
 */

#include "agent/sandbox.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/proc.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/container/container.h"
#include "agent/device/uevent.h"
#include "agent/guest/guest.h"
#include "agent/guest/hugepages.h"
#include "agent/network/move.h"
#include "agent/network/names.h"
#include "agent/storage/storage.h"

#define HOSTNAME_MAX    64
#define DNS_MAX         64  /* lines */
#define DNS_LINE_MAX    512 /* characters */
#define MODULES_MAX     64
#define DESTROY_WAIT_MS 10000
#define MODPROBE        "/sbin/modprobe"
#define MODPROBE_MS     10000
#define OUTPUT_MAX      4096

struct sandbox_state {
	pthread_mutex_t lock;
	bool is_created;
	char *id;
	strv mounts;
	char *hostname;
	char *users; /* the map of the user namespace, as text; NULL without one */
	int ns_fds[N_SANDBOX_NS];
};

static const struct {
	const char *name;
	int flag;
} namespaces[] = {
	[SANDBOX_NS_IPC] = { "ipc", CLONE_NEWIPC },
	[SANDBOX_NS_UTS] = { "uts", CLONE_NEWUTS },
	[SANDBOX_NS_NET] = { "net", CLONE_NEWNET },
	[SANDBOX_NS_USER] = { "user", CLONE_NEWUSER },
};
static_assert(ARRAY_SIZE(namespaces) == N_SANDBOX_NS, "a row for every shared namespace");

static struct sandbox_state *state_new(void)
{
	struct sandbox_state *s = xcalloc(1, sizeof(*s));

	(void)pthread_mutex_init(&s->lock, NULL);
	for (size_t i = 0; i < N_SANDBOX_NS; i++)
		s->ns_fds[i] = -1;
	return s;
}

static void state_clear(struct sandbox_state *s)
{
	for (size_t i = 0; i < N_SANDBOX_NS; i++)
		s->ns_fds[i] = close_fd(s->ns_fds[i]);
	strv_free(TAKE_PTR(s->mounts));
	free(TAKE_PTR(s->id));
	free(TAKE_PTR(s->hostname));
	free(TAKE_PTR(s->users));
	s->is_created = false;
}

static void state_free(struct sandbox_state *s)
{
	if (!s)
		return;
	state_clear(s);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

struct sandbox *sandbox_new(struct loop *loop, struct work_pool *pool, const struct config *config,
			    struct error *e)
{
	_cleanup_(sandbox_freep) struct sandbox *sb = xcalloc(1, sizeof(*sb));

	sb->loop = loop;
	sb->pool = pool;
	sb->config = config;
	sb->state = state_new();
	sb->queue = work_queue_new(pool);
	sb->storages = storages_new(sb, e);
	if (!sb->storages)
		return NULL;
	/* A test must not change the machine it runs on. */
	sb->uevents = uevents_new(loop, pool, config->is_init ? guest_take_memory : NULL, e);
	if (!sb->uevents)
		return NULL;
	sb->pages = hugepages_pools_new("/sys");
	sb->names = names_new(loop);
	sb->containers = containers_new(sb, e);
	if (!sb->containers)
		return NULL;
	return TAKE_PTR(sb);
}

void sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return;
	containers_free(sb->containers);
	names_free(sb->names);
	hugepages_pools_free(sb->pages);
	storages_free(sb->storages);
	uevents_free(sb->uevents);
	work_queue_free(sb->queue);
	state_free(sb->state);
	free(sb);
}

int sandbox_ns_open(struct sandbox *sb, enum sandbox_ns ns, struct error *e)
{
	struct sandbox_state *s = sb->state;
	int fd = -1, code = ENOENT;

	(void)pthread_mutex_lock(&s->lock);
	if (s->ns_fds[ns] >= 0) {
		fd = fcntl(s->ns_fds[ns], F_DUPFD_CLOEXEC, 3);
		code = errno;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (fd < 0)
		return fail(e, code, "cannot open the sandbox's %s namespace: %m",
			    namespaces[ns].name);
	return fd;
}

char *sandbox_id(struct sandbox *sb)
{
	struct sandbox_state *s = sb->state;
	char *id;

	(void)pthread_mutex_lock(&s->lock);
	id = xstrdup(s->id ? s->id : "");
	(void)pthread_mutex_unlock(&s->lock);
	return id;
}

static int open_own_ns(const char *name, struct error *e)
{
	_free_ char *path = xasprintf("/proc/thread-self/ns/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", path) : fd;
}

/* What is done inside a new namespace before the thread returns to its own. */
static int fill_ns(enum sandbox_ns ns, const char *hostname, struct error *e)
{
	if (ns == SANDBOX_NS_UTS && !str_empty(hostname) &&
	    sethostname(hostname, strlen(hostname)) < 0)
		return fail(e, errno, "cannot set hostname '%s': %m", hostname);
	return open_own_ns(namespaces[ns].name, e);
}

static int make_ns(enum sandbox_ns ns, const char *hostname, struct error *e)
{
	_close_ int own = open_own_ns(namespaces[ns].name, e);
	int fd;

	if (own < 0)
		return own;
	if (unshare(namespaces[ns].flag) < 0)
		return fail(e, errno, "cannot make the sandbox's %s namespace: %m",
			    namespaces[ns].name);
	fd = fill_ns(ns, hostname, e);
	/* The thread serves other calls next: in a wrong namespace it must not. */
	if (setns(own, namespaces[ns].flag) < 0)
		abort();
	return fd;
}

static int name_host(int uts, const char *hostname, struct error *e)
{
	_close_ int own = open_own_ns(namespaces[SANDBOX_NS_UTS].name, e);
	int r = 0;

	if (own < 0 || str_empty(hostname))
		return own < 0 ? own : 0;
	if (setns(uts, CLONE_NEWUTS) < 0)
		return fail(e, errno, "cannot enter a uts namespace: %m");
	if (sethostname(hostname, strlen(hostname)) < 0)
		r = fail(e, errno, "cannot set hostname '%s': %m", hostname);
	if (setns(own, CLONE_NEWUTS) < 0)
		abort();
	return r;
}

static void replace_ns(struct sandbox_state *s, enum sandbox_ns ns, int own_fd)
{
	(void)close_fd(s->ns_fds[ns]);
	s->ns_fds[ns] = own_fd;
}

/* Under the lock, so that nobody sees some of the old namespaces and some of the new. */
static int adopt(struct sandbox_state *s, const struct idmap *map, char *own_text, struct error *e)
{
	int fds[N_IDMAP_NS] = { -1, -1, -1, -1 };
	int r = idmap_open_all(map, fds, e);

	if (r >= 0)
		r = name_host(fds[IDMAP_NS_UTS], s->hostname, e);
	if (r >= 0)
		r = network_move(fds[IDMAP_NS_NET], e);
	for (size_t i = 0; r < 0 && i < N_IDMAP_NS; i++)
		(void)close_fd(fds[i]);
	if (r < 0) {
		free(own_text);
		return r;
	}
	s->users = own_text;
	replace_ns(s, SANDBOX_NS_USER, fds[IDMAP_NS_USER]);
	replace_ns(s, SANDBOX_NS_IPC, fds[IDMAP_NS_IPC]);
	replace_ns(s, SANDBOX_NS_UTS, fds[IDMAP_NS_UTS]);
	replace_ns(s, SANDBOX_NS_NET, fds[IDMAP_NS_NET]);
	return 0;
}

int sandbox_adopt_users(struct sandbox *sb, const struct idmap *map, struct error *e)
{
	struct sandbox_state *s = sb->state;
	_free_ char *text = idmap_text(map);
	int r = 0;

	(void)pthread_mutex_lock(&s->lock);
	if (!s->users)
		r = adopt(s, map, TAKE_PTR(text), e);
	else if (strcmp(s->users, text) != 0)
		r = fail(e, EINVAL, "the sandbox has a user namespace with another map");
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

static int load_module(const Agent__KernelModule *m, struct error *e)
{
	_strv_ strv argv = NULL;
	_free_ char *builtin = NULL, *output = NULL;
	int status, r = check_id(m->name, "kernel module", SANDBOX_ID_MAX, e);

	if (r < 0)
		return r;
	builtin = xasprintf("/sys/module/%s", m->name);
	if (file_exists(builtin))
		return 0;
	if (!file_exists(MODPROBE))
		return fail(e, ENOENT,
			    "kernel module '%s' is not in the guest kernel and the guest image has "
			    "no " MODPROBE,
			    m->name);
	strv_add(&argv, MODPROBE);
	strv_add(&argv, "-v");
	strv_add(&argv, m->name);
	for (size_t i = 0; i < m->n_parameters; i++)
		strv_add(&argv, m->parameters[i]);
	r = proc_run(&(struct proc_spec){ .argv = argv }, deadline_in(MODPROBE_MS), NULL,
		     OUTPUT_MAX, &status, &output, e);
	if (r == 0 && status != 0)
		r = fail(e, EIO, "loading kernel module '%s' failed with status %d: %.200s",
			 m->name, status, output);
	return r;
}

static int load_modules(const Agent__CreateSandboxRequest *in, struct error *e)
{
	int r = 0;

	if (in->n_kernel_modules > MODULES_MAX)
		return fail(e, E2BIG, "%zu kernel modules are more than %d", in->n_kernel_modules,
			    MODULES_MAX);
	for (size_t i = 0; i < in->n_kernel_modules && r == 0; i++)
		r = load_module(in->kernel_modules[i], e);
	return r;
}

static bool is_plain_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' && *s != '\t')
			return false;
	return true;
}

static int join_dns(const Agent__CreateSandboxRequest *in, char **ret_text, struct error *e)
{
	_strv_ strv lines = NULL;

	if (in->n_dns > DNS_MAX)
		return fail(e, E2BIG, "%zu DNS lines are more than %d", in->n_dns, DNS_MAX);
	for (size_t i = 0; i < in->n_dns; i++) {
		_free_ char *line = xstrdup(in->dns[i]);
		char *trimmed = str_trim(line);

		if (strlen(trimmed) > DNS_LINE_MAX || !is_plain_line(trimmed))
			return fail(e, EINVAL,
				    "DNS line %zu is longer than %d or has control characters",
				    i + 1, DNS_LINE_MAX);
		strv_add(&lines, trimmed);
	}
	strv_add(&lines, "");
	*ret_text = strv_join(lines, "\n");
	return 0;
}

/* Writes the sandbox's resolv.conf; a guest image that has one of its own sees ours over it. */
static int set_dns(const Agent__CreateSandboxRequest *in, struct error *e)
{
	static const char *const ours = SANDBOX_DIR "/resolv.conf";
	_free_ char *text = NULL;
	int r;

	if (!in->n_dns)
		return 0;
	r = join_dns(in, &text, e);
	if (r < 0)
		return r;
	r = file_replace(ours, text, strlen(text), 0644, e);
	if (r < 0 || !file_exists("/etc/resolv.conf"))
		return r;
	if (mount(ours, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return fail(e, errno, "cannot bind '%s' to '/etc/resolv.conf': %m", ours);
	return 0;
}

static int check_request(const Agent__CreateSandboxRequest *in, struct error *e)
{
	if (!str_empty(in->sandbox_id) &&
	    check_id(in->sandbox_id, "sandbox id", SANDBOX_ID_MAX, e) < 0)
		return -e->code;
	if (strlen(in->hostname) > HOSTNAME_MAX)
		return fail(e, EINVAL, "hostname '%.64s...' is longer than %d characters",
			    in->hostname, HOSTNAME_MAX);
	return 0;
}

static int make_dirs(const struct sandbox *sb, struct error *e)
{
	int r = 0;

	/* What an earlier sandbox of this guest left, as after a restored template. */
	if (sb->config->is_init)
		r = tree_remove(SANDBOX_RUN_DIR, e);
	if (r == 0)
		r = dir_make(SANDBOX_SHARED_DIR, 0755, e);
	if (r == 0)
		r = dir_make(SANDBOX_DIR, 0755, e);
	return r;
}

/* Fills S, which the caller clears on failure. */
static int create(struct sandbox *sb, struct rpc_request *req,
		  const Agent__CreateSandboxRequest *in, struct sandbox_state *s, struct error *e)
{
	int r = make_dirs(sb, e);

	if (r == 0)
		r = load_modules(in, e);
	for (size_t i = SANDBOX_NS_IPC; i <= SANDBOX_NS_UTS && r == 0; i++) {
		int fd = make_ns((enum sandbox_ns)i, in->hostname, e);

		if (fd < 0)
			r = fd;
		else
			s->ns_fds[i] = fd;
	}
	if (r == 0)
		r = set_dns(in, e);
	if (r == 0)
		r = storages_add(sb->storages, NULL, in->storages, in->n_storages,
				 rpc_deadline_ms(req), rpc_cancel(req), &s->mounts, e);
	s->id = xstrdup(in->sandbox_id);
	s->hostname = xstrdup(in->hostname);
	return r;
}

int sandbox_rpc_create(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__CreateSandboxRequest *in = in_;
	struct sandbox *sb = rpc_context(req);
	struct sandbox_state *s = sb->state, made = { .ns_fds = { -1, -1, -1, -1 } };
	int r = check_request(in, e);

	(void)out;
	if (r < 0)
		return r;
	if (s->is_created)
		return fail(e, EEXIST, "this guest has a sandbox already, '%s'", s->id);
	r = create(sb, req, in, &made, e);
	if (r < 0) {
		state_clear(&made);
		return fail_wrap(e, "creating sandbox '%s'", in->sandbox_id);
	}
	(void)pthread_mutex_lock(&s->lock);
	s->is_created = true;
	s->id = made.id;
	s->hostname = made.hostname;
	s->mounts = made.mounts;
	memcpy(s->ns_fds, made.ns_fds, sizeof(s->ns_fds));
	(void)pthread_mutex_unlock(&s->lock);
	if (!str_empty(in->guest_hook_path))
		log_warn("guest hooks in '%.128s' are not run by this agent", in->guest_hook_path);
	log_info("sandbox '%s' created", in->sandbox_id);
	return 0;
}

static void run_ended(struct loop_task *task)
{
	struct sandbox *sb = CONTAINER_OF(task, struct sandbox, end_task);

	containers_cancel_waits(sb->containers);
	names_cancel(sb->names);
	if (sb->ended)
		sb->ended(sb);
}

/* The answer is given before the end begins: the runtime stops the machine when it has it. */
int sandbox_rpc_destroy(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	struct sandbox *sb = rpc_context(req);
	struct sandbox_state *s = sb->state;
	const Pb__Empty empty = PB__EMPTY__INIT;
	int r;

	(void)in;
	(void)out;
	containers_destroy_all(sb->containers,
			       min_u64(rpc_deadline_ms(req), deadline_in(DESTROY_WAIT_MS)));
	if (storages_release(sb->storages, s->mounts, e) < 0)
		log_warn("%s", e->msg);
	(void)pthread_mutex_lock(&s->lock);
	state_clear(s);
	(void)pthread_mutex_unlock(&s->lock);
	log_info("sandbox destroyed");
	r = rpc_defer(req);
	rpc_reply(req, &empty);
	sb->end_task.run = run_ended;
	loop_post(sb->loop, &sb->end_task);
	return r;
}
