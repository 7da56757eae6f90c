/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - bring a container's files into the guest and have the agent make it.
 *
 * How its root file system, volumes and devices get there is the table of ways (ways/way.h).
 *
 * Removal never depends on the agent: its answer is waited for, the files are taken away anyhow.
 * Stages of the host may take as long as the host does, and hold a thread; what waits for the
 * agent's answer holds none.
 */

#include "runtime/sandbox/container.h"

#include <signal.h>

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
	struct size wanted; /* of an update under way */
	/* Until the guest has it: */
	Oci__Spec *spec;
	char *pidns_of; /* whose process namespace it has, if it is not its own */
	bool is_in_guest;
	bool was_removed; /* the agent has answered that it is gone */
	/* Of the file for its last words, where the guest has a copy of it: */
	char *words_path;
	char *words_copy; /* in the guest */
	ProtobufCBinaryData words;
};

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

/* 0, also when it has its own. */
static int find_pidns(struct container *c, struct error *e)
{
	const char *path = spec_namespace_path(c->spec, "pid");

	return path ? placeholders_find(sandbox_places(c->sandbox), path, &c->pidns_of, e) : 0;
}

int container_bring_in(struct container *c, const struct container_params *params, struct error *e)
{
	const struct config *config = sandbox_config(c->sandbox);
	const struct ways_params ways = { .sandbox = c->sandbox,
					  .container = c->id,
					  .bundle = params->bundle,
					  .mounts = params->mounts,
					  .n_mounts = params->n_mounts };
	struct size size = size_of_resources(c->spec->linux->resources);
	int r = spec_check_fields(c->spec, e);

	if (r >= 0)
		r = find_pidns(c, e);
	if (r >= 0)
		r = sandbox_resize(c->sandbox, (struct size){ 0 }, size, e);
	if (r < 0)
		return r;
	c->size = size;
	protect(c, c->spec);
	r = use_ways(c, &ways, c->spec, e);
	if (r < 0)
		return r;
	spec_constrain(c->spec, config->runtime.disable_guest_seccomp ? SPEC_SECCOMP_DROP
								      : SPEC_SECCOMP_KEEP);
	return 0;
}

struct container *container_new(struct sandbox *s, const char *id, Oci__Spec *own_spec)
{
	struct container *c = xcalloc(1, sizeof(*c));

	c->sandbox = s;
	c->id = xstrdup(id);
	c->spec = own_spec;
	return c;
}

/* The first container's is the one that every agent knows how to share. */
void container_ask_create(struct container *c, struct ask *ask)
{
	const struct config *config = sandbox_config(c->sandbox);
	Agent__CreateContainerRequest request = AGENT__CREATE_CONTAINER_REQUEST__INIT;

	request.container_id = request.exec_id = c->id;
	request.oci = c->spec;
	request.storages = c->gifts.storages;
	request.n_storages = c->gifts.n_storages;
	request.devices = c->gifts.devices;
	request.n_devices = c->gifts.n_devices;
	request.sandbox_pidns = str_equal(c->pidns_of, sandbox_id(c->sandbox));
	if (c->pidns_of && !request.sandbox_pidns)
		request.pid_namespace_of = c->pidns_of;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_CREATE_CONTAINER, &request,
		  config->runtime.create_container_timeout * 1000);
}

void container_created(struct container *c, const struct error *why)
{
	/* The agent may have made it and answered too late. */
	c->is_in_guest = !why || why->code == ETIMEDOUT;
	message_free(TAKE_PTR(c->spec));
}

void container_ask_start(struct container *c, struct ask *ask)
{
	Agent__StartContainerRequest request = AGENT__START_CONTAINER_REQUEST__INIT;

	request.container_id = c->id;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_START_CONTAINER, &request, 0);
}

void container_ask_kill(struct container *c, struct ask *ask)
{
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = c->id;
	request.signal = SIGKILL;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_SIGNAL_PROCESS, &request, 0);
}

int container_grow(struct container *c, const Oci__LinuxResources *resources, struct error *e)
{
	struct size after = size_update(c->size, resources);
	struct size more = size_max(c->size, after);
	int r = spec_check_resources(resources, e);

	if (r >= 0)
		r = sandbox_resize(c->sandbox, c->size, more, e);
	if (r < 0)
		return r;
	c->size = more;
	c->wanted = after;
	return 0;
}

void container_ask_update(struct container *c, Oci__LinuxResources *resources, struct ask *ask)
{
	Agent__UpdateContainerRequest request = AGENT__UPDATE_CONTAINER_REQUEST__INIT;

	spec_constrain_resources(resources);
	request.container_id = c->id;
	request.resources = resources;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_UPDATE_CONTAINER, &request, 0);
}

/* Only now: until then the container might use all it had. */
void container_shrink(struct container *c)
{
	sandbox_lower(c->sandbox, size_without(c->size, c->wanted));
	c->size = c->wanted;
}

/* The agent takes away what was copied for a container that it has not made, too. */
bool container_ask_remove(struct container *c, struct ask *ask)
{
	bool has_copies = sandbox_copies(c->sandbox) && c->gifts.n_notes > 0;
	Agent__RemoveContainerRequest request = AGENT__REMOVE_CONTAINER_REQUEST__INIT;

	if (!c->is_in_guest && !has_copies)
		return false;
	request.container_id = c->id;
	if (c->is_in_guest)
		request.timeout = REMOVE_WAIT_S;
	if (c->is_in_guest && c->words_copy)
		request.last_words_path = c->words_copy;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_REMOVE_CONTAINER, &request, REMOVE_WAIT_MS);
	return true;
}

void container_removed(struct container *c, const void *answer, const struct error *why)
{
	const Agent__RemoveContainerResponse *removed = answer;

	if (why && c->is_in_guest)
		log_warn("container '%s' may stay in the guest: %s", c->id, why->msg);
	else if (why)
		log_debug("%s", why->msg);
	c->was_removed = removed && c->is_in_guest;
	c->is_in_guest = false;
	if (!c->was_removed || removed->last_words.len == 0 ||
	    removed->last_words.len > LAST_WORDS_MAX)
		return;
	c->words.data = xmemdup(removed->last_words.data, removed->last_words.len);
	c->words.len = removed->last_words.len;
}

void container_forget(struct container *c)
{
	struct error e;

	if (c->words.len > 0)
		lastwords_put(c->words_path, c->words.data, c->words.len);
	ways_take_back(c->sandbox, &c->gifts);
	placeholders_forget(sandbox_places(c->sandbox), c->id);
	if (sandbox_resize(c->sandbox, c->size, (struct size){ 0 }, &e) < 0)
		log_warn("%s", e.msg);
	c->size = (struct size){ 0 };
}

/* The guest lets go of what it remembers of shares that were just taken away, and so does
 * virtiofsd, which has descriptors for it.  Without that they would do so when the next container
 * comes. */
bool container_ask_let_go(struct container *c, struct ask *ask)
{
	const Agent__RemoveStaleVirtiofsShareMountsRequest request =
		AGENT__REMOVE_STALE_VIRTIOFS_SHARE_MOUNTS_REQUEST__INIT;

	if (!c->was_removed || !sandbox_share(c->sandbox))
		return false;
	ask_agent(ask, sandbox_rpc(c->sandbox), CLIENT_REMOVE_STALE_SHARES, &request, 0);
	return true;
}

void container_free(struct container *c)
{
	if (!c)
		return;
	gifts_done(&c->gifts);
	message_free(c->spec);
	free(c->pidns_of);
	free(c->words.data);
	free(c->words_path);
	free(c->words_copy);
	free(c->id);
	free(c);
}
