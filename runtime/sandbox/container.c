/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - bring a container's files into the guest and have the agent make it.
 *
 * How its root file system, volumes and devices get there is the table of ways (ways/way.h).
 *
 * Removal never depends on the agent: its answer is waited for, its files are taken away anyhow.
 */

#include "runtime/sandbox/container.h"

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/lastwords.h"
#include "runtime/sandbox/placeholder.h"
#include "runtime/sandbox/ways/way.h"

#define REMOVE_WAIT_S  8
#define LAST_WORDS_MAX 4096
#define REMOVE_WAIT_MS (UINT64_C(10) * 1000)

struct container {
	struct sandbox *sandbox;
	char *id;
	struct gifts gifts;
	struct size size;
	bool is_in_guest;
	/* Of the file for its last words, where the guest has a copy of it: */
	char *words_path;
	char *words_copy; /* in the guest */
};

/* Whose process namespace a container has, if it is not its own: caller frees. */
static int find_pidns(const struct container *c, const Oci__Spec *spec, char **ret_id,
		      struct error *e)
{
	const char *path = spec_namespace_path(spec, "pid");

	return path ? placeholders_find(sandbox_places(c->sandbox), path, ret_id, e) : 0;
}

/* The first container's is the one that every agent knows how to share. */
static int create_in_guest(struct container *c, Oci__Spec *spec, char *pidns_of, struct error *e)
{
	const struct config *config = sandbox_config(c->sandbox);
	Agent__CreateContainerRequest request = AGENT__CREATE_CONTAINER_REQUEST__INIT;

	request.container_id = request.exec_id = c->id;
	request.oci = spec;
	request.storages = c->gifts.storages;
	request.n_storages = c->gifts.n_storages;
	request.devices = c->gifts.devices;
	request.n_devices = c->gifts.n_devices;
	request.sandbox_pidns = str_equal(pidns_of, sandbox_id(c->sandbox));
	if (pidns_of && !request.sandbox_pidns)
		request.pid_namespace_of = pidns_of;
	return client_call(sandbox_rpc(c->sandbox), CLIENT_CREATE_CONTAINER, &request, NULL,
			   config->runtime.create_container_timeout * 1000,
			   sandbox_canceller(c->sandbox), e);
}

/* Brings everything in, and notes where the guest has the file for the container's last words. */
static int use_ways(struct container *c, const struct ways_params *ways, Oci__Spec *spec,
		    struct error *e)
{
	const char *path = sandbox_copies(c->sandbox) ? lastwords_path(spec) : NULL;
	_free_ char *destination = NULL;
	const Oci__Mount *m;
	int r;

	c->words_path = path ? xstrdup(path) : NULL;
	for (size_t i = 0; path && i < spec->n_mounts && !destination; i++)
		if (spec->mounts[i]->source == path)
			destination = xstrdup(spec->mounts[i]->destination);
	r = ways_bring_in(ways, spec, &c->gifts, e);
	m = r >= 0 && destination ? spec_mount_at(spec, destination) : NULL;
	c->words_copy = m ? xstrdup(m->source) : NULL;
	return r;
}

static void protect(struct container *c, const Oci__Spec *spec)
{
	enum spec_type type;
	struct error ignored;

	if (spec_type(spec, &type, &ignored) >= 0)
		sandbox_protect(c->sandbox, type, spec->process->oomscoreadj);
}

static int bring_in(struct container *c, const struct container_params *params, Oci__Spec *spec,
		    struct error *e)
{
	const struct config *config = sandbox_config(c->sandbox);
	const struct ways_params ways = { .sandbox = c->sandbox,
					  .container = c->id,
					  .bundle = params->bundle,
					  .mounts = params->mounts,
					  .n_mounts = params->n_mounts };
	struct size size = size_of_resources(spec->linux->resources);
	_free_ char *pidns_of = NULL;
	int r = spec_check_fields(spec, e);

	if (r >= 0)
		r = find_pidns(c, spec, &pidns_of, e);
	if (r >= 0)
		r = sandbox_resize(c->sandbox, (struct size){ 0 }, size, e);

