/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale - say which sandboxes of this installation are stale, to whoever asks and to the cluster.
 *
 * What the cluster knows already is compared with what is so now, so that nothing is sent twice:
 * without a change nobody is asked.  An Event's name is made of the pod and the cause, so that one
 * is made once, whoever restarts.  One thread; may block.
 */
#include "deploy/stale.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "deploy/install.h"
#include "deploy/node.h"
#include "lib/file.h"
#include "lib/foreign.h"
#include "lib/host/live.h"
#include "lib/host/stale-list.h"
#include "lib/log.h"

#define LIST_MAX (32 * MIB)
#define ASK_MS   5000

/* Names are worth a question, but not a failure. */
static void ask_pods(void *arg, struct pods *ret_pods)
{
	const struct facts *f = arg;
	struct error e;

	if (pods_list(f->engine.socket, deadline_in(ASK_MS), NULL, ret_pods, &e) < 0)
		log_warn("%s", e.msg);
}

static bool was_told(struct json_object *told, const char *id, const char *cause)
{
	struct json_object *box = json_find(json_at(told, "sandboxes"), "id", id);

	return json_find(json_at(box, "causes"), "cause", cause);
}

static strv leftovers_of(struct json_object *told)
{
	struct json_object *sandboxes = told ? json_at(told, "sandboxes") : NULL;
	strv ids = NULL;

	for (size_t i = 0; i < json_len(sandboxes); i++) {
		const char *id = json_get_str(json_item(sandboxes, i), "id");

		if (id && was_told(told, id, stale_names[STALE_LEFTOVER]))
			strv_add(&ids, id);
	}
	return ids;
}

/* TOLD: the list that is known already; NULL: none. */
static int read_list(struct facts *f, struct json_object *told, struct stale_list *ret_list,
		     struct error *e)
{
	_strv_ strv leftovers = leftovers_of(told);
	_strv_ strv launchers = NULL;
	_strv_ strv configs = NULL;
	_free_ struct stale_handler *handlers = NULL;
	struct stale_places places = {
		.root = f->root,
		.scope = f->scope,
		.records = LIVE_RECORDS,
		.run = FOREIGN_RUN,
		.proc = "/proc",
		.ask_pods = ask_pods,
		.arg = f,
		.etc = f->settings->etc,
		.withdrawn = f->settings->withdrawn,
		.leftovers = leftovers,
	};

	launchers_of_root(f->settings, f->root, &launchers, &configs);
	places.n_handlers = strv_len(launchers);
	handlers = xcalloc(places.n_handlers + 1, sizeof(*handlers));
	for (size_t i = 0; i < places.n_handlers; i++)
		handlers[i] = (struct stale_handler){ launchers[i], configs[i] };
	places.handlers = handlers;
	return stale_list_read(&places, ret_list, e);
}

static struct json_object *list_json(const struct facts *f, const struct stale_list *list)
{
	return stale_list_json(list, f->settings->node_name, settings_instance(f->settings));
}

int tell_stale(const struct settings *s, const struct cancel *cancel, enum plan_format format,
	       FILE *out, struct error *e)
{
	_facts_ struct facts facts = { 0 };
	_stale_list_ struct stale_list list = { 0 };
	_json_ struct json_object *json = NULL;

	(void)cancel;
	if (facts_open(s, &facts, e) < 0 || read_list(&facts, NULL, &list, e) < 0)
		return -e->code;
	if (format == PLAN_JSON) {
		json = list_json(&facts, &list);
		(void)fprintf(out, "%s\n", json_text(json));
	} else {
		stale_list_print(&list, out);
	}
	return list.n > 0;
}

/* ---- to the supervisor ---- */

static void put_metrics(const struct stale_list *list, FILE *out)
{
	(void)fputs(
		"# HELP kata_deploy_stale_sandboxes Sandboxes that run something else than the "
		"node would start now.\n"
		"# TYPE kata_deploy_stale_sandboxes gauge\n",
		out);
	for (size_t i = 0; i < N_STALE_KIND; i++)
		(void)fprintf(out, "kata_deploy_stale_sandboxes{cause=\"%s\"} %u\n", stale_names[i],
			      stale_list_count(list, (enum stale_kind)i));
}

static int write_list(const struct stale_list *list, struct json_object *json, struct error *e)
{
	_free_ char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	put_metrics(list, out);
	(void)fprintf(out, "\n%s\n", json_text(json));
	(void)fclose(out);
	return write_all(STALE_LIST_FD, text, len, "the list of stale sandboxes", e);
}

/* ---- to the cluster ---- */

