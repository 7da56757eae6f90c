/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child - what `kata-agent init` does between birth and the execution of a container's
 * program.
 *
 * One table of steps in order, each for the first process of a container, for one more process in
 * it, or for both.  A step that fails is reported to the agent with its name, and the process ends.
 * Everything up to "ready" happens while the container is created, so a missing program, a mount or
 * a filter that does not work fails there; only what narrows the process follows the order to
 * start.
 *
 * Until then this process has the agent's privileges inside the container's namespaces.  It is not
 * dumpable, closes what it did not expect to have, opens everything of the container through the
 * container's root without magic links, and reads the kernel's files through the guest's own
 * /proc, opened first.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

#include "agent/child/attributes.h"
#include "agent/child/caps.h"
#include "agent/child/child.h"
#include "agent/child/lookup.h"
#include "agent/child/rootfs.h"
#include "agent/child/seccomp.h"
#include "agent/plan/plan.h"
#include "lib/file.h"
#include "lib/idmap.h"
#include "lib/mount.h"
#include "lib/rpc/proto/oci.pb-c.h"
#include "lib/str.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* keyctl(2), KEYCTL_SETPERM: whoever has it may do all (0x3f), whose it is view, read, search and
 * link. */
#define KEYRING_RIGHTS 0x3f1b0000UL

struct child {
	enum launch_kind kind;
	Oci__Spec *spec;
	Oci__Process *process;      /* of spec */
	const Oci__Linux *linux_;   /* of the container */
	Oci__LinuxSeccomp *seccomp; /* of that */
	struct idmap map;           /* of that; empty without a user namespace */
	int procfd;                 /* the guest's /proc */
	int rootfd;                 /* the container's root */
	int master;
	strv env;
	char *program;
	struct caps caps;
};

static bool is_given(int slot)
{
	struct stat st;

	/* An empty slot holds /dev/null. */
	return fstat(slot, &st) == 0 && !S_ISCHR(st.st_mode);
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int read_plans(struct child *c, struct error *e)
{
	Oci__Spec *container;
	enum launch_kind kind;
	int r = launch_plan_read(LAUNCH_SLOT_PLAN, &c->kind, &c->spec, e);

	if (r < 0)
		return r;
	container = c->spec;
	if (c->kind == LAUNCH_EXEC)
		r = launch_plan_read(LAUNCH_SLOT_CONTAINER_PLAN, &kind, &container, e);
	if (r < 0)
		return r;
	c->process = c->spec->process;
	if (!container->linux)
		return fail(e, EINVAL, "the plan has no section 'linux'");
	c->linux_ = container->linux;
	c->seccomp = container->linux->seccomp;
	c->map = idmap_of_container(container->linux);
	return 0;
}

static int prepare(struct child *c, struct error *e)
{
	unsigned given = N_LAUNCH_SLOT + (unsigned)launch_n_trees(c->kind, c->spec);
	struct statfs fs;

	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail(e, errno, "cannot protect the process: %m");
	if (syscall(SYS_close_range, given, ~0U, 0) < 0 ||
	    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return fail(e, errno, "cannot close descriptors: %m");
	c->procfd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->procfd < 0 || fstatfs(c->procfd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return fail(e, ENOENT, "'/proc' of the guest is not procfs");
	(void)umask(0022);
	return 0;
}

static int set_oom_score(struct child *c, struct error *e)
{
	char text[24];

	if (c->process->oomscoreadj == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%jd", (intmax_t)c->process->oomscoreadj);
	return file_write_at(c->procfd, "self/oom_score_adj", text, e);
}

/* One for each container, which later processes find by its name; without it all would share the
 * agent's, and one could read what another keeps there. */
static int join_keyring(struct child *c, struct error *e)
{
	const char *path = c->linux_->cgroupspath, *name = path + strlen(path);
	_free_ char *keyring = NULL;
	long serial;

	while (name > path && name[-1] != '/' && name[-1] != ':')
		name--;
	keyring = xasprintf("_ses.%s", name);
	serial = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, keyring);
	if (serial < 0 && errno == ENOSYS)
		return 0;
	if (serial < 0 || syscall(SYS_keyctl, KEYCTL_SETPERM, serial, KEYRING_RIGHTS) < 0)
		return fail(e, errno, "cannot have the session keyring '%s': %m", keyring);
	return 0;
}

static int join_namespaces(struct child *c, struct error *e)
{
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET;

	if (attributes_has_own_time(c->linux_))
		flags |= CLONE_NEWTIME;
	if (setns(LAUNCH_SLOT_TARGET, flags) < 0)
		return fail(e, errno, "the container's namespaces cannot be joined: %m");
	c->rootfd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->rootfd < 0 ? fail(e, errno, "cannot open the container's root: %m") : 0;
}

static bool wants_namespace(const Oci__Spec *spec, const char *type)
{
	for (size_t i = 0; i < spec->linux->n_namespaces; i++)
		if (!strcmp(spec->linux->namespaces[i]->type, type))
			return true;
	return false;
}

/* As in every network namespace that a runtime makes: what listens on 127.0.0.1 can be reached. */
static int raise_loopback(struct error *e)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &lo) < 0)
		return fail(e, errno, "cannot set up 'lo' of the network namespace: %m");
	return 0;
}

