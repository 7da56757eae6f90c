/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_VMM_QEMU_QMP_H
#define RUNTIME_VMM_QEMU_QMP_H

#include "lib/json.h"
#include "lib/wait.h"

/*
 * A client of QEMU's machine protocol on one connected stream: one command at a time, events kept
 * until asked for.  QEMU may be taken over by its guest: every line is bounded and checked.
 * One thread at a time.
 */

struct qmp;

#define QMP_LINE_MAX   MIB
#define QMP_EVENTS_MAX 64

/* Takes the stream OWN_FD, reads the greeting and leaves negotiation mode. */
int qmp_open(int own_fd, uint64_t deadline_ms, const struct cancel *c, struct qmp **ret_qmp,
	     struct error *e);
void qmp_free(struct qmp *qmp);
DEFINE_CLEANUP(qmp_freep, struct qmp *, qmp_free)

/* Runs COMMAND.  OWN_ARGUMENTS (may be NULL) is consumed.  *ret_result (may be NULL) is what the
 * command returned, to be released with json_putp().  EREMOTEIO carries QEMU's own words.  After a
 * deadline or cancel the connection stays usable: the late answer is dropped. */
int qmp_call(struct qmp *qmp, const char *command, struct json_object *own_arguments,
	     struct json_object **ret_result, uint64_t deadline_ms, const struct cancel *c,
	     struct error *e);
/* The same; descriptor FD goes along with the command (getfd, add-fd) and stays the caller's. */
int qmp_call_fd(struct qmp *qmp, const char *command, struct json_object *own_arguments, int fd,
		struct json_object **ret_result, uint64_t deadline_ms, const struct cancel *c,
		struct error *e);

/* Waits for the event NAME whose data has DEVICE as "device" (NULL: any), also one that came in
 * earlier and was not asked for; takes it out of the list. */
int qmp_wait_event(struct qmp *qmp, const char *name, const char *device, uint64_t deadline_ms,
		   const struct cancel *c, struct error *e);

#endif
