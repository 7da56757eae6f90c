/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ttrpc - any bytes to a server, and as the answers to a client's calls.
 *
 * The first byte chooses the side.  The peer writes everything and hangs up, so that the stream
 * always ends; a run that does not come back is a finding.
 */

#include <sys/socket.h>

#include "lib/rpc/client.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"
#include "lib/rpc/server.h"

/* What fits into a socket's buffer, so that writing never waits for the loop. */
#define INPUT_MAX (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int succeed(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	(void)e;
	return 0;
}

static int refuse(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	const Agent__SignalProcessRequest *signal = in;

	(void)req;
	(void)out;
	return fail(e, ENOENT, "no container '%s'", signal->container_id);
}

static const struct rpc_method methods[] = {
	{ "grpc.AgentService", "CreateContainer", &agent__create_container_request__descriptor,
	  &pb__empty__descriptor, RPC_INLINE, succeed },
	{ "grpc.AgentService", "SignalProcess", &agent__signal_process_request__descriptor,
	  &pb__empty__descriptor, RPC_INLINE, refuse },
};

static const struct rpc_call call_stats = { "grpc.AgentService", "StatsContainer",
					    &agent__stats_container_request__descriptor,
					    &agent__stats_container_response__descriptor };

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void stop(void *arg)
{
	loop_stop(arg, 0);
}

static void stop_client(void *arg, const struct error *why)
{
	(void)why;
	loop_stop(arg, 0);
}

static void feed_server(struct loop *loop, int own_fd)
{
	const struct rpc_service service = { .methods = methods,
					     .n_methods = ARRAY_SIZE(methods),
					     .context = loop,
					     .closed = stop };
	_cleanup_(rpc_server_freep) struct rpc_server *server = NULL;
	struct error e;

	server = rpc_server_new(loop, NULL, &service, &e);
	require(server && rpc_server_serve(server, own_fd, &e) == 0);
	(void)loop_run(loop);
}

static void done(void *arg, void *out, const struct error *error)
{
	require(!out == !!error);
	++*(unsigned *)arg;
}

/* The calls have the streams 1, 3, 5; each must end exactly once, whatever comes. */
static void feed_client(struct loop *loop, int own_fd)
{
	Agent__StatsContainerRequest in = AGENT__STATS_CONTAINER_REQUEST__INIT;
	_cleanup_(rpc_client_freep) struct rpc_client *client = NULL;
	unsigned n_done = 0;
	struct error e;

	client = rpc_client_new(loop, own_fd, &e);
	require(client != NULL);
	for (int i = 0; i < 3; i++)
		require(rpc_call_async(client, &call_stats, &in, done, &n_done, &e) == 0);
	rpc_client_on_close(client, stop_client, loop);
	(void)loop_run(loop);
	require(n_done == 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct error e;
	int fds[2];

	if (size < 1 || size > INPUT_MAX)
		return 0;
	loop = loop_new(&e);
	require(loop && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	require(send(fds[0], data + 1, size - 1, MSG_NOSIGNAL) == (ssize_t)size - 1);
	(void)close(fds[0]);
	if (data[0] % 2)
		feed_server(loop, fds[1]);
	else
		feed_client(loop, fds[1]);
	return 0;
}