/* The list that the cluster knows; NULL if it knows none. */
static struct json_object *read_told(void)
{
	_free_ char *text = NULL;
	struct json_object *told = NULL;
	const char *json;
	struct error e;
	size_t len;

	if (lseek(STALE_TOLD_FD, 0, SEEK_SET) < 0 ||
	    file_read_fd(STALE_TOLD_FD, "the last list", LIST_MAX, &text, &len, &e) < 0)
		return NULL;
	json = strstr(text, "\n\n");
	if (!json || json_parse(json + 2, strlen(json + 2), "the last list", &told, &e) < 0)
		return NULL;
	return told;
}

/* The record says all of the pod that an Event needs. */
static bool has_pod(const struct record *r)
{
	struct error ignored;

	return *r->pod_uid && check_id(r->pod_namespace, "namespace", NAME_MAX, &ignored) >= 0 &&
	       check_id(r->pod_name, "pod", NAME_MAX, &ignored) >= 0;
}

static int tell_cause(struct install *in, const struct stale_sandbox *s,
		      const struct stale_cause *cause, struct error *e)
{
	const struct record *r = &s->record;
	const char *name = stale_names[cause->kind];
	_free_ char *once = xasprintf("%s %s", name, r->id);
	_free_ char *node_note =
		xasprintf("sandbox %s is stale: %s: %s", r->id, name, cause->detail);
	_free_ char *pod_note = xasprintf("its sandbox is stale: %s: %s", name, cause->detail);
	const struct kube_event event = {
		.node = in->facts->settings->node_name,
		.node_uid = json_get_str(in->facts->node, "metadata.uid"),
		.pod_namespace = has_pod(r) ? r->pod_namespace : NULL,
		.pod_name = r->pod_name,
		.pod_uid = r->pod_uid,
		.type = KUBE_EVENT_WARNING,
		.reason = "KataSandboxStale",
		.action = "LookForStaleSandboxes",
		.note = has_pod(r) ? pod_note : node_note,
		.once = once,
	};

	return kube_event(in->kube, &event, install_ask_ms(in), in->cancel, e);
}

/* A namespace that has gone, or that is going and takes nothing more, concerns its pods alone: it
 * keeps nobody else's Events.  What is refused may be allowed the next time. */
static int tell_sandbox(struct install *in, const struct stale_sandbox *s, struct json_object *told,
			struct error *e)
{
	struct error why;
	int failure = 0;

	for (size_t k = 0; k < s->stale.n; k++) {
		const struct stale_cause *cause = &s->stale.list[k];
		int r = was_told(told, s->record.id, stale_names[cause->kind])
				? 0
				: tell_cause(in, s, cause, &why);

		if (r >= 0)
			continue;
		if (r == -ENOENT || r == -EINVAL) {
			log_warn("%s", why.msg);
			continue;
		}
		*e = why;
		failure = r;
		if (r != -EACCES)
			break;
	}
	return failure;
}

static int tell_causes(struct install *in, const struct stale_list *list, struct json_object *told,
		       struct error *e)
{
	struct error why;
	int failure = 0;

	for (size_t i = 0; i < list->n && (failure == 0 || failure == -EACCES); i++) {
		int r = tell_sandbox(in, &list->list[i], told, &why);

		if (r >= 0)
			continue;
		*e = why;
		failure = r;
	}
	return failure;
}

int stale_publish(struct facts *f, const struct stale_list *list, struct json_object *told,
		  const struct cancel *cancel, struct error *e)
{
	_install_ struct install in = { 0 };

	if (install_open(f, cancel, &in, e) < 0 || facts_read_node(f, &in, e) < 0 ||
	    node_set_stale(&in, list->n, e) < 0)
		return -e->code;
	return tell_causes(&in, list, told, e);
}

int run_publish(const struct settings *s, const struct cancel *cancel, struct error *e)
{
	_facts_ struct facts facts = { 0 };
	_stale_list_ struct stale_list list = { 0 };
	_json_ struct json_object *json = NULL;
	_json_ struct json_object *told = NULL;

	/* The two may be one file, which is empty then. */
	told = read_told();
	if (facts_open(s, &facts, e) < 0 || read_list(&facts, told, &list, e) < 0)
		return -e->code;
	json = list_json(&facts, &list);
	if (write_list(&list, json, e) < 0)
		return -e->code;
	if (told && strcmp(json_text(told), json_text(json)) == 0)
		return 0;
	/* Where nothing is installed nothing is said. */
	if (list.n == 0 && !*list.current)
		return 0;
	log_info("%zu sandboxes are stale", list.n);
	return stale_publish(&facts, &list, told, cancel, e);
}
