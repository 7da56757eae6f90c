/* SPDX-License-Identifier: Apache-2.0 */
/*
 * present - find the container engines of this machine and plan what they shall have.
 *
 * An engine that does not run is configured like one that does: it takes that up when it starts.
 * Its program says which version it is.  What is taken away is taken away from all, whoever runs,
 * is installed still or was chosen.
 *
 * A handler of our name that leads to somebody else's shim is not replaced: it could not come back
 * with our removal.  One that names the runtime by its type alone is found by our link, so it is
 * left as it is and works.  One thread; may block, with deadlines.
 */
#include "manager/present.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/handlers.h"
#include "lib/host/here.h"
#include "manager/machine.h"

#define ENGINE_MS   (20 * UINT64_C(1000))
#define TRIES       5
#define PAUSE_MS    UINT64_C(300)
#define CHOICE      ".engines"
#define CHOICE_MAX  256
#define CHOICE_ALL  "all"
#define CHOICE_NONE "none"
#define SEPARATORS  ", \n"

/* The first one is the link, which is all that ctr and nerdctl need. */
static const struct {
	const char *name;
	const char *flavour;
	const char *dir_variable; /* NULL: its place is always the same */
	const char *socket_variable;
} kinds[] = {
	{ "nerdctl", "nerdctl", NULL, "KATA_CONTAINERD_SOCKET" },
	{ "containerd", "k8s", "KATA_CONTAINERD_DIR", "KATA_CONTAINERD_SOCKET" },
	{ "cri-o", "crio", NULL, NULL },
	{ "docker", "docker", NULL, NULL },
};

static_assert(ARRAY_SIZE(kinds) == PRESENT_MAX, "a place for each");

static const char *choose(const char *variable, const char *fallback)
{
	const char *value = variable ? getenv(variable) : NULL;

	return str_empty(value) ? fallback : value;
}

void present_open(struct machine *k)
{
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		struct present *p = &k->engines[i];
		const struct flavour *f = NULL;
		struct error ignored;

		(void)flavour_find(kinds[i].flavour, &f, &ignored);
		p->name = kinds[i].name;
		p->is_link = i == 0;
		p->is_chosen = true;
		p->engine = (struct engine){
			.driver = engine_driver(f),
			.flavour = f,
			.owner = &k->owner,
			.scope = &k->scope,
			.root = k->root,
			.socket = choose(kinds[i].socket_variable, f->socket),
			.dir = p->is_link ? k->link_dir : choose(kinds[i].dir_variable, f->dir),
			.main_file = f->main_file,
			.exec = here_exec,
		};
	}
}

void present_done(struct present *p)
{
	engine_done(&p->engine);
	edit_done(&p->edit);
}

/* ---- what is there ---- */

/* One that hangs up is about to end, or has just begun: which of both, it says by and by.  Taken
 * for one that does not run, it would be configured as another version may want it. */
static int ask_patiently(struct engine *engine, const struct cancel *cancel, struct error *e)
{
	struct error ignored;
	int r = engine_identify(engine, deadline_in(ENGINE_MS), cancel, e);

	for (unsigned i = 1; r == -ECONNRESET && i < TRIES; i++) {
		if (wait_pause(PAUSE_MS, engine->socket, NO_DEADLINE, cancel, &ignored) < 0)
			return r;
		r = engine_identify(engine, deadline_in(ENGINE_MS), cancel, e);
	}
	return r;
}

static void identify(struct present *p, const struct cancel *cancel)
{
	struct engine *engine = &p->engine;
	_free_ char *program = here_find(engine->driver->program);
	struct error ignored;

	if (!file_exists(engine->socket))
		(void)fail(&p->silence, ENOENT, "it does not run");
	else if (ask_patiently(engine, cancel, &p->silence) >= 0)
		p->silence.code = 0;
	p->is_running = p->silence.code == 0;
	p->is_there = p->is_running || program;
	if (!p->is_running && p->silence.code != ENOTSUP && program)
		(void)engine_identify_program(engine, deadline_in(ENGINE_MS), cancel, &ignored);
}

void present_link_only(struct machine *k)
{
	for (size_t i = 0; i < PRESENT_MAX; i++) {
		(void)fail(&k->engines[i].silence, ENOTCONN, "it is not asked");
		k->engines[i].is_untouched = !k->engines[i].is_link;
	}
}

void present_find(struct machine *k, const struct cancel *cancel)
{
	for (size_t i = 0; i < PRESENT_MAX; i++)
		identify(&k->engines[i], cancel);
}

/* ---- which of them ---- */

static int fail_unknown(const char *name, struct error *e)
{
	_strv_ strv known = NULL;
	_free_ char *list = NULL;

	for (size_t i = 1; i < ARRAY_SIZE(kinds); i++)
		strv_add(&known, kinds[i].name);
	list = strv_join(known, ", ");
	return fail(e, EINVAL, "'%.64s' is none of the container engines %s, all or none", name,
		    list);
}

