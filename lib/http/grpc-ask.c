/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc-ask - one question on a connection of its own.
 *
 * For what a daemon answers from memory: one that takes longer hangs, and whoever asks has more to
 * do before his own deadline than to wait for it.  Any thread; blocks.
 */
#include "lib/http/grpc.h"

#define ASK_MS 10000

int grpc_ask(const char *socket_path, const struct grpc_method *method, const void *in,
	     void *ret_out, uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	_cleanup_(http_client_freep) struct http_client *client = NULL;
	int r = grpc_open(socket_path, &client, e);

	if (r < 0)
		return r;
	return grpc_call(client, method, in, ret_out, NULL,
			 min_u64(deadline_ms, deadline_in(ASK_MS)), cancel, e);
}
