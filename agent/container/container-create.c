/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container-create - from a request to a process that is ready to start.
 *
 * The request's specification is not changed: where the guest knows better (numbers of devices that
 * were plugged in), shallow copies carry the difference to the plan of the child.  What this agent
 * does not do (hooks, SELinux labels of processes, namespaces other than those below, mounts shared
 * between containers) is refused by name, since a container without it would not be the one that
 * was asked for.  An AppArmor profile and the label of mounts are the host's and come unasked from
 * runtimes that do not leave them out: they have no effect, which is logged.
 *
 * Runs as a job of the container's queue.  A step that fails leaves the container as it is; the
 * caller destroys it, whatever it has got by then.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "agent/container/container-object.h"
#include "agent/container/trees.h"
#include "agent/device/device.h"
#include "agent/plan/devices.h"
#include "agent/plan/run-dir.h"
#include "agent/storage/storage.h"
#include "lib/device-rule.h"
#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define LAUNCH_MS 30000

/* A specification with the changes of this agent. */
struct patched {
	Oci__Spec spec;
	Oci__Linux linux;
	Oci__LinuxDevice *devices;
	Oci__LinuxDevice **pointers;
	Oci__LinuxResources resources;
	Oci__LinuxDeviceCgroup *rules;
	Oci__LinuxDeviceCgroup **rule_pointers;
};

static void patched_done(struct patched *p)
{
	free(p->devices);
	free(p->pointers);
	free(p->rules);
	free(p->rule_pointers);
}

static void patch_init_rules(struct patched *p, Oci__LinuxResources *resources)
{
	size_t n = resources->n_devices;

	p->resources = *resources;
	p->linux.resources = &p->resources;
	p->rules = xcalloc(n ? n : 1, sizeof(*p->rules));
	p->rule_pointers = xcalloc(n ? n : 1, sizeof(*p->rule_pointers));
	for (size_t i = 0; i < n; i++) {
		p->rules[i] = *resources->devices[i];
		p->rule_pointers[i] = &p->rules[i];
	}
	p->resources.devices = p->rule_pointers;
}

static void patch_init(struct patched *p, const Oci__Spec *spec)
{
	size_t n = spec->linux->n_devices;

	p->spec = *spec;
	p->linux = *spec->linux;
	p->spec.linux = &p->linux;
	p->devices = xcalloc(n ? n : 1, sizeof(*p->devices));
	p->pointers = xcalloc(n ? n : 1, sizeof(*p->pointers));
	for (size_t i = 0; i < n; i++) {
		p->devices[i] = *spec->linux->devices[i];
		p->pointers[i] = &p->devices[i];
	}
	p->linux.devices = p->pointers;
	if (spec->linux->resources)
		patch_init_rules(p, spec->linux->resources);
}

/* A rule that names the device WAS, by the host's numbers, means DEVICE. */
static void patch_rules(struct patched *p, const Oci__Linux *in, const Oci__LinuxDevice *was,
			const struct device *device)
{
	for (size_t i = 0; in->resources && i < in->resources->n_devices; i++) {
		const Oci__LinuxDeviceCgroup *rule = in->resources->devices[i];

		if (strcmp(rule->type, was->type) != 0 || device_rule_major(rule) != was->major ||
		    device_rule_minor(rule) != was->minor)
			continue;
		p->rules[i].major = device->major;
		p->rules[i].minor = device->minor;
	}
}

static int patch_device(struct patched *p, const Oci__Linux *in, const struct device *device,
			struct error *e)
{
	static char block[] = "b", character[] = "c";

	for (size_t i = 0; i < p->linux.n_devices; i++) {
		Oci__LinuxDevice *d = &p->devices[i];

		if (strcmp(d->path, device->container_path) != 0)
			continue;
		patch_rules(p, in, in->devices[i], device);
		d->type = device->type == 'b' ? block : character;
		d->major = device->major;
		d->minor = device->minor;
		return 0;
	}
	return fail(e, EINVAL, "device '%s' is not in the specification", device->container_path);
}

static int patch_devices(struct container *c, const Agent__CreateContainerRequest *in,
			 struct patched *p, uint64_t deadline_ms, struct error *e)
{
	_device_list_ struct device_list list = { 0 };
	int r;

	if (in->n_devices == 0)
		return 0;
	r = devices_resolve(c->all->sb, in->devices, in->n_devices, deadline_ms, &c->cancel, &list,
			    e);
	for (size_t i = 0; r >= 0 && i < list.n; i++)
		r = patch_device(p, in->oci->linux, &list.items[i], e);
	return r;
}

static bool has_hooks(const Oci__Hooks *h)
{
	return h && (h->n_prestart || h->n_poststart || h->n_poststop || h->n_createruntime ||
		     h->n_createcontainer || h->n_startcontainer);
}

