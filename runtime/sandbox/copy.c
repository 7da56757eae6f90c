/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - send files of the host to the guest, a piece at a time (CopyFile of the protocol).
 *
 * Folders go before what is in them, and links after the files and folders beside them, so that
 * nothing in the guest leads to what has not come yet.  A volume that kubelet writes is a folder
 * with a new name at each update, to which the link "..data" is turned by one rename, and links
 * through that one: of it the new folder is sent, then "..data", which the agent replaces at once,
 * then links that are new.
 *
 * What is sent is counted first: a volume that is too large must not fill the guest half.
 *
 * Folders are opened one by one below the source, without following links: who may write there
 * cannot lead the walk out.  Work thread.
 */

#include "runtime/sandbox/copy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define PIECE     MIB
#define DEPTH_MAX 32 /* folders: each level holds a descriptor */
#define DIR_MODE  0755
#define DATA_LINK "..data"
#define NOBODY    65534 /* an owner that is not mapped */

struct walk {
	const struct copy_target *to; /* NULL: only count */
	size_t entries;               /* what is left of the limits */
	uint64_t bytes;
};

void copy_state_done(struct copy_state *state)
{
	free(state->data);
	strv_free(state->others);
	*state = (struct copy_state){ 0 };
}

static int too_many(struct error *e)
{
	return fail(e, E2BIG, "it has more than %d files", COPY_ENTRIES_MAX);
}

static int too_large(struct error *e)
{
	return fail(e, E2BIG, "its files are larger than %llu MiB together",
		    (unsigned long long)(COPY_BYTES_MAX / MIB));
}

static Agent__CopyFileRequest request_for(const struct copy_target *to, char *path,
					  const struct stat *st)
{
	Agent__CopyFileRequest request = AGENT__COPY_FILE_REQUEST__INIT;
	uid_t uid = NOBODY;
	gid_t gid = NOBODY;
	struct error ignored;

	if (idmap_user(to->map, st->st_uid, &uid, &ignored) < 0)
		uid = NOBODY;
	if (idmap_group(to->map, st->st_gid, &gid, &ignored) < 0)
		gid = NOBODY;
	request.path = path;
	request.file_mode = st->st_mode;
	request.dir_mode = DIR_MODE;
	request.uid = (int32_t)uid;
	request.gid = (int32_t)gid;
	return request;
}

static int send_plain(const struct walk *w, char *path, const struct stat *st, struct error *e)
{
	Agent__CopyFileRequest request = request_for(w->to, path, st);

	return w->to->send(w->to->arg, &request, e);
}

/* The next piece of a file whose size was promised. */
static int read_piece(int fd, uint8_t *piece, size_t want, int64_t offset, const char *path,
		      struct error *e)
{
	size_t have = 0;

	while (have < want) {
		ssize_t n = pread(fd, piece + have, want - have, offset + (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "cannot read '%s': %m", path);
		if (n == 0)
			return fail(e, ESTALE, "'%s' becomes shorter while it is read", path);
		have += (size_t)n;
	}
	return 0;
}

static int send_pieces(const struct walk *w, int fd, char *path, const struct stat *st,
		       struct error *e)
{
	Agent__CopyFileRequest request = request_for(w->to, path, st);
	_free_ uint8_t *piece = xmalloc(min_size((size_t)st->st_size, PIECE) + 1);
	int r;

	request.file_size = st->st_size;
	request.data.data = piece;
	do {
		request.data.len = min_size((size_t)(st->st_size - request.offset), PIECE);
		r = read_piece(fd, piece, request.data.len, request.offset, path, e);
		if (r >= 0)
			r = w->to->send(w->to->arg, &request, e);
		request.offset += (int64_t)request.data.len;
	} while (r >= 0 && request.offset < st->st_size);
	return r;
}

/* FD is open for reading. */
static int walk_file(struct walk *w, int fd, char *path, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (!S_ISREG(st.st_mode))
		return fail(e, ESTALE, "'%s' became something else", path);
	if (st.st_size < 0 || (uint64_t)st.st_size > w->bytes)
		return too_large(e);
	w->bytes -= (uint64_t)st.st_size;
	return w->to ? send_pieces(w, fd, path, &st, e) : 0;
}

static int walk_file_at(struct walk *w, int dirfd, const char *name, char *path, struct error *e)
{
	_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	return walk_file(w, fd, path, e);
}

static int read_link(int dirfd, const char *name, char **ret_target, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);

