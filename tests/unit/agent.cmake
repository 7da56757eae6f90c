# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_agent_config.c LIBS kata_agent)
kata_unit_test(test_agent_console.c LIBS kata_agent)
kata_unit_test(test_agent_container.c LIBS kata_agent)
kata_unit_test(test_agent_copy.c LIBS kata_agent)
kata_unit_test(test_agent_fsgroup.c LIBS kata_agent)
kata_unit_test(test_agent_guest.c LIBS kata_agent)
kata_unit_test(test_agent_network.c LIBS kata_agent)
kata_unit_test(test_agent_cgroup.c LIBS kata_agent)
kata_unit_test(test_agent_mount.c LIBS kata_agent)
kata_unit_test(test_agent_process.c LIBS kata_agent)
kata_unit_test(test_agent_stream.c LIBS kata_agent)
kata_unit_test(test_agent_watch.c LIBS kata_agent)
