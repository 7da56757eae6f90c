/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lastwords - tell the kubelet why a container ended, where the container cannot.
 *
 * The kubelet mounts a file of its own into each container and shows what it finds there when the
 * container has ended: `message` of the terminated state.  A container whose VM is gone did not get
 * to write any.  The file's name is in the container's specification: below the pod's folder, in
 * that of the container.  Only its content is under the guest's reach.
 *
 * Where nothing is shared the container writes into a copy, whose end the agent gives back.
 *
 * CRI-O takes no events: that a container was out of memory it learns from a file in its bundle.
 */
#include "runtime/sandbox/lastwords.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/rpc/message.h"
#include "runtime/sandbox/spec.h"

/* containerd's, and the kubelet's own, which CRI-O passes on. */
static const char *const name_keys[] = { "io.kubernetes.cri.container-name",
					 "io.kubernetes.container.name" };

static const char *name_of(const Oci__Spec *spec)
{
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(name_keys) && !name; i++)
		name = spec_annotation(spec, name_keys[i]);
	return name;
}

const char *lastwords_path(const Oci__Spec *spec)
{
	const char *name = name_of(spec);
	_free_ char *pattern = NULL;

	if (str_empty(name) || check_id(name, "container", NAME_MAX, &(struct error){ 0 }) < 0)
		return NULL;
	pattern = xasprintf("*/pods/*/containers/%s/*", name);
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (fnmatch(pattern, spec->mounts[i]->source, 0) == 0)
			return spec->mounts[i]->source;
	return NULL;
}

void lastwords_put(const char *path, const void *bytes, size_t len)
{
	_close_ int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct error e;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 0)
		return;
	if (write_all(fd, bytes, len, path, &e) < 0)
		log_debug("%s", e.msg);
}

void lastwords_write(const char *bundle, const char *text)
{
	_message_ Oci__Spec *spec = NULL;
	const char *path;
	struct error e;

	if (spec_read(bundle, &spec, &e) < 0) {
		log_debug("%s", e.msg);
		return;
	}
	path = lastwords_path(spec);
	if (path)
		lastwords_put(path, text, strlen(text));
}

void lastwords_note_oom(const char *bundle)
{
	_free_ char *path = path_join(bundle, "oom");
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		log_debug("cannot make '%s': %m", path);
}
