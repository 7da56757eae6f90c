/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - files that the host sends into the shared directory, a chunk at a time.
 *
 * The path is taken apart once: no link in it is followed, and the last name is used with the
 * descriptor of its directory.  A regular file grows under a name of its own and gets NAME when it
 * is whole, so a container sees none or all of it.  What has NAME already is replaced, whatever it
 * is, but for a directory by a directory.  Requests carry everything themselves; the host's offsets
 * and sizes are checked against what is there.
 *
 * The protocol cannot remove.  But who turns the link "..data" from one folder to another updates a
 * volume as kubelet does, so the old folder goes, and links through "..data" that lead nowhere now;
 * not so while the new folder is empty: upstream's shim in Rust sends what is in folders last.
 * What was sent for a container, by names that begin with its id, goes with it.
 *
 * Work threads.
 */

#include "agent/storage/copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/str.h"

#include "agent/sandbox.h"
#include "agent/storage/shares.h"

#define PATH_LEN_MAX  4095
#define NAME_LEN_MAX  249 /* with what a temporary name has besides it is still a name */
#define FILE_SIZE_MAX ((int64_t)(64 * GIB))
#define DIR_MODES     07777
#define FILE_MODES    01777 /* a file of the host's must not raise the rights of who runs it */
#define NAMES_MAX     65536 /* in one directory, to be gone through */
#define RANDOM_DIGITS 16
#define DATA_LINK     "..data"

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
		return open_without_links(rootfd, "", O_PATH | O_DIRECTORY, e);
	dir = open_without_links(rootfd, parent, O_PATH | O_DIRECTORY, e);
	if (dir != -ENOENT)
		return dir < 0 ? dir : TAKE_FD(dir);
	dir = dir_make_without_links(rootfd, parent,
				     in->dir_mode & 0777 ? in->dir_mode & 0777 : 0750, e);
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

char *copy_temporary_name(const char *name)
{
	return str_starts(name, "..") ? xasprintf("%s_tmp", name) : xasprintf("..%s_tmp", name);
}

/* Gives what is whole its name.  A directory that has it must go first. */
static int rename_over(int dirfd, const char *temporary, const char *name, struct error *e)
{
	int r = renameat(dirfd, temporary, dirfd, name);

	if (r < 0 && (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST)) {
		if (tree_remove_at(dirfd, name, e) < 0)
			return -e->code;
		r = renameat(dirfd, temporary, dirfd, name);
	}
	return r < 0 ? fail(e, errno, "cannot give it its name: %m") : 0;
}

static int copy_dir(int dirfd, const char *name, const Agent__CopyFileRequest *in, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
		(void)unlinkat(dirfd, name, 0);
	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return fail(e, errno, "cannot make the directory: %m");
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open the directory: %m");
	return own_and_mode(fd, in, DIR_MODES, e);
}

/* Where the link NAME leads, NULL if it is none.  Caller frees. */
static char *read_link(int dirfd, const char *name)
{
	char target[PATH_LEN_MAX + 1];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	return n > 0 && (size_t)n < sizeof(target) ? xstrndup(target, (size_t)n) : NULL;
}