static int check_users(const Oci__Linux *l, bool is_asked_for, struct error *e)
{
	const struct idmap map = idmap_of_container(l);

	if (is_asked_for && idmap_is_empty(&map))
		return fail(e, EINVAL, "a user namespace without maps");
	if (!is_asked_for && !idmap_is_empty(&map))
		return fail(e, EINVAL, "maps of users without a user namespace");
	return 0;
}

/* Some shims write types as /proc/PID/ns does: from here on each has the specification's name. */
static void name_namespaces(Oci__Linux *l)
{
	static const struct {
		const char *file, *type;
	} names[] = { { "mnt", "mount" }, { "net", "network" } };

	for (size_t i = 0; i < l->n_namespaces; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (!strcmp(l->namespaces[i]->type, names[k].file)) {
				free(l->namespaces[i]->type);
				l->namespaces[i]->type = xstrdup(names[k].type);
			}
}

static void unprefix_paths(const Oci__Spec *spec)
{
	run_dir_unprefix(spec->root->path);
	for (size_t i = 0; i < spec->n_mounts; i++)
		run_dir_unprefix(spec->mounts[i]->source);
}

static int check_namespace(const Oci__LinuxNamespace *n, struct error *e)
{
	static const char *const known[] = { "pid",     "ipc",    "uts",  "mount",
					     "network", "cgroup", "time", "user" };
	size_t k = 0;

	while (k < ARRAY_SIZE(known) && strcmp(known[k], n->type) != 0)
		k++;
	if (k == ARRAY_SIZE(known))
		return fail(e, ENOTSUP, "namespaces of type '%.32s' are not supported in the guest",
			    n->type);
	if (!strcmp(n->type, "network") && !str_empty(n->path))
		return fail(
			e, ENOTSUP,
			"the network namespace '%.128s' of the host is not in the guest: without "
			"a path a container has one of its own, without the namespace the pod's",
			n->path);
	return 0;
}

static int check_namespaces(const Oci__Linux *l, struct error *e)
{
	bool has_users = false;
	int r = 0;

	for (size_t i = 0; i < l->n_namespaces && r == 0; i++) {
		r = check_namespace(l->namespaces[i], e);
		has_users = has_users || strcmp(l->namespaces[i]->type, "user") == 0;
	}
	return r < 0 ? r : check_users(l, has_users, e);
}

int container_check_process(const struct container *c, const Oci__Process *p, struct error *e)
{
	if (!p || p->n_args == 0 || str_empty(p->args[0]))
		return fail(e, EINVAL, "process has no program to execute");
	if (!str_empty(p->selinuxlabel))
		return fail(e, ENOTSUP,
			    "there is no SELinux in the guest for the SELinux label "
			    "'%.128s'",
			    p->selinuxlabel);
	if (!str_empty(p->apparmorprofile))
		log_warn(
			"container '%s': there is no AppArmor in the guest; the profile '%.128s' "
			"has no effect",
			c->id, p->apparmorprofile);
	return 0;
}

static int check_request(const struct container *c, const Agent__CreateContainerRequest *in,
			 struct error *e)
{
	const Oci__Spec *spec = in->oci;

	if (!spec || !spec->root || !spec->linux || str_empty(spec->root->path))
		return fail(e, EINVAL, "the request has no complete OCI specification");
	if (has_hooks(spec->hooks))
		return fail(e, ENOTSUP, "hooks of the specification are not run in the guest");
	if (in->n_shared_mounts)
		return fail(e, ENOTSUP, "mounts shared between containers are not supported");
	if (container_check_process(c, spec->process, e) < 0)
		return -e->code;
	if (!str_empty(spec->linux->mountlabel))
		log_warn(
			"container '%s': there is no SELinux in the guest; the label of mounts "
			"'%.128s' has no effect",
			c->id, spec->linux->mountlabel);
	unprefix_paths(spec);
	name_namespaces(spec->linux);
	return check_namespaces(spec->linux, e);
}

static int make_directory(struct container *c, struct error *e)
{
	_free_ char *path = path_join(SANDBOX_RUN_DIR, c->id);

	return dir_make(path, 0700, e);
}

static int make_cgroup(struct container *c, const Oci__Spec *spec, struct error *e)
{
	struct cgroup made;
	_free_ Oci__LinuxDeviceCgroup **rules = NULL;
	size_t n;
	int r;

	if (c->all->needs_no_cgroup)
		return 0;
	if (c->all->cgroup_root < 0)
		return fail(e, ENOTSUP,
			    "the guest has no cgroup of version 2, which would limit the container "
			    "and keep devices from it");
	r = cgroup_make(c->all->cgroup_root, spec->linux->cgroupspath, c->id, &made, e);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&c->all->lock);
	c->cgroup = made;
	(void)pthread_mutex_unlock(&c->all->lock);
	r = cgroup_limit(&c->cgroup, spec->linux->resources, e);
	if (r < 0)
		return r;
	n = device_rules(spec, &rules);
	return cgroup_allow_devices(&c->cgroup, rules, n, e);
}

