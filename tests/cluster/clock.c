/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - how far another machine's clock is from this one's, for tests.
 *
 * clock serve PORT: answers each datagram with the time of day.
 *
 * clock ask ADDRESS PORT N: asks N times and prints "OFFSET WRONG" in microseconds: how far the
 * other clock is before ours by the quickest answer, which came halfway between question and
 * answer, give or take WRONG.
 *
 * clock files FOLDER N: writes N files and prints "PAST FUTURE" in microseconds: how far the time
 * of one was at most before it was made, or after it was written.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_US 1000

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ns_of(&now);
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	(void)inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int serve(const char *port)
{
	struct sockaddr_in own = address("0.0.0.0", port), peer;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return 1;
	for (;;) {
		socklen_t size = sizeof(peer);
		int64_t when;

		if (recvfrom(fd, &when, sizeof(when), 0, (struct sockaddr *)&peer, &size) < 0)
			continue;
		when = now_ns();
		(void)sendto(fd, &when, sizeof(when), 0, (struct sockaddr *)&peer, size);
	}
}

static int ask(const char *ip, const char *port, long n)
{
	struct sockaddr_in peer = address(ip, port);
	struct timeval patience = { .tv_sec = 1 };
	int64_t best_ns = INT64_MAX, offset_ns = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0)
		return 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (n-- > 0) {
		int64_t begin = now_ns(), when, took;

		if (send(fd, &begin, sizeof(begin), 0) < 0 ||
		    recv(fd, &when, sizeof(when), 0) != sizeof(when))
			continue;
		took = now_ns() - begin;
		if (took >= best_ns)
			continue;
		best_ns = took;
		offset_ns = when - (begin + took / 2);
	}
	if (best_ns == INT64_MAX)
		return 1;
	(void)printf("%" PRId64 " %" PRId64 "\n", offset_ns / NS_PER_US, best_ns / 2 / NS_PER_US);
	return 0;
}

static int files(const char *folder, long n)
{
	int64_t past_ns = 0, future_ns = 0;
	struct stat st;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/made", folder);
	while (n-- > 0) {
		int64_t begin = now_ns(), end, made;
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) < 0 || stat(path, &st) < 0)
			return 1;
		end = now_ns();
		made = ns_of(&st.st_mtim);
		past_ns = begin - made > past_ns ? begin - made : past_ns;
		future_ns = made - end > future_ns ? made - end : future_ns;
		(void)unlink(path);
	}
	(void)printf("%" PRId64 " %" PRId64 "\n", past_ns / NS_PER_US, future_ns / NS_PER_US);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2]);
	if (argc == 5 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3], strtol(argv[4], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "files") == 0)
		return files(argv[2], strtol(argv[3], NULL, 10));
	return 2;
}
