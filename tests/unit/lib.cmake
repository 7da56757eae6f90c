# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_str.c LIBS kata_base)
kata_unit_test(test_file.c LIBS kata_base)
kata_unit_test(test_loop.c LIBS kata_base)
kata_unit_test(test_sock.c LIBS kata_base)
kata_unit_test(test_json.c LIBS kata_json)
kata_unit_test(test_toml.c LIBS kata_base)
kata_unit_test(test_ttrpc.c LIBS kata_rpc kata_proto_agent)
kata_unit_test(test_rpc_server.c LIBS kata_rpc)
kata_unit_test(test_rpc_client.c LIBS kata_rpc)
kata_unit_test(test_pbjson.c LIBS kata_pbjson)
target_compile_definitions(test_pbjson PRIVATE TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data")
kata_unit_test(test_manifest.c LIBS kata_host)
kata_unit_test(test_store.c LIBS kata_host)
kata_unit_test(test_plan.c LIBS kata_host)
kata_unit_test(test_cri.c LIBS kata_host)
target_compile_definitions(test_cri PRIVATE
	TEST_CLUSTER_CONFIG="${PROJECT_SOURCE_DIR}/tests/cluster/config")
