/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_decide - which nodes a roll-out reaches, over tables of states and simulated clusters.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "deploy/coordinate/decide.h"
#include "lib/wait.h"

#define NODES_MAX 5000
#define MONDAY    345600 /* 1970-01-05, 00:00 UTC */
#define NOW       MONDAY

static const struct policy usual = {
	.waves = { { 1, false }, { 5, true }, { 25, true }, { 100, true } },
	.n_waves = 4,
	.soak_s = 60,
	.parallelism = 10,
	.failure_limit = 1,
	.one_zone_at_a_time = true,
};

static const struct rollout_template release = { .image = "i", .revision = "r2" };

static void test_waves_add_a_node_at_least(void **state)
{
	static const struct {
		size_t n, targets[4];
	} cases[] = {
		{ 1, { 1, 1, 1, 1 } },       { 2, { 1, 2, 2, 2 } },
		{ 3, { 1, 2, 3, 3 } },       { 4, { 1, 2, 3, 4 } },
		{ 20, { 1, 2, 5, 20 } },     { 100, { 1, 5, 25, 100 } },
		{ 212, { 1, 11, 53, 212 } }, { 5000, { 1, 250, 1250, 5000 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t wave = 0; wave < 4; wave++)
			assert_int_equal(wave_target(&usual, wave, cases[i].n),
					 cases[i].targets[wave]);
}

/* ---- windows ---- */

static void test_windows_open_and_say_when(void **state)
{
	static const struct {
		struct window window;
		int64_t now_min; /* from Monday, 00:00 */
		bool is_open;
		int64_t opens_min;
	} cases[] = {
		{ { 0, 22 * 60, 60 }, 22 * 60 - 1, false, 22 * 60 },
		{ { 0, 22 * 60, 60 }, 22 * 60, true, 0 },
		{ { 0, 22 * 60, 60 }, 23 * 60 - 1, true, 0 },
		{ { 0, 22 * 60, 60 }, 23 * 60, false, 46 * 60 },
		/* Past midnight, of the day it began on. */
		{ { 1, 22 * 60, 300 }, 26 * 60, true, 0 },
		{ { 2, 22 * 60, 300 }, 2 * 60, false, 46 * 60 },
		/* Sunday's ends on Monday. */
		{ { 1 << 6, 22 * 60, 300 }, 2 * 60, true, 0 },
		{ { 1 << 6, 22 * 60, 300 }, 3 * 60, false, 6 * 1440 + 22 * 60 },
		{ { 0, 0, 1440 }, 3 * 1440 + 17, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy p = usual;
		int64_t opens = 0;

		p.windows[0] = cases[i].window;
		p.n_windows = 1;
		assert_int_equal(window_is_open(&p, MONDAY + cases[i].now_min * 60 + 30, &opens),
				 cases[i].is_open);
		if (!cases[i].is_open)
			assert_int_equal((opens - MONDAY) / 60, cases[i].opens_min);
	}
}

static void test_without_windows_it_is_always_open(void **state)
{
	int64_t opens = 0;

	(void)state;
	assert_true(window_is_open(&usual, NOW, &opens));
}

/* ---- a table of states ---- */

/* A node is a letter: o old, b busy, r ready and updated, f failed, u unsuitable and updated. */
static struct rollout_node node_of(char letter, const char *name)
{
	return (struct rollout_node){
		.name = name,
		.pod = name,
		.zone = "",
		.is_updated = letter != 'o',
		.is_ready = letter != 'b' && letter != 'f',
		.is_failed = letter == 'f',
		.is_unsuitable = letter == 'u',
		.ready_since_s = NOW - 60,
	};
}

struct cluster {
	struct rollout_node nodes[64];
	char names[64][32];
	size_t n;
};

static void make(struct cluster *c, const char *letters)
{
	*c = (struct cluster){ .n = strlen(letters) };
	for (size_t i = 0; i < c->n; i++) {
		(void)snprintf(c->names[i], sizeof(c->names[i]), "n%02zu", i);
		c->nodes[i] = node_of(letters[i], c->names[i]);
	}
}

static void test_states_lead_to_the_nodes_that_are_next(void **state)
{
	static const struct {
		const char *nodes;
		enum phase phase;
		size_t wave;
		const char *begins;
	} cases[] = {
		{ "oooo", PHASE_ROLLING, 0, "n00" },
		{ "booo", PHASE_ROLLING, 0, "" },
		{ "rooo", PHASE_ROLLING, 1, "n01" },
		{ "rboo", PHASE_ROLLING, 1, "" },
		{ "rroo", PHASE_ROLLING, 2, "n02" },
		{ "rrro", PHASE_ROLLING, 3, "n03" },
		{ "rrrr", PHASE_COMPLETE, 3, "" },
		{ "fooo", PHASE_FAILED, 0, "" },
		{ "rrfo", PHASE_FAILED, 2, "" },
		/* One that got it without us counts where it stands. */
		{ "ooro", PHASE_ROLLING, 0, "n00" },
		{ "roro", PHASE_ROLLING, 1, "n01" },
		{ "orrr", PHASE_ROLLING, 0, "n00" },
		/* It proves nothing, and comes last. */
		{ "uooo", PHASE_ROLLING, 0, "n01" },
		{ "", PHASE_COMPLETE, 3, "" },
		/* 5 % of 40 are two, 25 % are ten; ten at once. */
		{ "roooooooooooooooooooooooooooooooooooooooo", PHASE_ROLLING, 1, "n01 n02" },
		{ "rrroooooooooooooooooooooooooooooooooooooo", PHASE_ROLLING, 2,
		  "n03 n04 n05 n06 n07 n08 n09 n10" },
		{ "rrrbbboooooooooooooooooooooooooooooooooooo", PHASE_ROLLING, 2,
		  "n06 n07 n08 n09 n10" },
		{ "rrrrrrrrrrroooooooooooooooooooooooooooooo", PHASE_ROLLING, 3,
		  "n11 n12 n13 n14 n15 n16 n17 n18 n19 n20" },
		{ "rrrrrrrrrrrbbbbbbbbbbooooooooooooooooooooo", PHASE_ROLLING, 3, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_decision_ struct decision d = { 0 };
		_free_ char *begins = NULL;
		struct cluster c;

		make(&c, cases[i].nodes);
		decide(&usual, &release, c.nodes, c.n, NOW, &d);
		begins = strv_join(d.pods, " ");
		if (d.phase != cases[i].phase || d.wave != cases[i].wave ||
		    strcmp(begins, cases[i].begins) != 0)
			fail_msg("%s: phase %d, wave %zu, begins '%s'", cases[i].nodes, d.phase,
				 d.wave, begins);
	}
}

static void test_wave_has_to_prove_itself_first(void **state)
{
	struct cluster c;

	(void)state;
	make(&c, "rrooo");
	c.nodes[1].ready_since_s = NOW - 59;
	for (int later = 0; later < 2; later++) {
		_decision_ struct decision d = { 0 };

		decide(&usual, &release, c.nodes, c.n, NOW + later, &d);
		assert_int_equal(d.phase, later ? PHASE_ROLLING : PHASE_SOAKING);
		assert_int_equal(strv_len(d.pods), later);
		assert_int_equal(d.again_s, later ? 0 : NOW + 1);
	}
}

static void test_policy_holds_and_a_person_lets_go_on(void **state)
{
	static char image[] = "i", other[] = "j", before[] = "r1", same[] = "r2";
	struct policy paused = usual, undo = usual, accepted = usual, stale = usual, two = usual;
	struct policy again = usual, exact = usual;
	struct cluster c;

	(void)state;
	paused.is_paused = true;
	undo.on_failure = ON_FAILURE_UNDO;
	accepted.resumed = image;
	stale.resumed = other;
	again.resumed = image;
	again.resumed_revision = before;
	exact.resumed = image;
	exact.resumed_revision = same;
	two.failure_limit = 2;
	{
		const struct {
			const struct policy *policy;
			const char *nodes;
			enum phase phase;
			bool undoes;
			size_t begins;
		} cases[] = {
			{ &paused, "rooo", PHASE_PAUSED, false, 0 },
			{ &paused, "rrrr", PHASE_COMPLETE, false, 0 },
			{ &paused, "fooo", PHASE_FAILED, false, 0 },
			{ &undo, "fooo", PHASE_FAILED, true, 0 },
			{ &undo, "rooo", PHASE_ROLLING, false, 1 },
			{ &accepted, "fooo", PHASE_ROLLING, false, 1 },
			{ &accepted, "frrr", PHASE_COMPLETE, false, 0 },
			/* That was said of another release. */
			{ &stale, "fooo", PHASE_FAILED, false, 0 },
			/* And that of another template of its tag. */
			{ &again, "fooo", PHASE_FAILED, false, 0 },
			{ &exact, "fooo", PHASE_ROLLING, false, 1 },
			{ &two, "rfoo", PHASE_ROLLING, false, 1 },
			{ &two, "frrr", PHASE_COMPLETE, false, 0 },
			{ &two, "ffoo", PHASE_FAILED, false, 0 },
		};

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			_decision_ struct decision d = { 0 };

			make(&c, cases[i].nodes);
			decide(cases[i].policy, &release, c.nodes, c.n, NOW, &d);
			if (d.phase != cases[i].phase || d.undoes != cases[i].undoes ||
			    strv_len(d.pods) != cases[i].begins)
				fail_msg("case %zu: phase %d, %zu begin", i, d.phase,
					 strv_len(d.pods));
		}
	}
}

static void test_closed_window_begins_nothing(void **state)
{
	struct policy p = usual;
	_decision_ struct decision d = { 0 };
	struct cluster c;

	(void)state;
	p.windows[0] = (struct window){ 0, 60, 60 };
	p.n_windows = 1;
	make(&c, "oooo");
	decide(&p, &release, c.nodes, c.n, NOW, &d);
	assert_int_equal(d.phase, PHASE_WAITING);
	assert_int_equal(d.again_s, NOW + 3600);
	assert_null(d.pods);
}

static void test_canaries_are_first_and_one_zone_after_the_other(void **state)
{
	struct policy p = usual;
	struct cluster c;
	_decision_ struct decision first = { 0 };
	_decision_ struct decision next = { 0 };
	_free_ char *begins = NULL;

	(void)state;
	p.waves[0] = (struct wave){ 100, true };
	p.n_waves = 1;
	make(&c, "oooooo");
	for (size_t i = 0; i < 6; i++)
		c.nodes[i].zone = i % 2 ? "a" : "b";
	c.nodes[4].is_canary = true;
	decide(&p, &release, c.nodes, c.n, NOW, &first);
	begins = strv_join(first.pods, " ");
	/* The canary's zone is b, and so are those that go along. */
	assert_string_equal(begins, "n04 n00 n02");
	for (size_t i = 0; i < 6; i++)
		c.nodes[i].is_updated = c.nodes[i].is_ready = strcmp(c.nodes[i].zone, "b") == 0;
	decide(&p, &release, c.nodes, c.n, NOW, &next);
	str_set(&begins, NULL);
	begins = strv_join(next.pods, " ");
	assert_string_equal(begins, "n01 n03 n05");
}

/* ---- whole roll-outs ---- */

struct world {
	struct rollout_node *nodes;
	char (*names)[32];
	uint64_t seed;
	size_t begun, failed, most_busy;
};

static uint64_t draw(struct world *w, uint64_t below)
{
	w->seed = w->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->seed >> 33) % below;
}

static void world_make(struct world *w, size_t n, uint64_t seed)
{
	static const char *const zones[] = { "a", "b", "c" };

	*w = (struct world){ .seed = seed };
	w->nodes = xcalloc(n, sizeof(*w->nodes));
	w->names = xcalloc(n, sizeof(*w->names));
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(w->names[i], sizeof(w->names[i]), "n%05zu", i);
		w->nodes[i] = node_of('o', w->names[i]);
		w->nodes[i].zone = zones[draw(w, 3)];
		w->nodes[i].is_canary = draw(w, 50) == 0;
	}
}

static void world_done(struct world *w)
{
	free(w->nodes);
	free(w->names);
}

static struct rollout_node *node_named(struct world *w, size_t n, const char *name)
{
	size_t i = 0;

	while (strcmp(w->nodes[i].name, name) != 0)
		assert_true(++i < n);
	return &w->nodes[i];
}

/* Busy nodes get ready, or fail with a probability of BAD in a hundred. */
static size_t pass_time(struct world *w, size_t n, int64_t now_s, unsigned bad)
{
	size_t busy = 0;

	for (size_t i = 0; i < n; i++) {
		struct rollout_node *t = &w->nodes[i];

		if (!t->is_updated || t->is_ready || t->is_failed)
			continue;
		busy++;
		if (draw(w, 3))
			continue;
		t->is_failed = draw(w, 100) < bad;
		t->is_ready = !t->is_failed;
		t->ready_since_s = now_s;
		w->failed += t->is_failed;
	}
	return busy;
}

/* Runs until nothing goes on by itself.  Returns the phase it ends in. */
static enum phase roll_out(struct world *w, const struct policy *p, size_t n, unsigned bad)
{
	int64_t now_s = NOW;

	for (unsigned step = 0; step < 100000; step++, now_s += 5) {
		_decision_ struct decision d = { 0 };

		w->most_busy = max_size(w->most_busy, pass_time(w, n, now_s, bad));
		decide(p, &release, w->nodes, n, now_s, &d);
		if (d.phase == PHASE_COMPLETE || d.phase == PHASE_FAILED)
			return d.phase;
		for (char **pod = d.pods; pod && *pod; pod++) {
			struct rollout_node *t = node_named(w, n, *pod);

			assert_false(t->is_updated);
			t->is_updated = true;
			t->is_ready = false;
			w->begun++;
		}
		/* No node is begun of a wave before the one before it is complete. */
		if (d.pods)
			assert_true(d.wave == 0 || w->begun >= wave_target(p, d.wave - 1, n));
	}
	fail_msg("the roll-out does not end");
	return PHASE_FAILED;
}

static void test_good_release_reaches_every_node(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 7, 50, 212 };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct world w;

			world_make(&w, sizes[i], seed);
			assert_int_equal(roll_out(&w, &usual, sizes[i], 0), PHASE_COMPLETE);
			assert_int_equal(w.begun, sizes[i]);
			assert_true(w.most_busy <= usual.parallelism);
			world_done(&w);
		}
}

