/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_LOCK_H
#define LIB_HOST_LOCK_H

#include "lib/str.h"
#include "lib/wait.h"

/* The right to change a machine, held by one installer at a time, whoever it is. */
struct lock;

/* Waits for it: for every one of FOLDERS, which are made if needed, in this order.  All installers
 * have to name the same ones, and the same order. */
int lock_take(char *const *folders, uint64_t deadline_ms, const struct cancel *cancel,
	      struct lock **ret_lock, struct error *e);
void lock_release(struct lock *lock);
DEFINE_CLEANUP(lock_releasep, struct lock *, lock_release)

#endif
