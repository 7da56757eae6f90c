/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_qmp - a QEMU that says anything: greeting, answers and events are the input.
 *
 * The input is in the socket before the client looks, and the peer closes behind it, so nothing
 * waits.
 */

#include <sys/socket.h>

#include "runtime/vmm/qemu/qmp.h"

#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void talk(int fd)
{
	_cleanup_(qmp_freep) struct qmp *qmp = NULL;
	uint64_t deadline_ms = deadline_in(1000);
	struct error e;

	if (qmp_open(fd, deadline_ms, NULL, &qmp, &e) < 0)
		return;
	for (int i = 0; i < 4; i++) {
		_json_ struct json_object *result = NULL;

		if (qmp_call(qmp, "query-hotpluggable-cpus", NULL, &result, deadline_ms, NULL, &e) <
		    0)
			(void)qmp_wait_event(qmp, "DEVICE_DELETED", "x", deadline_ms, NULL, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];

	if (size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	(void)!send(ends[0], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(ends[0], SHUT_WR);
	talk(ends[1]);
	(void)close(ends[0]);
	return 0;
}
