/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - the configuration of a canary, where kata-deploy has it.
 *
 * Below the folder of those of this installation (lib/host/candidate.h) is one for each handler.
 * One thread; the installer's lock is held.
 */
#include "deploy/candidate.h"

#include <string.h>

#include "lib/file.h"

int candidate_read(const struct offer *o, const struct settings *s, const struct edit *planned,
		   struct candidate *ret_candidate, struct error *e)
{
	_free_ char *dir = xasprintf("%s/%s/", s->etc, o->handler);
	_candidate_ struct candidate c = { 0 };

	if (strcmp(o->config_path, o->delivered) != 0 &&
	    candidate_add(&c, dir, planned, o->launcher, e) < 0)
		return -e->code;
	*ret_candidate = c;
	c = (struct candidate){ 0 };
	return 0;
}

int candidate_write(const struct candidate *c, const struct offer *o, const struct settings *s,
		    char **ret_path, struct error *e)
{
	_free_ char *all = candidate_folder(s->etc, &s->owner);
	_free_ char *dir = path_join(all, o->handler);

	if (candidate_put(c, dir, e) < 0)
		return -e->code;
	*ret_path = path_join(dir, path_base(o->config_path));
	return 0;
}
