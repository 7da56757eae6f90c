/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide - which nodes a roll-out reaches next.
 *
 * Nodes have one order: canaries first, unsuitable ones last, between them by zone and name, so
 * that every decision counts the same nodes into a wave.  A wave is complete when all of its nodes
 * have the release and are ready, and the next begins when they have been so for long enough. Nodes
 * that got the release without us, new ones or those whose pod somebody deleted, count where they
 * stand. No more than a few are under way at once, and none of a second zone while one of another
 * is.  A node that failed is not asked again: what stopped the roll-out is there for a person to
 * see.
 */
#include "deploy/coordinate/decide.h"

#include <string.h>

#define DAY_MIN  1440
#define WEEK_MIN (7 * DAY_MIN)

/* 1970-01-01 was a Thursday. */
#define EPOCH_MIN (3 * DAY_MIN)

void decision_done(struct decision *d)
{
	strv_free(d->pods);
	*d = (struct decision){ 0 };
}

/* ---- waves ---- */

static size_t size_of(const struct wave *w, size_t n)
{
	size_t size = w->is_percent ? (n * w->count + 99) / 100 : w->count;

	return min_size(size, n);
}

size_t wave_target(const struct policy *p, size_t wave, size_t n)
{
	size_t target = 0;

	/* Each adds one at least, of a small cluster too. */
	for (size_t i = 0; i <= wave && i < p->n_waves; i++)
		target = min_size(n, max_size(target + 1, size_of(&p->waves[i], n)));
	return wave + 1 >= p->n_waves ? n : target;
}

/* ---- windows ---- */

static bool is_in(const struct window *w, int64_t minute, int day)
{
	int64_t start = (int64_t)day * DAY_MIN + w->start_min;

	if (w->days && !(w->days & (1U << day)))
		return false;
	/* That of Sunday may end on Monday. */
	return (minute >= start && minute < start + w->length_min) ||
	       minute + WEEK_MIN < start + w->length_min;
}

static bool is_open_at(const struct policy *p, int64_t minute)
{
	for (size_t i = 0; i < p->n_windows; i++)
		for (int day = 0; day < 7; day++)
			if (is_in(&p->windows[i], minute, day))
				return true;
	return p->n_windows == 0;
}

/* Minutes from MINUTE until the next window begins. */
static int64_t minutes_to_open(const struct policy *p, int64_t minute)
{
	int64_t best = WEEK_MIN;

	for (size_t i = 0; i < p->n_windows; i++)
		for (int day = 0; day < 7; day++) {
			const struct window *w = &p->windows[i];
			int64_t start = (int64_t)day * DAY_MIN + w->start_min;
			int64_t left = (start - minute + WEEK_MIN) % WEEK_MIN;

			if ((!w->days || (w->days & (1U << day))) && left < best)
				best = left;
		}
	return best;
}

bool window_is_open(const struct policy *p, int64_t now_s, int64_t *ret_opens_s)
{
	int64_t minute = (now_s / 60 + EPOCH_MIN) % WEEK_MIN;

	if (is_open_at(p, minute))
		return true;
	*ret_opens_s = (now_s / 60 + minutes_to_open(p, minute)) * 60;
	return false;
}

/* ---- the order of nodes ---- */

static int compare(const void *a, const void *b)
{
	const struct rollout_node *x = a, *y = b;
	int zones;

	if (x->is_unsuitable != y->is_unsuitable)
		return x->is_unsuitable ? 1 : -1;
	if (x->is_canary != y->is_canary)
		return x->is_canary ? -1 : 1;
	zones = strcmp(x->zone, y->zone);
	return zones ? zones : strcmp(x->name, y->name);
}

static bool is_done(const struct rollout_node *t)
{
	return t->is_updated && t->is_ready && !t->is_failed;
}

/* Under way: it has the release and has not said how it went. */
static bool is_busy(const struct rollout_node *t)
{
	return t->is_updated && !t->is_ready && !t->is_failed;
}