/* Where the agent is not the guest's first process the machine is somebody's, and stays as it is.
 */
static int keep_hugepages(struct container *c, const Agent__CreateContainerRequest *in,
			  struct error *e)
{
	struct hugepages want;
	int r = hugepages_of(in, &want, e);

	if (r < 0 || !c->all->sb->config->is_init)
		return r;
	return hugepages_change(c->all->sb->pages, &c->hugepages, &want, e);
}

/* A copy of the pidfd of whoever holds the pid namespace all containers share; -1: nobody yet. */
static int shared_pidns(struct containers *cs)
{
	int fd = -1;

	(void)pthread_mutex_lock(&cs->lock);
	containers_drop_dead_pidns(cs);
	if (cs->pidns >= 0)
		fd = fcntl(cs->pidns, F_DUPFD_CLOEXEC, 3);
	(void)pthread_mutex_unlock(&cs->lock);
	return fd;
}

/* A copy of the pidfd of the first process of the container ID, which holds its pid namespace. */
static int pidns_of(struct containers *cs, const char *id, struct error *e)
{
	const struct process *p = NULL;
	int fd = -1;

	(void)pthread_mutex_lock(&cs->lock);
	for (const struct container *c = cs->list; c; c = c->next)
		if (strcmp(c->id, id) == 0)
			p = c->processes;
	while (p && !p->is_init)
		p = p->next;
	if (p)
		fd = fcntl(p->pidfd, F_DUPFD_CLOEXEC, 3);
	(void)pthread_mutex_unlock(&cs->lock);
	if (fd < 0)
		return fail(e, ENOENT,
			    "there is no container '%.*s' whose processes could be joined",
			    SANDBOX_ID_MAX, id);
	return fd;
}

/* Whose pid namespace a new container joins: a pidfd, -1 for one of its own. */
static int joined_pidns(struct container *c, const Agent__CreateContainerRequest *in,
			int *ret_pidfd, struct error *e)
{
	if (in->pid_namespace_of[0])
		*ret_pidfd = pidns_of(c->all, in->pid_namespace_of, e);
	else
		*ret_pidfd = in->sandbox_pidns ? shared_pidns(c->all) : -1;
	return in->pid_namespace_of[0] && *ret_pidfd < 0 ? *ret_pidfd : 0;
}

/* The first process of the sandbox holds the namespace that those who share one join: in a pod that
 * is the pause program, which outlives and reaps them. */
static void hold_pidns(struct containers *cs, int pidfd)
{
	(void)pthread_mutex_lock(&cs->lock);
	if (cs->pidns < 0)
		cs->pidns = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	(void)pthread_mutex_unlock(&cs->lock);
}

int container_open_pipes(struct container *c, const Oci__Process *process,
			 struct process_pipes *pipes, struct error *e)
{
	enum process_input input = process->stdinisnull ? PROCESS_INPUT_NONE : PROCESS_INPUT_PIPE;

	if (process->terminal)
		return 0;
	return process_pipes_open(pipes, input, c->all->sb->config->container_pipe_size, e);
}

/* Starts what L describes with streams of its own. */
static int launch_with_streams(struct container *c, struct launch *l, const Oci__Process *process,
			       struct launched *ret, struct process_pipes *pipes,
			       uint64_t deadline_ms, struct error *e)
{
	int r = container_open_pipes(c, process, pipes, e);

	if (r < 0)
		return r;
	memcpy(l->stdio, pipes->theirs, sizeof(l->stdio));
	r = launch_start(l, min_u64(deadline_ms, deadline_in(LAUNCH_MS)), &c->cancel, ret, e);
	process_pipes_close_theirs(pipes);
	return r;
}

static int add_first_process(struct container *c, const char *exec_id, struct launched *launched,
			     struct process_pipes *pipes, struct error *e)
{
	struct process *p;

	c->init.pidfd = fcntl(launched->pidfd, F_DUPFD_CLOEXEC, 3);
	if (c->init.pidfd < 0)
		return fail(e, errno, "cannot copy a pidfd: %m");
	p = process_new(c->all->sb->loop, str_empty(exec_id) ? c->id : exec_id, launched, pipes, e);
	if (!p)
		return -e->code;
	c->init.control = TAKE_FD(launched->control);
	p->is_init = true;
	container_add_process(c, p);
	return 0;
}