/* A group, a mount tree and a pid namespace of its own has every container; what it shares with
 * others of the sandbox, the agent hands over. */
static int make_namespaces(struct child *c, struct error *e)
{
	int flags = CLONE_NEWNS | CLONE_NEWCGROUP;

	if (is_given(LAUNCH_SLOT_IPC) && setns(LAUNCH_SLOT_IPC, CLONE_NEWIPC) < 0)
		return fail(e, errno, "cannot join the ipc namespace of the sandbox: %m");
	if (is_given(LAUNCH_SLOT_UTS) && setns(LAUNCH_SLOT_UTS, CLONE_NEWUTS) < 0)
		return fail(e, errno, "cannot join the uts namespace of the sandbox: %m");
	if (is_given(LAUNCH_SLOT_NET) && setns(LAUNCH_SLOT_NET, CLONE_NEWNET) < 0)
		return fail(e, errno, "cannot join the net namespace of the sandbox: %m");
	if (!is_given(LAUNCH_SLOT_IPC) && wants_namespace(c->spec, "ipc"))
		flags |= CLONE_NEWIPC;
	if (!is_given(LAUNCH_SLOT_UTS) && wants_namespace(c->spec, "uts"))
		flags |= CLONE_NEWUTS;
	if (wants_namespace(c->spec, "network"))
		flags |= CLONE_NEWNET;
	if (unshare(flags) < 0)
		return fail(e, errno, "cannot make namespaces: %m");
	if (flags & CLONE_NEWNET && raise_loopback(e) < 0)
		return -e->code;
	if (flags & CLONE_NEWUTS && !str_empty(c->spec->hostname) &&
	    sethostname(c->spec->hostname, strlen(c->spec->hostname)) < 0)
		return fail(e, errno, "cannot set the host name '%.64s': %m", c->spec->hostname);
	if (!str_empty(c->spec->domainname) &&
	    setdomainname(c->spec->domainname, strlen(c->spec->domainname)) < 0)
		return fail(e, errno, "cannot set the domain name '%.64s': %m",
			    c->spec->domainname);
	return 0;
}

/* Through the guest's own /proc: the files answer for the namespaces of whoever writes, and nothing
 * a container mounted can be in the way. */
static int set_sysctl(int sysfd, const char *name, const char *value, struct error *e)
{
	_free_ char *path = xstrdup(name);
	_close_ int fd = -1;
	int r;

	for (char *p = path; *p && !strchr(name, '/'); p++)
		if (*p == '.')
			*p = '/';
	fd = open_in_root(sysfd, path, O_WRONLY, 0, e);
	r = fd < 0 ? fd : write_all(fd, value, strlen(value), path, e);
	return r < 0 ? fail_wrap(e, "'%s' = '%s'", name, value) : 0;
}

