/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec - read an OCI specification and make it one for a guest.
 *
 * The specification is held as the message that the agent takes, so there is one form of it and
 * no translation.  config.json comes from the container engine: it is trusted, but may be broken,
 * and what an engine leaves out must not be a crash later.
 *
 * The host's processors and its security labels have no meaning in the guest, and its namespaces do
 * not exist there.  Rules for devices hold where their numbers mean the same, so what may use every
 * device of a host may use every one of the guest.  Those of block devices that it has are kept:
 * the agent puts the guest's numbers in them.
 */

#include "runtime/sandbox/spec.h"

#include <string.h>

#include "lib/device-rule.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/pbjson.h"

/* The agent takes it in one message of at most 4 MiB. */
#define SPEC_MAX (3 * MIB)

/* Of Documentation/admin-guide/devices.txt: from here on numbers are given out at run time. */
#define MAJOR_LOOP    7
#define MAJOR_MISC    10
#define MAJOR_DYNAMIC 234
#define MINOR_DYNAMIC 256

static const struct {
	const char *type_key;
	const char *sandbox_key;
} engines[] = {
	{ "io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id" },
	{ "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID" },
};

/* Namespaces that one VM has only one of, or that the agent arranges itself. */
static const char *const host_namespaces[] = { "network", "cgroup", "pid" };

void spec_set(char **field, const char *value)
{
	if (*field != protobuf_c_empty_string)
		free(*field);
	*field = xstrdup(value);
}

void spec_note_unknown(char *const *unknown, const char *name)
{
	for (; unknown && *unknown; unknown++)
		log_warn("%s: '%s' is not known here and has no effect", name, *unknown);
}

static int check(const Oci__Spec *spec, const char *name, struct error *e)
{
	if (!spec->process || spec->process->n_args == 0)
		return fail(e, EINVAL, "%s: there is no process.args", name);
	if (!spec->root || str_empty(spec->root->path))
		return fail(e, EINVAL, "%s: there is no root.path", name);
	if (!spec->linux)
		return fail(e, EINVAL, "%s: there is no section 'linux'", name);
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i]->destination[0] != '/')
			return fail(e, EINVAL, "%s: the mount destination '%s' is not absolute",
				    name, spec->mounts[i]->destination);
	return 0;
}

static void tidy(char **path)
{
	_free_ char *tidied = path_tidy(*path);

	spec_set(path, tidied);
}

/* A user may write "/dev/shm/" or "//proc": what is known by its place is known so, too. */
static void tidy_mounts(Oci__Spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		tidy(&spec->mounts[i]->destination);
		if (spec->mounts[i]->source[0] == '/')
			tidy(&spec->mounts[i]->source);
	}
}

int spec_parse(const char *text, size_t len, const char *name, Oci__Spec **ret_spec,
	       struct error *e)
{
	_message_ Oci__Spec *spec = NULL;
	_strv_ strv unknown = NULL;
	int r = pbjson_parse(text, len, name, &oci__spec__descriptor, &unknown, &spec, e);

	spec_note_unknown(unknown, name);
	if (r >= 0)
		r = check(spec, name, e);
	if (r < 0)
		return r;
	tidy_mounts(spec);
	*ret_spec = TAKE_PTR(spec);
	return 0;
}

int spec_read(const char *bundle, Oci__Spec **ret_spec, struct error *e)
{
	_free_ char *path = path_join(bundle, "config.json");
	_free_ char *text = NULL;
	size_t len;
	int r = file_read(path, SPEC_MAX, &text, &len, e);

	return r < 0 ? r : spec_parse(text, len, path, ret_spec, e);
}

const char *spec_annotation(const Oci__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (strcmp(spec->annotations[i]->key, key) == 0)
			return spec->annotations[i]->value;
	return NULL;
}

static bool is_of_engine(const Oci__Spec *spec, size_t i)
{
	return spec_annotation(spec, engines[i].type_key) ||
	       spec_annotation(spec, engines[i].sandbox_key);
}

int spec_type(const Oci__Spec *spec, enum spec_type *ret_type, struct error *e)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		n += is_of_engine(spec, i);
	if (n > 1)
		return fail(e, EINVAL,
			    "the annotations of a pod are those of two container managers: '%s' "
			    "and '%s'",
			    engines[0].type_key, engines[1].type_key);
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		const char *type = spec_annotation(spec, engines[i].type_key);

		if (!type)
			continue;
		if (strcmp(type, "sandbox") != 0 && strcmp(type, "container") != 0)
			return fail(e, EINVAL, "annotation '%s' is '%s', not sandbox or container",
				    engines[i].type_key, type);
		*ret_type = strcmp(type, "sandbox") == 0 ? SPEC_SANDBOX : SPEC_MEMBER;
		return 0;
	}
	*ret_type = SPEC_SINGLE;
	return 0;
}

