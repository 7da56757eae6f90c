/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_shim_stats - what an agent says of a container's usage and of its guest, for containerd.
 *
 * Both of containerd's messages can be read by whoever has their type.  No line of the metrics has
 * a name that is not a guest's.
 */

#include <string.h>

#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/cgroup1.pb-c.h"
#include "lib/rpc/proto/cgroup2.pb-c.h"
#include "lib/str.h"
#include "runtime/shim/metrics.h"
#include "runtime/shim/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(const void *answer, enum stats_kind kind,
		    const ProtobufCMessageDescriptor *type)
{
	_message_ ProtobufCMessage *again = NULL;
	_free_ uint8_t *bytes = NULL;
	const char *name;
	struct error e;
	size_t len;

	stats_convert(answer, kind, &name, &bytes, &len);
	if (strcmp(name, type->name) != 0 || message_unpack(type, bytes, len, &again, &e) < 0)
		abort();
}

static void measure(const char *said)
{
	_free_ char *text = metrics_of_guest(said);
	_strv_ strv lines = strv_split(text, "\n");

	for (size_t i = 0; i < strv_len(lines); i++)
		if (lines[i][0] != '#' && !str_starts(lines[i], "kata_agent_") &&
		    !str_starts(lines[i], "kata_guest_"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_message_ Agent__StatsContainerResponse *answer = NULL;
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e;

	measure(text);
	if (message_unpack(&agent__stats_container_response__descriptor, data, size, &answer, &e) <
	    0)
		return 0;
	convert(answer, STATS_CGROUP1, &cgroup1__metrics__descriptor);
	convert(answer, STATS_CGROUP2, &cgroup2__metrics__descriptor);
	return 0;
}
