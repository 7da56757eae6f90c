/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine - what is left to whoever takes over a VMM from inside the guest.
 *
 * Its process has a user id of its own, no capability, no way to get one, no core dumps (they would
 * be the guest's memory), a root in which lie the program, the files that start a guest and three
 * devices, and a list of system calls.  Disks, taps, sockets and vhost devices come as descriptors.
 * There is no control group of devices: it has no other device file in sight, and may not make one.
 * A daemon beside it, which moves what the guest sends, has the same user, and in its root a folder
 * to make its sockets in.
 *
 * A program of the release is one static file.  One that needs a loader (a distribution's QEMU, a
 * script) sees the host's folders of programs and libraries as well, read-only; a script starts
 * programs that nobody has a list for, and may make every call.  The devices in its root are its
 * own; where none can be made, /dev/kvm is opened by its group.  Work threads.
 */

#include "runtime/vmm/confine.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/vmm/driver.h"

#define KVM "/dev/kvm"
/* A folder that is always there, in which a root is put together, and nothing of a program's. */
#define JAIL_PLACE "/proc"

/* What a dynamic program or a script needs before it runs. */
static const char *const host_folders[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives",
};
static const char *const devices[] = { "/dev/null", "/dev/urandom", KVM };

static bool has_interpreter(int fd, const Elf64_Ehdr *elf)
{
	Elf64_Phdr part;

	for (unsigned i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)elf->e_phoff + (off_t)(i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) == (ssize_t)sizeof(part) &&
		    part.p_type == PT_INTERP)
			return true;
	}
	return false;
}

enum kind { PROGRAM_STATIC, PROGRAM_LOADED, PROGRAM_SCRIPT };

static enum kind kind_of(const char *program)
{
	_close_ int fd = open(program, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr elf;

	if (fd < 0 || pread(fd, &elf, sizeof(elf), 0) != (ssize_t)sizeof(elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
		return PROGRAM_SCRIPT;
	return elf.e_phentsize == sizeof(Elf64_Phdr) && !has_interpreter(fd, &elf) ? PROGRAM_STATIC
										   : PROGRAM_LOADED;
}

static int add_file(struct confined *c, const char *path, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(e, errno, "the VMM is to use '%s': %m", path);
	if (!(st.st_mode & S_IROTH))
		return fail(e, EACCES,
			    "the VMM, which does not run as root, cannot read '%s': make it "
			    "readable for all (chmod o+r)",
			    path);
	strv_add(&c->paths, path);
	return 0;
}

static void add_if_there(struct confined *c, const char *path)
{
	if (access(path, F_OK) == 0)
		strv_add(&c->paths, path);
}

/* What a process of PROGRAM is whatever else it may see. */
static void add_program(struct confined *c, const char *program, const struct filter *filter)
{
	enum kind kind = kind_of(program);

	c->filter = kind == PROGRAM_SCRIPT ? NULL : filter;
	strv_add(&c->paths, program);
	for (size_t i = 0; kind != PROGRAM_STATIC && i < ARRAY_SIZE(host_folders); i++)
		add_if_there(c, host_folders[i]);
}

static void choose_user(const struct confinement *all, struct confined *c)
{
	c->has_jail = all->id.uid != 0;
	c->user = (struct proc_user){ .uid = all->id.uid, .gid = all->id.uid };
	c->jail = (struct jail){ .paths = c->paths, .owner = all->id.uid };
}

static void choose_groups(struct confinement *all)
{
	struct stat kvm;

	if (stat(KVM, &kvm) < 0 || kvm.st_gid == 0)
		return;
	all->kvm = kvm.st_gid;
	all->vmm.user.groups = &all->kvm;
	all->vmm.user.n_groups = 1;
}

int confine_open(struct vmm *vmm, struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;

	if (geteuid() != 0)
		return 0;
	return vmm_user_take(VMM_USERS_DIR, "/etc/passwd", (uid_t)h->vmm_first_uid,
			     (uid_t)h->vmm_uids, vmm->id, &vmm->confinement.id, e);
}

int confine(struct vmm *vmm, const struct filter *filter, char *const *files, struct error *e)
{
	struct confined *c = &vmm->confinement.vmm;
	int r = 0;

	add_program(c, vmm->config->hypervisor.path, filter);
	for (char *const *file = files; file && *file && r >= 0; file++)
		if (**file)
			r = add_file(c, *file, e);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		add_if_there(c, devices[i]);
	choose_user(&vmm->confinement, c);
	choose_groups(&vmm->confinement);
	c->jail.dir = vmm->run_dir;
	return r;
}

int confine_daemon(const struct vmm *vmm, const char *program, const struct filter *filter,
		   const char *folder, struct confined *ret, struct error *e)
{
	struct confined c = { 0 };

	add_program(&c, program, filter);
	strv_add(&c.paths, "/dev/null");
	choose_user(&vmm->confinement, &c);
	/* The run_dir would hide the folder in it. */
	c.jail.dir = JAIL_PLACE;
	c.jail.folder = folder;
	if (c.has_jail && chown(folder, c.user.uid, c.user.gid) < 0) {
		confined_done(&c);
		return fail(e, errno, "cannot give '%s' to its user: %m", folder);
	}
	*ret = c;
	return 0;
}

void confine_apply(const struct confined *c, struct proc_spec *spec)
{
	spec->no_core = true;
	spec->no_new_privs = true;
	spec->filter = c->filter;
	if (!c->has_jail)
		return;
	spec->no_capabilities = true;
	spec->jail = &c->jail;
	spec->user = &c->user;
}

void confined_done(struct confined *c)
{
	strv_free(TAKE_PTR(c->paths));
}

void confine_done(struct vmm *vmm)
{
	confined_done(&vmm->confinement.vmm);
	vmm_user_release(&vmm->confinement.id);
}
