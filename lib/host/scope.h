/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_HOST_SCOPE_H
#define LIB_HOST_SCOPE_H

#include "lib/owner.h"
#include "lib/str.h"

/*
 * What on a machine belongs to one installation, among everything that is Kata's.
 *
 * A NULL scope has all of it.
 */
struct scope {
	const struct owner *owner;
	const char *root; /* ROOT/versions has its versions */
	/* Names of handlers, paths of shims and launchers: */
	strv mine;   /* these alone; NULL: whatever is nobody else's */
	strv others; /* those of other installations that are known */
};

void scope_done(struct scope *s);

/* A handler called NAME, of this or another version. */
bool scope_has_handler(const struct scope *s, const char *name);
/* A container in containerd's NAMESPACE with the runtime RUNTIME, "io.containerd.kata-qemu.v2" or
 * the path of a shim. */
bool scope_has_runtime(const struct scope *s, const char *namespace, const char *runtime);
/* RUNTIME names no handler that can be only one installation's: what it leads to was found by its
 * type, in the PATH, or by its path. */
bool scope_is_vague(const char *runtime);
/* A sandbox that was started from VERSION_DIR, a path that the shim's own file really has on the
 * machine; in doubt it has it. */
bool scope_has_version(const struct scope *s, const char *version_dir);

/* The path within its file system that PATH has, by the mounts in MOUNTINFO: seen from here it can
 * be called otherwise than on the machine.  For the former and the tests.  Caller frees. */
struct mountinfo;
char *scope_place(const struct mountinfo *mountinfo, const char *path);
/* Whether a path on the machine can be PLACE. */
bool scope_is_place(const char *place, const char *path);

#endif
