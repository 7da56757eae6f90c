# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_agent_input.c
	PARSES agent/config.c:-config_parse_env agent/device/uevent.c:uevent_parse,take_pair lib/net/address.c:-net_has_ipv6
		lib/mount.c:option_find,attr_apply,option_apply,option_add,mount_options_parse,mount_options_check_plain,mount_options_done
	LIBS kata_agent)
kata_fuzz(fuzz_agent_copy.c
	PARSES agent/storage/copy.c:-open_shared_dir,copy_rpc_file,is_of_container,copy_forget,copy_forget_below,copy_read_end,copy_last_words
	LIBS kata_agent)
kata_fuzz(fuzz_agent_container.c
	PARSES agent/child/caps.c:-is_known,all_known,caps_drop_bounding,set_sets,caps_raise,caps_apply agent/child/lookup.c:-look_at,lookup_program
		agent/child/seccomp.c:-seccomp_assemble,program_size,seccomp_load_from,seccomp_is_supported agent/container/cgroup-device.c:-load,cgroup_allow_devices
	LIBS kata_agent)
kata_fuzz(fuzz_agent_stats.c SOURCES folder.c PARSES agent/container/cgroup-stats.c agent/guest/metrics.c LIBS kata_agent)
kata_fuzz(fuzz_agent_network.c SOURCES datagrams.c
	PARSES agent/network/network.c:fill_link,add_link,add_address,describe,describe_addresses agent/network/routes.c:address_of,dest_of,describe_route,collect
		agent/network/move.c:keep,is_wanted_link,is_wanted_address,is_wanted_route,is_wanted_neighbour,clean,has_gateway
	LIBS kata_agent)
