/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - whose releases this machine takes (lib/host/trust.h), and which versions it does not.
 *
 * A key comes from who sets the machine up: an option, a variable, or whoever packed this program;
 * never from beside the archive.  The packager's counts where none is pinned: it is no reason to
 * follow another one than the machine has.  Without a key nothing is taken, unless unsigned
 * releases are asked for by name.  One thread; may block.
 */
#include "manager/trust.h"

#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/sign.h"
#include "lib/host/trust.h"
#include "manager/known.h"

#define KEY_VARIABLE      "KATA_MANAGER_KEY"
#define ROTATION_VARIABLE "KATA_MANAGER_KEY_ROTATION"
#define WITHDRAWN         "KATA_WITHDRAWN"

static const char *choose(const char *option, const char *variable)
{
	return option ? option : getenv(variable);
}

/* VALUE is a text, or names a file with one; the text is kept byte for byte, as a signature covers
 * it so. */
static int read_text(const char *value, char **ret_text, struct error *e)
{
	if (str_empty(value))
		return 0;
	if (!strchr(value, '\n') && file_exists(value))
		return file_read(value, SIGN_TEXT_MAX, ret_text, NULL, e);
	*ret_text = xstrdup(value);
	return 0;
}

static int read_key(const struct machine *k, const struct options *o, char **ret_text,
		    struct error *e)
{
	_free_ char *pinned = NULL;

	if (read_text(choose(o->key, KEY_VARIABLE), ret_text, e) < 0 ||
	    trust_pinned(k->root, &pinned, e) < 0)
		return -e->code;
	if (!*ret_text && !pinned)
		*ret_text = xstrdup(KATA_RELEASE_KEY);
	return 0;
}

static int advise(const struct error *why, struct error *e)
{
	return fail(e, why->code, "%s%s", why->msg,
		    why->code != ENOKEY ? ""
					: " (--key names the key of who made it, "
					  "--insecure-unsigned takes it all the same)");
}

/* Asks CHECK by the keys of K and O. */
static int ask_by_keys(const struct machine *k, const struct options *o,
		       int (*check)(const struct trust *t, void *arg, struct error *e), void *arg,
		       struct error *e)
{
	_free_ char *key = NULL, *rotation = NULL;
	struct trust t = { .root = k->root, .not_signed = UNSIGNED_NEVER };
	struct error why;

	if (read_key(k, o, &key, e) < 0 ||
	    read_text(choose(o->rotation, ROTATION_VARIABLE), &rotation, e) < 0)
		return -e->code;
	t.key = key;
	t.rotation = rotation;
	return check(&t, arg, &why) < 0 ? advise(&why, e) : 0;
}

static int check_release(const struct trust *t, void *arg, struct error *e)
{
	struct machine *k = arg;

	return trust_check(t, &k->release, &k->pin, e);
}

int trust_release(struct machine *k, const struct options *o, struct error *e)
{
	if (!k->archive)
		return 0;
	if (o->takes_unsigned) {
		view_say("warning: nobody's signature is asked for");
		return 0;
	}
	return ask_by_keys(k, o, check_release, k, e);
}

struct signed_text {
	const char *text, *signature;
};

static int check_text(const struct trust *t, void *arg, struct error *e)
{
	const struct signed_text *s = arg;

	return trust_check_text(t, s->text, s->signature, CATALOG_NAME, e);
}

int trust_index(const struct machine *k, const struct options *o, const char *text,
		const char *signature, struct error *e)
{
	struct signed_text s = { text, signature };

	return o->takes_unsigned ? 0 : ask_by_keys(k, o, check_text, &s, e);
}

int trust_parts(struct machine *k, struct error *e)
{
	const struct trust t = { .root = k->root, .not_signed = UNSIGNED_REFUSED };

	return k->archive ? trust_check(&t, &k->release, &k->pin, e) : 0;
}

strv trust_withdrawn(const struct machine *k)
{
	const char *list = getenv(WITHDRAWN);
	strv all = str_empty(list) ? NULL : strv_split(list, ", \t\n");
	_catalog_ struct catalog known = { 0 };

	known_read(k, &known);
	strv_add_all(&all, k->catalog.withdrawn);
	/* One that is older, or that nobody signed, takes nothing back that was heard. */
	if (!k->index || k->catalog.serial < known.serial)
		strv_add_all(&all, known.withdrawn);
	return all;
}

int trust_version(const struct machine *k, const struct options *o, struct error *e)
{
	const struct transition t = machine_transition(k);
	_strv_ strv withdrawn = trust_withdrawn(k);

	if (o->takes_withdrawn)
		return 0;
	return transition_refuse_withdrawn(&t, withdrawn, "--allow-withdrawn", e);
}
