/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meet - what two processes can do with one file system, and cannot with two.
 *
 * Run in containers by cluster/t/containers-meet-in-a-volume.sh; statically linked, as the images
 * have no libraries.  Each command ends within seconds, whether the other side comes or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WAIT_MS 300000
#define STEP_MS 20

static int complain(const char *what)
{
	perror(what);
	return 1;
}

static int open_socket(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int do_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(path, &address);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0 || poll(&wait, 1, WAIT_MS) <= 0)
		return complain("listen");
	fd = accept(fd, NULL, NULL);
	return fd < 0 || write(fd, "hello\n", 6) != 6 ? complain("accept") : 0;
}

static int do_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(path, &address);
	char text[16];
	ssize_t n;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return complain("connect");
	n = read(fd, text, sizeof(text));
	return n <= 0 || write(STDOUT_FILENO, text, (size_t)n) != n ? complain("read") : 0;
}

/* Both kinds, each on a file of its own. */
static void try_locks(const char *path, int *ret_flock, int *ret_fcntl)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char other[4096];

	(void)snprintf(other, sizeof(other), "%s.fcntl", path);
	*ret_flock = flock(open(path, O_RDWR | O_CREAT, 0666), LOCK_EX | LOCK_NB);
	*ret_fcntl = fcntl(open(other, O_RDWR | O_CREAT, 0666), F_SETLK, &lock);
}

static int do_hold(const char *path)
{
	int by_flock, by_fcntl;

	try_locks(path, &by_flock, &by_fcntl);
	if (by_flock < 0 || by_fcntl < 0)
		return complain("lock");
	(void)poll(NULL, 0, WAIT_MS);
	return 0;
}

static int do_try(const char *path)
{
	int by_flock, by_fcntl;

	try_locks(path, &by_flock, &by_fcntl);
	puts(by_flock < 0 ? "flock held" : "flock free");
	puts(by_fcntl < 0 ? "fcntl held" : "fcntl free");
	return 0;
}

static volatile char *map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);
	void *at;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return NULL;
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static int do_see(const char *path)
{
	volatile char *at = map(path);

	if (!at)
		return complain("map");
	for (int left = WAIT_MS; left > 0 && !*at; left -= STEP_MS)
		(void)poll(NULL, 0, STEP_MS);
	puts(*at ? "mapping seen" : "mapping not seen");
	return 0;
}

static int do_show(const char *path)
{
	volatile char *at = map(path);

	if (!at)
		return complain("map");
	*at = 1;
	return 0;
}

static int do_watch(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (fd < 0 || inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO) < 0)
		return complain("watch");
	while (poll(&wait, 1, WAIT_MS) > 0) {
		char bytes[4096] __attribute__((aligned(8)));
		ssize_t n = read(fd, bytes, sizeof(bytes));

		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)&bytes[at];

			if (e->len && (!strcmp(e->name, "event") || !strcmp(e->name, "..data"))) {
				printf("event of %s\n", e->name);
				return 0;
			}
			at += (ssize_t)sizeof(*e) + (ssize_t)e->len;
		}
	}
	puts("no event");
	return 1;
}

/* Attributes that an image, setcap, setfattr and an overlay want kept, and two that are refused. */
static int do_keep(const char *path)
{
	static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 }; /* net_bind_service */
	static const struct {
		const char *name;
		const void *bytes;
		size_t len;
	} attributes[] = {
		{ "user.test", "value", 5 },
		{ "trusted.test", "value", 5 },
		{ "security.capability", capability, sizeof(capability) },
		{ "security.other", "value", 5 },
		{ "user.virtiofs.trusted.test", "value", 5 },
	};
	int fd = open(path, O_RDWR | O_CREAT, 0640);

	if (fd < 0)
		return complain("open");
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		const char *name = attributes[i].name;
		char got[64];
		int is_set = setxattr(path, name, attributes[i].bytes, attributes[i].len, 0) == 0;

		if (!is_set)
			printf("%s: %s\n", name, strerror(errno));
		else
			printf("%s: %s\n", name,
			       getxattr(path, name, got, sizeof(got)) == (ssize_t)attributes[i].len
				       ? "kept"
				       : "lost");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const char *path);
	} commands[] = {
		{ "listen", do_listen }, { "connect", do_connect }, { "hold", do_hold },
		{ "try", do_try },       { "see", do_see },         { "show", do_show },
		{ "watch", do_watch },   { "keep", do_keep },
	};

	for (size_t i = 0; argc == 3 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argv[2]);
	return 2;
}
