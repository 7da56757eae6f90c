/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - find the API server and the credentials.
 *
 * In a pod they come from two environment variables and the projected service account, whose token
 * and CA are kept as paths because the kubelet rotates them.  Elsewhere kubeconfig files are read
 * as kubectl reads them: of several the first that has a cluster, context or user of a name counts,
 * and paths are taken from the folder of their file.  A user of a kind that is not known (passwords
 * and auth providers, which servers and kubectl have dropped) is refused rather than ignored.  Any
 * thread.
 */
#include "lib/kube/config.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/file.h"
#include "lib/http/client.h"
#include "lib/kube/yaml.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define FILE_MAX    (1 * MIB)
#define FILES_MAX   64

/* One kubeconfig. */
struct source {
	char *name;
	char *dir;
	struct json_object *root;
};

struct sources {
	struct source list[FILES_MAX];
	size_t n;
};

/* What is read, from where it stands. */
struct place {
	struct json_object *object; /* NULL: nobody has it */
	const char *dir;
};

void kube_config_done(struct kube_config *c)
{
	char **owned[] = { &c->server, &c->server_name, &c->ca_file, &c->ca_pem,
			   &c->proxy,  &c->cert_pem,    &c->key_pem, &c->token_file,
			   &c->token,  &c->namespace,   &c->context };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		str_set(owned[i], NULL);
	kube_plugin_free(c->plugin);
	strv_free(c->impersonate);
	*c = (struct kube_config){ 0 };
}

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].dir);
		json_putp(&s->list[i].root);
	}
}

static int load_in_cluster(struct kube_config *c, struct error *e)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	_free_ char *namespace = NULL;
	struct error ignored;

	if (str_empty(host) || str_empty(port))
		return fail(e, ENOENT,
			    "neither KUBECONFIG nor KUBERNETES_SERVICE_HOST and "
			    "KUBERNETES_SERVICE_PORT are set: not in a pod?");
	c->server = xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	c->ca_file = xstrdup(ACCOUNT_DIR "/ca.crt");
	c->token_file = xstrdup(ACCOUNT_DIR "/token");
	if (file_read(ACCOUNT_DIR "/namespace", 4096, &namespace, NULL, &ignored) >= 0)
		c->namespace = xstrdup(str_trim(namespace));
	return 0;
}

/* ---- reading a value ---- */

static int decode_base64(const char *text, const char *what, char **ret_text, struct error *e)
{
	size_t len = strlen(text);
	_free_ char *out = xcalloc(1, len + 4);
	int n;

	if (len > FILE_MAX)
		return fail(e, EFBIG, "'%s' is larger than %" PRIu64 " bytes", what, FILE_MAX);
	n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
	if (n < 0)
		return fail(e, EINVAL, "'%s' is not base64", what);
	*ret_text = TAKE_PTR(out);
	return 0;
}

/* Caller frees. */
static char *path_from(const char *dir, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : path_join(dir, path);
}

/* KEY-data inline, or the file named by KEY; neither is success. */
static int read_data(const struct place *p, const char *key, char **ret_text, struct error *e)
{
	_free_ char *inline_key = xasprintf("%s-data", key);
	const char *data = json_member_str(p->object, inline_key);
	const char *file = json_member_str(p->object, key);
	_free_ char *path = NULL;

	if (!str_empty(data))
		return decode_base64(data, inline_key, ret_text, e);
	if (str_empty(file))
		return 0;
	path = path_from(p->dir, file);
	return file_read(path, FILE_MAX, ret_text, NULL, e);
}

static bool is_true(struct json_object *object, const char *key)
{
	return str_equal(json_member_str(object, key), "true");
}

/* ---- the user ---- */

static void add_impersonation(strv *headers, const char *name, const char *value)
{
	/* A header's value is one line. */
	if (!str_empty(value) && !strpbrk(value, "\r\n"))
		strv_addf(headers, "%s: %s", name, value);
}

static void add_extra(strv *headers, const char *key, const char *value)
{
	/* "acme.com/project" could be no header's name. */
	_free_ char *escaped = http_escape(key);
	_free_ char *name = xasprintf("Impersonate-Extra-%s", escaped);

	add_impersonation(headers, name, value);
}

static void read_extra(struct json_object *extra, strv *headers)
{
	if (!json_object_is_type(extra, json_type_object))
		return;
	json_object_object_foreach(extra, key, values)
	{
		for (size_t i = 0; i < json_len(values); i++)
			add_extra(headers, key, json_object_get_string(json_item(values, i)));
	}
}

