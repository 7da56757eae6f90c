/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog - the lists of a mirror: which releases there are, and of what pieces.
 *
 * They come from a stranger, and are read once their signature, or the digest that something signed
 * has of them, was found right; still every field is checked and every number bounded.  A name has
 * no slash, so it leads nowhere but into the mirror.  Lines of a kind that is not known are passed
 * over: a later mirror may say more.  Any thread.
 */
#include "lib/host/catalog.h"

#include <ctype.h>
#include <string.h>

#include "lib/host/listing.h"
#include "lib/host/stale.h"

#define RELEASES_MAX 4096
#define NOTES_MAX    1024
#define NAME_LEN_MAX 128
#define TEXT_LEN_MAX 400
#define FILE_MAX     (4 * GIB)
#define LIST_MAX     4200 /* frames: a file of a release each, and the end */
#define PATH_LEN_MAX 255

/* ---- the index ---- */

static int take_file(struct catalog_file *f, const char *size, const char *sha256, const char *name,
		     uint64_t max, struct error *e)
{
	if (parse_u64(size, "size", max, &f->size, e) < 0 ||
	    check_id(name, "name", NAME_LEN_MAX, e) < 0)
		return -e->code;
	if (!listing_is_sha256(sha256))
		return fail(e, EINVAL, "'%.80s' is no SHA-256", sha256);
	memcpy(f->sha256, sha256, SHA256_HEX + 1);
	f->name = xstrdup(name);
	return 0;
}

static int on_serial(void *to, const struct listing_line *line, struct error *e)
{
	struct catalog *c = to;

	return parse_u64(line->fields[1], "serial", UINT64_MAX, &c->serial, e);
}

static int on_release(void *to, const struct listing_line *line, struct error *e)
{
	struct catalog *c = to;
	struct catalog_release *r;

	if (check_id(line->fields[1], "version", 64, e) < 0 ||
	    check_id(line->fields[2], "architecture", 64, e) < 0)
		return -e->code;
	if (!listing_is_sha256(line->fields[3]))
		return fail(e, EINVAL, "'%.80s' is no SHA-256", line->fields[3]);
	if (c->n_releases >= RELEASES_MAX)
		return fail(e, E2BIG, "more than %d releases", RELEASES_MAX);
	c->releases = xrealloc(c->releases, c->n_releases + 1, sizeof(*c->releases));
	r = &c->releases[c->n_releases++];
	*r = (struct catalog_release){ .version = xstrdup(line->fields[1]),
				       .arch = xstrdup(line->fields[2]) };
	memcpy(r->digest, line->fields[3], SHA256_HEX + 1);
	return take_file(&r->archive, line->fields[4], line->fields[5], line->fields[6], FILE_MAX,
			 e);
}

/* Of the release before. */
static int on_frames(void *to, const struct listing_line *line, struct error *e)
{
	struct catalog *c = to;
	struct catalog_release *r = c->n_releases ? &c->releases[c->n_releases - 1] : NULL;

	if (!r || r->frames.name)
		return fail(e, EINVAL, "frames of no release, or a second time");
	return take_file(&r->frames, line->fields[1], line->fields[2], line->fields[3], FRAMES_MAX,
			 e);
}

/* As lists of withdrawn versions are, whose parts no terminal obeys. */
static int add_note(strv *notes, const struct listing_line *line, struct error *e)
{
	_free_ char *note = NULL;

	if (check_id(line->fields[1], "version", 80, e) < 0)
		return -e->code;
	if (strlen(line->fields[2]) > TEXT_LEN_MAX || strv_len(*notes) >= NOTES_MAX)
		return fail(e, E2BIG, "a text of more than %d bytes, or more than %d of them",
			    TEXT_LEN_MAX, NOTES_MAX);
	note = xasprintf("%s=%s", line->fields[1], line->fields[2]);
	str_make_printable(note);
	utf8_repair(note);
	strv_add(notes, note);
	return 0;
}

static int on_withdrawn(void *to, const struct listing_line *line, struct error *e)
{
	return add_note(&((struct catalog *)to)->withdrawn, line, e);
}

static int on_advisory(void *to, const struct listing_line *line, struct error *e)
{
	return add_note(&((struct catalog *)to)->advisories, line, e);
}

static const struct listing_kind index_kinds[] = {
	{ "serial", 2, false, on_serial },    { "release", 7, false, on_release },
	{ "frames", 4, false, on_frames },    { "withdrawn", 3, true, on_withdrawn },
	{ "advisory", 3, true, on_advisory },
};

static const struct listing_form index_form = {
	.header = "kata-index 1",
	.max = CATALOG_MAX,
	.kinds = index_kinds,
	.n_kinds = ARRAY_SIZE(index_kinds),
	.others = OTHERS_PASSED_OVER,
};

int catalog_parse(const char *text, size_t len, const char *name, struct catalog *ret_catalog,
		  struct error *e)
{
	_catalog_ struct catalog c = { 0 };
	char digest[SHA256_HEX + 1];

	if (listing_parse(&index_form, text, len, &c, digest, e) < 0)
		return fail_wrap(e, "index '%s'", name);
	*ret_catalog = c;
	c = (struct catalog){ 0 };
	return 0;
}

void catalog_done(struct catalog *c)
{
	for (size_t i = 0; i < c->n_releases; i++) {
		free(c->releases[i].version);
		free(c->releases[i].arch);
		free(c->releases[i].archive.name);
		free(c->releases[i].frames.name);
	}
	free(c->releases);
	strv_free(c->withdrawn);
	strv_free(c->advisories);
	*c = (struct catalog){ 0 };
}

