/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - the environment variables of kata-deploy.
 *
 * Each is a row: name, where it goes, its type, its default and its meaning.  Names are upstream's
 * where upstream has the same; those marked so exist per architecture as well (NAME_X86_64), which
 * wins.  An empty variable is one that is not set.  Read once, before anything else, and with them
 * the withdrawn versions that a coordinator tells the pod: each run is a process, so the next one
 * knows what has changed.
 */
#include "deploy/settings.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/file.h"
#include "lib/log.h"

enum kind { TEXT, WORDS, LIST, FLAG, NUMBER };

struct row {
	const char *name;
	size_t offset;
	enum kind kind;
	const char *fallback;
	bool is_per_arch;
	const char *help;
};

#define NUMBER_MAX       65535
#define NAME_MAX_LEN     32
#define POD_INFO_MAX     (64 * KIB)
#define PROGRAM          "kata-deploy"
#define DEFAULT_INSTANCE "default"

#define AT(member) offsetof(struct settings, member)

static const struct row rows[] = {
	{ "NODE_NAME", AT(node_name), TEXT, NULL, false, "node this pod runs on (spec.nodeName)" },
	{ "DAEMONSET_NAME", AT(daemonset_name), TEXT, PROGRAM, false,
	  "own DaemonSet, to tell a restart from a removal; kata-deploy-SUFFIX with a suffix" },
	{ "POD_NAMESPACE", AT(namespace), TEXT, "kata-system", false,
	  "namespace of the DaemonSet" },
	{ "SHIMS", AT(shims), WORDS, "qemu", true, "kinds of sandboxes to offer" },
	{ "DEFAULT_SHIM", AT(default_shim), TEXT, "qemu", true,
	  "kind that RuntimeClass kata means" },
	{ "ALLOWED_HYPERVISOR_ANNOTATIONS", AT(annotations), WORDS, "", true,
	  "annotations pods may use; NAME for all shims or SHIM:NAME,NAME" },
	{ "SNAPSHOTTER_HANDLER_MAPPING", AT(snapshotters), LIST, "", true,
	  "snapshotters of containerd that shims' pods get their images from; "
	  "SHIM:SNAPSHOTTER,..." },
	{ "DEBUG", AT(debug), FLAG, "false", false, "log more, here and in every sandbox" },
	{ "CREATE_RUNTIMECLASSES", AT(create_runtimeclasses), FLAG, "true", false,
	  "make RuntimeClass kata-SHIM for every shim" },
	{ "CREATE_DEFAULT_RUNTIMECLASS", AT(create_default_runtimeclass), FLAG, "true", false,
	  "make RuntimeClass kata" },
	{ "INSTALLATION_PREFIX", AT(prefix), TEXT, "", false, "install below PREFIX/opt/kata" },
	{ "MULTI_INSTALL_SUFFIX", AT(suffix), TEXT, "", false,
	  "install beside others: /opt/kata-SUFFIX, handlers kata-SHIM-SUFFIX" },
	{ "KATA_POOL", AT(pool), TEXT, "", false,
	  "name of a pool of nodes with a DaemonSet of its own: RuntimeClasses are called "
	  "CLASS-POOL "
	  "and mean its nodes only" },
	{ "HEALTH_PORT", AT(health_port), NUMBER, "8090", false, "port of /healthz and /readyz" },
	{ "K8S_DISTRIBUTION", AT(distribution), TEXT, "k8s", false,
	  "kind of node (below), which says where its engine lives; the next three override that" },
	{ "CONTAINERD_CONFIG_FILE_NAME", AT(containerd_file), TEXT, "", false,
	  "containerd's main configuration in its folder" },
	{ "KATA_CONTAINERD_DIR", AT(containerd_dir), TEXT, "", false,
	  "that folder, the same path here and on the node" },
	{ "KATA_CONTAINERD_SOCKET", AT(containerd_socket), TEXT, "", false, "containerd's socket" },
	{ "KATA_RESTART_COMMAND", AT(restart_command), WORDS, "", false,
	  "program and arguments that restart containerd on a node without systemd" },
	{ "KATA_REMOVE_WAIT", AT(remove_wait_s), NUMBER, "300", false,
	  "seconds that removing waits for deleted pods; well below the pod's grace period" },
	{ "KATA_REMOVE_RUNNING_WAIT", AT(running_wait_s), NUMBER, "40", false,
	  "seconds that removing waits for pods that still run before it refuses; 0: it refuses "
	  "before it changes anything" },
	{ "KATA_REFUSED_WAIT", AT(refused_wait_s), NUMBER, "5", false,
	  "seconds that the API server must refuse, or not know the DaemonSet, before it is "
	  "believed: it may have just started, and a DaemonSet may be made anew" },
	{ "KATA_DEPLOY_DRIFT", AT(drift), TEXT, DRIFT_REPAIR, false,
	  "what happens when somebody changes on the node what is ours: " DRIFT_REPAIR
	  ", or only " DRIFT_REPORT },
	{ "KATA_WITHDRAWN", AT(withdrawn), LIST, "", false,
	  "versions that no sandbox should run, VERSION or VERSION-DIGEST, either with =REASON "
	  "without a space: their sandboxes are stale" },
	{ "KATA_POD_INFO", AT(pod_info), TEXT, "/etc/podinfo", false,
	  "folder with what the coordinator tells the pod while it runs; its file withdrawn adds "
	  "to "
	  "KATA_WITHDRAWN" },
	{ "KATA_DEPLOY_ALLOW_WITHDRAWN", AT(takes_withdrawn), FLAG, "false", false,
	  "install or go back to such a version all the same" },
	{ "KATA_DEPLOY_KEY", AT(key), TEXT, "", false,
	  "public key of minisign, its line or its file: only releases that it signed are "
	  "installed, from the first on also without this variable" },
	{ "KATA_DEPLOY_KEY_ROTATION", AT(key_rotation), TEXT, "", false,
	  "signature of KATA_DEPLOY_KEY's text by the key that was trusted before, FILE.minisig" },
	{ "KATA_DEPLOY_UNSIGNED", AT(takes_unsigned), FLAG, "false", false,
	  "install whatever the image has, whoever signed it or not, though a key is trusted" },
	{ "KATA_ARTIFACTS", AT(artifacts), TEXT, "/opt/kata-artifacts", false,
	  "folder with the packed release, kata-static*.tar.zst" },
	{ "KATA_CUSTOM_CONFIGS", AT(custom), TEXT, "/custom-configs", false,
	  "folder with dropin-SHIM.toml, added to the shim's configuration" },
	{ "KATA_ETC", AT(etc), TEXT, "/etc/kata-containers", false,
	  "folder for sandbox configuration of the node's own" },
	{ "KATA_ADOPT", AT(adopt), FLAG, "false", false,
	  "take over what upstream's kata-deploy installed on the node, and hand it back when this "
	  "is removed; its own DaemonSet must not run there" },
	{ "KATA_PATH_DIR", AT(path_dir), TEXT, "", false,
	  "folder of the node's PATH, the same path here, that gets a link to the shim, for ctr "
	  "and "
	  "nerdctl" },
	{ "KATA_LOCKS", AT(locks), WORDS, "/run/vc /etc/kata-containers", false,
	  "folders that are locked while anything is changed, the same for all installations of a "
	  "node" },
};

