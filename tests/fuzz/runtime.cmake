# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_config.c LIBS kata_config)