/* The first wave is one node. */
static void test_broken_release_reaches_one_node(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct world w;

		world_make(&w, 212, seed);
		assert_int_equal(roll_out(&w, &usual, 212, 100), PHASE_FAILED);
		assert_int_equal(w.begun, 1);
		world_done(&w);
	}
}

/* What fails here and there ends no later than with those that were under way. */
static void test_rare_failure_ends_within_what_is_under_way(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct world w;

		world_make(&w, 212, seed);
		(void)roll_out(&w, &usual, 212, 3);
		assert_true(w.failed <= usual.parallelism);
		world_done(&w);
	}
}

static void test_decision_for_five_thousand_nodes_is_quick(void **state)
{
	_decision_ struct decision d = { 0 };
	struct world w;
	uint64_t began;

	(void)state;
	world_make(&w, NODES_MAX, 7);
	for (size_t i = 0; i < NODES_MAX / 2; i++)
		w.nodes[i].is_updated = true;
	began = now_ms();
	decide(&usual, &release, w.nodes, NODES_MAX, NOW, &d);
	assert_true(now_ms() - began < 1000);
	world_done(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waves_add_a_node_at_least),
		cmocka_unit_test(test_windows_open_and_say_when),
		cmocka_unit_test(test_without_windows_it_is_always_open),
		cmocka_unit_test(test_states_lead_to_the_nodes_that_are_next),
		cmocka_unit_test(test_wave_has_to_prove_itself_first),
		cmocka_unit_test(test_policy_holds_and_a_person_lets_go_on),
		cmocka_unit_test(test_closed_window_begins_nothing),
		cmocka_unit_test(test_canaries_are_first_and_one_zone_after_the_other),
		cmocka_unit_test(test_good_release_reaches_every_node),
		cmocka_unit_test(test_broken_release_reaches_one_node),
		cmocka_unit_test(test_rare_failure_ends_within_what_is_under_way),
		cmocka_unit_test(test_decision_for_five_thousand_nodes_is_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
