/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - files that the host sends into the shared directory, a chunk at a time.
 *
 * The path is taken apart once: its directories are resolved inside the root by the kernel, the
 * last name is used with the descriptor of its directory and never followed.  A regular file grows
 * under NAME.tmp and gets its name when it is whole, so a container sees none or all of it.
 * Requests carry everything themselves; the host's offsets and sizes are checked against what is
 * there.  Work threads.
 */

#include "agent/storage/copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/sandbox.h"

#define PATH_LEN_MAX  4095
#define NAME_LEN_MAX  250 /* with ".tmp" it is still a name */
#define FILE_SIZE_MAX ((int64_t)(64 * GIB))
#define DIR_MODES     07777
#define FILE_MODES    01777 /* a file of the host's must not raise the rights of who runs it */

static int check_request(const Agent__CopyFileRequest *in, struct error *e)
{
	const char *base = path_base(in->path);
	uint32_t type = in->file_mode & S_IFMT;

	if (strlen(in->path) > PATH_LEN_MAX || strlen(base) > NAME_LEN_MAX)
		return fail(e, ENAMETOOLONG, "it is too long");
	if (str_empty(base) || str_equal(base, ".") || str_equal(base, ".."))
		return fail(e, EINVAL, "it does not end with a name");
	if (type != S_IFDIR && type != S_IFLNK && type != S_IFREG && type != 0)
		return fail(e, EINVAL, "mode 0%o is no file, directory or symbolic link",
			    in->file_mode);
	if (in->file_size < 0 || in->file_size > FILE_SIZE_MAX || in->offset < 0)
		return fail(e, EINVAL, "size %lld or offset %lld is out of range",
			    (long long)in->file_size, (long long)in->offset);
	if ((int64_t)in->data.len > FILE_SIZE_MAX - in->offset ||
	    (type != S_IFLNK && in->offset + (int64_t)in->data.len > in->file_size))
		return fail(e, EINVAL, "%zu bytes at %lld are more than its size %lld",
			    in->data.len, (long long)in->offset, (long long)in->file_size);
	return 0;
}

/* The directory PATH is in, made if missing; an O_PATH descriptor. */
static int open_parent(int rootfd, const Agent__CopyFileRequest *in, const char *below,
		       struct error *e)
{
	_free_ char *parent = path_parent(below);
	_close_ int dir = -1;

	if (str_equal(parent, "."))
		return dir_make_in_root(rootfd, "/", 0755, e);
	dir = open_in_root(rootfd, parent, O_PATH | O_DIRECTORY, 0, e);
	if (dir != -ENOENT)
		return dir < 0 ? dir : TAKE_FD(dir);
	dir = dir_make_in_root(rootfd, parent, in->dir_mode & 0777 ? in->dir_mode & 0777 : 0750, e);
	if (dir < 0)
		return dir;
	if (chown(fd_path(dir).s, (uid_t)in->uid, (gid_t)in->gid) < 0)
		return fail(e, errno, "cannot give '%s' to %d:%d: %m", parent, in->uid, in->gid);
	return TAKE_FD(dir);
}

