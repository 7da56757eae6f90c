/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume - ask and change the size of what the guest mounted from a disk.
 *
 * The guest has no name of the node's: a disk is found by what it is (block.c), and the guest knows
 * its file system by the place where the agent mounted it, which the disk's users carry in their
 * names (ways/disk.c).  Work thread.
 */

#include "runtime/sandbox/volume.h"

#include <string.h>

#include "lib/json.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/csi.pb-c.h"
#include "runtime/sandbox/client.h"
#include "runtime/sandbox/direct.h"

/* The disk that PATH means. */
static int find_disk(const char *path, char **ret_disk, struct error *e)
{
	_direct_ struct direct d = { 0 };
	int r;

	if (path[0] != '/')
		return fail(e, EINVAL, "'%.256s' is no whole path", path);
	if (!direct_exists(DIRECT_ROOT, path)) {
		*ret_disk = xstrdup(path);
		return 0;
	}
	r = direct_read(DIRECT_ROOT, path, &d, e);
	if (r >= 0)
		*ret_disk = TAKE_PTR(d.device);
	return r;
}

/* The members that Go's encoder leaves out are those that are zero. */
static void set_number(struct json_object *object, const char *member, uint64_t value)
{
	if (value > 0)
		(void)json_object_object_add(object, member, json_object_new_uint64(value));
}

static char *stats_text(const Csi__VolumeStatsResponse *stats)
{
	_json_ struct json_object *root = json_object_new_object();
	struct json_object *list = stats->n_usage > 0 ? json_set_array(root, "usage") : NULL;
	struct json_object *condition;

	for (size_t i = 0; i < stats->n_usage; i++) {
		struct json_object *usage = json_object_new_object();

		set_number(usage, "available", stats->usage[i]->available);
		set_number(usage, "total", stats->usage[i]->total);
		set_number(usage, "used", stats->usage[i]->used);
		set_number(usage, "unit", (uint64_t)stats->usage[i]->unit);
		(void)json_object_array_add(list, usage);
	}
	if (stats->volume_condition) {
		condition = json_set_object(root, "volume_condition");
		if (stats->volume_condition->abnormal)
			json_set_bool(condition, "abnormal", true);
		if (stats->volume_condition->message[0])
			json_set_str(condition, "message", stats->volume_condition->message);
	}
	return xstrdup(json_text(root));
}

int volume_stats(struct sandbox *s, const char *path, char **ret_json, struct error *e)
{
	Agent__VolumeStatsRequest request = AGENT__VOLUME_STATS_REQUEST__INIT;
	_message_ Csi__VolumeStatsResponse *answer = NULL;
	_free_ char *disk = NULL;
	_free_ char *point = NULL;
	int r = find_disk(path, &disk, e);

	if (r >= 0)
		r = sandbox_find_disk(s, disk, BLOCK_READ_ONLY, &point, e);
	if (r < 0)
		return r;
	request.volume_guest_path = point;
	r = client_call(sandbox_rpc(s), CLIENT_VOLUME_STATS, &request, &answer, 0,
			sandbox_canceller(s), e);
	if (r >= 0)
		*ret_json = stats_text(answer);
	return r;
}

int volume_resize(struct sandbox *s, const char *path, uint64_t bytes, struct error *e)
{
	Agent__ResizeVolumeRequest request = AGENT__RESIZE_VOLUME_REQUEST__INIT;
	_free_ char *disk = NULL;
	_free_ char *point = NULL;
	int r = find_disk(path, &disk, e);

	if (r >= 0)
		r = sandbox_find_disk(s, disk, BLOCK_READ_WRITE, &point, e);
	if (r >= 0)
		r = sandbox_grow_disk(s, disk, bytes, e);
	if (r < 0)
		return r;
	request.volume_guest_path = point;
	request.size = bytes;
	return client_call(sandbox_rpc(s), CLIENT_RESIZE_VOLUME, &request, NULL, 0,
			   sandbox_canceller(s), e);
}
