/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_GUEST_CONSOLE_H
#define AGENT_GUEST_CONSOLE_H

#include "lib/loop.h"
#include "lib/sock.h"

/* The debug console: every connection gets a terminal of its own with a shell behind it.  Only
 * where the kernel command line asks for it: whoever reaches it is root in the guest.  Io thread.
 */
struct console;

struct console *console_new(struct loop *loop, const struct sock_address *address, struct error *e);
void console_free(struct console *console);

/* Runs a shell on the console of the machine itself.  Before loop_run(). */
int console_start_local(struct error *e);

/* main() of the process behind a terminal, `kata-agent console`: the image's shell, or without one
 * the few commands of console-shell.h.  Returns the exit status. */
int console_main(void);

#endif
