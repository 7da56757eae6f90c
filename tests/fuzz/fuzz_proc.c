/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_proc - what the kernel says of the machine and of its processes, and programs of themselves.
 *
 * The input is files (folder.h): "proc/..." and "sys/...", where processes run shims of ours and
 * of upstream's and "words" has a line for each word of a command line, and "says", what the
 * programs that are asked say.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/host/containerd-parts.h"
#include "lib/host/containerd.h"
#include "lib/host/hostcheck.h"
#include "lib/host/shims.h"
#include "lib/host/task.h"
#include "lib/kvm.h"
#include "tests/fuzz/folder.h"

#include "lib/host/peer.c"

#define SHIM      "/opt/kata/bin/containerd-shim-kata-v2"
#define NAMES_MAX 64
#define SAYS_MAX  MIB

extern const struct host_check check_memory;
int containerd_must_read(const struct engine *engine, uint64_t deadline_ms,
			 const struct cancel *cancel, struct error *e);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A NUL behind each line of TEXT, as the kernel has words; returns how long it is. */
static size_t to_words(char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	return len;
}

static void make_process(const char *proc, const char *name, const char *program)
{
	_free_ char *exe = xasprintf("%s/%s/exe", proc, name);
	_free_ char *lines = xasprintf("%s/%s/words", proc, name);
	_free_ char *path = xasprintf("%s/%s/cmdline", proc, name);
	_free_ char *text = NULL;
	struct error e;

	(void)!symlink(program, exe);
	if (file_read(lines, SAYS_MAX, &text, NULL, &e) >= 0)
		(void)file_replace(path, text, to_words(text), 0600, &e);
}

static void fuzz_processes(const char *folder)
{
	_free_ char *proc = path_join(folder, "proc");
	_close_ int fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const exes[] = { SHIM, SHIM " (deleted)",
					    "/opt/kata/versions/1/bin/containerd-shim-kata-v2" };
	_strv_ strv names = NULL, ids = NULL, programs = NULL;
	struct error e;

	if (fd < 0 || dir_list(fd, NAMES_MAX, &names, &e) < 0)
		return;
	for (size_t i = 0; names && names[i]; i++)
		make_process(proc, names[i], exes[i % ARRAY_SIZE(exes)]);
	shims_list(proc, &ids, &programs);
	if (strv_len(ids) != strv_len(programs))
		abort();
}

static void fuzz_machine(const char *folder)
{
	_free_ char *proc = path_join(folder, "proc");
	_free_ char *sys = path_join(folder, "sys");
	const struct kvm_places places = { .sys = sys, .proc = proc };
	const struct host_facts facts = { .proc = proc, .sys = sys, .guest_mib = 2048 };
	struct error e;

	(void)kvm_find(&places, &e);
	(void)check_memory.look(&facts, &e);
}

static void fuzz_words(const char *says)
{
	static char main_file[] = "/etc/containerd/config.toml";
	char *const paths[] = { main_file, NULL };
	_free_ char *text = xstrdup(says);
	size_t len = to_words(text);
	_free_ char *said = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&said, &size);

	if (!out)
		abort();
	put_words(paths, text, len, out);
	(void)fclose(out);
	if (!str_ends(said, "\n"))
		abort();
}

static char *words;

static int say(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
	       const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	(void)engine;
	(void)argv;
	(void)deadline_ms;
	(void)cancel;
	(void)e;
	*ret_result = (struct task_result){ .out = xstrdup(words), .err = xstrdup(words) };
	return 0;
}

static void fuzz_program(const char *folder)
{
	struct engine engine = {
		.driver = &containerd_driver,
		.dir = folder,
		.main_file = "config.toml",
		.socket = "/nowhere",
		.exec = say,
	};
	struct error e;

	(void)flavour_find("k8s", &engine.flavour, &e);
	if (engine_identify_program(&engine, 0, NULL, &e) >= 0 &&
	    engine_must_be(&engine, engine.version, &e) < 0)
		abort();
	(void)engine_is_kind(&engine, words, &e);
	if (engine.version)
		(void)engine_must_be(&engine, words, &e);
	(void)containerd_must_read(&engine, 0, NULL, &e);
	engine_done(&engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_folder_ char *folder = folder_new(data, size);
	_free_ char *path = path_join(folder, "says");
	struct error e;

	fuzz_processes(folder);
	fuzz_machine(folder);
	words = NULL;
	if (file_read(path, SAYS_MAX, &words, NULL, &e) >= 0) {
		fuzz_words(words);
		fuzz_program(folder);
	}
	free(words);
	return 0;
}
