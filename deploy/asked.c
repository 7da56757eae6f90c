/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asked - remember what a run has read of the API server.
 *
 * A node's agent makes five requests a second, and the same of a thousand nodes meet at one server:
 * what was read is not read again.  The memory ends with the run.  One thread.
 */
#include "deploy/asked.h"

/* NULL: there is none. */
static void remember(const struct install *in, const char *path, struct json_object *object)
{
	if (in->asked)
		(void)json_object_object_add(in->asked, path, json_object_get(object));
}

int asked_get(const struct install *in, const char *path, struct json_object **ret_object,
	      struct error *e)
{
	struct json_object *object = NULL;
	int r;

	if (in->asked && json_object_object_get_ex(in->asked, path, &object)) {
		if (!object)
			return fail(e, ENOENT, "there is no '%s'", path);
		*ret_object = json_object_get(object);
		return 0;
	}
	r = kube_get(in->kube, path, install_ask_ms(in), in->cancel, ret_object, e);
	if (r >= 0 || r == -ENOENT)
		remember(in, path, r >= 0 ? *ret_object : NULL);
	return r;
}

struct json_object *asked_known(const struct install *in, const char *path)
{
	return in->asked ? json_member(in->asked, path) : NULL;
}

void asked_forget(const struct install *in, const char *path)
{
	if (in->asked)
		json_object_object_del(in->asked, path);
}
