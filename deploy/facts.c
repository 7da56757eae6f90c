/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts - read what a run of the installer has to know.
 *
 * Everything here reads, and each kind of run reads no more than it needs: the settings for one
 * that takes an interrupted run back; the Node object, the names of the handlers and what the
 * container engine says, if it does, for one that removes; the release's manifest (its first few
 * kilobytes), the node's drop-ins and the engine for one that installs.  The delivered
 * configuration of a version that is not unpacked yet comes out of the archive, so that what the
 * node will have is known before anything is written.  One thread; may block.
 */
#include "deploy/facts.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/proof.h"
#include "lib/file.h"
#include "lib/host/envoy.h"
#include "lib/host/handlers.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"
#include "lib/host/unpack.h"
#include "lib/log.h"

#define ENGINE_MS   (60 * UINT64_C(1000))
#define UNSUPPORTED "UnsupportedContainerRuntime"
#define VAGUE       "kata" /* the handler that every shim is found by */

/* ---- where ---- */

static const char *either(const char *set, const char *otherwise)
{
	return str_empty(set) ? otherwise : set;
}

/* The flavour's places, unless the settings name others. */
static void set_engine(struct facts *f, const struct flavour *flavour)
{
	const struct settings *s = f->settings;
	bool is_containerd = str_equal(flavour->driver, "containerd");

	engine_done(&f->engine);
	f->engine = (struct engine){
		.driver = engine_driver(flavour),
		.flavour = flavour,
		.root = f->root,
		.socket = either(is_containerd ? s->containerd_socket : NULL, flavour->socket),
		.dir = either(is_containerd ? s->containerd_dir : NULL, flavour->dir),
		.main_file = either(is_containerd ? s->containerd_file : NULL, flavour->main_file),
		.owner = &s->owner,
		.scope = f->scope,
		.restart_command = s->restart_command,
		.exec = envoy_exec,
	};
}

