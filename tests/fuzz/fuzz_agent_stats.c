/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_agent_stats - what the agent reads of a cgroup and of /proc, both of them the input's files.
 *
 * The answer of a cgroup can be sent.  Each line of the metrics is a comment or has a name of ours.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/container/cgroup.h"
#include "agent/guest/metrics.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "tests/fuzz/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const char *folder)
{
	_close_ int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct cgroup cg = { .fd = fd, .rootfd = -1 };
	_message_ Agent__CgroupStats *stats = NULL;
	_free_ uint8_t *bytes = NULL;
	struct error e;

	if (cgroup_stats(&cg, &stats, &e) < 0)
		abort();
	(void)message_pack(stats, &bytes);
}

static void measure(const char *folder)
{
	_free_ char *text = metrics_text(folder, 1);
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; i < strv_len(lines); i++)
		if (lines[i][0] != '#' && !str_starts(lines[i], "kata_"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_folder_ char *folder = folder_new(data, size);

	count(folder);
	measure(folder);
	return 0;
}
