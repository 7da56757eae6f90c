/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake-vmm - a driver of runtime/vmm that runs no guest.
 *
 * Linked in the place of the tables of drivers (drivers.c) and hypervisors (vmms.c).  Its process
 * is real, so that what watches, kills and reaps a VMM has something to do.  A thread of its own
 * plays the hybrid vsock: who says CONNECT is given to the scripted agent.
 */

#include "tests/unit/fake-vmm.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "lib/sock.h"
#include "runtime/vmm/driver.h"
#include "tests/unit/scripted-agent.h"

#define OK_LINE   "OK 1\n"
#define READY     "READY fake\n"
#define CALL_MS   10000
#define LINE_SIZE 64

const char *const fake_step_names[N_FAKE_STEP] = {
	[FAKE_PREPARE] = "prepare", [FAKE_BOOT] = "boot",   [FAKE_VCPUS] = "vcpus",
	[FAKE_MEMORY] = "memory",   [FAKE_PAGES] = "pages", [FAKE_PLUG] = "plug",
	[FAKE_UNPLUG] = "unplug",   [FAKE_GROW] = "grow",
};

struct fake_guest fake_guest;

static struct {
	pthread_mutex_t lock;
	bool fails[N_FAKE_STEP];
	unsigned counts[N_FAKE_STEP];
	unsigned disks;
	int pidfd; /* of the VM that runs; -1: none */
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .pidfd = -1 };

struct guest {
	int listen_fd;
	int stop_fd; /* readable: the thread ends */
	int console_fd;
	bool has_thread;
	pthread_t thread;
};

static void lock(void)
{
	(void)pthread_mutex_lock(&fake.lock);
}

static void unlock(void)
{
	(void)pthread_mutex_unlock(&fake.lock);
}

void fake_reset(void)
{
	lock();
	memset(fake.fails, 0, sizeof(fake.fails));
	memset(fake.counts, 0, sizeof(fake.counts));
	fake.disks = 0;
	unlock();
	fake_guest = (struct fake_guest){ 0 };
}

void fake_fail_next(enum fake_step step)
{
	lock();
	fake.fails[step] = true;
	unlock();
}

unsigned fake_count(enum fake_step step)
{
	unsigned n;

	lock();
	n = fake.counts[step];
	unlock();
	return n;
}

unsigned fake_disks(void)
{
	unsigned n;

	lock();
	n = fake.disks;
	unlock();
	return n;
}

void fake_kill(void)
{
	struct proc p = { .pid = 1 };
	struct error ignored;

	lock();
	p.pidfd = fake.pidfd;
	if (p.pidfd >= 0)
		(void)proc_kill(&p, SIGKILL, &ignored);
	unlock();
	agent_hang_up();
}

static int step(enum fake_step which, struct error *e)
{
	bool fails;

	lock();
	fake.counts[which]++;
	fails = fake.fails[which];
	fake.fails[which] = false;
	unlock();
	return fails ? fail(e, EIO, "scripted: %s", fake_step_names[which]) : 0;
}

/* ---- the guest's side of the vsock ---- */

/* The port that is asked for; 0 if nothing sensible is. */
static unsigned reads_connect(int fd)
{
	char line[LINE_SIZE];
	unsigned port = 0;
	size_t n = 0;
	struct error e;

	while (n < sizeof(line) - 1) {
		if (wait_fd(fd, POLLIN, "connect", deadline_in(CALL_MS), NULL, &e) < 0 ||
		    read(fd, line + n, 1) != 1)
			return 0;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return sscanf(line, "CONNECT %u", &port) == 1 ? port : 0;
}

/* A server at port 80 that says what it is told until it is told nothing more; it is the end of the
 * tunnel as well, so the pieces go back as they come. */
static void *echo_thread(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint8_t bytes[4096], port[2], answer;
	ssize_t n = recv(fd, port, sizeof(port), MSG_WAITALL);

	answer = n == 2 && port[0] == 0 && port[1] == 80 ? 0 : ECONNREFUSED;
	(void)send(fd, &answer, 1, MSG_NOSIGNAL);
	while (answer == 0 && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		(void)send(fd, bytes, (size_t)n, MSG_NOSIGNAL);
	(void)close_fd(fd);
	return NULL;
}

static void echo(int own_fd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, echo_thread, (void *)(intptr_t)own_fd) != 0)
		abort();
	(void)pthread_detach(thread);
}

