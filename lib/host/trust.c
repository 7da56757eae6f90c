/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - the keys of a machine, from the first on.
 *
 * A key comes from who sets the machine up, never with a release.  What is pinned outlives the
 * setting that brought it: who can only change what is installed, not the machine, cannot leave the
 * signature out either.  To follow one key by another takes a signature of the old one; to begin
 * anew takes removing the file, which takes being root there.  The signature covers MANIFEST, whose
 * digests cover everything else.  One thread; may block.
 */
#include "lib/host/trust.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/sign.h"

#define KEYS_MAX 64
#define FILE_MAX (KEYS_MAX * 128)

static char *pin_path(const char *root)
{
	return path_join(root, TRUST_FILE);
}

int trust_pinned(const char *root, char **ret_text, struct error *e)
{
	_free_ char *path = pin_path(root);

	*ret_text = NULL;
	if (file_read(path, FILE_MAX, ret_text, NULL, e) < 0 && e->code != ENOENT)
		return -e->code;
	return 0;
}

int trust_pin(const char *root, const char *text, struct error *e)
{
	_free_ char *path = pin_path(root);

	if (text)
		return dir_make(root, 0755, e) < 0
			       ? -e->code
			       : file_replace(path, text, strlen(text), 0644, e);
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cannot remove '%s': %m", path);
	return file_sync_parent(path, e);
}

void trust_assess(const char *root, const char *pin, struct change *ret_change)
{
	_free_ char *path = pin_path(root);

	if (pin)
		change_add(ret_change, EFFECT_FILE, path, "another key is trusted, or the first");
	change_set_aside(ret_change);
}

int trust_save(const char *root, struct json_object *data, struct error *e)
{
	_free_ char *text = NULL;

	if (trust_pinned(root, &text, e) < 0)
		return -e->code;
	if (text)
		json_set_str(data, "keys", text);
	return 0;
}

int trust_undo(const char *root, struct json_object *data, struct error *e)
{
	return trust_pin(root, json_get_str(data, "keys"), e);
}

static int read_keys(const char *root, strv *ret_lines, struct error *e)
{
	_free_ char *text = NULL;

	if (trust_pinned(root, &text, e) < 0)
		return -e->code;
	*ret_lines = text ? strv_split(text, "\n") : NULL;
	return 0;
}

static int check_rotation(const struct trust *t, const struct sign_key *given,
			  const struct sign_key *pinned, struct error *e)
{
	_free_ char *comment = NULL;

	if (str_empty(t->rotation))
		return fail(e, EKEYREJECTED,
			    "key %s is not the trusted one, %s, and no signature of that says that "
			    "it follows it ('%s/" TRUST_FILE "' has the trusted one)",
			    sign_key_name(given).s, sign_key_name(pinned).s, t->root);
	if (sign_check(pinned, t->key, strlen(t->key), t->rotation, "the new key", &comment, e) < 0)
		return fail_wrap(e, "changing the trusted key");
	return 0;
}

/* *KEY becomes the key that releases are signed with; PINNED are the lines of the file.  1 if there
 * is one, 0 if not. */
static int find_key(const struct trust *t, strv pinned, struct sign_key *key, char **ret_pin,
		    struct error *e)
{
	struct sign_key old;
	_free_ char *line = NULL, *rest = strv_join(pinned, "\n");

	if (pinned && sign_key_parse(pinned[0], TRUST_FILE, &old, e) < 0)
		return -e->code;
	if (str_empty(t->key)) {
		if (pinned)
			*key = old;
		return pinned != NULL;
	}
	if (sign_key_parse(t->key, "to be trusted", key, e) < 0)
		return -e->code;
	if (pinned && sign_key_equal(&old, key))
		return 1;
	if (pinned && check_rotation(t, key, &old, e) < 0)
		return -e->code;
	if (strv_len(pinned) >= KEYS_MAX)
		return fail(e, E2BIG,
			    "the trusted key was changed %d times; remove lines of "
			    "'%s/" TRUST_FILE "' from below",
			    KEYS_MAX, t->root);
	line = sign_key_text(key);
	*ret_pin = xasprintf("%s\n%s%s", line, rest, pinned ? "\n" : "");
	return 1;
}

static int check_manifest(const struct sign_key *key, const struct manifest *m, char **ret_comment,
			  struct error *e)
{
	_free_ char *folder = manifest_folder(m);

	if (!m->signature)
		return fail(e, ENOKEY,
			    "release '%s' is not signed, but key %s is trusted: take one that is, "
			    "or say that unsigned ones are taken",
			    folder, sign_key_name(key).s);
	if (sign_check(key, m->text, strlen(m->text), m->signature, MANIFEST_NAME, ret_comment, e) <
	    0)
		return fail_wrap(e, "release '%s'", folder);
	return 0;
}

/* The key that counts.  1 if there is one, 0 if nothing has to be signed. */
static int choose_key(const struct trust *t, struct sign_key *key, char **ret_pin, struct error *e)
{
	_strv_ strv pinned = NULL;
	int r;

	if (t->not_signed == UNSIGNED_TAKEN)
		return 0;
	if (read_keys(t->root, &pinned, e) < 0)
		return -e->code;
	r = find_key(t, pinned, key, ret_pin, e);
	if (r == 0 && t->not_signed == UNSIGNED_NEVER)
		r = fail(e, ENOKEY, "no key of releases is trusted in '%s', and none is given",
			 t->root);
	return r;
}

int trust_check(const struct trust *t, const struct manifest *m, char **ret_pin, struct error *e)
{
	_free_ char *pin = NULL, *comment = NULL;
	struct sign_key key;
	int r;

	*ret_pin = NULL;
	r = choose_key(t, &key, &pin, e);
	if (r <= 0 || check_manifest(&key, m, &comment, e) < 0)
		return r <= 0 ? r : -e->code;
	*ret_pin = TAKE_PTR(pin);
	return 0;
}

int trust_check_text(const struct trust *t, const char *text, const char *signature,
		     const char *name, struct error *e)
{
	_free_ char *pin = NULL, *comment = NULL;
	struct sign_key key;
	int r = choose_key(t, &key, &pin, e);

	if (r <= 0)
		return r;
	if (!signature)
		return fail(e, ENOKEY, "'%s' is not signed, but key %s is trusted", name,
			    sign_key_name(&key).s);
	return sign_check(&key, text, strlen(text), signature, name, &comment, e) < 0 ? -e->code
										      : 0;
}

int trust_whose(const char *root, const struct manifest *m, char **ret_who, struct error *e)
{
	_strv_ strv pinned = NULL;
	struct sign_key key;

	if (read_keys(root, &pinned, e) < 0)
		return -e->code;
	(void)fail(e, ENOKEY, "no key is trusted on this machine");
	for (char **line = pinned; line && *line; line++) {
		_free_ char *comment = NULL;

		if (sign_key_parse(*line, TRUST_FILE, &key, e) < 0)
			return -e->code;
		if (check_manifest(&key, m, &comment, e) < 0)
			continue;
		*ret_who = xasprintf("key %s%s: %s", sign_key_name(&key).s,
				     line == pinned ? "" : ", no longer the newest", comment);
		return 0;
	}
	return -e->code;
}
