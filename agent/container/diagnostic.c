/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostic - what a container left for whoever asks why it ended.
 *
 * The one kind of the protocol is the termination message: an annotation names the file as the
 * container sees it, the mount there where it is in the guest.  The container writes it, so it is
 * opened without following links or waiting, and read within bounds.  The job of the container's
 * queue; the container may have ended, as long as it is not removed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/container/container-object.h"
#include "agent/plan/plan.h"
#include "agent/plan/run-dir.h"
#include "lib/file.h"
#include "lib/rpc/message.h"
#include "lib/rpc/proto/agent.pb-c.h"
#include "lib/rpc/proto/oci.pb-c.h"

#define MESSAGE_MAX 4096 /* Kubernetes, Container v1 core: terminationMessagePath */
#define MESSAGE_KEY "io.kubernetes.container.terminationMessagePath"

static const char *annotation_of(const Oci__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (str_equal(spec->annotations[i]->key, key))
			return spec->annotations[i]->value;
	return NULL;
}

/* Where in the guest the file is that the container sees at PATH. */
static const char *source_of(const Oci__Spec *spec, const char *path)
{
	for (size_t i = spec->n_mounts; i > 0; i--)
		if (str_equal(spec->mounts[i - 1]->destination, path))
			return spec->mounts[i - 1]->source;
	return NULL;
}

static int read_message(const char *path, char **ret, struct error *e)
{
	_close_ int fd = run_dir_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, e);
	_free_ char *text = xcalloc(1, MESSAGE_MAX + 1);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(e, EINVAL, "'%.128s' is no file", path);
	if (pread(fd, text, MESSAGE_MAX, 0) < 0)
		return fail(e, errno, "cannot read '%.128s': %m", path);
	utf8_repair(text);
	*ret = TAKE_PTR(text);
	return 0;
}

int diagnostic_termination(const Oci__Spec *spec, char **ret, struct error *e)
{
	const char *path = annotation_of(spec, MESSAGE_KEY), *source;

	if (!path)
		return fail(e, ENOENT, "its specification has no annotation " MESSAGE_KEY);
	source = source_of(spec, path);
	if (str_empty(source) || !run_dir_contains(source))
		return fail(e, ENOENT, "nothing of the host is mounted at '%.128s'", path);
	return read_message(source, ret, e);
}

int container_rpc_diagnostic(struct rpc_request *req, const void *in_, void *out, struct error *e)
{
	const Agent__GetDiagnosticDataRequest *in = in_;
	Agent__GetDiagnosticDataResponse *response = out;
	struct sandbox *sb = rpc_context(req);
	struct container *c;
	enum launch_kind kind;
	_message_ Oci__Spec *spec = NULL;
	char *text = NULL;
	int r;

	if (!str_equal(in->log_type, "termination_log"))
		return fail(e, EINVAL,
			    "there are no diagnostic data '%.64s', only 'termination_log'",
			    in->log_type);
	c = container_of_queue(sb->containers, rpc_queue(req), in->container_id, e);
	if (!c)
		return -e->code;
	r = launch_plan_read(c->planfd, &kind, &spec, e);
	if (r == 0)
		r = diagnostic_termination(spec, &text, e);
	if (r < 0)
		return fail_wrap(e, "container '%s'", c->id);
	response->data = text;
	return 0;
}
