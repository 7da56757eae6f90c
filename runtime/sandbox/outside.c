/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outside - what of a container is on the host although it runs in the guest.
 *
 * The placeholder ends with the container and the container does not end with it: whoever kills it
 * has ended nothing but a name.  Then it stays unreaped, so that its number is not given to
 * somebody else whom an engine would take for the container.
 *
 * Hooks of the container's end run once, whatever was the last that succeeded before.
 */

#include "runtime/sandbox/outside.h"

#include <signal.h>
#include <sys/wait.h>

#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/hook.h"

struct outside {
	char *id;
	char *bundle;
	const struct cancel *cancel;
	struct proc proc;
	pid_t pid; /* stays */
	/* Taken from the specification: */
	char *version;
	Oci__Hooks *hooks;
	Oci__Spec *about; /* nothing but annotations */
	bool has_run_last;
};

static struct hook_state state_of(const struct outside *o, pid_t pid)
{
	return (struct hook_state){ .version = o->version,
				    .id = o->id,
				    .bundle = o->bundle,
				    .annotations = o->about->annotations,
				    .n_annotations = o->about->n_annotations,
				    .pid = pid };
}

/* Annotations are the guest's as well, so they are copied. */
static Oci__Spec *about_new(const Oci__Spec *spec)
{
	Oci__Spec *about = message_new(&oci__spec__descriptor);

	about->annotations = xcalloc(spec->n_annotations + 1, sizeof(*about->annotations));
	for (size_t i = 0; i < spec->n_annotations; i++) {
		Oci__Spec__AnnotationsEntry *entry =
			message_new(&oci__spec__annotations_entry__descriptor);

		entry->key = xstrdup(spec->annotations[i]->key);
		entry->value = xstrdup(spec->annotations[i]->value);
		about->annotations[about->n_annotations++] = entry;
	}
	return about;
}

static struct outside *outside_make(const char *id, const char *bundle, Oci__Spec *spec)
{
	struct outside *o = xcalloc(1, sizeof(*o));

	o->id = xstrdup(id);
	o->bundle = xstrdup(bundle);
	o->proc.pidfd = -1;
	o->version = xstrdup(spec->version);
	o->hooks = TAKE_PTR(spec->hooks);
	o->about = about_new(spec);
	return o;
}

/* These run in the container's namespaces, which are in the guest, and the programs are not. */
static int check_hooks(const Oci__Hooks *hooks, struct error *e)
{
	if (hooks && (hooks->n_createcontainer || hooks->n_startcontainer))
		return fail(e, ENOTSUP,
			    "not supported in a virtual machine: hooks of the moment "
			    "createContainer or startContainer");
	return 0;
}

int outside_new(const struct outside_params *params, Oci__Spec *spec, struct outside **ret_outside,
		struct error *e)
{
	const struct placeholder what = { .id = params->id,
					  .args = spec->process->args,
					  .n_args = spec->process->n_args,
					  .loop = params->loop };
	struct hook_state state;
	struct outside *o;
	int r = check_hooks(spec->hooks, e);

	if (r < 0)
		return r;
	o = outside_make(params->id, params->bundle, spec);
	o->cancel = params->cancel;
	r = placeholder_start(params->places, &what, o->cancel, &o->proc, e);
	o->pid = o->proc.pid;
	state = state_of(o, o->pid);
	if (r >= 0)
		r = hooks_run(o->hooks, HOOK_PRESTART, &state, o->cancel, e);
	if (r >= 0)
		r = hooks_run(o->hooks, HOOK_CREATE_RUNTIME, &state, o->cancel, e);
	if (r < 0) {
		placeholders_forget(params->places, o->id);
		outside_removed(o);
		outside_free(o);
		return r;
	}
	*ret_outside = o;
	return 0;
}

bool outside_has_first_hooks(const struct outside *o)
{
	return o->hooks && o->hooks->n_poststart > 0;
}

int outside_started(struct outside *o, struct error *e)
{
	const struct hook_state state = state_of(o, o->pid);

	return hooks_run(o->hooks, HOOK_POSTSTART, &state, o->cancel, e);
}

void outside_ended(struct outside *o)
{
	struct error e;

	if (o->proc.pidfd >= 0 && proc_kill(&o->proc, SIGKILL, &e) < 0)
		log_warn("%s", e.msg);
}

int outside_pidfd(const struct outside *o)
{
	return o->proc.pidfd;
}

void outside_reap(struct outside *o)
{
	if (o->proc.pidfd < 0)
		return;
	(void)waitpid(o->proc.pid, NULL, 0);
	proc_done(&o->proc);
}

bool outside_has_last_hooks(const struct outside *o)
{
	return !o->has_run_last && o->hooks && o->hooks->n_poststop > 0;
}

void outside_removed(struct outside *o)
{
	/* There is no process any more when they run. */
	const struct hook_state state = state_of(o, 0);
	struct error e;

	if (!outside_has_last_hooks(o))
		return;
	o->has_run_last = true;
	(void)proc_stop(&o->proc, 0);
	(void)hooks_run(o->hooks, HOOK_POSTSTOP, &state, NULL, &e);
}

void outside_forget(const char *id, const char *bundle, Oci__Spec *spec)
{
	struct outside *o = outside_make(id, bundle, spec);

	outside_removed(o);
	outside_free(o);
}

pid_t outside_pid(const struct outside *o)
{
	return o->pid;
}

void outside_free(struct outside *o)
{
	if (!o)
		return;
	(void)proc_stop(&o->proc, 0);
	message_free(o->hooks);
	message_free(o->about);
	free(o->version);
	free(o->bundle);
	free(o->id);
	free(o);
}