static void take_call(const struct guest *g)
{
	_close_ int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	unsigned port = fd < 0 ? 0 : reads_connect(fd);
	struct error e;

	if (port == 0 || write_all(fd, OK_LINE, strlen(OK_LINE), "vsock", &e) < 0)
		return;
	if (port == VSOCK_PORT_FORWARD)
		echo(TAKE_FD(fd));
	else if (!fake_guest.is_silent)
		agent_serve(TAKE_FD(fd));
}

static void *vsock_thread(void *arg)
{
	const struct guest *g = arg;
	const struct cancel stop = { .fd = g->stop_fd };
	struct error e;

	while (wait_fd(g->listen_fd, POLLIN, "call", NO_DEADLINE, &stop, &e) >= 0)
		take_call(g);
	return NULL;
}

static int unix_address(const char *path, uint32_t port, struct sock_address *ret, struct error *e)
{
	_free_ char *url =
		port ? xasprintf("unix://%s_%u", path, port) : xasprintf("unix://%s", path);

	return sock_parse(url, ret, e);
}

static int signal_ready(const struct vmm *vmm, struct error *e)
{
	struct sock_address a;
	int r = unix_address(vmm->vsock.path, vmm->ready.port, &a, e);
	_close_ int fd = r < 0 ? r : sock_connect(&a, deadline_in(CALL_MS), NULL, e);

	return fd < 0 ? fd : write_all(fd, READY, strlen(READY), "ready", e);
}

static int open_vsock(const struct vmm *vmm, struct guest *g, struct error *e)
{
	struct sock_address a;
	int r = unix_address(vmm->vsock.path, 0, &a, e);

	if (r < 0)
		return r;
	g->listen_fd = sock_listen(&a, e);
	if (g->listen_fd < 0)
		return g->listen_fd;
	if (pthread_create(&g->thread, NULL, vsock_thread, g) != 0)
		return fail(e, EAGAIN, "no thread");
	g->has_thread = true;
	return 0;
}

/* ---- the driver ---- */

static int fake_prepare(struct vmm *vmm, struct error *e)
{
	struct guest *g = xcalloc(1, sizeof(*g));
	struct cancel stop;

	vmm->state = g;
	g->listen_fd = g->console_fd = g->stop_fd = -1;
	if (cancel_init(&stop, e) < 0)
		return -e->code;
	g->stop_fd = stop.fd;
	return step(FAKE_PREPARE, e);
}

static int open_console(struct vmm *vmm, struct guest *g, struct error *e)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return fail(e, errno, "no console: %m");
	vmm->console_fd = ends[0];
	g->console_fd = ends[1];
	return 0;
}

static int spawn(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	char *idle[] = { (char[]){ "/bin/sleep" }, (char[]){ "86400" }, NULL };
	char *ends[] = { (char[]){ "/bin/false" }, NULL };
	const struct proc_spec spec = { .argv = fake_guest.dies_at_boot ? ends : idle };
	struct daemon *d = &vmm->processes[VMM_PROCESS_VMM];
	int r = daemon_spawn(d, vmm->loop, &spec, deadline_ms, c, e);

	lock();
	fake.pidfd = r < 0 ? -1 : d->proc.pidfd;
	unlock();
	return r;
}

/* Fails last, so that there is something to be taken back. */
static int fake_boot(struct vmm *vmm, uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	struct guest *g = vmm->state;
	int r = open_console(vmm, g, e);

	if (r >= 0)
		r = spawn(vmm, deadline_ms, c, e);
	if (r >= 0)
		r = open_vsock(vmm, g, e);
	if (r >= 0 && !fake_guest.is_foreign && !fake_guest.is_silent && !fake_guest.dies_at_boot)
		r = signal_ready(vmm, e);
	return r < 0 ? r : step(FAKE_BOOT, e);
}

