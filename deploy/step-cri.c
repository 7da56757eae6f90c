/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step-cri - check the node, configure its container runtime, and prove it with a sandbox.
 *
 * The runtime itself validates the new configuration before it is in place ("config dump" by the
 * binary that is running, on the node): it must parse, keep every handler there was and have ours.
 * Then it is written, and the runtime restarted, only if something differs from what the running
 * one says it uses.  Afterwards its CRI service is asked; the undo brings the old text back (where
 * somebody else changed the file since, only our part of it) and asks again.  An undo never looks
 * at the cancel: it must end.
 */
#include "deploy/install.h"

#include <string.h>

#include "lib/file.h"
#include "lib/host/endpoint.h"
#include "lib/host/hostcheck.h"
#include "lib/host/unit.h"
#include "lib/log.h"

#define VALIDATE_MS (60 * UINT64_C(1000))
#define RESTART_MS  (120 * UINT64_C(1000))
#define SETTLE_MS   (120 * UINT64_C(1000))
#define CANARY_MS   (180 * UINT64_C(1000))
#define UNIT        "containerd.service"
#define CANDIDATE   ".kata-deploy-candidate"

int host_check(void *context, struct error *e)
{
	struct install *in = context;

	if (!in->node_object)
		return fail(e, ENOENT,
			    "node '%s' cannot be read; is NODE_NAME right, and does the service "
			    "account have the role of manifests/?",
			    in->settings->node_name);
	return in->is_changing;
}

int host_run(void *context, struct error *e)
{
	struct install *in = context;
	_strv_ strv warnings = NULL;
	struct host_facts facts = {
		.arch = in->release.arch,
		.root = in->root,
		.sys = "/sys",
		.proc = "/proc",
		.allow_emulation = true,
	};
	int r;

	for (size_t i = 0; i < in->n_offers; i++)
		facts.allow_emulation &= offer_bool(&in->offers[i], NULL, "allow_emulation", false);
	r = hostcheck_run(&facts, &warnings, e);
	for (char **w = warnings; w && *w; w++)
		log_warn("%s", *w);
	return r;
}

static int plan_edit(const struct install *in, size_t n_handlers, struct edit *edit,
		     struct error *e)
{
	return in->driver->plan(&in->site, in->handlers, n_handlers, edit, e);
}

/* 1 if the running runtime does not use what is configured. */
static int is_behind(const struct install *in, struct error *e)
{
	_cri_status_ struct cri_status s = { 0 };
	int r = endpoint_status(in->node.socket, deadline_in(SETTLE_MS), in->cancel, &s, e);

	if (r < 0)
		return r;
	return endpoint_lacks(&s, in->handlers, in->n_offers) != NULL;
}

int cri_check(void *context, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (in->is_settled)
		return 0;
	if (plan_edit(in, in->n_offers, &edit, e) < 0)
		return -e->code;
	return edit_is_needed(&edit) ? 1 : is_behind(in, e);
}

int cri_save(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (plan_edit(in, in->n_offers, &edit, e) < 0)
		return -e->code;
	edit_save(&edit, data);
	return 0;
}

/* The handlers in the configuration that the running containerd makes of the file at PATH. */
static int dump_handlers(const struct install *in, const char *path, strv *ret_names,
			 struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	_strv_ strv argv = NULL;
	int r;

	strv_addf(&argv, NODE_PEER "%s", in->node.socket);
	strv_add(&argv, "-c");
	strv_add(&argv, path);
	strv_add(&argv, "config");
	strv_add(&argv, "dump");
	r = node_exec(&in->node, argv, deadline_in(VALIDATE_MS), in->cancel, &result, e);
	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EINVAL, "containerd refuses the configuration: %.400s",
			    str_trim(result.err));
	return cri_dump_handlers(result.out, strlen(result.out), ret_names, e);
}

static int compare_handlers(const struct install *in, char *const *before, char *const *after,
			    size_t n_handlers, struct error *e)
{
	for (char *const *name = before; name && *name; name++) {
		bool is_ours = str_starts(*name, "kata");

		if (!is_ours && !strv_contains(after, *name))
			return fail(e, EINVAL,
				    "with the new configuration containerd would lose the handler "
				    "'%s'; nothing was changed",
				    *name);
	}
	for (size_t i = 0; i < n_handlers; i++)
		if (!strv_contains(after, in->handlers[i].name))
			return fail(e, EINVAL,
				    "containerd does not see the handler '%s': does a file in "
				    "'imports' replace the CRI section?",
				    in->handlers[i].name);
	return 0;
}

static int write_text(const char *path, const char *text, struct error *e)
{
	return file_replace(path, text, strlen(text), 0644, e);
}

/* Writes what the edit would make to names that containerd does not read by itself. */
static int write_candidate(const struct install *in, const struct edit *edit, const char *main_path,
			   const char *drop_in, struct error *e)
{
	char *stand_ins[EDIT_FILES_MAX] = { NULL };
	_free_ char *stand_in = xstrdup(drop_in);
	_free_ char *text = NULL;

	if (edit->n_files > 1 && edit->files[1].new_text) {
		stand_ins[1] = stand_in;
		if (write_text(drop_in, edit->files[1].new_text, e) < 0)
			return -e->code;
	}
	if (in->driver->candidate(edit, stand_ins, &text, e) < 0)
		return -e->code;
	return write_text(main_path, text, e);
}

