# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_toml.c LIBS kata_base)
