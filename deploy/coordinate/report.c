/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what a custom resource says of its roll-out.
 *
 * Three conditions, so that `kubectl wait` and the health checks of GitOps tools know them:
 * Available (sandboxes can be started), Progressing (a roll-out is under way) and Degraded (it
 * stopped).  All three are there from the first look on.  A roll-out's end is one entry of the
 * history.
 */
#include "deploy/coordinate/report.h"

#include <string.h>

#define HISTORY_MAX 16

/* What each phase is called, and what it makes of the conditions. */
static const struct {
	const char *reason;
	bool is_progressing;
} phases[] = {
	[PHASE_COMPLETE] = { "Complete", false }, [PHASE_ROLLING] = { "RollingOut", true },
	[PHASE_SOAKING] = { "Soaking", true },    [PHASE_WAITING] = { "OutsideWindow", true },
	[PHASE_PAUSED] = { "Paused", false },     [PHASE_FAILED] = { "NodeFailed", false },
};
_Static_assert(ARRAY_SIZE(phases) == N_PHASE, "a phase has no name");

/* "complete", and what it is without.  Caller frees. */
static char *complete_words(const struct situation *s, const struct decision *d)
{
	_strv_ strv parts = NULL;

	strv_add(&parts, "complete");
	if (d->n_failed)
		strv_addf(&parts, "%zu nodes refused it", d->n_failed);
	if (s->n_away)
		strv_addf(&parts, "%zu nodes are away", s->n_away);
	return strv_join(parts, ", ");
}

/* "wave 3 of 4 (25 %), 57 of 212 nodes".  Caller frees. */
static char *wave_words(const struct policy *p, const struct decision *d)
{
	const struct wave *wave = &p->waves[d->wave];
	_free_ char *part = wave->is_percent ? xasprintf(" (%u %%)", wave->count) : xstrdup("");

	return xasprintf("wave %zu of %zu%s, %zu of %zu nodes%s", d->wave + 1, p->n_waves, part,
			 d->n_updated, d->n_nodes,
			 d->phase == PHASE_SOAKING   ? ", soaking"
			 : d->phase == PHASE_WAITING ? ", waits for a window"
						     : "");
}

/* In a few words.  Caller frees. */
static char *words_of(const struct situation *s, const struct policy *p, const struct decision *d)
{
	switch (d->phase) {
	case PHASE_COMPLETE:
		return complete_words(s, d);
	case PHASE_FAILED:
		return xasprintf("stopped at %zu nodes: %s: %s", d->n_failed, d->first_failed,
				 s->first_reason ? s->first_reason : "its pod does not get ready");
	case PHASE_PAUSED:
		return xasprintf("paused at %zu of %zu nodes", d->n_updated, d->n_nodes);
	case PHASE_SOAKING:
	case PHASE_WAITING:
	case PHASE_ROLLING:
	case N_PHASE:
		break;
	}
	return wave_words(p, d);
}

static void add_condition(struct json_object *conditions, const struct situation *s,
			  const char *type, bool is_true, const char *reason, const char *message)
{
	struct json_object *before =
		json_find(json_at(s->installation, "status.conditions"), "type", type);
	const char *status = is_true ? "True" : "False";
	const char *since = json_get_str(before, "lastTransitionTime");
	bool is_same = str_equal(json_get_str(before, "status"), status) && since;
	struct json_object *condition = json_object_new_object();

	json_set_str(condition, "type", type);
	json_set_str(condition, "status", status);
	json_set_int(condition, "observedGeneration",
		     json_get_int(s->installation, "metadata.generation", 0));
	json_set_str(condition, "lastTransitionTime", is_same ? since : s->now);
	json_set_str(condition, "reason", reason);
	json_set_str(condition, "message", message);
	(void)json_object_array_add(conditions, condition);
}