static int validate(const struct install *in, const struct edit *edit, size_t n_handlers,
		    struct error *e)
{
	_free_ char *main_path = xasprintf("%s/" CANDIDATE ".toml", in->site.dir);
	_free_ char *drop_in = xasprintf("%s/" CANDIDATE "-import.toml", in->site.dir);
	_strv_ strv before = NULL;
	_strv_ strv after = NULL;
	int r = 0;

	if (edit->files[0].old_text)
		r = dump_handlers(in, edit->files[0].path, &before, e);
	if (r >= 0)
		r = write_candidate(in, edit, main_path, drop_in, e);
	if (r >= 0)
		r = dump_handlers(in, main_path, &after, e);
	(void)unlink(main_path);
	(void)unlink(drop_in);
	if (r < 0)
		return fail_wrap(e, "validating the configuration of containerd");
	return compare_handlers(in, before, after, n_handlers, e);
}

static int restart_by_command(const struct install *in, const struct cancel *cancel,
			      struct error *e)
{
	_task_result_ struct task_result result = { 0 };
	int r = node_exec(&in->node, in->settings->restart_command, deadline_in(RESTART_MS), cancel,
			  &result, e);

	if (r < 0)
		return r;
	if (result.status != 0)
		return fail(e, EREMOTEIO, "'%s' ended with status %u: %.300s",
			    in->settings->restart_command[0], result.status, str_trim(result.err));
	return 0;
}

static int restart(const struct install *in, const struct cancel *cancel, struct error *e)
{
	int r;

	log_info("restarting containerd");
	r = unit_restart(UNIT_SOCKET, UNIT, deadline_in(RESTART_MS), cancel, e);
	if (r != -ENOENT)
		return r;
	if (strv_len(in->settings->restart_command) > 0)
		return restart_by_command(in, cancel, e);
	return fail(e, ENOENT,
		    "there is no systemd at '" UNIT_SOCKET
		    "'; say in KATA_RESTART_COMMAND how containerd is restarted");
}

static int restart_and_wait(struct install *in, size_t n_handlers, const struct cancel *cancel,
			    struct error *e)
{
	in->restarts++;
	if (restart(in, cancel, e) < 0)
		return -e->code;
	if (endpoint_wait(in->node.socket, in->handlers, n_handlers, deadline_in(SETTLE_MS), cancel,
			  e) < 0)
		return fail_wrap(e, "containerd after its restart");
	return 0;
}

static int configure(struct install *in, size_t n_handlers, struct error *e)
{
	_edit_ struct edit edit = { 0 };

	if (plan_edit(in, n_handlers, &edit, e) < 0)
		return -e->code;
	if (edit_is_needed(&edit) &&
	    (validate(in, &edit, n_handlers, e) < 0 || edit_apply(&edit, e) < 0))
		return -e->code;
	in->writes += edit_changes(&edit);
	return restart_and_wait(in, n_handlers, in->cancel, e);
}

int cri_run(void *context, struct error *e)
{
	struct install *in = context;

	return configure(in, in->n_offers, e);
}

int cri_undo(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	int changed = edit_restore(data, cri_merge, &in->site, e);

	/* What killed that run or its undo can have come between the files and the restart. */
	if (changed < 0 || (changed == 0 && !in->is_recovering))
		return changed;
	return restart_and_wait(in, 0, NULL, e);
}

int cri_is_configured(struct install *in, struct error *e)
{
	_edit_ struct edit edit = { 0 };

	return plan_edit(in, 0, &edit, e) < 0 ? -e->code : edit_is_needed(&edit);
}

int cri_remove_check(void *context, struct error *e)
{
	struct install *in = context;
	int r = cri_is_configured(in, e);

	if (r <= 0)
		return r;
	return install_must_be_unused(in, e) < 0 ? -e->code : 1;
}

int cri_remove_save(void *context, struct json_object *data, struct error *e)
{
	struct install *in = context;
	_edit_ struct edit edit = { 0 };

	if (plan_edit(in, 0, &edit, e) < 0)
		return -e->code;
	edit_save(&edit, data);
	return 0;
}

int cri_remove_run(void *context, struct error *e)
{
	return configure(context, 0, e);
}

int restart_check(void *context, struct error *e)
{
	(void)context;
	(void)e;
	return 1;
}

int restart_run(void *context, struct error *e)
{
	struct install *in = context;

	return restart_and_wait(in, 0, in->cancel, e);
}

/* One canary per proof: the node remembers which one it had. */
int canary_check(void *context, struct error *e)
{
	struct install *in = context;

	return in->is_changing ? 1 : ready_check(in, e);
}

static int boot_one(struct install *in, const struct offer *o, struct error *e)
{
	_cleanup_(candidate_done) struct candidate c = { 0 };
	uint64_t began = now_ms();

	candidate_init(&c, o, in->version_dir);
	free(TAKE_PTR(in->guest_kernel));
	if (node_canary(&in->node, &c.handler, deadline_in(CANARY_MS), in->cancel,
			&in->guest_kernel, e) < 0)
		return -e->code;
	log_info("a sandbox of '%s' with kernel %s answered after %llu ms", o->handler,
		 in->guest_kernel, (unsigned long long)(now_ms() - began));
	return 0;
}

int canary_run(void *context, struct error *e)
{
	struct install *in = context;

	for (size_t i = 0; i < in->n_offers; i++)
		if (boot_one(in, &in->offers[i], e) < 0)
			return -e->code;
	return 0;
}
