/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placeholder - a process of the host that stands for a container of the guest.
 *
 * It is in the pod's network namespace and cgroups, and in a process namespace of its own, so that
 * the name of that, /proc/PID/ns/pid, is the container's.  Its host name and IPC are the sandbox's,
 * its root is an empty file system that nobody can write, it has no descriptor, no capability and
 * no way to one.  So what an engine does to a container by way of its process reaches the pod or
 * nothing, but never the host.
 *
 * The program is nine bytes of code, made here: a copy of this process would keep every page that
 * this one changes later, and a file in the release would be one more thing to find and to trust.
 * It lies, without a name, in the file system that is the root, where it can be executed whatever
 * the host thinks of programs in memory.  One page of it and one of its stack are its own.
 *
 * The first process of a namespace gets no signal that it has not asked for, so nothing but SIGKILL
 * ends one.  Work thread.
 */

#include "runtime/sandbox/placeholder.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/file.h"
#include "runtime/sandbox/mountns.h"
#include "runtime/vmm/daemon.h"

#define START_MS  UINT64_C(10000)
#define SHOWN_MAX 1024
#define LOAD_AT   0x400000u
#define ROOT      "/proc" /* any folder that every host has; the new root is mounted there */
#define PROGRAM   ROOT "/program"

#ifndef __x86_64__
#error "the code below is that of x86-64"
#endif
static const uint8_t code[] = {
	0xb8, 0x22, 0, 0, 0, /* mov $34, %eax: pause(2) */
	0x0f, 0x05,          /* syscall */
	0xeb, 0xf7,          /* jmp to the first */
};

/* The process namespace of a container. */
struct place {
	struct place *next;
	char *id;
	struct stat ns;
};

struct placeholders {
	int program_fd;
	int mnt_fd; /* an empty mount namespace */
	int net_fd;
	int ipc_fd; /* -1: made with the first placeholder, as the next */
	int uts_fd;
	pthread_mutex_t lock; /* of what follows */
	struct place *places; /* the newest first */
};

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr parts[2];
	uint8_t text[sizeof(code)];
};

/* The second part says that its stack is not executed. */
static struct program program_make(void)
{
	struct program p = {
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = LOAD_AT + offsetof(struct program, text),
			.e_phoff = offsetof(struct program, parts),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
		},
		.parts = {
			{
				.p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_vaddr = LOAD_AT,
				.p_paddr = LOAD_AT,
				.p_filesz = sizeof(struct program),
				.p_memsz = sizeof(struct program),
				.p_align = 0x1000,
			},
			{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 },
		},
	};

	memcpy(p.text, code, sizeof(code));
	return p;
}

