/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_manifest - a manifest with the right digest but anything before it.
 *
 * The digest line is made here, for a fuzzer cannot; every path that is accepted must stay inside
 * the release ("a/.." leaves it as "../" does) and go through no link.
 */

#include <string.h>

#include "lib/host/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(const char *path)
{
	const char *part = path;

	while (part) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
			abort();
		part = part[len] ? part + len + 1 : NULL;
	}
}

/* No path goes through another entry, so also none through a link. */
static void check_nothing_above(const struct manifest *m, const char *path)
{
	_free_ char *above = xstrdup(path);

	for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
		*slash = '\0';
		if (manifest_find(m, above))
			abort();
	}
}

/* It climbs no higher than it lies deep, and only before it descends. */
static void check_target(const char *path, const char *target)
{
	_strv_ strv parts = strv_split(target, "/");
	size_t depth = 0;
	bool descends = false;

	for (const char *c = path; *c; c++)
		depth += *c == '/';
	if (*target == '/')
		abort();
	for (char *const *part = parts; part && *part; part++) {
		bool climbs = strcmp(*part, "..") == 0;

		if (climbs && (descends || depth-- == 0))
			abort();
		descends |= !climbs && strcmp(*part, ".") != 0;
	}
}

static void check(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct manifest_entry *entry = &m->entries[i];
		const struct manifest_entry *next;

		check_parts(entry->path);
		check_nothing_above(m, entry->path);
		if (strpbrk(entry->path, " \n"))
			abort();
		if (entry->target)
			check_target(entry->path, entry->target);
		if (!entry->target || strchr(entry->path, '/'))
			continue;
		next = manifest_find(m, entry->target);
		if (next && next->target)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_manifest_ struct manifest m = { 0 };
	char digest[SHA256_HEX + 1];
	_free_ char *body = xstrndup((const char *)data, size);
	_free_ char *text = NULL;
	struct error e;

	(void)manifest_parse((const char *)data, size, "fuzz", &m, &e);
	manifest_done(&m);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	if (manifest_parse(text, strlen(text), "fuzz", &m, &e) >= 0)
		check(&m);
	return 0;
}
