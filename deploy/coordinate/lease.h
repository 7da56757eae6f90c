/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEPLOY_COORDINATE_LEASE_H
#define DEPLOY_COORDINATE_LEASE_H

#include "lib/kube/client.h"

#define LEASE_S        15 /* that a holder who says nothing more is believed */
#define LEASE_RENEW_MS 5000
#define LEASE_ACT_MS   10000 /* after a renewal the holder acts no longer than this */

/* One of several that want to be the only one.  Zero-initialise and name. */
struct lease {
	const char *path;    /* of the Lease object */
	const char *name;    /* of it */
	const char *holder;  /* who we are: unique */
	char *seen;          /* version of the object that was seen last; owned */
	uint64_t seen_ms;    /* when it changed, by our own clock: those of others may be wrong */
	uint64_t renewed_ms; /* when we had it last; 0: never */
};

void lease_done(struct lease *l);
#define _lease_ _cleanup_(lease_done)

enum lease_state { LEASE_MINE, LEASE_FREE, LEASE_OTHERS };

/* What OBJECT, the Lease as it is now (NULL: there is none), says at NOW_MS of our clock. */
enum lease_state lease_judge(struct lease *l, struct json_object *object, uint64_t now_ms);
/* The same with us as its holder, from NOW (RFC 3339 with microseconds) on.  It names the version
 * that it replaces, so that of two who take it at once one fails.  Caller owns. */
struct json_object *lease_claim(const struct lease *l, struct json_object *object, const char *now);

/* Takes or renews it.  Returns 1 if it is ours, 0 if it is another's. */
int lease_try(struct lease *l, struct kube_client *kube, const struct cancel *cancel,
	      struct error *e);
/* Whether we may act: who could not renew in time does not, though nobody else has it yet. */
bool lease_is_held(const struct lease *l, uint64_t now_ms);
/* Lets another have it at once. */
void lease_release(struct lease *l, struct kube_client *kube);

#endif
