/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envoy - run something on the node, and something in a sandbox on it.
 *
 * On the node: a runc task without namespaces but the mount namespace, whose root holds our own
 * static program and, mounted at /host, the node's root; the program changes its root to /host and
 * executes what was asked.  In a sandbox: the same program prints the kernel it runs on and the
 * number it was given; the boot id proves that it is another kernel than the node's.  Neither needs
 * an image.  Files live below ROOT, because /run is often mounted noexec.  May block.
 */
#include "lib/host/envoy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/peer.h"
#include "lib/host/trial.h"
#include "lib/log.h"

#define PROGRAM     "program"
#define BOOT_ID     "/proc/sys/kernel/random/boot_id"
#define COPY_SIZE   (1 << 20)
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int copy_program(const char *to, struct error *e)
{
	_close_ int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	_free_ char *bytes = xmalloc(COPY_SIZE);
	ssize_t n;

	if (in < 0 || out < 0)
		return fail(e, errno, "cannot copy this program to '%s': %m", to);
	while ((n = read(in, bytes, COPY_SIZE)) > 0)
		if (write_all(out, bytes, (size_t)n, to, e) < 0)
			return -e->code;
	return n < 0 ? fail(e, errno, "cannot read this program: %m") : 0;
}

/* ROOT/.work/ID with rootfs/ holding this program and the FOLDERS to mount on. */
static int make_work(const struct engine *engine, const char *id, const char *const *folders,
		     char **ret_dir, struct error *e)
{
	_free_ char *dir = xasprintf("%s/.work/%s", engine->root, id);
	_free_ char *rootfs = path_join(dir, "rootfs");
	_free_ char *program = path_join(rootfs, PROGRAM);

	if (tree_remove(dir, e) < 0 || dir_make(rootfs, 0755, e) < 0)
		return -e->code;
	for (; *folders; folders++) {
		_free_ char *path = path_join(rootfs, *folders);

		if (dir_make(path, 0755, e) < 0)
			return -e->code;
	}
	if (copy_program(program, e) < 0)
		return -e->code;
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

static void remove_work(const struct engine *engine, const char *id)
{
	_free_ char *work = path_join(engine->root, ".work");
	_free_ char *dir = path_join(work, id);
	struct error e;

	if (tree_remove(dir, &e) < 0)
		log_warn("%s", e.msg);
	/* Fails while another one is in it. */
	(void)rmdir(work);
}

/* NAME with a random number. */
static char *unique_id(const char *name)
{
	uint64_t random = 0;
	_free_ char *digits = NULL;

	(void)getrandom(&random, sizeof(random), 0);
	digits = hex_encode(&random, sizeof(random));
	return xasprintf("%s-%s", name, digits);
}

static void add_mount(struct json_object *mounts, const char *destination, const char *type,
		      const char *source, const char *options)
{
	struct json_object *m = json_object_new_object();
	_strv_ strv list = strv_split(options, ",");

	json_set_str(m, "destination", destination);
	json_set_str(m, "type", type);
	json_set_str(m, "source", source);
	json_set_strv(m, "options", list);
	(void)json_object_array_add(mounts, m);
}

static void set_capabilities(struct json_object *process, const char *names)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	struct json_object *capabilities = json_set_object(process, "capabilities");
	_strv_ strv list = strv_split(names, " ");

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		json_set_strv(capabilities, sets[i], list);
}

static struct json_object *oci_process(struct json_object *oci, char *const *argv)
{
	struct json_object *process = json_set_object(oci, "process");
	struct json_object *user = json_set_object(process, "user");
	_strv_ strv env = NULL;

	strv_add(&env, "PATH=" SEARCH_PATH);
	json_set_int(user, "uid", 0);
	json_set_int(user, "gid", 0);
	json_set_str(process, "cwd", "/");
	json_set_strv(process, "args", argv);
	json_set_strv(process, "env", env);
	return process;
}

static struct json_object *oci_new(bool is_readonly)
{
	struct json_object *oci = json_object_new_object();
	struct json_object *root = json_set_object(oci, "root");

	json_set_str(oci, "ociVersion", "1.0.2");
	json_set_str(root, "path", "rootfs");
	json_set_bool(root, "readonly", is_readonly);
	return oci;
}

