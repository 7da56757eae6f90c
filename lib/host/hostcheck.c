/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostcheck - find out before the first change what would fail after the last.
 *
 * A new check is one row here and one file in checks/ that fills `const struct host_check
 * check_NAME`: who asks, how it is weighed and told follows.  Facts come from /proc and /sys, which
 * a container sees as the node has them, and from device nodes where they are visible.  Read only.
 * May block on the disk, no longer.
 */
#include "lib/host/hostcheck.h"

#include <fcntl.h>

#include "lib/file.h"
#include "lib/kvm.h"

/* clang-format off */
#define CHECKS(row)                                             \
	row(architecture)  /* the release is for this processor */  \
	row(kernel)        /* its version */                        \
	row(kvm)           /* hardware virtualisation */            \
	row(memory)        /* more than one guest's */              \
	row(tun)           /* a pod's network */                    \
	row(vhost_vsock)   /* the kernel's own way to the agent */  \
	row(vhost_net)     /* the kernel's own network device */    \
	row(executable)    /* programs may run where they go */     \
	row(landlock)      /* a second wall around unpacking */
/* clang-format on */

#define DECLARE(name) extern const struct host_check check_##name;
CHECKS(DECLARE)

#define ROW(name) &check_##name,
static const struct host_check *const checks[] = { CHECKS(ROW) };

static enum check_verdict weigh(const struct host_check *check, const struct host_facts *f,
				enum check_answer answer)
{
	if (answer == CHECK_HOLDS)
		return VERDICT_OK;
	if (answer == CHECK_UNKNOWN || check->weight == CHECK_HELPFUL)
		return VERDICT_WARNING;
	return check->weight == CHECK_EMULABLE && f->allow_emulation ? VERDICT_WARNING
								     : VERDICT_MISSING;
}

bool hostcheck_at(size_t i, const struct host_facts *facts, struct check_result *ret_result)
{
	if (i >= ARRAY_SIZE(checks))
		return false;
	ret_result->check = checks[i];
	ret_result->verdict = weigh(checks[i], facts, checks[i]->look(facts, &ret_result->why));
	return true;
}

static int fail_missing(const struct check_result *r, struct error *e)
{
	return fail(e, r->why.code, "check '%s': %s; %s", r->check->name, r->why.msg,
		    r->check->remedy);
}

const char *hostcheck_unsuitable(const struct host_facts *facts, struct error *e)
{
	struct check_result r;

	for (size_t i = 0; hostcheck_at(i, facts, &r); i++) {
		if (r.verdict != VERDICT_MISSING || !r.check->unsuitable)
			continue;
		(void)fail_missing(&r, e);
		return r.check->unsuitable;
	}
	return NULL;
}

int hostcheck_run(const struct host_facts *facts, strv *ret_warnings, struct error *e)
{
	struct check_result r;

	for (size_t i = 0; hostcheck_at(i, facts, &r); i++) {
		if (r.verdict == VERDICT_MISSING)
			return fail_missing(&r, e);
		if (r.verdict == VERDICT_WARNING)
			strv_addf(ret_warnings, "check '%s': %s; %s", r.check->name, r.why.msg,
				  r.check->remedy);
	}
	return 0;
}

bool hostcheck_has_kvm(const struct host_facts *facts)
{
	const struct kvm_places places = { facts->sys, facts->proc, facts->dev };
	struct error ignored;

	return kvm_find(&places, &ignored) >= 0;
}

static bool is_known(const struct host_facts *f, const char *name)
{
	_free_ char *class = xasprintf("%s/class/misc/%s", f->sys, name);
	_free_ char *device = xasprintf("%s/devices/virtual/misc/%s", f->sys, name);

	return file_exists(class) || file_exists(device);
}

enum check_answer hostcheck_device(const struct host_facts *f, const char *name, const char *path,
				   struct error *e)
{
	_free_ char *node = f->dev ? path_join(f->dev, path) : NULL;
	_close_ int fd = node ? open(node, O_RDWR | O_CLOEXEC) : -1;

	if (fd >= 0 || (!node && is_known(f, name)))
		return CHECK_HOLDS;
	if (node)
		(void)fail(e, errno, "cannot open %s: %m", node);
	else
		(void)fail(e, ENODEV, "the kernel has no /dev/%s yet", path);
	return node ? CHECK_FAILS : CHECK_UNKNOWN;
}
