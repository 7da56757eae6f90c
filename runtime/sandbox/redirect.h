/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_REDIRECT_H
#define RUNTIME_SANDBOX_REDIRECT_H

#include <stdint.h>

#include "lib/error.h"

/* Changes to links on a netlink socket.  INDEX is that of an interface. */

/* The index of NAME; ENODEV if there is none. */
int redirect_find(int fd, const char *name, unsigned *ret_index, struct error *e);
/* Sets the MTU and brings the interface up. */
int redirect_raise(int fd, unsigned index, uint32_t mtu, struct error *e);
/* Adds the ingress queueing discipline.  EEXIST if the interface has one already: it is somebody
 * else's and stays. */
int redirect_attach(int fd, unsigned index, struct error *e);
/* Removes it with its filters; a missing one is success. */
int redirect_detach(int fd, unsigned index, struct error *e);
/* Sends everything that arrives at FROM out of TO. */
int redirect_join(int fd, unsigned from, unsigned to, struct error *e);
/* Deletes the interface NAME; a missing one is success. */
int redirect_remove(int fd, const char *name, struct error *e);

#endif
