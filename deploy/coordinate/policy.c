/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what the custom resource of an installation says of roll-outs.
 *
 * The API server has checked it by the schema of manifests/components/coordinator and has put its
 * defaults in; both are repeated here, since a schema can be changed and what it let pass before
 * stays.  Any thread.
 */
#include "deploy/coordinate/policy.h"

#include <string.h>

#define COUNT_MAX    99999
#define SOAK_MAX     604800
#define BOUND_MAX    1000
#define PROGRESS_MAX 86400
#define DAY_MIN      1440

static const char *const day_names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
_Static_assert(ARRAY_SIZE(day_names) == 7, "a week has seven days");

void policy_done(struct policy *p)
{
	str_set(&p->resumed, NULL);
	str_set(&p->resumed_revision, NULL);
	str_set(&p->withdrawn, NULL);
	str_set(&p->canary_label, NULL);
	str_set(&p->zone_label, NULL);
	*p = (struct policy){ 0 };
}

static int read_wave(const char *text, struct wave *ret_wave, struct error *e)
{
	_free_ char *number = xstrdup(text ? text : "");
	struct wave w = { .is_percent = str_ends(number, "%") };

	if (w.is_percent)
		number[strlen(number) - 1] = '\0';
	if (parse_u32(number, "waves", w.is_percent ? 100 : COUNT_MAX, &w.count, e) < 0)
		return -e->code;
	if (w.count == 0)
		return fail(e, EINVAL, "a wave of no node");
	*ret_wave = w;
	return 0;
}

static int read_waves(struct json_object *list, struct policy *p, struct error *e)
{
	static const struct wave usual[] = {
		{ 1, false }, { 5, true }, { 25, true }, { 100, true }
	};

	if (json_len(list) == 0) {
		memcpy(p->waves, usual, sizeof(usual));
		p->n_waves = ARRAY_SIZE(usual);
		return 0;
	}
	if (json_len(list) > WAVES_MAX)
		return fail(e, EINVAL, "there are more than %d waves", WAVES_MAX);
	for (size_t i = 0; i < json_len(list); i++)
		if (read_wave(json_object_get_string(json_item(list, i)), &p->waves[i], e) < 0)
			return -e->code;
	p->n_waves = json_len(list);
	return 0;
}

static int read_days(struct json_object *list, uint8_t *ret_days, struct error *e)
{
	*ret_days = 0;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_object_get_string(json_item(list, i));
		unsigned day = 0;

		while (day < 7 && !str_equal(name, day_names[day]))
			day++;
		if (day == 7)
			return fail(e, EINVAL, "'%s' is no day", name ? name : "");
		*ret_days = (uint8_t)(*ret_days | 1U << day);
	}
	return 0;
}

/* "22:00" */
static int read_start(const char *text, uint32_t *ret_min, struct error *e)
{
	_strv_ strv parts = strv_split(text ? text : "", ":");
	uint32_t hours, minutes;

	if (strv_len(parts) != 2 || parse_u32(parts[0], "start", 23, &hours, e) < 0 ||
	    parse_u32(parts[1], "start", 59, &minutes, e) < 0)
		return fail(e, EINVAL, "a window begins at '%s', which is no time",
			    text ? text : "");
	*ret_min = hours * 60 + minutes;
	return 0;
}

static int read_windows(struct json_object *list, struct policy *p, struct error *e)
{
	if (json_len(list) > WINDOWS_MAX)
		return fail(e, EINVAL, "there are more than %d windows", WINDOWS_MAX);
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *item = json_item(list, i);
		struct window *w = &p->windows[i];
		int64_t minutes = json_get_int(item, "minutes", 0);

		if (read_start(json_get_str(item, "start"), &w->start_min, e) < 0 ||
		    read_days(json_at(item, "days"), &w->days, e) < 0)
			return -e->code;
		if (minutes < 1 || minutes > DAY_MIN)
			return fail(e, EINVAL, "a window of %lld minutes", (long long)minutes);
		w->length_min = (uint32_t)minutes;
	}
	p->n_windows = json_len(list);
	return 0;
}

