/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - make, look at, read and remove small files, and say how long each took.
 *
 *   files DIR COUNT      a line of four numbers: milliseconds for all creates, stats, reads,
 * unlinks
 *
 * Each pass goes through all files before the next begins, so that what a file system keeps of a
 * file it has just touched does not hide what it costs to come back.  Runs in a container; static.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char content[2] = "x\n";

static bool create_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	return fd >= 0 && write(fd, content, sizeof(content)) == (ssize_t)sizeof(content) &&
	       close(fd) == 0;
}

static bool stat_one(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0 && st.st_size == (off_t)sizeof(content);
}

static bool read_one(int dir, const char *name)
{
	char got[sizeof(content) + 1];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, got, sizeof(got)) == (ssize_t)sizeof(content) &&
	       !memcmp(got, content, sizeof(content)) && close(fd) == 0;
}

static bool unlink_one(int dir, const char *name)
{
	return unlinkat(dir, name, 0) == 0;
}

static const struct pass {
	const char *name;
	bool (*one)(int dir, const char *name);
} passes[] = {
	{ "create", create_one },
	{ "stat", stat_one },
	{ "read", read_one },
	{ "unlink", unlink_one },
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool run_pass(const struct pass *pass, int dir, long count)
{
	double start = now();
	char name[32];

	for (long i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "file-%ld", i);
		if (!pass->one(dir, name)) {
			(void)fprintf(stderr, "files: cannot %s '%s': %s\n", pass->name, name,
				      strerror(errno));
			return false;
		}
	}
	(void)printf("%.0f ", now() - start);
	return true;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int dir = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (count <= 0 || dir < 0) {
		(void)fprintf(stderr, "usage: files DIR COUNT\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
		if (!run_pass(&passes[i], dir, count))
			return 1;
	(void)printf("\n");
	return 0;
}
