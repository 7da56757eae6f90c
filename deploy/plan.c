/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the steps of installing, removing and resetting, in order.
 *
 * A row with an undo is journalled before it runs; when a later one fails, the rows are taken back
 * from the last to the first.  The canary comes before everything that a sandbox, the cluster or
 * the container engine could notice: a version that does not boot here disturbs nobody and leaves
 * no mark.  A new step is one row here and one file in steps/ that fills `const struct step
 * step_NAME`.
 */
#include "deploy/install.h"

/* clang-format off */
#define INSTALL_STEPS(row)                                              \
	row(host)      /* check the node */                             \
	row(trust)     /* pin the key of releases */                    \
	row(unpack)    /* unpack and verify the release */              \
	row(canary)    /* boot a sandbox */                             \
	row(claim)     /* keep new pods away */                         \
	row(overrides) /* write the node's own configuration */         \
	row(adopt)     /* move upstream's installation aside */         \
	row(switch)    /* make the version current */                   \
	row(cri)       /* configure the container engine */             \
	row(handlers)  /* wait for the kubelet */                       \
	row(trial)     /* run a sandbox as the kubelet does */          \
	row(classes)   /* apply the RuntimeClasses */                   \
	row(ready)     /* label the node */                             \
	row(upgraded)  /* say that the version is the wanted one */     \
	row(sweep)     /* remove versions nobody uses */                \
	row(link)      /* put the shim into the PATH, if wished */

/* The undo of an interrupted installation is that of INSTALL_STEPS; removing has none of its own
 * but for what the three share: the engine's old configuration, the link in the PATH, and an adopted
 * class that was deleted and not yet made anew. */
#define CLEANUP_STEPS(row)                                              \
	row(release)   /* take the labels away */                       \
	row(unclass)   /* remove the RuntimeClasses */                  \
	row(drain)     /* wait for what still uses a sandbox */         \
	row(withdraw)  /* remove our handlers from the engine */        \
	row(unlink)    /* take the shim out of the PATH */              \
	row(handback)  /* hand upstream's installation back */          \
	row(remove)    /* remove the files */

/* The node has nothing of ours but what the cluster says of it: another program keeps the root. */
#define LEAVE_STEPS(row)                                                \
	row(release)   /* take the labels away */                       \
	row(unclass)   /* remove the RuntimeClasses */

/* Files and configuration stay: for a node whose labels or engine got into a state by hand. */
#define RESET_STEPS(row)                                                \
	row(release)   /* take the labels away */                       \
	row(unclass)   /* remove the RuntimeClasses */                  \
	row(restart)   /* restart the container engine */
/* clang-format on */

#define DECLARE(name) extern const struct step step_##name;
INSTALL_STEPS(DECLARE)
CLEANUP_STEPS(DECLARE)
RESET_STEPS(DECLARE)

#define ROW(name) &step_##name,
step_table install_steps = { INSTALL_STEPS(ROW) NULL };
step_table cleanup_steps = { CLEANUP_STEPS(ROW) NULL };
step_table leave_steps = { LEAVE_STEPS(ROW) NULL };
step_table reset_steps = { RESET_STEPS(ROW) NULL };
