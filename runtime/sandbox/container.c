/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - bring a container's files into the guest and have the agent make it.
 *
 * The root file system and every volume are binds in the shared folder; the specification that
 * the guest gets names the guest's paths of them.  What has no place on the host (proc, tmpfs,
 * devpts and the like) is left for the agent to mount.  A pod's /dev/shm is one tmpfs of the
 * guest: shared memory cannot cross a file system protocol.  Its volumes in memory are the guest's,
 * too (ephemeral.c).
 *
 * Removal never depends on the agent: its answer is waited for, its files are taken away anyhow.
 */

#include "runtime/sandbox/container.h"

#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/ephemeral.h"

#define GUEST_SHM      "/run/kata-containers/sandbox/shm"
#define BASE_LEN       64
#define REMOVE_WAIT_S  8
#define REMOVE_WAIT_MS (UINT64_C(10) * 1000)

struct container {
	struct sandbox *sandbox;
	char *id;
	char *rootfs;              /* mount point of ours, or NULL */
	strv shares;               /* names in the shared folder */
	Agent__Storage **storages; /* what the guest makes for it */
	size_t n_storages;
	struct size size;
	bool is_in_guest;
};

/* OPTIONS must not follow NAME when it could be read as a path: only the last part, shortened. */
static char *volume_name(const struct container *c, const char *destination, size_t number)
{
	return xasprintf("%s-%016zx-%.*s", c->id, number, BASE_LEN, path_base(destination));
}

static int share_one(struct container *c, const char *source, const char *name,
		     enum share_access access, struct error *e)
{
	int r = share_bind(sandbox_share(c->sandbox), source, name, access, e);

	if (r >= 0)
		strv_add(&c->shares, name);
	return r;
}

static enum share_access volume_access(const Oci__Mount *m)
{
	bool follows = spec_mount_follows(m);

	if (!spec_mount_is_read_only(m))
		return follows ? SHARE_FOLLOWING : SHARE_READ_WRITE;
	if (follows)
		log_info(
			"the volume on '%s' is read-only: what the host mounts below it from now "
			"on is not shown",
			m->destination);
	return SHARE_READ_ONLY;
}

static int share_volume(struct container *c, Oci__Mount *m, size_t number, struct error *e)
{
	_free_ char *name = volume_name(c, m->destination, number);
	_free_ char *guest = share_guest_path(name);
	int r = share_one(c, m->source, name, volume_access(m), e);

	if (r < 0)
		return fail_wrap(e, "volume on '%s'", m->destination);
	spec_set(&m->source, guest);
	spec_set(&m->type, "bind");
	return 0;
}

/* Has the guest make the volume of M if it is one in memory, else shares it. */
static int give_volume(struct container *c, Oci__Mount *m, size_t number, struct error *e)
{
	_ephemeral_ struct ephemeral v = { 0 };
	_free_ char *guest = NULL;
	int r = ephemeral_find(m->source, &v, e);

	if (r < 0)
		return fail_wrap(e, "volume on '%s'", m->destination);
	if (r == 0)
		return share_volume(c, m, number, e);
	guest = ephemeral_guest_path(&v);
	ephemeral_add_storages(&v, &c->storages, &c->n_storages);
	spec_set(&m->source, guest);
	spec_set(&m->type, "bind");
	return 0;
}

static int share_volumes(struct container *c, Oci__Spec *spec, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < spec->n_mounts; i++) {
		Oci__Mount *m = spec->mounts[i];

		if (strcmp(m->destination, "/dev/shm") == 0 && m->source[0] == '/')
			spec_set(&m->source, GUEST_SHM);
		else if (spec_mount_is_shared(m))
			r = give_volume(c, m, i, e);
	}
	return r;
}

/* Mounts what containerd asked for; without that, the specification's own folder is the root. */
static int mount_rootfs(struct container *c, const struct container_params *params,
			const Oci__Spec *spec, char **ret_dir, struct error *e)
{
	_free_ char *dir = spec->root->path[0] == '/' ? xstrdup(spec->root->path)
						      : path_join(params->bundle, spec->root->path);
	int r;

	if (params->n_mounts > 0) {
		r = sandbox_note_mount(c->sandbox, dir, SANDBOX_MOUNTED, e);
		if (r >= 0)
			r = rootfs_mount(params->mounts, params->n_mounts, dir, e);
		if (r < 0)
			return r;
		c->rootfs = xstrdup(dir);
	}
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

static int share_rootfs(struct container *c, const struct container_params *params, Oci__Spec *spec,
			struct error *e)
{
	_free_ char *dir = NULL;
	_free_ char *name = path_join(c->id, "rootfs");
	_free_ char *guest = share_guest_path(name);
	int r = mount_rootfs(c, params, spec, &dir, e);

	if (r >= 0)
		r = share_one(c, dir, name, SHARE_READ_WRITE, e);
	if (r < 0)
		return fail_wrap(e, "root file system");
	spec_set(&spec->root->path, guest);
	return 0;
}

static int create_in_guest(struct container *c, Oci__Spec *spec, bool shares_pidns, struct error *e)
{
	const struct config *config = sandbox_config(c->sandbox);
	Agent__CreateContainerRequest request = AGENT__CREATE_CONTAINER_REQUEST__INIT;

	request.container_id = request.exec_id = c->id;
	request.oci = spec;
	request.storages = c->storages;
	request.n_storages = c->n_storages;
	request.sandbox_pidns = shares_pidns;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_CREATE_CONTAINER, &request, NULL,
			   config->runtime.create_container_timeout * 1000,
			   sandbox_canceller(c->sandbox), e);
}

