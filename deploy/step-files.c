/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step-files - versions, the current link, and the node's own configuration.
 *
 * A version that is complete needs no undo: it is used or swept later.  What is moved, the link and
 * the node's configuration, remembers where it was.  A version goes when no sandbox's record names
 * it, and not in the run that made another one current: a shim that was just started from it has
 * then had minutes to write its record.
 */
#include "deploy/attempt.h"
#include "deploy/install.h"

#include <string.h>

#include "deploy/drain.h"
#include "lib/file.h"
#include "lib/host/store.h"
#include "lib/log.h"

#define RUNNING_MS (40 * UINT64_C(1000)) /* a pod's usual grace period and what comes after it */
#define LOOK_MS    1000

int unpack_check(void *context, struct error *e)
{
	struct install *in = context;

	if (in->is_settled)
		return 0;
	(void)e;
	return !store_has(in->root, in->folder);
}

int unpack_run(void *context, struct error *e)
{
	struct install *in = context;

	in->writes += (unsigned)in->release.n_entries + 1;
	return store_add(in->root, in->archive, &in->release, in->cancel, e);
}

static int plan_overrides(const struct install *in, struct edit *edit, struct error *e)
{
	for (size_t i = 0; i < in->n_offers; i++)
		if (offer_plan(&in->offers[i], in->settings, in->version_dir, edit, e) < 0)
			return -e->code;
	return 0;
}

int overrides_check(void *context, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (in->is_settled)
		return 0;
	if (plan_overrides(in, &edit, e) < 0)
		return -e->code;
	return edit_is_needed(&edit);
}

int overrides_save(void *context, struct json_object *data, struct error *e)
{
	_edit_ struct edit edit = { 0 };

	if (plan_overrides(context, &edit, e) < 0)
		return -e->code;
	edit_save(&edit, data);
	return 0;
}

int overrides_run(void *context, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (plan_overrides(in, &edit, e) < 0)
		return -e->code;
	in->writes += edit_changes(&edit);
	return edit_apply(&edit, e);
}

int overrides_undo(void *context, struct json_object *data, struct error *e)
{
	(void)context;
	return edit_restore(data, NULL, NULL, e);
}

int switch_check(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *current = NULL;
	int r;

	if (in->is_settled)
		return 0;
	r = store_current(in->root, &current, e);
	if (r < 0)
		return r;
	return !str_equal(current, in->folder) || !store_is_linked(in->root);
}

int switch_save(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	_free_ char *current = NULL;
	int r = store_current(in->root, &current, e);

	if (r < 0)
		return r;
	json_set_str(data, "current", current);
	json_set_bool(data, "linked", store_is_linked(in->root));
	return 0;
}

int switch_run(void *context, struct error *e)
{
	struct install *in = context;

	int linked = store_link(in->root, e);

	if (linked < 0)
		return linked;
	in->writes += 1 + (unsigned)linked;
	return store_switch(in->root, in->folder, e);
}

int switch_undo(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;

	if (store_switch(in->root, json_get_str(data, "current"), e) < 0)
		return -e->code;
	return json_get_bool(data, "linked", true) ? 0 : store_unlink(in->root, e);
}

/* By name, which has a digest in it: a shim records the path that its file really has, and /opt is
 * a link on some systems. */
void versions_unused(char *const *all, char *const *used, const char *keep, strv *ret_folders)
{
	_strv_ strv names = NULL;

	for (; used && *used; used++)
		strv_add(&names, path_base(*used));
	for (; all && *all; all++)
		if (!str_equal(*all, keep) && !strv_contains(names, *all))
			strv_add(ret_folders, *all);
}

/* Versions but KEEP that no sandbox uses; 0 where there is none. */
static int unused_versions(const struct install *in, const char *keep, strv *ret_folders,
			   struct error *e)
{
	_strv_ strv all = NULL;
	_strv_ strv used = NULL;
	int r = live_versions(LIVE_RECORDS, &used, e);

	if (r >= 0)
		r = store_list(in->root, &all, e);
	if (r < 0)
		return r;
	versions_unused(all, used, keep, ret_folders);
	return strv_len(*ret_folders) > 0;
}

