/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install - gather what a run of the installer has to know.
 *
 * Everything here reads, and each kind of run reads no more than it needs: the settings and the API
 * server for one that takes an interrupted run back; the Node object and the names of the handlers
 * for one that removes; the release's manifest (its first few kilobytes), the node's drop-ins and
 * the container runtime's version for one that installs.  Whether anything would change is decided
 * once, here, because the first step already depends on it; when nothing would, those steps do not
 * look a second time.  One thread; may block.
 */
#include "deploy/install.h"

#include <glob.h>
#include <string.h>

#include "lib/file.h"
#include "lib/host/endpoint.h"
#include "lib/host/store.h"
#include "lib/host/unpack.h"
#include "lib/log.h"

#define RUN_MS     (15 * 60 * UINT64_C(1000))
#define ASK_MS     (2 * 60 * UINT64_C(1000))
#define RUNTIME_MS (60 * UINT64_C(1000))
#define USER_AGENT "kata-deploy/" KATA_VERSION

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

static int read_release(struct install *in, struct error *e)
{
	_free_ char *versions = NULL;

	if (find_archive(in->settings->artifacts, &in->archive, e) < 0 ||
	    unpack_manifest(in->archive, &in->release, e) < 0)
		return fail_wrap(e, "the release in this image");
	in->folder = manifest_folder(&in->release);
	versions = path_join(in->root, "versions");
	in->version_dir = path_join(versions, in->folder);
	return 0;
}

/* The offers for the shims of these NAMES, without what the node adds to them. */
static int name_offers(struct install *in, char *const *names, struct error *e)
{
	size_t n = strv_len(names);

	in->offers = xcalloc(n, sizeof(*in->offers));
	in->handlers = xcalloc(n, sizeof(*in->handlers));
	for (size_t i = 0; i < n; i++) {
		in->n_offers = i + 1;
		if (offer_init(&in->offers[i], in->settings, in->root, names[i], e) < 0)
			return -e->code;
		in->handlers[i] = offer_handler(&in->offers[i]);
	}
	return 0;
}

static int read_offers(struct install *in, struct error *e)
{
	if (name_offers(in, in->settings->shims, e) < 0)
		return -e->code;
	for (size_t i = 0; i < in->n_offers; i++) {
		if (offer_read(&in->offers[i], in->settings, e) < 0)
			return -e->code;
		in->handlers[i] = offer_handler(&in->offers[i]);
	}
	return 0;
}

int install_read_runtime(struct install *in, struct error *e)
{
	struct engine *engine = &in->engine;
	int r = engine_identify(engine, deadline_in(RUNTIME_MS), in->cancel, e);

	if (r < 0)
		return r;
	if (*in->settings->suffix && !engine->driver->has_drop_ins(engine))
		return fail(
			e, ENOTSUP,
			"MULTI_INSTALL_SUFFIX needs drop-ins that merge: containerd 2 or later, "
			"this is %s",
			engine->version);
	return 0;
}

int install_read_node(struct install *in, struct error *e)
{
	_free_ char *path = xasprintf("/api/v1/nodes/%s", in->settings->node_name);

	json_putp(&in->node_object);
	return kube_get(in->kube, path, install_ask_ms(in), in->cancel, &in->node_object, e);
}

/* Without a Node object, or the right to see it, files can still be removed: node_object is NULL.
 */
static int read_node(struct install *in, struct error *e)
{
	int r = install_read_node(in, e);

	if (r != -ENOENT && r != -EACCES)
		return r;
	log_warn("%s", e->msg);
	return 0;
}

/* Names version and configuration, so that a canary is needed exactly once for each pair. */
static char *make_proof(const struct install *in)
{
	_free_ char *text = xstrdup("");
	char digest[SHA256_HEX + 1];

	for (size_t i = 0; i < in->n_offers; i++) {
		const struct offer *o = &in->offers[i];
		_strv_ strv parts = NULL;

		strv_take(&parts, TAKE_PTR(text));
		strv_add(&parts, o->handler);
		strv_add(&parts, o->config_path);
		strv_add(&parts, in->settings->debug ? "debug" : "");
		strv_add(&parts, o->custom ? o->custom : "");
		strv_add_all(&parts, in->settings->annotations);
		text = strv_join(parts, "\n");
	}
	sha256_bytes(text, strlen(text), digest);
	return xasprintf("%s.%.12s", in->folder, digest);
}

