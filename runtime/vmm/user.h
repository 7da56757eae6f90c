/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_USER_H
#define RUNTIME_VMM_USER_H

#include <sys/types.h>

#include "lib/error.h"

/* A user id that no other VM of this machine has while the lock is held. */
struct vmm_user {
	uid_t uid;
	int lock_fd; /* -1: none is held */
	char *lock;  /* its file */
};

#define VMM_USER_NONE                                 \
	(struct vmm_user)                             \
	{                                             \
		.uid = 0, .lock_fd = -1, .lock = NULL \
	}

#define VMM_USERS_DIR "/run/vc/uids" /* of the locks; elsewhere in tests */

/* Takes one of the COUNT ids from FIRST on, of none of which a user is in PASSWD ("/etc/passwd").
 * The same NAME gets the same id as long as it is free.  EUSERS if none is.  Any thread. */
int vmm_user_take(const char *dir, const char *passwd, uid_t first, uid_t count, const char *name,
		  struct vmm_user *ret, struct error *e);
/* Idempotent. */
void vmm_user_release(struct vmm_user *user);

#endif
