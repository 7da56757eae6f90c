/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_systemd - what systemd says of units and jobs.
 *
 * The input is its messages, each with two bytes of length in front, to one who asked for the units
 * and to one who asked for a job.  Nobody takes for done what was not said to be.
 */

#include <stdlib.h>

#include "lib/host/unit.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct job *job)
{
	for (char *const *r = job->removed; r && *r; r++)
		if (!strchr(*r, ' '))
			abort();
	if (job->is_done && job->on_reply == on_job && !job->path)
		abort();
}

/* Takes one message; false behind the last. */
static bool take(struct job *job, const uint8_t **data, size_t *size)
{
	DBusMessage *m;
	DBusError error;
	struct error e;
	size_t len;

	if (*size < 2)
		return false;
	len = min_size((size_t)(*data)[0] | (size_t)(*data)[1] << 8, *size - 2);
	dbus_error_init(&error);
	m = dbus_message_demarshal((const char *)*data + 2, (int)len, &error);
	dbus_error_free(&error);
	*data += 2 + len;
	*size -= 2 + len;
	if (!m)
		return true;
	if (on_message(job, m, &e) >= 0)
		(void)check_removed(job, &e);
	dbus_message_unref(m);
	check(job);
	return true;
}

static void fuzz(int (*on_reply)(struct job *job, DBusMessage *m, struct error *e),
		 const uint8_t *data, size_t size)
{
	struct job job = { .serial = 2, .on_reply = on_reply };

	while (take(&job, &data, &size))
		;
	job_done(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz(on_units, data, size);
	fuzz(on_job, data, size);
	return 0;
}