static bool is_known(const char *name)
{
	for (size_t i = 1; i < ARRAY_SIZE(kinds); i++)
		if (str_equal(kinds[i].name, name))
			return true;
	return false;
}

static int parse_choice(const char *text, strv *ret_names, struct error *e)
{
	_strv_ strv names = strv_split(text, SEPARATORS);
	size_t n = strv_len(names);

	for (char **name = names; name && *name; name++) {
		bool is_alone = str_equal(*name, CHOICE_ALL) || str_equal(*name, CHOICE_NONE);

		if (is_alone && n > 1)
			return fail(e, EINVAL, "'%s' stands alone in '%s'", *name, text);
		if (!is_alone && !is_known(*name))
			return fail_unknown(*name, e);
	}
	if (n == 0)
		return fail_unknown(text, e);
	*ret_names = TAKE_PTR(names);
	return 0;
}

/* As it was chosen before; NULL: never.  Caller frees. */
static char *read_choice(const struct machine *k)
{
	_free_ char *path = path_join(k->root, CHOICE);
	char *text = NULL;
	struct error ignored;

	return file_read(path, CHOICE_MAX, &text, NULL, &ignored) < 0 ? NULL : text;
}

int present_choose(struct machine *k, const char *option, struct error *e)
{
	_free_ char *before = option ? NULL : read_choice(k);
	_strv_ strv names = NULL;
	const char *text = option ? option : before ? before : CHOICE_ALL;

	if (parse_choice(text, &names, e) < 0)
		return -e->code;
	str_set(&k->choice, NULL);
	if (!strv_contains(names, CHOICE_ALL))
		k->choice = strv_join(names, ",");
	for (size_t i = 0; i < PRESENT_MAX; i++)
		k->engines[i].is_chosen = k->engines[i].is_link || !k->choice ||
					  strv_contains(names, k->engines[i].name);
	return 0;
}

int present_plan_choice(struct machine *k, enum presence presence, struct error *e)
{
	_free_ char *path = path_join(k->root, CHOICE);
	struct edit_file *f = edit_add(&k->choosing, path, e);

	if (!f)
		return -e->code;
	if (presence == HANDLERS_PRESENT && k->choice)
		f->new_text = xasprintf("%s\n", k->choice);
	f->mode = 0644;
	return 0;
}

/* ---- what they shall have ---- */

static bool leads_to_us(const struct machine *k, const struct handler_place *place)
{
	return str_equal(place->path ? place->path : place->type, k->shim);
}

static bool leads_to_link(const struct machine *k, const struct handler_place *place)
{
	_free_ char *link = path_join(k->link_dir, path_base(k->shim));

	return place->path ? str_equal(place->path, link)
			   : str_equal(place->type, MACHINE_TYPE) || str_equal(place->type, link);
}

static int look_for_others(const struct machine *k, struct present *p, struct error *e)
{
	_handler_place_ struct handler_place place = { 0 };
	int r = handlers_look(k->handler.name, p->engine.flavour, p->engine.dir, &place, e);

	if (r <= 0 || leads_to_us(k, &place))
		return r;
	p->is_said = leads_to_link(k, &place);
	if (p->is_said)
		return 0;
	return fail(e, EEXIST,
		    "'%s' has a handler '%s' of somebody else, which leads to '%s': take it out "
		    "there, or leave %s alone with --engines",
		    place.file, k->handler.name,
		    place.path   ? place.path
		    : place.type ? place.type
				 : "nothing",
		    p->name);
}

/* That somebody told it to read other files is his affair. */
static void look_at_files(struct present *p)
{
	const struct engine_driver *driver = p->engine.driver;

	if (p->is_running && driver->must_read &&
	    driver->must_read(&p->engine, deadline_in(ENGINE_MS), NULL, &p->left) >= 0)
		p->left.code = 0;
}

static int plan_presence(struct machine *k, struct present *p, struct error *e)
{
	const struct handlers handlers = {
		.list = &k->handler,
		.n = 1,
		.presence = HANDLERS_PRESENT,
	};
	int r = 0;

	if (!p->is_link && !p->engine.version)
		p->left = p->silence;
	else if (!p->is_link)
		look_at_files(p);
	if (p->left.code == 0 && !p->is_link)
		r = look_for_others(k, p, e);
	if (r < 0 || p->left.code != 0 || p->is_said)
		return r;
	r = p->engine.driver->plan(&p->engine, &handlers, &p->edit, e);
	if (r != -ENOTSUP)
		return r;
	p->left = *e;
	return 0;
}

int present_plan(struct machine *k, struct present *p, enum presence presence, struct error *e)
{
	const struct handlers none = {
		.list = &k->handler,
		.n = 1,
		.presence = HANDLERS_ABSENT,
	};

	if (p->is_untouched)
		return 0;
	if (presence == HANDLERS_ABSENT || !p->is_chosen)
		return p->engine.driver->plan(&p->engine, &none, &p->edit, e);
	return p->is_link || p->is_there ? plan_presence(k, p, e) : 0;
}
