/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_CLIENT_H
#define LIB_KUBE_CLIENT_H

#include "lib/http/client.h"
#include "lib/json.h"
#include "lib/kube/backoff.h"
#include "lib/kube/config.h"
#include "lib/owner.h"

/*
 * A client of the Kubernetes API that is patient: it keeps below 5 requests a second, waits as long
 * as the server asks, and tries again with growing random pauses until the deadline.  One thread at
 * a time.
 */
struct kube_client;

struct kube_call {
	const char *method; /* NULL: GET */
	const char *path;   /* "/api/v1/nodes/n1?..." */
	const char *content_type;
	struct json_object *body; /* NULL: none */
	uint64_t deadline_ms;
	const struct cancel *cancel;
	/* Goes on where an earlier answer ended: 410 says that this place is gone, no more. */
	bool resumes;
	/* Names the version of the object it was made for: 409 says that this is not the object's
	 * any more, which no repetition changes. */
	bool names_version;
	/* Becomes true if a try may have been done whose answer did not come.  NULL: no matter. */
	bool *ret_lost;
};

/* Takes the plugin out of CONFIG and copies the rest.  OWNER, which is borrowed, is what audit logs
 * and flow control see, and whose the fields are. */
int kube_open(struct kube_config *config, const struct owner *owner,
	      struct kube_client **ret_client, struct error *e);
void kube_close(struct kube_client *client);
DEFINE_CLEANUP(kube_closep, struct kube_client *, kube_close)

/* Pauses of the retries; the default is 800 ms doubling to 30 s. */
void kube_set_backoff(struct kube_client *client, uint64_t first_ms, uint64_t cap_ms);

/* Requests a second, and how many at once after a pause; the default is 5 and 10. */
void kube_set_rate(struct kube_client *client, unsigned per_second, unsigned burst);

/* How long a refusal has to last to be believed; the default is 5 s.  Less than that it may be a
 * server that has just started. */
void kube_set_refusal(struct kube_client *client, uint64_t wait_ms);
uint64_t kube_refusal_ms(const struct kube_client *client);

/* Calls until it succeeds, is refused (answer.h), or the deadline.  Refusals carry the server's
 * message: ENOENT (404), EEXIST (409 AlreadyExists), EBUSY (409), EACCES (401, 403), ESTALE (410),
 * EPROTO (not an API server), EINVAL (other 4xx).  Failures that outlast the deadline keep the
 * errno of the last try.  *ret_object, which may be NULL, is owned by the caller. */
int kube_do(struct kube_client *client, const struct kube_call *call,
	    struct json_object **ret_object, struct error *e);

/* A fresh set of pauses as kube_do() uses them. */
struct backoff kube_backoff(const struct kube_client *client);
const struct owner *kube_owner(const struct kube_client *client);
/* The HTTP client below, for streams. */
struct http_client *kube_http(struct kube_client *client);

#endif