static int plan_changes(struct install *in, struct error *e)
{
	static int (*const checks[])(void *, struct error *) = { unpack_check, switch_check,
								 overrides_check, cri_check };

	for (size_t i = 0; i < ARRAY_SIZE(checks) && !in->is_changing; i++) {
		int r = checks[i](in, e);

		if (r < 0)
			return r;
		in->is_changing = r > 0;
	}
	in->is_settled = !in->is_changing;
	return 0;
}

/* An answer that does not come says nothing.  A handler with another configuration is one of an
 * earlier version, which works. */
static bool is_unserved(const struct install *in)
{
	_cri_status_ struct cri_status s = { 0 };
	struct error e;
	int r = in->engine.driver->status(in->engine.socket, deadline_in(RUNTIME_MS), in->cancel,
					  &s, &e);

	if (r < 0)
		return r == -ENOSYS;
	for (size_t i = 0; i < in->n_offers; i++)
		if (strv_contains(s.handlers, in->offers[i].handler))
			return false;
	return true;
}

static int open_kube(struct install *in, struct error *e)
{
	_kube_config_ struct kube_config config = { 0 };
	int r = kube_config_load(&config, e);

	if (r < 0 || kube_open(&config, USER_AGENT, &in->kube, e) < 0)
		return -e->code;
	kube_set_refusal(in->kube, in->settings->refused_wait_s * UINT64_C(1000));
	return 0;
}

static const char *either(const char *set, const char *otherwise)
{
	return str_empty(set) ? otherwise : set;
}

/* The flavour's places, unless the settings name others. */
static void set_engine(struct install *in, const struct flavour *flavour)
{
	const struct settings *s = in->settings;

	in->engine = (struct engine){
		.driver = engine_driver(flavour),
		.flavour = flavour,
		.root = in->root,
		.socket = either(s->containerd_socket, flavour->socket),
		.dir = either(s->containerd_dir, flavour->dir),
		.main_file = either(s->containerd_file, flavour->main_file),
		.drop_in = in->drop_in,
		.restart_command = s->restart_command,
		.exec = node_exec,
	};
}

struct handlers install_handlers(const struct install *in, enum presence presence)
{
	return (struct handlers){ .list = in->handlers, .n = in->n_offers, .presence = presence };
}

int install_open(const struct settings *s, const struct cancel *cancel, struct install *ret_install,
		 struct error *e)
{
	struct install in = {
		.settings = s,
		.cancel = cancel,
		.deadline_ms = deadline_in(RUN_MS),
	};
	const struct flavour *flavour = NULL;

	if (flavour_find(s->distribution, &flavour, e) < 0)
		return fail_wrap(e, "K8S_DISTRIBUTION");
	if (flavour->is_bare)
		return fail(e, EINVAL, "K8S_DISTRIBUTION: '%s' is a machine without a kubelet",
			    flavour->name);
	if (open_kube(&in, e) < 0)
		return -e->code;
	in.root = settings_root(s);
	in.drop_in = xasprintf("kata-deploy%s%s.toml", *s->suffix ? "-" : "", s->suffix);
	set_engine(&in, flavour);
	*ret_install = in;
	return 0;
}

int install_gather(struct install *in, struct error *e)
{
	if (read_release(in, e) < 0 || read_offers(in, e) < 0 || install_read_runtime(in, e) < 0 ||
	    read_node(in, e) < 0)
		return -e->code;
	in->proof = make_proof(in);
	if (plan_changes(in, e) < 0)
		return -e->code;
	in->is_unserved = in->is_changing && is_unserved(in);
	return 0;
}

int install_gather_names(struct install *in, struct error *e)
{
	_strv_ strv names = shim_names();

	return name_offers(in, names, e) < 0 || (!in->node_object && read_node(in, e) < 0)
		       ? -e->code
		       : 0;
}

int install_gather_state(struct install *in, struct error *e)
{
	if (install_gather_names(in, e) < 0)
		return -e->code;
	in->is_unserved = is_unserved(in);
	return 0;
}

uint64_t install_ask_ms(const struct install *in)
{
	return min_u64(in->deadline_ms, deadline_in(ASK_MS));
}

void install_done(struct install *in)
{
	for (size_t i = 0; i < in->n_offers; i++)
		offer_done(&in->offers[i]);
	free(in->offers);
	free(in->handlers);
	kube_close(in->kube);
	manifest_done(&in->release);
	json_putp(&in->node_object);
	free(in->root);
	free(in->archive);
	free(in->folder);
	free(in->version_dir);
	engine_done(&in->engine);
	free(in->drop_in);
	free(in->guest_kernel);
	free(in->proof);
	*in = (struct install){ 0 };
}
