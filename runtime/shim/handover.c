/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - leave sandboxes of upstream's to the shim that made them.
 *
 * Where an installation of upstream's was adopted, this program has the path that containerd noted
 * for pods from before, and the handler that their new containers get.  So containerd runs it to
 * clean up after a sandbox that it knows nothing of, or, up to 1.6, to find the shim of a pod that
 * gets one more container.  Upstream's Rust shim keeps a path of its own and is asked only for the
 * latter.  What upstream's shims take are the same flags but for -config, which is ours.
 */
#include "runtime/shim/handover.h"

#include <unistd.h>

#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/config/config.h"
#include "runtime/sandbox/spec.h"

static char *sandbox_of(const struct arguments *a, const char *bundle)
{
	_message_ Oci__Spec *spec = NULL;
	const char *id = NULL;
	struct error ignored;

	/* The bundle can be gone before the sandbox. */
	if (spec_read(bundle, &spec, &ignored) >= 0)
		id = spec_sandbox_id(spec);
	if (!id || check_id(id, "sandbox id", ID_LENGTH_MAX, &ignored) < 0)
		id = a->id;
	return xstrdup(id);
}

static void add_flag(strv *argv, const char *name, const char *value)
{
	if (!value)
		return;
	strv_add(argv, name);
	strv_add(argv, value);
}

static strv make_argv(const char *program, const struct arguments *a)
{
	strv argv = NULL;

	strv_add(&argv, program);
	add_flag(&argv, "-namespace", a->namespace_);
	add_flag(&argv, "-address", a->address);
	add_flag(&argv, "-publish-binary", a->publish_binary);
	add_flag(&argv, "-id", a->id);
	add_flag(&argv, "-bundle", a->bundle);
	if (a->debug)
		strv_add(&argv, "-debug");
	strv_add(&argv, a->action);
	return argv;
}

int handover(const char *run, const char *root, const struct arguments *a, const char *bundle,
	     struct error *e)
{
	_free_ char *adopted = path_join(root, FOREIGN_LINK);
	_free_ char *sandbox = NULL;
	_free_ char *program = NULL;
	_strv_ strv argv = NULL;
	const char *name;

	if (!file_exists(adopted))
		return 0;
	sandbox = sandbox_of(a, bundle);
	name = foreign_program(foreign_kind(run, sandbox));
	if (!name)
		return 0;
	program = path_join(adopted, name);
	argv = make_argv(program, a);
	log_info("sandbox '%s' is left to '%s'", sandbox, program);
	(void)execv(program, argv);
	return fail(e, errno, "cannot run '%s', whose sandbox '%s' is: %m", program, sandbox);
}

int handover_root(char **ret_root, struct error *e)
{
	_free_ char *version = NULL;
	_free_ char *versions = NULL;
	int r = config_resolve_version(&version, e);

	if (r < 0)
		return r;
	versions = path_parent(version);
	*ret_root = path_parent(versions);
	return 0;
}
