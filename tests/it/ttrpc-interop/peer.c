/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - our end of a conversation with the Go implementation of ttRPC (main.go has the other).
 *
 *   ttrpc-interop serve ADDRESS    serves until it is killed; prints "ready" when it listens
 *   ttrpc-interop call ADDRESS     makes every kind of call; prints "ok" or what went wrong
 */

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/rpc/client.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/rpc/server.h"
#include "lib/sock.h"
#include "lib/str.h"

#define CALLERS     8
#define CALLS       200
#define PATIENCE_MS 20000

static void require(bool holds, const char *what, const struct error *e)
{
	if (holds)
		return;
	(void)printf("failed: %s: %s\n", what, e->msg);
	exit(1);
}

static int echo(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Pb__Any *from = in;
	Pb__Any *to = out;

	(void)req;
	(void)e;
	to->type_url = xstrdup(from->type_url);
	if (from->value.len)
		to->value.data = xmemdup(from->value.data, from->value.len);
	to->value.len = from->value.len;
	return 0;
}

static int refuse(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)out;
	return fail(e, ENOENT, "no container '%s'", ((const Pb__Any *)in)->type_url);
}

static int slow(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)in;
	(void)out;
	return wait_pause(PATIENCE_MS, "slow", NO_DEADLINE, rpc_cancel(req), e);
}

static int huge(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	Pb__Any *to = out;

	(void)req;
	(void)in;
	(void)e;
	to->value.len = 5 * MIB;
	to->value.data = xcalloc(1, to->value.len);
	return 0;
}

#define METHOD(name, where, handler)                                                        \
	{                                                                                   \
		"interop.Service", name, &pb__any__descriptor, &pb__any__descriptor, where, \
			handler                                                             \
	}

static const struct rpc_method methods[] = {
	METHOD("Echo", RPC_WORK, echo),
	METHOD("Refuse", RPC_INLINE, refuse),
	METHOD("Slow", RPC_WORK, slow),
	METHOD("Huge", RPC_WORK, huge),
};

static int serve(struct loop *loop, const struct sock_address *address, struct error *e)
{
	const struct rpc_service service = { .methods = methods, .n_methods = ARRAY_SIZE(methods) };
	struct work_pool *pool = work_pool_new(loop, 8, 256 * KIB);
	struct rpc_server *server = rpc_server_new(loop, pool, &service, e);
	int fd = sock_listen(address, e);

	require(server && fd >= 0, "listen", e);
	require(rpc_server_listen(server, fd, e) == 0, "serve", e);
	(void)puts("ready");
	(void)fflush(stdout);
	return loop_run(loop);
}

static int call(struct rpc_client *client, const char *method, const char *text, size_t n_value,
		uint64_t wait_ms, Pb__Any **ret_out, struct error *e)
{
	const struct rpc_call kind = { "interop.Service", method, &pb__any__descriptor,
				       &pb__any__descriptor };
	_message_ Pb__Any *in = message_new(&pb__any__descriptor);

	in->type_url = xstrdup(text);
	in->value.data = xcalloc(1, n_value + 1);
	in->value.len = n_value;
	return rpc_call(client, &kind, in, ret_out, deadline_in(wait_ms), NULL, e);
}

static void expect_echo(struct rpc_client *client, const char *text, size_t n_value)
{
	_message_ Pb__Any *out = NULL;
	struct error e = { .msg = "wrong answer" };

	require(call(client, "Echo", text, n_value, PATIENCE_MS, &out, &e) == 0, text, &e);
	require(str_equal(out->type_url, text) && out->value.len == n_value, text, &e);
}

static void expect_failure(struct rpc_client *client, const char *method, uint64_t wait_ms,
			   int code, const char *message)
{
	struct error e = { .msg = "success" };

	require(call(client, method, "c1", 0, wait_ms, NULL, &e) == -code, method, &e);
	require(strstr(e.msg, message) != NULL, method, &e);
}

static void *caller(void *arg)
{
	for (unsigned i = 0; i < CALLS; i++) {
		_free_ char *text = xasprintf("call %u", i);

		expect_echo(arg, text, i * 331);
	}
	return NULL;
}

static void *call_everything(void *arg)
{
	struct rpc_client *client = arg;
	pthread_t threads[CALLERS];

	for (size_t i = 0; i < CALLERS; i++)
		if (pthread_create(&threads[i], NULL, caller, client) != 0)
			abort();
	for (size_t i = 0; i < CALLERS; i++)
		(void)pthread_join(threads[i], NULL);
	expect_echo(client, "large", 4 * MIB - 2 * KIB);
	expect_failure(client, "Refuse", PATIENCE_MS, ENOENT, "no container 'c1'");
	expect_failure(client, "Nope", PATIENCE_MS, ENOSYS, "Nope");
	expect_failure(client, "Slow", 100, ETIMEDOUT, "");
	(void)puts("ok");
	exit(0);
}

/* The calls block, so they have threads of their own; the last thing they do is end the program. */
static int call_all(struct loop *loop, const struct sock_address *address, struct error *e)
{
	int fd = sock_connect(address, deadline_in(PATIENCE_MS), NULL, e);
	struct rpc_client *client = fd < 0 ? NULL : rpc_client_new(loop, fd, e);
	pthread_t thread;

	require(client != NULL, "connect", e);
	if (pthread_create(&thread, NULL, call_everything, client) != 0)
		abort();
	return loop_run(loop);
}

int main(int argc, char **argv)
{
	struct sock_address address;
	struct error e;
	struct loop *loop = loop_new(&e);

	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s serve|call ADDRESS\n", argv[0]);
		return 2;
	}
	require(loop && sock_parse(argv[2], &address, &e) == 0, "address", &e);
	return str_equal(argv[1], "serve") ? serve(loop, &address, &e)
					   : call_all(loop, &address, &e);
}
