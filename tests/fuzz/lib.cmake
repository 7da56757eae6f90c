# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_toml.c PARSES lib/toml.c lib/toml-scalar.c LIBS kata_base)
kata_fuzz(fuzz_ttrpc.c PARSES lib/rpc/ttrpc.c LIBS kata_rpc kata_proto_agent)
kata_fuzz(fuzz_tunnel.c PARSES lib/tunnel.c LIBS kata_base)
kata_fuzz(fuzz_agent_messages.c PARSES lib/rpc/message.c:-budget_alloc,message_new,message_pack_in,put_varint LIBS kata_rpc kata_proto_agent kata_proto_shim)
kata_fuzz(fuzz_oci_config.c PARSES lib/rpc/pbjson.c LIBS kata_pbjson kata_proto_shim)
kata_fuzz(fuzz_kube_watch.c PARSES lib/kube/stream.c LIBS kata_kube)
kata_fuzz(fuzz_kubeconfig.c
	PARSES lib/kube/yaml.c lib/kube/config.c:-load_in_cluster,load_account,find_system_authorities,add_file,add_files,read_files,kube_config_load,kube_config_choose
		lib/kube/credential.c:read_env,read_args,read_interaction,is_known,kube_plugin_read,read_expiry,kube_credential_parse
	LIBS kata_kube)
kata_fuzz(fuzz_daemon_json.c PARSES lib/host/docker-json.c LIBS kata_host)
kata_fuzz(fuzz_manifest.c PARSES lib/host/manifest.c:-manifest_read,manifest_folder LIBS kata_host)
kata_fuzz(fuzz_catalog.c PARSES lib/host/catalog.c LIBS kata_host)
kata_fuzz(fuzz_unpack.c
	PARSES lib/host/tar.c lib/host/unzstd.c lib/host/unpack.c:-unpack_manifest,read_entry,unpack_file,unpack_into,parts_of,extents_done
	LIBS kata_host)
kata_fuzz(fuzz_sign.c PARSES lib/host/sign.c:-verify_comment LIBS kata_host)
kata_fuzz(fuzz_http.c PARSES lib/http/grpc.c:on_header,grpc_unframe,decode,check LIBS kata_http kata_proto_client)
kata_fuzz(fuzz_redact.c PARSES lib/redact.c LIBS kata_base)
kata_fuzz(fuzz_mountinfo.c PARSES lib/mountinfo.c:-mountinfo_read LIBS kata_base)
kata_fuzz(fuzz_record.c SOURCES folder.c PARSES lib/host/record.c LIBS kata_host)
kata_fuzz(fuzz_courier.c PARSES lib/host/courier.c:take,fail_strange,take_end,take_frame,hear,courier_hear LIBS kata_host)
kata_fuzz(fuzz_fetch.c PARSES lib/http/fetch.c:parse_range,on_header,check_size,check_answer,begin,take,on_body,follow lib/http/url.c LIBS kata_http)
kata_fuzz(fuzz_journal.c PARSES lib/host/journal.c:parse_do,parse_line,parse,remember,last_entry,forget_last LIBS kata_host)
kata_fuzz(fuzz_endpoint.c
	PARSES lib/host/endpoint.c:read_conditions,add_handler,read_config,config_of,has_handler,endpoint_lacks,must_be_same,must_have_same,endpoint_compare
	LIBS kata_host)
kata_fuzz(fuzz_engine_files.c SOURCES folder.c
	PARSES lib/host/containerd-block.c lib/host/containerd-imports.c lib/host/containerd-compare.c lib/host/containerd-plan.c lib/host/containerd-place.c lib/toml-edit.c:path_begins,splice,check_result,toml_remove_table
		lib/host/containerd-format.c:-containerd_bare,same,count lib/host/containerd-load.c:-is_out_of_sight,read_on_node lib/host/crio-plan.c:-crio_bare,crio_merge
	LIBS kata_host)
kata_fuzz(fuzz_handlers.c SOURCES folder.c PARSES lib/host/handlers.c LIBS kata_host)
kata_fuzz(fuzz_docker.c PARSES lib/host/docker.c:read_status,add_container,split_arguments,is_daemon,set_file LIBS kata_host)
kata_fuzz(fuzz_proc.c SOURCES folder.c
	PARSES lib/host/peer.c:put_word,put_words lib/host/shims.c lib/host/checks/memory.c lib/kvm.c:has_flag,find_module,check_x86
		lib/host/engine.c:skip_name,parse_number,engine_set_version,engine_identify_program,numbers_len,engine_is_kind,engine_must_be
		lib/host/containerd.c:config_option,containerd_must_read
	LIBS kata_host)
kata_fuzz(fuzz_systemd.c PARSES lib/host/unit.c:set_string,on_removed,on_job,on_units,on_message,check_removed LIBS kata_host)
kata_fuzz(fuzz_live.c
	PARSES lib/host/live.c:live_done,live_is_used,live_text,label_of,live_add_user,add_user,is_running,pod_of,pods_of,is_of,live_add
	LIBS kata_host)