static void add_conditions(struct json_object *status, const struct situation *s,
			   const struct decision *d, const char *words)
{
	struct json_object *conditions = json_set_array(status, "conditions");
	bool is_available = d->n_ready > d->n_unsuitable;

	add_condition(conditions, s, "Available", is_available,
		      is_available ? "NodesReady" : "NoNodeReady",
		      is_available ? "sandboxes can be started" : "no node starts sandboxes");
	add_condition(conditions, s, "Progressing", phases[d->phase].is_progressing,
		      phases[d->phase].reason, words);
	/* Whoever goes on past a failure has it still. */
	add_condition(conditions, s, "Degraded", d->n_failed > 0,
		      d->n_failed > 0 ? "NodeFailed" : phases[d->phase].reason, words);
}

static bool is_of(const struct situation *s, struct json_object *entry)
{
	return template_is(&s->template, json_get_str(entry, "image"),
			   json_get_str(entry, "revision"));
}

/* The last of the history, the newest first. */
static void add_history(struct json_object *status, const struct situation *s,
			const struct decision *d)
{
	struct json_object *before = json_at(s->installation, "status.history");
	struct json_object *newest = json_item(before, 0);
	struct json_object *history = json_set_array(status, "history");
	const char *result = d->phase == PHASE_COMPLETE ? "Complete"
			     : d->phase == PHASE_FAILED ? "Failed"
							: NULL;
	bool is_new =
		result && (!is_of(s, newest) || !str_equal(json_get_str(newest, "result"), result));

	if (is_new) {
		struct json_object *entry = json_object_new_object();

		json_set_str(entry, "image", s->template.image);
		json_set_str(entry, "revision", s->template.revision);
		json_set_str(entry, "version", json_get_str(s->summary, "desired"));
		json_set_str(entry, "result", result);
		json_set_str(entry, "time", s->now);
		(void)json_object_array_add(history, entry);
	}
	for (size_t i = 0; i < json_len(before) && json_len(history) < HISTORY_MAX; i++)
		(void)json_object_array_add(history, json_object_get(json_item(before, i)));
}

static void add_undone(struct json_object *status, const struct situation *s,
		       const struct decision *d)
{
	struct json_object *before = json_at(s->installation, "status");

	json_set_str(status, "undone",
		     d->undoes ? s->template.image : json_get_str(before, "undone"));
	json_set_str(status, "undoneRevision",
		     d->undoes ? s->template.revision : json_get_str(before, "undoneRevision"));
}

struct json_object *report_status(const struct situation *s, const struct policy *p,
				  const struct decision *d)
{
	struct json_object *status = json_object_new_object();
	_free_ char *words = words_of(s, p, d);

	json_set_int(status, "observedGeneration",
		     json_get_int(s->installation, "metadata.generation", 0));
	json_set_str(status, "image", s->template.image);
	json_set_str(status, "revision", s->template.revision);
	json_set_str(status, "current", json_get_str(s->summary, "current"));
	json_set_str(status, "desired", json_get_str(s->summary, "desired"));
	json_set_int(status, "nodes", (int64_t)(d->n_nodes + s->n_away));
	json_set_int(status, "ready", json_get_int(s->summary, "ready", 0));
	json_set_int(status, "updated", (int64_t)d->n_updated);
	json_set_int(status, "failed", (int64_t)d->n_failed);
	json_set_int(status, "unsuitable", (int64_t)d->n_unsuitable);
	json_set_int(status, "stale", json_get_int(s->summary, "stale", 0));
	json_set_int(status, "wave", (int64_t)d->wave + 1);
	json_set_str(status, "rollout", words);
	add_undone(status, s, d);
	add_history(status, s, d);
	add_conditions(status, s, d, words);
	return status;
}

char *report_template(const struct rollout_template *t)
{
	return t->revision ? xasprintf("%s %s", t->image, t->revision) : xstrdup(t->image);
}

/* In front of the history, with the version that the status names if it is about that template. */
static void add_failed(struct json_object *status, const struct situation *s, const char *image,
		       const char *revision)
{
	const struct rollout_template t = { image, revision };
	_json_ struct json_object *before = json_object_get(json_at(status, "history"));
	struct json_object *history = json_set_array(status, "history");
	struct json_object *entry = json_object_new_object();

	json_set_str(entry, "image", image);
	json_set_str(entry, "revision", revision);
	if (template_is(&t, json_get_str(status, "image"), json_get_str(status, "revision")))
		json_set_str(entry, "version", json_get_str(status, "desired"));
	json_set_str(entry, "result", "Failed");
	json_set_str(entry, "time", s->now);
	(void)json_object_array_add(history, entry);
	for (size_t i = 0; i < json_len(before); i++)
		(void)json_object_array_add(history, json_object_get(json_item(before, i)));
}

