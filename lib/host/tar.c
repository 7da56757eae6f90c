/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar - the members of an archive, strictly.
 *
 * A release is packed by one script (packaging/release/build.sh) with one set of options, so its
 * format needs one form of header: POSIX.1-1988, "ustar".  Everything that the later forms added is
 * what an attack would use, and reading it would be code that only an attack runs; each is refused
 * by its type.  The header is copied into a struct of characters, numbers are octal and bounded by
 * their fields, names by theirs.  One thread; blocks as the file does.
 */
#include "lib/host/tar.h"

#include <stdio.h>
#include <string.h>

#include "lib/str.h"

#define BLOCK       512
#define SCRAP_SIZE  (64 * KIB)
#define TRAILER_MAX (1 * MIB) /* of zeros: tar fills records, of 10 KiB unless told otherwise */
#define PERMISSIONS 0777

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type;
	char target[100], magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static const struct {
	char type;
	const char *name;
} refused[] = {
	{ '1', "a hard link" },
	{ '3', "a character device" },
	{ '4', "a block device" },
	{ '6', "a fifo" },
	{ 'x', "an extended header, as extended attributes or a sparse file have" },
	{ 'g', "an extended header for all members" },
	{ 'S', "a sparse file" },
	{ 'L', "a long name of GNU's" },
	{ 'K', "a long link of GNU's" },
};

void tar_init(struct tar *t, int fd)
{
	*t = (struct tar){ 0 };
	unzstd_init(&t->bytes, fd);
}

void tar_done(struct tar *t)
{
	unzstd_done(&t->bytes);
}

static int read_all(struct tar *t, void *bytes, size_t len, struct error *e)
{
	ssize_t n = unzstd_read(&t->bytes, bytes, len, e);

	if (n < 0)
		return (int)n;
	return (size_t)n < len ? fail(e, EBADMSG, "it is cut off") : 0;
}

ssize_t tar_read(struct tar *t, void *bytes, size_t len, struct error *e)
{
	size_t n = t->left < len ? (size_t)t->left : len;

	if (n == 0 || read_all(t, bytes, n, e) < 0)
		return n == 0 ? 0 : -e->code;
	t->left -= n;
	return (ssize_t)n;
}

static int pass_over(struct tar *t, struct error *e)
{
	_free_ char *scrap = t->left ? xmalloc(SCRAP_SIZE) : NULL;
	char padding[BLOCK];

	while (t->left > 0)
		if (tar_read(t, scrap, SCRAP_SIZE, e) < 0)
			return -e->code;
	return read_all(t, padding, t->padding, e);
}

static bool is_zero(const char *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == '\0')
		len--;
	return len == 0;
}

/* Behind the first block of zeros, which ends an archive: a second one, and nothing else. */
static int check_end(struct tar *t, struct error *e)
{
	_free_ char *bytes = xmalloc(SCRAP_SIZE);
	size_t total = 0;
	ssize_t n;

	do {
		n = unzstd_read(&t->bytes, bytes, SCRAP_SIZE, e);
		if (n < 0)
			return (int)n;
		total += (size_t)n;
		if (!is_zero(bytes, (size_t)n) || total > TRAILER_MAX)
			return fail(e, EBADMSG, "there is more behind its end");
	} while (n > 0);
	return total < BLOCK ? fail(e, EBADMSG, "it is cut off") : 0;
}

/* A number in octal digits that ends with a space, a NUL or the field. */
static int parse_field(const char *field, size_t len, const char *what, uint64_t *ret_value,
		       struct error *e)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i < len && field[i] != ' ' && field[i] != '\0')
		return fail(e, EINVAL, "the %s of a member is no octal number", what);
	*ret_value = value;
	return 0;
}

static int check_header(const struct header *h, struct error *e)
{
	const unsigned char *bytes = (const unsigned char *)h;
	uint64_t expected = 0, actual = 0;

	if (memcmp(h->magic, "ustar\00000", sizeof(h->magic)) != 0)
		return fail(e, EINVAL, "it is no tar archive of the format ustar");
	for (size_t i = 0; i < BLOCK; i++)
		actual += bytes[i];
	for (size_t i = 0; i < sizeof(h->checksum); i++)
		actual = actual - (unsigned char)h->checksum[i] + ' ';
	if (parse_field(h->checksum, sizeof(h->checksum), "checksum", &expected, e) < 0)
		return -e->code;
	return expected == actual ? 0 : fail(e, EBADMSG, "the header of a member is damaged");
}

static void take_name(const struct header *h, char ret_path[TAR_NAME_MAX + 1])
{
	int prefix_len = (int)strnlen(h->prefix, sizeof(h->prefix));
	int name_len = (int)strnlen(h->name, sizeof(h->name));

	(void)snprintf(ret_path, TAR_NAME_MAX + 1, "%.*s%s%.*s", prefix_len, h->prefix,
		       prefix_len ? "/" : "", name_len, h->name);
	str_make_printable(ret_path);
}

static int take_type(const struct header *h, struct tar_member *m, struct error *e)
{
	uint64_t mode = 0;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (h->type == refused[i].type)
			return fail(e, EINVAL, "'%.200s' is %s", m->path, refused[i].name);
	if (h->type != '0' && h->type != '\0' && h->type != '2' && h->type != '5')
		return fail(e, EINVAL, "'%.200s' is of an unknown type", m->path);
	if (parse_field(h->mode, sizeof(h->mode), "mode", &mode, e) < 0)
		return -e->code;
	if (mode & ~(uint64_t)PERMISSIONS)
		return fail(e, EINVAL, "'%.200s' has mode %04llo, more than permissions", m->path,
			    (unsigned long long)mode);
	m->type = h->type == '2' ? TAR_LINK : h->type == '5' ? TAR_FOLDER : TAR_FILE;
	return 0;
}

static int take_size(const struct header *h, struct tar_member *m, struct error *e)
{
	if (parse_field(h->size, sizeof(h->size), "size", &m->size, e) < 0)
		return -e->code;
	if (m->type != TAR_FILE && m->size > 0)
		return fail(e, EINVAL, "'%.200s' is no file, but has %llu bytes", m->path,
			    (unsigned long long)m->size);
	return 0;
}

static int take_member(const struct header *h, struct tar_member *m, struct error *e)
{
	take_name(h, m->path);
	if (check_header(h, e) < 0 || take_type(h, m, e) < 0 || take_size(h, m, e) < 0)
		return -e->code;
	(void)snprintf(m->target, sizeof(m->target), "%.*s",
		       m->type == TAR_LINK ? (int)sizeof(h->target) : 0, h->target);
	return 0;
}

int tar_next(struct tar *t, struct tar_member *ret_member, struct error *e)
{
	struct header h;

	if (pass_over(t, e) < 0 || read_all(t, &h, sizeof(h), e) < 0)
		return -e->code;
	t->padding = 0;
	if (is_zero((const char *)&h, sizeof(h)))
		return t->n_members ? check_end(t, e) : fail(e, EINVAL, "it is empty");
	if (++t->n_members > TAR_MEMBERS_MAX)
		return fail(e, E2BIG, "it has more than %d members", TAR_MEMBERS_MAX);
	if (take_member(&h, ret_member, e) < 0)
		return -e->code;
	t->left = ret_member->size;
	t->padding = (unsigned)((BLOCK - ret_member->size % BLOCK) % BLOCK);
	return 1;
}