static void choose_impersonation(const struct kube_choice *choice, strv *headers)
{
	add_impersonation(headers, "Impersonate-User", choice->as);
	add_impersonation(headers, "Impersonate-Uid", choice->as_uid);
	for (char *const *group = choice->as_groups; group && *group; group++)
		add_impersonation(headers, "Impersonate-Group", *group);
	for (char *const *extra = choice->as_extra; extra && *extra; extra++) {
		_free_ char *key = xstrndup(*extra, strcspn(*extra, "="));

		add_extra(headers, key, *extra + strlen(key) + 1);
	}
}

static void read_impersonation(struct json_object *user, const struct kube_choice *choice,
			       strv *headers)
{
	struct json_object *groups = json_member(user, "as-groups");

	if (choice->as) {
		choose_impersonation(choice, headers);
		return;
	}
	add_impersonation(headers, "Impersonate-User", json_member_str(user, "as"));
	add_impersonation(headers, "Impersonate-Uid", json_member_str(user, "as-uid"));
	for (size_t i = 0; i < json_len(groups); i++)
		add_impersonation(headers, "Impersonate-Group",
				  json_object_get_string(json_item(groups, i)));
	read_extra(json_member(user, "as-user-extra"), headers);
}

static int refuse_dropped(struct json_object *user, struct error *e)
{
	static const char *const refused[] = { "auth-provider", "username" };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (json_member(user, refused[i]))
			return fail(e, ENOTSUP, "user credentials of kind '%s' are not supported",
				    refused[i]);
	return 0;
}

static int choose_file(const char *path, char **text, struct error *e)
{
	_free_ char *chosen = NULL;

	if (!path)
		return 0;
	if (file_read(path, FILE_MAX, &chosen, NULL, e) < 0)
		return -e->code;
	str_set(text, chosen);
	return 0;
}

/* What CHOICE has is before what the kubeconfig says, or the pod's account. */
static int choose_login(const struct kube_choice *choice, struct kube_config *c, struct error *e)
{
	if (choice->token) {
		str_set(&c->token, choice->token);
		str_set(&c->token_file, NULL);
	}
	if (choose_file(choice->cert_file, &c->cert_pem, e) < 0)
		return -e->code;
	return choose_file(choice->key_file, &c->key_pem, e);
}

/* Where there are several, a certificate goes along with whatever else there is, and the token of
 * the file is before the one inline, as kubectl has it. */
static int read_user(const struct place *user, const struct kube_choice *choice,
		     struct kube_config *c, struct error *e)
{
	const char *file = json_member_str(user->object, "tokenFile");
	struct json_object *exec = json_member(user->object, "exec");

	read_impersonation(user->object, choice, &c->impersonate);
	/* A certificate beside it would be who we are. */
	if (choice->token)
		return choose_login(choice, c, e);
	str_set(&c->token, json_member_str(user->object, "token"));
	if (!str_empty(file))
		c->token_file = path_from(user->dir, file);
	if (refuse_dropped(user->object, e) < 0 ||
	    read_data(user, "client-certificate", &c->cert_pem, e) < 0 ||
	    read_data(user, "client-key", &c->key_pem, e) < 0 || choose_login(choice, c, e) < 0)
		return -e->code;
	if (exec && !c->token && !c->token_file && !c->cert_pem)
		return kube_plugin_read(exec, user->dir, &c->plugin, e);
	return 0;
}

/* ---- the cluster ---- */

/* Of systems that know no other way: the first that is there, as Go has it. */
static void find_system_authorities(struct kube_config *c)
{
	const char *named = getenv("SSL_CERT_FILE");
	const char *const files[] = { named ? named : "",
				      "/etc/ssl/certs/ca-certificates.crt",
				      "/etc/pki/tls/certs/ca-bundle.crt",
				      "/etc/ssl/ca-bundle.pem",
				      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
				      "/etc/ssl/cert.pem" };

	for (size_t i = 0; !c->ca_file && i < ARRAY_SIZE(files); i++)
		if (*files[i] && file_exists(files[i]))
			c->ca_file = xstrdup(files[i]);
}

/* Whoever says whom to trust says it alone; another server has another name. */
static int choose_trust(const struct kube_choice *choice, struct kube_config *c, struct error *e)
{
	if (choice->server_name || choice->server)
		str_set(&c->server_name, choice->server_name);
	if (!choice->is_insecure && !choice->ca_file)
		return 0;
	c->is_insecure = choice->is_insecure;
	str_set(&c->ca_pem, NULL);
	str_set(&c->ca_file, NULL);
	return choose_file(choice->ca_file, &c->ca_pem, e);
}