static int set_sysctls(struct child *c, struct error *e)
{
	_close_ int sysfd = -1;
	int r = 0;

	if (c->spec->linux->n_sysctl == 0)
		return 0;
	sysfd = openat(c->procfd, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sysfd < 0)
		return fail(e, errno, "cannot open '/proc/sys': %m");
	for (size_t i = 0; r >= 0 && i < c->spec->linux->n_sysctl; i++)
		r = set_sysctl(sysfd, c->spec->linux->sysctl[i]->key,
			       c->spec->linux->sysctl[i]->value, e);
	return r;
}

/* What the container's root is given belongs to the root that it has. */
static int act_as_root(struct child *c, struct error *e)
{
	uid_t uid;
	gid_t gid;

	if (idmap_is_empty(&c->map))
		return 0;
	if (idmap_user(&c->map, 0, &uid, e) < 0 || idmap_group(&c->map, 0, &gid, e) < 0)
		return -e->code;
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid)
		return fail(e, EPERM, "cannot act as user %u and group %u", uid, gid);
	/* Those for files go with a change of the user. */
	return caps_raise(e);
}

static int build_root(struct child *c, struct error *e)
{
	c->rootfd = rootfs_build(c->spec, e);
	return c->rootfd;
}

static int new_session(struct child *c, struct error *e)
{
	(void)c;
	return setsid() < 0 ? fail(e, errno, "cannot start a session: %m") : 0;
}