char *catalog_folder(const struct catalog_release *r)
{
	return xasprintf("%s-%.12s", r->version, r->digest);
}

/* The digits at *S as a number without leading zeros, which *S is moved behind. */
static size_t take_number(const char **s, const char **ret_digits)
{
	size_t len;

	while (**s == '0' && isdigit((unsigned char)(*s)[1]))
		++*s;
	*ret_digits = *s;
	len = strspn(*s, "0123456789");
	*s += len;
	return len;
}

static int compare_numbers(const char **a, const char **b)
{
	const char *left, *right;
	size_t left_len = take_number(a, &left), right_len = take_number(b, &right);

	if (left_len != right_len)
		return left_len < right_len ? -1 : 1;
	return memcmp(left, right, left_len);
}

/* What a version goes on with: a mark of one that comes before it sorts first. */
static int rank(char c)
{
	return c == '-' ? 0 : c == '\0' ? 1 : 1 + (unsigned char)c;
}

int catalog_compare(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			int r = compare_numbers(&a, &b);

			if (r != 0)
				return r;
			continue;
		}
		if (*a != *b)
			return rank(*a) - rank(*b);
		a++;
		b++;
	}
	return 0;
}

static bool is_named(const struct catalog_release *r, const char *version)
{
	_free_ char *folder = catalog_folder(r);

	return str_equal(version, r->version) || str_equal(version, folder);
}

/* One that is named is taken whatever is said of it: that is for the caller to ask. */
static bool is_wanted(const struct catalog *c, const struct catalog_release *r, const char *version)
{
	_free_ char *folder = catalog_folder(r);
	const char *reason;

	return version ? is_named(r, version) : !stale_is_withdrawn(c->withdrawn, folder, &reason);
}

int catalog_find(const struct catalog *c, const char *version, const char *arch,
		 const struct catalog_release **ret_release, struct error *e)
{
	const struct catalog_release *best = NULL;

	for (size_t i = 0; i < c->n_releases; i++) {
		const struct catalog_release *r = &c->releases[i];

		if (strcmp(r->arch, arch) != 0 || !is_wanted(c, r, version))
			continue;
		/* Of two with one version the later line counts. */
		if (!best || catalog_compare(r->version, best->version) >= 0)
			best = r;
	}
	if (!best)
		return fail(e, ENOENT, "the mirror has no release%s%s for %s that could be taken",
			    version ? " " : "", version ? version : "", arch);
	*ret_release = best;
	return 0;
}

/* ---- frames ---- */

static int check_path(const char *path, struct error *e)
{
	size_t len = strlen(path);

	for (const char *c = path; *c; c++)
		if (!isgraph((unsigned char)*c))
			return fail(e, EINVAL, "path '%.64s' has a forbidden character", path);
	return len > 0 && len <= PATH_LEN_MAX
		       ? 0
		       : fail(e, EINVAL, "path '%.64s' is empty or longer than %d bytes", path,
			      PATH_LEN_MAX);
}

static int on_frame(void *to, const struct listing_line *line, struct error *e)
{
	struct frames *f = to;
	struct frame *frame;
	uint64_t size;

	if (parse_u64(line->fields[1], "size", FILE_MAX, &size, e) < 0 ||
	    check_path(line->fields[3], e) < 0)
		return -e->code;
	if (size == 0 || size > FILE_MAX - f->size || f->n >= LIST_MAX)
		return fail(e, EINVAL, "an empty frame, too many, or too large");
	if (!listing_is_sha256(line->fields[2]))
		return fail(e, EINVAL, "'%.80s' is no SHA-256", line->fields[2]);
	f->list = xrealloc(f->list, f->n + 1, sizeof(*f->list));
	frame = &f->list[f->n++];
	*frame = (struct frame){ .offset = f->size, .size = size };
	memcpy(frame->sha256, line->fields[2], SHA256_HEX + 1);
	if (strcmp(line->fields[3], "-") != 0)
		frame->path = xstrdup(line->fields[3]);
	f->size += size;
	return 0;
}

static const struct listing_kind frame_kinds[] = {
	{ "frame", 4, false, on_frame },
};

static const struct listing_form frames_form = {
	.header = "kata-frames 1",
	.max = FRAMES_MAX,
	.kinds = frame_kinds,
	.n_kinds = ARRAY_SIZE(frame_kinds),
	.others = OTHERS_PASSED_OVER,
};

static int check_frames(const struct frames *f, struct error *e)
{
	if (f->n < 2 || !f->list[0].path || strcmp(f->list[0].path, "MANIFEST") != 0)
		return fail(e, EINVAL, "the first frame is not that of MANIFEST");
	for (size_t i = 0; i < f->n; i++)
		if ((f->list[i].path == NULL) != (i + 1 == f->n))
			return fail(e, EINVAL, "not the last frame, and it alone, is the end");
	return 0;
}

int frames_parse(const char *text, size_t len, const char *name, struct frames *ret_frames,
		 struct error *e)
{
	_frames_ struct frames f = { 0 };
	char digest[SHA256_HEX + 1];

	if (listing_parse(&frames_form, text, len, &f, digest, e) < 0 || check_frames(&f, e) < 0)
		return fail_wrap(e, "list of frames '%s'", name);
	*ret_frames = f;
	f = (struct frames){ 0 };
	return 0;
}

void frames_done(struct frames *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->list[i].path);
	free(f->list);
	*f = (struct frames){ 0 };
}

const struct frame *frames_find(const struct frames *f, const char *path)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_equal(f->list[i].path, path))
			return &f->list[i];
	return NULL;
}