static void fake_quit(struct vmm *vmm)
{
	(void)vmm;
}

/* The process has been killed: what it held ends. */
static void fake_done(struct vmm *vmm)
{
	struct guest *g = vmm->state;
	struct cancel stop;

	if (!g)
		return;
	lock();
	fake.pidfd = -1;
	fake.disks = 0;
	unlock();
	stop.fd = g->stop_fd;
	cancel_raise(&stop);
	if (g->has_thread)
		(void)pthread_join(g->thread, NULL);
	agent_hang_up();
	cancel_done(&stop);
	(void)close_fd(g->listen_fd);
	(void)close_fd(g->console_fd);
	free(g);
}

static int fake_vcpus(struct vmm *vmm, unsigned total, unsigned *ret_total, uint64_t deadline_ms,
		      const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)deadline_ms;
	(void)c;
	*ret_total = total;
	return step(FAKE_VCPUS, e);
}

static int fake_memory(struct vmm *vmm, uint64_t total_mib, uint64_t *ret_total_mib,
		       uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)deadline_ms;
	(void)c;
	*ret_total_mib = total_mib;
	return step(FAKE_MEMORY, e);
}

static int fake_pages(struct vmm *vmm, uint64_t page_mib, uint64_t mib, uint64_t deadline_ms,
		      const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)page_mib;
	(void)mib;
	(void)deadline_ms;
	(void)c;
	return step(FAKE_PAGES, e);
}

static int fake_plug(struct vmm *vmm, const struct vmm_block *block, struct address *ret_address,
		     uint64_t deadline_ms, const struct cancel *c, struct error *e)
{
	int r = step(FAKE_PLUG, e);

	(void)vmm;
	(void)block;
	(void)deadline_ms;
	(void)c;
	if (r < 0)
		return r;
	ret_address->bus = ADDRESS_PCI;
	(void)snprintf(ret_address->text, sizeof(ret_address->text), "10/00");
	lock();
	fake.disks++;
	unlock();
	return 0;
}

static int fake_unplug(struct vmm *vmm, const char *id, uint64_t deadline_ms,
		       const struct cancel *c, struct error *e)
{
	int r = step(FAKE_UNPLUG, e);

	(void)vmm;
	(void)id;
	(void)deadline_ms;
	(void)c;
	if (r < 0)
		return r;
	lock();
	fake.disks--;
	unlock();
	return 0;
}

static int fake_grow(struct vmm *vmm, const char *id, uint64_t bytes, uint64_t deadline_ms,
		     const struct cancel *c, struct error *e)
{
	(void)vmm;
	(void)id;
	(void)bytes;
	(void)deadline_ms;
	(void)c;
	return step(FAKE_GROW, e);
}

static const struct vmm_driver fake_driver = {
	.name = "fake",
	.traits = {
		.shares = 0,
		.plugs = VMM_PLUG_VCPUS | VMM_PLUG_MEMORY | VMM_PLUG_PAGES | VMM_PLUG_BLOCK,
		.vsocks = VMM_VSOCK_OWN,
		.runs_on = VMM_ON_ANYTHING,
	},
	.prepare = fake_prepare,
	.boot = fake_boot,
	.quit = fake_quit,
	.done = fake_done,
	.resize_vcpus = fake_vcpus,
	.resize_memory = fake_memory,
	.plug_pages = fake_pages,
	.plug_block = fake_plug,
	.unplug_block = fake_unplug,
	.resize_block = fake_grow,
};

const struct vmm_driver *const vmm_drivers[] = { &fake_driver };
const size_t n_vmm_drivers = ARRAY_SIZE(vmm_drivers);

static const struct config_default defaults[] = {
	{ "shared_fs", "none" },    { "path", "/bin/sleep" }, { "kernel", "/bin/true" },
	{ "initrd", "/bin/true" },  { "firmware", "" },       { "firmware_directory", "" },
	{ "default_memory", "64" },
};
const struct config_vmm config_vmms[] = {
	{ "fake", CONFIG_ANY_VMM, defaults, ARRAY_SIZE(defaults) },
};
const size_t n_config_vmms = ARRAY_SIZE(config_vmms);
