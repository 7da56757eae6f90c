/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hugepages - use huge pages in each way a program can, and say what came of it.
 *
 *   hugepages file DIR MIB      a file of a hugetlbfs, mapped
 *   hugepages anon MIB          MAP_HUGETLB
 *   hugepages shm MIB           SHM_HUGETLB
 *   hugepages memfd MIB         MFD_HUGETLB
 *   hugepages WAY-1G MIB        the last three with pages of 1 GiB
 *
 * Prints "WAY ok" when every page could be written, or "WAY" and the error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define PAGE         (2UL << 20)
#define GIGANTIC     (30 << MAP_HUGE_SHIFT) /* the same number in all three calls */
#define PRIVATE_HUGE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)

static void *map(int fd, size_t size)
{
	return ftruncate(fd, (off_t)size) < 0
		       ? MAP_FAILED
		       : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void *map_file(const char *dir, size_t size)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/pages", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? MAP_FAILED : map(fd, size);
}

static void *map_shm(size_t size, int pages)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | SHM_HUGETLB | pages | 0600);
	void *at = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);

	if (id >= 0)
		(void)shmctl(id, IPC_RMID, NULL);
	return at;
}

static void *map_memfd(size_t size, int pages)
{
	int fd = memfd_create("pages", MFD_HUGETLB | (unsigned)pages);

	return fd < 0 ? MAP_FAILED : map(fd, size);
}

int main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	size_t size = argc > 2 ? strtoul(argv[argc - 1], NULL, 10) << 20 : 0;
	int pages = strstr(way, "-1G") ? GIGANTIC : 0;
	char *at = MAP_FAILED;

	if (strcmp(way, "file") == 0)
		at = map_file(argv[2], size);
	else if (strncmp(way, "anon", 4) == 0)
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, PRIVATE_HUGE | pages, -1, 0);
	else if (strncmp(way, "shm", 3) == 0)
		at = map_shm(size, pages);
	else if (strncmp(way, "memfd", 5) == 0)
		at = map_memfd(size, pages);
	if (at == MAP_FAILED) {
		printf("%s %s\n", way, strerrorname_np(errno));
		return 1;
	}
	for (size_t i = 0; i < size; i += PAGE)
		at[i] = 1;
	printf("%s ok\n", way);
	return 0;
}
