# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_config.c LIBS kata_config)
target_compile_definitions(test_config PRIVATE KATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
kata_unit_test(test_annotation.c LIBS kata_config)
kata_unit_test(test_config_foreign.c LIBS kata_config)
kata_unit_test(test_config_vmms.c LIBS kata_config)
kata_unit_test(test_qmp.c LIBS kata_vmm)
kata_unit_test(test_qemu_command.c LIBS kata_vmm)
kata_unit_test(test_vmm.c LIBS kata_vmm)
kata_unit_test(test_vmm_output.c LIBS kata_vmm)
kata_unit_test(test_vmm_user.c LIBS kata_vmm)
kata_unit_test(test_filter.c LIBS kata_vmm)
kata_unit_test(test_virtiofsd.c LIBS kata_vmm)
target_link_options(test_vmm_output PRIVATE -Wl,--wrap=now_ms)

# Run by tests/it/vmm-runs-guests.sh.
add_executable(vmm-cases ${PROJECT_SOURCE_DIR}/tests/it/vmm-cases.c)
target_link_libraries(vmm-cases PRIVATE kata_flags kata_sandbox kata_vmm PkgConfig::CMOCKA)
set_target_properties(vmm-cases PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
kata_unit_test(test_copy.c LIBS kata_sandbox)
kata_unit_test(test_direct.c LIBS kata_sandbox)
kata_unit_test(test_ephemeral.c LIBS kata_sandbox)
kata_unit_test(test_spec.c LIBS kata_sandbox)
kata_unit_test(test_ways.c LIBS kata_sandbox)
target_link_options(test_ways PRIVATE -Wl,--wrap=sandbox_config -Wl,--wrap=sandbox_share -Wl,--wrap=sandbox_shm_source
	-Wl,--wrap=sandbox_copies -Wl,--wrap=share_get -Wl,--wrap=copies_add -Wl,--wrap=statvfs)
kata_unit_test(test_device.c LIBS kata_sandbox)
target_link_options(test_device PRIVATE -Wl,--wrap=sandbox_plug
	-Wl,--wrap=sandbox_unplug -Wl,--wrap=sandbox_share -Wl,--wrap=share_get -Wl,--wrap=share_put
	-Wl,--wrap=sandbox_config -Wl,--wrap=sandbox_shm_source)
kata_unit_test(test_localhost.c LIBS kata_sandbox)
kata_unit_test(test_layers.c LIBS kata_sandbox)
kata_unit_test(test_rootfs.c LIBS kata_sandbox)
kata_unit_test(test_share.c LIBS kata_sandbox)
target_link_options(test_share PRIVATE -Wl,--wrap=syscall)
kata_unit_test(test_guest_clock.c LIBS kata_sandbox)
kata_unit_test(test_guest_network.c LIBS kata_sandbox)
target_link_options(test_guest_network PRIVATE -Wl,--wrap=rpc_call -Wl,--wrap=netlink_dump)
kata_unit_test(test_hook.c LIBS kata_sandbox)
kata_unit_test(test_sandbox_parts.c LIBS kata_sandbox)
kata_unit_test(test_volume.c LIBS kata_sandbox)
target_link_options(test_volume PRIVATE -Wl,--wrap=vmm_add_block -Wl,--wrap=vmm_remove_block
	-Wl,--wrap=vmm_resize_block -Wl,--wrap=sandbox_find_disk -Wl,--wrap=sandbox_grow_disk
	-Wl,--wrap=sandbox_rpc -Wl,--wrap=sandbox_canceller -Wl,--wrap=client_call)
kata_unit_test(test_shim_manage.c LIBS kata_shim)
target_link_options(test_shim_manage PRIVATE -Wl,--wrap=volume_stats -Wl,--wrap=volume_resize
	-Wl,--wrap=sandbox_vmm -Wl,--wrap=vmm_vsock -Wl,--wrap=deadline_in -Wl,--wrap=op_ask
	-Wl,--wrap=metrics_gather)
kata_unit_test(test_shim_metrics.c LIBS kata_shim)
kata_unit_test(test_shim_request.c LIBS kata_shim)
kata_unit_test(test_shim_events.c LIBS kata_shim)
kata_unit_test(test_shim_handover.c LIBS kata_shim kata_host)
kata_unit_test(test_shim_names.c LIBS kata_shim)
target_link_options(test_shim_names PRIVATE -Wl,--wrap=sandbox_name_server
	-Wl,--wrap=sandbox_rpc -Wl,--wrap=rpc_call_async -Wl,--wrap=rpc_call_forget -Wl,--wrap=connect)
kata_unit_test(test_shim_stdio.c LIBS kata_shim)
kata_unit_test(test_shim_ends.c LIBS kata_shim)
target_link_options(test_shim_ends PRIVATE -Wl,--wrap=sandbox_rpc -Wl,--wrap=sandbox_stop -Wl,--wrap=sandbox_vmm
	-Wl,--wrap=sandbox_config -Wl,--wrap=sandbox_network_watch -Wl,--wrap=sandbox_ran_out_of_memory -Wl,--wrap=vmm_pidfd -Wl,--wrap=vmm_output_new
	-Wl,--wrap=vmm_output_free -Wl,--wrap=state_forget -Wl,--wrap=lastwords_note_oom)
kata_unit_test(test_shim_task.c LIBS kata_shim)
# Its sandbox is a fake agent.
target_link_options(test_shim_task PRIVATE -Wl,--wrap=sandbox_rpc -Wl,--wrap=sandbox_stop -Wl,--wrap=events_publish)
kata_unit_test(test_engine_specs.c LIBS kata_sandbox kata_agent)
target_compile_definitions(test_engine_specs PRIVATE KATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
# Whole pods: the tables of hypervisors and drivers are those of the fake one.
kata_unit_test(test_shim_life.c SOURCES fake-vmm.c scripted-agent.c LIBS kata_shim)
kata_unit_test(test_shim_calls.c SOURCES fake-vmm.c scripted-agent.c LIBS kata_shim)
foreach(pods test_shim_life test_shim_calls)
	target_link_options(${pods} PRIVATE -Wl,--wrap=rpc_call -Wl,--wrap=ask_agent -Wl,--wrap=config_check_paths)
endforeach()
target_link_options(test_shim_life PRIVATE -Wl,--wrap=cgroup_join)
kata_unit_test(test_cgroup.c LIBS kata_sandbox)
target_link_options(test_cgroup PRIVATE -Wl,--wrap=statfs -Wl,--wrap=file_read -Wl,--wrap=file_write)
