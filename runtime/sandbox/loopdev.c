/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loopdev - a file as a block device of the host.
 *
 * The kernel says which device is free, and somebody else may take it before us: then the next is
 * asked for.  The device is set up and told to go by itself in one call, so that a crash leaves
 * none.
 *
 * Work thread.
 */

#include "runtime/sandbox/loopdev.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#define CONTROL "/dev/loop-control"
#define TRIES   64

static int try_free(int control, int flags, const struct loop_config *config, char **ret_node,
		    struct error *e)
{
	int number = ioctl(control, LOOP_CTL_GET_FREE);
	_free_ char *node = NULL;
	_close_ int fd = -1;

	if (number < 0)
		return fail(e, errno, "there is no free loop device: %m");
	node = xasprintf("/dev/loop%d", number);
	fd = open(node, flags | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "cannot open '%s': %m", node);
	if (ioctl(fd, LOOP_CONFIGURE, config) < 0)
		return fail(e, errno, "cannot set up '%s': %m", node);
	*ret_node = TAKE_PTR(node);
	return TAKE_FD(fd);
}

int loopdev_attach(const char *file, enum loopdev_access access, char **ret_node, struct error *e)
{
	bool is_read_only = access == LOOPDEV_READ_ONLY;
	int flags = is_read_only ? O_RDONLY : O_RDWR;
	_close_ int filefd = open(file, flags | O_CLOEXEC);
	_close_ int control = -1;
	struct loop_config config = {
		.fd = (uint32_t)filefd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | (is_read_only ? LO_FLAGS_READ_ONLY : 0U),
	};
	int r = -EBUSY;

	if (filefd < 0)
		return fail(e, errno, "cannot open '%s': %m", file);
	control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (control < 0)
		return fail(e, errno, "cannot open '" CONTROL "': %m");
	for (int i = 0; r == -EBUSY && i < TRIES; i++)
		r = try_free(control, flags, &config, ret_node, e);
	return r < 0 ? fail_wrap(e, "loop device of '%s'", file) : r;
}