const char *spec_sandbox_id(const Oci__Spec *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		const char *id = spec_annotation(spec, engines[i].sandbox_key);

		if (id)
			return id;
	}
	return NULL;
}

static const Oci__LinuxNamespace *namespace_of(const Oci__Spec *spec, const char *type)
{
	for (size_t i = 0; i < spec->linux->n_namespaces; i++)
		if (strcmp(spec->linux->namespaces[i]->type, type) == 0)
			return spec->linux->namespaces[i];
	return NULL;
}

bool spec_has_namespace(const Oci__Spec *spec, const char *type)
{
	return namespace_of(spec, type) != NULL;
}

const char *spec_namespace_path(const Oci__Spec *spec, const char *type)
{
	const Oci__LinuxNamespace *ns = namespace_of(spec, type);

	return ns && ns->path[0] ? ns->path : NULL;
}

/* What of the host nobody has in a guest, and how it is asked for. */
static const struct {
	const char *type;
	const char *what;
	const char *flags;
} of_host[] = {
	{ "network", "the network", "hostNetwork, --network host" },
	{ "pid", "the processes", "hostPID, --pid host" },
	{ "ipc", "the IPC", "hostIPC, --ipc host" },
	{ "uts", "the name", "--uts host" },
};

/* A path in the engine's own folder is of a namespace that it made for this container. */
static bool is_of_other(const Oci__Spec *spec, const char *type)
{
	const char *path = spec_namespace_path(spec, type);

	return path && (strcmp(type, "network") != 0 || path_is_within(path, "/proc"));
}

int spec_check_namespaces(const Oci__Spec *spec, enum spec_type type, enum spec_network configured,
			  struct error *e)
{
	bool has_network = spec_has_namespace(spec, "network");

	for (size_t i = 0; i < ARRAY_SIZE(of_host); i++) {
		const char *name = of_host[i].type;

		/* A pod with the host's network has the host's name, too. */
		bool is_free = (strcmp(name, "network") == 0 || strcmp(name, "uts") == 0) &&
			       !has_network && configured == SPEC_NETWORK_NONE;

		if (!spec_has_namespace(spec, name) && !is_free)
			return fail(e, ENOTSUP,
				    "not supported in a virtual machine: %s of the host (%s)",
				    of_host[i].what, of_host[i].flags);
		if (type == SPEC_SINGLE && is_of_other(spec, name))
			return fail(e, ENOTSUP,
				    "not supported in a virtual machine: %s of another container "
				    "(%s), which is not in it",
				    of_host[i].what, spec_namespace_path(spec, name));
	}
	return 0;
}

const Oci__Mount *spec_mount_at(const Oci__Spec *spec, const char *destination)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (strcmp(spec->mounts[i]->destination, destination) == 0)
			return spec->mounts[i];
	return NULL;
}

bool spec_mount_has(const Oci__Mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (strcmp(m->options[i], option) == 0)
			return true;
	return false;
}

void spec_mount_add_option(Oci__Mount *m, const char *option)
{
	m->options = xrealloc(m->options, m->n_options + 1, sizeof(*m->options));
	m->options[m->n_options++] = xstrdup(option);
}

bool spec_mount_is_bind(const Oci__Mount *m)
{
	return strcmp(m->type, "bind") == 0 || spec_mount_has(m, "bind") ||
	       spec_mount_has(m, "rbind");
}

bool spec_mount_is_shared(const Oci__Mount *m)
{
	if (!spec_mount_is_bind(m))
		return false;
	/* The guest has its own of these, and those of the host would be lies there. */
	return !path_is_within(m->source, "/proc") && !path_is_within(m->source, "/sys") &&
	       !path_is_within(m->source, "/dev");
}

bool spec_mount_is_read_only(const Oci__Mount *m)
{
	return spec_mount_has(m, "ro") || spec_mount_has(m, "rro");
}

enum mount_idmap spec_mount_idmap(const Oci__Spec *spec, const Oci__Mount *m, struct idmap *ret_map)
{
	bool is_asked_for = spec_mount_has(m, "idmap") || spec_mount_has(m, "ridmap");

	*ret_map = idmap_of_mount(m);
	if (idmap_is_empty(ret_map) && !is_asked_for)
		return MOUNT_IDMAP_NONE;
	/* Without maps of its own a mount has those of the container. */
	if (idmap_is_empty(ret_map))
		*ret_map = idmap_of_container(spec->linux);
	return spec_mount_has(m, "ridmap") ? MOUNT_IDMAP_TREE : MOUNT_IDMAP_ONE;
}

static void free_maps(Oci__LinuxIDMapping **maps, size_t *n)
{
	while (*n > 0)
		message_free(maps[--*n]);
}

