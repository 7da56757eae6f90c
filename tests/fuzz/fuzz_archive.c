/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_archive - a packed release of arbitrary bytes, and the names of its members.
 */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/file.h"
#include "lib/host/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_member(const uint8_t *data, size_t size)
{
	_free_ char *name = xstrndup((const char *)data, size);
	const char *path = unpack_member_path(name);

	if (path && *path == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_manifest_ struct manifest m = { 0 };
	_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
	struct error e;

	fuzz_member(data, size);
	if (fd < 0 || write_all(fd, data, size, "archive", &e) < 0)
		return 0;
	(void)unpack_manifest(fd_path(fd).s, &m, &e);
	return 0;
}
