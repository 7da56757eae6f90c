/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FAKE_API_H
#define TESTS_UNIT_FAKE_API_H

/*
 * An HTTP server that plays a script: the n-th request must be the n-th expected one and gets the
 * n-th answer.  Anything else is remembered as the fault, for the test to fail with.
 */

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/folder.h"

/* The last: after its headers it sends bytes one by one until the client leaves. */
enum fake_end { FAKE_KEEP, FAKE_CLOSE, FAKE_HANG, FAKE_TRICKLE };

struct fake_turn {
	const char *expect[4]; /* texts that the request must contain; the first begins it */
	const char *status;    /* "200 OK", with more headers if need be; NULL: no answer */
	const char *body;      /* of known length with FAKE_KEEP, else until the end */
	enum fake_end end;
	void (*before)(void *arg); /* called before the answer goes out */
};

struct fake_api {
	const struct fake_turn *turns;
	size_t n_turns;
	size_t at;
	/* Answered whenever it comes, and counts for nothing; NULL: none. */
	const struct fake_turn *aside;
	void *arg;
	int fd;
	int peer; /* the connection being served; -1: none */
	pthread_t thread;
	sem_t listens; /* the thread does */
	char url[64];
	char fault[1024]; /* "" while the client behaves */
};

#define FAKE_REQUEST_MAX 65536
#define FAKE_TRICKLE_MS  50

/* Reads a request with its body; 0 at the end of the connection. */
static size_t fake_read(int fd, char *request)
{
	size_t len = 0, need = SIZE_MAX;

	while (len < need && len < FAKE_REQUEST_MAX - 1) {
		ssize_t n = read(fd, request + len, FAKE_REQUEST_MAX - 1 - len);
		const char *end, *length;

		if (n <= 0)
			return 0;
		len += (size_t)n;
		request[len] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (!end || need != SIZE_MAX)
			continue;
		length = strstr(request, "Content-Length: ");
		need = (size_t)(end + 4 - request);
		if (length && length < end)
			need += strtoul(length + strlen("Content-Length: "), NULL, 10);
	}
	return len;
}

static bool fake_fits(const struct fake_turn *turn, const char *request)
{
	if (strncmp(request, turn->expect[0], strlen(turn->expect[0])) != 0)
		return false;
	for (size_t i = 1; i < ARRAY_SIZE(turn->expect) && turn->expect[i]; i++)
		if (!strstr(request, turn->expect[i]))
			return false;
	return true;
}

static void fake_answer(int fd, const struct fake_turn *turn)
{
	_free_ char *length =
		xasprintf("Content-Length: %zu\r\n", strlen(turn->body ? turn->body : ""));
	_free_ char *text = NULL;

	if (!turn->status)
		return;
	text = xasprintf("HTTP/1.1 %s\r\n%s\r\n%s", turn->status,
			 turn->end == FAKE_KEEP ? length : "", turn->body ? turn->body : "");
	(void)!write(fd, text, strlen(text));
}

static void fake_trickle(int fd)
{
	struct pollfd peer = { .fd = fd, .events = POLLIN };

	while (poll(&peer, 1, FAKE_TRICKLE_MS) == 0 && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		;
}

/* One request; false when the connection is over. */
static bool fake_turn(struct fake_api *api, char *request)
{
	const struct fake_turn *turn;

	if (fake_read(api->peer, request) == 0)
		return false;
	if (api->aside && fake_fits(api->aside, request)) {
		fake_answer(api->peer, api->aside);
		return true;
	}
	if (api->at >= api->n_turns || !fake_fits(&api->turns[api->at], request)) {
		(void)snprintf(api->fault, sizeof(api->fault),
			       "request %zu is not expected: %.800s", api->at, request);
		return false;
	}
	turn = &api->turns[api->at++];
	if (turn->before)
		turn->before(api->arg);
	fake_answer(api->peer, turn);
	if (turn->end == FAKE_HANG)
		(void)fake_read(api->peer, request);
	if (turn->end == FAKE_TRICKLE)
		fake_trickle(api->peer);
	return turn->end == FAKE_KEEP;
}

static void *fake_main(void *arg)
{
	struct fake_api *api = arg;
	char *request = xmalloc(FAKE_REQUEST_MAX);

	(void)sem_post(&api->listens);
	for (;;) {
		api->peer = accept4(api->fd, NULL, NULL, SOCK_CLOEXEC);
		if (api->peer < 0)
			break;
		while (fake_turn(api, request))
			;
		(void)close(api->peer);
	}
	free(request);
	return NULL;
}

static bool fake_start(struct fake_api *api, const struct fake_turn *turns, size_t n, void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	*api = (struct fake_api){ .turns = turns, .n_turns = n, .arg = arg, .peer = -1 };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	api->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (api->fd < 0 || bind(api->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(api->fd, 16) < 0 || getsockname(api->fd, (struct sockaddr *)&address, &len) < 0)
		return false;
	(void)snprintf(api->url, sizeof(api->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
	if (sem_init(&api->listens, 0, 0) < 0 ||
	    pthread_create(&api->thread, NULL, fake_main, api) != 0)
		return false;
	/* Who forks while a thread begins may inherit a lock of the sanitizer's. */
	while (sem_wait(&api->listens) < 0)
		;
	return true;
}

/* After the client is closed.  Returns the fault, or NULL if the whole script was played. */
static const char *fake_stop(struct fake_api *api)
{
	(void)shutdown(api->fd, SHUT_RDWR);
	(void)pthread_join(api->thread, NULL);
	(void)close(api->fd);
	if (!api->fault[0] && api->at < api->n_turns)
		(void)snprintf(api->fault, sizeof(api->fault), "only %zu of %zu requests came",
			       api->at, api->n_turns);
	return api->fault[0] ? api->fault : NULL;
}

/* Makes DIR/kubeconfig, which leads to the server, and names it in the environment. */
static inline void fake_kubeconfig(const struct fake_api *api, const char *dir)
{
	_free_ char *path = path_join(dir, "kubeconfig");
	_free_ char *text = xasprintf(
		"current-context: c\n"
		"contexts: [{name: c, context: {cluster: k}}]\n"
		"clusters: [{name: k, cluster: {server: '%s'}}]\n",
		api->url);

	folder_put(dir, "kubeconfig", text);
	assert_int_equal(setenv("KUBECONFIG", path, 1), 0);
}

#endif
