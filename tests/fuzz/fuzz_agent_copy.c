/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_copy - CopyFile requests, as they come from the wire, one after another into one
 * folder.
 *
 * The input is a list of messages, each behind two bytes of length, so that an earlier one can
 * plant what a later one trips over.  Beside the shared folder lies a file that no request may
 * change.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/storage/copy.h"
#include "lib/file.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define DATA_MAX 4096 /* bytes in a file: the fuzzer is after paths, not after disk space */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void copy_one(int rootfd, const uint8_t *bytes, size_t len)
{
	_message_ Agent__CopyFileRequest *in = NULL;
	struct error e;

	if (message_unpack(&agent__copy_file_request__descriptor, bytes, len, &in, &e) < 0)
		return;
	/* Files belong to whoever runs this, and stay small. */
	in->uid = (int32_t)getuid();
	in->gid = (int32_t)getgid();
	if (in->file_size <= DATA_MAX)
		(void)copy_file(rootfd, in, &e);
}

static void copy_all(int rootfd, const uint8_t *data, size_t size)
{
	while (size > 2) {
		size_t len = min_size((size_t)data[0] | (size_t)data[1] << 8, size - 2);

		copy_one(rootfd, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *home = getenv("TMPDIR");
	_free_ char *top = xasprintf("%s/kata-fuzz.XXXXXX", home ? home : "/tmp");
	_free_ char *shared = NULL, *victim = NULL, *text = NULL;
	_close_ int rootfd = -1;
	struct error e;
	size_t len;

	require(mkdtemp(top) != NULL);
	shared = path_join(top, "shared");
	victim = path_join(top, "victim");
	require(mkdir(shared, 0755) == 0);
	require(file_replace(victim, "kept", 4, 0600, &e) == 0);
	rootfd = open(shared, O_PATH | O_DIRECTORY | O_CLOEXEC);
	copy_all(rootfd, data, size);
	require(file_read(victim, DATA_MAX, &text, &len, &e) == 0 && !strcmp(text, "kept"));
	require(chmod(shared, 0755) == 0 && tree_remove(top, &e) == 0);
	return 0;
}
