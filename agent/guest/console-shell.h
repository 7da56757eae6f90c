/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_CONSOLE_SHELL_H
#define AGENT_GUEST_CONSOLE_SHELL_H

#include <stdio.h>

/* Reads commands from IN until its end or "exit" and answers on OUT.  Returns the exit status. */
int console_shell(FILE *in, FILE *out);

#endif
