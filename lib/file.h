/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/str.h"

/* The whole file, NUL-terminated (the NUL is not counted in *ret_len, which may be NULL).  EFBIG
 * if it is larger than MAX. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct error *e);
int file_read_at(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct error *e);
/* Everything until end of file of an open descriptor, same rules; NAME is for messages. */
int file_read_fd(int fd, const char *name, size_t max, char **ret_text, size_t *ret_len,
		 struct error *e);

/* One write into an existing file or knob of /proc, /sys or a cgroup; never creates. */
int file_write(const char *path, const char *text, struct error *e);
int file_write_at(int dirfd, const char *path, const char *text, struct error *e);

/* Replaces PATH by a temporary file beside it, fsync and rename; readers see old or new.  A kill
 * can leave the temporary one (file_clear_rest). */
int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct error *e);
/* The same for a file that belongs to UID and GID; EPERM without the right to give it to them.  It
 * keeps what else hangs on the file that is there: extended attributes, a list of access rights. */
int file_replace_owned(const char *path, const void *bytes, size_t len, mode_t mode, uid_t uid,
		       gid_t gid, struct error *e);

/* All of the bytes, EINTR and short writes handled. */
int write_all(int fd, const void *bytes, size_t len, const char *name, struct error *e);

/* fsync of the directory that contains PATH: makes a create, rename or unlink durable. */
int file_sync_parent(const char *path, struct error *e);

/* PATH becomes a link to TARGET, likewise. */
int link_replace(const char *path, const char *target, struct error *e);
/* Whether killed writers of PATH left anything beside it. */
bool file_has_rest(const char *path);
/* Removes that; for those whom others keep a lock from
 * writing it meanwhile. */
void file_clear_rest(const char *path);
/* Whether the entry NAME of a folder of our own is such a rest. */
bool file_is_rest(int dirfd, const char *name);
bool file_exists(const char *path);

/* Makes PATH and its missing parents.  Existing directories keep their mode. */
int dir_make(const char *path, mode_t mode, struct error *e);
/* Removes PATH and everything below it, never following a link, never crossing a mount point.
 * A PATH that does not exist is success; one that names no entry of a folder ("/", "", "a/..") is
 * EINVAL.  Slashes at its end mean nothing: a link is removed, not what it leads to. */
int tree_remove(const char *path, struct error *e);
int tree_remove_at(int dirfd, const char *name, struct error *e);
/* The names in DIRFD, which may be O_PATH, sorted by byte.  E2BIG if there are more than MAX. */
int dir_list(int dirfd, size_t max, strv *ret_names, struct error *e);

/* openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS): PATH and every link in it are taken as if
 * ROOTFD were "/".  For every path that comes from a guest, an image or a user.  Returns a
 * descriptor. */
int open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct error *e);
/* mkdir -p with the same resolution; returns an O_PATH descriptor of the last directory. */
int dir_make_in_root(int rootfd, const char *path, mode_t mode, struct error *e);
/* The same two for paths in which there is no link: one is not followed but ELOOP.  "" is ROOTFD
 * itself. */
int open_without_links(int rootfd, const char *path, int flags, struct error *e);
int dir_make_without_links(int rootfd, const char *path, mode_t mode, struct error *e);

/* "/proc/self/fd/N" for handing a descriptor to calls that take paths. */
struct fd_path {
	char s[32];
};
struct fd_path fd_path(int fd);

/* A and B joined by exactly one slash.  Caller frees. */
char *path_join(const char *a, const char *b);
/* A pattern of glob(3) that NAME alone matches.  Caller frees. */
char *path_escape(const char *name);
/* The same of what matches PATTERN in FOLDER, whose name is no pattern.  Caller frees. */
char *path_pattern(const char *folder, const char *pattern);
/* The part after the last slash; borrowed. */
const char *path_base(const char *path);
/* The part before it; "/" or "." where there is none.  Caller frees. */
char *path_parent(const char *path);
/* PATH without empty parts and parts ".": "/a//./b/" is "/a/b".  What ".." goes up from may be a
 * link, so it stays.  Caller frees. */
char *path_tidy(const char *path);
/* Whether PATH is DIR or below it, by their text alone; both are absolute and tidy. */
bool path_is_within(const char *path, const char *dir);

#endif