void spec_mount_forget_idmap(Oci__Mount *m)
{
	size_t kept = 0;

	free_maps(m->uidmappings, &m->n_uidmappings);
	free_maps(m->gidmappings, &m->n_gidmappings);
	for (size_t i = 0; i < m->n_options; i++) {
		if (strcmp(m->options[i], "idmap") == 0 || strcmp(m->options[i], "ridmap") == 0)
			free(m->options[i]);
		else
			m->options[kept++] = m->options[i];
	}
	m->n_options = kept;
}

bool spec_mount_spreads(const Oci__Mount *m)
{
	return spec_mount_has(m, "shared") || spec_mount_has(m, "rshared");
}

bool spec_mount_follows(const Oci__Mount *m)
{
	return spec_mount_has(m, "slave") || spec_mount_has(m, "rslave") || spec_mount_spreads(m);
}

static bool is_host_namespace(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_namespaces); i++)
		if (strcmp(host_namespaces[i], type) == 0)
			return true;
	return false;
}

static void constrain_namespaces(Oci__Linux *linux_)
{
	size_t kept = 0;

	for (size_t i = 0; i < linux_->n_namespaces; i++) {
		Oci__LinuxNamespace *ns = linux_->namespaces[i];

		if (is_host_namespace(ns->type)) {
			message_free(ns);
			continue;
		}
		spec_set(&ns->path, "");
		linux_->namespaces[kept++] = ns;
	}
	linux_->n_namespaces = kept;
}

bool spec_gives_all_devices(const Oci__Spec *spec)
{
	const Oci__LinuxResources *r = spec->linux->resources;

	for (size_t i = 0; r && i < r->n_devices; i++)
		if (r->devices[i]->allow && device_rule_major(r->devices[i]) == DEVICE_RULE_ANY &&
		    (!r->devices[i]->type[0] || strcmp(r->devices[i]->type, "a") == 0))
			return true;
	return false;
}

/* A number that is not given is sent as -1: agents differ in what none means. */
static void complete_rule(Oci__LinuxDeviceCgroup *rule)
{
	device_rule_set_numbers(rule, device_rule_major(rule), device_rule_minor(rule));
}

/* Whether the numbers of RULE are the same device in the guest: they are for kinds, and for what
 * has a number of its own on every Linux. */
static bool means_the_same_in_a_guest(const Oci__LinuxDeviceCgroup *rule)
{
	bool is_character = strcmp(rule->type, "c") == 0 || strcmp(rule->type, "u") == 0;

	if (rule->major < 0 || rule->major == MAJOR_LOOP)
		return true;
	return is_character && rule->major < MAJOR_DYNAMIC &&
	       (rule->major != MAJOR_MISC || rule->minor < MINOR_DYNAMIC);
}

static bool is_of_disk(const Oci__LinuxDeviceCgroup *rule, const Oci__Linux *linux_)
{
	for (size_t i = 0; i < linux_->n_devices; i++) {
		const Oci__LinuxDevice *d = linux_->devices[i];

		if (strcmp(d->type, "b") == 0 && strcmp(rule->type, "b") == 0 &&
		    rule->major == d->major && rule->minor == d->minor)
			return true;
	}
	return false;
}

/* CRI plugins that were told to keep the host's devices to themselves do not say that a privileged
 * container may use every device (containerd 1.6), so it is told by what else it may. */
bool spec_is_privileged(const Oci__Spec *spec)
{
	static const char *const all[] = { "CAP_SYS_ADMIN", "CAP_SYS_RAWIO", "CAP_SYS_MODULE",
					   "CAP_MKNOD" };
	const Oci__LinuxCapabilities *caps = spec->process->capabilities;
	const Oci__Mount *sys = spec_mount_at(spec, "/sys");
	size_t found = 0;

	for (size_t i = 0; caps && i < caps->n_bounding; i++)
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			found += strcmp(caps->bounding[i], all[k]) == 0;
	return found == ARRAY_SIZE(all) && spec->linux->n_maskedpaths == 0 &&
	       spec->linux->n_readonlypaths == 0 && sys && !spec_mount_is_read_only(sys);
}

static void allow_all_devices(Oci__LinuxResources *r)
{
	Oci__LinuxDeviceCgroup *rule = message_new(&oci__linux_device_cgroup__descriptor);

	rule->allow = true;
	spec_set(&rule->access, "rwm");
	complete_rule(rule);
	r->devices = xrealloc(r->devices, r->n_devices + 1, sizeof(Oci__LinuxDeviceCgroup *));
	r->devices[r->n_devices++] = rule;
}

