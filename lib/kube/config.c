/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - find the API server and the credentials.
 *
 * In a pod they come from two environment variables and the projected service account, whose token
 * and CA are kept as paths because the kubelet rotates them.  Elsewhere a kubeconfig file is read:
 * clusters, contexts and users by name, inline data or files.  Limits: no exec plugins, no auth
 * providers, no proxies; such a user is refused rather than ignored.  Any thread.
 */
#include "lib/kube/config.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <yaml.h>

#include "lib/file.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define FILE_MAX    (1 * MIB)

void kube_config_done(struct kube_config *c)
{
	char **owned[] = { &c->server,  &c->ca_file,    &c->ca_pem, &c->cert_pem,
			   &c->key_pem, &c->token_file, &c->token,  &c->namespace };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		str_set(owned[i], NULL);
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

/* Looks up KEY in a mapping; NULL if MAP is none or has no such key. */
static yaml_node_t *at(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = yaml_document_get_node(doc, p->key);

		if (k && k->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)k->data.scalar.value, key) == 0)
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

static const char *text_at(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	yaml_node_t *node = at(doc, map, key);

	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
						      : NULL;
}

/* The entry called NAME of the list LIST ("clusters"), and in it the mapping MEMBER ("cluster"). */
static yaml_node_t *named(yaml_document_t *doc, const char *list, const char *name,
			  const char *member)
{
	yaml_node_t *items = at(doc, yaml_document_get_root_node(doc), list);

	if (!items || items->type != YAML_SEQUENCE_NODE || !name)
		return NULL;
	for (yaml_node_item_t *i = items->data.sequence.items.start;
	     i < items->data.sequence.items.top; i++) {
		yaml_node_t *item = yaml_document_get_node(doc, *i);

		if (str_equal(text_at(doc, item, "name"), name))
			return at(doc, item, member);
	}
	return NULL;
}

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

/* KEY-data inline, or the file named by KEY; neither is success. */
static int read_data(yaml_document_t *doc, yaml_node_t *map, const char *key, const char *dir,
		     char **ret_text, struct error *e)
{
	_free_ char *inline_key = xasprintf("%s-data", key);
	const char *data = text_at(doc, map, inline_key);
	const char *file = text_at(doc, map, key);
	_free_ char *path = NULL;

	if (data)
		return decode_base64(data, inline_key, ret_text, e);
	if (!file)
		return 0;
	path = file[0] == '/' ? xstrdup(file) : path_join(dir, file);
	return file_read(path, FILE_MAX, ret_text, NULL, e);
}

static int read_user(yaml_document_t *doc, yaml_node_t *user, const char *dir,
		     struct kube_config *c, struct error *e)
{
	static const char *const refused[] = { "exec", "auth-provider", "username" };
	const char *file = text_at(doc, user, "tokenFile");
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (at(doc, user, refused[i]))
			return fail(e, ENOTSUP, "user credentials of kind '%s' are not supported",
				    refused[i]);
	str_set(&c->token, text_at(doc, user, "token"));
	str_set(&c->token_file, file);
	r = read_data(doc, user, "client-certificate", dir, &c->cert_pem, e);
	return r < 0 ? r : read_data(doc, user, "client-key", dir, &c->key_pem, e);
}

static int read_document(yaml_document_t *doc, const char *dir, struct kube_config *c,
			 struct error *e)
{
	const char *current = text_at(doc, yaml_document_get_root_node(doc), "current-context");
	yaml_node_t *context = named(doc, "contexts", current, "context");
	yaml_node_t *cluster = named(doc, "clusters", text_at(doc, context, "cluster"), "cluster");
	yaml_node_t *user = named(doc, "users", text_at(doc, context, "user"), "user");
	const char *server = text_at(doc, cluster, "server");
	int r;

	if (!context)
		return fail(e, ENOENT, "there is no context '%s'", current ? current : "");
	if (!server)
		return fail(e, ENOENT, "context '%s' leads to no server", current);
	if (user) {
		r = read_user(doc, user, dir, c, e);
		if (r < 0)
			return r;
	}
	c->server = xstrdup(server);
	while (str_ends(c->server, "/"))
		c->server[strlen(c->server) - 1] = '\0';
	str_set(&c->namespace, text_at(doc, context, "namespace"));
	return read_data(doc, cluster, "certificate-authority", dir, &c->ca_pem, e);
}

int kube_config_parse(const char *text, size_t len, const char *name,
		      struct kube_config *ret_config, struct error *e)
{
	_kube_config_ struct kube_config c = { 0 };
	_free_ char *dir = path_parent(name);
	yaml_parser_t parser;
	yaml_document_t doc;
	int r;

	if (!yaml_parser_initialize(&parser))
		return fail(e, ENOMEM, "cannot read YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &doc)) {
		r = fail(e, EINVAL, "%s:%zu: %s", name, parser.problem_mark.line + 1,
			 parser.problem ? parser.problem : "not YAML");
	} else {
		r = read_document(&doc, dir, &c, e);
		if (r < 0)
			(void)fail_wrap(e, "kubeconfig '%s'", name);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	if (r < 0)
		return r;
	if (!c.namespace)
		c.namespace = xstrdup("default");
	*ret_config = c;
	c = (struct kube_config){ 0 };
	return 0;
}

int kube_config_read(const char *path, struct kube_config *ret_config, struct error *e)
{
	_free_ char *text = NULL;
	size_t len;
	int r = file_read(path, FILE_MAX, &text, &len, e);

	return r < 0 ? r : kube_config_parse(text, len, path, ret_config, e);
}

int kube_config_load(struct kube_config *ret_config, struct error *e)
{
	_kube_config_ struct kube_config c = { 0 };
	const char *path = getenv("KUBECONFIG");
	int r;

	if (!str_empty(path))
		return kube_config_read(path, ret_config, e);
	r = load_in_cluster(&c, e);
	if (r < 0)
		return r;
	if (!c.namespace)
		c.namespace = xstrdup("default");
	*ret_config = c;
	c = (struct kube_config){ 0 };
	return 0;
}
