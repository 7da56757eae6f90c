/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the guest's time of day, which the host knows better.
 *
 * The clock a virtual machine is born with has whole seconds, so it is up to one behind, and
 * without KVM's clock it drifts by what the kernel's calibration was wrong.  The runtime asks what
 * the clock says, which is the answer to every call, works out the offset from the time the answer
 * took, and sends it; a runtime that knows only the time of day sends that.  The first change comes
 * before any container and is a step.  Later ones are, too, where the clock is far behind, which a
 * program sees as a moment in which it did not run; back, and by little, it is slewed, so that no
 * program sees time run backwards: make would build again what it just built.
 *
 * Io thread: nothing here blocks.
 */

#include "agent/guest/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "agent/sandbox.h"
#include "lib/rpc/proto/agent.pb-c.h"

#define NS_PER_S    INT64_C(1000000000)
#define NS_PER_US   INT64_C(1000)
#define NOTHING_NS  (NS_PER_S / 10000) /* within what a call measures */
#define FORWARD_NS  (NS_PER_S / 200)   /* stepped from here on */
#define BACKWARD_NS (NS_PER_S / 8)     /* slewing would take minutes */

enum clock_change clock_change_for(int64_t offset_ns, bool is_in_use)
{
	if (offset_ns > -NOTHING_NS && offset_ns < NOTHING_NS)
		return CLOCK_LEAVE;
	if (!is_in_use || offset_ns >= FORWARD_NS || offset_ns <= -BACKWARD_NS)
		return CLOCK_STEP;
	return CLOCK_SLEW;
}

/* The kernel takes seconds and a fraction that is not negative. */
static int step(int64_t offset_ns, struct error *e)
{
	int64_t seconds = offset_ns / NS_PER_S - (offset_ns % NS_PER_S < 0);
	struct timex change = { .modes = ADJ_SETOFFSET | ADJ_NANO };

	change.time.tv_sec = (time_t)seconds;
	change.time.tv_usec = (suseconds_t)(offset_ns - seconds * NS_PER_S);
	return adjtimex(&change) < 0 ? fail(e, errno, "cannot step the clock: %m") : 0;
}

static int slew(int64_t offset_ns, struct error *e)
{
	struct timex change = { .modes = ADJ_OFFSET_SINGLESHOT };

	change.offset = (long)(offset_ns / NS_PER_US);
	return adjtimex(&change) < 0 ? fail(e, errno, "cannot slew the clock: %m") : 0;
}

static int change_by(int64_t offset_ns, bool is_in_use, struct error *e)
{
	switch (clock_change_for(offset_ns, is_in_use)) {
	case CLOCK_STEP:
		return step(offset_ns, e);
	case CLOCK_SLEW:
		return slew(offset_ns, e);
	case CLOCK_LEAVE:
	default:
		return 0;
	}
}

static int set(const Agent__SetGuestDateTimeRequest *in, struct error *e)
{
	struct timespec now = { .tv_sec = (time_t)in->sec,
				.tv_nsec = (long)(in->usec * NS_PER_US) };

	if (in->sec < 0 || in->usec < 0 || in->usec >= NS_PER_S / NS_PER_US)
		return fail(e, EINVAL, "%lld s and %lld us are no time", (long long)in->sec,
			    (long long)in->usec);
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		return fail(e, errno, "cannot set the clock to %lld s: %m", (long long)in->sec);
	return 0;
}

int clock_rpc_set(struct rpc_request *req, const void *in_, void *out_, struct error *e)
{
	const Agent__SetGuestDateTimeRequest *in = in_;
	Agent__SetGuestDateTimeResponse *out = out_;
	struct sandbox *sb = rpc_context(req);
	_free_ char *id = sandbox_id(sb);
	struct timespec now;

	if (!sb->config->is_init)
		return fail(e, EPERM,
			    "cannot set the clock: this agent is not the first process of a guest");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	out->sec = now.tv_sec;
	out->nsec = now.tv_nsec;
	if (in->has_offset_case)
		return change_by(in->offsetns, id[0] != '\0', e);
	return set(in, e);
}
