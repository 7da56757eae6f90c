/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest - the list of what is in a release, and the name it gives the release.
 *
 * The digest covers every line, so two releases have the same digest only if they are the same
 * bytes; twelve of its digits are part of the folder's name.  The manifest comes from an archive:
 * every field is checked and every number bounded before use.  Any thread.
 */
#include "lib/host/manifest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/file.h"
#include "lib/host/listing.h"

#define PATH_LEN_MAX    255
#define FILE_SIZE_MAX   (4 * GIB)
#define TOTAL_SIZE_MAX  (16 * GIB)
#define VERSION_LEN_MAX 64

static int check_path(const char *path, struct error *e)
{
	const char *part = path;

	if (strlen(path) > PATH_LEN_MAX || path[0] == '/' || path[0] == '\0')
		return fail(e, EINVAL, "path '%.64s' is not relative or longer than %d bytes", path,
			    PATH_LEN_MAX);
	for (const char *c = path; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '\\')
			return fail(e, EINVAL, "path '%.64s' has a forbidden character", path);
	while (part) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
			return fail(e, EINVAL, "path '%.64s' has the part '%.*s'", path, (int)len,
				    part);
		part = part[len] ? part + len + 1 : NULL;
	}
	return 0;
}

/* A link may climb as many folders as it lies deep, never more, and before it descends: of "a/.."
 * nobody knows where it leads, if "a" is a link. */
static int check_target(const char *target, const char *path, struct error *e)
{
	const char *part = target;
	bool descends = false;
	long depth = 0;

	for (const char *c = path; *c; c++)
		depth += *c == '/';
	if (target[0] == '/' || strlen(target) > PATH_LEN_MAX)
		return fail(e, EINVAL, "link '%s' leads out of the release", path);
	while (*part) {
		size_t len = strcspn(part, "/");
		bool climbs = len == 2 && strncmp(part, "..", 2) == 0;

		if (climbs && descends)
			return fail(e, EINVAL, "link '%s' has '..' behind a name", path);
		if (climbs && --depth < 0)
			return fail(e, EINVAL, "link '%s' leads out of the release", path);
		descends |= !climbs && len > 0 && !(len == 1 && *part == '.');
		part += len;
		part += *part == '/';
	}
	return 0;
}

static struct manifest_entry *entry_new(struct manifest *m, const char *path, unsigned line,
					struct error *e)
{
	struct manifest_entry *entry;

	if (check_path(path, e) < 0)
		return NULL;
	if (m->n_entries >= MANIFEST_MAX_ENTRIES) {
		(void)fail(e, E2BIG, "more than %d entries", MANIFEST_MAX_ENTRIES);
		return NULL;
	}
	if (strcasecmp(path, MANIFEST_NAME) == 0 || strcasecmp(path, MANIFEST_SIGNATURE) == 0 ||
	    manifest_find(m, path)) {
		(void)fail(e, EINVAL, "path '%s' appears twice", path);
		return NULL;
	}
	m->entries = xrealloc(m->entries, m->n_entries + 1, sizeof(*m->entries));
	entry = &m->entries[m->n_entries++];
	*entry = (struct manifest_entry){ .path = xstrdup(path), .line = line };
	return entry;
}

static int on_version(void *to, const struct listing_line *line, struct error *e)
{
	struct manifest *m = to;

	if (m->version)
		return fail(e, EINVAL, "two versions");
	if (strchr(line->fields[1], '/'))
		return fail(e, EINVAL, "version '%.64s' has a slash", line->fields[1]);
	if (check_id(line->fields[1], "version", VERSION_LEN_MAX, e) < 0)
		return -e->code;
	m->version = xstrdup(line->fields[1]);
	return 0;
}

static int on_arch(void *to, const struct listing_line *line, struct error *e)
{
	struct manifest *m = to;

	if (check_id(line->fields[1], "architecture", VERSION_LEN_MAX, e) < 0)
		return -e->code;
	str_set(&m->arch, line->fields[1]);
	return 0;
}