static int own(int dirfd, const char *name, const Agent__CopyFileRequest *in, struct error *e)
{
	if (fchownat(dirfd, name, (uid_t)in->uid, (gid_t)in->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "cannot give it to %d:%d: %m", in->uid, in->gid);
	return 0;
}

/* Owner first: a change of owner takes the setuid bits away. */
static int own_and_mode(int fd, const Agent__CopyFileRequest *in, uint32_t modes, struct error *e)
{
	if (fchown(fd, (uid_t)in->uid, (gid_t)in->gid) < 0)
		return fail(e, errno, "cannot give it to %d:%d: %m", in->uid, in->gid);
	if (fchmod(fd, in->file_mode & modes) < 0)
		return fail(e, errno, "cannot set its mode to 0%o: %m", in->file_mode & modes);
	return 0;
}

static int copy_dir(int dirfd, const char *name, const Agent__CopyFileRequest *in, struct error *e)
{
	_close_ int fd = -1;

	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make the directory: %m");
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open the directory: %m");
	return own_and_mode(fd, in, DIR_MODES, e);
}

/* The target is text: it means what the container that reads it makes of it. */
static int copy_link(int dirfd, const char *name, const Agent__CopyFileRequest *in, struct error *e)
{
	_free_ char *target = NULL, *temporary = xasprintf("%s.tmp", name);

	if (in->data.len == 0 || in->data.len > PATH_LEN_MAX ||
	    memchr(in->data.data, '\0', in->data.len))
		return fail(e, EINVAL, "the target of the symbolic link is no path");
	target = xstrndup((const char *)in->data.data, in->data.len);
	(void)unlinkat(dirfd, temporary, 0);
	if (symlinkat(target, dirfd, temporary) < 0)
		return fail(e, errno, "cannot make the symbolic link: %m");
	if (own(dirfd, temporary, in, e) < 0)
		return -e->code;
	if (renameat(dirfd, temporary, dirfd, name) < 0)
		return fail(e, errno, "cannot rename the symbolic link: %m");
	return 0;
}

static int write_at(int fd, const Agent__CopyFileRequest *in, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "cannot stat it: %m");
	if (!S_ISREG(st.st_mode))
		return fail(e, EINVAL, "something else has its temporary name");
	/* Chunks come in order, each once more at most: a hole would be a file never sent. */
	if (in->offset > st.st_size)
		return fail(e, EINVAL, "a chunk at %lld comes before those from %lld on",
			    (long long)in->offset, (long long)st.st_size);
	if (lseek(fd, in->offset, SEEK_SET) < 0)
		return fail(e, errno, "cannot go to offset %lld: %m", (long long)in->offset);
	return write_all(fd, in->data.data, in->data.len, in->path, e);
}

static int finish_file(int dirfd, int fd, const char *temporary, const char *name,
		       const Agent__CopyFileRequest *in, struct error *e)
{
	int r = 0;

	if (ftruncate(fd, in->file_size) < 0)
		r = fail(e, errno, "cannot set its size: %m");
	if (r == 0)
		r = own_and_mode(fd, in, FILE_MODES, e);
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = fail(e, errno, "cannot give it its name: %m");
	return r;
}

static int copy_regular(int dirfd, const char *name, const Agent__CopyFileRequest *in,
			struct error *e)
{
	_free_ char *temporary = xasprintf("%s.tmp", name);
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	_close_ int fd = -1;
	int r;

	if (in->offset == 0)
		(void)unlinkat(dirfd, temporary, 0);
	fd = openat(dirfd, temporary, flags, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot open its temporary file: %m");
	r = write_at(fd, in, e);
	if (r == 0 && in->offset + (int64_t)in->data.len == in->file_size)
		r = finish_file(dirfd, fd, temporary, name, in, e);
	return r;
}

static int copy_below(int rootfd, const char *below, const Agent__CopyFileRequest *in,
		      struct error *e)
{
	const char *name = path_base(in->path);
	_close_ int parent = -1, dir = -1;

	parent = open_parent(rootfd, in, below, e);
	if (parent < 0)
		return parent;
	dir = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "cannot open its directory: %m");
	switch (in->file_mode & S_IFMT) {
	case S_IFDIR:
		return copy_dir(dir, name, in, e);
	case S_IFLNK:
		return copy_link(dir, name, in, e);
	default:
		return copy_regular(dir, name, in, e);
	}
}

int copy_file(int rootfd, const struct Agent__CopyFileRequest *in, struct error *e)
{
	size_t len = strlen(SANDBOX_SHARED_DIR);
	const char *below = in->path + len;
	int r;

	if (!str_starts(in->path, SANDBOX_SHARED_DIR) || *below != '/')
		return fail(e, EACCES, "'%.128s' is not below '" SANDBOX_SHARED_DIR "'", in->path);
	below += strspn(below, "/");
	r = check_request(in, e);
	if (r == 0)
		r = copy_below(rootfd, below, in, e);
	return r < 0 ? fail_wrap(e, "copying '%.256s'", in->path) : 0;
}

int copy_rpc_file(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	_close_ int root = open(SANDBOX_SHARED_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)req;
	(void)out;
	if (root < 0)
		return fail(e, errno, "cannot open '" SANDBOX_SHARED_DIR "': %m");
	return copy_file(root, in, e);
}
