/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_catalog - an index of a mirror, and a list of frames, with the right digest but anything
 * before it.
 *
 * The digest line is made here, for a fuzzer cannot.  No name that is accepted leads anywhere but
 * into the mirror, no text has what a terminal obeys, frames lie one behind the other, and versions
 * compare the same from both sides.
 */

#include <ctype.h>
#include <string.h>

#include "lib/host/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	if (!isalnum((unsigned char)*name) || strpbrk(name, "/ \\?#%\n"))
		abort();
}

static void check_notes(char *const *notes)
{
	for (; notes && *notes; notes++)
		for (const char *c = *notes; *c; c++)
			if (iscntrl((unsigned char)*c))
				abort();
}

static void check_order(const struct catalog *c)
{
	for (size_t i = 0; i + 1 < c->n_releases && i < 16; i++) {
		const char *a = c->releases[i].version, *b = c->releases[i + 1].version;

		if ((catalog_compare(a, b) < 0) != (catalog_compare(b, a) > 0) ||
		    catalog_compare(a, a) != 0)
			abort();
	}
}

static void fuzz_index(const char *text)
{
	_catalog_ struct catalog c = { 0 };
	const struct catalog_release *found;
	struct error e;

	if (catalog_parse(text, strlen(text), "fuzz", &c, &e) < 0)
		return;
	for (size_t i = 0; i < c.n_releases; i++) {
		check_name(c.releases[i].archive.name);
		if (c.releases[i].frames.name)
			check_name(c.releases[i].frames.name);
	}
	check_notes(c.withdrawn);
	check_notes(c.advisories);
	check_order(&c);
	(void)catalog_find(&c, NULL, "x86_64", &found, &e);
}

static void fuzz_frames(const char *text)
{
	_frames_ struct frames f = { 0 };
	uint64_t end = 0;
	struct error e;

	if (frames_parse(text, strlen(text), "fuzz", &f, &e) < 0)
		return;
	for (size_t i = 0; i < f.n; i++) {
		if (f.list[i].offset != end || f.list[i].size == 0 ||
		    !f.list[i].path != (i + 1 == f.n))
			abort();
		end += f.list[i].size;
	}
	if (end != f.size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_catalog_ struct catalog c = { 0 };
	char digest[SHA256_HEX + 1];
	_free_ char *body = xstrndup((const char *)data, size);
	_free_ char *text = NULL;
	struct error e;

	(void)catalog_parse((const char *)data, size, "fuzz", &c, &e);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	fuzz_index(text);
	fuzz_frames(text);
	return 0;
}