	if (n <= 0)
		return fail(e, n < 0 ? errno : EINVAL, "cannot read the link '%s': %m", name);
	*ret_target = xstrndup(target, (size_t)n);
	return 0;
}

static int send_link(const struct walk *w, int dirfd, const char *name, char *path,
		     const struct stat *st, struct error *e)
{
	_free_ char *target = NULL;
	Agent__CopyFileRequest request;
	int r = read_link(dirfd, name, &target, e);

	if (r < 0 || !w->to)
		return r;
	request = request_for(w->to, path, st);
	request.data.data = (uint8_t *)target;
	request.data.len = strlen(target);
	return w->to->send(w->to->arg, &request, e);
}

enum pass { PASS_CONTENT, PASS_LINKS };

static int walk_folder(struct walk *w, int fd, char *path, const struct stat *st, unsigned depth,
		       struct error *e);

static int walk_below(struct walk *w, int dirfd, const char *name, char *path, unsigned depth,
		      struct error *e)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (depth >= DEPTH_MAX)
		return fail(e, E2BIG, "it is deeper than %d folders", DEPTH_MAX);
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	return walk_folder(w, fd, path, &st, depth + 1, e);
}

static int walk_one(struct walk *w, int dirfd, const char *name, const char *parent, enum pass pass,
		    unsigned depth, struct error *e)
{
	_free_ char *path = path_join(parent, name);
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", path);
	if (S_ISLNK(st.st_mode) != (pass == PASS_LINKS))
		return 0;
	if (S_ISLNK(st.st_mode))
		return send_link(w, dirfd, name, path, &st, e);
	if (S_ISDIR(st.st_mode))
		return walk_below(w, dirfd, name, path, depth, e);
	if (S_ISREG(st.st_mode))
		return walk_file_at(w, dirfd, name, path, e);
	if (w->to)
		log_info("'%s' is left out: it is neither file, folder nor link", path);
	return 0;
}

static int count(struct walk *w, size_t n, struct error *e)
{
	if (n > w->entries)
		return too_many(e);
	w->entries -= n;
	return 0;
}

/* An agent may give a folder to whom it gives a file in it, so the folder comes once more. */
static int walk_folder(struct walk *w, int fd, char *path, const struct stat *st, unsigned depth,
		       struct error *e)
{
	_strv_ strv names = NULL;
	int r = w->to ? send_plain(w, path, st, e) : 0;

	if (r >= 0)
		r = dir_list(fd, w->entries, &names, e);
	if (r == -E2BIG)
		r = too_many(e);
	if (r >= 0)
		r = count(w, strv_len(names), e);
	for (enum pass pass = PASS_CONTENT; pass <= PASS_LINKS; pass++)
		for (char **name = names; r >= 0 && name && *name; name++)
			r = walk_one(w, fd, *name, path, pass, depth, e);
	return r >= 0 && w->to && names ? send_plain(w, path, st, e) : r;
}

