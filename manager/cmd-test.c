/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-test - boot a sandbox as it is installed and configured now, and have it answer; then a
 * container through each container engine that has our handler.
 *
 * By the path that containers take: the shim through the current version, this machine's own
 * configuration, the container engine.  The lock keeps an installer from taking our sandbox for the
 * rest of its own.
 */
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/journal.h"
#include "manager/container.h"
#include "manager/show.h"

#define LOCK_MS (60 * UINT64_C(1000))
#define BOOT_MS (180 * UINT64_C(1000))

/* The canary, if anything here runs a program for others; else the kernel stays unknown. */
static int boot(struct manager *m, const struct machine *k, struct json_object *result,
		struct error *e)
{
	const struct engine *engine = machine_runner(k);
	_free_ char *kernel = NULL;
	uint64_t began = now_ms();

	if (!engine)
		return 0;
	if (envoy_canary(engine, &k->handler, deadline_in(BOOT_MS), m->cancel, &kernel, e) < 0)
		return -e->code;
	json_set_str(result, "engine", flavour_title(engine->flavour));
	json_set_str(result, "guestKernel", kernel);
	json_set_int(result, "ms", (int64_t)(now_ms() - began));
	if (show_is_for_people(m))
		(void)fprintf(m->out, "a sandbox of %s with kernel %s answered after %lld ms\n",
			      k->folder, kernel, (long long)json_get_int(result, "ms", 0));
	return 0;
}

static void tell(struct manager *m, const struct present *p, const struct container_result *r,
		 struct json_object *containers)
{
	struct json_object *item = json_object_new_object();
	bool is_proven = r->reason.code == 0;

	json_set_str(item, "engine", p->name);
	json_set_str(item, "by", r->by);
	json_set_str(item, "guestKernel", r->kernel);
	json_set_bool(item, "proven", is_proven);
	json_set_str(item, "why", is_proven ? NULL : r->reason.msg);
	json_set_int(item, "ms", (int64_t)r->ms);
	(void)json_object_array_add(containers, item);
	if (!show_is_for_people(m))
		return;
	if (!is_proven)
		(void)fprintf(m->out, "%s: nothing was proven: %s\n", p->name, r->reason.msg);
	else if (r->kernel)
		(void)fprintf(m->out,
			      "%s: a container by %s with kernel %s answered after %llu ms\n",
			      p->name, r->by, r->kernel, (unsigned long long)r->ms);
	else
		(void)fprintf(m->out, "%s: a sandbox by %s ran, after %llu ms\n", p->name, r->by,
			      (unsigned long long)r->ms);
}

/* Whether it is to be tried: it answers, and shall have our handler and has it. */
static bool is_served(const struct present *p)
{
	return p->is_running && p->is_chosen && p->left.code == 0 && !edit_is_needed(&p->edit);
}

static int try_all(struct manager *m, const struct machine *k, struct json_object *result,
		   struct error *e)
{
	struct json_object *containers = json_set_array(result, "containers");
	bool is_proven = json_get_str(result, "guestKernel");

	for (size_t i = 0; i < PRESENT_MAX; i++) {
		_container_result_ struct container_result r = { 0 };

		if (!is_served(&k->engines[i]))
			continue;
		if (container_try(k, &k->engines[i], m->cancel, &r, e) < 0)
			return -e->code;
		is_proven |= r.reason.code == 0;
		tell(m, &k->engines[i], &r, containers);
	}
	return is_proven ? 0
			 : fail(e, ENOENT,
				"no container engine answers, so no sandbox can be tried; start "
				"containerd and test again");
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
	    journal_open(&k.owner, k.root, deadline_in(LOCK_MS), m->cancel, &j, e) < 0)
		return -e->code;
	present_find(&k, m->cancel);
	json_set_str(result, "handler", k.handler.name);
	json_set_str(result, "version", k.folder);
	if (machine_plan(&k, HANDLERS_PRESENT, e) < 0 || boot(m, &k, result, e) < 0 ||
	    try_all(m, &k, result, e) < 0)
		return -e->code;
	if (!show_is_for_people(m))
		view_object(result, m->format, m->out);
	return 0;
}
