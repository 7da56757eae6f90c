/* SPDX-License-Identifier: Apache-2.0 */
/*
 * behave - what a program can do with the files of a folder, a line for each thing.
 *
 *   behave FOLDER     as whoever it is run by; the lines are the same on every file system that is
 * right
 *
 * Each row of the table works in a folder of its own below FOLDER.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x)                                                      \
	do {                                                          \
		errno = 0;                                            \
		if (!(x)) {                                           \
			static char text[256];                        \
			snprintf(text, sizeof text, "%s: %s", #x,     \
				 errno ? strerror(errno) : "untrue"); \
			return text;                                  \
		}                                                     \
	} while (0)

static int put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}
static int holds(const char *name, const char *text)
{
	char b[256] = "";
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, b, sizeof b - 1);

	if (fd >= 0)
		close(fd);
	return n >= 0 && strcmp(b, text) == 0;
}
static const char *unlinked(void)
{
	char b[4] = "";
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(unlink("f") == 0);
	CHECK(write(fd, "abc", 3) == 3);
	CHECK(pread(fd, b, 3, 0) == 3 && !strcmp(b, "abc"));
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
	CHECK(fchmod(fd, 0640) == 0 && ftruncate(fd, 1) == 0);
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640 && st.st_size == 1);
	close(fd);
	return NULL;
}
static const char *renamed_open(void)
{
	char p[64], l[256];
	ssize_t n;
	CHECK(mkdir("d", 0755) == 0 && put("d/f", "x"));
	int fd = open("d/f", O_RDWR);
	int d = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && d >= 0);
	CHECK(rename("d", "e") == 0);
	CHECK(faccessat(d, "f", F_OK, 0) == 0);
	snprintf(p, sizeof p, "/proc/self/fd/%d", fd);
	n = readlink(p, l, sizeof l - 1);
	CHECK(n > 0);
	l[n] = 0;
	CHECK(strstr(l, "/e/f"));
	int again = open(p, O_RDONLY);
	CHECK(again >= 0);
	CHECK(rename("e/f", "e/g") == 0 && unlink("e/g") == 0);
	close(again);
	again = open(p, O_RDWR);
	CHECK(again >= 0);
	return NULL;
}
static const char *rename_flags(void)
{
	CHECK(put("a", "a") && put("b", "b"));
	CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE) < 0 && errno == EEXIST);
	CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) == 0);
	CHECK(holds("a", "b") && holds("b", "a"));
	return NULL;
}
static const char *links(void)
{
	struct stat a, b;
	CHECK(put("a", "1") && link("a", "b") == 0);
	CHECK(stat("a", &a) == 0 && stat("b", &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_nlink == 2 && b.st_nlink == 2);
	CHECK(unlink("a") == 0 && stat("b", &b) == 0 && b.st_nlink == 1);
	CHECK(symlink("b", "s") == 0 && holds("s", "1"));
	CHECK(symlink("nowhere", "n") == 0 && open("n", O_RDONLY) < 0 && errno == ENOENT);
	CHECK(open("s", O_RDONLY | O_NOFOLLOW) < 0 && errno == ELOOP);
	CHECK(linkat(AT_FDCWD, "s", AT_FDCWD, "t", 0) == 0 && lstat("t", &a) == 0 &&
	      S_ISLNK(a.st_mode));
	int fd = open("b", O_RDONLY);
	char p[64];
	snprintf(p, sizeof p, "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, p, AT_FDCWD, "u", AT_SYMLINK_FOLLOW) == 0 && holds("u", "1"));
	return NULL;
}
static const char *names(void)
{
	char n[260];
	memset(n, 'x', 255);
	n[255] = 0;
	CHECK(put(n, "l") && unlink(n) == 0);
	n[255] = 'x';
	n[256] = 0;
	CHECK(!put(n, "l") && errno == ENAMETOOLONG);
	CHECK(put("\xff\xfe \n\t\\", "odd") && holds("\xff\xfe \n\t\\", "odd"));
	CHECK(put("\303\244 \"'%s", "odd") && holds("\303\244 \"'%s", "odd"));
	return NULL;
}
static const char *times(void)
{
	struct timespec t[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	struct stat st;
	CHECK(put("f", "x") && utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_nsec == 987654321);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	CHECK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	CHECK(st.st_atim.tv_nsec == 123456789 && st.st_mtim.tv_sec > 1700000000);
	CHECK(symlink("f", "l") == 0);
	t[0].tv_nsec = t[1].tv_nsec = 5;
	CHECK(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW) == 0 && lstat("l", &st) == 0 &&
	      st.st_mtim.tv_nsec == 5);
	t[0].tv_sec = t[1].tv_sec = 5000000000;
	CHECK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0 &&
	      st.st_mtim.tv_sec == 5000000000);
	int fd = open("f", O_WRONLY);
	t[1].tv_sec = 77;
	CHECK(write(fd, "yy", 2) == 2 && futimens(fd, t) == 0 && close(fd) == 0);
	CHECK(stat("f", &st) == 0 && st.st_mtim.tv_sec == 77);
	return NULL;
}
static const char *sparse(void)
{
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(pwrite(fd, "end", 3, 5LL << 30) == 3);
	CHECK(fstat(fd, &st) == 0 && st.st_size == (5LL << 30) + 3 && st.st_blocks < 1024);
	CHECK(pwrite(fd, "mid", 3, 1 << 20) == 3 && fsync(fd) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	CHECK(lseek(fd, 1 << 20, SEEK_HOLE) < 5LL << 30);
	CHECK(ftruncate(fd, 0) == 0);
	return NULL;
}
static const char *allocate(void)
{
	struct stat st;
	char b[4096];
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fallocate(fd, 0, 0, 1 << 20) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 1 << 20);
	memset(b, 'x', sizeof b);
	CHECK(pwrite(fd, b, sizeof b, 4096) == 4096);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0);
	CHECK(pread(fd, b, sizeof b, 4096) == 4096 && b[0] == 0 && b[4095] == 0);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 1 << 20);
	return NULL;
}
static const char *copies(void)
{
	char b[300000], c[300000];
	off_t in = 0, out = 0, at = 0;
	int p[2];
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (char)(i * 7 % 251);
	int f = open("f", O_RDWR | O_CREAT, 0600), g = open("g", O_RDWR | O_CREAT, 0600),
	    h = open("h", O_RDWR | O_CREAT, 0600);
	CHECK(write(f, b, sizeof b) == sizeof b);
	CHECK(copy_file_range(f, &in, g, &out, sizeof b, 0) == sizeof b);
	CHECK(pread(g, c, sizeof c, 0) == sizeof c && !memcmp(b, c, sizeof b));
	CHECK(sendfile(h, f, &at, sizeof b) == sizeof b);
	CHECK(pread(h, c, sizeof c, 0) == sizeof c && !memcmp(b, c, sizeof b));
	CHECK(pipe(p) == 0);
	in = 0;
	CHECK(splice(f, &in, p[1], NULL, 65536, 0) > 0);
	return NULL;
}
static const char *mapped(void)
{
	char b[8] = "";
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(ftruncate(fd, 8192) == 0);
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	strcpy(m + 4096, "mapped");
	CHECK(pread(fd, b, 6, 4096) == 6 && !strcmp(b, "mapped"));
	CHECK(pwrite(fd, "W", 1, 4096) == 1 && m[4096] == 'W');
	CHECK(msync(m, 8192, MS_SYNC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		m[0] = 'c';
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	CHECK(m[0] == 'c');
	munmap(m, 8192);
	m = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED);
	return NULL;
}
static const char *append(void)
{
	struct stat st;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			int fd = open("log", O_WRONLY | O_APPEND | O_CREAT, 0644);
			for (int k = 0; k < 200; k++)
				if (write(fd, "0123456789\n", 11) != 11)
					_exit(1);
			_exit(0);
		}
	int status;
	while (wait(&status) > 0)
		CHECK(status == 0);
	CHECK(stat("log", &st) == 0 && st.st_size == 4 * 200 * 11);
	return NULL;
}
static const char *excl(void)
{
	int won = 0, status;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(open("lock", O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0 ? 1 : 0);
	while (wait(&status) > 0)
		won += WEXITSTATUS(status);
	CHECK(won == 1);
	return NULL;
}
static const char *listing(void)
{
	char n[16];
	int found = 0;
	for (int i = 0; i < 1500; i++) {
		snprintf(n, sizeof n, "%d", i);
		int fd = open(n, O_WRONLY | O_CREAT, 0600);
		CHECK(fd >= 0);
		close(fd);
	}
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d));)
		found++;
	CHECK(found == 1502);
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			CHECK(e->d_type == DT_REG && unlink(e->d_name) == 0);
	closedir(d);
	CHECK(chdir("..") == 0 && rmdir("work") == 0 && mkdir("work", 0777) == 0 &&
	      chdir("work") == 0);
	return NULL;
}
static const char *dirs(void)
{
	struct stat st;
	CHECK(mkdir("d", 0755) == 0 && mkdir("d/e", 0700) == 0);
	CHECK(rmdir("d") < 0 && (errno == ENOTEMPTY || errno == EEXIST));
	int fd = open("d/e", O_RDONLY | O_DIRECTORY);
	CHECK(rmdir("d/e") == 0);
	CHECK(fstat(fd, &st) == 0);
	CHECK(openat(fd, "x", O_CREAT | O_WRONLY, 0600) < 0 && errno == ENOENT);
	CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	CHECK(rename("a", "a/b/c") < 0 && errno == EINVAL);
	CHECK(rename("a/b", "z") == 0 && stat("z/..", &st) == 0);
	return NULL;
}
static const char *modes(void)
{
	struct stat st;
	mode_t old = umask(0);
	CHECK(mkdir("d", 02777) == 0 && stat("d", &st) == 0);
	CHECK(chmod("d", 02777) == 0 && stat("d", &st) == 0 && (st.st_mode & 07777) == 02777);
	CHECK(mkdir("d/e", 0700) == 0 && stat("d/e", &st) == 0 && (st.st_mode & 07777) == 02700);
	int fd = open("f", O_CREAT | O_WRONLY, 04755);
	CHECK(fd >= 0 && fchmod(fd, 06755) == 0 && fstat(fd, &st) == 0 &&
	      (st.st_mode & 07777) == 06755);
	umask(027);
	close(open("g", O_CREAT | O_WRONLY, 0666));
	CHECK(stat("g", &st) == 0 && (st.st_mode & 07777) == 0640);
	umask(old);
	close(open("r", O_CREAT | O_WRONLY, 0400));
	return NULL;
}
/* A write by somebody without CAP_FSETID takes set-user-id away. */
static const char *set_id_goes(void)
{
	struct stat st;
	int fd = open("f", O_CREAT | O_RDWR, 0777);
	CHECK(fd >= 0 && fchmod(fd, 06777) == 0);
	if (geteuid() == 0) {
		pid_t pid = fork();
		int status;
		if (pid == 0) {
			if (setgroups(0, NULL) || setgid(7) || setuid(7))
				_exit(2);
			int g = open("f", O_WRONLY);
			_exit(g >= 0 && write(g, "x", 1) == 1 ? 0 : 1);
		}
		CHECK(chmod(".", 0777) == 0);
		waitpid(pid, &status, 0);
		CHECK(status == 0);
		CHECK(stat("f", &st) == 0 && (st.st_mode & 06000) == 0);
		CHECK(fchmod(fd, 06777) == 0 && chown("f", 9, 9) == 0 && stat("f", &st) == 0 &&
		      (st.st_mode & 06000) == 0);
	} else {
		CHECK(write(fd, "x", 1) == 1);
		CHECK(stat("f", &st) == 0 && (st.st_mode & 04000) == 0);
	}
	return NULL;
}
static int as_user(uid_t uid, const char *(*f)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
			_exit(2);
		const char *t = f();
		if (t)
			printf("  (as %u: %s)\n", uid, t);
		fflush(stdout);
		_exit(t ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}
static const char *other(void)
{
	CHECK(open("secret", O_RDONLY) < 0 && errno == EACCES);
	CHECK(open("group", O_RDONLY) < 0 && errno == EACCES);
	CHECK(open("public", O_RDONLY) >= 0);
	CHECK(open("public", O_WRONLY) < 0 && errno == EACCES);
	CHECK(chmod("public", 0777) < 0 && errno == EPERM);
	CHECK(chown("public", 8, 8) < 0 && errno == EPERM);
	CHECK(unlink("sticky/f") < 0 && (errno == EPERM || errno == EACCES));
	CHECK(rename("sticky/f", "sticky/g") < 0 && (errno == EPERM || errno == EACCES));
	CHECK(put("sticky/mine", "x") && unlink("sticky/mine") == 0);
	CHECK(truncate("public", 0) < 0 && errno == EACCES);
	CHECK(setxattr("public", "user.a", "b", 1, 0) < 0);
	CHECK(mkdir("closed/d", 0755) < 0 && errno == EACCES);
	CHECK(access("closed/in", F_OK) < 0 && errno == EACCES);
	struct stat st;
	CHECK(put("sticky/own", "x") && stat("sticky/own", &st) == 0 && st.st_uid == geteuid());
	CHECK(chmod("sticky/own", 0600) == 0 && utimensat(AT_FDCWD, "public", NULL, 0) < 0);
	return NULL;
}
static const char *permissions(void)
{
	if (geteuid() != 0)
		return NULL;
	CHECK(put("secret", "x") && chmod("secret", 0600) == 0);
	CHECK(put("group", "x") && chmod("group", 0640) == 0);
	CHECK(put("public", "x") && chmod("public", 0644) == 0);
	CHECK(mkdir("sticky", 0777) == 0 && chmod("sticky", 01777) == 0 && put("sticky/f", "x"));
	CHECK(mkdir("closed", 0700) == 0 && put("closed/in", "x") && chmod("closed", 0700) == 0);
	CHECK(chmod(".", 0755) == 0);
	CHECK(as_user(1234, other));
	return NULL;
}
static const char *xattrs(void)
{
	char b[100];
	CHECK(put("f", "x") && setxattr("f", "user.key", "value", 5, 0) == 0);
	CHECK(getxattr("f", "user.key", b, sizeof b) == 5);
	CHECK(setxattr("f", "user.key", "v", 1, XATTR_CREATE) < 0 && errno == EEXIST);
	CHECK(listxattr("f", b, sizeof b) >= 9);
	CHECK(removexattr("f", "user.key") == 0 && getxattr("f", "user.key", b, sizeof b) < 0 &&
	      errno == ENODATA);
	return NULL;
}
static const char *nodes(void)
{
	char b[8] = "x";
	struct stat st;
	CHECK(mkfifo("p", 0600) == 0 && stat("p", &st) == 0 && S_ISFIFO(st.st_mode));
	if (fork() == 0) {
		int fd = open("p", O_WRONLY);
		_exit(write(fd, "hi", 2) != 2);
	}
	int fd = open("p", O_RDONLY);
	CHECK(read(fd, b, 2) == 2 && b[0] == 'h');
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(s, (void *)&a, sizeof a) == 0 && listen(s, 1) == 0);
	CHECK(connect(c, (void *)&a, sizeof a) == 0);
	CHECK(bind(c, (void *)&a, sizeof a) < 0);
	CHECK(unlink("s") == 0);
	return NULL;
}
static const char *device(void)
{
	int fd;
	if (geteuid() != 0)
		return NULL;
	CHECK(mknod("null", S_IFCHR | 0666, 0x103) == 0);
	CHECK((fd = open("null", O_RDWR)) >= 0);
	CHECK(write(fd, "x", 1) == 1);
	return NULL;
}
static const char *locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	int status;
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	if (fork() == 0)
		_exit(!(fcntl(open("f", O_RDWR), F_SETLK, &l) < 0));
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(fcntl(fd, F_OFD_SETLK, &l) < 0 || 1);
	int g = open("f", O_RDWR);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0 && flock(g, LOCK_EX | LOCK_NB) < 0 &&
	      errno == EWOULDBLOCK);
	CHECK(fcntl(g, F_SETLEASE, F_RDLCK) < 0 || 1);
	return NULL;
}
static const char *events(void)
{
	char b[4096];
	int fd = inotify_init1(IN_NONBLOCK), w;
	CHECK((w = inotify_add_watch(fd, ".",
				     IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_TO |
					     IN_CLOSE_WRITE)) >= 0);
	CHECK(put("f", "x") && rename("f", "g") == 0 && unlink("g") == 0);
	unsigned seen = 0;
	ssize_t n = read(fd, b, sizeof b);
	for (char *p = b; p < b + n;
	     p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len)
		seen |= ((struct inotify_event *)p)->mask;
	CHECK(seen == (IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_TO | IN_CLOSE_WRITE));
	return NULL;
}
static const char *executes(void)
{
	char b[65536];
	ssize_t n;
	int status, in = open("/proc/self/exe", O_RDONLY),
		    out = open("prog", O_WRONLY | O_CREAT, 0755);
	while ((n = read(in, b, sizeof b)) > 0)
		CHECK(write(out, b, (size_t)n) == n);
	close(out);
	if (fork() == 0) {
		execl("./prog", "prog", "--nothing", NULL);
		_exit(9);
	}
	CHECK(wait(&status) > 0 && status == 0);
	pid_t pid = fork();
	if (pid == 0) {
		execl("./prog", "prog", "--sleep", NULL);
		_exit(9);
	}
	(void)poll(NULL, 0, 500);
	CHECK(open("prog", O_WRONLY) < 0 && errno == ETXTBSY);
	waitpid(pid, &status, 0);
	return NULL;
}
static const char *statfs_(void)
{
	struct statvfs v;
	CHECK(statvfs(".", &v) == 0 && v.f_blocks > 0 && v.f_bfree <= v.f_blocks && v.f_files > 0 &&
	      v.f_namemax == 255);
	return NULL;
}
static const char *rofd(void)
{
	CHECK(put("f", "12345"));
	int fd = open("f", O_RDONLY);
	CHECK(write(fd, "x", 1) < 0 && errno == EBADF);
	CHECK(ftruncate(fd, 0) < 0 && errno == EINVAL);
	CHECK(fsync(fd) == 0);
	fd = open(".", O_RDONLY);
	CHECK(fsync(fd) == 0);
	CHECK(open("f", O_RDONLY | O_DIRECTORY) < 0 && errno == ENOTDIR);
	CHECK(open("f/x", O_RDONLY) < 0 && errno == ENOTDIR);
	CHECK(open(".", O_WRONLY) < 0 && errno == EISDIR);
	CHECK((fd = open("f", O_WRONLY | O_TRUNC)) >= 0);
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	return NULL;
}
static const char *written_by_two(void)
{
	char b[4] = "";
	int a = open("f", O_RDWR | O_CREAT, 0600), c = open("f", O_RDWR);
	CHECK(write(a, "one", 3) == 3);
	CHECK(pread(c, b, 3, 0) == 3 && !strcmp(b, "one"));
	CHECK(pwrite(c, "two", 3, 0) == 3 && pread(a, b, 3, 0) == 3 && !strcmp(b, "two"));
	CHECK(truncate("f", 1) == 0);
	CHECK(pread(a, b, 3, 0) == 1);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(void);
} rows[] = {
	{ "a file without a name", unlinked },
	{ "open while renamed", renamed_open },
	{ "renames with flags", rename_flags },
	{ "links", links },
	{ "names", names },
	{ "times", times },
	{ "a file with holes", sparse },
	{ "fallocate", allocate },
	{ "copies in the kernel", copies },
	{ "mappings", mapped },
	{ "appenders", append },
	{ "exclusive", excl },
	{ "a long listing", listing },
	{ "folders", dirs },
	{ "modes", modes },
	{ "set-id", set_id_goes },
	{ "permissions", permissions },
	{ "attributes", xattrs },
	{ "fifo and socket", nodes },
	{ "a device", device },
	{ "locks", locks },
	{ "events", events },
	{ "programs", executes },
	{ "statfs", statfs_ },
	{ "refusals", rofd },
	{ "two descriptors", written_by_two },
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "--nothing"))
		return 0;
	if (!strcmp(argv[1], "--sleep"))
		return sleep(1), 0;
	char top[4096];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(top, sizeof top, "%s/.behave%zu", argv[1], i);
		if (mkdir(top, 0755) < 0 || chdir(top) < 0 || mkdir("work", 0777) < 0 ||
		    chdir("work") < 0) {
			printf("%s: cannot begin: %s\n", rows[i].name, strerror(errno));
			continue;
		}
		fflush(stdout);
		const char *t = rows[i].run();
		printf("%s: %s\n", rows[i].name, t ? t : "ok");
	}
	return 0;
}