/* The program's name is gone when it is open: the root is empty. */
static int program_write(int *ret_fd, struct error *e)
{
	const struct program p = program_make();
	_close_ int to = open(PROGRAM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
	int r;

	if (to < 0)
		return fail(e, errno, "cannot make '%s': %m", PROGRAM);
	r = write_all(to, &p, sizeof(p), PROGRAM, e);
	if (r < 0)
		return r;
	*ret_fd = open(PROGRAM, O_RDONLY | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail(e, errno, "cannot open '%s': %m", PROGRAM);
	if (unlink(PROGRAM) < 0)
		return fail(e, errno, "cannot remove '%s': %m", PROGRAM);
	return 0;
}

/* Of the mount, not of the file system, which has a file without a name. */
static int forbid_writing(struct error *e)
{
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
	    0)
		return fail(e, errno, "cannot make an empty root read-only: %m");
	return 0;
}

static int make_root(void *arg, struct error *e)
{
	struct placeholders *p = arg;
	int r;

	if (mount("none", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=16k,nr_inodes=4,mode=555") < 0)
		return fail(e, errno, "cannot mount an empty root: %m");
	r = program_write(&p->program_fd, e);
	if (r < 0)
		return r;
	if (chdir(ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return fail(e, errno, "cannot leave the host's file systems: %m");
	return forbid_writing(e);
}

static int open_path(const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail(e, errno, "cannot open '%s': %m", path) : fd;
}

int placeholders_new(int net_fd, const char *ipc_path, const char *uts_path,
		     struct placeholders **ret_placeholders, struct error *e)
{
	_cleanup_(placeholders_freep) struct placeholders *p = xcalloc(1, sizeof(*p));

	(void)pthread_mutex_init(&p->lock, NULL);
	p->program_fd = p->mnt_fd = p->ipc_fd = p->uts_fd = -1;
	p->net_fd = fcntl(net_fd, F_DUPFD_CLOEXEC, 3);
	if (p->net_fd < 0)
		return fail(e, errno, "cannot copy a descriptor: %m");
	if (ipc_path && (p->ipc_fd = open_path(ipc_path, e)) < 0)
		return p->ipc_fd;
	if (uts_path && (p->uts_fd = open_path(uts_path, e)) < 0)
		return p->uts_fd;
	p->mnt_fd = mountns_new(make_root, p, e);
	if (p->mnt_fd < 0)
		return p->mnt_fd;
	*ret_placeholders = TAKE_PTR(p);
	return 0;
}

static void place_free(struct place *place)
{
	free(place->id);
	free(place);
}

void placeholders_free(struct placeholders *p)
{
	if (!p)
		return;
	while (p->places) {
		struct place *place = p->places;

		p->places = place->next;
		place_free(place);
	}
	(void)pthread_mutex_destroy(&p->lock);
	(void)close_fd(p->program_fd);
	(void)close_fd(p->mnt_fd);
	(void)close_fd(p->net_fd);
	(void)close_fd(p->ipc_fd);
	(void)close_fd(p->uts_fd);
	free(p);
}

/* A list of programs' arguments is memory of the process that is called so. */
static strv shown(char *const *args, size_t n)
{
	size_t left = SHOWN_MAX;
	strv out = NULL;

	for (size_t i = 0; i < n && left > 0; i++) {
		size_t len = min_size(strlen(args[i]), left - 1);

		strv_take(&out, xstrndup(args[i], len));
		left -= len + 1;
	}
	if (!out)
		strv_add(&out, "container");
	return out;
}

static int open_ns(pid_t pid, const char *name, struct error *e)
{
	_free_ char *path = xasprintf("/proc/%d/ns/%s", (int)pid, name);

	return open_path(path, e);
}

static void remember(struct placeholders *p, const char *id, const struct stat *ns)
{
	struct place *place = xcalloc(1, sizeof(*place));

	place->id = xstrdup(id);
	place->ns = *ns;
	(void)pthread_mutex_lock(&p->lock);
	place->next = p->places;
	p->places = place;
	(void)pthread_mutex_unlock(&p->lock);
}

/* What the first has made is for all; what is its own is known by its name. */
static int keep_namespaces(struct placeholders *p, const char *id, pid_t pid, struct error *e)
{
	_close_ int own = open_ns(pid, "pid", e);
	struct stat ns;

	if (own < 0 || fstat(own, &ns) < 0)
		return fail(e, ESRCH, "it has ended");
	if (p->ipc_fd < 0)
		p->ipc_fd = open_ns(pid, "ipc", e);
	if (p->uts_fd < 0)
		p->uts_fd = open_ns(pid, "uts", e);
	if (p->ipc_fd < 0 || p->uts_fd < 0)
		return -e->code;
	remember(p, id, &ns);
	return 0;
}

int placeholder_start(struct placeholders *p, const struct placeholder *what,
		      const struct cancel *c, struct proc *ret_proc, struct error *e)
{
	static char *const no_environment[] = { NULL };
	_strv_ strv argv = shown(what->args, what->n_args);
	struct proc_spec spec = {
		.argv = argv,
		.program_fd = p->program_fd,
		.env = no_environment,
		.netns_fd = p->net_fd,
		.mntns_fd = p->mnt_fd,
		.new_namespaces = CLONE_NEWPID,
		.no_fds = true,
		.dies_with_us = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
	};
	int joined[2];
	int r;

	spec.more_ns_fds = joined;
	if (p->ipc_fd < 0)
		spec.new_namespaces |= CLONE_NEWIPC;
	else
		joined[spec.n_more_ns_fds++] = p->ipc_fd;
	if (p->uts_fd < 0)
		spec.new_namespaces |= CLONE_NEWUTS;
	else
		joined[spec.n_more_ns_fds++] = p->uts_fd;
	r = daemon_start(what->loop, &spec, ret_proc, deadline_in(START_MS), c, e);
	if (r >= 0 && keep_namespaces(p, what->id, ret_proc->pid, e) < 0) {
		(void)proc_stop(ret_proc, 0);
		r = -e->code;
	}
	return r < 0 ? fail_wrap(e, "placeholder of a container") : 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int placeholders_check(struct placeholders *p, const char *type, const char *path, struct error *e)
{
	int fd = strcmp(type, "network") == 0 ? p->net_fd
		 : strcmp(type, "ipc") == 0   ? p->ipc_fd
					      : p->uts_fd;
	struct stat own, other;

	if (stat(path, &other) < 0)
		return fail(e, errno, "cannot find the namespace '%s': %m", path);
	if (fd < 0 || fstat(fd, &own) < 0 || !is_same(&own, &other))
		return fail(e, EPERM, "the %s namespace '%s' is not the pod's", type, path);
	return 0;
}

int placeholders_find(struct placeholders *p, const char *path, char **ret_id, struct error *e)
{
	struct stat ns;
	int r = -ENOENT;

	if (stat(path, &ns) < 0)
		return fail(e, errno, "cannot find the namespace '%s': %m", path);
	(void)pthread_mutex_lock(&p->lock);
	for (const struct place *place = p->places; place && r < 0; place = place->next)
		if (is_same(&place->ns, &ns)) {
			*ret_id = xstrdup(place->id);
			r = 0;
		}
	(void)pthread_mutex_unlock(&p->lock);
	return r < 0 ? fail(e, EPERM, "the process namespace '%s' is of no container of this pod",
			    path)
		     : 0;
}

void placeholders_forget(struct placeholders *p, const char *id)
{
	(void)pthread_mutex_lock(&p->lock);
	for (struct place **at = &p->places; *at; at = &(*at)->next)
		if (strcmp((*at)->id, id) == 0) {
			struct place *place = *at;

			*at = place->next;
			place_free(place);
			break;
		}
	(void)pthread_mutex_unlock(&p->lock);
}
