/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_SANDBOX_STATE_H
#define RUNTIME_SANDBOX_STATE_H

#include <sys/types.h>

#include "lib/str.h"

#define STATE_ROOT "/run/vc/sbs"

/* A process that must not outlive its sandbox.  Pid and start time name it for ever. */
struct state_process {
	pid_t pid; /* 0: there is none */
	uint64_t start_ticks;
};

enum state_role { STATE_SHIM, STATE_VMM, STATE_FS, STATE_FS_PRIVATE, STATE_VSOCK, N_STATE_ROLE };

/* A file that the sandbox runs, as it was at its start. */
struct state_asset {
	char *path;   /* NULL: it runs none */
	char *sha256; /* as the version's manifest has it; "": it names no such file */
	uint64_t size;
	uint64_t inode;
	int64_t mtime_ns;
};

enum state_asset_role {
	STATE_ASSET_SHIM,
	STATE_ASSET_VMM,
	STATE_ASSET_KERNEL,
	STATE_ASSET_INITRD,
	STATE_ASSET_IMAGE,
	STATE_ASSET_FS, /* virtiofsd */
	STATE_ASSET_FIRMWARE,
	N_STATE_ASSET,
};

/* What the form of the record is called in it.  A form adds members to the one before and takes
 * none away, so that the release before reads what this one wrote, and the other way round; what it
 * does not know it skips.  1, which has no "version", ends with "rootfs". */
#define STATE_FORM 2

/*
 * state - the record of one sandbox, STATE_ROOT/ID/state.json: what a later program needs to clean
 * up after a crash of the shim, to reach the agent, and to tell whether the sandbox runs something
 * else than the node would start now.  Members of the JSON have the names used here.
 */
struct state {
	char *id;
	char *namespace_; /* containerd's, "namespace" */
	char *bundle;
	char *version_dir;   /* everything the sandbox runs was taken from here */
	char *config_source; /* as it was asked for; "": nothing was */
	char *config_path;
	char *config_digest; /* struct config: digest, of the files as they were at its start */
	char *started;       /* RFC 3339 */
	char *pod_namespace; /* the pod's, as Kubernetes calls it; "" for none */
	char *pod_name;
	char *pod_uid;
	char *agent_url;
	struct state_process processes[N_STATE_ROLE];
	struct state_asset assets[N_STATE_ASSET];
	char *netns; /* "" without */
	strv links;  /* interfaces with a filter of ours */
	strv taps;
	strv cgroups;
	strv rootfs; /* mount points on the host, of a kernel that needs them */
};

/* ROOT/ID (ROOT NULL: STATE_ROOT).  Caller frees. */
char *state_dir(const char *root, const char *id);

/* Fills in pid and start time; a process that is gone already is recorded as none. */
void state_set_process(struct state *s, enum state_role role, pid_t pid);
/* True if the recorded process still lives and is the same one. */
bool state_is_alive(const struct state_process *p);

/* Takes the lock ROOT/ID/alive, which ends with this process, whatever ends it: others see without
 * its pid whether it lives, and are told when it closes (inotify(7)).  Returns the descriptor. */
int state_hold(const char *root, const char *id, struct error *e);
/* Replaces the record at once: readers see the old one or the new one. */
int state_save(const struct state *s, const char *root, struct error *e);
/* ENOENT if there is no record; EINVAL for a damaged one. */
int state_load(struct state *ret_state, const char *root, const char *id, struct error *e);
void state_remove(const char *root, const char *id);
/* The same for who HELD it by state_hold() (-1: by none), and nothing if there is a later sandbox
 * of that id: an engine that restarts a container gives it its id again, while the shim of before
 * still ends. */
void state_forget(int held, const char *root, const char *id);

/* Ends and removes everything that is recorded, except a live shim.  Always ends, within a few
 * seconds. */
void state_clean(const struct state *s);

void state_done(struct state *s);
#define _state_ _cleanup_(state_done)

#endif