static int on_file(void *to, const struct listing_line *line, struct error *e)
{
	struct manifest *m = to;
	struct manifest_entry *entry;
	uint32_t mode;
	uint64_t size;

	if (parse_octal(line->fields[1], "mode", 0777, &mode, e) < 0 ||
	    parse_u64(line->fields[2], "size", FILE_SIZE_MAX, &size, e) < 0)
		return -e->code;
	if (!listing_is_sha256(line->fields[3]))
		return fail(e, EINVAL, "'%.80s' is no SHA-256", line->fields[3]);
	entry = entry_new(m, line->fields[4], line->number, e);
	if (!entry)
		return -e->code;
	entry->mode = mode;
	entry->size = size;
	memcpy(entry->sha256, line->fields[3], SHA256_HEX + 1);
	m->total_size += size;
	return m->total_size > TOTAL_SIZE_MAX ? fail(e, EFBIG, "the files are larger than 16 GiB")
					      : 0;
}

static int on_link(void *to, const struct listing_line *line, struct error *e)
{
	struct manifest *m = to;
	struct manifest_entry *entry;

	if (check_target(line->fields[1], line->fields[2], e) < 0)
		return -e->code;
	entry = entry_new(m, line->fields[2], line->number, e);
	if (!entry)
		return -e->code;
	entry->target = xstrdup(line->fields[1]);
	return 0;
}

static const struct listing_kind kinds[] = {
	{ "version", 2, false, on_version },
	{ "arch", 2, false, on_arch },
	{ "file", 5, false, on_file },
	{ "link", 3, false, on_link },
};

static const struct listing_form form = {
	.header = "kata-manifest 1",
	.max = MANIFEST_MAX,
	.kinds = kinds,
	.n_kinds = ARRAY_SIZE(kinds),
	.others = OTHERS_REFUSED,
};

/* A path of LEN bytes among all entries. */
struct key {
	const char *path;
	size_t len;
};

static int compare_key(const void *a, const void *b)
{
	const struct key *key = a;
	const struct manifest_entry *const *entry = b;
	int r = strncmp(key->path, (*entry)->path, key->len);

	return r ? r : -((*entry)->path[key->len] != '\0');
}

