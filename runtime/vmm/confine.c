/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine - what is left to whoever takes over a VMM from inside the guest.
 *
 * Its process has a user id of its own, no capability, no way to get one, no core dumps (they would
 * be the guest's memory), and a root in which lie the program, the files that start a guest and
 * three devices.  Disks, taps, sockets and vhost devices come as descriptors.  There is no control
 * group of devices: it has no other device file in sight, and may not make one.
 *
 * A program of the release is one static file.  One that needs a loader (a distribution's QEMU, a
 * script) sees the host's folders of programs and libraries as well, read-only.  The devices in its
 * root are its own; where none can be made, /dev/kvm is opened by its group.  Work threads.
 */

#include "runtime/vmm/confine.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "runtime/vmm/driver.h"

#define KVM "/dev/kvm"

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

static bool is_static(const char *program)
{
	_close_ int fd = open(program, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr elf;

	return fd >= 0 && pread(fd, &elf, sizeof(elf), 0) == (ssize_t)sizeof(elf) &&
	       memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 && elf.e_phentsize == sizeof(Elf64_Phdr) &&
	       !has_interpreter(fd, &elf);
}

static int add_file(struct confinement *c, const char *path, struct error *e)
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

static void add_if_there(struct confinement *c, const char *path)
{
	if (access(path, F_OK) == 0)
		strv_add(&c->paths, path);
}

static int add_paths(struct vmm *vmm, char *const *files, struct error *e)
{
	struct confinement *c = &vmm->confinement;
	const char *program = vmm->config->hypervisor.path;
	bool needs_host = !is_static(program);
	int r = 0;

	strv_add(&c->paths, program);
	for (char *const *file = files; file && *file && r >= 0; file++)
		if (**file)
			r = add_file(c, *file, e);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		add_if_there(c, devices[i]);
	for (size_t i = 0; needs_host && i < ARRAY_SIZE(host_folders); i++)
		add_if_there(c, host_folders[i]);
	return r;
}

static void choose_groups(struct confinement *c)
{
	struct stat kvm;

	c->user = (struct proc_user){ .uid = c->id.uid, .gid = c->id.uid };
	if (stat(KVM, &kvm) < 0 || kvm.st_gid == 0)
		return;
	c->kvm = kvm.st_gid;
	c->user.groups = &c->kvm;
	c->user.n_groups = 1;
}

int confine(struct vmm *vmm, char *const *files, struct error *e)
{
	const struct config_hypervisor *h = &vmm->config->hypervisor;
	struct confinement *c = &vmm->confinement;
	int r;

	if (geteuid() != 0)
		return 0;
	r = add_paths(vmm, files, e);
	if (r >= 0)
		r = vmm_user_take(VMM_USERS_DIR, "/etc/passwd", (uid_t)h->vmm_first_uid,
				  (uid_t)h->vmm_uids, vmm->id, &c->id, e);
	if (r < 0)
		return r;
	choose_groups(c);
	c->jail = (struct jail){ .dir = vmm->run_dir, .paths = c->paths, .owner = c->id.uid };
	return 0;
}

void confine_apply(const struct vmm *vmm, struct proc_spec *spec)
{
	const struct confinement *c = &vmm->confinement;

	spec->no_core = true;
	spec->no_new_privs = true;
	if (!c->paths)
		return;
	spec->no_capabilities = true;
	spec->jail = &c->jail;
	spec->user = &c->user;
}

void confine_done(struct vmm *vmm)
{
	strv_free(TAKE_PTR(vmm->confinement.paths));
	vmm_user_release(&vmm->confinement.id);
}
