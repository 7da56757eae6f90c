/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unused - wait until nothing uses the installation that is to be removed.
 *
 * The containers of a deleted pod stay in containerd until the kubelet collects them, up to a
 * minute later, and their shim is needed for that: a removal right after the last pod was deleted
 * is the usual case and waits.  What runs is not ours to end, and may run for years: it gets the
 * time a pod takes to end, then the removal gives up and everything that a sandbox needs stays. One
 * thread.
 */
#include "lib/host/unused.h"

#include <inttypes.h>

#include "lib/file.h"
#include "lib/host/plan.h"
#include "lib/host/store.h"
#include "lib/log.h"

#define SAY_MS (15 * UINT64_C(1000))

int unused_fail(const struct live *l, const char *remedy, struct error *e)
{
	_free_ char *text = live_text(l);

	return fail(e, EBUSY,
		    "%s still use this installation: handlers and files stay.  End them, then %s",
		    text, remedy);
}

static void say(const struct live *l, uint64_t left_ms)
{
	_free_ char *text = live_text(l);

	log_info("waiting for %s to leave containerd, at most %" PRIu64 " s more", text,
		 left_ms / 1000);
}

static uint64_t limit_ms(const struct unused *u, const struct live *l)
{
	return l->running > 0 ? u->running_ms : u->wait_ms;
}

int unused_wait(const struct unused *u, struct error *e)
{
	uint64_t began_ms = now_ms();
	uint64_t say_ms = began_ms;
	struct error wait;

	for (;;) {
		_live_ struct live l = { 0 };
		int r = u->look(u->arg, &l, e);
		uint64_t now = now_ms();
		uint64_t end_ms = began_ms + limit_ms(u, &l);

		if (r >= 0 && !live_is_used(&l))
			return 0;
		if (now >= end_ms)
			return r < 0 ? r : unused_fail(&l, u->remedy, e);
		if (r >= 0 && now >= say_ms) {
			say(&l, end_ms - now);
			say_ms = now + SAY_MS;
		}
		if (wait_pause(u->poll_ms, "waiting for pods to leave", NO_DEADLINE, u->cancel,
			       &wait) < 0) {
			*e = wait;
			return -e->code;
		}
	}
}

/* By name, which has a digest in it: a shim records the path that its file really has, and /opt is
 * a link on some systems. */
void unused_folders(char *const *all, char *const *used, char *const *keep, strv *ret_folders)
{
	_strv_ strv names = NULL;

	for (; used && *used; used++)
		strv_add(&names, path_base(*used));
	for (; all && *all; all++)
		if (!strv_contains(keep, *all) && !strv_contains(names, *all))
			strv_add(ret_folders, *all);
}

int unused_versions(const char *root, const char *records, const struct scope *scope,
		    char *const *keep, strv *ret_folders, struct error *e)
{
	_strv_ strv all = NULL;
	_strv_ strv used = NULL;
	int r = live_versions(records, scope, &used, e);

	if (r >= 0)
		r = store_list(root, &all, e);
	if (r < 0)
		return r;
	unused_folders(all, used, keep, ret_folders);
	return 0;
}

int unused_remove(const char *root, const char *records, const struct scope *scope,
		  char *const *keep, const struct change *only, struct error *e)
{
	_strv_ strv folders = NULL;
	int r = unused_versions(root, records, scope, keep, &folders, e);

	for (char **folder = folders; r >= 0 && folder && *folder; folder++) {
		if (only && !change_has(only, EFFECT_REMOVAL, *folder))
			continue;
		log_info("removing version '%s'", *folder);
		r = store_remove(root, *folder, e);
	}
	return r;
}
