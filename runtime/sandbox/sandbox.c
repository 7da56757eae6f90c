/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox - start and end a virtual machine for a pod.
 *
 * Starting is a row of steps.  Each records what it is about to leave on the machine before it
 * does so, and ending undoes whatever is there in the reverse order without asking which step was
 * the last: every undo is a no-op where nothing was done.  Nothing that ends depends on the guest:
 * its agent is not asked, its processes die with the VM.
 *
 * Fields set by sandbox_new() and sandbox_start() do not change until sandbox_stop(), so readers
 * need no lock.  What changes while containers come and go has three, so that nobody waits for what
 * is none of his business: `lock` for the record is never held while VMM or guest are waited for;
 * `vm_lock` keeps calls for the VM apart, and has its disks; `network_lock` is who looks for
 * interfaces.  They are taken in the order network, vm, lock.  How large the VM is has its own
 * (growth.h).
 */

#include "runtime/sandbox/sandbox.h"

#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/overhead.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/growth.h"
#include "runtime/sandbox/name-server.h"
#include "runtime/sandbox/placeholder.h"
#include "runtime/sandbox/record.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/state.h"

#define VM_ROOT          "/run/vc/vm"
#define VMM_START_MS     UINT64_C(30000)
#define SAVE_DIAL_MS     UINT64_C(1000)
#define SAVE_MS          UINT64_C(4000)
#define HOTPLUG_MS       UINT64_C(20000)
#define SHM_SIZE_DEFAULT (64 * MIB)
#define HOSTNAME_LEN     64
#define DNS_MAX          (64 * KIB)
#define NIC_ID           24

struct sandbox {
	char *id;
	enum spec_type type;
	struct loop *loop;
	struct work_pool *pool;
	const struct cancel *cancel;
	struct config config;
	const struct vmm_traits *traits;
	char *hostname;
	strv dns;
	char *shm_source; /* NULL: the pod has none of its own on the host */
	uint64_t shm_size;
	char *cgroup;

	char *netns_path; /* NULL: one of its own */
	char *ipc_path;   /* NULL: as above */
	char *uts_path;
	int netns_fd;      /* the pod's */
	int network_watch; /* -1: nobody adds interfaces */
	struct name_server name_server;
	struct placeholders *places;
	struct network *network;    /* the guest's, which may be none */
	struct localhost localhost; /* until it is taken */
	struct cgroup cgroups;
	struct share *share;   /* NULL: shared_fs is "none" */
	struct copies *copies; /* NULL: it is something else */
	struct vmm *vmm;
	struct rpc_client *rpc;
	struct rpc_client *last_rpc; /* of its end */
	bool has_own_agent;

	struct growth growth;
	pthread_mutex_t network_lock, vm_lock, lock;
	/* (lock) */
	bool is_weighed; /* by a container that counts */
	int64_t oom_score;
	struct state state;
	/* (vm_lock) */
	struct blocks blocks;
};

static void lock(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_lock(mutex);
}

static void unlock(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_unlock(mutex);
}

/* A VM that cannot grow is sized once, and one that can share nothing has to be asked for. */
static int fit_to_traits(struct sandbox *s, struct error *e)
{
	const struct config_hypervisor *h = &s->config.hypervisor;
	const unsigned grows = VMM_PLUG_VCPUS | VMM_PLUG_MEMORY;
	int r = vmm_find_traits(&s->config, &s->traits, e);

	if (r < 0)
		return r;
	if (s->traits->shares == 0 && strcmp(h->shared_fs, "none") != 0)
		return fail(e, EINVAL, "hypervisor '%s' shares no files: set shared_fs = \"none\"",
			    h->name);
	if ((s->traits->plugs & grows) != grows)
		s->config.runtime.static_sandbox_resource_mgmt = true;
	return 0;
}