	if (r < 0)
		return r;
	c->size = size;
	protect(c, spec);
	r = use_ways(c, &ways, spec, e);
	if (r < 0)
		return r;
	spec_constrain(spec, config->runtime.disable_guest_seccomp ? SPEC_SECCOMP_DROP
								   : SPEC_SECCOMP_KEEP);
	r = create_in_guest(c, spec, pidns_of, e);
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

int container_update(struct container *c, Oci__LinuxResources *resources, struct error *e)
{
	Agent__UpdateContainerRequest request = AGENT__UPDATE_CONTAINER_REQUEST__INIT;
	struct size after = size_update(c->size, resources);
	struct size more = size_max(c->size, after);
	int r = spec_check_resources(resources, e);

	if (r >= 0)
		r = sandbox_resize(c->sandbox, c->size, more, e);
	if (r < 0)
		return r;
	c->size = more;
	spec_constrain_resources(resources);
	request.container_id = c->id;
	request.resources = resources;
	r = client_call(sandbox_rpc(c->sandbox), CLIENT_UPDATE_CONTAINER, &request, NULL, 0,
			sandbox_canceller(c->sandbox), e);
	if (r < 0)
		return r;
	/* Only now: until then the container may use all it had. */
	sandbox_lower(c->sandbox, size_without(more, after));
	c->size = after;
	return 0;
}

/* Whether the agent answered that it is gone. */
static bool remove_from_guest(struct container *c)
{
	Agent__RemoveContainerRequest request = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	_message_ Agent__RemoveContainerResponse *answer = NULL;
	struct error e;
	int r;

	request.container_id = c->id;
	request.timeout = REMOVE_WAIT_S;
	if (c->words_copy)
		request.last_words_path = c->words_copy;
	c->is_in_guest = false;
	r = client_call(sandbox_rpc(c->sandbox), CLIENT_REMOVE_CONTAINER, &request, &answer,
			REMOVE_WAIT_MS, sandbox_canceller(c->sandbox), &e);
	if (r < 0)
		log_warn("container '%s' may stay in the guest: %s", c->id, e.msg);
	else if (answer->last_words.len > 0 && answer->last_words.len <= LAST_WORDS_MAX)
		lastwords_put(c->words_path, answer->last_words.data, answer->last_words.len);
	return r >= 0;
}

/* The agent takes away what was copied for a container that it has not made, too. */
static void forget_copies(const struct container *c)
{
	Agent__RemoveContainerRequest request = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	struct error e;

	request.container_id = c->id;
	if (client_call(sandbox_rpc(c->sandbox), CLIENT_REMOVE_CONTAINER, &request, NULL, 0,
			sandbox_canceller(c->sandbox), &e) < 0)
		log_debug("%s", e.msg);
}

/* The guest lets go of what it remembers of shares that were just taken away, and so does
 * virtiofsd, which has descriptors for it.  Without that they would do so when the next container
 * comes. */
static void let_go_of_shares(struct container *c)
{
	const Agent__RemoveStaleVirtiofsShareMountsRequest request =
		AGENT__REMOVE_STALE_VIRTIOFS_SHARE_MOUNTS_REQUEST__INIT;
	struct error e;

	if (client_call(sandbox_rpc(c->sandbox), CLIENT_REMOVE_STALE_SHARES, &request, NULL, 0,
			sandbox_canceller(c->sandbox), &e) < 0)
		log_debug("%s", e.msg);
}

void container_forget(struct container *c)
{
	ways_take_back(c->sandbox, &c->gifts);
}

void container_remove(struct container *c)
{
	bool has_copies = sandbox_copies(c->sandbox) && c->gifts.n_notes > 0;
	bool was_made = c->is_in_guest, was_removed = was_made && remove_from_guest(c);
	struct error e;

	if (!was_made && has_copies)
		forget_copies(c);

	container_forget(c);
	placeholders_forget(sandbox_places(c->sandbox), c->id);
	if (was_removed && sandbox_share(c->sandbox))
		let_go_of_shares(c);
	if (sandbox_resize(c->sandbox, c->size, (struct size){ 0 }, &e) < 0)
		log_warn("%s", e.msg);
	c->size = (struct size){ 0 };
}

void container_free(struct container *c)
{
	if (!c)
		return;
	gifts_done(&c->gifts);
	free(c->words_path);
	free(c->words_copy);
	free(c->id);
	free(c);
}
