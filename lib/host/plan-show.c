/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan-show - tell a plan before it is run, to a person or a program.
 *
 * A line for each effect; of a text that changes its unified diff follows, of a value what it was
 * and will be; the last line is about the restart, which is what people ask first.  JSON has the
 * same under names that stay.  Both are made from the assessment that a real run follows.
 */
#include "lib/host/plan-show.h"

#include <string.h>

#include "lib/host/diff.h"

static const char *const format_names[] = { [PLAN_TEXT] = "text", [PLAN_JSON] = "json" };
_Static_assert(ARRAY_SIZE(format_names) == N_PLAN_FORMAT, "a format has no name");

bool plan_parse_format(const char *s, enum plan_format *ret_format)
{
	for (int i = 0; i < N_PLAN_FORMAT; i++)
		if (strcmp(s, format_names[i]) == 0) {
			*ret_format = (enum plan_format)i;
			return true;
		}
	return false;
}

bool plan_has_changes(const struct assessment *a, const struct plan_subject *subject)
{
	for (int kind = 0; kind < N_EFFECT_KIND; kind++)
		if (kind != EFFECT_PROBE && assessment_has(a, (enum effect_kind)kind))
			return true;
	return subject->is_after_interrupt;
}

/* Texts are compared by line, values of a label said as a whole. */
static bool has_diff(const struct effect *effect)
{
	return effect->kind != EFFECT_LABEL && (effect->before || effect->after);
}

static bool has_values(const struct effect *effect)
{
	return effect->kind == EFFECT_LABEL && (effect->before || effect->after);
}

static const struct effect *find_restart(const struct assessment *a)
{
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			if (a->changes[i].effects[j].kind == EFFECT_RESTART)
				return &a->changes[i].effects[j];
	return NULL;
}

/* ---- for a person ---- */

static void print_effect(const struct step *step, const struct effect *effect, FILE *out)
{
	(void)fprintf(out, "%s: %s: %s: ", step->name, effect_kind_name(effect->kind),
		      effect->what);
	if (has_values(effect))
		(void)fprintf(out, "%s -> %s: ", effect->before ? effect->before : "none",
			      effect->after ? effect->after : "none");
	(void)fprintf(out, "%s\n", effect->why);
	if (has_diff(effect)) {
		_free_ char *diff = diff_unified(effect->what, effect->before, effect->after);

		(void)fputs(diff, out);
	}
}

static void print_restart(const struct assessment *a, FILE *out)
{
	const struct effect *restart = find_restart(a);

	if (restart)
		(void)fprintf(out, "restart: yes: %s: %s\n", restart->what, restart->why);
	else
		(void)fputs("restart: no: nothing changes that the container runtime has read\n",
			    out);
}

static void show_text(const struct assessment *a, const struct plan_subject *subject, FILE *out)
{
	if (subject->is_after_interrupt)
		(void)fputs("journal: an interrupted run is undone before all this\n", out);
	if (subject->note)
		(void)fprintf(out, "%s\n", subject->note);
	for (size_t i = 0; i < a->n_changes; i++)
		for (size_t j = 0; j < a->changes[i].n_effects; j++)
			print_effect(a->changes[i].step, &a->changes[i].effects[j], out);
	if (assessment_is_empty(a))
		(void)fputs("nothing to do\n", out);
	print_restart(a, out);
}

/* ---- for a program ---- */

static struct json_object *effect_object(const struct effect *effect)
{
	struct json_object *object = json_object_new_object();

	json_set_str(object, "kind", effect_kind_name(effect->kind));
	json_set_str(object, "what", effect->what);
	json_set_str(object, "why", effect->why);
	json_set_bool(object, "sandboxesNotice", effect->matters);
	if (has_diff(effect)) {
		_free_ char *diff = diff_unified(effect->what, effect->before, effect->after);

		json_set_str(object, "diff", diff);
	} else if (has_values(effect)) {
		json_set_str(object, "before", effect->before);
		json_set_str(object, "after", effect->after);
	}
	return object;
}

static void add_step(struct json_object *steps, const struct change *c)
{
	struct json_object *object = json_object_new_object();
	struct json_object *effects;

	json_set_str(object, "step", c->step->name);
	json_set_str(object, "purpose", c->step->purpose);
	effects = json_set_array(object, "effects");
	for (size_t i = 0; i < c->n_effects; i++)
		(void)json_object_array_add(effects, effect_object(&c->effects[i]));
	(void)json_object_array_add(steps, object);
}

static void set_restart(struct json_object *object, const struct assessment *a)
{
	const struct effect *restart = find_restart(a);
	struct json_object *member = json_set_object(object, "restart");

	json_set_bool(member, "needed", restart != NULL);
	json_set_str(member, "what", restart ? restart->what : NULL);
	json_set_str(member, "why",
		     restart ? restart->why
			     : "nothing changes that the container runtime has read");
}

static void show_json(const struct assessment *a, const struct plan_subject *subject, FILE *out)
{
	_json_ struct json_object *object = json_object_new_object();
	_free_ char *version = xasprintf("%s.katacontainers.io/v1", subject->program);
	struct json_object *steps;

	json_set_str(object, "apiVersion", version);
	json_set_str(object, "kind", "Plan");
	json_set_str(object, "action", subject->action);
	json_set_str(object, "node", subject->node);
	json_set_str(object, "version", subject->version);
	json_set_str(object, "note", subject->note);
	json_set_bool(object, "changes", plan_has_changes(a, subject));
	json_set_bool(object, "afterInterrupt", subject->is_after_interrupt);
	set_restart(object, a);
	steps = json_set_array(object, "steps");
	for (size_t i = 0; i < a->n_changes; i++)
		if (change_is_needed(&a->changes[i]))
			add_step(steps, &a->changes[i]);
	(void)fprintf(out, "%s\n",
		      json_object_to_json_string_ext(
			      object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE));
}

void plan_show(const struct assessment *a, const struct plan_subject *subject,
	       enum plan_format format, FILE *out)
{
	static void (*const shows[])(const struct assessment *a, const struct plan_subject *subject,
				     FILE *out) = {
		[PLAN_TEXT] = show_text,
		[PLAN_JSON] = show_json,
	};

	shows[format](a, subject, out);
}
