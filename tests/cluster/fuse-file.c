/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-file - a file system with one file, "file", for tests: what a sidecar that mounts for others
 * is made of.
 *
 *   fuse-file FOLDER TEXT      serves FOLDER until it is unmounted
 *
 * The least of FUSE 7.31 that the kernel needs to list the folder and read the file.  One thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST_MAX (1 << 20)
#define FILE_NODE   2

static const char *text;

static void answer(int fd, uint64_t unique, int error, const void *body, size_t len)
{
	struct fuse_out_header header = { .len = (uint32_t)(sizeof(header) + len),
					  .error = error,
					  .unique = unique };
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)(uintptr_t)body, len } };

	(void)!writev(fd, parts, 2);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0444,
		.nlink = 1,
		.size = node == FUSE_ROOT_ID ? 0 : strlen(text),
	};
}

static void look_up(int fd, const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out out = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };
	int error = strcmp(name, "file") == 0 ? 0 : -ENOENT;

	answer(fd, in->unique, error, &out, error ? 0 : sizeof(out));
}

static void list(int fd, const struct fuse_in_header *in, const struct fuse_read_in *read_in)
{
	char buffer[64] = { 0 };
	struct fuse_dirent *entry = (void *)buffer;

	entry->ino = FILE_NODE;
	entry->off = 1;
	entry->namelen = 4;
	entry->type = S_IFREG >> 12;
	memcpy(entry->name, "file", 4);
	answer(fd, in->unique, 0, buffer, read_in->offset ? 0 : FUSE_DIRENT_SIZE(entry));
}

static void give_bytes(int fd, const struct fuse_in_header *in, const struct fuse_read_in *read_in)
{
	size_t len = strlen(text);

	if (read_in->offset >= len)
		len = 0;
	answer(fd, in->unique, 0, text, len);
}

static void serve(int fd, const struct fuse_in_header *in, const void *body)
{
	const struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 4096 };
	const struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
	const struct fuse_open_out opened = { 0 };

	if (in->opcode == FUSE_INIT)
		answer(fd, in->unique, 0, &init, sizeof(init));
	else if (in->opcode == FUSE_LOOKUP)
		look_up(fd, in, body);
	else if (in->opcode == FUSE_GETATTR)
		answer(fd, in->unique, 0, &attr, sizeof(attr));
	else if (in->opcode == FUSE_OPEN || in->opcode == FUSE_OPENDIR)
		answer(fd, in->unique, 0, &opened, sizeof(opened));
	else if (in->opcode == FUSE_READDIR)
		list(fd, in, body);
	else if (in->opcode == FUSE_READ)
		give_bytes(fd, in, body);
	else if (in->opcode == FUSE_RELEASE || in->opcode == FUSE_RELEASEDIR ||
		 in->opcode == FUSE_FLUSH)
		answer(fd, in->unique, 0, NULL, 0);
	else if (in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET &&
		 in->opcode != FUSE_INTERRUPT)
		answer(fd, in->unique, -ENOSYS, NULL, 0);
}

int main(int argc, char **argv)
{
	static char request[REQUEST_MAX];
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (argc != 3 || fd < 0) {
		perror("fuse-file: /dev/fuse");
		return 1;
	}
	text = argv[2];
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (mount("fuse-file", argv[1], "fuse.file", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("fuse-file: mount");
		return 1;
	}
	for (;;) {
		ssize_t n = read(fd, request, sizeof(request));

		if (n < 0 && errno != EINTR)
			return errno == ENODEV ? 0 : 1;
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve(fd, (void *)request, request + sizeof(struct fuse_in_header));
	}
}
