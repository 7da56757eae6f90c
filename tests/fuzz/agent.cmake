# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_agent_input.c LIBS kata_agent)
kata_fuzz(fuzz_agent_copy.c LIBS kata_agent)
kata_fuzz(fuzz_agent_container.c LIBS kata_agent)
