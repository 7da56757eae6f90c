/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state - remember what a sandbox has on this machine.
 *
 * Written before and after each step that leaves something behind, so that whatever a shim that
 * was killed had made is named here.  The record lies in /run and is gone after a reboot, as is
 * everything it names; it is replaced by rename and needs no sync.  A pid may have been given to
 * somebody else since: only together with its start time is it believed.
 *
 * Work thread, or the main thread of `delete`.
 */

#include "runtime/sandbox/state.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/network.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/share.h"

#define ALIVE        "alive"
#define STATE_MAX    (1 * MIB)
#define VM_ROOT      "/run/vc/vm"
#define KILL_WAIT_MS 2000

static const char *const role_names[] = {
	[STATE_SHIM] = "shim",    [STATE_VMM] = "vmm",
	[STATE_FS] = "virtiofsd", [STATE_FS_PRIVATE] = "virtiofsd_private",
	[STATE_VSOCK] = "vsock",
};
static_assert(ARRAY_SIZE(role_names) == N_STATE_ROLE, "a name for every role");

static const char *const asset_names[] = {
	[STATE_ASSET_SHIM] = "shim",         [STATE_ASSET_VMM] = "vmm",
	[STATE_ASSET_KERNEL] = "kernel",     [STATE_ASSET_INITRD] = "initrd",
	[STATE_ASSET_IMAGE] = "image",       [STATE_ASSET_FS] = "virtiofsd",
	[STATE_ASSET_FIRMWARE] = "firmware",
};
static_assert(ARRAY_SIZE(asset_names) == N_STATE_ASSET, "a name for every asset");

static const struct {
	const char *name;
	size_t offset;
} strings[] = {
	{ "id", offsetof(struct state, id) },
	{ "namespace", offsetof(struct state, namespace_) },
	{ "bundle", offsetof(struct state, bundle) },
	{ "version_dir", offsetof(struct state, version_dir) },
	{ "config_source", offsetof(struct state, config_source) },
	{ "config_path", offsetof(struct state, config_path) },
	{ "config_digest", offsetof(struct state, config_digest) },
	{ "started", offsetof(struct state, started) },
	{ "pod_namespace", offsetof(struct state, pod_namespace) },
	{ "pod_name", offsetof(struct state, pod_name) },
	{ "pod_uid", offsetof(struct state, pod_uid) },
	{ "agent_url", offsetof(struct state, agent_url) },
	{ "netns", offsetof(struct state, netns) },
};

static const struct {
	const char *name;
	size_t offset;
} lists[] = {
	{ "links", offsetof(struct state, links) },
	{ "taps", offsetof(struct state, taps) },
	{ "cgroups", offsetof(struct state, cgroups) },
	{ "rootfs", offsetof(struct state, rootfs) },
};

static char **string_of(const struct state *s, size_t i)
{
	return (char **)(void *)((char *)(uintptr_t)s + strings[i].offset);
}

static strv *list_of(const struct state *s, size_t i)
{
	return (strv *)(void *)((char *)(uintptr_t)s + lists[i].offset);
}

char *state_dir(const char *root, const char *id)
{
	return path_join(root ? root : STATE_ROOT, id);
}

void state_set_process(struct state *s, enum state_role role, pid_t pid)
{
	struct state_process p = { .pid = pid };
	struct error e;

	if (pid <= 0 || proc_start_time(pid, &p.start_ticks, &e) < 0)
		p.pid = 0;
	s->processes[role] = p;
}

bool state_is_alive(const struct state_process *p)
{
	uint64_t ticks;
	struct error e;

	return p->pid > 0 && proc_start_time(p->pid, &ticks, &e) >= 0 && ticks == p->start_ticks;
}

int state_hold(const char *root, const char *id, struct error *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_free_ char *dir = state_dir(root, id);
	_free_ char *path = path_join(dir, ALIVE);
	_close_ int fd = -1;

	if (dir_make(dir, 0700, e) < 0)
		return -e->code;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return fail(e, errno, "cannot lock '%s': %m", path);
	return TAKE_FD(fd);
}

static void save_asset(struct json_object *assets, const char *name, const struct state_asset *a)
{
	struct json_object *o = json_set_object(assets, name);

	json_set_str(o, "path", a->path);
	json_set_str(o, "sha256", a->sha256);
	json_set_int(o, "size", (int64_t)a->size);
	json_set_int(o, "inode", (int64_t)a->inode);
	json_set_int(o, "mtime_ns", a->mtime_ns);
}

static void save_assets(struct json_object *object, const struct state *s)
{
	struct json_object *assets = json_set_object(object, "assets");

	for (size_t i = 0; i < N_STATE_ASSET; i++)
		if (s->assets[i].path)
			save_asset(assets, asset_names[i], &s->assets[i]);
}