/* The multiplexer of the container's own devpts; a file that merely has its name is refused. */
static int open_master(struct child *c, struct error *e)
{
	struct statfs fs;
	int unlocked = 0;

	c->master = open_in_root(c->rootfd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0, e);
	if (c->master < 0)
		return fail_wrap(e, "container has no terminals");
	if (fstatfs(c->master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return fail(e, ENOTTY, "'/dev/pts' of the container is not devpts");
	if (ioctl(c->master, TIOCSPTLCK, &unlocked) < 0)
		return fail(e, errno, "cannot unlock the terminal: %m");
	return 0;
}

static int use_slave(struct child *c, int slave, struct error *e)
{
	uid_t uid;

	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return fail(e, errno, "cannot use the terminal: %m");
	if (idmap_user(&c->map, c->process->user ? c->process->user->uid : 0, &uid, e) < 0)
		return -e->code;
	if (fchown(slave, uid, (gid_t)-1) < 0)
		return fail(e, errno, "cannot give the terminal away: %m");
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return fail(e, errno, "cannot control the terminal: %m");
	return 0;
}

static int open_terminal(struct child *c, struct error *e)
{
	const Oci__Box *box = c->process->consolesize;
	_close_ int slave = -1;
	int r;

	if (!c->process->terminal)
		return 0;
	r = open_master(c, e);
	if (r < 0)
		return r;
	if (box && (box->height || box->width)) {
		struct winsize size = { .ws_row = (unsigned short)box->height,
					.ws_col = (unsigned short)box->width };

		(void)ioctl(c->master, TIOCSWINSZ, &size);
	}
	/* By descriptor, not by the name in /dev/pts. */
	slave = ioctl(c->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail(e, errno, "cannot open the terminal: %m");
	r = use_slave(c, slave, e);
	if (r >= 0 && c->kind == LAUNCH_INIT)
		r = rootfs_console(c->rootfd, slave, e);
	return r;
}

static int finish_root(struct child *c, struct error *e)
{
	return rootfs_finish(c->rootfd, c->spec, e);
}

static int enter_root(struct child *c, struct error *e)
{
	int r = rootfs_enter(c->rootfd, c->procfd, e);

	return r < 0 ? r : rootfs_propagate(c->spec->linux->rootfspropagation, e);
}

/* What has no reader or writer is the null device of the container, where a program that looks
 * finds it under its name.  An image that has something else in its place keeps the guest's. */
static int use_own_null(struct child *c, struct error *e)
{
	struct error ignored;
	_close_ int path = open_in_root(c->rootfd, "/dev/null", O_PATH | O_NOFOLLOW, 0, &ignored);
	_close_ int own = -1;
	char name[32];

	if (path < 0 || !is_null(path))
		return 0;
	(void)snprintf(name, sizeof(name), "self/fd/%d", path);
	own = openat(c->procfd, name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	for (int fd = 0; own >= 0 && fd < 3; fd++)
		if (is_null(fd) && dup2(own, fd) < 0)
			return fail(e, errno, "cannot use '/dev/null': %m");
	return 0;
}

/* The directory is opened without magic links, so it cannot be a descriptor of this process. */
static int change_dir(struct child *c, struct error *e)
{
	const char *cwd = str_empty(c->process->cwd) ? "/" : c->process->cwd;
	_close_ int fd = open_in_root(c->rootfd, cwd, O_PATH | O_DIRECTORY, 0, e);
	char where[PATH_MAX];

	if (fd < 0)
		return fd;
	if (fchdir(fd) < 0)
		return fail(e, errno, "cannot enter '%s': %m", cwd);
	if (!getcwd(where, sizeof(where)) || where[0] != '/')
		return fail(e, EPERM, "working directory '%s' is outside the container", cwd);
	return 0;
}

static const struct limit {
	const char *name;
	int resource;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static int set_limit(const Oci__POSIXRlimit *wanted, struct error *e)
{
	/* The C libraries disagree about the type of the first argument of setrlimit(). */
	const struct {
		uint64_t soft;
		uint64_t hard;
	} value = { wanted->soft, wanted->hard };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (strcmp(limits[i].name, wanted->type) != 0)
			continue;
		if (syscall(SYS_prlimit64, 0, limits[i].resource, &value, NULL) < 0)
			return fail(e, errno, "cannot set '%s' to %ju of %ju: %m", wanted->type,
				    (uintmax_t)wanted->soft, (uintmax_t)wanted->hard);
		return 0;
	}
	return fail(e, EINVAL, "unknown limit '%.32s'", wanted->type);
}

static int set_limits(struct child *c, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->process->n_rlimits; i++)
		r = set_limit(c->process->rlimits[i], e);
	return r;
}

/* Programs open /dev/stdout again, which is a pipe of ours. */
static void give_pipes(uid_t uid, gid_t gid)
{
	struct stat st;

	for (int fd = 0; fd < 3; fd++)
		if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
			(void)!fchown(fd, uid, gid);
}

static int set_groups(struct child *c, const Oci__User *user, struct error *e)
{
	_free_ gid_t *groups = xcalloc(user->n_additionalgids + 1, sizeof(*groups));

	for (size_t i = 0; i < user->n_additionalgids; i++)
		if (idmap_group(&c->map, user->additionalgids[i], &groups[i], e) < 0)
			return -e->code;
	if (setgroups(user->n_additionalgids, groups) < 0)
		return fail(e, errno, "cannot set %zu additional groups: %m",
			    user->n_additionalgids);
	return 0;
}

/* Under the numbers that they have in the guest: the user namespace comes later. */
static int change_user(struct child *c, struct error *e)
{
	static const Oci__User root = OCI__USER__INIT;
	const Oci__User *user = c->process->user ? c->process->user : &root;
	uid_t uid;
	gid_t gid;

	if (idmap_user(&c->map, user->uid, &uid, e) < 0 ||
	    idmap_group(&c->map, user->gid, &gid, e) < 0)
		return -e->code;
	give_pipes(uid, gid);
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fail(e, errno, "cannot keep the capabilities: %m");
	if (set_groups(c, user, e) < 0)
		return -e->code;
	if (setresgid(gid, gid, gid) < 0)
		return fail(e, errno, "cannot become group %u: %m", gid);
	if (setresuid(uid, uid, uid) < 0)
		return fail(e, errno, "cannot become user %u: %m", uid);
	return caps_raise(e);
}

static char *home_of(struct child *c)
{
	_free_ char *text = NULL;
	struct error ignored;
	struct stat st;
	_close_ int fd = open_in_root(c->rootfd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
				      &ignored);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    file_read_fd(fd, "/etc/passwd", LOOKUP_PASSWD_MAX, &text, NULL, &ignored) < 0)
		return xstrdup("/");
	return lookup_home(text, c->process->user ? c->process->user->uid : 0);
}

static int find_program(struct child *c, struct error *e)
{
	c->env = lookup_environment(c->process->env, c->process->n_env);
	if (!lookup_env(c->env, "HOME")) {
		_free_ char *home = home_of(c);

		strv_addf(&c->env, "HOME=%s", home);
	}
	return lookup_program(c->process->args[0], lookup_env(c->env, "PATH"), &c->program, e);
}

static int tell(const struct launch_report *report, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (void *)(uintptr_t)report, .iov_len = sizeof(*report) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(LAUNCH_SLOT_CONTROL, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Nobody who gives the order any more: the container was given up, and so is this process. */
static int wait_for_order(struct child *c, struct error *e)
{
	static const struct launch_report ready;
	ssize_t n;
	char order;

	if (tell(&ready, c->master) < 0)
		return fail(e, errno, "cannot report to the agent: %m");
	c->master = close_fd(c->master);
	do
		n = recv(LAUNCH_SLOT_CONTROL, &order, 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : fail(e, ECANCELED, "the agent gave the process up");
}

/* What an engine wrote since, as Docker the container's names into its /etc/hosts: the guest
 * remembers for a second how long a shared file was when it was bound, and would cut it there. */
static int look_again(struct child *c, struct error *e)
{
	const int first = N_LAUNCH_SLOT, end = first + (int)launch_n_trees(c->kind, c->spec);
	struct stat st;

	(void)e;
	for (int fd = first; fd < end; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			mount_ask_again(fd);
	return 0;
}

static int read_caps(struct child *c, struct error *e)
{
	return caps_parse(c->process->capabilities, &c->caps, e);
}

static int drop_bounding(struct child *c, struct error *e)
{
	return caps_drop_bounding(&c->caps, e);
}

/* For this process and all later ones of the container; no limit of theirs is in force yet. */
static int assemble_filter(struct child *c, struct error *e)
{
	return c->seccomp ? seccomp_assemble(c->seccomp, LAUNCH_SLOT_FILTER, e) : 0;
}

static int load_filter(struct child *c, struct error *e)
{
	return c->seccomp ? seccomp_load_from(LAUNCH_SLOT_FILTER, c->seccomp, e) : 0;
}

/* A filter needs a privilege to load, or the promise to gain none: so it comes before the
 * capabilities go, or after the promise is made. */
static int filter_early(struct child *c, struct error *e)
{
	return c->process->nonewprivileges ? 0 : load_filter(c, e);
}

static int set_caps(struct child *c, struct error *e)
{
	return caps_apply(&c->caps, e);
}

static int filter_late(struct child *c, struct error *e)
{
	if (!c->process->nonewprivileges)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "cannot set no_new_privs: %m");
	return load_filter(c, e);
}

static int shift_time(struct child *c, struct error *e)
{
	return attributes_shift_time(c->linux_, c->procfd, e);
}

static int set_attributes(struct child *c, struct error *e)
{
	int r = attributes_personality(c->linux_, e);

	if (r >= 0)
		r = attributes_schedule(c->process->scheduler, e);
	if (r >= 0)
		r = attributes_prioritise_io(c->process->iopriority, e);
	if (r >= 0 && c->kind == LAUNCH_EXEC)
		r = attributes_pin(c->process->execcpuaffinity, e);
	return r;
}

static int set_umask(struct child *c, struct error *e)
{
	const Oci__User *user = c->process->user;

	if (!user || !user->has_umask_case)
		return 0;
	if (user->umask > 0777)
		return fail(e, EINVAL, "the mask %#o is not one of file modes", user->umask);
	(void)umask((mode_t)user->umask);
	return 0;
}

/* Last of what needs the guest's own privileges.  The container's mounts become those of a
 * namespace that its root may change, but for what hides or protects something. */
static int enter_users(struct child *c, struct error *e)
{
	if (idmap_is_empty(&c->map))
		return 0;
	if (setns(LAUNCH_SLOT_USERS, CLONE_NEWUSER) < 0)
		return fail(e, errno, "cannot join the user namespace of the sandbox: %m");
	if (c->kind == LAUNCH_INIT && unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		return fail(e, errno, "cannot make namespaces of the container's root: %m");
	return 0;
}

static int execute(struct child *c, struct error *e)
{
	_strv_ strv args = NULL;

	for (size_t i = 0; i < c->process->n_args; i++)
		strv_add(&args, c->process->args[i]);
	(void)execve(c->program, args, c->env);
	if (errno == EACCES)
		return fail(e, EACCES, "cannot execute '%s': %s", c->program, LOOKUP_DENIED);
	return fail(e, errno, "cannot execute '%s': %m", c->program);
}

#define FOR_INIT (1U << LAUNCH_INIT)
#define FOR_EXEC (1U << LAUNCH_EXEC)
#define FOR_BOTH (FOR_INIT | FOR_EXEC)

static const struct step {
	const char *name; /* "NAME failed" reads well */
	unsigned kinds;
	int (*run)(struct child *c, struct error *e);
} steps[] = {
	{ "preparing", FOR_BOTH, prepare },
	{ "reading capabilities", FOR_BOTH, read_caps },
	{ "assembling the filter of system calls", FOR_INIT, assemble_filter },
	{ "joining the keyring", FOR_BOTH, join_keyring },
	{ "setting the OOM score", FOR_BOTH, set_oom_score },
	{ "joining namespaces", FOR_EXEC, join_namespaces },
	{ "making namespaces", FOR_INIT, make_namespaces },
	{ "setting sysctls", FOR_INIT, set_sysctls },
	{ "acting as the container's root", FOR_INIT, act_as_root },
	{ "building the root", FOR_INIT, build_root },
	{ "starting a session", FOR_BOTH, new_session },
	{ "opening the terminal", FOR_BOTH, open_terminal },
	{ "finishing the root", FOR_INIT, finish_root },
	{ "entering the root", FOR_INIT, enter_root },
	{ "opening the null device", FOR_BOTH, use_own_null },
	{ "entering the working directory", FOR_BOTH, change_dir },
	{ "changing the user", FOR_BOTH, change_user },
	{ "finding the program", FOR_BOTH, find_program },
	{ "setting limits", FOR_BOTH, set_limits },
	{ "making a time namespace", FOR_INIT, shift_time },
	{ "setting attributes", FOR_BOTH, set_attributes },
	{ "setting the file mode mask", FOR_BOTH, set_umask },
	{ "entering the user namespace", FOR_BOTH, enter_users },
	{ "waiting for the start", FOR_BOTH, wait_for_order },
	{ "looking at its files again", FOR_INIT, look_again },
	{ "dropping capabilities", FOR_BOTH, drop_bounding },
	{ "filtering system calls", FOR_BOTH, filter_early },
	{ "setting capabilities", FOR_BOTH, set_caps },
	{ "filtering system calls", FOR_BOTH, filter_late },
	{ "executing the program", FOR_BOTH, execute },
};

static int run_steps(struct child *c, struct error *e)
{
	int r = read_plans(c, e);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(steps); i++) {
		if (!(steps[i].kinds & (1U << c->kind)))
			continue;
		r = steps[i].run(c, e);
		if (r < 0)
			(void)fail_wrap(e, "%s", steps[i].name);
	}
	return r;
}

int child_main(void)
{
	struct child c = { .procfd = -1, .rootfd = -1, .master = -1 };
	struct launch_report report = { 0 };
	struct error e = { 0 };

	(void)run_steps(&c, &e);
	report.code = e.code ? e.code : EIO;
	memcpy(report.msg, e.msg, min_size(sizeof(report.msg), sizeof(e.msg)));
	(void)tell(&report, -1);
	return report.code & 0x7f;
}
