/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_OWNER_H
#define TESTS_UNIT_OWNER_H

#include "lib/owner.h"

/* The owner of a test that has one only, and one beside it.  Neither locks anything. */
static const struct owner test_owner = {
	.program = "kata-deploy",
	.name = "kata-deploy",
	.label = "kata-deploy.katacontainers.io/default",
	.condition = "KataReady",
};

static const struct owner other_owner __attribute__((unused)) = {
	.program = "kata-deploy",
	.name = "kata-deploy-blue",
	.label = "kata-deploy.katacontainers.io/blue",
	.condition = "KataReady-blue",
};

#endif
