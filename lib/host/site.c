/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - what the steps of every installer share, see site.h.
 *
 * Half of an installation gone, handlers that lead to it would be worse than none: a removal goes
 * from what leads to a version to the versions, and the next one goes on where it ended.  One
 * thread; may block.
 */
#include "lib/host/site.h"

#include <unistd.h>

#include "lib/file.h"
#include "lib/host/candidate.h"
#include "lib/host/envoy.h"
#include "lib/host/live.h"
#include "lib/host/proven.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"
#include "lib/host/unused.h"

struct site site_of(const void *context)
{
	return ((const struct site_context *)context)->look(context);
}

int site_edit(void *context, const struct edit *edit, struct error *e)
{
	if (edit_apply(edit, e) < 0) {
		if (e->code == EAGAIN)
			e->code = ESTALE;
		return -e->code;
	}
	((struct site_context *)context)->writes += edit_changes(edit);
	return 0;
}

bool site_has_rest(const struct site *s, struct change *c)
{
	const struct {
		bool is_there;
		const char *where;
		const char *why;
	} rests[] = {
		{ candidate_has_rest(s->etc, s->owner), s->etc,
		  "a crash left the configuration of a canary" },
		{ store_has_rest(s->way.root), s->way.root,
		  "a crash left half a version, or half a file" },
		{ s->runner && envoy_has_rest(s->runner), s->runner ? s->runner->socket : "",
		  "a crash left what a canary, or something run on the node, had" },
	};
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		if (rests[i].is_there && c)
			change_add(c, EFFECT_REMOVAL, rests[i].where, rests[i].why);
		found |= rests[i].is_there;
	}
	return found;
}

int site_sweep(const struct site *s, struct error *e)
{
	return store_sweep(s->way.root, e) < 0 ? -e->code : candidate_clear(s->etc, s->owner, e);
}

int site_remove(const struct site *s, struct error *e)
{
	const char *root = s->way.root;

	if (store_unlink(root, e) < 0 || store_switch(root, NULL, e) < 0 ||
	    store_mark(root, STORE_PREVIOUS, NULL, e) < 0 ||
	    store_mark(root, STORE_HELD, NULL, e) < 0 ||
	    unused_remove(root, LIVE_RECORDS, s->scope, NULL, NULL, e) < 0 ||
	    site_sweep(s, e) < 0 || (!s->keeps_pin && trust_pin(root, NULL, e) < 0))
		return -e->code;
	return proven_forget(root, e);
}

void site_leave(const struct site *s)
{
	_free_ char *versions = path_join(s->way.root, "versions");
	_free_ char *lock = path_join(s->way.root, ".lock");
	_free_ char *aside = path_join(s->way.root, JOURNAL_ASIDE);
	struct error ignored;

	(void)unlink(lock);
	(void)unlink(aside);
	/* A power cut brings nothing back that nobody would look for any more. */
	if (file_sync_parent(versions, &ignored) >= 0)
		(void)rmdir(versions);
}
