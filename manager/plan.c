/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the steps of installing and removing, in order.
 *
 * Their names are those of kata-deploy's where they do the same.  A row with an undo is journalled
 * before it runs; when a later one fails, the rows are taken back from the last to the first.  The
 * canary comes before everything that a sandbox or an engine could notice.  A new step is one row
 * here and one file in steps/ that fills `const struct step step_NAME`.
 */
#include "manager/run.h"

/* clang-format off */
#define INSTALL_STEPS(row)                                              \
	row(host)      /* check the machine */                          \
	row(download)  /* bring what of the release is not here */      \
	row(trust)     /* pin the key of releases */                    \
	row(unpack)    /* unpack and verify the release */              \
	row(canary)    /* boot a sandbox */                             \
	row(overrides) /* write the machine's own configuration */      \
	row(switch)    /* make the version current */                   \
	row(engines)   /* configure the container engines */            \
	row(sweep)     /* remove versions nobody uses */

#define REMOVE_STEPS(row)                                               \
	row(drain)     /* see that nothing uses a sandbox */            \
	row(withdraw)  /* remove our handlers from the engines */       \
	row(remove)    /* remove the files */

#define ASSEMBLE_STEPS(row)                                             \
	row(unpack)    /* unpack and verify the release */              \
	row(overrides) /* write the machine's own configuration */      \
	row(switch)    /* make the version current */                   \
	row(engines)   /* the link by which the shim is found */        \
	row(sweep)     /* remove versions nobody uses */
/* clang-format on */

#define DECLARE(name) extern const struct step step_##name;
INSTALL_STEPS(DECLARE)
REMOVE_STEPS(DECLARE)

#define ROW(name) &step_##name,
step_table install_steps = { INSTALL_STEPS(ROW) NULL };
step_table remove_steps = { REMOVE_STEPS(ROW) NULL };
step_table assemble_steps = { ASSEMBLE_STEPS(ROW) NULL };
step_table dismantle_steps = { &step_withdraw, &step_remove, NULL };
step_table leave_steps = { &step_sweep, NULL };
step_table settings_steps = { &step_overrides, NULL };