static int config_read(struct sandbox *s, const struct sandbox_params *params, struct error *e)
{
	_free_ char *version_dir = NULL;
	struct config_source source = { .path = params->config_path };
	int r = config_resolve_version(&version_dir, e);

	if (r < 0)
		return r;
	source.version_dir = version_dir;
	if (str_empty(source.path))
		source.path = getenv("KATA_CONF_FILE");
	r = config_load(&source, &s->config, e);
	for (size_t i = 0; r >= 0 && i < params->spec->n_annotations; i++)
		r = config_annotate(&s->config, params->spec->annotations[i]->key,
				    params->spec->annotations[i]->value, e);
	if (r >= 0)
		r = config_settle(&s->config, e);
	if (r >= 0)
		r = fit_to_traits(s, e);
	if (r >= 0)
		r = config_check_paths(&s->config, e);
	for (char **w = s->config.warnings; r >= 0 && w && *w; w++)
		log_warn("%s", *w);
	return r;
}

static int size_read(struct sandbox *s, const Oci__Spec *spec, struct error *e)
{
	int r;

	if (s->type == SPEC_SINGLE) {
		s->growth.pod = size_of_resources(spec->linux->resources);
	} else {
		r = size_of_pod(spec, &s->growth.pod, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the pod's cgroup allows is known only in it. */
static void size_settle(struct sandbox *s)
{
	struct growth *g = &s->growth;

	g->room_mib = size_room(&s->config, vmm_overhead(), cgroup_memory_limit(s->cgroups.dirs),
				&g->pod);
	for (size_t k = 0; k < N_SIZE_PAGES; k++)
		g->pod.pages_mib[k] = max_u64(
			g->pod.pages_mib[k],
			cgroup_pages_limit(s->cgroups.dirs, size_pages_kinds[k].name) / MIB);
	g->has = g->plugged = size_vm_at_boot(&s->config, g->room_mib, g->pod);
}

/* The lines of the pod's resolv.conf; a guest without it has the image's. */
static void dns_read(struct sandbox *s, const Oci__Spec *spec)
{
	const Oci__Mount *m = spec_mount_at(spec, "/etc/resolv.conf");
	_free_ char *text = NULL;
	struct error e;

	if (!m)
		return;
	s->name_server.resolv_conf = xstrdup(m->source);
	if (file_read(m->source, DNS_MAX, &text, NULL, &e) < 0) {
		log_warn("no name servers for the guest: %s", e.msg);
		return;
	}
	s->dns = strv_split(text, "\n");
}

/* A first container that is no pod's may have a volume there: an engine's own is called "shm". */
static void shm_read(struct sandbox *s, const Oci__Spec *spec)
{
	const Oci__Mount *m = spec_mount_at(spec, "/dev/shm");
	struct statfs fs;

	s->shm_size = SHM_SIZE_DEFAULT;
	if (!m || m->source[0] != '/' || statfs(m->source, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return;
	if (s->type == SPEC_SINGLE && strcmp(path_base(m->source), "shm") != 0)
		return;
	s->shm_source = xstrdup(m->source);
	if (fs.f_blocks)
		s->shm_size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
}

static void state_begin(struct sandbox *s, const struct sandbox_params *params)
{
	s->state.id = xstrdup(s->id);
	s->state.namespace_ = xstrdup(params->namespace_);
	s->state.bundle = xstrdup(params->bundle);
	s->state.agent_url = xstrdup("");
	s->state.netns = xstrdup(s->netns_path ? s->netns_path : "");
	state_set_process(&s->state, STATE_SHIM, getpid());
	record_fill(&s->state, &s->config, params->spec);
}

static bool has_network(const struct sandbox *s)
{
	return strcmp(s->config.runtime.internetworking_model, "none") != 0;
}

/* NULL: there is none.  CRI-O gives the host's network by a path, which is nothing for who shall
 * have no network. */
static const char *path_in(const struct sandbox *s, const Oci__Spec *spec, const char *type)
{
	const char *path = spec_namespace_path(spec, type);

	if (!path || strcmp(type, "network") != 0 || has_network(s))
		return path;
	return network_is_of_host(path) ? NULL : path;
}

/* Who gives a pod a namespace has filled it; who has it made fills it then, or later. */
static bool is_filled_later(const struct sandbox *s)
{
	return !s->netns_path && has_network(s);
}

static int namespaces_read(struct sandbox *s, const Oci__Spec *spec, struct error *e)
{
	enum spec_network configured = has_network(s) ? SPEC_NETWORK_AS_ASKED : SPEC_NETWORK_NONE;
	int r = spec_check_namespaces(spec, s->type, configured, e);

	if (r < 0)
		return r;
	if (spec_namespace_path(spec, "pid"))
		return fail(e, ENOTSUP,
			    "the first container of a pod cannot join the process "
			    "namespace of another");
	str_set(&s->netns_path, path_in(s, spec, "network"));
	str_set(&s->ipc_path, path_in(s, spec, "ipc"));
	str_set(&s->uts_path, path_in(s, spec, "uts"));
	return 0;
}

int sandbox_new(const struct sandbox_params *params, struct sandbox **ret_sandbox, struct error *e)
{
	struct sandbox *s = xcalloc(1, sizeof(*s));
	int r;

	s->id = xstrdup(params->id);
	s->netns_fd = s->network_watch = -1;
	s->localhost = LOCALHOST_NONE;
	name_server_init(&s->name_server);
	s->type = params->type;
	s->loop = params->loop;
	s->pool = params->pool;
	(void)pthread_mutex_init(&s->network_lock, NULL);
	(void)pthread_mutex_init(&s->vm_lock, NULL);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->cancel = params->cancel;
	growth_init(&s->growth, &s->config, s->cancel, &s->vm_lock);
	r = config_read(s, params, e);
	if (r >= 0)
		r = namespaces_read(s, params->spec, e);
	if (r >= 0)
		r = size_read(s, params->spec, e);
	if (r >= 0)
		r = cgroup_path(params->spec->linux->cgroupspath, s->id, &s->cgroup, e);
	if (r < 0) {
		sandbox_free(s);
		return r;
	}
	s->hostname = xstrndup(params->spec->hostname, HOSTNAME_LEN);
	dns_read(s, params->spec);
	shm_read(s, params->spec);
	state_begin(s, params);
	*ret_sandbox = s;
	return 0;
}

static int join_cgroup(struct sandbox *s, struct error *e)
{
	int r = cgroup_join(NULL, s->cgroup, &s->cgroups, e);

	if (r < 0)
		return fail_wrap(e, "the VM would not be accounted to its pod");
	strv_add_all(&s->state.cgroups, s->cgroups.dirs);
	if (record_configuration(&s->state, NULL, &s->config, e) < 0)
		return -e->code;
	return state_save(&s->state, NULL, e);
}

static int open_namespaces(struct sandbox *s, struct error *e)
{
	s->netns_fd = network_namespace_open(s->netns_path, e);
	if (s->netns_fd < 0)
		return s->netns_fd;
	return placeholders_new(s->netns_fd, s->ipc_path, s->uts_path, &s->places, e);
}

/* Of which taps are made, or about to be. */
static int record_links(struct sandbox *s, struct error *e)
{
	int r;

	lock(&s->lock);
	for (size_t i = 0; i < s->network->n_links; i++) {
		const struct network_link *link = &s->network->links[i];
		_free_ char *tap = xasprintf("tap%u_kata", link->number);

		if (strv_contains(s->state.taps, tap))
			continue;
		strv_add(&s->state.links, link->name);
		strv_add(&s->state.taps, tap);
	}
	r = state_save(&s->state, NULL, e);
	unlock(&s->lock);
	return r;
}

/* A guest without network is served from an empty namespace, whatever the pod's has. */
static int open_network(struct sandbox *s, struct error *e)
{
	_close_ int empty = -1;
	int r;

	if (!has_network(s)) {
		empty = network_namespace_open(NULL, e);
		if (empty < 0)
			return empty;
	}
	r = network_scan(empty >= 0 ? empty : s->netns_fd, &s->network, e);
	if (r >= 0)
		r = record_links(s, e);
	if (r >= 0)
		r = network_connect(s->network, e);
	if (r >= 0 && is_filled_later(s))
		r = s->network_watch = network_watch(s->network, e);
	if (r >= 0 && is_filled_later(s))
		r = name_server_look(&s->name_server, s->network, e);
	return r < 0 ? r : 0;
}

/* Who wants the guest to remember less than usual wants it of all files. */
static size_t kinds_of_share(const struct sandbox *s)
{
	const struct config_hypervisor *h = &s->config.hypervisor;
	bool may_remember = strcmp(h->virtio_fs_cache, "auto") == 0 ||
			    strcmp(h->virtio_fs_cache, "always") == 0;

	return h->virtio_fs_private && may_remember && s->traits->shares >= N_SHARE_KIND
		       ? N_SHARE_KIND
		       : SHARE_PRIVATE;
}

static int send_copy(void *arg, const Agent__CopyFileRequest *request, struct error *e)
{
	struct sandbox *s = arg;

	return client_call(s->rpc, CLIENT_COPY_FILE, request, NULL, 0, s->cancel, e);
}

static int open_share(struct sandbox *s, struct error *e)
{
	const struct config_hypervisor *h = &s->config.hypervisor;
	const struct copies_params copies = {
		.loop = s->loop, .pool = s->pool, .send = send_copy, .arg = s
	};

	if (strcmp(h->shared_fs, "none") == 0) {
		s->copies = copies_new(&copies);
		return 0;
	}
	return share_open(NULL, s->id, kinds_of_share(s), &s->share, e);
}

static size_t fill_shares(const struct share *s, struct vmm_share *shares)
{
	size_t n = s ? share_kinds(s) : 0;

	for (size_t i = 0; i < n; i++)
		shares[i] = (struct vmm_share){ .tag = share_points[i].tag,
						.dir = share_folder(s, (enum share_kind)i),
						.is_private = i == SHARE_PRIVATE };
	return n;
}

static void fill_nic(const struct network_link *link, struct vmm_nic *nic, char *id, size_t size)
{
	(void)snprintf(id, size, "network-%u", link->number);
	*nic = (struct vmm_nic){
		.id = id, .mtu = link->mtu, .tap_fds = &link->tap_fd, .n_tap_fds = 1
	};
	memcpy(nic->mac, link->mac, sizeof(nic->mac));
}

static void fill_nics(const struct network *n, struct vmm_nic *nics, char (*ids)[NIC_ID])
{
	for (size_t i = 0; i < n->n_links; i++)
		fill_nic(&n->links[i], &nics[i], ids[i], NIC_ID);
}

static int make_vm(struct sandbox *s, struct error *e)
{
	struct vmm_nic nics[NETWORK_LINKS_MAX];
	struct vmm_share shares[N_SHARE_KIND];
	char ids[NETWORK_LINKS_MAX][NIC_ID];
	_free_ char *run_dir = path_join(VM_ROOT, s->id);
	const struct vmm_params params = {
		.config = &s->config,
		.loop = s->loop,
		.id = s->id,
		.run_dir = run_dir,
		.shares = shares,
		.n_shares = fill_shares(s->share, shares),
		.share_mntns_fd = s->share ? share_namespace(s->share) : -1,
		.netns_fd = s->network->netns_fd,
		.vcpus = s->growth.has.vcpus,
		.memory_mib = s->growth.has.memory_mib,
		.nics = nics,
		.n_nics = s->network->n_links,
	};

	fill_nics(s->network, nics, ids);
	return vmm_new(&params, &s->vmm, e);
}

static void tell_served(struct sandbox *s)
{
	pid_t pids[N_SHARE_KIND];

	for (int i = 0; i < N_SHARE_KIND; i++)
		pids[i] = vmm_pid(s->vmm, (enum vmm_process)(VMM_PROCESS_FS + i));
	if (s->share)
		share_is_served(s->share, pids);
}

static int start_vm(struct sandbox *s, struct error *e)
{
	int r;

	size_settle(s);
	r = make_vm(s, e);
	if (r >= 0)
		r = vmm_start(s->vmm, deadline_in(VMM_START_MS), s->cancel, e);
	if (r < 0)
		return r;
	tell_served(s);
	state_set_process(&s->state, STATE_VMM, vmm_pid(s->vmm, VMM_PROCESS_VMM));
	state_set_process(&s->state, STATE_FS, vmm_pid(s->vmm, VMM_PROCESS_FS));
	state_set_process(&s->state, STATE_FS_PRIVATE, vmm_pid(s->vmm, VMM_PROCESS_FS_LAST));
	state_set_process(&s->state, STATE_VSOCK, vmm_pid(s->vmm, VMM_PROCESS_VSOCK));
	free(s->state.agent_url);
	s->state.agent_url = vsock_url(vmm_vsock(s->vmm), VSOCK_PORT_AGENT);
	return state_save(&s->state, NULL, e);
}

static int dial_agent(struct sandbox *s, struct error *e)
{
	uint64_t deadline = deadline_in(s->config.agent.dial_timeout * 1000);
	int fd = vmm_wait_agent(s->vmm, deadline, s->cancel, e);

	if (fd < 0)
		return fail_wrap(e, "waiting for the agent of sandbox '%s'", s->id);
	s->rpc = rpc_client_new(s->loop, fd, e);
	if (!s->rpc)
		return -e->code;
	growth_begin(&s->growth, s->vmm, s->rpc);
	return 0;
}

static size_t name_shares(const struct share *s, Agent__Storage *shares, Agent__Storage **list)
{
	size_t n = s ? share_kinds(s) : 0;

	for (size_t i = 0; i < n; i++) {
		shares[i] = (Agent__Storage)AGENT__STORAGE__INIT;
		shares[i].driver = (char *)(uintptr_t) "virtio-fs";
		shares[i].source = (char *)(uintptr_t)share_points[i].tag;
		shares[i].fstype = (char *)(uintptr_t) "virtiofs";
		shares[i].mount_point = (char *)(uintptr_t)share_points[i].path;
		list[i] = &shares[i];
	}
	return n;
}

static int create_guest_sandbox(struct sandbox *s, struct error *e)
{
	char shm_size[32];
	const char *shm_options[] = { "noexec", "nosuid", "nodev", "mode=1777", shm_size };
	Agent__Storage shares[N_SHARE_KIND], shm = AGENT__STORAGE__INIT;
	Agent__Storage *storages[1 + N_SHARE_KIND] = { &shm };
	Agent__CreateSandboxRequest request = AGENT__CREATE_SANDBOX_REQUEST__INIT;

	(void)snprintf(shm_size, sizeof(shm_size), "size=%llu", (unsigned long long)s->shm_size);
	shm.driver = (char[]){ "ephemeral" };
	shm.source = (char[]){ "shm" };
	shm.fstype = (char[]){ "tmpfs" };
	shm.mount_point = (char[]){ SANDBOX_GUEST_SHM };
	shm.options = (char **)(uintptr_t)shm_options;
	shm.n_options = ARRAY_SIZE(shm_options);
	request.sandbox_id = s->id;
	request.hostname = s->hostname;
	request.dns = s->dns;
	request.n_dns = strv_len(s->dns);
	request.storages = storages;
	request.n_storages = 1 + name_shares(s->share, shares, storages + 1);
	if (client_call(s->rpc, CLIENT_CREATE_SANDBOX, &request, NULL, 0, s->cancel, e) < 0)
		return -e->code;
	s->has_own_agent = vmm_has_own_agent(s->vmm);
	if (!s->has_own_agent)
		log_info("the guest has an agent that is not ours");
	return 0;
}

static int tell_network(struct sandbox *s, struct error *e)
{
	int r = client_set_network(s->rpc, s->network, s->cancel, e);

	s->network->is_told = r >= 0;
	return r;
}

static int set_guest_network(struct sandbox *s, struct error *e)
{
	for (size_t i = 0; i < s->network->n_links; i++)
		s->network->links[i].is_in_guest = true;
	return tell_network(s, e);
}

static int plug_link(struct sandbox *s, struct network_link *link, struct error *e)
{
	struct vmm_nic nic;
	char id[NIC_ID];
	int r;

	if (link->is_in_guest)
		return 0;
	fill_nic(link, &nic, id, sizeof(id));
	lock(&s->vm_lock);
	r = vmm_add_nic(s->vmm, &nic, &link->address, deadline_in(HOTPLUG_MS), s->cancel, e);
	unlock(&s->vm_lock);
	if (r < 0)
		return fail_wrap(e, "interface '%s'", link->name);
	log_info("interface '%s' was plugged in", link->name);
	link->is_in_guest = true;
	return 0;
}

/* Nothing is sent into nowhere any more, whatever the guest does about the device. */
static int take_link(struct sandbox *s, const struct network_link *link, struct error *e)
{
	struct vmm_nic nic;
	char id[NIC_ID];
	int r = client_set_interface(s->rpc, link, s->cancel, e);

	if (r < 0 || !link->address.text[0])
		return r;
	fill_nic(link, &nic, id, sizeof(id));
	lock(&s->vm_lock);
	r = vmm_remove_nic(s->vmm, id, deadline_in(HOTPLUG_MS), s->cancel, e);
	unlock(&s->vm_lock);
	return r;
}

static void take_links(struct sandbox *s)
{
	struct network *n = s->network;
	struct error e;

	for (; n->n_gone > 0; n->n_gone--) {
		const struct network_link *link = &n->gone[n->n_gone - 1];

		if (take_link(s, link, &e) < 0)
			log_warn("the guest keeps interface '%s': %s", link->name, e.msg);
		else
			log_info("interface '%s' has gone", link->name);
	}
}

static int change_interfaces(struct sandbox *s, struct error *e)
{
	int r = name_server_look(&s->name_server, s->network, e);

	if (r >= 0)
		r = network_rescan(s->network, e);
	if (r <= 0)
		return r;
	take_links(s);
	r = record_links(s, e);
	if (r >= 0)
		r = network_connect(s->network, e);
	for (size_t i = 0; r >= 0 && i < s->network->n_links; i++)
		r = plug_link(s, &s->network->links[i], e);
	return r < 0 ? r : tell_network(s, e);
}

const struct name_server *sandbox_name_server(const struct sandbox *s)
{
	return &s->name_server;
}

int sandbox_network_watch(const struct sandbox *s)
{
	return s->network_watch;
}

int sandbox_change_interfaces(struct sandbox *s, struct error *e)
{
	int r;

	if (!is_filled_later(s))
		return 0;
	lock(&s->network_lock);
	r = change_interfaces(s, e);
	unlock(&s->network_lock);
	return r < 0 ? fail_wrap(e, "looking for interfaces") : 0;
}

int sandbox_set_clock(struct sandbox *s, struct error *e)
{
	int64_t offset_ns;
	int r = client_set_clock(s->rpc, s->cancel, &offset_ns, e);

	if (r >= 0)
		log_debug("the guest's clock was %lld us behind", (long long)(offset_ns / 1000));
	return r;
}

/* A wrong clock is no reason to have no pod. */
static int set_clock(struct sandbox *s, struct error *e)
{
	if (sandbox_set_clock(s, e) < 0)
		log_warn("the guest's clock may be wrong: %s", e->msg);
	return 0;
}

/* Engines forward ports of pods, by connecting there; without it they are refused. */
static int open_localhost(struct sandbox *s, struct error *e)
{
	if (s->type == SPEC_SANDBOX && s->has_own_agent &&
	    localhost_open(s->netns_fd, &s->localhost, e) < 0)
		log_info("ports are not forwarded: %s", e->msg);
	return 0;
}

struct localhost sandbox_take_localhost(struct sandbox *s)
{
	struct localhost l = s->localhost;

	s->localhost = LOCALHOST_NONE;
	return l;
}

struct step {
	const char *name;
	int (*run)(struct sandbox *s, struct error *e);
};

static const struct step first_steps[] = {
	{ "joining the cgroup", join_cgroup },
	{ "opening the namespaces", open_namespaces },
};

static const struct step steps[] = {
	{ "opening the network", open_network },
	{ "opening the shared folder", open_share },
	{ "starting the VM", start_vm },
	{ "reaching the agent", dial_agent },
	{ "setting the guest's clock", set_clock },
	{ "creating the sandbox in the guest", create_guest_sandbox },
	{ "setting up the guest's network", set_guest_network },
	{ "taking connections to localhost", open_localhost },
};

static int run_steps(struct sandbox *s, const struct step *row, size_t n, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		uint64_t begin = now_ms();

		r = row[i].run(s, e);
		if (r < 0)
			(void)fail_wrap(e, "%s", row[i].name);
		log_debug("%s took %llu ms", row[i].name, (unsigned long long)(now_ms() - begin));
	}
	return r;
}

int sandbox_open(struct sandbox *s, struct error *e)
{
	return run_steps(s, first_steps, ARRAY_SIZE(first_steps), e);
}

int sandbox_start(struct sandbox *s, struct error *e)
{
	uint64_t begin = now_ms();
	int r = run_steps(s, steps, ARRAY_SIZE(steps), e);

	if (r < 0)
		return r;
	log_info("sandbox started in %llu ms", (unsigned long long)(now_ms() - begin));
	return 0;
}

/* What is gone must not be looked for later: a pid or a name may have been given away again. */
static void forget_resources(struct sandbox *s)
{
	struct error e;

	for (size_t i = STATE_VMM; i < N_STATE_ROLE; i++)
		s->state.processes[i] = (struct state_process){ 0 };
	strv_free(TAKE_PTR(s->state.links));
	strv_free(TAKE_PTR(s->state.taps));
	strv_free(TAKE_PTR(s->state.cgroups));
	strv_free(TAKE_PTR(s->state.rootfs));
	if (state_save(&s->state, NULL, &e) < 0)
		log_warn("%s", e.msg);
}

static pid_t vmm_process(const struct sandbox *s)
{
	return s->vmm ? vmm_pid(s->vmm, VMM_PROCESS_VMM) : 0;
}

/* A file system that the guest alone has is whole on its disk only when the guest has unmounted it.
 * One that does not answer loses what it held back, as a machine does that loses power.  Files of a
 * share are not held back: whoever closes one, or ends, waits until it is written.  The connection
 * is a new one: the other may be closed, to end calls that wait. */
static void save_disks(struct sandbox *s)
{
	const Pb__Empty empty = PB__EMPTY__INIT;
	struct error e;
	int fd;

	if (!s->rpc || vmm_process(s) == 0 || !blocks_hold_data(&s->blocks))
		return;
	fd = vsock_dial(vmm_vsock(s->vmm), VSOCK_PORT_AGENT, deadline_in(SAVE_DIAL_MS), NULL, &e);
	if (fd >= 0)
		s->last_rpc = rpc_client_new(s->loop, fd, &e);
	if (!s->last_rpc ||
	    client_call(s->last_rpc, CLIENT_DESTROY_SANDBOX, &empty, NULL, SAVE_MS, NULL, &e) < 0)
		log_warn("the guest's disks may lack what was written last: %s", e.msg);
	if (s->last_rpc)
		rpc_client_close(s->last_rpc);
}

void sandbox_stop(struct sandbox *s)
{
	save_disks(s);
	if (s->rpc)
		rpc_client_close(s->rpc);
	copies_close(s->copies);
	if (s->vmm)
		vmm_stop(s->vmm);
	if (s->network)
		network_disconnect(s->network);
	share_close(TAKE_PTR(s->share));
	for (char **dir = s->state.rootfs; dir && *dir; dir++)
		rootfs_unmount(*dir);
	cgroup_leave(&s->cgroups);
	forget_resources(s);
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	copies_free(s->copies);
	localhost_close(&s->localhost);
	placeholders_free(s->places);
	(void)close_fd(s->netns_fd);
	(void)close_fd(s->network_watch);
	name_server_done(&s->name_server);
	free(s->netns_path);
	free(s->ipc_path);
	free(s->uts_path);
	rpc_client_free(s->rpc);
	rpc_client_free(s->last_rpc);
	vmm_free(s->vmm);
	network_free(s->network);
	share_close(s->share);
	cgroup_done(&s->cgroups);
	blocks_done(&s->blocks);
	state_done(&s->state);
	config_done(&s->config);
	growth_done(&s->growth);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->vm_lock);
	(void)pthread_mutex_destroy(&s->network_lock);
	strv_free(s->dns);
	free(s->shm_source);
	free(s->hostname);
	free(s->cgroup);
	free(s->id);
	free(s);
}

const char *sandbox_id(const struct sandbox *s)
{
	return s->id;
}

const struct config *sandbox_config(const struct sandbox *s)
{
	return &s->config;
}

struct rpc_client *sandbox_rpc(struct sandbox *s)
{
	return s->rpc;
}

bool sandbox_has_own_agent(const struct sandbox *s)
{
	return s->has_own_agent;
}

struct share *sandbox_share(struct sandbox *s)
{
	return s->share;
}

struct copies *sandbox_copies(struct sandbox *s)
{
	return s->copies;
}

struct placeholders *sandbox_places(struct sandbox *s)
{
	return s->places;
}

int sandbox_admit(struct sandbox *s, const Oci__Spec *spec, struct error *e)
{
	static const char *const types[] = { "network", "ipc", "uts" };
	enum spec_network configured = has_network(s) ? SPEC_NETWORK_AS_ASKED : SPEC_NETWORK_NONE;
	_free_ char *cgroup = NULL;
	int r = spec_check_namespaces(spec, SPEC_MEMBER, configured, e);

	if (r >= 0)
		r = cgroup_path(spec->linux->cgroupspath, s->id, &cgroup, e);
	if (r >= 0 && strcmp(cgroup, s->cgroup) != 0)
		r = fail(e, EPERM, "its cgroup '%s' is not the pod's", spec->linux->cgroupspath);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(types); i++) {
		const char *path = path_in(s, spec, types[i]);

		if (path)
			r = placeholders_check(s->places, types[i], path, e);
	}
	return r;
}

const char *sandbox_shm_source(const struct sandbox *s)
{
	return s->shm_source;
}

const struct cancel *sandbox_canceller(const struct sandbox *s)
{
	return s->cancel;
}

const struct vmm *sandbox_vmm(const struct sandbox *s)
{
	return s->vmm;
}

int sandbox_resize(struct sandbox *s, struct size before, struct size after, struct error *e)
{
	return growth_resize(&s->growth, before, after, e);
}

void sandbox_lower(struct sandbox *s, struct size by)
{
	growth_lower(&s->growth, by);
}

void sandbox_protect(struct sandbox *s, enum spec_type type, int64_t score)
{
	lock(&s->lock);
	if (!s->is_weighed || (type != SPEC_SANDBOX && score < s->oom_score)) {
		s->oom_score = score;
		vmm_set_oom_score(s->vmm, (int)score);
	}
	s->is_weighed = s->is_weighed || type != SPEC_SANDBOX;
	unlock(&s->lock);
}

bool sandbox_ran_out_of_memory(const struct sandbox *s)
{
	return cgroup_oom_kills(s->cgroups.dirs) > 0;
}

void sandbox_usage(const struct sandbox *s, uint64_t *ret_cpu_ns, uint64_t *ret_memory)
{
	cgroup_usage(s->cgroups.dirs, ret_cpu_ns, ret_memory);
}

int sandbox_plug(struct sandbox *s, const struct block_source *source, const char *user,
		 const struct address **ret_address, struct error *e)
{
	int r;

	lock(&s->vm_lock);
	r = block_plug(&s->blocks, s->vmm, source, user, s->cancel, ret_address, e);
	unlock(&s->vm_lock);
	return r;
}

void sandbox_unplug(struct sandbox *s, const char *user)
{
	lock(&s->vm_lock);
	block_unplug(&s->blocks, s->vmm, user, s->cancel);
	unlock(&s->vm_lock);
}

int sandbox_find_disk(struct sandbox *s, const char *path, enum block_access access,
		      char **ret_point, struct error *e)
{
	const char *user;
	int r;

	lock(&s->vm_lock);
	r = block_find_user(&s->blocks, path, access, &user, e);
	/* It is called CONTAINER:POINT (ways/disk.c). */
	if (r >= 0)
		*ret_point = xstrdup(strchr(user, ':') + 1);
	unlock(&s->vm_lock);
	return r;
}

int sandbox_grow_disk(struct sandbox *s, const char *path, uint64_t bytes, struct error *e)
{
	int r;

	lock(&s->vm_lock);
	r = block_grow(&s->blocks, s->vmm, path, bytes, s->cancel, e);
	unlock(&s->vm_lock);
	return r;
}

int sandbox_note_mount(struct sandbox *s, const char *dir, enum sandbox_mount what, struct error *e)
{
	int r;

	lock(&s->lock);
	strv_drop(s->state.rootfs, dir);
	if (what == SANDBOX_MOUNTED)
		strv_add(&s->state.rootfs, dir);
	r = state_save(&s->state, NULL, e);
	unlock(&s->lock);
	return r;
}