/* A number within its bounds. */
static int read_number(struct json_object *spec, const char *name, int64_t usual, int64_t min,
		       int64_t max, uint32_t *ret_number, struct error *e)
{
	int64_t number = json_get_int(spec, name, usual);

	if (number < min || number > max)
		return fail(e, EINVAL, "%s is %lld, not %lld to %lld", name, (long long)number,
			    (long long)min, (long long)max);
	*ret_number = (uint32_t)number;
	return 0;
}

static int read_on_failure(const char *text, enum on_failure *ret_on_failure, struct error *e)
{
	if (!text || strcmp(text, "Pause") == 0)
		*ret_on_failure = ON_FAILURE_PAUSE;
	else if (strcmp(text, "Undo") == 0)
		*ret_on_failure = ON_FAILURE_UNDO;
	else
		return fail(e, EINVAL, "onFailure is '%s', neither Pause nor Undo", text);
	return 0;
}

static int read_stale(const char *text, enum stale_policy *ret_stale, struct error *e)
{
	static const char *const names[] = { [STALE_REPORT] = "Report",
					     [STALE_EVICT] = "Evict",
					     [STALE_EVICT_MARKED] = "EvictMarked" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!text || strcmp(text, names[i]) == 0) {
			*ret_stale = (enum stale_policy)i;
			return 0;
		}
	return fail(e, EINVAL, "stale.policy is '%s', neither Report nor Evict nor EvictMarked",
		    text);
}

/* What separates entries is in none of them. */
static int read_withdrawn(struct json_object *list, char **ret_withdrawn, struct error *e)
{
	_strv_ strv entries = NULL;

	if (json_len(list) > WITHDRAWN_MAX)
		return fail(e, EINVAL, "there are more than %d withdrawn versions", WITHDRAWN_MAX);
	for (size_t i = 0; i < json_len(list); i++) {
		const char *entry = json_object_get_string(json_item(list, i));

		if (str_empty(entry) || *entry == '=' || strpbrk(entry, ", \t\r\n"))
			return fail(e, EINVAL, "'%s' is no version that could be withdrawn",
				    entry ? entry : "");
		strv_add(&entries, entry);
	}
	*ret_withdrawn = strv_join(entries, ",");
	return 0;
}

static const char *text_or(struct json_object *spec, const char *name, const char *usual)
{
	const char *text = json_get_str(spec, name);

	return text ? text : usual;
}

int policy_read(struct json_object *installation, struct policy *ret_policy, struct error *e)
{
	struct json_object *spec = json_at(installation, "spec");
	_policy_ struct policy p = { 0 };

	if (read_waves(json_at(spec, "waves"), &p, e) < 0 ||
	    read_windows(json_at(spec, "windows"), &p, e) < 0 ||
	    read_number(spec, "soakSeconds", 60, 0, SOAK_MAX, &p.soak_s, e) < 0 ||
	    read_number(spec, "parallelism", 10, 1, BOUND_MAX, &p.parallelism, e) < 0 ||
	    read_number(spec, "progressSeconds", 1800, 60, PROGRESS_MAX, &p.progress_s, e) < 0 ||
	    read_number(spec, "failureLimit", 1, 1, BOUND_MAX, &p.failure_limit, e) < 0 ||
	    read_number(spec, "stale.atOnce", 1, 1, BOUND_MAX, &p.evict_at_once, e) < 0 ||
	    read_stale(json_get_str(spec, "stale.policy"), &p.stale, e) < 0 ||
	    read_on_failure(json_get_str(spec, "onFailure"), &p.on_failure, e) < 0 ||
	    read_withdrawn(json_at(spec, "withdrawn"), &p.withdrawn, e) < 0)
		return -e->code;
	p.is_paused = json_get_bool(spec, "paused", false);
	p.one_zone_at_a_time = json_get_bool(spec, "oneZoneAtATime", true);
	str_set(&p.resumed, json_get_str(spec, "resumed"));
	str_set(&p.resumed_revision, json_get_str(spec, "resumedRevision"));
	str_set(&p.canary_label, text_or(spec, "canaryLabel", "katacontainers.io/canary"));
	str_set(&p.zone_label, text_or(spec, "zoneLabel", "topology.kubernetes.io/zone"));
	*ret_policy = p;
	p = (struct policy){ 0 };
	return 0;
}
