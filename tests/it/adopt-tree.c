/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt-tree - the part of an adoption that moves files, without a cluster.
 *
 * Arguments: ROOT, and one of
 *
 *  - take VERSION: move what is upstream's aside and make that version of ours current;
 *
 *  - return: take ours off the known paths and put upstream's back.
 *
 * Exit status 0, or 1 with the reason.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/adopt.h"
#include "lib/host/store.h"

static int take(const char *root, const char *version, struct error *e)
{
	_json_ struct json_object *record = json_object_new_object();
	_adoptable_ struct adoptable found = { 0 };
	enum adopt_kind kind;

	if (adopt_look(root, &kind, &found, e) < 0)
		return -e->code;
	if (kind != ADOPT_UPSTREAM)
		return fail(e, EINVAL, "'%s' is not recognised as upstream's", root);
	if (adopt_take(root, &found, record, e) < 0 || store_link(root, e) < 0)
		return -e->code;
	return store_switch(root, version, e);
}

static int give_back(const char *root, struct error *e)
{
	_json_ struct json_object *record = NULL;

	if (store_switch(root, NULL, e) < 0 || store_unlink(root, e) < 0 ||
	    adopt_record(root, &record, e) < 0 || adopt_return(root, e) < 0)
		return -e->code;
	return adopt_forget(root, json_get_str(record, "folder"), e);
}

int main(int argc, char **argv)
{
	struct error e;
	int r;

	if (argc == 4 && strcmp(argv[2], "take") == 0)
		r = take(argv[1], argv[3], &e);
	else if (argc == 3 && strcmp(argv[2], "return") == 0)
		r = give_back(argv[1], &e);
	else
		r = fail(&e, EINVAL, "ROOT take VERSION | ROOT return");
	if (r >= 0)
		return 0;
	(void)fprintf(stderr, "%s\n", e.msg);
	return 1;
}
