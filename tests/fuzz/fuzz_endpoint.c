/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_endpoint - what a container runtime says of itself, twice, before and after a change of
 * ours.
 *
 * The input is the two answers, of which the first has two bytes of length in front.  An answer is
 * no change to itself.
 */

#include "lib/host/endpoint.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_state(const uint8_t *data, size_t size, struct endpoint_state *s)
{
	_message_ Cri__StatusResponse *out = NULL;
	struct error e;

	if (message_unpack(&cri__status_response__descriptor, data, size, &out, &e) < 0)
		return -e.code;
	read_conditions(out->status, s);
	for (size_t i = 0; i < out->n_runtime_handlers; i++)
		add_handler(s, out->runtime_handlers[i]->name);
	read_config(out, s);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct handler ours = {
		.name = "kata",
		.runtime_path = "/opt/kata/bin/containerd-shim-kata-v2",
	};
	_endpoint_state_ struct endpoint_state before = { 0 }, now = { 0 };
	struct error e;
	size_t len;

	if (size < 2)
		return 0;
	len = min_size((size_t)data[0] | (size_t)data[1] << 8, size - 2);
	if (read_state(data + 2, len, &before) < 0 ||
	    read_state(data + 2 + len, size - 2 - len, &now) < 0)
		return 0;
	(void)endpoint_lacks(&now, &ours, 1);
	(void)endpoint_compare(NULL, &before, &now, &e);
	if (endpoint_compare(NULL, &now, &now, &e) < 0)
		abort();
	return 0;
}