static void set_namespaces(struct json_object *linux_, const char *names)
{
	struct json_object *namespaces = json_set_array(linux_, "namespaces");
	_strv_ strv list = strv_split(names, " ");

	for (char **name = list; *name; name++) {
		struct json_object *ns = json_object_new_object();

		json_set_str(ns, "type", *name);
		(void)json_object_array_add(namespaces, ns);
	}
}

static void allow_devices(struct json_object *linux_)
{
	struct json_object *devices =
		json_set_array(json_set_object(linux_, "resources"), "devices");
	struct json_object *all = json_object_new_object();

	json_set_bool(all, "allow", true);
	json_set_str(all, "access", "rwm");
	(void)json_object_array_add(devices, all);
}

static struct json_object *exec_oci(char *const *argv)
{
	struct json_object *oci = oci_new(false);
	struct json_object *mounts;
	struct json_object *linux_;
	_strv_ strv args = NULL;

	strv_add(&args, "/" PROGRAM);
	strv_add(&args, ENVOY_EXEC);
	strv_add_all(&args, argv);
	/* Enough to restart a service of the node and to read its files, and no more. */
	set_capabilities(oci_process(oci, args),
			 "CAP_SYS_CHROOT CAP_KILL CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH "
			 "CAP_SYS_PTRACE");
	mounts = json_set_array(oci, "mounts");
	/* runc wants it to close descriptors. */
	add_mount(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	/* rslave: whatever is unmounted in the task must not be unmounted on the node. */
	add_mount(mounts, "/host", "bind", "/", "rbind,rslave");
	linux_ = json_set_object(oci, "linux");
	set_namespaces(linux_, "mount");
	allow_devices(linux_);
	return oci;
}

int envoy_exec(const struct engine *engine, char *const *argv, uint64_t deadline_ms,
	       const struct cancel *cancel, struct task_result *ret_result, struct error *e)
{
	static const char *const folders[] = { "host", "proc", NULL };
	static const char name[] = "node-exec";
	_free_ char *id = unique_id(name);
	_json_ struct json_object *oci = exec_oci(argv);
	_free_ char *rootfs = NULL;
	_free_ char *dir = NULL;
	struct task_spec spec = {
		.socket = engine->socket,
		.namespace = engine->owner->name,
		.id = id,
		.runtime = "io.containerd.runc.v2",
		.oci = oci,
	};
	int r;

	if (!engine->driver->run)
		return fail(e, ENOTSUP, "%s runs nothing on the node for others, such as '%s'",
			    engine->driver->name, argv[0]);
	r = make_work(engine, name, folders, &dir, e);
	if (r >= 0) {
		spec.rootfs = rootfs = path_join(dir, "rootfs");
		spec.fifo_dir = dir;
		r = engine->driver->run(&spec, deadline_ms, cancel, ret_result, e);
	}
	remove_work(engine, name);
	return r < 0 ? fail_wrap(e, "running '%s' on the node", argv[0]) : 0;
}

static struct json_object *canary_oci(const char *nonce)
{
	struct json_object *oci = oci_new(true);
	struct json_object *mounts;
	_strv_ strv args = NULL;

