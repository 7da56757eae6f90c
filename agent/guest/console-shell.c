/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console-shell - a few commands for looking around in a guest that has no shell.
 *
 * The smallest guest is one program in an initrd.  What one wants to know of it (processes, mounts,
 * files, the kernel's log) is in /proc and /sys, so most commands print files.  One line is one
 * command of words; nothing is expanded, nothing is changed.  Runs in a process of its own.
 */

#include "agent/guest/console-shell.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/str.h"

#define LINE_MAX_LEN 4096
#define FILE_MAX     (1 * MIB)
#define WORDS_MAX    16

enum { KLOG_READ_ALL = 3 };

struct command {
	const char *name;
	size_t min_words, max_words; /* besides the name */
	void (*run)(FILE *out, char *const *words);
	const char *help;
};

static void print_file(FILE *out, const char *path)
{
	_free_ char *text = NULL;
	struct error e;
	size_t len;

	if (file_read(path, FILE_MAX, &text, &len, &e) < 0)
		(void)fprintf(out, "%s\n", e.msg);
	else
		(void)fwrite(text, 1, len, out);
}

static void run_cat(FILE *out, char *const *words)
{
	for (size_t i = 1; words[i]; i++)
		print_file(out, words[i]);
}

static void print_entry(FILE *out, int dirfd, const char *name)
{
	char target[256];
	struct stat st;
	ssize_t n;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	(void)fprintf(out, "%06o %5u:%-5u %12lld %s", st.st_mode, st.st_uid, st.st_gid,
		      (long long)st.st_size, name);
	n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	if (n > 0)
		(void)fprintf(out, " -> %.*s", (int)n, target);
	(void)fputc('\n', out);
}

static void run_ls(FILE *out, char *const *words)
{
	const char *path = words[1] ? words[1] : "/";
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir) {
		(void)fprintf(out, "cannot list '%s': %s\n", path, strerror(errno));
		return;
	}
	for (entry = readdir(dir); entry; entry = readdir(dir))
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			print_entry(out, dirfd(dir), entry->d_name);
	(void)closedir(dir);
}

/* The line of a process: pid, state, parent, resident kB, arguments. */
static void print_process(FILE *out, const char *pid)
{
	_free_ char *stat_path = xasprintf("/proc/%s/stat", pid), *stat_text = NULL;
	_free_ char *args_path = xasprintf("/proc/%s/cmdline", pid), *args = NULL;
	_strv_ strv fields = NULL;
	struct error ignored;
	uint64_t pages = 0;
	size_t len = 0;
	char *end;

	if (file_read(stat_path, FILE_MAX, &stat_text, NULL, &ignored) < 0 ||
	    file_read(args_path, FILE_MAX, &args, &len, &ignored) < 0)
		return;
	end = strrchr(stat_text, ')');
	fields = end ? strv_split(end + 1, " \n") : NULL;
	if (strv_len(fields) < 22)
		return;
	end[1] = '\0';
	for (size_t i = 0; i + 1 < len; i++)
		if (!args[i])
			args[i] = ' ';
	(void)parse_u64(fields[21], "rss", UINT64_MAX, &pages, &ignored);
	(void)fprintf(out, "%7s %s %7s %9llu %s\n", pid, fields[0], fields[1],
		      (unsigned long long)(pages * (uint64_t)sysconf(_SC_PAGESIZE) / KIB),
		      len ? args : strchr(stat_text, '('));
}

static void run_ps(FILE *out, char *const *words)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	(void)words;
	(void)fprintf(out, "    PID S    PPID    RSS-kB ARGUMENTS\n");
	for (entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0')
			print_process(out, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

static void run_dmesg(FILE *out, char *const *words)
{
	_free_ char *text = xmalloc(FILE_MAX);
	int n = klogctl(KLOG_READ_ALL, text, (int)FILE_MAX);

	(void)words;
	if (n < 0)
		(void)fprintf(out, "cannot read the kernel's log: %s\n", strerror(errno));
	else
		(void)fwrite(text, 1, (size_t)n, out);
}

static void run_mounts(FILE *out, char *const *words)
{
	(void)words;
	print_file(out, "/proc/self/mountinfo");
}

static void run_net(FILE *out, char *const *words)
{
	static const char *const files[] = { "/proc/net/dev",      "/proc/net/route",
					     "/proc/net/if_inet6", "/proc/net/arp",
					     "/proc/net/tcp",      "/proc/net/tcp6" };

	(void)words;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)fprintf(out, "== %s\n", files[i]);
		print_file(out, files[i]);
	}
}

static void run_help(FILE *out, char *const *words);

static const struct command commands[] = {
	{ "help", 0, 0, run_help, "print this" },
	{ "ps", 0, 0, run_ps, "list the processes" },
	{ "ls", 0, 1, run_ls, "list a directory" },
	{ "cat", 1, WORDS_MAX, run_cat, "print files" },
	{ "mounts", 0, 0, run_mounts, "list the mounts" },
	{ "net", 0, 0, run_net, "print interfaces, routes, neighbours and connections" },
	{ "dmesg", 0, 0, run_dmesg, "print the kernel's log" },
	{ "exit", 0, 0, NULL, "end" },
};

static void run_help(FILE *out, char *const *words)
{
	(void)words;
	(void)fprintf(out, "This guest has no shell; the agent's own commands are:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (str_equal(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* False for "exit". */
static bool run_line(FILE *out, const char *line)
{
	_strv_ strv words = strv_split(line, " \t\r\n");
	const struct command *command;
	size_t n = strv_len(words);

	if (n == 0)
		return true;
	command = find_command(words[0]);
	if (!command)
		(void)fprintf(out, "no command '%s', try 'help'\n", words[0]);
	else if (n - 1 < command->min_words || n - 1 > command->max_words)
		(void)fprintf(out, "'%s' takes %zu to %zu words\n", command->name,
			      command->min_words, command->max_words);
	else if (command->run)
		command->run(out, words);
	else
		return false;
	return true;
}

int console_shell(FILE *in, FILE *out)
{
	char line[LINE_MAX_LEN];

	do {
		(void)fputs("kata# ", out);
		(void)fflush(out);
	} while (fgets(line, sizeof(line), in) && run_line(out, line));
	(void)fflush(out);
	return 0;
}
