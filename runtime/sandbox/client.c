/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - call the agent, each call with a limit of its own.
 *
 * The agent is the guest's and may answer late or never, so no call is without a deadline; the
 * table says how long each may take.  Calls that last as long as a process (WaitProcess, streams,
 * GetOOMEvent) are made asynchronously by those who need them and end with the connection.
 *
 * Requests are built on the stack around borrowed strings.  Any thread but the io thread.
 */

#include "runtime/sandbox/client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/net/address.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/csi.pb-c.h"

#define CALL_WAIT_MS   UINT64_C(10000)
#define CREATE_WAIT_MS UINT64_C(60000)
#define KILL_WAIT_MS   UINT64_C(5000)
#define STALE_WAIT_MS  UINT64_C(2000) /* a favour, which nothing depends on */
/* Who asks a shim for its metrics gives up after 3 s, with what the host knows as well. */
#define METRICS_WAIT_MS UINT64_C(1500)
#define NS_PER_S        INT64_C(1000000000)
#define NS_PER_US       INT64_C(1000)
#define CLOCK_CALLS     5
#define CLOCK_GOOD_NS   (4 * NS_PER_S / 1000) /* a reading is at most half of it wrong */

#define CALL(method, input, output, wait)                                                          \
	{                                                                                          \
		{ "grpc.AgentService", method, &input##__descriptor, &output##__descriptor }, wait \
	}

static const struct {
	struct rpc_call call;
	uint64_t wait_ms;
} calls[] = {
	[CLIENT_CREATE_SANDBOX] =
		CALL("CreateSandbox", agent__create_sandbox_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_DESTROY_SANDBOX] = CALL("DestroySandbox", pb__empty, pb__empty, CALL_WAIT_MS),
	[CLIENT_UPDATE_INTERFACE] = CALL("UpdateInterface", agent__update_interface_request,
					 types__interface, CALL_WAIT_MS),
	[CLIENT_UPDATE_ROUTES] =
		CALL("UpdateRoutes", agent__update_routes_request, agent__routes, CALL_WAIT_MS),
	[CLIENT_ADD_NEIGHBOURS] =
		CALL("AddARPNeighbors", agent__add_arpneighbors_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_GUEST_DETAILS] = CALL("GetGuestDetails", agent__guest_details_request,
				      agent__guest_details_response, CALL_WAIT_MS),
	[CLIENT_ONLINE_CPU_MEM] =
		CALL("OnlineCPUMem", agent__online_cpumem_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_SET_TIME] = CALL("SetGuestDateTime", agent__set_guest_date_time_request,
				 agent__set_guest_date_time_response, CALL_WAIT_MS),
	[CLIENT_COPY_FILE] = CALL("CopyFile", agent__copy_file_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_CREATE_CONTAINER] =
		CALL("CreateContainer", agent__create_container_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_START_CONTAINER] =
		CALL("StartContainer", agent__start_container_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_REMOVE_CONTAINER] = CALL("RemoveContainer", agent__remove_container_request,
					 agent__remove_container_response, CALL_WAIT_MS),
	[CLIENT_REMOVE_STALE_SHARES] =
		CALL("RemoveStaleVirtiofsShareMounts",
		     agent__remove_stale_virtiofs_share_mounts_request, pb__empty, STALE_WAIT_MS),
	[CLIENT_UPDATE_CONTAINER] =
		CALL("UpdateContainer", agent__update_container_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_STATS_CONTAINER] = CALL("StatsContainer", agent__stats_container_request,
					agent__stats_container_response, CALL_WAIT_MS),
	[CLIENT_PAUSE_CONTAINER] =
		CALL("PauseContainer", agent__pause_container_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_RESUME_CONTAINER] =
		CALL("ResumeContainer", agent__resume_container_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_EXEC_PROCESS] =
		CALL("ExecProcess", agent__exec_process_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_SIGNAL_PROCESS] =
		CALL("SignalProcess", agent__signal_process_request, pb__empty, KILL_WAIT_MS),
	[CLIENT_WAIT_PROCESS] = CALL("WaitProcess", agent__wait_process_request,
				     agent__wait_process_response, CALL_WAIT_MS),
	[CLIENT_RESIZE] =
		CALL("TtyWinResize", agent__tty_win_resize_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_WRITE_STDIN] = CALL("WriteStdin", agent__write_stream_request,
				    agent__write_stream_response, CALL_WAIT_MS),
	[CLIENT_CLOSE_STDIN] =
		CALL("CloseStdin", agent__close_stdin_request, pb__empty, CALL_WAIT_MS),
	[CLIENT_READ_STDOUT] = CALL("ReadStdout", agent__read_stream_request,
				    agent__read_stream_response, CALL_WAIT_MS),
	[CLIENT_READ_STDERR] = CALL("ReadStderr", agent__read_stream_request,
				    agent__read_stream_response, CALL_WAIT_MS),
	[CLIENT_GET_OOM_EVENT] =
		CALL("GetOOMEvent", agent__get_oomevent_request, agent__oomevent, CALL_WAIT_MS),
	[CLIENT_GET_QUESTION] =
		CALL("GetQuestion", agent__get_question_request, agent__question, CALL_WAIT_MS),
	[CLIENT_ANSWER_QUESTION] = CALL("AnswerQuestion", agent__question, pb__empty, CALL_WAIT_MS),
	[CLIENT_VOLUME_STATS] = CALL("GetVolumeStats", agent__volume_stats_request,
				     csi__volume_stats_response, CALL_WAIT_MS),
	[CLIENT_RESIZE_VOLUME] =
		CALL("ResizeVolume", agent__resize_volume_request, pb__empty, CREATE_WAIT_MS),
	[CLIENT_GET_METRICS] =
		CALL("GetMetrics", agent__get_metrics_request, agent__metrics, METRICS_WAIT_MS),
	[CLIENT_GET_IPTABLES] = CALL("GetIPTables", agent__get_iptables_request,
				     agent__get_iptables_response, CALL_WAIT_MS),
	[CLIENT_SET_IPTABLES] = CALL("SetIPTables", agent__set_iptables_request,
				     agent__set_iptables_response, CALL_WAIT_MS),
	[CLIENT_SET_POLICY] = CALL("SetPolicy", agent__set_policy_request, pb__empty, CALL_WAIT_MS),
};
static_assert(ARRAY_SIZE(calls) == N_CLIENT_CALL, "a row for every call");

const struct rpc_call *client_call_of(enum client_call which)
{
	return &calls[which].call;
}

enum client_call client_which(const struct rpc_call *call)
{
	enum client_call which = 0;

	while (which < N_CLIENT_CALL && &calls[which].call != call)
		which++;
	return which;
}

uint64_t client_wait_of(enum client_call which)
{
	return calls[which].wait_ms;
}

int client_call(struct rpc_client *rpc, enum client_call which, const void *in, void *ret_out,
		uint64_t wait_ms, const struct cancel *cancel, struct error *e)
{
	uint64_t wait = wait_ms ? wait_ms : calls[which].wait_ms;
	int r = rpc_call(rpc, &calls[which].call, in, ret_out, deadline_in(wait), cancel, e);

	return r < 0 ? fail_wrap(e, "agent: %s", calls[which].call.name) : r;
}

static int64_t time_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* What a call told about the guest's clock. */
struct clock_reading {
	bool is_known;
	int64_t offset_ns; /* how far it is behind, at most half of what follows wrong */
	int64_t took_ns;
};

/* An agent that does not know offsets sets its clock to the time of day, which is right but for
 * the time on the way. */
static int change_clock(struct rpc_client *rpc, int64_t by_ns, struct clock_reading *ret,
			const struct cancel *cancel, struct error *e)
{
	Agent__SetGuestDateTimeRequest request = AGENT__SET_GUEST_DATE_TIME_REQUEST__INIT;
	_message_ Agent__SetGuestDateTimeResponse *answer = NULL;
	int64_t begin = time_ns(CLOCK_MONOTONIC), now = time_ns(CLOCK_REALTIME);
	int r;

	request.sec = now / NS_PER_S;
	request.usec = now % NS_PER_S / NS_PER_US;
	request.has_offset_case = AGENT__SET_GUEST_DATE_TIME_REQUEST__HAS_OFFSET_OFFSET_NS;
	request.offsetns = by_ns;
	r = client_call(rpc, CLIENT_SET_TIME, &request, &answer, 0, cancel, e);
	if (r < 0)
		return r;
	ret->took_ns = time_ns(CLOCK_MONOTONIC) - begin;
	ret->is_known = answer->sec > 0 && answer->sec < INT64_MAX / NS_PER_S - 1 &&
			answer->nsec >= 0 && answer->nsec < NS_PER_S;
	if (ret->is_known)
		ret->offset_ns = now + ret->took_ns / 2 - (answer->sec * NS_PER_S + answer->nsec);
	return 0;
}

int client_set_clock(struct rpc_client *rpc, const struct cancel *cancel, int64_t *ret_offset_ns,
		     struct error *e)
{
	struct clock_reading best = { .took_ns = INT64_MAX }, ignored;

	for (unsigned i = 0; i < CLOCK_CALLS && best.took_ns > CLOCK_GOOD_NS; i++) {
		struct clock_reading reading = { 0 };
		int r = change_clock(rpc, 0, &reading, cancel, e);

		if (r < 0)
			return r;
		if (!reading.is_known) {
			*ret_offset_ns = 0;
			return 0;
		}
		if (reading.took_ns < best.took_ns)
			best = reading;
	}
	*ret_offset_ns = best.offset_ns;
	return change_clock(rpc, best.offset_ns, &ignored, cancel, e);
}

static Types__IPFamily family_of(int family)
{
	return family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static int set_routes(struct rpc_client *rpc, const struct network *n, const struct cancel *cancel,
		      struct error *e)
{
	Agent__UpdateRoutesRequest request = AGENT__UPDATE_ROUTES_REQUEST__INIT;
	Agent__Routes routes = AGENT__ROUTES__INIT;
	_free_ Types__Route *all = xcalloc(n->n_routes, sizeof(*all));
	_free_ Types__Route **list = xcalloc(n->n_routes, sizeof(*list));

	for (size_t i = 0; i < n->n_routes; i++) {
		struct network_route *from = &n->routes[i];

		all[i] = (Types__Route)TYPES__ROUTE__INIT;
		all[i].dest = from->dest;
		all[i].gateway = from->gateway;
		all[i].source = from->source;
		all[i].device = n->links[from->link].name;
		all[i].scope = from->scope;
		all[i].flags = from->flags;
		all[i].mtu = from->mtu;
		all[i].family = family_of(from->family);
		list[i] = &all[i];
	}
	routes.routes = list;
	routes.n_routes = n->n_routes;
	request.routes = &routes;
	return client_call(rpc, CLIENT_UPDATE_ROUTES, &request, NULL, 0, cancel, e);
}

static int set_neighbours(struct rpc_client *rpc, const struct network *n,
			  const struct cancel *cancel, struct error *e)
{
	Agent__AddARPNeighborsRequest request = AGENT__ADD_ARPNEIGHBORS_REQUEST__INIT;
	Agent__ARPNeighbors neighbours = AGENT__ARPNEIGHBORS__INIT;
	_free_ Types__ARPNeighbor *all = xcalloc(n->n_neighbours, sizeof(*all));
	_free_ Types__ARPNeighbor **list = xcalloc(n->n_neighbours, sizeof(*list));
	_free_ Types__IPAddress *addresses = xcalloc(n->n_neighbours, sizeof(*addresses));
	_strv_ strv macs = NULL;

	for (size_t i = 0; i < n->n_neighbours; i++) {
		struct network_neighbour *from = &n->neighbours[i];

		all[i] = (Types__ARPNeighbor)TYPES__ARPNEIGHBOR__INIT;
		addresses[i] = (Types__IPAddress)TYPES__IPADDRESS__INIT;
		strv_take(&macs, net_mac_text(from->mac));
		addresses[i].family = family_of(from->address.family);
		addresses[i].address = from->address.text;
		all[i].toipaddress = &addresses[i];
		all[i].device = n->links[from->link].name;
		all[i].lladdr = macs[i];
		all[i].state = from->state;
		all[i].flags = from->flags;
		list[i] = &all[i];
	}
	neighbours.arpneighbors = list;
	neighbours.n_arpneighbors = n->n_neighbours;
	request.neighbors = &neighbours;
	return client_call(rpc, CLIENT_ADD_NEIGHBOURS, &request, NULL, 0, cancel, e);
}

int client_set_interface(struct rpc_client *rpc, const struct network_link *link,
			 const struct cancel *cancel, struct error *e)
{
	Agent__UpdateInterfaceRequest request = AGENT__UPDATE_INTERFACE_REQUEST__INIT;
	Types__Interface interface = TYPES__INTERFACE__INIT;
	_free_ Types__IPAddress *addresses = xcalloc(link->n_addresses, sizeof(*addresses));
	_free_ Types__IPAddress **list = xcalloc(link->n_addresses, sizeof(*list));
	_free_ char(*masks)[8] = xcalloc(link->n_addresses, sizeof(*masks));
	_free_ char *mac = net_mac_text(link->mac);

	for (size_t i = 0; i < link->n_addresses; i++) {
		const struct network_address *from = &link->addresses[i];

		addresses[i] = (Types__IPAddress)TYPES__IPADDRESS__INIT;
		(void)snprintf(masks[i], sizeof(masks[i]), "%u", from->prefix & 0xff);
		addresses[i].family = family_of(from->family);
		addresses[i].address = (char *)(uintptr_t)from->text;
		addresses[i].mask = masks[i];
		list[i] = &addresses[i];
	}
	interface.device = interface.name = (char *)(uintptr_t)link->name;
	interface.ipaddresses = list;
	interface.n_ipaddresses = link->n_addresses;
	interface.mtu = link->mtu;
	interface.hwaddr = mac;
	interface.raw_flags = link->flags & IFF_NOARP;
	interface.devicepath = (char *)(uintptr_t)link->address.text;
	request.interface = &interface;
	if (client_call(rpc, CLIENT_UPDATE_INTERFACE, &request, NULL, 0, cancel, e) < 0)
		return fail_wrap(e, "interface '%s'", link->name);
	return 0;
}

int client_set_network(struct rpc_client *rpc, const struct network *n, const struct cancel *cancel,
		       struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n->n_links; i++)
		r = client_set_interface(rpc, &n->links[i], cancel, e);
	if (r >= 0 && n->n_routes > 0)
		r = set_routes(rpc, n, cancel, e);
	if (r >= 0 && n->n_neighbours > 0)
		r = set_neighbours(rpc, n, cancel, e);
	return r;
}
