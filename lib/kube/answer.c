/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - what the API server's answers mean.
 *
 * A status alone says too little: a 409 may be an object that is there already, a field that
 * belongs to somebody else, or two writers who met.  And it may say too much: an API server that
 * has just started refuses what it is about to allow, because it knows neither roles nor tokens
 * yet; so does one of several that lags behind.  Therefore a refusal counts when it has lasted, and
 * how each answer is taken is one row here.  Any thread.
 */
#include "lib/kube/answer.h"

#define ASKED_MAX_S 3600

/* The first row that fits counts. */
static const struct kube_answer answers[] = {
	{ 200, 299, NULL, KUBE_DONE, 0 },
	/* We follow none: whoever answers so is not the API server. */
	{ 300, 399, NULL, KUBE_BELIEVE, EPROTO },
	/* The token may have rotated between reading and use, and is read anew each time. */
	{ 401, 401, NULL, KUBE_INSIST, EACCES },
	{ 403, 403, NULL, KUBE_INSIST, EACCES },
	{ 404, 404, NULL, KUBE_BELIEVE, ENOENT },
	{ 408, 408, NULL, KUBE_LATER, EAGAIN },
	{ 409, 409, "AlreadyExists", KUBE_BELIEVE, EEXIST },
	{ 409, 409, "FieldManagerConflict", KUBE_BELIEVE, EBUSY },
	/* Two writers met: what names no version may be sent again. */
	{ 409, 409, NULL, KUBE_INSIST, EBUSY },
	{ 410, 410, NULL, KUBE_INSIST, ESTALE },
	{ 429, 429, NULL, KUBE_LATER, EAGAIN },
	{ 501, 501, NULL, KUBE_BELIEVE, ENOSYS },
	{ 500, 599, NULL, KUBE_LATER, EAGAIN },
	{ 0, UINT32_MAX, NULL, KUBE_BELIEVE, EINVAL },
};

static bool has_cause(struct json_object *body, const char *reason)
{
	return json_find(json_at(body, "details.causes"), "reason", reason) != NULL;
}

const struct kube_answer *kube_answer(unsigned status, struct json_object *body)
{
	const struct kube_answer *a = answers;

	while (status < a->from || status > a->to ||
	       (a->reason && !str_equal(json_get_str(body, "reason"), a->reason) &&
		!has_cause(body, a->reason)))
		a++;
	return a;
}

int64_t kube_answer_asks_ms(struct json_object *body)
{
	int64_t seconds = json_get_int(body, "details.retryAfterSeconds", -1);

	return seconds < 0 ? -1 : (seconds < ASKED_MAX_S ? seconds : ASKED_MAX_S) * 1000;
}
