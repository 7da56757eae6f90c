/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-check - say whether this host can run Kata Containers, what is missing, and how to get it.
 *
 * One table of checks.  A check that fails says why in *e; its row says what to do and whether
 * sandboxes run without it.  All checks are made, so that one run names everything.  Nothing is
 * changed on the host.
 */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "runtime/cli/cli.h"
#include "runtime/vmm/vmm.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

/* What the checks look at. */
struct subject {
	const struct config *config; /* NULL: it could not be read */
	struct error config_error;
};

static int check_root(const struct subject *s, struct error *e)
{
	(void)s;
	return geteuid() == 0 ? 0 : fail(e, EPERM, "not run as root, so devices were not opened");
}

static int check_kernel(const struct subject *s, struct error *e)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	(void)s;
	(void)uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)))
		return 0;
	return fail(e, ENOSYS, "Linux %s is too old", name.release);
}

static int check_config(const struct subject *s, struct error *e)
{
	if (s->config)
		return 0;
	*e = s->config_error;
	return -e->code;
}

static int check_files(const struct subject *s, struct error *e)
{
	return s->config ? config_check_paths(s->config, e) : 0;
}

static int check_kvm(const struct subject *s, struct error *e)
{
	char reason[256];

	(void)s;
	return vmm_kvm_works(reason, sizeof(reason)) ? 0 : fail(e, ENODEV, "%s", reason);
}

static int check_device(const char *path, struct error *e)
{
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd >= 0 ? 0 : fail(e, errno, "cannot open %s: %m", path);
}

static int check_tun(const struct subject *s, struct error *e)
{
	(void)s;
	return check_device("/dev/net/tun", e);
}

static int check_vhost_vsock(const struct subject *s, struct error *e)
{
	(void)s;
	return check_device("/dev/vhost-vsock", e);
}

static int check_vhost_net(const struct subject *s, struct error *e)
{
	(void)s;
	return check_device("/dev/vhost-net", e);
}

static int check_memory(const struct subject *s, struct error *e)
{
	uint64_t mib;

	if (!s->config)
		return 0;
	mib = s->config->hypervisor.default_maxmemory;
	if (mib > s->config->hypervisor.default_memory)
		return 0;
	return fail(e, ENOMEM, "the host's memory is no more than one guest's (%llu MiB)",
		    (unsigned long long)s->config->hypervisor.default_memory);
}

enum weight {
	NEEDED,   /* no sandbox runs without it */
	HELPFUL,  /* sandboxes run, less well */
	EMULABLE, /* needed unless the configuration allows emulation */
};

static const struct check {
	const char *name;
	int (*run)(const struct subject *s, struct error *e);
	enum weight weight;
	const char *remedy;
} checks[] = {
	{ "root", check_root, HELPFUL, "run: sudo kata-runtime check" },
	{ "kernel", check_kernel, NEEDED, "install Linux 5.10 or newer" },
	{ "configuration", check_config, NEEDED, "correct the file, or reinstall" },
	{ "files", check_files, NEEDED, "reinstall this version, or correct the path" },
	{ "kvm", check_kvm, EMULABLE,
	  "use a machine with hardware virtualisation; or, for tests, set allow_emulation = true "
	  "in "
	  "[hypervisor.qemu]" },
	{ "tun", check_tun, NEEDED, "run: modprobe tun" },
	{ "vhost-vsock", check_vhost_vsock, HELPFUL,
	  "run: modprobe vhost_vsock; without it each sandbox runs vhost-device-vsock" },
	{ "vhost-net", check_vhost_net, HELPFUL,
	  "run: modprobe vhost_net; without it the network is slower" },
	{ "memory", check_memory, HELPFUL, "lower default_memory in [hypervisor.qemu]" },
};

static bool is_needed(const struct check *check, const struct subject *s)
{
	if (check->weight == EMULABLE)
		return !s->config || !s->config->hypervisor.allow_emulation;
	return check->weight == NEEDED;
}

/* Returns the number of checks that failed and are needed. */
static unsigned run_checks(const struct subject *s, bool is_verbose)
{
	unsigned n_missing = 0;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		bool is_ok = checks[i].run(s, &e) >= 0;
		bool matters = is_needed(&checks[i], s);

		if (is_ok && is_verbose)
			printf("ok       %s\n", checks[i].name);
		if (is_ok)
			continue;
		printf("%-8s %s: %s\n         -> %s\n", matters ? "missing" : "warning",
		       checks[i].name, e.msg, checks[i].remedy);
		n_missing += matters;
	}
	return n_missing;
}

static int parse_options(int argc, char **argv, bool *ret_verbose, struct error *e)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		{ "no-network-checks", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* No check here uses the network: -n is taken so that scripts written for it go on. */
	optind = 1;
	while ((option = getopt_long(argc, argv, "vn", options, NULL)) >= 0) {
		if (option == '?')
			return fail(e, EINVAL, "see 'kata-runtime help'");
		*ret_verbose |= option == 'v';
	}
	return optind == argc ? 0 : fail(e, EINVAL, "takes no arguments");
}

int cmd_check(const struct cli *cli, int argc, char **argv, struct error *e)
{
	_config_ struct config config = { 0 };
	struct subject s = { 0 };
	bool is_verbose = false;
	int r;

	r = parse_options(argc, argv, &is_verbose, e);
	if (r < 0)
		return r;
	if (cli_load_config(cli, &config, &s.config_error) >= 0)
		s.config = &config;
	if (run_checks(&s, is_verbose) > 0)
		return fail(e, ENODEV, "System is not capable of running Kata Containers");
	printf("System is capable of running Kata Containers\n");
	if (geteuid() == 0)
		printf("System can currently create Kata Containers\n");
	return 0;
}
