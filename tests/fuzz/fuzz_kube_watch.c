/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kube_watch - the bytes of a watch, in two pieces: no crash, and the cut makes no difference.
 *
 * The first byte says where the cut is.
 */

#include <string.h>

#include "lib/kube/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *arg, enum watch_type type, struct json_object *object, struct error *e)
{
	(void)type;
	(void)e;
	(void)json_get_str(object, "metadata.resourceVersion");
	++*(unsigned *)arg;
	return 0;
}

static unsigned feed(const char *text, size_t size, size_t cut, int *ret_r)
{
	struct kube_stream s;
	unsigned count = 0;
	struct error e;

	kube_stream_init(&s);
	*ret_r = kube_stream_feed(&s, text, cut, on_event, &count, &e);
	if (*ret_r >= 0)
		*ret_r = kube_stream_feed(&s, text + cut, size - cut, on_event, &count, &e);
	kube_stream_done(&s);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	int whole_r, cut_r;

	if (size < 1)
		return 0;
	size--;
	if (feed(text, size, size, &whole_r) != feed(text, size, data[0] % (size + 1), &cut_r) ||
	    (whole_r < 0) != (cut_r < 0))
		abort();
	return 0;
}
