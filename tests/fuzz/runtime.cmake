# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_config.c LIBS kata_config)
kata_fuzz(fuzz_direct.c LIBS kata_sandbox)
kata_fuzz(fuzz_qmp.c LIBS kata_vmm)
kata_fuzz(fuzz_spec.c LIBS kata_sandbox)
kata_fuzz(fuzz_shim_request.c LIBS kata_shim)
