/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known - remember which versions a mirror withdrew.
 *
 * A version that is withdrawn is not to come back by going back, and its sandboxes are stale, also
 * when no mirror can be asked.  Only an index whose signature was found right is kept, and not one
 * that is older than what is known: whoever has but an old one to show would have withdrawn nothing
 * of late.  Where another key is pinned its numbers begin anew.  One thread; may block.
 */
#include "manager/known.h"

#include <string.h>
#include <unistd.h>

#include "lib/file.h"

static char *path_of(const char *root)
{
	return path_join(root, CATALOG_NAME);
}

void known_read(const struct machine *k, struct catalog *ret_catalog)
{
	_free_ char *path = path_of(k->root);
	_free_ char *text = NULL;
	struct error e;
	size_t len;

	*ret_catalog = (struct catalog){ 0 };
	if (file_read(path, CATALOG_MAX, &text, &len, &e) >= 0 &&
	    catalog_parse(text, len, path, ret_catalog, &e) >= 0)
		return;
	if (e.code != ENOENT)
		view_say("warning: %s", e.msg);
}

static bool is_older(const struct machine *k)
{
	_catalog_ struct catalog known = { 0 };

	known_read(k, &known);
	return k->catalog.serial < known.serial;
}

void known_keep(const struct machine *k)
{
	_free_ char *path = path_of(k->root);
	struct error e;

	if (!k->index || (!k->pin && is_older(k)))
		return;
	if (file_replace(path, k->index, strlen(k->index), 0644, &e) < 0)
		view_say("warning: %s", e.msg);
}

void known_forget(const char *root)
{
	_free_ char *path = path_of(root);

	(void)unlink(path);
}
