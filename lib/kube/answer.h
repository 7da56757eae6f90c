/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_KUBE_ANSWER_H
#define LIB_KUBE_ANSWER_H

#include "lib/json.h"

/* What to do after an answer of the API server. */
enum kube_next {
	KUBE_DONE,    /* it is what was asked for */
	KUBE_LATER,   /* the server cannot now: ask again, for as long as the caller waits */
	KUBE_INSIST,  /* refused, perhaps only now: ask again, and believe it when it has lasted */
	KUBE_BELIEVE, /* the answer stands */
};

/* One meaning of an answer. */
struct kube_answer {
	unsigned from, to;  /* statuses */
	const char *reason; /* of the answer, or of a cause in it; NULL: any */
	enum kube_next next;
	int error; /* errno; 0: none */
};

/* The meaning of STATUS with BODY, a Status object or NULL.  Never NULL. */
const struct kube_answer *kube_answer(unsigned status, struct json_object *body);

/* How long the answer asks to wait before the next try, in ms; -1: it does not say. */
int64_t kube_answer_asks_ms(struct json_object *body);

#endif
