/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror - read a folder of releases, wherever it is.
 *
 * A folder of this machine is read by the same calls as one behind a server, so that what is
 * checked of the one is checked of the other; who asks the server is a child without rights
 * (courier.h).  Nothing is believed here but sizes: whose the index
 * is is for the caller to ask, and the rest hangs on the digests that it has.  One thread; blocks.
 */
#include "lib/host/mirror.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/host/courier.h"
#include "lib/host/sign.h"
#include "lib/http/url.h"

#define BLOCK (64 * KIB)

struct mirror {
	char *name;
	char *folder;            /* NULL: it is behind a server */
	struct courier *courier; /* NULL: it is a folder */
	int dirfd;
	uint64_t moved; /* out of the folder */
};

int mirror_open(const struct mirror_place *place, struct mirror **ret_mirror, struct error *e)
{
	const struct fetch_server server = {
		.base_url = place->from,
		.ca_file = place->ca_file,
		.patience = place->patience,
	};
	_cleanup_(mirror_closep) struct mirror *m = xcalloc(1, sizeof(*m));

	m->name = url_shown(place->from);
	m->dirfd = -1;
	if (url_is(place->from)) {
		if (courier_new(&server, &m->courier, e) < 0)
			return -e->code;
	} else {
		m->dirfd = open(place->from, O_PATH | O_DIRECTORY | O_CLOEXEC);
		m->folder = realpath(place->from, NULL);
		if (m->dirfd < 0 || !m->folder)
			return fail(e, errno, "cannot open folder '%s': %m", place->from);
	}
	*ret_mirror = TAKE_PTR(m);
	return 0;
}

void mirror_close(struct mirror *m)
{
	if (!m)
		return;
	courier_free(m->courier);
	closep(&m->dirfd);
	free(m->name);
	free(m->folder);
	free(m);
}

const char *mirror_name(const struct mirror *m)
{
	return m->name;
}

uint64_t mirror_moved(const struct mirror *m)
{
	return m->courier ? courier_moved(m->courier) : m->moved;
}

/* Whether only we, or root, may change what is there. */
static bool is_safe(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & 022);
}

char *mirror_path(const struct mirror *m, const struct catalog_file *file)
{
	struct stat st, parent;

	if (!m->folder || fstat(m->dirfd, &parent) < 0 ||
	    fstatat(m->dirfd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != file->size || !is_safe(&parent) || !is_safe(&st))
		return NULL;
	return path_join(m->folder, file->name);
}

void mirror_count(struct mirror *m, uint64_t bytes)
{
	m->moved += bytes;
}

static int check_size(const struct fetch *what, uint64_t size, struct error *e)
{
	if (what->total && size != what->total)
		return fail(e, ESTALE, "'%s' has %llu bytes, not the %llu that it should",
			    what->name, (unsigned long long)size, (unsigned long long)what->total);
	if (what->len == FETCH_REST && size > what->max)
		return fail(e, EFBIG, "'%s' has more than %llu bytes", what->name,
			    (unsigned long long)what->max);
	return 0;
}

static int copy(struct mirror *m, int fd, const struct fetch *what, struct error *e)
{
	_free_ char *bytes = xmalloc(BLOCK);
	uint64_t got = 0;

	while (got < what->len) {
		size_t most = (size_t)min_u64(BLOCK, what->len - got);
		ssize_t n = pread(fd, bytes, most, (off_t)(what->offset + got));

		if (n < 0)
			return fail(e, errno, "cannot read '%s': %m", what->name);
		if (n == 0)
			return what->len == FETCH_REST
				       ? 0
				       : fail(e, ESTALE, "'%s' is cut off", what->name);
		if (what->cancel && cancel_is_raised(what->cancel))
			return fail(e, ECANCELED, "reading '%s' was cancelled", what->name);
		got += (size_t)n;
		m->moved += (size_t)n;
		if (what->on_data(what->arg, bytes, (size_t)n, e) < 0)
			return -e->code;
	}
	return 0;
}

static int read_here(struct mirror *m, const struct fetch *what, struct error *e)
{
	_close_ int fd =
		openat(m->dirfd, what->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return fail(e, errno, "cannot open '%s/%s': %m", m->name, what->name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(e, EINVAL, "'%s/%s' is not a regular file", m->name, what->name);
	return check_size(what, (uint64_t)st.st_size, e) < 0 ? -e->code : copy(m, fd, what, e);
}

int mirror_get(struct mirror *m, const struct fetch *what, struct error *e)
{
	if (!m->courier)
		return read_here(m, what, e);
	return courier_bring(m->courier, what, e) < 0 ? fail_wrap(e, "mirror '%s'", m->name) : 0;
}

static int add(void *arg, const void *bytes, size_t len, struct error *e)
{
	return buf_add(arg, bytes, len, e);
}

static int read_text(struct mirror *m, const struct fetch *wanted, char **ret_text, size_t *ret_len,
		     struct error *e)
{
	_buf_ struct buf b = { .max = (size_t)wanted->max };
	struct fetch what = *wanted;

	what.on_data = add;
	what.arg = &b;
	if (mirror_get(m, &what, e) < 0)
		return -e->code;
	*ret_text = xmalloc(b.len + 1);
	if (b.len)
		memcpy(*ret_text, b.data, b.len);
	(*ret_text)[b.len] = '\0';
	*ret_len = b.len;
	return 0;
}

int mirror_text(struct mirror *m, const char *name, uint64_t max, const struct cancel *cancel,
		char **ret_text, size_t *ret_len, struct error *e)
{
	struct fetch what = { .name = name, .len = FETCH_REST, .max = max, .cancel = cancel };

	return read_text(m, &what, ret_text, ret_len, e);
}

int mirror_file(struct mirror *m, const struct catalog_file *file, const struct cancel *cancel,
		char **ret_text, struct error *e)
{
	struct fetch what = {
		.name = file->name,
		.len = file->size,
		.total = file->size,
		.max = file->size,
		.cancel = cancel,
	};
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1];
	size_t len = 0;

	if (read_text(m, &what, &text, &len, e) < 0)
		return -e->code;
	sha256_bytes(text, len, digest);
	if (strcmp(digest, file->sha256) != 0)
		return fail(e, EBADMSG, "mirror '%s': '%s' is not the file that the index has",
			    m->name, file->name);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int mirror_index(struct mirror *m, const struct cancel *cancel, char **ret_text,
		 char **ret_signature, struct error *e)
{
	_free_ char *text = NULL, *signature = NULL;
	size_t len, signature_len;

	if (mirror_text(m, CATALOG_NAME, CATALOG_MAX, cancel, &text, &len, e) < 0)
		return -e->code;
	if (strlen(text) != len)
		return fail(e, EINVAL, "mirror '%s': the index has a NUL byte", m->name);
	if (mirror_text(m, CATALOG_SIGNATURE, SIGN_TEXT_MAX, cancel, &signature, &signature_len,
			e) < 0 &&
	    e->code != ENOENT)
		return -e->code;
	*ret_text = TAKE_PTR(text);
	*ret_signature = TAKE_PTR(signature);
	return 0;
}