static const char *value_of(const struct row *row, const char *machine)
{
	_free_ char *name = xasprintf("%s_%s", row->name, machine);
	const char *value;

	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	value = row->is_per_arch ? getenv(name) : NULL;
	if (str_empty(value))
		value = getenv(row->name);
	return str_empty(value) ? row->fallback : value;
}

static int read_row(struct settings *s, const struct row *row, struct error *e)
{
	const char *value = value_of(row, s->machine);
	void *to = (char *)s + row->offset;
	uint32_t number;

	if (!value)
		return fail(e, EINVAL, "%s is not set: %s", row->name, row->help);
	switch (row->kind) {
	case TEXT:
		str_set(to, value);
		return 0;
	case WORDS:
		*(strv *)to = strv_split(value, " \t\n");
		return 0;
	case LIST:
		*(strv *)to = strv_split(value, ", \t\n");
		return 0;
	case FLAG:
		return parse_bool(value, row->name, to, e);
	case NUMBER:
		if (parse_u32(value, row->name, NUMBER_MAX, &number, e) < 0)
			return -e->code;
		*(uint32_t *)to = number;
		return 0;
	}
	return 0;
}

static void drop_last_slashes(char *path)
{
	for (size_t len = strlen(path); len > 0 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
}

/* It stands in names of objects and labels, and "default" is the name of the one without. */
static int check_name(const char *name, const char *value, struct error *e)
{
	size_t len = strlen(value);

	if (len == 0 ||
	    (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && len <= NAME_MAX_LEN &&
	     value[0] != '-' && value[len - 1] != '-' && strcmp(value, DEFAULT_INSTANCE) != 0))
		return 0;
	return fail(e, EINVAL,
		    "%s '%s' must be at most %d of a-z, 0-9 and, within, '-'; '" DEFAULT_INSTANCE
		    "' is taken",
		    name, value, NAME_MAX_LEN);
}

static int check_snapshotters(const struct settings *s, struct error *e)
{
	for (char *const *entry = s->snapshotters; entry && *entry; entry++) {
		const char *colon = strchr(*entry, ':');
		_free_ char *shim = xstrndup(*entry, colon ? (size_t)(colon - *entry) : 0);

		if (!colon || colon[1] == '\0' || strchr(colon + 1, ':'))
			return fail(e, EINVAL,
				    "SNAPSHOTTER_HANDLER_MAPPING has '%s', which is not "
				    "SHIM:SNAPSHOTTER",
				    *entry);
		if (!strv_contains(s->shims, shim))
			return fail(e, EINVAL,
				    "SNAPSHOTTER_HANDLER_MAPPING names '%s', which is not one of "
				    "SHIMS",
				    shim);
	}
	return 0;
}

/* What becomes a part of paths and names of objects. */
static int check_names(const struct settings *s, struct error *e)
{
	int r;

	if (*s->prefix && *s->prefix != '/')
		return fail(e, EINVAL, "INSTALLATION_PREFIX '%s' is not an absolute path",
			    s->prefix);
	if (strstr(s->prefix, ".."))
		return fail(e, EINVAL, "INSTALLATION_PREFIX '%s' has '..'", s->prefix);
	r = check_name("MULTI_INSTALL_SUFFIX", s->suffix, e);
	if (r >= 0)
		r = check_name("KATA_POOL", s->pool, e);
	if (r < 0)
		return r;
	if (*s->suffix && *s->pool)
		return fail(e, EINVAL,
			    "MULTI_INSTALL_SUFFIX '%s' and KATA_POOL '%s' cannot both be set",
			    s->suffix, s->pool);
	if (strcmp(s->drift, DRIFT_REPAIR) != 0 && strcmp(s->drift, DRIFT_REPORT) != 0)
		return fail(e, EINVAL,
			    "KATA_DEPLOY_DRIFT '%s' is neither " DRIFT_REPAIR " nor " DRIFT_REPORT,
			    s->drift);
	if (!s->shims)
		return fail(e, EINVAL, "SHIMS names no kind of sandbox");
	for (char *const *shim = s->shims; *shim; shim++)
		if (strv_contains(shim + 1, *shim))
			return fail(e, EINVAL, "SHIMS names '%s' twice", *shim);
	if (!strv_contains(s->shims, s->default_shim))
		return fail(e, EINVAL, "DEFAULT_SHIM '%s' is not one of SHIMS", s->default_shim);
	return check_snapshotters(s, e);
}

/* Nodes belong to one pool, so pools need no names but for their label. */
static void set_owner(struct settings *s)
{
	const char *dash = *s->suffix ? "-" : "";

	s->name = xasprintf(PROGRAM "%s%s", dash, s->suffix);
	if (str_empty(getenv("DAEMONSET_NAME")))
		str_set(&s->daemonset_name, s->name);
	s->condition = xasprintf("KataReady%s%s", dash, s->suffix);
	s->stale_note = xasprintf("katacontainers.io/stale-sandboxes%s%s", dash, s->suffix);
	s->upgraded = xasprintf("KataUpgraded%s%s", dash, s->suffix);
	s->label = xasprintf(PROGRAM ".katacontainers.io/%s", settings_instance(s));
	s->owner = (struct owner){
		.program = PROGRAM,
		.name = s->name,
		.label = s->label,
		.condition = s->condition,
		.locks = s->locks,
	};
}

/* The kubelet writes it anew when the annotation changes.  What cannot be read is no reason to do
 * nothing at all. */
static void add_withdrawn(struct settings *s)
{
	_free_ char *path = path_join(s->pod_info, SETTINGS_WITHDRAWN);
	_free_ char *text = NULL;
	_strv_ strv more = NULL;
	struct error e;

	if (!file_exists(path))
		return;
	if (file_read(path, POD_INFO_MAX, &text, NULL, &e) < 0) {
		log_warn("%s", e.msg);
		return;
	}
	more = strv_split(text, ", \t\n");
	strv_add_all(&s->withdrawn, more);
}

int settings_read(struct settings *ret_settings, struct error *e)
{
	_settings_ struct settings s = { 0 };
	struct utsname name;

	(void)uname(&name);
	s.machine = xstrdup(name.machine);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (read_row(&s, &rows[i], e) < 0)
			return -e->code;
	drop_last_slashes(s.prefix);
	if (check_names(&s, e) < 0)
		return -e->code;
	set_owner(&s);
	add_withdrawn(&s);
	*ret_settings = s;
	s = (struct settings){ 0 };
	return 0;
}

void settings_done(struct settings *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *member = (char *)s + rows[i].offset;

		if (rows[i].kind == TEXT)
			str_set(member, NULL);
		if (rows[i].kind == WORDS || rows[i].kind == LIST)
			strv_free(*(strv *)member);
	}
	free(s->machine);
	free(s->name);
	free(s->label);
	free(s->condition);
	free(s->stale_note);
	free(s->upgraded);
	*s = (struct settings){ 0 };
}

void settings_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		fprintf(out, "  %-31s %s%s%s%s\n", rows[i].name, rows[i].help,
			str_empty(rows[i].fallback) ? "" : " (",
			str_empty(rows[i].fallback) ? "" : rows[i].fallback,
			str_empty(rows[i].fallback) ? "" : ")");
}

char *settings_root(const struct settings *s)
{
	if (*s->suffix)
		return xasprintf("%s/opt/kata-%s", s->prefix, s->suffix);
	return xasprintf("%s/opt/kata", s->prefix);
}

const char *settings_instance(const struct settings *s)
{
	if (*s->suffix)
		return s->suffix;
	return str_empty(s->pool) ? DEFAULT_INSTANCE : s->pool;
}
