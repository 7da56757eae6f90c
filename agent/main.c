/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-agent - the first process of a guest: runs the containers of one pod for a runtime outside.
 *
 * Everything hangs off one struct agent on main()'s stack.  As first process it mounts what a guest
 * needs, serves the agent protocol until DestroySandbox, and switches the machine off; whatever
 * ends it, the machine goes with it.  As any other process (tests) it takes its parameters from the
 * command line and simply exits.  The io thread is main()'s.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/sock.h"

#include "agent/child/child.h"
#include "agent/config.h"
#include "agent/container/container.h"
#include "agent/guest/cache.h"
#include "agent/guest/console.h"
#include "agent/guest/limits.h"
#include "agent/guest/logport.h"
#include "agent/guest/ready.h"
#include "agent/init.h"
#include "agent/network/forward.h"
#include "agent/network/network.h"
#include "agent/rpc.h"
#include "agent/sandbox.h"

#define WORK_THREADS 64
#define WORK_STACK   (256 * KIB)
#define GOODBYE_MS   500 /* for the runtime to take the answer of DestroySandbox */

struct agent {
	struct config config;
	struct loop *loop;
	struct work_pool *pool;
	struct logport *logport;
	struct sandbox *sandbox;
	struct rpc_server *server;
	struct console *console;
	struct forward *forward;
	struct cache *cache;
	struct io signals;
	struct io goodbye; /* a timer: the end after DestroySandbox */
	struct job loopback;
	bool is_ending;
};

static const char usage[] =
	"Usage: kata-agent [OPTION...]\n"
	"First process of a Kata Containers guest.  Run by hand, it serves the agent protocol for "
	"tests.\n"
	"\n"
	"  -s, --server-addr ADDRESS  listen on unix://PATH or vsock://CID:PORT\n"
	"  -p, --parameters TEXT      take TEXT for the kernel command line\n"
	"  -v, --version              print the version\n"
	"  -h, --help                 print this\n";

static struct agent *agent_of(struct sandbox *sb)
{
	return sb->owner;
}

static void on_signal(struct io *io, uint32_t events)
{
	struct agent *agent = CONTAINER_OF(io, struct agent, signals);
	int signal = signal_read(io->fd);

	(void)events;
	if (signal < 0)
		return;
	log_info("ended by signal %d", signal);
	loop_stop(agent->loop, 0);
}

static void on_goodbye(struct io *io, uint32_t events)
{
	struct agent *agent = CONTAINER_OF(io, struct agent, goodbye);

	(void)events;
	timer_read(io->fd);
	loop_stop(agent->loop, 0);
}

static void on_ended(struct sandbox *sb)
{
	struct agent *agent = agent_of(sb);

	agent->is_ending = true;
	timer_arm(agent->goodbye.fd, GOODBYE_MS, 0);
}

static void on_disconnected(struct sandbox *sb)
{
	struct agent *agent = agent_of(sb);

	if (agent->is_ending)
		loop_stop(agent->loop, 0);
}

static void print_version(void)
{
	(void)printf(
		"kata-agent version %s (compatible with: %s, api version: %s, type: c, "
		"extra-features: [seccomp])\n",
		KATA_VERSION, KATA_COMPATIBLE, AGENT_API_VERSION);
}

/* "-s" and the like.  Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, struct config *config, struct error *e)
{
	static const struct option options[] = {
		{ "server-addr", required_argument, NULL, 's' },
		{ "parameters", required_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "s:p:vh", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			str_set(&config->server_addr, optarg);
			break;
		case 'p':
			if (config_parse(config, optarg, e) < 0)
				return 2;
			break;
		case 'v':
			print_version();
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			e->code = 0;
			return 2;
		}
	}
	return -1;
}

/* What the first process knows before anything may fail with a message. */
static int read_config(struct config *config, struct error *e)
{
	_free_ char *cmdline = NULL;
	int r = file_read("/proc/cmdline", AGENT_CMDLINE_MAX, &cmdline, NULL, e);

	return r < 0 ? r : config_parse(config, cmdline, e);
}

static int open_log(struct agent *agent, struct error *e)
{
	const struct config *config = &agent->config;
	int fd = STDOUT_FILENO;

	if (config->log_vport) {
		agent->logport = logport_new(agent->loop, config->log_vport, &fd, e);
		if (!agent->logport)
			return -e->code;
	}
	log_open("kata-agent", fd, LOG_JSON, config->log_level);
	log_set_constant("source", "agent");
	log_set_constant("subsystem", "agent");
	log_set_constant("version", KATA_VERSION);
	for (size_t i = 0; config->not_supported && config->not_supported[i]; i++)
		log_warn("kernel parameter 'agent.%s' is not supported and has no effect",
			 config->not_supported[i]);
	return 0;
}

static int watch_signals(struct agent *agent, struct error *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGPWR);
	agent->signals = (struct io){ .fd = signal_open(&set, e), .ready = on_signal };
	if (agent->signals.fd < 0)
		return agent->signals.fd;
	agent->goodbye = (struct io){ .fd = timer_open(e), .ready = on_goodbye };
	if (agent->goodbye.fd < 0)
		return agent->goodbye.fd;
	if (loop_add(agent->loop, &agent->signals, EPOLLIN, e) < 0)
		return -e->code;
	return loop_add(agent->loop, &agent->goodbye, EPOLLIN, e);
}

static int listen_for_runtime(struct agent *agent, struct error *e)
{
	struct sock_address address;
	int fd;

	if (sock_parse(agent->config.server_addr, &address, e) < 0)
		return -e->code;
	fd = sock_listen(&address, e);
	return fd < 0 ? fd : rpc_server_listen(agent->server, fd, e);
}