/* By name, as far as names can say it: only an installation with a suffix has some of its own. */
static int set_scope(struct facts *f, struct error *e)
{
	const struct settings *s = f->settings;
	_strv_ strv names = shim_names();

	f->scope = xcalloc(1, sizeof(*f->scope));
	f->scope->owner = &s->owner;
	f->scope->root = f->root;
	launchers_of_others(s, f->root, &f->scope->others);
	for (char **name = names; *s->suffix && *name; name++) {
		struct offer o = { 0 };
		int r = offer_init(&o, s, f->root, *name, e);

		if (r >= 0) {
			strv_add(&f->scope->mine, o.handler);
			strv_add(&f->scope->mine, o.launcher);
		}
		offer_done(&o);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the engine's handler VAGUE, as kata-manager has it, leads to another installation, it is
 * not ours, nor is that shim.  What its files cannot say is no reason to stop. */
static void set_others(struct facts *f)
{
	const struct engine *engine = &f->engine;
	_handler_place_ struct handler_place place = { 0 };
	struct error ignored;
	const char *shim;

	if (handlers_look(VAGUE, engine->flavour, engine->dir, &place, &ignored) <= 0)
		return;
	shim = place.path ? place.path : place.type;
	if (!shim || *shim != '/' || path_is_within(shim, f->root))
		return;
	strv_add(&f->scope->others, VAGUE);
	strv_add(&f->scope->others, shim);
}

int facts_open(const struct settings *s, struct facts *ret_facts, struct error *e)
{
	_facts_ struct facts f = { .settings = s };
	const struct flavour *flavour = NULL;

	if (flavour_find(s->distribution, &flavour, e) < 0)
		return fail_wrap(e, "K8S_DISTRIBUTION");
	if (flavour->is_bare)
		return fail(e, EINVAL, "K8S_DISTRIBUTION: '%s' is a machine without a kubelet",
			    flavour->name);
	f.root = settings_root(s);
	if (set_scope(&f, e) < 0)
		return -e->code;
	set_engine(&f, flavour);
	set_others(&f);
	*ret_facts = f;
	f = (struct facts){ 0 };
	return 0;
}

void facts_set_flavour(struct facts *f, const char *name)
{
	const struct flavour *flavour = NULL;
	struct error ignored;

	if (flavour_find(name, &flavour, &ignored) >= 0 && flavour != f->engine.flavour)
		set_engine(f, flavour);
}

/* The kubelet knows better than the settings which engine it has. */
static void follow_kubelet(struct facts *f)
{
	const char *version = json_get_str(f->node, "status.nodeInfo.containerRuntimeVersion");
	const struct flavour *flavour = flavour_of_runtime(f->engine.flavour, version);

	if (flavour != f->engine.flavour)
		set_engine(f, flavour);
}

/* ---- what shall be ---- */

static int find_archive(const char *dir, char **ret_path, struct error *e)
{
	_free_ char *pattern = path_join(dir, "kata-static*.tar.zst");
	glob_t found;
	int r = glob(pattern, 0, NULL, &found);

	if (r == 0 && found.gl_pathc == 1)
		*ret_path = xstrdup(found.gl_pathv[0]);
	else
		r = fail(e, ENOENT, "there is not exactly one '%s'", pattern);
	globfree(&found);
	return r;
}

/* What is in the image: a few kilobytes of it are read. */
static int read_image(struct facts *f, struct error *e)
{
	manifest_done(&f->release);
	str_set(&f->archive, NULL);
	if (find_archive(f->settings->artifacts, &f->archive, e) < 0 ||
	    unpack_manifest(f->archive, &f->release, e) < 0)
		return fail_wrap(e, "the release in this image");
	free(f->image_folder);
	f->image_folder = manifest_folder(&f->release);
	return 0;
}

/* One that runs from a version says so itself. */
static char *own_program(const struct facts *f)
{
	_free_ char *self = realpath("/proc/self/exe", NULL);
	_free_ char *root = realpath(f->root, NULL);
	_free_ char *versions = root ? path_join(root, "versions") : NULL;

	if (self && versions && path_is_within(self, versions))
		return TAKE_PTR(self);
	return f->image_folder
		       ? xasprintf("%s/versions/%s/" FACTS_PROGRAM, f->root, f->image_folder)
		       : NULL;
}

void facts_read_image(struct facts *f)
{
	struct error ignored;

	(void)read_image(f, &ignored);
	f->program = own_program(f);
}

/* A version that is on the node takes the place of the image's.  Where both are the same, the
 * image's stays: it has the signature, which the node was shown when the version came. */
static int use_version(struct facts *f, const char *folder, struct error *e)
{
	_manifest_ struct manifest m = { 0 };

	if (store_manifest(f->root, folder, &m, e) < 0)
		return -e->code;
	if (str_equal(folder, f->image_folder))
		return 0;
	manifest_done(&f->release);
	f->release = m;
	m = (struct manifest){ 0 };
	str_set(&f->archive, NULL);
	return 0;
}

static int use_marked(struct facts *f, struct error *e)
{
	_free_ char *current = NULL;

	if (store_marked(f->root, STORE_HELD, &f->held, e) < 0)
		return -e->code;
	if (!f->held || !str_equal(f->held, f->image_folder))
		return 0;
	if (store_current(f->root, &current, e) < 0)
		return -e->code;
	if (!current || str_equal(current, f->held))
		return 0;
	f->target = TARGET_HELD;
	return use_version(f, current, e);
}

static int use_previous(struct facts *f, struct error *e)
{
	_free_ char *previous = NULL;

	f->target = TARGET_BACK;
	if (store_marked(f->root, STORE_HELD, &f->held, e) < 0 ||
	    store_marked(f->root, STORE_PREVIOUS, &previous, e) < 0)
		return -e->code;
	if (!previous)
		return fail(e, ENOENT, "there is no version on this node to go back to");
	return use_version(f, previous, e);
}

static void name_version(struct facts *f)
{
	_free_ char *versions = path_join(f->root, "versions");

	f->folder = manifest_folder(&f->release);
	f->version_dir = path_join(versions, f->folder);
}

/* The offers for the shims of these NAMES, without what the node adds to them. */
static int name_offers(struct facts *f, char *const *names, struct error *e)
{
	size_t n = strv_len(names);

	f->offers = xcalloc(n, sizeof(*f->offers));
	for (size_t i = 0; i < n; i++) {
		f->n_offers = i + 1;
		if (offer_init(&f->offers[i], f->settings, f->root, names[i], e) < 0)
			return -e->code;
	}
	return 0;
}

/* The delivered configuration, from the version if it is there and whole. */
static int read_delivered(const struct facts *f, struct offer *o, struct error *e)
{
	_free_ char *path = offer_delivered(o);
	const struct manifest_entry *entry = manifest_find(&f->release, path);
	_free_ char *file = path_join(f->version_dir, path);
	char digest[SHA256_HEX + 1] = "";
	struct error ignored;
	size_t len = 0;

	if (!entry)
		return fail(e, ENOENT, "the release has no '%s'", path);
	if (file_read(file, entry->size, &o->text, &len, &ignored) >= 0)
		sha256_bytes(o->text, len, digest);
	if (strcmp(digest, entry->sha256) == 0)
		return 0;
	free(TAKE_PTR(o->text));
	if (!f->archive)
		return fail(e, EBADMSG, "version '%s' is damaged: '%s' is not what it was",
			    f->folder, file);
	return unpack_file(f->archive, entry, &o->text, e);
}

static int read_offers(struct facts *f, struct error *e)
{
	if (name_offers(f, f->settings->shims, e) < 0)
		return -e->code;
	f->handlers = xcalloc(f->n_offers, sizeof(*f->handlers));
	for (size_t i = 0; i < f->n_offers; i++) {
		struct offer *o = &f->offers[i];

		if (offer_read(o, f->settings, e) < 0 || read_delivered(f, o, e) < 0 ||
		    offer_plan(o, f->settings, &f->configuration, e) < 0)
			return -e->code;
		f->handlers[i] = offer_handler(o);
	}
	return 0;
}

/* Names the version and all that its sandboxes will read, so that a canary is needed exactly once
 * for each pair. */
static char *make_proof(const struct facts *f)
{
	_strv_ strv parts = NULL;
	_free_ char *text = NULL;
	char digest[SHA256_HEX + 1];

	for (size_t i = 0; i < f->n_offers; i++) {
		strv_add(&parts, f->offers[i].handler);
		strv_add(&parts, f->offers[i].config_path);
	}
	for (size_t i = 0; i < f->configuration.n_files; i++) {
		const struct edit_file *file = &f->configuration.files[i];

		strv_add(&parts, file->path);
		strv_add(&parts, file->new_text ? file->new_text : "");
	}
	text = strv_join(parts, "\n");
	sha256_bytes(text, strlen(text), digest);
	return xasprintf("%s.%.12s", f->folder, digest);
}

struct transition facts_transition(const struct facts *f)
{
	return (struct transition){
		.root = f->root,
		.release = &f->release,
		.folder = f->folder,
		.version_dir = f->version_dir,
		.archive = f->archive,
		.held = f->held,
		.target = f->target,
	};
}

struct handlers facts_handlers(const struct facts *f)
{
	return (struct handlers){
		.list = f->handlers,
		.n = f->n_offers,
		.presence = HANDLERS_PRESENT,
	};
}

/* ---- what is there ---- */

static int identify(struct facts *f, const struct install *in, struct error *e)
{
	return engine_identify(&f->engine, deadline_in(ENGINE_MS), in->cancel, e);
}

/* A removal has nothing to fear. */
static int must_take_two(const struct facts *f, struct error *e)
{
	const struct engine *engine = &f->engine;

	if (!*f->settings->suffix || engine->driver->has_drop_ins(engine))
		return 0;
	return fail(
		e, ENOTSUP,
		"%s '%s' takes one installation only, not this one beside another "
		"(MULTI_INSTALL_SUFFIX): a file of ours would replace the handlers of everybody "
		"else.  It needs containerd 2 or later",
		engine->driver->name, engine->version);
}

static void read_status(struct facts *f, const struct install *in)
{
	const struct engine *engine = &f->engine;

	if (engine->driver->status(engine->socket, deadline_in(ENGINE_MS), in->cancel, &f->status,
				   &f->no_status) >= 0)
		f->no_status.code = 0;
}

int facts_read_node(struct facts *f, const struct install *in, struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s", f->settings->node_name);

	json_putp(&f->node);
	if (kube_get(in->kube, path, install_ask_ms(in), in->cancel, &f->node, e) < 0)
		return -e->code;
	follow_kubelet(f);
	return 0;
}

/* Without a Node object, or the right to see it, files can still be removed. */
static int read_node_if_any(struct facts *f, const struct install *in, struct error *e)
{
	int r = facts_read_node(f, in, e);

	if (r != -ENOENT && r != -EACCES)
		return r;
	log_warn("%s", e->msg);
	return 0;
}

static int must_have_node(const struct facts *f, struct error *e)
{
	return f->node ? 0
		       : fail(e, ENOENT,
			      "node '%s' cannot be read; is NODE_NAME right, and does the "
			      "service account have the role of manifests/?",
			      f->settings->node_name);
}

struct host_facts facts_host(const struct facts *f)
{
	struct host_facts host = {
		.arch = f->release.arch,
		.root = f->root,
		/* A pod that makes a plan has it mounted read-only. */
		.only_looks = f->is_dry,
		.sys = "/sys",
		.proc = "/proc",
		.allow_emulation = true,
	};

	for (size_t i = 0; i < f->n_offers; i++) {
		int64_t mib = offer_int(&f->offers[i], "default_memory", 0);

		host.allow_emulation &= offer_bool(&f->offers[i], "allow_emulation", false);
		host.guest_mib = max_u64(host.guest_mib, (uint64_t)(mib > 0 ? mib : 0));
	}
	return host;
}

/* Before the engine is asked: where the kubelet uses another one, ours may not be there.  A node
 * that has just come does not say yet. */
static int must_be_suitable(struct facts *f, struct error *e)
{
	const char *version = json_get_str(f->node, "status.nodeInfo.containerRuntimeVersion");
	const struct host_facts host = facts_host(f);

	f->unsuitable = hostcheck_unsuitable(&host, e);
	if (f->unsuitable)
		return -e->code;
	if (str_empty(version) || engine_is_kind(&f->engine, version, e) >= 0)
		return 0;
	f->unsuitable = UNSUPPORTED;
	return -e->code;
}

static int identify_suitable(struct facts *f, const struct install *in, struct error *e)
{
	int r = identify(f, in, e);

	if (r >= 0)
		r = must_take_two(f, e);
	if (r == -ENOTSUP)
		f->unsuitable = UNSUPPORTED;
	return r;
}

/* ---- for each kind of run ---- */

/* Asked before anything but its list is read of it.  What is among the versions was asked when it
 * came. */
static int must_be_trusted(struct facts *f, struct error *e)
{
	const struct trust t = {
		.root = f->root,
		.key = f->settings->key,
		.rotation = f->settings->key_rotation,
		.not_signed = f->settings->takes_unsigned ? UNSIGNED_TAKEN : UNSIGNED_REFUSED,
	};

	if (!f->archive || trust_check(&t, &f->release, &f->pin, e) >= 0)
		return 0;
	return fail_wrap(e, "KATA_DEPLOY_KEY");
}

static int must_not_be_withdrawn(const struct facts *f, struct error *e)
{
	const struct transition t = { .root = f->root, .folder = f->folder };

	if (f->settings->takes_withdrawn)
		return 0;
	return transition_refuse_withdrawn(&t, f->settings->withdrawn,
					   "KATA_DEPLOY_ALLOW_WITHDRAWN=true", e);
}

static int read_install(struct facts *f, const struct install *in, struct error *e)
{
	name_version(f);
	if (must_be_trusted(f, e) < 0 || must_not_be_withdrawn(f, e) < 0 || read_offers(f, e) < 0 ||
	    read_node_if_any(f, in, e) < 0 || must_have_node(f, e) < 0 ||
	    must_be_suitable(f, e) < 0 || identify_suitable(f, in, e) < 0)
		return -e->code;
	read_status(f, in);
	f->proof = make_proof(f);
	return proof_name(f, &f->evidence, e);
}

int facts_read_install(struct facts *f, const struct install *in, struct error *e)
{
	return read_image(f, e) < 0 || use_marked(f, e) < 0 ? -e->code : read_install(f, in, e);
}

/* On the node itself there is no image. */
int facts_read_rollback(struct facts *f, const struct install *in, struct error *e)
{
	struct error ignored;

	(void)read_image(f, &ignored);
	return use_previous(f, e) < 0 ? -e->code : read_install(f, in, e);
}

bool facts_is_wanted(const struct facts *f)
{
	if (f->image_folder)
		return str_equal(f->folder, f->image_folder);
	return f->target != TARGET_BACK || str_equal(f->folder, f->held);
}

int facts_read_removal(struct facts *f, const struct install *in, struct error *e)
{
	_strv_ strv names = shim_names();

	if (name_offers(f, names, e) < 0 || (!f->node && read_node_if_any(f, in, e) < 0))
		return -e->code;
	f->known = xcalloc(f->n_offers, sizeof(*f->known));
	for (size_t i = 0; i < f->n_offers; i++)
		f->known[i] = offer_known(&f->offers[i]);
	if (identify(f, in, &f->silence) >= 0)
		f->silence.code = 0;
	read_status(f, in);
	return 0;
}

int facts_read_failure(struct facts *f, const struct install *in, struct error *e)
{
	_strv_ strv names = shim_names();

	if (name_offers(f, names, e) < 0 || read_node_if_any(f, in, e) < 0)
		return -e->code;
	read_status(f, in);
	return 0;
}

bool facts_is_unserved(const struct facts *f)
{
	if (f->no_status.code)
		return f->no_status.code == ENOSYS;
	for (size_t i = 0; i < f->n_offers; i++)
		if (strv_contains(f->status.handlers, f->offers[i].handler))
			return false;
	return true;
}

bool facts_is_serving(const struct facts *f)
{
	return f->status.is_ready;
}

void facts_done(struct facts *f)
{
	for (size_t i = 0; i < f->n_offers; i++)
		offer_done(&f->offers[i]);
	free(f->offers);
	free(f->handlers);
	free(f->known);
	manifest_done(&f->release);
	edit_done(&f->configuration);
	json_putp(&f->node);
	endpoint_state_done(&f->status);
	engine_done(&f->engine);
	if (f->scope)
		scope_done(f->scope);
	free(f->scope);
	free(f->root);
	free(f->archive);
	free(f->image_folder);
	free(f->program);
	free(f->held);
	free(f->pin);
	free(f->folder);
	free(f->version_dir);
	free(f->proof);
	free(f->evidence);
	*f = (struct facts){ 0 };
}
