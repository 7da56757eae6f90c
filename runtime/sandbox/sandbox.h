/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_SANDBOX_H
#define RUNTIME_SANDBOX_SANDBOX_H

#include "lib/rpc/client.h"
#include "runtime/sandbox/block.h"
#include "runtime/sandbox/copies.h"
#include "runtime/sandbox/localhost.h"
#include "runtime/sandbox/share.h"
#include "runtime/sandbox/size.h"
#include "runtime/sandbox/spec.h"
#include "runtime/vmm/vmm.h"

/*
 * sandbox - one virtual machine with an agent in it, and everything on the host that serves it.
 *
 * sandbox_new() only reads; sandbox_open() and sandbox_start() make, and leave it to sandbox_stop()
 * to undo what they made before they failed: it ends, whatever state anything is in.
 */

#define SANDBOX_GUEST_SHM "/run/kata-containers/sandbox/shm" /* tmpfs of all its containers */

struct sandbox;
struct placeholders;

struct sandbox_params {
	struct loop *loop;
	struct work_pool *pool;
	const char *id;
	const char *namespace_;
	const char *bundle;
	const char *config_path;     /* NULL: KATA_CONF_FILE, then the default */
	const struct cancel *cancel; /* borrowed: raised, every wait ends soon with ECANCELED */
	const Oci__Spec *spec;       /* of the first container; read, not kept */
	enum spec_type type;
};

/* Loads configuration, passes the annotations through the gate and sizes the VM.  Work thread. */
int sandbox_new(const struct sandbox_params *params, struct sandbox **ret_sandbox, struct error *e);
/* Makes what is there before the VM: the cgroup that this program joins, the namespaces, so that
 * others can give the pod its network.  Work thread; once. */
int sandbox_open(struct sandbox *s, struct error *e);
/* The VM and what serves it, with the network that the pod has by now.  Work thread; once, after
 * sandbox_open(). */
int sandbox_start(struct sandbox *s, struct error *e);
/* Gives the guest the interfaces that others have put into the pod's network namespace since it was
 * looked at, and takes those that have left it, where that namespace is one that sandbox_open()
 * made.  Any work thread. */
int sandbox_change_interfaces(struct sandbox *s, struct error *e);
/* Borrowed: readable when something may have changed (network_watch_read()); -1 where nobody
 * changes anything. */
int sandbox_network_watch(const struct sandbox *s);
/* Whoever takes it carries connections to the pod's localhost into the guest, at the agent's
 * VSOCK_PORT_FORWARD; LOCALHOST_NONE where nobody can or needs to.  Once, after sandbox_start(). */
struct localhost sandbox_take_localhost(struct sandbox *s);
struct name_server;
/* Borrowed. */
const struct name_server *sandbox_name_server(const struct sandbox *s);
/* Sets the guest's clock by the host's; to be done again from time to time.  Work thread. */
int sandbox_set_clock(struct sandbox *s, struct error *e);

/* Ends processes, mounts, network, cgroups, files.  Never fails, ends within seconds, idempotent.
 * The record stays, with nothing but its identity and the shim in it.  Work thread, when no other
 * call for S is under way. */
void sandbox_stop(struct sandbox *s);
/* Io thread, after sandbox_stop(). */
void sandbox_free(struct sandbox *s);

/* What belongs to S, borrowed as long as S. */
const char *sandbox_id(const struct sandbox *s);
const struct config *sandbox_config(const struct sandbox *s);
struct rpc_client *sandbox_rpc(struct sandbox *s);   /* NULL before the agent answered */
bool sandbox_has_own_agent(const struct sandbox *s); /* vmm_has_own_agent() */
struct share *sandbox_share(struct sandbox *s);      /* NULL: nothing is shared */
struct copies *sandbox_copies(struct sandbox *s);    /* NULL: something is */
/* What the engine mounts on /dev/shm for the pod as a whole, a folder of the host; NULL if nothing.
 */
const char *sandbox_shm_source(const struct sandbox *s);
struct placeholders *sandbox_places(struct sandbox *s); /* NULL before sandbox_open() */
const struct cancel *sandbox_canceller(const struct sandbox *s);
const struct vmm *sandbox_vmm(const struct sandbox *s); /* NULL before sandbox_start() */

/* Whether a container of SPEC is of this pod: its cgroup lies where the sandbox's does, the
 * namespaces that it joins are the sandbox's.  Work thread. */
int sandbox_admit(struct sandbox *s, const Oci__Spec *spec, struct error *e);

/* Replaces limits of BEFORE among those of the sandbox's containers by AFTER, and gives the VM what
 * it lacks for more; for less nothing is taken away, as a container that ends may come again.  A
 * failure leaves BEFORE; less never fails.  Any work thread. */
int sandbox_resize(struct sandbox *s, struct size before, struct size after, struct error *e);
/* A container's limits have been lowered BY so much for good: the VM gives that memory back.  Any
 * work thread. */
void sandbox_lower(struct sandbox *s, struct size by);

/* When the host's memory runs out, the VM is worth what its most protected container is: TYPE and
 * SCORE (oomScoreAdj) are those of one more.  That of the first of a pod counts until there is
 * another.  Work thread. */
void sandbox_protect(struct sandbox *s, enum spec_type type, int64_t score);
/* Whether the kernel has killed a process of the sandbox because its pod had no memory left.
 * Work thread, before sandbox_stop(). */
bool sandbox_ran_out_of_memory(const struct sandbox *s);

/* What the VM and all that serves it take of the host: processor time in nanoseconds, memory in
 * bytes.  Any thread that may read files. */
void sandbox_usage(const struct sandbox *s, uint64_t *ret_cpu_ns, uint64_t *ret_memory);

/* Gives the guest a disk, and takes it away: block_plug() and block_unplug() for this sandbox.  Any
 * work thread. */
int sandbox_plug(struct sandbox *s, const struct block_source *source, const char *user,
		 const struct address **ret_address, struct error *e);
void sandbox_unplug(struct sandbox *s, const char *user);

/* Where the guest has the file system of the disk or file PATH, for ACCESS at least (block.h).
 * Caller frees.  Any work thread. */
int sandbox_find_disk(struct sandbox *s, const char *path, enum block_access access,
		      char **ret_point, struct error *e);
/* Tells the guest how large it has become: block_grow() for this sandbox.  Any work thread. */
int sandbox_grow_disk(struct sandbox *s, const char *path, uint64_t bytes, struct error *e);

/* Records that DIR is a mount point outside the share, or is no more. */
enum sandbox_mount { SANDBOX_MOUNTED, SANDBOX_UNMOUNTED };
int sandbox_note_mount(struct sandbox *s, const char *dir, enum sandbox_mount what,
		       struct error *e);

#endif
