/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device - give a container devices that were plugged into the guest.
 *
 * The host knows a device by its address and the container by a path; its numbers are known here
 * alone.  Work threads.
 */

#include "agent/device/device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/rpc/proto/agent.pb-c.h"

#include "agent/device/bus.h"

void device_list_done(struct device_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].container_path);
	free(l->items);
	*l = (struct device_list){ NULL, 0 };
}

static int address_of(const Agent__Device *in, struct address *ret, struct error *e)
{
	const char *text = str_empty(in->id) ? in->vm_path : in->id;
	enum address_bus bus;

	if (!address_find_bus(in->type, &bus))
		return fail(e, EINVAL, "device type '%.64s' is not known", in->type);
	if (address_is_node(bus))
		text = in->vm_path;
	if (str_empty(text))
		return fail(e, EINVAL, "it has neither id nor path in the guest");
	return address_parse(in->type, text, ret, e);
}

static int resolve_one(struct sandbox *sb, const Agent__Device *in, uint64_t deadline_ms,
		       const struct cancel *cancel, struct device *ret, struct error *e)
{
	_free_ char *node = NULL;
	struct address address;
	struct stat st;
	int r;

	if (str_empty(in->container_path))
		return fail(e, EINVAL, "device '%.64s' has no path in the container", in->id);
	r = address_of(in, &address, e);
	if (r == 0)
		r = bus_wait_block(sb, &address, deadline_ms, cancel, &node, e);
	if (r < 0)
		return fail_wrap(e, "device '%.64s'", in->container_path);
	if (stat(node, &st) < 0)
		return fail(e, errno, "cannot stat '%s': %m", node);
	*ret = (struct device){ .container_path = xstrdup(in->container_path),
				.type = S_ISBLK(st.st_mode) ? 'b' : 'c',
				.major = major(st.st_rdev),
				.minor = minor(st.st_rdev) };
	return 0;
}

int devices_resolve(struct sandbox *sb, struct Agent__Device *const *list, size_t n,
		    uint64_t deadline_ms, const struct cancel *cancel, struct device_list *ret_list,
		    struct error *e)
{
	_device_list_ struct device_list found = { NULL, 0 };

	if (n > DEVICE_MAX_PER_CALL)
		return fail(e, E2BIG, "%zu devices are more than %d", n, DEVICE_MAX_PER_CALL);
	found.items = xcalloc(n ? n : 1, sizeof(*found.items));
	for (size_t i = 0; i < n; i++) {
		int r = resolve_one(sb, list[i], deadline_ms, cancel, &found.items[i], e);

		if (r < 0)
			return r;
		found.n++;
	}
	*ret_list = found;
	found = (struct device_list){ NULL, 0 };
	return 0;
}
