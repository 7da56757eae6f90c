/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "lib/error.h"
#include "lib/log.h"
#include "lib/str.h"

#define AGENT_PORT          1024
#define AGENT_SERVER_ADDR   "vsock://-1:1024"
#define AGENT_API_VERSION   "0.0.1"
#define AGENT_CMDLINE_MAX   (64 * KIB)
#define AGENT_PIPE_SIZE_MAX (64 * MIB)

/* How this agent was asked to run; fixed once main() has read it, so any thread may read it. */
struct config {
	enum log_level log_level;
	uint32_t log_vport; /* 0: log to standard output */
	bool has_debug_console;
	uint32_t debug_console_vport; /* 0: /dev/console */
	char *server_addr;
	uint32_t hotplug_timeout_s;
	uint32_t container_pipe_size; /* 0: the kernel's default */
	uint32_t ready_vport;         /* 0: nobody waits for the ready signal */
	uint32_t forward_vport;       /* 0: nobody forwards ports of the pod */
	uint32_t reclaim_period_s;    /* 0: files stay in memory */
	bool has_privileged_peer;     /* the runtime dials from privileged ports of the host */
	bool is_init;                 /* first process of a guest, not a test */
	strv not_supported; /* parameters of the protocol that this agent has no use for */
};

void config_init(struct config *c);
void config_done(struct config *c);

/* Takes over every `agent.*` parameter of the kernel command line TEXT, the last one of a name
 * wins. Parameters that are not ours are skipped; a bad value of one that is, is EINVAL naming it.
 */
int config_parse(struct config *c, const char *text, struct error *e);
/* The same for the variables KATA_AGENT_* of the environment, which win over the command line. */
int config_parse_env(struct config *c, struct error *e);

#endif
