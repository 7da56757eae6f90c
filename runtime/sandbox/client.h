/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_CLIENT_H
#define RUNTIME_SANDBOX_CLIENT_H

#include "lib/rpc/client.h"
#include "runtime/sandbox/network.h"

/* Calls to the agent in the guest. */

enum client_call {
	CLIENT_CREATE_SANDBOX,
	CLIENT_DESTROY_SANDBOX,
	CLIENT_UPDATE_INTERFACE,
	CLIENT_UPDATE_ROUTES,
	CLIENT_ADD_NEIGHBOURS,
	CLIENT_GUEST_DETAILS,
	CLIENT_ONLINE_CPU_MEM,
	CLIENT_SET_TIME,
	CLIENT_COPY_FILE,
	CLIENT_CREATE_CONTAINER,
	CLIENT_START_CONTAINER,
	CLIENT_REMOVE_CONTAINER,
	CLIENT_REMOVE_STALE_SHARES,
	CLIENT_UPDATE_CONTAINER,
	CLIENT_STATS_CONTAINER,
	CLIENT_PAUSE_CONTAINER,
	CLIENT_RESUME_CONTAINER,
	CLIENT_EXEC_PROCESS,
	CLIENT_SIGNAL_PROCESS,
	CLIENT_WAIT_PROCESS,
	CLIENT_RESIZE,
	CLIENT_WRITE_STDIN,
	CLIENT_CLOSE_STDIN,
	CLIENT_READ_STDOUT,
	CLIENT_READ_STDERR,
	CLIENT_GET_OOM_EVENT,
	CLIENT_GET_QUESTION,
	CLIENT_ANSWER_QUESTION,
	CLIENT_VOLUME_STATS,
	CLIENT_RESIZE_VOLUME,
	CLIENT_GET_METRICS,
	CLIENT_GET_IPTABLES,
	CLIENT_SET_IPTABLES,
	CLIENT_SET_POLICY,
	N_CLIENT_CALL,
};

/* Name, messages and service of WHICH, for rpc_call_async(). */
const struct rpc_call *client_call_of(enum client_call which);

/* Which of these CALL is; N_CLIENT_CALL: none. */
enum client_call client_which(const struct rpc_call *call);

/* How long WHICH may take. */
uint64_t client_wait_of(enum client_call which);

/* Calls and waits, at most as long as the table allows WHICH (WAIT_MS instead if it is not 0).
 * *RET_OUT as for rpc_call().  Not on the io thread. */
int client_call(struct rpc_client *rpc, enum client_call which, const void *in, void *ret_out,
		uint64_t wait_ms, const struct cancel *cancel, struct error *e);

/* Sets the guest's clock by ours, as exactly as the calls are fast.  *RET_OFFSET_NS is how far it
 * was behind; 0 if the agent does not say. */
int client_set_clock(struct rpc_client *rpc, const struct cancel *cancel, int64_t *ret_offset_ns,
		     struct error *e);

/* Makes the guest's interface as LINK is: one without addresses loses those it has. */
int client_set_interface(struct rpc_client *rpc, const struct network_link *link,
			 const struct cancel *cancel, struct error *e);

/* Gives the guest the interfaces, routes and neighbours of N. */
int client_set_network(struct rpc_client *rpc, const struct network *n, const struct cancel *cancel,
		       struct error *e);

#endif