static void bring_up_loopback(struct job *job)
{
	struct error e;

	(void)job;
	if (network_up("lo", &e) < 0)
		log_warn("%s", e.msg);
}

static void loopback_is_up(struct job *job)
{
	(void)job;
}

/* First in the sandbox's queue, so no container misses it, while the host hears that we listen. */
static void start_loopback(struct agent *agent)
{
	agent->loopback.run = bring_up_loopback;
	agent->loopback.done = loopback_is_up;
	work_submit(agent->sandbox->queue, &agent->loopback);
}

/* A guest without its console still serves. */
static void open_console(struct agent *agent)
{
	const struct config *config = &agent->config;
	const struct sock_address address = { .kind = SOCK_KIND_VSOCK,
					      .cid = UINT32_MAX,
					      .port = config->debug_console_vport };
	struct error e = { 0 };

	if (!config->has_debug_console)
		return;
	if (config->debug_console_vport)
		agent->console = console_new(agent->loop, &address, &e);
	else
		(void)console_start_local(&e);
	if (e.code)
		log_warn("no debug console: %s", e.msg);
}

/* Nor does a pod need its ports to be forwarded. */
static void open_forward(struct agent *agent)
{
	const struct sock_address address = { .kind = SOCK_KIND_VSOCK,
					      .cid = UINT32_MAX,
					      .port = agent->config.forward_vport };
	struct error e;

	if (!address.port)
		return;
	agent->forward = forward_new(agent->sandbox, &address, &e);
	if (!agent->forward)
		log_warn("ports are not forwarded: %s", e.msg);
}

/* Nor does it need to be small. */
static void watch_cache(struct agent *agent)
{
	uint32_t period_s = agent->config.reclaim_period_s;
	struct error e;

	if (!agent->config.is_init || period_s == 0)
		return;
	agent->cache = cache_new(agent->loop, agent->pool, period_s, &e);
	if (!agent->cache)
		log_warn("files stay in memory: %s", e.msg);
}

static int start(struct agent *agent, struct error *e)
{
	struct sandbox *sb;

	agent->loop = loop_new(e);
	if (!agent->loop || open_log(agent, e) < 0)
		return -e->code;
	if (agent->config.is_init) {
		init_environment();
		limits_set("/proc/sys");
	}
	limits_raise_own();
	if (agent->config.has_privileged_peer)
		sock_accept_privileged_only();
	if (watch_signals(agent, e) < 0)
		return -e->code;
	agent->pool = work_pool_new(agent->loop, WORK_THREADS, WORK_STACK);
	sb = sandbox_new(agent->loop, agent->pool, &agent->config, e);
	if (!sb)
		return -e->code;
	agent->sandbox = sb;
	sb->owner = agent;
	sb->ended = on_ended;
	sb->disconnected = on_disconnected;
	agent->server = agent_server_new(sb, e);
	if (!agent->server || listen_for_runtime(agent, e) < 0)
		return -e->code;
	open_console(agent);
	open_forward(agent);
	watch_cache(agent);
	log_info("serving '%s'", agent->config.server_addr);
	if (agent->config.ready_vport)
		ready_tell(agent->pool, agent->config.ready_vport);
	if (agent->config.is_init)
		start_loopback(agent);
	return 0;
}

/* Jobs end first, then whoever gave them, then what they used. */
static void stop(struct agent *agent)
{
	if (agent->pool)
		work_pool_stop(agent->pool);
	cache_free(agent->cache);
	console_free(agent->console);
	forward_free(agent->forward);
	rpc_server_free(agent->server);
	sandbox_free(agent->sandbox);
	work_pool_free(agent->pool);
	if (agent->loop) {
		loop_del(agent->loop, &agent->goodbye);
		loop_del(agent->loop, &agent->signals);
	}
	(void)close_fd(agent->goodbye.fd);
	(void)close_fd(agent->signals.fd);
	log_open("kata-agent", STDOUT_FILENO, LOG_JSON, agent->config.log_level);
	logport_free(agent->logport);
	loop_free(agent->loop);
	config_done(&agent->config);
}

static int serve(struct agent *agent)
{
	struct error e;
	int status = 1;

	if (start(agent, &e) == 0)
		status = loop_run(agent->loop);
	else
		log_error("cannot start: %s", e.msg);
	if (agent->config.is_init)
		init_power_off();
	stop(agent);
	return status;
}

/* As the first process: whatever goes wrong, the machine goes off rather than panics. */
static int main_of_guest(struct agent *agent)
{
	struct error e;

	agent->config.is_init = true;
	if (init_mount(&e) < 0 || read_config(&agent->config, &e) < 0 ||
	    config_parse_env(&agent->config, &e) < 0) {
		log_error("cannot start: %s", e.msg);
		init_power_off();
	}
	return serve(agent);
}

int main(int argc, char **argv)
{
	struct agent agent = { .signals.fd = -1, .goodbye.fd = -1 };
	struct error e = { 0 };
	int status;

	if (argc > 1 && str_equal(argv[1], "init"))
		return child_main();
	if (argc > 1 && str_equal(argv[1], "console"))
		return console_main();
	/* Once, for what will be made of this process's children. */
	proc_reset_signals();
	log_open("kata-agent", STDOUT_FILENO, LOG_JSON, LOG_LEVEL_INFO);
	config_init(&agent.config);
	if (getpid() == 1)
		return main_of_guest(&agent);
	status = config_parse_env(&agent.config, &e) < 0
			 ? 2
			 : parse_arguments(argc, argv, &agent.config, &e);
	if (status < 0)
		return serve(&agent);
	if (status > 0 && e.code)
		(void)fprintf(stderr, "kata-agent: %s\n", e.msg);
	config_done(&agent.config);
	return status;
}