int state_save(const struct state *s, const char *root, struct error *e)
{
	_json_ struct json_object *object = json_object_new_object();
	struct json_object *processes = json_set_object(object, "processes");
	_free_ char *dir = state_dir(root, s->id);
	_free_ char *path = path_join(dir, "state.json");
	const char *text;
	int r = dir_make(dir, 0700, e);

	if (r < 0)
		return r;
	json_set_int(object, "version", STATE_FORM);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		json_set_str(object, strings[i].name, *string_of(s, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_set_strv(object, lists[i].name, *list_of(s, i));
	for (size_t i = 0; i < N_STATE_ROLE; i++) {
		struct json_object *p;

		if (s->processes[i].pid == 0)
			continue;
		p = json_set_object(processes, role_names[i]);
		json_set_int(p, "pid", s->processes[i].pid);
		json_set_int(p, "start_ticks", (int64_t)s->processes[i].start_ticks);
	}
	save_assets(object, s);
	text = json_text(object);
	return file_replace(path, text, strlen(text), 0600, e);
}

static void read_list(struct json_object *array, strv *list)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *item = json_item(array, i);

		if (json_object_is_type(item, json_type_string))
			strv_add(list, json_object_get_string(item));
	}
}

static void read_process(struct json_object *object, struct state_process *p)
{
	int64_t pid = json_get_int(object, "pid", 0);

	if (pid > 1 && pid <= INT32_MAX)
		*p = (struct state_process){
			.pid = (pid_t)pid,
			.start_ticks = (uint64_t)json_get_int(object, "start_ticks", 0),
		};
}

int state_load(struct state *ret_state, const char *root, const char *id, struct error *e)
{
	_state_ struct state s = { 0 };
	_json_ struct json_object *object = NULL;
	_free_ char *dir = state_dir(root, id);
	_free_ char *path = path_join(dir, "state.json");
	int r = json_read_file(path, STATE_MAX, &object, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		const char *value = json_get_str(object, strings[i].name);

		*string_of(&s, i) = xstrdup(value ? value : "");
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		read_list(json_at(object, lists[i].name), list_of(&s, i));
	for (size_t i = 0; i < N_STATE_ROLE; i++) {
		struct json_object *processes = json_at(object, "processes");

		if (processes)
			read_process(json_at(processes, role_names[i]), &s.processes[i]);
	}
	if (strcmp(s.id, id) != 0)
		return fail(e, EINVAL, "'%s' is the record of '%s'", path, s.id);
	*ret_state = s;
	s = (struct state){ 0 };
	return 0;
}

void state_remove(const char *root, const char *id)
{
	_free_ char *dir = state_dir(root, id);
	struct error e;

	if (tree_remove(dir, &e) < 0)
		log_warn("'%s' stays: %s", dir, e.msg);
}

static bool is_held_by(int fd, const char *root, const char *id)
{
	_free_ char *dir = state_dir(root, id);
	_free_ char *path = path_join(dir, ALIVE);
	struct stat own, there;

	return fstat(fd, &own) == 0 && stat(path, &there) == 0 && own.st_dev == there.st_dev &&
	       own.st_ino == there.st_ino;
}

void state_forget(int held, const char *root, const char *id)
{
	if (held < 0 || is_held_by(held, root, id))
		state_remove(root, id);
}

/* Opens, checks and kills in this order: the descriptor cannot change its process. */
static void process_kill(const struct state_process *p, const char *name)
{
	_close_ int fd = p->pid > 0 ? (int)syscall(SYS_pidfd_open, p->pid, 0) : -1;
	struct error e;

	if (fd < 0 || !state_is_alive(p))
		return;
	log_info("ending %s, process %d", name, (int)p->pid);
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	if (wait_fd(fd, POLLIN, name, deadline_in(KILL_WAIT_MS), NULL, &e) < 0)
		log_warn("process %d does not end: %s", (int)p->pid, e.msg);
}

void state_clean(const struct state *s)
{
	_free_ char *vm_dir = path_join(VM_ROOT, s->id);
	struct error e;

	for (size_t i = STATE_VMM; i < N_STATE_ROLE; i++)
		process_kill(&s->processes[i], role_names[i]);
	if (!str_empty(s->netns))
		network_forget(s->netns, s->links, s->taps);
	share_forget(NULL, s->id);
	for (char *const *dir = s->rootfs; dir && *dir; dir++)
		rootfs_unmount(*dir);
	cgroup_forget(s->cgroups);
	if (tree_remove(vm_dir, &e) < 0)
		log_warn("'%s' stays: %s", vm_dir, e.msg);
	state_remove(NULL, s->id);
}

void state_done(struct state *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(*string_of(s, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_free(*list_of(s, i));
	for (size_t i = 0; i < N_STATE_ASSET; i++) {
		free(s->assets[i].path);
		free(s->assets[i].sha256);
	}
	*s = (struct state){ 0 };
}