	strv_add(&args, "/" PROGRAM);
	strv_add(&args, ENVOY_CANARY);
	strv_add(&args, nonce);
	(void)oci_process(oci, args);
	mounts = json_set_array(oci, "mounts");
	add_mount(mounts, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	add_mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	add_mount(mounts, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	json_set_str(oci, "hostname", "canary");
	set_namespaces(json_set_object(oci, "linux"), "pid network ipc uts mount");
	return oci;
}

int envoy_check(const char *output, const char *nonce, char **ret_kernel, struct error *e)
{
	_free_ char *own_boot_id = NULL;
	_strv_ strv words = NULL;
	int r = file_read(BOOT_ID, 128, &own_boot_id, NULL, e);

	if (r < 0)
		return r;
	words = strv_split(output, " \r\n");
	if (strv_len(words) != 4 || strcmp(words[0], "canary") != 0 || strcmp(words[1], nonce) != 0)
		return fail(e, EPROTO, "the canary answered '%.200s'", output);
	if (strcmp(words[2], str_trim(own_boot_id)) == 0)
		return fail(e, EPROTO, "the canary ran on the node's own kernel");
	*ret_kernel = xstrdup(words[3]);
	return 0;
}

static int run_canary(const struct engine *engine, const struct handler *handler, const char *dir,
		      const char *nonce, uint64_t deadline_ms, const struct cancel *cancel,
		      char **ret_kernel, struct error *e)
{
	_json_ struct json_object *oci = canary_oci(nonce);
	_free_ char *runtime = xasprintf("io.containerd.%s.v2", handler->name);
	_free_ char *rootfs = path_join(dir, "rootfs");
	_task_result_ struct task_result result = { 0 };
	const struct task_spec spec = {
		.socket = engine->socket,
		.namespace = engine->owner->name,
		.id = nonce,
		.runtime = runtime,
		.runtime_path = handler->runtime_path,
		.config_path = handler->config_path,
		.rootfs = rootfs,
		.fifo_dir = dir,
		.oci = oci,
	};
	int r = engine->driver->run(&spec, deadline_ms, cancel, &result, e);

	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EPROTO, "the canary ended with status %u: %.200s%.200s",
			    result.status, result.out, result.err);
	return envoy_check(result.out, nonce, ret_kernel, e);
}

int envoy_canary(const struct engine *engine, const struct handler *handler, uint64_t deadline_ms,
		 const struct cancel *cancel, char **ret_kernel, struct error *e)
{
	static const char *const folders[] = { "proc", "dev", "sys", NULL };
	_free_ char *nonce = unique_id("canary");
	_free_ char *dir = NULL;
	int r;

	r = make_work(engine, "canary", folders, &dir, e);
	if (r >= 0)
		r = run_canary(engine, handler, dir, nonce, deadline_ms, cancel, ret_kernel, e);
	remove_work(engine, "canary");
	return r < 0 ? fail_wrap(e, "canary sandbox of '%s'", handler->name) : 0;
}

int envoy_trial(const struct engine *engine, const struct handler *handler, const char *version_dir,
		uint64_t deadline_ms, const struct cancel *cancel, struct error *e)
{
	const struct trial trial = {
		.socket = engine->socket,
		.handler = handler->name,
		.version_dir = version_dir,
		.records = LIVE_RECORDS,
		.owner = engine->owner->name,
	};

	if (!engine->driver->try_sandbox)
		return 0;
	return engine->driver->try_sandbox(&trial, deadline_ms, cancel, e);
}

static int clear_trials(const struct engine *engine, struct error *e)
{
	int r = 0;

	if (engine->driver->clear_trials)
		r = engine->driver->clear_trials(engine->socket, engine->owner->name, e);
	/* An engine whose CRI service failed runs no sandbox. */
	return r == -ENOSYS ? 0 : r;
}

int envoy_clear(const struct engine *engine, struct error *e)
{
	_free_ char *work = path_join(engine->root, ".work");

	if (engine->driver->clear_tasks &&
	    engine->driver->clear_tasks(engine->socket, engine->owner->name, e) < 0)
		return -e->code;
	return clear_trials(engine, e) < 0 ? -e->code : tree_remove(work, e);
}

bool envoy_has_rest(const struct engine *engine)
{
	_free_ char *work = path_join(engine->root, ".work");

	return file_exists(work);
}

static int words_main(const char *socket_path, char *const *paths)
{
	struct error e;

	if (peer_words(socket_path, paths, stdout, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 126;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static int exec_main(char **argv)
{
	_free_ char *program = NULL;

	if (chroot("/host") < 0 || chdir("/") < 0) {
		fprintf(stderr, "cannot enter the node's root: %m\n");
		return 126;
	}
	if (str_starts(argv[0], ENVOY_WORDS))
		return words_main(argv[0] + strlen(ENVOY_WORDS), argv + 1);
	if (str_starts(argv[0], ENVOY_PEER)) {
		struct error e;

		if (peer_program(argv[0] + strlen(ENVOY_PEER), &program, &e) < 0) {
			fprintf(stderr, "%s\n", e.msg);
			return 126;
		}
		argv[0] = program;
	}
	(void)execvp(argv[0], argv);
	fprintf(stderr, "cannot run '%s': %m\n", argv[0]);
	return 127;
}

static int canary_main(const char *nonce)
{
	_free_ char *boot_id = NULL;
	struct utsname name;
	struct error e;

	if (file_read(BOOT_ID, 128, &boot_id, NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	(void)uname(&name);
	printf("canary %s %s %s\n", nonce, str_trim(boot_id), name.release);
	return fflush(stdout) == 0 ? 0 : 1;
}

int envoy_main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], ENVOY_EXEC) == 0)
		return exec_main(argv + 2);
	if (argc == 3 && strcmp(argv[1], ENVOY_CANARY) == 0)
		return canary_main(argv[2]);
	return -1;
}
