/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd-audit - what on this machine makes the wall around sandboxes lower than it could be.
 *
 * One table; each row looks at one kind of thing and adds a finding for each that it does not like.
 * Read only.  What a user may not see is no finding.
 */
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/host/live.h"
#include "lib/host/stale.h"
#include "lib/host/store.h"
#include "lib/host/trust.h"
#include "manager/known.h"
#include "manager/machine.h"
#include "manager/origin.h"
#include "manager/show.h"
#include "manager/trust.h"
#include "runtime/config/config.h"
#include "runtime/config/fields.h"
#include "runtime/config/trust.h"

struct audit {
	const struct machine *k;
	const struct config *config; /* NULL: it could not be read, and why says so */
	const struct error *why;
	const char *kind; /* of the row that looks */
	struct json_object *items;
};

typedef void audit_look(struct audit *a);

static void add(struct audit *a, const char *where, const char *detail, const char *remedy)
{
	struct json_object *item = json_object_new_object();

	json_set_str(item, "kind", a->kind);
	json_set_str(item, "where", where);
	json_set_str(item, "detail", detail);
	json_set_str(item, "remedy", remedy);
	(void)json_object_array_add(a->items, item);
}

/* ---- what pods may set ---- */

/* Any name will do for a pattern that takes all. */
#define NO_ANNOTATION "of no such name"

static bool takes_every_path(const struct field *row, const struct config *c)
{
	const strv *patterns = (const void *)((const char *)c + row->allowed);

	return row->allowed && strv_contains(*patterns, "*");
}

static void look_at_row(struct audit *a, const struct field *row)
{
	_free_ char *where = field_name(row, a->config->vmm);

	if (!field_is_of(row, a->config->vmm) || !row->annotation ||
	    !config_may_annotate(a->config, row->annotation))
		return;
	if (takes_every_path(row, a->config))
		add(a, where, "a pod may name any file of this machine",
		    "list the files in the key with the valid paths");
	if (strcmp(row->key, "kernel_params") == 0)
		add(a, where, "a pod may give its guest's kernel any parameter",
		    "take it out of enable_annotations");
}

static void look_at_annotations(struct audit *a)
{
	if (!a->config)
		return;
	if (config_may_annotate(a->config, NO_ANNOTATION))
		add(a, "hypervisor.qemu.enable_annotations", "a pod may set everything",
		    "name the annotations that pods need");
	for (size_t i = 0; i < n_fields; i++)
		look_at_row(a, &fields[i]);
}

/* ---- files ---- */

#define MEND_OWNER "chown root, chmod go-w"

/* Whoever may write to a folder may put another file there. */
static void look_at_path(struct audit *a, const char *path, mode_t kind)
{
	struct error e;

	if (trust_check_path(path, kind, &e) == -EPERM)
		add(a, path, e.msg, MEND_OWNER);
}

static void look_at_places(struct audit *a)
{
	_free_ char *drop_ins = path_join(a->k->etc, "config.d");
	_free_ char *keys = path_join(a->k->root, TRUST_FILE);

	look_at_path(a, a->k->etc, S_IFDIR);
	look_at_path(a, drop_ins, S_IFDIR);
	look_at_path(a, keys, S_IFREG);
	look_at_path(a, a->k->shim, S_IFREG);
	for (size_t i = 0; a->config && a->config->files && a->config->files[i]; i++)
		look_at_path(a, a->config->files[i], S_IFREG);
}

static void look_at_configuration(struct audit *a)
{
	struct error e;

	if (!a->config && a->why->code == EPERM)
		add(a, a->k->etc, a->why->msg, MEND_OWNER);
	if (a->config && config_check_paths(a->config, &e) == -EPERM)
		add(a, a->k->root, e.msg, MEND_OWNER);
	look_at_places(a);
}

static void look_at_settings(struct audit *a)
{
	if (!a->config)
		return;
	if (a->config->agent.debug_console_enabled)
		add(a, "agent.kata.debug_console_enabled", "guests have a root shell on a port",
		    "kata-manager config set agent.kata.debug_console_enabled false");
	if (a->config->hypervisor.allow_emulation)
		add(a, "hypervisor.qemu.allow_emulation",
		    "where there is no KVM guests are emulated: QEMU's emulator is no wall by its "
		    "makers' word",
		    "kata-manager config unset hypervisor.qemu.allow_emulation");
}

/* ---- versions ---- */

