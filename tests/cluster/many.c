/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many - how many threads and open files a container may have, for tests.
 *
 *   many THREADS FILES      prints how many of each there were at once
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_SIZE (32 * 1024)

static void *wait_for_the_end(void *arg)
{
	(void)pause();
	return arg;
}

static long make_threads(long wanted)
{
	pthread_attr_t attr;
	pthread_t thread;
	long n = 0;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (n < wanted && pthread_create(&thread, &attr, wait_for_the_end, NULL) == 0)
		n++;
	return n;
}

static long open_files(long wanted)
{
	struct rlimit limit;
	long n = 0;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	while (n < wanted && open("/tmp/many", O_RDWR | O_CREAT, 0600) >= 0)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	(void)printf("%ld threads\n", make_threads(strtol(argv[1], NULL, 10)));
	(void)printf("%ld files\n", open_files(strtol(argv[2], NULL, 10)));
	(void)fflush(stdout);
	_exit(0);
}
