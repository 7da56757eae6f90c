/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm-guest - the first process of a guest that tells what it has: for vmm-cases.c.
 *
 * Gives the ready signal as the agent does, then answers one question per connection on the agent's
 * port and closes.  Everything that fails ends the guest, with the reason on the console.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define AGENT_PORT 1024

static void die(const char *what)
{
	perror(what);
	(void)reboot(RB_POWER_OFF);
	exit(1);
}

static int vsock(unsigned cid, unsigned port, struct sockaddr_vm *address)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	*address = (struct sockaddr_vm){ .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	return fd;
}

static void read_parameters(char *line, size_t size)
{
	FILE *in = fopen("/proc/cmdline", "re");

	if (!in || !fgets(line, (int)size, in))
		die("/proc/cmdline");
	(void)fclose(in);
}

/* 0 for an agent that is told to be mute, as those of upstream's are. */
static unsigned ready_port(void)
{
	static const char name[] = "agent.ready_vport=";
	char line[4096] = "";
	const char *at;

	read_parameters(line, sizeof(line));
	at = strstr(line, " mute") ? NULL : strstr(line, name);
	return at ? (unsigned)strtoul(at + sizeof(name) - 1, NULL, 10) : 0;
}

static void signal_ready(void)
{
	struct sockaddr_vm host;
	unsigned port = ready_port();
	int fd = vsock(VMADDR_CID_HOST, port, &host);

	if (port == 0) {
		(void)close(fd);
		return;
	}
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0)
		die("connect to the host");
	if (write(fd, "READY vmm-guest\n", 16) != 16)
		die("ready signal");
	(void)close(fd);
}

static void list(FILE *out, const char *dir)
{
	struct dirent *d;
	DIR *entries = opendir(dir);

	while (entries && (d = readdir(entries)))
		if (d->d_name[0] != '.')
			fprintf(out, "%s ", d->d_name);
	if (entries)
		(void)closedir(entries);
}

static void say_cpus(FILE *out, const char *argument)
{
	char path[64];
	FILE *online;

	(void)argument;
	for (int i = 1; i < 16; i++) {
		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", i);
		online = fopen(path, "we");
		if (!online)
			continue;
		(void)fputs("1", online);
		(void)fclose(online);
	}
	fprintf(out, "%d", get_nprocs());
}

static void say_memory(FILE *out, const char *argument)
{
	struct sysinfo si;

	(void)argument;
	(void)sysinfo(&si);
	fprintf(out, "%lu", si.totalram * si.mem_unit >> 20);
}

static void say_list(FILE *out, const char *argument)
{
	list(out, argument);
}

/* "SS/00" on the root bus. */
static void say_pci(FILE *out, const char *argument)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%.2s.0", argument);
	list(out, path);
}

static void say_file(FILE *out, const char *argument)
{
	char text[256] = "";
	FILE *in;

	(void)mkdir("/mnt", 0755);
	(void)mount("kataShared", "/mnt", "virtiofs", 0, NULL);
	in = fopen(argument, "re");
	if (!in)
		return;
	(void)!fgets(text, sizeof(text), in);
	(void)fclose(in);
	fputs(text, out);
}

static void power_off(FILE *out, const char *argument)
{
	(void)out;
	(void)argument;
	(void)reboot(RB_POWER_OFF);
}

static const struct {
	const char *question;
	void (*answer)(FILE *out, const char *argument);
} answers[] = {
	{ "cpus", say_cpus }, { "memory", say_memory }, { "list ", say_list },
	{ "pci ", say_pci },  { "file ", say_file },    { "off", power_off },
};

static void answer(int fd)
{
	char line[256] = "";
	FILE *io = fdopen(fd, "r+");

	if (!io || !fgets(line, sizeof(line), io)) {
		(void)close(fd);
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t n = strlen(answers[i].question);

		if (!strncmp(line, answers[i].question, n))
			answers[i].answer(io, line + n);
	}
	fputc('\n', io);
	(void)fclose(io);
}

int main(void)
{
	struct sockaddr_vm self;
	int fd, peer;

	(void)mkdir("/proc", 0755);
	(void)mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("sys", "/sys", "sysfs", 0, NULL) < 0)
		die("mount");
	fd = vsock(VMADDR_CID_ANY, AGENT_PORT, &self);
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 || listen(fd, 8) < 0)
		die("listen");
	signal_ready();
	while ((peer = accept(fd, NULL, NULL)) >= 0)
		answer(peer);
	die("accept");
}