static int launch_first_process(struct container *c, const struct trees *trees,
				const Oci__Process *process, int pidns, struct launched *ret,
				struct process_pipes *pipes, uint64_t deadline_ms, struct error *e)
{
	struct error ignored;
	_close_ int ipc = sandbox_ns_open(c->all->sb, SANDBOX_NS_IPC, &ignored);
	_close_ int uts = sandbox_ns_open(c->all->sb, SANDBOX_NS_UTS, &ignored);
	_close_ int net = sandbox_ns_open(c->all->sb, SANDBOX_NS_NET, &ignored);
	_close_ int users = sandbox_ns_open(c->all->sb, SANDBOX_NS_USER, &ignored);
	struct launch l = {
		.kind = LAUNCH_INIT,
		.container_id = c->id,
		.nullfd = c->all->null.fd,
		.planfd = c->planfd,
		.container_plan = -1,
		.ipcfd = ipc,
		.utsfd = uts,
		.netfd = net,
		.usersfd = users,
		.filter = c->filterfd,
		.null_tree = trees->null,
		.trees = trees->fds,
		.n_trees = trees->n,
		.target = -1,
		.pidns = pidns,
		.cgroup = c->cgroup.fd,
	};

	return launch_with_streams(c, &l, process, ret, pipes, deadline_ms, e);
}

static int start_first_process(struct container *c, const Agent__CreateContainerRequest *in,
			       const struct trees *trees, uint64_t deadline_ms, struct error *e)
{
	_cleanup_(process_pipes_close) struct process_pipes pipes = PROCESS_PIPES_NONE;
	_close_ int pidns = -1;
	struct launched launched;
	int r = joined_pidns(c, in, &pidns, e);

	if (r >= 0)
		r = launch_first_process(c, trees, in->oci->process, pidns, &launched, &pipes,
					 deadline_ms, e);
	if (r < 0)
		return r;
	c->shares_pidns = pidns >= 0;
	hold_pidns(c->all, launched.pidfd);
	r = add_first_process(c, in->exec_id, &launched, &pipes, e);
	if (r < 0)
		launch_abort(&launched);
	return r;
}

/* One part of the making of a container; NAME goes in front of its error. */
static int named(int r, const char *name, struct error *e)
{
	return r < 0 ? fail_wrap(e, "%s", name) : r;
}

/* All containers of a pod that have a user namespace have the same. */
static int adopt_users(struct container *c, const Oci__Spec *spec, struct error *e)
{
	const struct idmap map = idmap_of_container(spec->linux);

	return idmap_is_empty(&map) ? 0 : sandbox_adopt_users(c->all->sb, &map, e);
}

static int create_patched(struct container *c, const Agent__CreateContainerRequest *in,
			  struct patched *p, uint64_t deadline_ms, struct error *e)
{
	_trees_ struct trees trees = { .null = -1 };
	int r = named(adopt_users(c, &p->spec, e), "users", e);

	if (r >= 0)
		r = named(patch_devices(c, in, p, deadline_ms, e), "devices", e);

	if (r >= 0)
		r = named(make_directory(c, e), "bundle", e);
	if (r >= 0)
		r = named(storages_add(c->all->sb->storages, c->id, in->storages, in->n_storages,
				       deadline_ms, &c->cancel, &c->storages, e),
			  "storages", e);
	if (r >= 0)
		r = named(trees_open(&trees, &p->spec, c->all->null.fd,
				     storages_points(c->all->sb->storages), deadline_ms,
				     &c->storages, e),
			  "root", e);
	if (r >= 0)
		r = named(make_cgroup(c, &p->spec, e), "cgroup", e);
	if (r >= 0)
		r = named(keep_hugepages(c, in, e), "huge pages", e);
	if (r < 0)
		return r;
	c->planfd = launch_plan(LAUNCH_INIT, &p->spec, e);
	if (c->planfd < 0)
		return c->planfd;
	if (p->spec.linux->seccomp)
		c->filterfd = launch_filter(e);
	if (p->spec.linux->seccomp && c->filterfd < 0)
		return c->filterfd;
	return start_first_process(c, in, &trees, deadline_ms, e);
}

int container_create(struct container *c, const Agent__CreateContainerRequest *in,
		     uint64_t deadline_ms, struct error *e)
{
	struct patched patched = { 0 };
	int r = check_request(c, in, e);

	if (r < 0)
		return r;
	patch_init(&patched, in->oci);
	r = create_patched(c, in, &patched, deadline_ms, e);
	patched_done(&patched);
	/* SIGKILL may have come when there was no process yet to get it. */
	if (r >= 0 && cancel_is_raised(&c->cancel))
		r = fail(e, ECANCELED, "it was killed meanwhile");
	return r < 0 ? r : container_change(c, CONTAINER_CREATE, e);
}