/* Sends those links that the guest does not have; *NOW are all there are. */
static int send_others(struct walk *w, int fd, char *const *names, const struct copy_state *state,
		       strv *now, struct error *e)
{
	int r = 0;

	for (; r >= 0 && names && *names; names++) {
		_free_ char *target = NULL, *path = path_join(w->to->path, *names);
		struct stat st;

		if (str_starts(*names, ".."))
			continue;
		if (fstatat(fd, *names, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* its key is gone */
		if (S_ISLNK(st.st_mode)) {
			_free_ char *link = NULL;

			r = read_link(fd, *names, &target, e);
			link = xasprintf("%s %s", *names, target ? target : "");
			if (r >= 0 && !strv_contains(state->others, link))
				r = send_link(w, fd, *names, path, &st, e);
			strv_add(now, link);
		} else {
			r = walk_one(w, fd, *names, w->to->path, PASS_CONTENT, 0, e);
		}
	}
	return r;
}

static int send_data_link(const struct walk *w, int fd, const char *target, struct error *e)
{
	_free_ char *path = path_join(w->to->path, DATA_LINK);
	Agent__CopyFileRequest request;
	struct stat st;

	if (fstatat(fd, DATA_LINK, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot look at '%s': %m", DATA_LINK);
	/* To what was sent, wherever it leads by now. */
	request = request_for(w->to, path, &st);
	request.file_mode = S_IFLNK | 0777;
	request.data.data = (uint8_t *)(uintptr_t)target;
	request.data.len = strlen(target);
	return w->to->send(w->to->arg, &request, e);
}

/* A volume whose "..data" leads to TARGET. */
static int send_data(struct walk *w, int fd, const struct stat *st, const char *target,
		     struct copy_state *state, struct error *e)
{
	_free_ char *top = xstrdup(w->to->path), *folder = path_join(top, target);
	_strv_ strv names = NULL, now = NULL;
	int r = dir_list(fd, COPY_ENTRIES_MAX, &names, e);

	if (r >= 0 && !state->data)
		r = send_plain(w, top, st, e);
	if (r >= 0)
		r = walk_below(w, fd, target, folder, 0, e);
	if (r >= 0)
		r = send_data_link(w, fd, target, e);
	if (r >= 0)
		r = send_others(w, fd, names, state, &now, e);
	if (r >= 0)
		r = send_plain(w, top, st, e);
	if (r < 0)
		return r;
	copy_state_done(state);
	state->data = xstrdup(target);
	state->others = TAKE_PTR(now);
	return 0;
}

static bool is_data_folder(const char *target)
{
	return str_starts(target, "..") && target[2] && !strchr(target, '/') &&
	       strcmp(target, DATA_LINK) != 0;
}

static int copy_folder(int fd, const struct copy_target *to, const struct stat *st,
		       struct copy_state *state, struct error *e)
{
	struct walk w = { .to = NULL, .entries = COPY_ENTRIES_MAX, .bytes = COPY_BYTES_MAX };
	_free_ char *path = xstrdup(to->path), *target = NULL;
	struct error ignored;
	bool is_data = read_link(fd, DATA_LINK, &target, &ignored) >= 0 && is_data_folder(target);
	int r;

	if (is_data && str_equal(target, state->data))
		return 0;
	/* Not the version before, which may be about to be removed. */
	r = is_data ? walk_below(&w, fd, target, path, 0, e) : walk_folder(&w, fd, path, st, 0, e);
	if (r < 0)
		return r;
	w = (struct walk){ .to = to, .entries = COPY_ENTRIES_MAX, .bytes = COPY_BYTES_MAX };
	return is_data ? send_data(&w, fd, st, target, state, e)
		       : walk_folder(&w, fd, path, st, 0, e);
}

int copy_volume(int sourcefd, const struct copy_target *target, struct copy_state *state,
		struct error *e)
{
	struct walk w = { .to = target, .entries = COPY_ENTRIES_MAX, .bytes = COPY_BYTES_MAX };
	_free_ char *path = xstrdup(target->path);
	_close_ int fd = -1;
	struct stat st;

	if (fstat(sourcefd, &st) < 0)
		return fail(e, errno, "cannot look at it: %m");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return fail(e, EINVAL, "it is neither a file nor a folder");
	fd = open(fd_path(sourcefd).s, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open it: %m");
	return S_ISDIR(st.st_mode) ? copy_folder(fd, target, &st, state, e)
				   : walk_file(&w, fd, path, e);
}
