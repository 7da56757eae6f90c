/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - pin the key that releases are signed with (lib/host/trust.h).
 *
 * Whether this release may be installed was asked before anything of it was read (facts.c).  The
 * pin comes before the release, so that no moment has a signed version and no key; no sandbox
 * notices.
 */
#include "lib/host/trust.h"
#include "deploy/install.h"
#include "lib/file.h"
#include "lib/json.h"

static int assess(const void *context, const struct assessment *others, struct change *ret_change,
		  struct error *e)
{
	const struct facts *f = ((const struct install *)context)->facts;
	_free_ char *path = path_join(f->root, TRUST_FILE);

	(void)others;
	(void)e;
	if (f->pin)
		change_add(ret_change, EFFECT_FILE, path, "another key is trusted, or the first");
	change_set_aside(ret_change);
	return 0;
}

static int run(void *context, const struct change *change, struct error *e)
{
	struct install *in = context;

	(void)change;
	in->results.writes++;
	return trust_pin(in->facts->root, in->facts->pin, e);
}

static int save(const void *context, const struct change *change, struct json_object *data,
		struct error *e)
{
	const struct install *in = context;
	_free_ char *text = NULL;

	(void)change;
	if (trust_pinned(in->facts->root, &text, e) < 0)
		return -e->code;
	if (text)
		json_set_str(data, "keys", text);
	return 0;
}

static int undo(void *context, struct json_object *data, enum undo_reason reason, struct error *e)
{
	const struct install *in = context;

	(void)reason;
	return trust_pin(in->facts->root, json_get_str(data, "keys"), e);
}

const struct step step_trust = {
	.name = "trust",
	.purpose = "pin the key of releases",
	.assess = assess,
	.run = run,
	.save = save,
	.undo = undo,
};
