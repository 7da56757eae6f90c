/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_live - containerd's lists of containers and tasks.
 *
 * The input is both, of which the first has two bytes of length in front.  What runs is there, and
 * who uses it is named.
 */

#include <stdlib.h>

#include "tests/unit/owner.h"

#include "lib/host/live.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Client__ListContainersResponse *containers,
		  const Client__ListTasksResponse *tasks)
{
	const struct scope scope = { .owner = &test_owner, .root = "/opt/kata" };
	struct live l = { .scope = &scope };
	_free_ char *text = NULL;

	strv_add(&l.foreign, "foreign");
	strv_add(&l.elsewhere, "elsewhere");
	live_add(&l, "default", containers, tasks);
	if (l.running > l.containers || l.containers > containers->n_containers ||
	    live_is_used(&l) != (strv_len(l.users) > 0))
		abort();
	text = live_text(&l);
	live_done(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_message_ Client__ListContainersResponse *containers = NULL;
	_message_ Client__ListTasksResponse *tasks = NULL;
	struct error e;
	size_t len;

	if (size < 2)
		return 0;
	len = min_size((size_t)data[0] | (size_t)data[1] << 8, size - 2);
	if (message_unpack(&client__list_containers_response__descriptor, data + 2, len,
			   &containers, &e) < 0 ||
	    message_unpack(&client__list_tasks_response__descriptor, data + 2 + len, size - 2 - len,
			   &tasks, &e) < 0)
		return 0;
	check(containers, tasks);
	return 0;
}