static int read_cluster(const struct place *cluster, const struct kube_choice *choice,
			struct kube_config *c, struct error *e)
{
	const char *server =
		choice->server ? choice->server : json_member_str(cluster->object, "server");

	if (str_empty(server))
		return fail(e, ENOENT, "context '%s' leads to no server", c->context);
	c->server = xstrdup(server);
	while (str_ends(c->server, "/"))
		c->server[strlen(c->server) - 1] = '\0';
	c->heeds_environment = true;
	c->is_insecure = is_true(cluster->object, "insecure-skip-tls-verify");
	str_set(&c->proxy, json_member_str(cluster->object, "proxy-url"));
	str_set(&c->server_name, json_member_str(cluster->object, "tls-server-name"));
	if (read_data(cluster, "certificate-authority", &c->ca_pem, e) < 0 ||
	    choose_trust(choice, c, e) < 0)
		return -e->code;
	if (!c->ca_pem && str_starts(c->server, "https:"))
		find_system_authorities(c);
	return 0;
}

static void set_encoded(struct json_object *object, const char *member, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	_free_ char *out = xcalloc(1, len * 2 + 4);

	if (!text)
		return;
	(void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
	json_set_str(object, member, out);
}

/* What a plugin is told that asks for it. */
static void describe_cluster(const struct place *cluster, struct json_object *exec,
			     struct kube_config *c)
{
	struct json_object *object, *config;

	if (!c->plugin || !is_true(exec, "provideClusterInfo"))
		return;
	object = json_object_new_object();
	json_set_str(object, "server", c->server);
	json_set_str(object, "tls-server-name", c->server_name);
	json_set_str(object, "proxy-url", c->proxy);
	if (c->is_insecure)
		json_set_bool(object, "insecure-skip-tls-verify", true);
	set_encoded(object, "certificate-authority-data", c->ca_pem);
	config = json_find(json_member(cluster->object, "extensions"), "name",
			   "client.authentication.k8s.io/exec");
	if (json_member(config, "extension"))
		(void)json_object_object_add(object, "config",
					     json_object_get(json_member(config, "extension")));
	c->plugin->cluster = object;
}

/* ---- the files ---- */

/* The entry called NAME of the list LIST ("clusters"), and in it the mapping MEMBER ("cluster"), of
 * the first file that has one. */
static struct place find(const struct sources *s, const char *list, const char *name,
			 const char *member)
{
	for (size_t i = 0; name && i < s->n; i++) {
		struct json_object *entry =
			json_find(json_member(s->list[i].root, list), "name", name);

		if (entry)
			return (struct place){ json_member(entry, member), s->list[i].dir };
	}
	return (struct place){ NULL, "." };
}

static const char *current_context(const struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *name = json_member_str(s->list[i].root, "current-context");

		if (!str_empty(name))
			return name;
	}
	return "";
}

static int read_context(const struct sources *s, const struct kube_choice *choice,
			struct kube_config *c, struct error *e)
{
	const char *name = choice->context ? choice->context : current_context(s);
	struct place context = find(s, "contexts", name, "context");
	const char *cluster_name =
		choice->cluster ? choice->cluster : json_member_str(context.object, "cluster");
	const char *user_name =
		choice->user ? choice->user : json_member_str(context.object, "user");
	struct place cluster = find(s, "clusters", cluster_name, "cluster");
	struct place user = find(s, "users", user_name, "user");

	if (!context.object && (choice->context || (!cluster.object && !choice->server)))
		return fail(e, ENOENT, "there is no context '%s'", name);
	c->context = xstrdup(name);
	if (choice->user && !user.object)
		return fail(e, ENOENT, "there is no user '%s'", choice->user);
	if (read_cluster(&cluster, choice, c, e) < 0 || read_user(&user, choice, c, e) < 0)
		return -e->code;
	describe_cluster(&cluster, json_member(user.object, "exec"), c);
	str_set(&c->namespace, json_member_str(context.object, "namespace"));
	return 0;
}

