/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - hand a specification to the child that becomes a container's process.
 *
 * A sealed memory file: the child is another program by then (the agent run again), may not trust
 * what a container can change, and needs no path to find it.  The agent writes it once and keeps it
 * for the container's later processes.  The filter of system calls is another one: to assemble it
 * takes longer than all else of a start, so the first process does it for all.  Any thread.
 */
#include "agent/plan/plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/rpc/proto/oci.pb-c.h"

bool launch_is_bind(const Oci__Mount *m)
{
	if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
		return false;
	for (size_t i = 0; i < m->n_options; i++)
		if (!strcmp(m->options[i], "bind") || !strcmp(m->options[i], "rbind"))
			return true;
	return !strcmp(m->type, "bind");
}

size_t launch_n_trees(enum launch_kind kind, const Oci__Spec *spec)
{
	size_t n = 1;

	if (kind == LAUNCH_EXEC)
		return 0;
	for (size_t i = 0; i < spec->n_mounts; i++)
		n += launch_is_bind(spec->mounts[i]);
	return n;
}

static int plan_write(int fd, enum launch_kind kind, const Oci__Spec *spec, struct error *e)
{
	struct launch_header header = { .magic = LAUNCH_PLAN_MAGIC, .kind = kind };
	size_t len = protobuf_c_message_get_packed_size(&spec->base);
	_free_ uint8_t *bytes = NULL;
	int r;

	if (len > LAUNCH_PLAN_MAX)
		return fail(e, E2BIG, "specification is too large");
	bytes = xmalloc(len ? len : 1);
	(void)protobuf_c_message_pack(&spec->base, bytes);
	r = write_all(fd, &header, sizeof(header), "plan", e);
	return r < 0 ? r : write_all(fd, bytes, len, "plan", e);
}

static int memory_file(const char *name, struct error *e)
{
	int fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? fail(e, errno, "cannot make a memory file: %m") : fd;
}

int launch_filter(struct error *e)
{
	return memory_file("kata-filter", e);
}

int launch_plan(enum launch_kind kind, const Oci__Spec *spec, struct error *e)
{
	_close_ int fd = memory_file("kata-plan", e);
	int r;

	if (fd < 0)
		return fd;
	r = plan_write(fd, kind, spec, e);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return fail(e, errno, "cannot seal the plan: %m");
	return TAKE_FD(fd);
}

int launch_plan_read(int planfd, enum launch_kind *ret_kind, Oci__Spec **ret_spec, struct error *e)
{
	struct launch_header header;
	_free_ uint8_t *bytes = NULL;
	struct stat st;
	size_t len;

	if (fstat(planfd, &st) < 0)
		return fail(e, errno, "cannot look at the plan: %m");
	if (st.st_size < (off_t)sizeof(header) || st.st_size > (off_t)LAUNCH_PLAN_MAX)
		return fail(e, EINVAL, "plan has a bad size");
	len = (size_t)st.st_size - sizeof(header);
	bytes = xmalloc(len ? len : 1);
	if (pread(planfd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    pread(planfd, bytes, len, sizeof(header)) != (ssize_t)len)
		return fail(e, EIO, "cannot read the plan");
	if (header.magic != LAUNCH_PLAN_MAGIC || header.kind > LAUNCH_EXEC)
		return fail(e, EINVAL, "plan is not one");
	*ret_spec = (Oci__Spec *)(void *)protobuf_c_message_unpack(&oci__spec__descriptor, NULL,
								   len, bytes);
	if (!*ret_spec)
		return fail(e, EINVAL, "plan has a broken specification");
	*ret_kind = (enum launch_kind)header.kind;
	return 0;
}
