# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_str.c LIBS kata_base)
kata_unit_test(test_file.c LIBS kata_base)
kata_unit_test(test_loop.c LIBS kata_base)
kata_unit_test(test_json.c LIBS kata_json)
kata_unit_test(test_toml.c LIBS kata_base)
