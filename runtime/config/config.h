/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_CONFIG_CONFIG_H
#define RUNTIME_CONFIG_CONFIG_H

#include "lib/sha256.h"
#include "lib/str.h"
#include "runtime/config/vmms.h"

/*
 * config - the configuration of one sandbox: configuration.toml, its drop-ins, and the annotations
 * of the pod, as plain C fields.
 *
 * Every field is one row of the table in fields.c, which names its key, default, limits and
 * annotation; load, annotation gate, dump, shipped file and reference page all come from it.
 * A struct config is filled once and read only afterwards, by any thread.
 */

struct config_hypervisor {
	const char *name; /* of the table read, and of the driver: "qemu"; borrowed constant */
	char *path;       /* the VMM */
	char *kernel;
	char *initrd; /* exactly one of initrd and image is not "" */
	char *image;
	char *rootfs_type; /* of image */
	char *machine_type;
	char *machine_accelerators;
	char *firmware;           /* "" is the VMM's own choice */
	char *firmware_directory; /* where the VMM finds firmware */
	char *cpu_features;
	char *kernel_params;
	char *seccompsandbox; /* "" is none */
	bool allow_emulation;
	double default_vcpus;       /* < 0 in the file becomes the host's count */
	uint64_t default_maxvcpus;  /* after loading never 0 */
	uint64_t default_memory;    /* MiB */
	uint64_t default_maxmemory; /* MiB, after loading never 0 */
	uint64_t memory_slots;
	uint64_t pcie_root_port; /* ports kept free for hot-plug */
	bool enable_mem_prealloc;
	bool reclaim_guest_freed_memory; /* without effect beside the two around it */
	bool enable_hugepages;
	bool disable_block_device_use;
	char *shared_fs; /* "virtio-fs" or "none" */
	char *virtio_fs_daemon;
	char *virtio_fs_cache;
	bool virtio_fs_private;
	uint64_t virtio_fs_queue_size;
	strv virtio_fs_extra_args;
	char *vsock_daemon; /* for hosts without vhost-vsock */
	bool disable_vhost_net;
	char *entropy_source;
	uint64_t vmm_first_uid;
	uint64_t vmm_uids;
	bool use_legacy_serial;
	bool enable_debug;
	strv enable_annotations;
	strv valid_hypervisor_paths;
	strv valid_kernel_paths;
	strv valid_virtio_fs_daemon_paths;
	strv valid_entropy_sources;
};

struct config_agent {
	bool enable_debug;
	bool debug_console_enabled;
	uint64_t dial_timeout;                    /* seconds until the agent must have answered */
	uint64_t health_check_request_timeout_ms; /* 0: it is never asked again */
};

struct config_runtime {
	bool enable_debug;
	char *internetworking_model; /* "tcfilter" or "none" */
	char *emptydir_mode;         /* "shared-fs" or "block-plain" */
	bool disable_guest_seccomp;
	bool sandbox_cgroup_only;
	bool static_sandbox_resource_mgmt;
	uint64_t create_container_timeout; /* seconds */
};

struct config {
	struct config_hypervisor hypervisor;
	struct config_agent agent;
	struct config_runtime runtime;
	const struct config_vmm *vmm; /* whose rows count; borrowed constant */
	bool is_vmm_chosen;           /* by a file */
	bool is_vmm_named;            /* by hypervisor_name */
	char *path;                   /* of the main file, links resolved */
	char *source;      /* the file that was asked for, as it was called; "": none was */
	char *version_dir; /* that paths below /opt/kata were taken from */
	strv files;        /* everything that was read, in order */
	strv values;       /* a text for each of FILES: what it sets (toml_flatten()) */
	struct sha256 sum; /* of them, while loading */
	/* Of FILES as `sha256sum FILES | sha256sum` has it; "" unless config_load() made it. */
	char digest[SHA256_HEX + 1];
	strv warnings; /* "FILE:LINE: ...", for the caller to log once */
};

/* Where to look.  Zero-initialise and set what matters. */
struct config_source {
	const char *version_dir; /* of config_resolve_version() */
	const char *path;    /* asked for by shim options or KATA_CONF_FILE; NULL or "": search */
	const char *etc_dir; /* NULL: /etc/kata-containers */
};

/* The version directory this program runs from: the parent of the bin folder of /proc/self/exe with
 * all links resolved.  Caller frees. */
int config_resolve_version(char **ret_dir, struct error *e);

/* Reads the first of SOURCE's path, ETC_DIR/configuration.toml and
 * VERSION_DIR/share/defaults/kata-containers/configuration.toml, then every file of config.d beside
 * it.  An explicit path must lie in the version or in ETC_DIR.  Every file must belong to root (or
 * to the caller) and be writable by nobody else: EPERM.  Unknown keys become warnings; a wrong
 * type, a value outside its limits, or what asks for something that is not here (foreign.h, another
 * hypervisor) is EINVAL, with file and line.  *ret is to be released with
 * config_done() on success only. */
int config_load(const struct config_source *source, struct config *ret, struct error *e);
/* The table's defaults, for the first hypervisor, and no file. */
void config_init(struct config *c, const char *version_dir);
/* Makes *C one for VMM, with its defaults for what is a hypervisor's. */
void config_use_vmm(struct config *c, const struct config_vmm *vmm);
/* A zeroed *C is released as well. */
void config_done(struct config *c);
#define _config_ _cleanup_(config_done)

/* One file's keys onto *C; NAME is for messages.  config_load() is made of it. */
int config_read_text(struct config *c, const char *text, size_t len, const char *name,
		     struct error *e);

/* The one gate for annotations.  Applies KEY=VALUE if KEY is below "io.katacontainers.config." and
 * allowed by enable_annotations; other keys are ignored and return 0, an applied one returns 1.
 * EPERM names the key that would allow it, EINVAL a bad value; nothing is changed then. */
int config_annotate(struct config *c, const char *key, const char *value, struct error *e);

/* Whether enable_annotations lets pods set ANNOTATION, the last part of its name. */
bool config_may_annotate(const struct config *c, const char *annotation);

/* What no single row can say: limits between keys, filled-in host counts.  Call after the last
 * annotation; config_load() has called it for the files alone. */
int config_settle(struct config *c, struct error *e);

/* That VMM, kernel, guest image and daemons exist, belong to root (or to the caller) and can be
 * changed by nobody else, their folders included.  Names the key of the first that is not so. */
int config_check_paths(const struct config *c, struct error *e);

#endif