/* What the host's rules say about kinds of devices holds in the guest as well. */
static void constrain_rules(Oci__Spec *spec)
{
	Oci__LinuxResources *r = spec->linux->resources;
	size_t kept = 0;

	if (!r && spec_is_privileged(spec))
		r = spec->linux->resources = message_new(&oci__linux_resources__descriptor);
	for (size_t i = 0; r && i < r->n_devices; i++) {
		complete_rule(r->devices[i]);
		if (means_the_same_in_a_guest(r->devices[i]) ||
		    is_of_disk(r->devices[i], spec->linux))
			r->devices[kept++] = r->devices[i];
		else
			message_free(r->devices[i]);
	}
	if (!r)
		return;
	r->n_devices = kept;
	if (!spec_gives_all_devices(spec) && spec_is_privileged(spec))
		allow_all_devices(r);
}

void spec_constrain_resources(Oci__LinuxResources *r)
{
	/* The host's numbers: which processors its pods use is for the host to see to. */
	if (r->cpu) {
		spec_set(&r->cpu->cpus, "");
		spec_set(&r->cpu->mems, "");
	}
}

/* What a specification may ask for and only the host could do, or nobody does. */
static const char *unsupported_limit(const Oci__LinuxResources *r)
{
	const Oci__LinuxBlockIO *io = r->blockio;

	if (r->network && (r->network->classid || r->network->n_priorities))
		return "network.classID and network.priorities (control groups of version 1)";
	if (r->cpu && (r->cpu->realtimeruntime || r->cpu->realtimeperiod))
		return "cpu.realtimeRuntime and realtimePeriod (control groups of version 1)";
	if (io && io->leafweight)
		return "blockIO.leafWeight (control groups of version 1)";
	if (io &&
	    (io->n_weightdevice || io->n_throttlereadbpsdevice || io->n_throttlewritebpsdevice ||
	     io->n_throttlereadiopsdevice || io->n_throttlewriteiopsdevice))
		return "blockIO limits of single disks (the host's are not the guest's)";
	return NULL;
}

static const char *unsupported_field(const Oci__Linux *l)
{
	if (l->seccomp && !str_empty(l->seccomp->listenerpath))
		return "seccomp.listenerPath (the listener is on the host)";
	if (l->intelrdt)
		return "intelRdt (the caches are the host's)";
	if (l->memorypolicy)
		return "memoryPolicy (the memory nodes are the host's)";
	if (l->n_netdevices)
		return "netDevices (a network device of the host)";
	for (size_t i = 0; i < l->n_namespaces; i++)
		if (strcmp(l->namespaces[i]->type, "time") == 0 && l->namespaces[i]->path[0])
			return "namespaces: a time namespace of the host";
	return NULL;
}

int spec_check_resources(const Oci__LinuxResources *r, struct error *e)
{
	const char *what = unsupported_limit(r);

	return what ? fail(e, ENOTSUP, "not supported in a guest: linux.resources.%s", what) : 0;
}

int spec_check_fields(const Oci__Spec *spec, struct error *e)
{
	const char *what = unsupported_field(spec->linux);

	for (size_t i = 0; i < spec->n_mounts; i++)
		if (!spec_mount_is_bind(spec->mounts[i]) &&
		    (spec->mounts[i]->n_uidmappings || spec->mounts[i]->n_gidmappings))
			return fail(
				e, ENOTSUP,
				"not supported in a guest: the mapped users of the mount on '%s'",
				spec->mounts[i]->destination);
	if (what)
		return fail(e, ENOTSUP, "not supported in a guest: linux.%s", what);
	return spec->linux->resources ? spec_check_resources(spec->linux->resources, e) : 0;
}

/* systemd's "slice:prefix:name" is a path in the guest, which has no systemd. */
static void constrain_cgroup(Oci__Linux *linux_)
{
	_free_ char *path = NULL;

	if (linux_->cgroupspath[0] == '/' || !linux_->cgroupspath[0])
		return;
	path = xasprintf("/%s", linux_->cgroupspath);
	for (char *c = path; *c; c++)
		if (*c == ':')
			*c = '/';
	spec_set(&linux_->cgroupspath, path);
}

void spec_constrain(Oci__Spec *spec, enum spec_seccomp seccomp)
{
	Oci__Linux *linux_ = spec->linux;

	message_free(TAKE_PTR(spec->hooks));
	spec_set(&spec->process->apparmorprofile, "");
	spec_set(&spec->process->selinuxlabel, "");
	spec_set(&linux_->mountlabel, "");
	if (seccomp == SPEC_SECCOMP_DROP)
		message_free(TAKE_PTR(linux_->seccomp));
	constrain_namespaces(linux_);
	constrain_rules(spec);
	constrain_cgroup(linux_);
	if (linux_->resources)
		spec_constrain_resources(linux_->resources);
}