/* Nobody acts with more rights than wanted because half of the wish is missing. */
static int check_choice(const struct kube_choice *choice, struct error *e)
{
	if (!choice->as &&
	    (choice->as_uid || strv_len(choice->as_groups) > 0 || strv_len(choice->as_extra) > 0))
		return fail(e, EINVAL, "a group or UID to act with needs the user to act as");
	for (char *const *extra = choice->as_extra; extra && *extra; extra++)
		if (!strchr(*extra, '='))
			return fail(e, EINVAL, "'%s' is not KEY=VALUE", *extra);
	if (choice->is_insecure && choice->ca_file)
		return fail(e, EINVAL,
			    "whom to trust is said twice: these authorities, and anybody");
	return 0;
}

/* In a pod as well somebody may want it otherwise. */
static int load_account(const struct kube_choice *choice, struct kube_config *c, struct error *e)
{
	if (load_in_cluster(c, e) < 0 || choose_trust(choice, c, e) < 0)
		return -e->code;
	read_impersonation(NULL, choice, &c->impersonate);
	return choose_login(choice, c, e);
}

static int finish(const struct sources *s, const struct kube_choice *choice,
		  struct kube_config *ret_config, struct error *e)
{
	_kube_config_ struct kube_config c = { 0 };
	int r = check_choice(choice, e);

	if (r >= 0)
		r = s ? read_context(s, choice, &c, e) : load_account(choice, &c, e);
	if (r < 0)
		return r;
	if (choice->namespace)
		str_set(&c.namespace, choice->namespace);
	if (str_empty(c.namespace))
		str_set(&c.namespace, "default");
	*ret_config = c;
	c = (struct kube_config){ 0 };
	return 0;
}

static int add_text(struct sources *s, const char *text, size_t len, const char *name,
		    struct error *e)
{
	struct source *source = &s->list[s->n];

	if (s->n == FILES_MAX)
		return fail(e, E2BIG, "there are more than %d kubeconfigs", FILES_MAX);
	if (kube_yaml_parse(text, len, name, &source->root, e) < 0)
		return -e->code;
	source->name = xstrdup(name);
	source->dir = path_parent(name);
	s->n++;
	return 0;
}

static int add_file(struct sources *s, const char *path, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r = file_read(path, FILE_MAX, &text, &len, e);

	/* kubectl makes empty ones. */
	if (r < 0 || text[strspn(text, " \t\r\n")] == '\0')
		return r;
	return add_text(s, text, len, path, e);
}

/* Of several some may be missing. */
static int add_files(struct sources *s, char *const *paths, struct error *e)
{
	for (char *const *path = paths; path && *path; path++) {
		int r = add_file(s, *path, e);

		if (r < 0 && (r != -ENOENT || strv_len(paths) == 1))
			return r;
	}
	return 0;
}

/* NULL: none, so that we are in a pod, or CHOICE says all. */
static int read_files(char *const *paths, const struct kube_choice *choice,
		      struct kube_config *ret_config, struct error *e)
{
	_cleanup_(sources_done) struct sources s = { 0 };
	_free_ char *names = strv_join(paths, ":");

	if (!paths)
		return finish(choice->server ? &s : NULL, choice, ret_config, e);
	if (add_files(&s, paths, e) < 0)
		return -e->code;
	return finish(&s, choice, ret_config, e) < 0 ? fail_wrap(e, "kubeconfig '%s'", names) : 0;
}

int kube_config_parse(const char *text, size_t len, const char *name,
		      const struct kube_choice *choice, struct kube_config *ret_config,
		      struct error *e)
{
	_cleanup_(sources_done) struct sources s = { 0 };

	if (add_text(&s, text, len, name, e) < 0)
		return -e->code;
	return finish(&s, choice, ret_config, e) < 0 ? fail_wrap(e, "kubeconfig '%s'", name) : 0;
}

int kube_config_choose(const struct kube_choice *choice, struct kube_config *ret_config,
		       struct error *e)
{
	const char *listed = getenv("KUBECONFIG");
	const char *home = getenv("HOME");
	_free_ char *usual = path_join(home ? home : "", ".kube/config");
	_strv_ strv paths = NULL;

	/* Only the variable is a list. */
	if (choice->file)
		strv_add(&paths, choice->file);
	else if (!str_empty(listed))
		paths = strv_split(listed, ":");
	else if (!str_empty(home) && file_exists(usual))
		strv_add(&paths, usual);
	return read_files(paths, choice, ret_config, e);
}

int kube_config_load(struct kube_config *ret_config, struct error *e)
{
	static const struct kube_choice none = { 0 };
	const char *listed = getenv("KUBECONFIG");
	_strv_ strv paths = strv_split(listed ? listed : "", ":");

	return read_files(paths, &none, ret_config, e);
}
