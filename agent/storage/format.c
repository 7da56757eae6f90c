/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format - make a file system on a disk that came without one.
 *
 * Some runtimes give the disk of an emptyDir as it is when it was made.  They say so, and nothing
 * is looked for on it: it was the host that asked.  Work threads.
 */
#include "agent/storage/format.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/ext4.h"
#include "lib/file.h"
#include "lib/str.h"

int format_disk(const char *node, const char *fstype, struct error *e)
{
	struct ext4_new new = {
		.ground = EXT4_DISK,
		.time = (uint32_t)time(NULL),
		.mode = 0755,
	};
	_close_ int fd = -1;
	off_t bytes;
	int r;

	if (!str_equal(fstype, "ext4"))
		return fail(e, ENOTSUP, "this agent makes ext4 on a disk, not '%.64s'", fstype);
	fd = open(node, O_WRONLY | O_EXCL | O_CLOEXEC);
	bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (bytes < 0)
		return fail(e, errno, "cannot open '%s': %m", node);
	if (getrandom(new.uuid, sizeof(new.uuid), 0) != sizeof(new.uuid))
		return fail(e, EIO, "there are no random bytes");
	new.bytes = (uint64_t)bytes;
	r = ext4_make(fd, &new, e);
	if (r >= 0 && fsync(fd) < 0)
		r = fail(e, errno, "cannot write a file system to '%s': %m", node);
	return r;
}
