/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_grpc - what the status of a refused call becomes.
 *
 * The server is as much of HTTP/2 as it takes to refuse: it reads frames until the call is there,
 * then sends its settings and one frame of headers with the status.
 */

#include "tests/unit/folder.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/http/grpc.h"
#include "lib/rpc/proto/pb.pb-c.h"

#define PREFACE_LEN 24
#define DATA        0

struct server {
	int fd;
	char status; /* a digit */
	pthread_t thread;
};

static bool receive(int fd, void *bytes, size_t len)
{
	return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

/* False if the client went before it called. */
static bool wait_for_call(int fd)
{
	uint8_t frame[9], rest[4096];

	if (!receive(fd, rest, PREFACE_LEN))
		return false;
	do {
		size_t len;

		if (!receive(fd, frame, sizeof(frame)))
			return false;
		len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
		if (len > sizeof(rest) || !receive(fd, rest, len))
			return false;
	} while (frame[3] != DATA);
	return true;
}

static void *serve(void *arg)
{
	const struct server *s = arg;
	/* Empty settings; then, for stream 1, ":status: 200" and "grpc-status: ?", and no more. */
	uint8_t answer[] = { 0,   0,   0,   4,   0,   0,   0,   0,   0,  0,   0,   16,
			     1,   5,   0,   0,   0,   1,   136, 0,   11, 'g', 'r', 'p',
			     'c', '-', 's', 't', 'a', 't', 'u', 's', 1,  '?' };
	uint8_t byte;
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

	answer[sizeof(answer) - 1] = (uint8_t)s->status;
	if (wait_for_call(fd) && send(fd, answer, sizeof(answer), MSG_NOSIGNAL) > 0)
		while (recv(fd, &byte, 1, 0) > 0)
			;
	(void)close(fd);
	return NULL;
}

static void start(struct server *s, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static int call(char status)
{
	static const struct grpc_method method = {
		.path = "/test.Service/Call",
		.in = &pb__empty__descriptor,
		.out = &pb__empty__descriptor,
	};
	const Pb__Empty in = PB__EMPTY__INIT;
	char *dir = folder_new();
	_free_ char *path = path_join(dir, "socket");
	struct server server = { .status = status };
	struct http_client *client;
	struct error e;
	int r;

	start(&server, path);
	assert_int_equal(grpc_open(path, &client, &e), 0);
	r = grpc_call(client, &method, &in, NULL, NULL, deadline_in(20000), NULL, &e);
	http_client_free(client);
	(void)pthread_join(server.thread, NULL);
	(void)close(server.fd);
	folder_remove(dir);
	return r;
}

static void test_statuses_become_errnos(void **state)
{
	static const struct {
		char status;
		int r;
	} cases[] = {
		{ '0', 0 },
		{ '2', -EREMOTEIO },
		{ '5', -ENOENT },
		/* Too much at once: no disk is full. */
		{ '8', -ENOBUFS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(call(cases[i].status), cases[i].r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses_become_errnos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
