/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin - find the release that is asked for.
 *
 * `--from` names one place for one run; a mirror is where all runs look that name none.  A mirror
 * without an index is none, but a URL of an archive may be of any server: then the whole comes at
 * once, and what it is it says itself, as a file would.  One thread; blocks.
 */
#include "manager/origin.h"

#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/host/store.h"
#include "lib/http/url.h"
#include "manager/known.h"
#include "manager/trust.h"

#define MIRROR_VARIABLE "KATA_MANAGER_MIRROR"
#define CA_VARIABLE     "KATA_MANAGER_CA_FILE"
#define ARCHIVE_END     ".tar.zst"
#define CACHE           "/var/cache/kata-manager"

/* Where distributions keep the certificates that they trust. */
static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Gentoo */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",                  /* Alpine */
};

static const char *from_environment(const char *option, const char *variable)
{
	const char *value = option ? option : getenv(variable);

	return str_empty(value) ? NULL : value;
}

static const char *choose_ca(const struct options *o)
{
	const char *file = from_environment(o->ca_file, CA_VARIABLE);

	if (!file)
		file = from_environment(NULL, "SSL_CERT_FILE");
	for (size_t i = 0; !file && i < ARRAY_SIZE(ca_files); i++)
		if (file_exists(ca_files[i]))
			file = ca_files[i];
	return file;
}

static bool is_mirror_folder(const char *from)
{
	_free_ char *index = path_join(from, CATALOG_NAME);

	return file_exists(index);
}

/* ---- a mirror ---- */

/* Splits "https://a.example/kata/NAME.tar.zst"; NULL: it is no URL of an archive. */
static char *split_archive(const char *from, char **ret_name)
{
	const char *slash = strrchr(from, '/');

	if (!url_is(from) || !slash || !str_ends(from, ARCHIVE_END) ||
	    strpbrk(slash, "?#%") != NULL)
		return NULL;
	*ret_name = xstrdup(slash + 1);
	return xstrndup(from, (size_t)(slash - from));
}

static int open_mirror(struct machine *k, const struct options *o, const char *from,
		       struct error *e)
{
	const struct mirror_place place = { .from = from, .ca_file = choose_ca(o) };

	return mirror_open(&place, &k->mirror, e);
}

/* Two mirrors may be at different points, so this is no reason to refuse one. */
static void tell_age(const struct machine *k)
{
	_catalog_ struct catalog known = { 0 };

	known_read(k, &known);
	if (k->catalog.serial < known.serial)
		view_say("warning: the index of '%s' has number %" PRIu64 ", and %" PRIu64
			 " was seen: it may lack what was withdrawn since",
			 mirror_name(k->mirror), k->catalog.serial, known.serial);
}

static int read_index(struct machine *k, const struct options *o, const struct cancel *cancel,
		      struct error *e)
{
	_free_ char *text = NULL, *signature = NULL;

	if (mirror_index(k->mirror, cancel, &text, &signature, e) < 0)
		return -e->code;
	if (trust_index(k, o, text, signature, e) < 0 ||
	    catalog_parse(text, strlen(text), mirror_name(k->mirror), &k->catalog, e) < 0)
		return fail_wrap(e, "mirror '%s'", mirror_name(k->mirror));
	tell_age(k);
	if (!o->takes_unsigned)
		k->index = TAKE_PTR(text);
	return 0;
}

static int find_archive(const struct catalog *c, const char *name,
			const struct catalog_release **ret_release, struct error *e)
{
	for (size_t i = 0; i < c->n_releases; i++)
		if (strcmp(c->releases[i].archive.name, name) == 0) {
			*ret_release = &c->releases[i];
			return 0;
		}
	return fail(e, ENOENT, "the mirror's index has no archive '%s'", name);
}

static int choose_release(const struct machine *k, const struct options *o, const char *archive,
			  const struct catalog_release **ret_release, struct error *e)
{
	struct utsname host = { 0 };

	(void)uname(&host);
	return archive ? find_archive(&k->catalog, archive, ret_release, e)
		       : catalog_find(&k->catalog, o->arguments[1], host.machine, ret_release, e);
}

static int open_release(struct machine *k, const struct options *o,
			const struct catalog_release *release, const struct cancel *cancel,
			struct error *e)
{
	const struct download_spec spec = {
		.mirror = k->mirror,
		.release = release,
		.cache = o->cache ? o->cache : CACHE,
		.cancel = cancel,
	};

	if (download_open(&spec, &k->download, e) < 0 ||
	    download_manifest(k->download, &k->release, e) < 0)
		return -e->code;
	str_set(&k->archive, download_path(k->download));
	return machine_want_release(k, e);
}

static int want_of_mirror(struct machine *k, const struct options *o, const char *from,
			  const struct cancel *cancel, struct error *e)
{
	_free_ char *archive = NULL;
	_free_ char *base = split_archive(from, &archive);
	const struct catalog_release *release = NULL;
	struct catalog_release unknown = { .archive = { .name = archive } };

	if (open_mirror(k, o, base ? base : from, e) < 0)
		return -e->code;
	if (read_index(k, o, cancel, e) >= 0)
		return choose_release(k, o, archive, &release, e) < 0
			       ? -e->code
			       : open_release(k, o, release, cancel, e);
	if (e->code != ENOENT || !archive)
		return -e->code;
	return open_release(k, o, &unknown, cancel, e);
}

/* ---- any ---- */

static const char *mirror_of(const struct options *o)
{
	return from_environment(o->mirror, MIRROR_VARIABLE);
}

bool origin_is_named(const struct options *o)
{
	return o->from || mirror_of(o);
}

/* The one of VERSION in a folder of several; NULL: FROM is the place itself. */
static char *of_version(const char *from, const char *version)
{
	_free_ char *escaped = version ? path_escape(version) : NULL;
	_free_ char *names = version ? xasprintf("kata-static-%s-*" ARCHIVE_END, escaped) : NULL;
	_free_ char *pattern = version ? path_pattern(from, names) : NULL;
	char *path = NULL;
	glob_t found;

	if (pattern && glob(pattern, 0, NULL, &found) == 0) {
		path = found.gl_pathc == 1 ? xstrdup(found.gl_pathv[0]) : NULL;
		globfree(&found);
	}
	return path;
}

static int want_of_file(struct machine *k, const char *from, const char *version, struct error *e)
{
	_free_ char *path = of_version(from, version);

	return machine_want_archive(k, path ? path : from, e);
}

static int check_version(const struct machine *k, const char *version, struct error *e)
{
	if (!version || str_equal(version, k->release.version) || str_equal(version, k->folder))
		return 0;
	return fail(e, ENOENT, "'%s' is release %s, not %s", k->archive, k->folder, version);
}

int origin_want(struct machine *k, const struct options *o, const struct cancel *cancel,
		struct error *e)
{
	const char *from = o->from ? o->from : mirror_of(o);

	if (url_is(from) || is_mirror_folder(from) || !o->from) {
		if (want_of_mirror(k, o, from, cancel, e) < 0)
			return -e->code;
	} else if (want_of_file(k, from, o->arguments[1], e) < 0) {
		return -e->code;
	}
	return check_version(k, o->arguments[1], e);
}

int origin_look(struct machine *k, const struct options *o, const struct cancel *cancel,
		struct error *e)
{
	const char *from = o->from ? o->from : mirror_of(o);

	return open_mirror(k, o, from, e) < 0 ? -e->code : read_index(k, o, cancel, e);
}

void origin_clear(void)
{
	glob_t found;

	if (glob(CACHE "/*" ARCHIVE_END, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	(void)rmdir(CACHE);
}
