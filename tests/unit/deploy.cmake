# SPDX-License-Identifier: Apache-2.0

kata_unit_test(test_advice.c LIBS kata_deploy_parts)
kata_unit_test(test_assess.c LIBS kata_deploy_parts)
kata_unit_test(test_classes.c LIBS kata_deploy_parts)
kata_unit_test(test_cri.c LIBS kata_deploy_parts)
kata_unit_test(test_settings.c LIBS kata_deploy_parts)
kata_unit_test(test_supervise.c LIBS kata_deploy_parts)
kata_unit_test(test_unused.c LIBS kata_deploy_parts)
kata_unit_test(test_node.c LIBS kata_deploy_parts)
kata_unit_test(test_run.c LIBS kata_deploy_parts)
kata_unit_test(test_sweep.c LIBS kata_deploy_parts)
kata_unit_test(test_uninstall.c LIBS kata_deploy_parts)
kata_unit_test(test_wish.c LIBS kata_deploy_parts)