static int bring_in(struct container *c, const struct container_params *params, Oci__Spec *spec,
		    struct error *e)
{
	const struct config *config = sandbox_config(c->sandbox);
	struct size size = size_of_resources(spec->linux->resources);
	bool shares_pidns = spec_shares_pidns(spec);
	int r;

	if (!sandbox_share(c->sandbox)->dir)
		return fail(e, ENOTSUP,
			    "no way to give the guest a root file system: shared_fs is 'none'");
	r = spec_check_devices(spec, e);
	if (r >= 0)
		r = sandbox_resize(c->sandbox, (struct size){ 0 }, size, e);
	if (r < 0)
		return r;
	c->size = size;
	r = share_rootfs(c, params, spec, e);
	if (r >= 0)
		r = share_volumes(c, spec, e);
	if (r < 0)
		return r;
	spec_constrain(spec, config->runtime.disable_guest_seccomp ? SPEC_SECCOMP_DROP
								   : SPEC_SECCOMP_KEEP);
	r = create_in_guest(c, spec, shares_pidns, e);
	c->is_in_guest = r >= 0;
	return r;
}

int container_create(struct sandbox *s, const struct container_params *params, Oci__Spec *own_spec,
		     struct container **ret_container, struct error *e)
{
	struct container *c = xcalloc(1, sizeof(*c));
	int r;

	c->sandbox = s;
	c->id = xstrdup(params->id);
	r = bring_in(c, params, own_spec, e);
	message_free(own_spec);
	if (r < 0) {
		/* The agent may have made it and answered too late. */
		c->is_in_guest = r == -ETIMEDOUT;
		container_remove(c);
		container_free(c);
		return r;
	}
	*ret_container = c;
	return 0;
}

int container_start(struct container *c, struct error *e)
{
	Agent__StartContainerRequest request = AGENT__START_CONTAINER_REQUEST__INIT;

	request.container_id = c->id;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_START_CONTAINER, &request, NULL, 0,
			   sandbox_canceller(c->sandbox), e);
}

int container_pause(struct container *c, struct error *e)
{
	Agent__PauseContainerRequest request = AGENT__PAUSE_CONTAINER_REQUEST__INIT;

	request.container_id = c->id;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_PAUSE_CONTAINER, &request, NULL, 0,
			   sandbox_canceller(c->sandbox), e);
}

int container_resume(struct container *c, struct error *e)
{
	Agent__ResumeContainerRequest request = AGENT__RESUME_CONTAINER_REQUEST__INIT;

	request.container_id = c->id;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_RESUME_CONTAINER, &request, NULL, 0,
			   sandbox_canceller(c->sandbox), e);
}

int container_update(struct container *c, Oci__LinuxResources *resources, struct error *e)
{
	Agent__UpdateContainerRequest request = AGENT__UPDATE_CONTAINER_REQUEST__INIT;
	struct size after = size_update(c->size, resources);
	int r = sandbox_resize(c->sandbox, c->size, after, e);

	if (r < 0)
		return r;
	c->size = after;
	spec_constrain_resources(resources);
	request.container_id = c->id;
	request.resources = resources;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_UPDATE_CONTAINER, &request, NULL, 0,
			   sandbox_canceller(c->sandbox), e);
}

static void remove_from_guest(struct container *c)
{
	Agent__RemoveContainerRequest request = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	struct error e;

	request.container_id = c->id;
	request.timeout = REMOVE_WAIT_S;
	if (client_call(sandbox_rpc(c->sandbox), CLIENT_REMOVE_CONTAINER, &request, NULL,
			REMOVE_WAIT_MS, sandbox_canceller(c->sandbox), &e) < 0)
		log_warn("container '%s' may stay in the guest: %s", c->id, e.msg);
	c->is_in_guest = false;
}

void container_forget(struct container *c)
{
	struct error e;

	for (size_t i = strv_len(c->shares); i > 0; i--)
		share_unbind(sandbox_share(c->sandbox), c->shares[i - 1]);
	strv_free(TAKE_PTR(c->shares));
	if (!c->rootfs)
		return;
	share_detach_below(c->rootfs);
	if (sandbox_note_mount(c->sandbox, c->rootfs, SANDBOX_UNMOUNTED, &e) < 0)
		log_warn("%s", e.msg);
	free(TAKE_PTR(c->rootfs));
}

void container_remove(struct container *c)
{
	struct error e;

	if (c->is_in_guest)
		remove_from_guest(c);
	container_forget(c);
	if (sandbox_resize(c->sandbox, c->size, (struct size){ 0 }, &e) < 0)
		log_warn("%s", e.msg);
	c->size = (struct size){ 0 };
}

void container_free(struct container *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_storages; i++)
		message_free(c->storages[i]);
	free(c->storages);
	strv_free(c->shares);
	free(c->rootfs);
	free(c->id);
	free(c);
}
