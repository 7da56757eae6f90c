/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs - the parts of a report that other programs say.
 *
 * Each is found by its name in a list of folders, never in a folder that a caller names, and runs
 * with a deadline, an environment of three names and no input.
 */
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "manager/report/report.h"

#define PROGRAM_MS  (10 * UINT64_C(1000))
#define OUTPUT_MAX  (512 * KIB)
#define PACKAGE_MAX 200

char *report_find(const struct report *r, const char *program)
{
	static const char *const dirs[] = { "/opt/kata/bin",
					    "/usr/local/bin",
					    "/usr/local/sbin",
					    "/usr/bin",
					    "/usr/sbin",
					    "/bin",
					    "/sbin",
					    "/opt/kata/runtime-rs/bin",
					    "/var/lib/rancher/rke2/bin" };
	_machine_ struct machine k = { 0 };
	_free_ char *own = NULL;
	struct error ignored;

	if (machine_open(r->m->options, &k, &ignored) >= 0)
		own = xasprintf("%s/bin/%s", k.root, program);
	if (own && access(own, X_OK) == 0)
		return TAKE_PTR(own);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_free_ char *path = path_join(dirs[i], program);

		if (access(path, X_OK) == 0)
			return TAKE_PTR(path);
	}
	return NULL;
}

char *report_run(struct report *r, char *const *argv, size_t max, int *ret_status)
{
	const struct proc_spec spec = {
		.argv = argv, .env = r->env, .dies_with_us = true, .new_session = true
	};
	char *output = NULL;
	struct error e;

	if (proc_run(&spec, min_u64(deadline_in(PROGRAM_MS), r->deadline_ms), r->m->cancel, max,
		     ret_status, &output, &e) >= 0)
		return output;
	strv_add(&r->errors, e.msg);
	return NULL;
}

/* The words of WHAT as a command; NULL: the program is not here. */
static strv command_of(const struct report *r, const char *what)
{
	_strv_ strv argv = strv_split(what, " ");
	char *path = argv ? report_find(r, argv[0]) : NULL;

	if (!path)
		return NULL;
	free(argv[0]);
	argv[0] = path;
	return TAKE_PTR(argv);
}

struct json_object *report_program(struct report *r, const struct part *part)
{
	_strv_ strv argv = command_of(r, part->what);
	struct json_object *said;
	_free_ char *command = NULL;
	_free_ char *output = NULL;
	int status = 0;

	output = argv ? report_run(r, argv, OUTPUT_MAX, &status) : NULL;
	if (!output)
		return NULL;
	said = json_object_new_object();
	command = strv_join(argv, " ");
	utf8_repair(output);
	json_set_str(said, "command", command);
	if (status != 0)
		json_set_int(said, "status", status);
	json_set_str(said, "output", output);
	return said;
}

/* ---- packages ---- */

static bool is_wanted(const char *line)
{
	static const char *const words[] = {
		"containerd", "cri-",  "cri_",        "crio",    "docker",    "kata",
		"kube",       "runc",  "crun",        "nerdctl", "podman",    "qemu",
		"virtiofsd",  "cni",   "linux-image", "kernel-", "linux-lts", "linux-virt",
		"seccomp",    "edk2",  "ovmf",        "seabios", "cloud-hyp", "firecracker",
		"systemd ",   "musl ", "glibc",       "libc6",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* Of some thousands those that have to do with containers and VMs.  Caller frees. */
static char *wanted_of(char *output)
{
	_strv_ strv lines = NULL;
	_strv_ strv wanted = NULL;

	utf8_repair(output);
	lines = strv_split(output, "\n");
	for (char **line = lines; line && *line; line++)
		if (is_wanted(*line) && strv_len(wanted) < PACKAGE_MAX)
			strv_add(&wanted, *line);
	return strv_join(wanted, "\n");
}

struct json_object *report_packages(struct report *r, const struct part *part)
{
	_strv_ strv argv = command_of(r, part->what);
	_free_ char *output = NULL;
	_free_ char *text = NULL;
	int status = 0;

	output = argv ? report_run(r, argv, 4 * OUTPUT_MAX, &status) : NULL;
	if (!output)
		return NULL;
	text = wanted_of(output);
	return json_object_new_string(text);
}
