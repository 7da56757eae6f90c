# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_config.c LIBS kata_config)
target_compile_definitions(test_config PRIVATE KATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
kata_unit_test(test_annotation.c LIBS kata_config)
kata_unit_test(test_qmp.c LIBS kata_vmm)
kata_unit_test(test_qemu_command.c LIBS kata_vmm)
kata_unit_test(test_vmm.c LIBS kata_vmm)
