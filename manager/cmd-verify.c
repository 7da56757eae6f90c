/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-verify - read every file of the installed versions again, and who signed them.
 *
 * Without a key that is trusted nobody can have signed: that is told and no damage.
 */
#include "lib/argument.h"
#include "lib/file.h"
#include "lib/host/intact.h"
#include "lib/host/sign.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"
#include "manager/machine.h"
#include "manager/show.h"

static const struct column columns[] = {
	{ .title = "VERSION", .member = "version" },
	{ .title = "STATE", .member = "state" },
	{ .title = "SIGNED", .member = "signed" },
	{ .title = "DETAIL", .member = "detail" },
};

static const struct view view = {
	.kind = "VerificationList",
	.name_kind = "version",
	.name = "version",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

static int read_signed(const struct machine *k, const char *folder, struct manifest *ret_manifest,
		       struct error *e)
{
	_free_ char *path = xasprintf("%s/versions/%s/" MANIFEST_SIGNATURE, k->root, folder);
	int r = store_manifest(k->root, folder, ret_manifest, e);

	if (r >= 0 && file_exists(path))
		r = file_read(path, SIGN_TEXT_MAX, &ret_manifest->signature, NULL, e);
	return r;
}

/* Who signed it, in words; NULL with *e filled: nobody who is trusted. */
static char *who_signed(const struct machine *k, const char *folder, struct error *e)
{
	_manifest_ struct manifest m = { 0 };
	char *who = NULL;

	if (read_signed(k, folder, &m, e) < 0 || trust_whose(k->root, &m, &who, e) < 0)
		return NULL;
	return who;
}

/* Adds a row; false for one that is damaged or, where a key is trusted, of nobody's who is. */
static bool verify(const struct machine *k, const char *folder, bool has_key,
		   struct json_object *items)
{
	struct json_object *item = json_object_new_object();
	struct error why = { 0 }, no_signer = { 0 };
	bool is_whole = store_verify(k->root, folder, &why) >= 0;
	_free_ char *who = who_signed(k, folder, &no_signer);
	bool is_signed = who || !has_key;

	json_set_str(item, "version", folder);
	json_set_str(item, "state", is_whole ? is_signed ? "whole" : "untrusted" : "damaged");
	json_set_str(item, "signed", who);
	json_set_str(item, "detail", !is_whole ? why.msg : !is_signed ? no_signer.msg : NULL);
	(void)json_object_array_add(items, item);
	return is_whole && is_signed;
}

static int fail_unknown(const char *version, char *const *folders, const char *root,
			struct error *e)
{
	const char *nearest = argument_nearest(version, folders);

	if (nearest)
		return fail(e, ENOENT, "there is no version '%s' in '%s'; did you mean '%s'?",
			    version, root, nearest);
	return fail(e, ENOENT, "there is no version '%s' in '%s'; 'kata-manager list' has those",
		    version, root);
}

int cmd_verify(struct manager *m, struct error *e)
{
	const char *only = m->options->arguments[1];
	_json_ struct json_object *items = json_object_new_array();
	_machine_ struct machine k = { 0 };
	_strv_ strv folders = NULL;
	_free_ char *keys = NULL;
	bool is_whole = true;

	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	if (store_list(k.root, &folders, e) < 0 || trust_pinned(k.root, &keys, e) < 0)
		return -e->code;
	if (only && !strv_contains(folders, only))
		return fail_unknown(only, folders, k.root, e);
	for (char **f = folders; f && *f; f++)
		if (!only || str_equal(only, *f))
			is_whole &= verify(&k, *f, keys != NULL, items);
	return show(m, &view, items, e) < 0 ? -e->code : is_whole ? 0 : EXIT_FOUND;
}
