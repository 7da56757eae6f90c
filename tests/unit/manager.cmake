# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_manager.c LIBS kata_manager_parts)
kata_unit_test(test_manager_engines.c LIBS kata_manager_parts)
kata_unit_test(test_manager_letters.c LIBS kata_manager_parts)
kata_unit_test(test_manager_look.c LIBS kata_manager_parts)
kata_unit_test(test_manager_report.c LIBS kata_manager_parts pkgconfig:libcrypto)
kata_unit_test(test_manager_trust.c LIBS kata_manager_parts pkgconfig:libcrypto)
