/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SPEC_H
#define RUNTIME_SANDBOX_SPEC_H

#include "lib/idmap.h"
#include "lib/mount.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

/* spec - a bundle's config.json, and what of it the guest gets. */

/* What a container is to its pod. */
enum spec_type {
	SPEC_SINGLE,  /* no pod: a VM of its own */
	SPEC_SANDBOX, /* the first of a pod, which the VM lives and dies with */
	SPEC_MEMBER,  /* one more in a pod's VM */
	N_SPEC_TYPE,
};

/* Reads BUNDLE/config.json.  EINVAL names what is wrong with it; process, root and linux are there
 * afterwards, and paths of mounts are tidy (path_tidy()).  Caller frees with message_free(). */
int spec_read(const char *bundle, Oci__Spec **ret_spec, struct error *e);
/* The same from JSON text of at most LEN bytes; NAME is for messages. */
int spec_parse(const char *text, size_t len, const char *name, Oci__Spec **ret_spec,
	       struct error *e);

/* Says of every member in the list UNKNOWN, as pbjson_parse() gives it, that it has no effect. */
void spec_note_unknown(char *const *unknown, const char *name);

/* The value of annotation KEY, borrowed, or NULL. */
const char *spec_annotation(const Oci__Spec *spec, const char *key);
/* What annotations of containerd's or CRI-O's make of it.  EINVAL for a type nobody defines, and
 * for those of both: one of them is of whoever made the pod, not of the engine. */
int spec_type(const Oci__Spec *spec, enum spec_type *ret_type, struct error *e);
/* The id of the sandbox a SPEC_MEMBER belongs to, borrowed; NULL if it does not say. */
const char *spec_sandbox_id(const Oci__Spec *spec);

/* Whether the container has a namespace of TYPE ("network") other than the host's. */
bool spec_has_namespace(const Oci__Spec *spec, const char *type);
/* The path of one that it joins, borrowed; NULL if it has its own, or the host's. */
const char *spec_namespace_path(const Oci__Spec *spec, const char *type);
/* The mount on DESTINATION, borrowed; NULL without. */
const Oci__Mount *spec_mount_at(const Oci__Spec *spec, const char *destination);

bool spec_mount_has(const Oci__Mount *m, const char *option);
void spec_mount_add_option(Oci__Mount *m, const char *option);
bool spec_mount_is_bind(const Oci__Mount *m);
/* True if the host must share SOURCE of M with the guest, rather than M being made in the guest. */
bool spec_mount_is_shared(const Oci__Mount *m);
bool spec_mount_is_read_only(const Oci__Mount *m);
/* How the owners of the files in M are mapped; *ret_map borrows. */
enum mount_idmap spec_mount_idmap(const Oci__Spec *spec, const Oci__Mount *m,
				  struct idmap *ret_map);
/* Takes the map out of M: the host has done it. */
void spec_mount_forget_idmap(Oci__Mount *m);
/* True if mounts that are made below its source later belong to M. */
bool spec_mount_follows(const Oci__Mount *m);
/* True if what the container mounts below M is to be seen in others that have its source. */
bool spec_mount_spreads(const Oci__Mount *m);

/* True if the container may use every device, as a privileged one may. */
bool spec_gives_all_devices(const Oci__Spec *spec);
/* True if it looks like a privileged one that no rule says so of. */
bool spec_is_privileged(const Oci__Spec *spec);

/* ENOTSUP names what is asked for and cannot be done in a guest: it must not look as if it were. */
int spec_check_fields(const Oci__Spec *spec, struct error *e);
/* The same for limits that come alone. */
int spec_check_resources(const Oci__LinuxResources *resources, struct error *e);

/* ENOTSUP where namespaces of the host are asked for, or of other containers by one that is no
 * pod's: it must not look as if it had them.  Whether a sandbox may be without network, whatever it
 * asks for, is CONFIGURED. */
enum spec_network { SPEC_NETWORK_AS_ASKED, SPEC_NETWORK_NONE };
int spec_check_namespaces(const Oci__Spec *spec, enum spec_type type, enum spec_network configured,
			  struct error *e);

enum spec_seccomp { SPEC_SECCOMP_KEEP, SPEC_SECCOMP_DROP };

/* Takes out what means something on the host only: hooks, labels, network namespaces, paths of
 * namespaces, rules for devices with numbers of the host, but for those of its block
 * devices, and processor sets. */
void spec_constrain(Oci__Spec *spec, enum spec_seccomp seccomp);

/* The same for limits that come alone: processor sets. */
void spec_constrain_resources(Oci__LinuxResources *resources);

/* Replaces a string field of a message. */
void spec_set(char **field, const char *value);

#endif