/* Removes the links of DIRFD that lead into "..data" and nowhere. */
static void drop_dangling(int dirfd)
{
	_strv_ strv names = NULL;
	struct error e;
	struct stat st;

	if (dir_list(dirfd, NAMES_MAX, &names, &e) < 0)
		return;
	for (char **name = names; name && *name; name++) {
		_free_ char *target = read_link(dirfd, *name);
		_close_ int fd = -1;

		if (!target || !str_starts(target, DATA_LINK "/"))
			continue;
		fd = open_in_root(dirfd, target, O_PATH | O_NOFOLLOW, 0, &e);
		if (fd == -ENOENT && fstatat(dirfd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(st.st_mode))
			(void)unlinkat(dirfd, *name, 0);
	}
}

static bool has_names(int dirfd, const char *name)
{
	_strv_ strv names = NULL;
	struct error ignored;
	_close_ int fd = open_without_links(dirfd, name, O_PATH | O_DIRECTORY, &ignored);

	/* More than are asked for are some. */
	return fd >= 0 && (dir_list(fd, 1, &names, &ignored) == -E2BIG || names);
}

/* OLD is where "..data" led before it led to TARGET. */
static void drop_old_data(int dirfd, const char *old, const char *target)
{
	struct error e;

	if (!old || str_equal(old, target) || !str_starts(old, "..") || strchr(old, '/') ||
	    str_equal(old, "..") || str_equal(old, DATA_LINK))
		return;
	if (tree_remove_at(dirfd, old, &e) < 0)
		log_warn("an old version of a volume stays: %s", e.msg);
	if (has_names(dirfd, target))
		drop_dangling(dirfd);
}

/* The target is text: it means what the container that reads it makes of it. */
static int copy_link(int dirfd, const char *name, const Agent__CopyFileRequest *in, struct error *e)
{
	_free_ char *target = NULL, *temporary = copy_temporary_name(name), *old = NULL;
	int r;

	if (in->data.len == 0 || in->data.len > PATH_LEN_MAX ||
	    memchr(in->data.data, '\0', in->data.len))
		return fail(e, EINVAL, "the target of the symbolic link is no path");
	target = xstrndup((const char *)in->data.data, in->data.len);
	old = str_equal(name, DATA_LINK) ? read_link(dirfd, name) : NULL;
	r = tree_remove_at(dirfd, temporary, e);
	if (r >= 0 && symlinkat(target, dirfd, temporary) < 0)
		r = fail(e, errno, "cannot make the symbolic link: %m");
	if (r >= 0)
		r = own(dirfd, temporary, in, e);
	if (r >= 0)
		r = rename_over(dirfd, temporary, name, e);
	if (r >= 0)
		drop_old_data(dirfd, old, target);
	return r;
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
	return r == 0 ? rename_over(dirfd, temporary, name, e) : r;
}

static int copy_regular(int dirfd, const char *name, const Agent__CopyFileRequest *in,
			struct error *e)
{
	_free_ char *temporary = copy_temporary_name(name);
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	_close_ int fd = -1;
	int r;

	if (in->offset == 0 && tree_remove_at(dirfd, temporary, e) < 0)
		return -e->code;
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

static int open_shared_dir(struct error *e)
{
	return run_dir_open(SANDBOX_SHARED_DIR, O_PATH | O_DIRECTORY, e);
}

/* Before there is a sandbox as well, as tools that try an agent do; CreateSandbox begins anew. */
int copy_rpc_file(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	int r = dir_make(SANDBOX_SHARED_DIR, 0755, e);
	_close_ int root = r < 0 ? -1 : open_shared_dir(e);

	(void)req;
	(void)out;
	return root < 0 ? -e->code : copy_file(root, in, e);
}

/* True if NAME is CONTAINER, a dash, hexadecimal digits, a dash and whatever. */
static bool is_of_container(const char *name, const char *container)
{
	const char *rest = str_starts(name, container) ? name + strlen(container) : "";

	return rest[0] == '-' && strspn(rest + 1, "0123456789abcdef") == RANDOM_DIGITS &&
	       rest[1 + RANDOM_DIGITS] == '-';
}

void copy_forget_below(int rootfd, const char *container)
{
	_strv_ strv names = NULL;
	struct error e;
	int r = dir_list(rootfd, NAMES_MAX, &names, &e);

	for (char **name = names; name && *name; name++)
		if (is_of_container(*name, container) && tree_remove_at(rootfd, *name, &e) < 0)
			r = -e.code;
	if (r < 0)
		log_warn("what was copied for container '%s' may stay: %s", container, e.msg);
}

/* Where the host shares, what is there is the host's. */
void copy_forget(const char *container)
{
	struct error e;
	_close_ int root = open_shared_dir(&e);
	struct statfs fs;

	if (root >= 0 && fstatfs(root, &fs) == 0 && fs.f_type != FUSE_FILESYSTEM)
		copy_forget_below(root, container);
}

int copy_read_end(int rootfd, const char *path, const char *container, char **ret_text,
		  size_t *ret_len, struct error *e)
{
	const char *name = path + strlen(SANDBOX_SHARED_DIR "/");
	_close_ int fd = -1;
	struct stat st;

	if (!str_starts(path, SANDBOX_SHARED_DIR "/") || !is_of_container(name, container))
		return fail(e, EACCES, "'%.128s' was not copied for container '%s'", path,
			    container);
	fd = open_without_links(rootfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, e);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(e, EINVAL, "'%.128s' is no file", path);
	if (st.st_size > COPY_END_MAX && lseek(fd, -COPY_END_MAX, SEEK_END) < 0)
		return fail(e, errno, "cannot go to the end of '%.128s': %m", path);
	return file_read_fd(fd, path, COPY_END_MAX, ret_text, ret_len, e);
}

void copy_last_words(const char *path, const char *container, ProtobufCBinaryData *ret)
{
	_free_ char *text = NULL;
	struct error e;
	_close_ int root = open_shared_dir(&e);

	if (root < 0 || copy_read_end(root, path, container, &text, &ret->len, &e) < 0)
		log_debug("%s", e.msg);
	else
		ret->data = (uint8_t *)TAKE_PTR(text);
}
