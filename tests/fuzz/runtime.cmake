# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_config.c
	PARSES runtime/config/value.c runtime/config/read.c runtime/config/annotation.c runtime/config/load.c:settle_vcpus,settle_memory,settle_root,config_settle
	LIBS kata_config)
kata_fuzz(fuzz_direct.c PARSES runtime/sandbox/direct.c:check_type,take_string,take_options,take_group,take_metadata,direct_parse,direct_done LIBS kata_sandbox)
kata_fuzz(fuzz_qmp.c PARSES runtime/vmm/qemu/qmp.c:-send_bytes,send_all LIBS kata_vmm)
kata_fuzz(fuzz_spec.c
	PARSES runtime/sandbox/spec.c:-spec_read runtime/sandbox/size.c:cpu_milli,unified,add_unified,add_pages,size_of_resources,number,size_of_pod
	LIBS kata_sandbox)
kata_fuzz(fuzz_shim_request.c PARSES runtime/shim/request.c LIBS kata_shim)
kata_fuzz(fuzz_state.c SOURCES folder.c PARSES runtime/sandbox/state.c:-state_set_process,state_is_alive,state_hold,state_remove,is_held_by,state_forget,process_kill,state_clean
	LIBS kata_sandbox)
kata_fuzz(fuzz_shim_stats.c PARSES runtime/shim/stats.c:-stats_host_kind runtime/shim/metrics.c:print_guest,metrics_of_guest LIBS kata_shim)
kata_fuzz(fuzz_netlink.c SOURCES datagrams.c
	PARSES lib/net/netlink.c:is_whole,netlink_u32,answer_state,answer_read,netlink_dump runtime/sandbox/redirect.c:match_name,redirect_find
		runtime/sandbox/network.c:link_find,scan_link,address_text,scan_address,route_mtu,is_pod_route,scan_route,is_gateway,scan_neighbour,drop_unaddressed,scan_all
	LIBS kata_sandbox)
kata_fuzz(fuzz_vsock.c PARSES lib/sock.c:fail_refused,read_byte,ask_for_port,shake_hands runtime/vmm/vsock.c:read_line,check_line LIBS kata_vmm)
kata_fuzz(fuzz_console.c PARSES runtime/vmm/output.c:begin_period,end_line,take LIBS kata_vmm)
kata_fuzz(fuzz_binary_uri.c PARSES runtime/pod/sink.c:unescape,sink_parse_binary LIBS kata_shim)
kata_fuzz(fuzz_exec.c PARSES runtime/shim/task.c:parse_exec LIBS kata_shim)
