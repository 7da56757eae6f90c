/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc - the methods the agent answers, one table row each.
 *
 * A row says where its function runs and, by the type of its request, in which order: requests that
 * name a container follow each other in that container's queue, those that change the sandbox in
 * the sandbox's, the rest run beside everything.  A method of the protocol without a row is
 * answered with UNIMPLEMENTED and its name by the server, before its request is even decoded.
 * queue_of() and closed() run on the io thread.
 */

#include "agent/rpc.h"

#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/csi.pb-c.h"
#include "lib/rpc/proto/health.pb-c.h"
#include "lib/rpc/proto/memagent.pb-c.h"
#include "lib/rpc/proto/pb.pb-c.h"

#include "agent/config.h"
#include "agent/container/container.h"
#include "agent/guest/clock.h"
#include "agent/guest/guest.h"
#include "agent/guest/metrics.h"
#include "agent/guest/swap.h"
#include "agent/network/iptables.h"
#include "agent/network/names.h"
#include "agent/network/network.h"
#include "agent/sandbox.h"
#include "agent/storage/copy.h"
#include "agent/storage/shares.h"
#include "agent/storage/storage.h"
#include "agent/storage/volume.h"

static int check(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	Health__HealthCheckResponse *answer = out;

	(void)req;
	(void)in;
	(void)e;
	answer->status = HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	return 0;
}

static int version(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	Health__VersionCheckResponse *answer = out;

	(void)req;
	(void)in;
	(void)e;
	answer->grpc_version = xstrdup(AGENT_API_VERSION);
	/* Who asks wants to know whose agent this is like. */
	answer->agent_version = xstrdup(KATA_COMPATIBLE);
	return 0;
}

/* What upstream's agent does and this one does not, said before anybody wonders about his request.
 */
static int refuse_policy(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	return fail(e, ENOSYS, "SetPolicy: this agent has no policy, it does what the host asks");
}

static int refuse_mem_agent(struct rpc_request *req, const void *in, void *out, struct error *e)
{
	(void)req;
	(void)in;
	(void)out;
	return fail(e, ENOSYS,
		    "MemAgentMemcgSet and MemAgentCompactSet: this agent has no memory agent");
}

#define ROW(service, name, in, out, where, handle)                                  \
	{                                                                           \
		service, name, &in##__descriptor, &out##__descriptor, where, handle \
	}
#define HEALTH(name, out, handle) \
	ROW("grpc.Health", name, health__check_request, out, RPC_INLINE, handle)
