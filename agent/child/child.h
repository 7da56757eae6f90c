/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CHILD_CHILD_H
#define AGENT_CHILD_CHILD_H

/*
 * The program that becomes a container's process: this one, run again as `kata-agent init`.  It
 * shares with the agent no more than agent/plan; nothing here runs in the agent itself.
 */

/* Its main().  Returns the exit status when exec failed. */
int child_main(void);

#endif
