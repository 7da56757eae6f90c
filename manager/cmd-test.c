/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-test - boot a sandbox as it is installed and configured now, and have it answer.
 *
 * By the path that containers take: the shim through the current version, this machine's own
 * configuration, the container engine.  The lock keeps an installer from taking our sandbox for the
 * rest of its own.
 */
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/journal.h"
#include "manager/machine.h"

#define LOCK_MS (60 * UINT64_C(1000))
#define BOOT_MS (180 * UINT64_C(1000))

static int boot(struct manager *m, struct machine *k, struct json_object *result, struct error *e)
{
	_free_ char *kernel = NULL;
	const struct engine *engine;
	uint64_t began = now_ms();

	present_find(k, m->cancel);
	engine = machine_runner(k);
	if (!engine)
		return fail(e, ENOENT,
			    "no container engine answers, so no sandbox can be tried; start "
			    "containerd and test again");
	if (envoy_canary(engine, &k->handler, deadline_in(BOOT_MS), m->cancel, &kernel, e) < 0)
		return -e->code;
	json_set_str(result, "engine", flavour_title(engine->flavour));
	json_set_str(result, "handler", k->handler.name);
	json_set_str(result, "version", k->folder);
	json_set_str(result, "guestKernel", kernel);
	json_set_int(result, "ms", (int64_t)(now_ms() - began));
	return 0;
}

int cmd_test(struct manager *m, struct error *e)
{
	_json_ struct json_object *result = json_object_new_object();
	_cleanup_(journal_closep) struct journal *j = NULL;
	_machine_ struct machine k = { 0 };

	json_set_str(result, "apiVersion", MANAGER_API);
	json_set_str(result, "kind", "Test");
	if (machine_open(m->options, &k, e) < 0)
		return -e->code;
	m->is_understood = true;
	if (machine_want_current(&k, e) < 0 ||
	    journal_open(&k.owner, k.root, deadline_in(LOCK_MS), m->cancel, &j, e) < 0 ||
	    boot(m, &k, result, e) < 0)
		return -e->code;
	if (m->format != VIEW_TABLE)
		view_object(result, m->format, m->out);
	else
		(void)fprintf(m->out, "a sandbox of %s with kernel %s answered after %lld ms\n",
			      k.folder, json_get_str(result, "guestKernel"),
			      (long long)json_get_int(result, "ms", 0));
	return 0;
}