#define WORK(name, in, out, handle) \
	ROW("grpc.AgentService", name, agent__##in##_request, out, RPC_WORK, handle)
#define INLINE(name, in, out, handle) \
	ROW("grpc.AgentService", name, agent__##in##_request, out, RPC_INLINE, handle)

/* clang-format off */
static const struct rpc_method methods[] = {
	HEALTH("Check", health__health_check_response, check),
	HEALTH("Version", health__version_check_response, version),
	WORK("CreateSandbox", create_sandbox, pb__empty, sandbox_rpc_create),
	WORK("DestroySandbox", destroy_sandbox, pb__empty, sandbox_rpc_destroy),
	WORK("GetGuestDetails", guest_details, agent__guest_details_response, guest_rpc_details),
	WORK("OnlineCPUMem", online_cpumem, pb__empty, guest_rpc_online_cpu_mem),
	WORK("MemHotplugByProbe", mem_hotplug_by_probe, pb__empty, guest_rpc_mem_hotplug_by_probe),
	WORK("AddSwap", add_swap, pb__empty, swap_rpc_add),
	WORK("AddSwapPath", add_swap_path, pb__empty, swap_rpc_add_path),
	WORK("ReseedRandomDev", reseed_random_dev, pb__empty, guest_rpc_reseed_random),
	INLINE("SetGuestDateTime", set_guest_date_time, agent__set_guest_date_time_response, clock_rpc_set),
	WORK("UpdateEphemeralMounts", update_ephemeral_mounts, pb__empty, storage_rpc_update_ephemeral),
	WORK("RemoveStaleVirtiofsShareMounts", remove_stale_virtiofs_share_mounts, pb__empty, share_rpc_remove_stale),
	WORK("GetVolumeStats", volume_stats, csi__volume_stats_response, volume_rpc_stats),
	WORK("ResizeVolume", resize_volume, pb__empty, volume_rpc_resize),
	WORK("CopyFile", copy_file, pb__empty, copy_rpc_file),
	WORK("GetMetrics", get_metrics, agent__metrics, metrics_rpc_get),
	WORK("UpdateInterface", update_interface, types__interface, network_rpc_update_interface),
	WORK("UpdateRoutes", update_routes, agent__routes, network_rpc_update_routes),
	WORK("ListInterfaces", list_interfaces, agent__interfaces, network_rpc_list_interfaces),
	WORK("ListRoutes", list_routes, agent__routes, network_rpc_list_routes),
	WORK("AddARPNeighbors", add_arpneighbors, pb__empty, network_rpc_add_neighbors),
	WORK("GetIPTables", get_iptables, agent__get_iptables_response, iptables_rpc_get),
	WORK("SetIPTables", set_iptables, agent__set_iptables_response, iptables_rpc_set),
	INLINE("SetPolicy", set_policy, pb__empty, refuse_policy),
	ROW("grpc.AgentService", "MemAgentMemcgSet", memagent__mem_agent_memcg_config, pb__empty, RPC_INLINE, refuse_mem_agent),
	ROW("grpc.AgentService", "MemAgentCompactSet", memagent__mem_agent_compact_config, pb__empty, RPC_INLINE, refuse_mem_agent),
	WORK("CreateContainer", create_container, pb__empty, container_rpc_create),
	WORK("StartContainer", start_container, pb__empty, container_rpc_start),
	WORK("RemoveContainer", remove_container, agent__remove_container_response, container_rpc_remove),
	WORK("ExecProcess", exec_process, pb__empty, container_rpc_exec),
	WORK("UpdateContainer", update_container, pb__empty, container_rpc_update),
	WORK("StatsContainer", stats_container, agent__stats_container_response, container_rpc_stats),
	WORK("GetDiagnosticData", get_diagnostic_data, agent__get_diagnostic_data_response, container_rpc_diagnostic),
	WORK("PauseContainer", pause_container, pb__empty, container_rpc_pause),
	WORK("ResumeContainer", resume_container, pb__empty, container_rpc_resume),
	INLINE("SignalProcess", signal_process, pb__empty, container_rpc_signal),
	INLINE("WaitProcess", wait_process, agent__wait_process_response, container_rpc_wait),
	INLINE("WriteStdin", write_stream, agent__write_stream_response, container_rpc_write_stdin),
	INLINE("CloseStdin", close_stdin, pb__empty, container_rpc_close_stdin),
	INLINE("ReadStdout", read_stream, agent__read_stream_response, container_rpc_read_stdout),
	INLINE("ReadStderr", read_stream, agent__read_stream_response, container_rpc_read_stderr),
	INLINE("TtyWinResize", tty_win_resize, pb__empty, container_rpc_tty_resize),
	INLINE("GetOOMEvent", get_oomevent, agent__oomevent, container_rpc_oom_event),
	INLINE("GetQuestion", get_question, agent__question, names_rpc_get),
	ROW("grpc.AgentService", "AnswerQuestion", agent__question, pb__empty, RPC_INLINE, names_rpc_answer),
};
/* clang-format on */

/* Calls that change nothing another call depends on. */
static rpc_handler *const alone[] = {
	guest_rpc_details,
	copy_rpc_file,
	metrics_rpc_get,
	network_rpc_list_interfaces,
	network_rpc_list_routes,
	volume_rpc_stats,
	/* Waits for parts of the machine, which may be long in coming; pools have a lock. */
	guest_rpc_online_cpu_mem,
};

const struct rpc_method *agent_methods(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(methods);
	return methods;
}

/* The container a request names, or NULL if its type has no such field. */
static const char *container_of_request(const struct rpc_method *method, const void *in)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(method->in, "container_id");

	return field ? *(char *const *)((const char *)in + field->offset) : NULL;
}

static struct work_queue *queue_of(void *context, const struct rpc_method *method, const void *in)
{
	struct sandbox *sb = context;
	const char *id = container_of_request(method, in);

	if (id)
		return containers_queue(sb->containers, id,
					method->handle == container_rpc_create ? CONTAINERS_MAKE
									       : CONTAINERS_FIND);
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		if (method->handle == alone[i])
			return NULL;
	return sb->queue;
}

static void connection_closed(void *context)
{
	struct sandbox *sb = context;

	if (sb->disconnected)
		sb->disconnected(sb);
}

struct rpc_server *agent_server_new(struct sandbox *sb, struct error *e)
{
	const struct rpc_service service = {
		.methods = methods,
		.n_methods = ARRAY_SIZE(methods),
		.queue_of = queue_of,
		.context = sb,
		.closed = connection_closed,
	};

	return rpc_server_new(sb->loop, sb->pool, &service, e);
}