/* What cannot be swept now is swept later: no reason to call an installation failed. */
static int only_warn(int r, const struct error *e)
{
	if (r < 0)
		log_warn("old versions stay for now: %s", e->msg);
	return r < 0 ? 0 : r;
}

int sweep_check(void *context, struct error *e)
{
	struct install *in = context;
	_strv_ strv unused = NULL;

	if (store_has_rest(in->root))
		return 1;
	return in->is_changing ? 0 : only_warn(unused_versions(in, in->folder, &unused, e), e);
}

static int remove_versions(const struct install *in, const char *keep, struct error *e)
{
	_strv_ strv unused = NULL;

	if (unused_versions(in, keep, &unused, e) < 0)
		return -e->code;
	for (char **f = unused; f && *f; f++) {
		log_info("removing version '%s'", *f);
		if (store_remove(in->root, *f, e) < 0)
			return -e->code;
	}
	return 0;
}

int sweep_run(void *context, struct error *e)
{
	struct install *in = context;
	int r = store_sweep(in->root, e);

	if (r >= 0 && !in->is_changing)
		r = remove_versions(in, in->folder, e);
	return only_warn(r, e);
}

static bool is_installed(const struct install *in)
{
	_free_ char *versions = path_join(in->root, "versions");

	return file_exists(versions);
}

static int look(void *arg, struct live *l, struct error *e)
{
	struct install *in = arg;
	_strv_ strv used = NULL;

	if (in->engine.driver->live(in->engine.socket, install_ask_ms(in), in->cancel, l, e) < 0 ||
	    live_versions(LIVE_RECORDS, &used, e) < 0)
		return -e->code;
	l->sandboxes += (unsigned)strv_len(used);
	return 0;
}

int install_must_be_unused(struct install *in, struct error *e)
{
	_live_ struct live l = { 0 };

	if (look(in, &l, e) < 0)
		return -e->code;
	return live_is_used(&l) ? drain_fail(&l, e) : 0;
}

/* Handlers or files that a sandbox could use. */
int drain_check(void *context, struct error *e)
{
	struct install *in = context;
	_live_ struct live l = { 0 };
	int configured;

	/* From here on a removal needs containerd; what came before it did not. */
	if (install_read_runtime(in, e) < 0)
		return -e->code;
	configured = cri_is_configured(in, e);
	if (configured < 0)
		return configured;
	if (!configured && !is_installed(in))
		return 0;
	return look(in, &l, e) < 0 ? -e->code : live_is_used(&l);
}

int drain_run(void *context, struct error *e)
{
	struct install *in = context;
	const struct drain d = {
		.look = look,
		.arg = in,
		.wait_ms = in->settings->remove_wait_s * UINT64_C(1000),
		.running_ms = RUNNING_MS,
		.poll_ms = LOOK_MS,
		.cancel = in->cancel,
	};

	/* The canary of a killed run is nobody's but ours. */
	return node_clear(&in->engine, e) < 0 ? -e->code : drain_wait(&d, e);
}

int remove_check(void *context, struct error *e)
{
	struct install *in = context;

	if (!is_installed(in))
		return 0;
	return install_must_be_unused(in, e) < 0 ? -e->code : 1;
}

static int remove_overrides(const struct install *in, struct error *e)
{
	for (size_t i = 0; i < in->n_offers; i++)
		if (offer_remove(&in->offers[i], in->settings, e) < 0)
			return -e->code;
	return 0;
}

int remove_run(void *context, struct error *e)
{
	struct install *in = context;
	_free_ char *versions = path_join(in->root, "versions");
	_free_ char *lock = path_join(in->root, ".lock");

	in->engine.driver->clear(&in->engine);
	if (node_clear(&in->engine, e) < 0 || store_unlink(in->root, e) < 0 ||
	    store_switch(in->root, NULL, e) < 0 || remove_versions(in, NULL, e) < 0 ||
	    store_sweep(in->root, e) < 0 || remove_overrides(in, e) < 0)
		return -e->code;
	attempt_forget(in);
	(void)rmdir(versions);
	(void)unlink(lock);
	return 0;
}
