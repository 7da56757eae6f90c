/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive - texts in one file that somebody else can be sent.
 *
 * The format is ustar (POSIX.1), of plain files alone, written straight through: it needs no
 * library and any tar reads it.  Nothing is written before its secrets are out of it.  One thread.
 */
#include "deploy/kubectl/archive.h"

#include <string.h>
#include <time.h>

#include "lib/file.h"
#include "lib/redact-json.h"
#include "lib/redact.h"

#define BLOCK 512

/* The header of ustar. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

void archive_done(struct archive *a)
{
	strv_free(a->left_out);
	a->left_out = NULL;
}

/* Digits, and a NUL in the last of SIZE bytes. */
static void put_octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void put_header(struct archive *a, const char *name, size_t len)
{
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
	_free_ char *path = path_join(a->folder, name);
	_free_ char *folder = path_parent(path);
	const char *base = path_base(path);
	unsigned sum = 0;

	/* Both may be as long as their places, without an end. */
	memcpy(h.prefix, folder, min_size(strlen(folder), sizeof(h.prefix)));
	memcpy(h.name, base, min_size(strlen(base), sizeof(h.name)));
	put_octal(h.mode, sizeof(h.mode), 0600);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), len);
	put_octal(h.mtime, sizeof(h.mtime), (uint64_t)time(NULL));
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	/* Six digits, a NUL and a space. */
	put_octal(h.checksum, sizeof(h.checksum) - 1, sum);
	(void)fwrite(&h, sizeof(h), 1, a->out);
}

static void put_file(struct archive *a, const char *name, const char *text)
{
	static const char zeros[BLOCK] = { 0 };
	size_t len = strlen(text);
	size_t padding = (BLOCK - len % BLOCK) % BLOCK;

	put_header(a, name, len);
	(void)fwrite(text, 1, len, a->out);
	(void)fwrite(zeros, 1, padding, a->out);
	a->size += BLOCK + len + padding;
}

/* TEXT has no secret. */
static void add_redacted(struct archive *a, const char *name, const char *text)
{
	if (strlen(text) > a->max || a->size > a->max - strlen(text))
		strv_add(&a->left_out, name);
	else
		put_file(a, name, text);
}

void archive_add_text(struct archive *a, const char *name, char *text)
{
	redact_text(text);
	add_redacted(a, name, text);
}

void archive_add(struct archive *a, const char *name, struct json_object *object)
{
	_free_ char *text = NULL;

	redact_json(object);
	text = xasprintf("%s\n", json_object_to_json_string_ext(
					 object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	add_redacted(a, name, text);
}

void archive_end(struct archive *a)
{
	static const char zeros[2 * BLOCK] = { 0 };
	_free_ char *names = strv_join(a->left_out, "\n");

	if (a->left_out)
		put_file(a, "left-out", names);
	(void)fwrite(zeros, 1, sizeof(zeros), a->out);
}