static bool has_failed(struct json_object *status, const struct rollout_template *t)
{
	struct json_object *history = json_at(status, "history");

	for (size_t i = 0; i < json_len(history); i++) {
		struct json_object *entry = json_item(history, i);

		if (template_is(t, json_get_str(entry, "image"), json_get_str(entry, "revision")) &&
		    str_equal(json_get_str(entry, "result"), "Failed"))
			return true;
	}
	return false;
}

/* One of before that does not write the note has told of a later one. */
static bool is_told(struct json_object *status, const struct rollout_template *t)
{
	const char *undone = json_get_str(status, "undone");

	return template_is(t, undone, json_get_str(status, "undoneRevision")) ||
	       (!str_empty(undone) && has_failed(status, t));
}

bool report_recall(const struct situation *s)
{
	const char *note = json_get_str(s->summary, "undone");
	struct json_object *status = json_at(s->installation, "status");
	_free_ char *image = note ? xstrdup(note) : NULL;
	char *revision = image ? strchr(image, ' ') : NULL;
	struct rollout_template t = { .image = image };

	if (!image)
		return false;
	if (revision)
		*revision++ = '\0';
	t.revision = revision;
	if (is_told(status, &t))
		return false;
	if (!status)
		status = json_set_object(s->installation, "status");
	add_failed(status, s, image, revision);
	json_set_str(status, "undone", image);
	json_set_str(status, "undoneRevision", revision);
	return true;
}

bool report_may_undo(const struct situation *s)
{
	struct json_object *history = json_at(s->installation, "status.history");
	struct json_object *status = json_at(s->installation, "status");
	const char *undone = json_get_str(status, "undone");
	size_t i = 0;

	if (str_empty(undone))
		return true;
	while (i < json_len(history) && is_of(s, json_item(history, i)))
		i++;
	return !template_is(&s->template, undone, json_get_str(status, "undoneRevision")) &&
	       str_equal(json_get_str(json_item(history, i), "result"), "Complete");
}

bool report_is_news(const struct situation *s, struct json_object *status)
{
	struct json_object *before = json_at(s->installation, "status");
	_free_ char *a = before ? json_lines(before) : NULL;
	_free_ char *b = json_lines(status);

	return s->recalls || !str_equal(a, b);
}

static const char *reason_of(struct json_object *status)
{
	return json_get_str(json_find(json_at(status, "conditions"), "type", "Progressing"),
			    "reason");
}

const char *report_event(const struct situation *s, struct json_object *next, const char **ret_type,
			 char **ret_note)
{
	static const struct {
		enum phase phase;
		const char *event;
		const char *type;
	} events[] = {
		{ PHASE_COMPLETE, "KataRolloutComplete", "Normal" },
		{ PHASE_ROLLING, "KataRolloutWave", "Normal" },
		{ PHASE_WAITING, "KataRolloutWaits", "Normal" },
		{ PHASE_PAUSED, "KataRolloutPaused", "Normal" },
		{ PHASE_FAILED, "KataRolloutStopped", "Warning" },
	};
	struct json_object *last = json_at(s->installation, "status");
	const char *reason = reason_of(next);
	bool is_same_wave = json_get_int(last, "wave", 0) == json_get_int(next, "wave", 0);
	bool is_same = str_equal(reason_of(last), reason) && is_of(s, last);

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (!str_equal(reason, phases[events[i].phase].reason))
			continue;
		if (is_same && (is_same_wave || events[i].phase != PHASE_ROLLING))
			return NULL;
		*ret_type = events[i].type;
		*ret_note = xasprintf("%s: %s", json_get_str(next, "desired"),
				      json_get_str(next, "rollout"));
		return events[i].event;
	}
	return NULL;
}