static void count(const struct rollout_node *targets, size_t n, struct decision *d)
{
	for (size_t i = 0; i < n; i++) {
		const struct rollout_node *t = &targets[i];

		d->n_updated += t->is_updated;
		d->n_ready += t->is_ready;
		d->n_unsuitable += t->is_unsuitable;
		d->n_failed += t->is_updated && t->is_failed;
		if (t->is_updated && t->is_failed && !d->first_failed)
			d->first_failed = t->name;
	}
	d->n_nodes = n;
}

/* The wave that is not complete; the number of waves if there is none.  A failure that was
 * accepted, or is one of fewer than the limit, holds nobody up. */
static size_t find_wave(const struct policy *p, const struct rollout_node *targets, size_t n,
			bool accepts_failures)
{
	size_t done = 0, wave = 0;

	while (done < n &&
	       (is_done(&targets[done]) ||
		(accepts_failures && targets[done].is_updated && targets[done].is_failed)))
		done++;
	while (wave < p->n_waves && wave_target(p, wave, n) <= done && done < n)
		wave++;
	return done == n ? p->n_waves : wave;
}

/* When the nodes before FIRST have been ready for long enough. */
static int64_t soaked_s(const struct policy *p, const struct rollout_node *targets, size_t first)
{
	int64_t latest = INT64_MIN;

	for (size_t i = 0; i < first; i++)
		if (is_done(&targets[i]) && targets[i].ready_since_s > latest)
			latest = targets[i].ready_since_s;
	return latest == INT64_MIN ? 0 : latest + p->soak_s;
}

/* The zone in which something is under way; NULL: nothing is. */
static const char *busy_zone(const struct rollout_node *targets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_busy(&targets[i]))
			return targets[i].zone;
	return NULL;
}

/* Begins nodes of the first LAST ones. */
static void begin(const struct policy *p, const struct rollout_node *targets, size_t n, size_t last,
		  struct decision *d)
{
	const char *zone = busy_zone(targets, n);
	size_t busy = 0;

	for (size_t i = 0; i < n; i++)
		busy += is_busy(&targets[i]);
	for (size_t i = 0; i < last && busy < p->parallelism; i++) {
		const struct rollout_node *t = &targets[i];

		if (t->is_updated || !t->pod)
			continue;
		if (p->one_zone_at_a_time && zone && strcmp(zone, t->zone) != 0)
			continue;
		zone = t->zone;
		strv_add(&d->pods, t->pod);
		busy++;
	}
}

static void roll(const struct policy *p, const struct rollout_node *targets, size_t n,
		 int64_t now_s, struct decision *d)
{
	size_t before = d->wave > 0 ? wave_target(p, d->wave - 1, n) : 0;
	int64_t soaked = soaked_s(p, targets, before);
	int64_t opens = 0;

	if (d->wave > 0 && soaked > now_s) {
		d->phase = PHASE_SOAKING;
		d->again_s = soaked;
	} else if (!window_is_open(p, now_s, &opens)) {
		d->phase = PHASE_WAITING;
		d->again_s = opens;
	} else {
		d->phase = PHASE_ROLLING;
		begin(p, targets, n, wave_target(p, d->wave, n), d);
	}
}

bool template_is(const struct rollout_template *t, const char *image, const char *revision)
{
	return image && str_equal(image, t->image) &&
	       (!revision || !t->revision || strcmp(revision, t->revision) == 0);
}

void decide(const struct policy *p, const struct rollout_template *t, struct rollout_node *targets,
	    size_t n, int64_t now_s, struct decision *ret_decision)
{
	struct decision d = { 0 };
	bool accepts_failures;

	if (n > 0)
		qsort(targets, n, sizeof(*targets), compare);
	count(targets, n, &d);
	accepts_failures =
		d.n_failed < p->failure_limit || template_is(t, p->resumed, p->resumed_revision);
	d.wave = find_wave(p, targets, n, accepts_failures);
	if (d.wave == p->n_waves) {
		d.phase = PHASE_COMPLETE;
		d.wave = p->n_waves - 1;
	} else if (!accepts_failures) {
		d.phase = PHASE_FAILED;
		d.undoes = p->on_failure == ON_FAILURE_UNDO;
	} else if (p->is_paused) {
		d.phase = PHASE_PAUSED;
	} else {
		roll(p, targets, n, now_s, &d);
	}
	*ret_decision = d;
}
