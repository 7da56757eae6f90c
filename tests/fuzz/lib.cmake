# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_toml.c LIBS kata_base)
kata_fuzz(fuzz_ttrpc.c LIBS kata_rpc kata_proto_agent)
kata_fuzz(fuzz_agent_messages.c LIBS kata_rpc kata_proto_agent kata_proto_shim)
kata_fuzz(fuzz_oci_config.c LIBS kata_pbjson)
kata_fuzz(fuzz_kube_watch.c LIBS kata_kube)
kata_fuzz(fuzz_kubeconfig.c LIBS kata_kube)
kata_fuzz(fuzz_daemon_json.c LIBS kata_host)
kata_fuzz(fuzz_manifest.c LIBS kata_host)
kata_fuzz(fuzz_unpack.c LIBS kata_host)
kata_fuzz(fuzz_sign.c LIBS kata_host)
kata_fuzz(fuzz_http.c LIBS kata_http)
kata_fuzz(fuzz_redact.c LIBS kata_base)