static int compare_paths(const void *a, const void *b)
{
	const struct manifest_entry *const *left = a;
	const struct manifest_entry *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

/* The entries by name: a manifest of others may ask for a look-up of each part of each path. */
struct index {
	const struct manifest_entry **entries;
	size_t n;
};

static const struct manifest_entry *lookup(const struct index *index, const char *path, size_t len)
{
	const struct key key = { path, len };
	const struct manifest_entry **found =
		bsearch(&key, index->entries, index->n, sizeof(*index->entries), compare_key);

	return found ? *found : NULL;
}

/* Below a link a file would be somewhere else than its path says, below a file it cannot be. */
static int check_parents(const struct index *index, const struct manifest_entry *entry,
			 struct error *e)
{
	for (const char *c = strchr(entry->path, '/'); c; c = strchr(c + 1, '/')) {
		const struct manifest_entry *above =
			lookup(index, entry->path, (size_t)(c - entry->path));

		if (above)
			return fail(e, EINVAL,
				    "line %u: path '%s' lies below '%s', a %s of line %u",
				    entry->line, entry->path, above->path,
				    above->target ? "link" : "file", above->line);
	}
	return 0;
}

/* Where the link leads, without "." and "..", of which check_target() allows only leading ones. */
static char *resolve(const struct manifest_entry *link)
{
	char *path = xstrdup(link->path);
	const char *part = link->target;
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
	while (*part) {
		size_t len = strcspn(part, "/");
		_free_ char *before = path;

		slash = strrchr(path, '/');
		if (len == 2 && strncmp(part, "..", 2) == 0)
			*(slash ? slash : path) = '\0';
		if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
			path = xstrdup(before);
		else
			path = xasprintf("%s%s%.*s", before, *before ? "/" : "", (int)len, part);
		part += len;
		part += *part == '/';
	}
	return path;
}

static int check_chain(const struct index *index, const struct manifest_entry *link,
		       struct error *e)
{
	_free_ char *target = resolve(link);
	size_t len = 0;

	while (target[len]) {
		const struct manifest_entry *via;

		len += strcspn(target + len, "/");
		via = lookup(index, target, len);
		if (via && via->target)
			return fail(e, EINVAL,
				    "line %u: link '%s' goes through '%s', a link of line %u",
				    link->line, link->path, via->path, via->line);
		len += target[len] == '/';
	}
	return 0;
}

/* Sorts what lies in a folder behind the folder's name and before any longer name. */
static int fold(char c)
{
	return c == '/' ? 1 : tolower((unsigned char)c);
}

static int compare_folded(const void *a, const void *b)
{
	const struct manifest_entry *left = *(const struct manifest_entry *const *)a;
	const struct manifest_entry *right = *(const struct manifest_entry *const *)b;
	size_t i = 0;

	while (left->path[i] && fold(left->path[i]) == fold(right->path[i]))
		i++;
	if (fold(left->path[i]) != fold(right->path[i]))
		return fold(left->path[i]) - fold(right->path[i]);
	return left->line < right->line ? -1 : 1;
}

/* Whether the first parts in which the paths differ do so by the case of letters alone. */
static bool differ_by_case(const char *left, const char *right)
{
	size_t left_len, right_len, at = 0;

	for (size_t i = 0; left[i] && left[i] == right[i]; i++)
		if (left[i] == '/')
			at = i + 1;
	left_len = strcspn(left + at, "/");
	right_len = strcspn(right + at, "/");
	return left_len == right_len && strncasecmp(left + at, right + at, left_len) == 0 &&
	       strncmp(left + at, right + at, left_len) != 0;
}

/* On a file system that does not tell the case of letters one would take the other's place. */
static int check_case(const struct manifest_entry **entries, size_t n, struct error *e)
{
	qsort(entries, n, sizeof(*entries), compare_folded);
	for (size_t i = 1; i < n; i++)
		if (differ_by_case(entries[i - 1]->path, entries[i]->path))
			return fail(e, EINVAL,
				    "line %u: path '%s' differs from '%s' of line %u by the case "
				    "of letters alone",
				    entries[i]->line, entries[i]->path, entries[i - 1]->path,
				    entries[i - 1]->line);
	return 0;
}

/* What only all lines together tell: no path and no link goes through a link. */
static int check_together(const struct manifest *m, struct error *e)
{
	_free_ const struct manifest_entry **entries = xcalloc(m->n_entries + 1, sizeof(*entries));
	const struct index index = { entries, m->n_entries };
	int r = 0;

	for (size_t i = 0; i < m->n_entries; i++)
		entries[i] = &m->entries[i];
	qsort(entries, m->n_entries, sizeof(*entries), compare_paths);
	for (size_t i = 0; i < m->n_entries && r >= 0; i++) {
		r = check_parents(&index, &m->entries[i], e);
		if (r >= 0 && m->entries[i].target)
			r = check_chain(&index, &m->entries[i], e);
	}
	return r < 0 ? r : check_case(entries, index.n, e);
}

int manifest_parse(const char *text, size_t len, const char *name, struct manifest *ret_manifest,
		   struct error *e)
{
	_manifest_ struct manifest m = { 0 };

	if (listing_parse(&form, text, len, &m, m.digest, e) < 0)
		return fail_wrap(e, "manifest '%s'", name);
	m.text = xstrndup(text, len);
	if (!m.version || !m.arch)
		return fail(e, EINVAL, "manifest '%s' names no version or architecture", name);
	if (check_together(&m, e) < 0)
		return fail_wrap(e, "manifest '%s'", name);
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return 0;
}

int manifest_read(const char *path, struct manifest *ret_manifest, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r = file_read(path, MANIFEST_MAX, &text, &len, e);

	return r < 0 ? r : manifest_parse(text, len, path, ret_manifest, e);
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		free(m->entries[i].path);
		free(m->entries[i].target);
	}
	free(m->entries);
	free(m->text);
	free(m->signature);
	free(m->version);
	free(m->arch);
	*m = (struct manifest){ 0 };
}

const struct manifest_entry *manifest_find(const struct manifest *m, const char *path)
{
	for (size_t i = 0; i < m->n_entries; i++)
		if (strcmp(m->entries[i].path, path) == 0)
			return &m->entries[i];
	return NULL;
}

char *manifest_folder(const struct manifest *m)
{
	return xasprintf("%s-%.12s", m->version, m->digest);
}