#define WITHDRAWN "this version is withdrawn"
#define ADVISORY  "there is an advisory for it"

static bool look_at_version(struct audit *a, const char *folder, char *const *list,
			    const char *otherwise)
{
	const char *reason;

	if (!stale_is_withdrawn(list, folder, &reason))
		return false;
	add(a, folder, reason ? reason : otherwise,
	    "install another one; kata-manager status has the sandboxes");
	return true;
}

/* What a mirror says: the one that is asked now, else the one that was last. */
static void look_at_versions(struct audit *a)
{
	_strv_ strv withdrawn = trust_withdrawn(a->k);
	_catalog_ struct catalog known = { 0 };
	_strv_ strv folders = NULL;
	struct error ignored;

	known_read(a->k, &known);
	if (store_list(a->k->root, &folders, &ignored) < 0)
		return;
	for (char **f = folders; f && *f; f++) {
		if (!look_at_version(a, *f, withdrawn, WITHDRAWN) &&
		    !look_at_version(a, *f, a->k->catalog.advisories, ADVISORY))
			(void)look_at_version(a, *f, known.advisories, ADVISORY);
	}
}

static void look_at_trust(struct audit *a)
{
	_free_ char *path = path_join(a->k->root, TRUST_FILE);
	_free_ char *keys = NULL;
	struct error ignored;

	if (store_exists(a->k->root) && trust_pinned(a->k->root, &keys, &ignored) >= 0 && !keys)
		add(a, path, "no key is trusted: whoever made what is installed was not asked",
		    "install a signed release with --key");
}

/* ---- sockets ---- */

static void look_at_socket(struct audit *a, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & S_IWOTH))
		add(a, path, "every user of this machine may talk to what listens there",
		    "chmod o-rw, and see who made it so");
}

/* Those of shims, monitors and devices lie in a folder for each sandbox. */
static void look_at_sandboxes(struct audit *a)
{
	glob_t found;

	if (glob(LIVE_RECORDS "/*/*.sock", 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_free_ char *dir = path_parent(found.gl_pathv[i]);
		struct stat st;

		if (stat(dir, &st) == 0 && (st.st_mode & S_IXOTH))
			look_at_socket(a, found.gl_pathv[i]);
	}
	globfree(&found);
}

static void look_at_sockets(struct audit *a)
{
	_strv_ strv seen = NULL;
	const struct flavour *flavour;

	for (size_t i = 0; (flavour = flavour_at(i)) != NULL; i++) {
		if (strv_contains(seen, flavour->socket))
			continue;
		strv_add(&seen, flavour->socket);
		look_at_socket(a, flavour->socket);
	}
	look_at_sandboxes(a);
}

static const struct {
	const char *kind;
	audit_look *look;
} rows[] = {
	{ "annotations", look_at_annotations },
	{ "files", look_at_configuration },
	{ "settings", look_at_settings },
	{ "versions", look_at_versions },
	{ "trust", look_at_trust },
	{ "sockets", look_at_sockets },
};

/* ---- the command ---- */

static const struct column columns[] = {
	{ .title = "KIND", .member = "kind" },
	{ .title = "WHERE", .member = "where" },
	{ .title = "DETAIL", .member = "detail" },
	{ .title = "REMEDY", .member = "remedy", .is_wide = true },
};

static const struct view view = {
	.kind = "AuditList",
	.columns = columns,
	.n_columns = ARRAY_SIZE(columns),
};

int cmd_audit(struct manager *m, struct error *e)
{
	_json_ struct json_object *items = json_object_new_array();
	_machine_ struct machine k = { 0 };
	_free_ char *version_dir = NULL;
	_config_ struct config c = { 0 };
	struct config_source source = { 0 };
	struct audit a = { .k = &k, .items = items };
	struct error why = { 0 };

	if (machine_open(m->options, &k, e) < 0 ||
	    (origin_is_named(m->options) && origin_look(&k, m->options, m->cancel, e) < 0))
		return -e->code;
	version_dir = path_join(k.root, "current");
	source.version_dir = version_dir;
	source.etc_dir = k.etc;
	a.why = &why;
	if (config_load(&source, &c, &why) >= 0)
		a.config = &c;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		a.kind = rows[i].kind;
		rows[i].look(&a);
	}
	return show(m, &view, items, e) < 0 ? -e->code : json_len(items) > 0 ? EXIT_FOUND : 0;
}
