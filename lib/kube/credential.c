/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential - log in by a program of the user's, as the clusters of clouds are logged in to.
 *
 * The program is run as the array that the kubeconfig has, with a description of the request in
 * KUBERNETES_EXEC_INFO, and prints one ExecCredential.  It inherits our environment, standard error
 * and, where it may ask a person and there is a terminal, standard input.  What it prints is never
 * logged.  Any thread.
 */
#include "lib/kube/credential.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/proc.h"
#include "lib/timestamp.h"

#define OUTPUT_MAX (256 * KIB)
#define MARGIN_S   10
#define API        "client.authentication.k8s.io/"
#define INFO       "KUBERNETES_EXEC_INFO"

static const char *const versions[] = { API "v1", API "v1beta1", API "v1alpha1" };
static const char *const interactions[] = { "Never", "IfAvailable", "Always" };
_Static_assert(ARRAY_SIZE(interactions) == N_KUBE_INTERACTION, "an interaction has no name");

void kube_plugin_free(struct kube_plugin *p)
{
	if (!p)
		return;
	free(p->command);
	strv_free(p->args);
	strv_free(p->env);
	free(p->api_version);
	free(p->install_hint);
	json_putp(&p->cluster);
	free(p);
}

void kube_credential_done(struct kube_credential *c)
{
	char **secrets[] = { &c->token, &c->cert_pem, &c->key_pem };

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		if (*secrets[i])
			explicit_bzero(*secrets[i], strlen(*secrets[i]));
		str_set(secrets[i], NULL);
	}
	c->expires_s = 0;
}

bool kube_credential_is_good(const struct kube_credential *c, int64_t now_s)
{
	return (c->token || c->cert_pem) && now_s < c->expires_s - MARGIN_S;
}

/* ---- what the kubeconfig says ---- */

static int read_env(struct json_object *list, strv *env, struct error *e)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_get_str(json_item(list, i), "name");
		const char *value = json_get_str(json_item(list, i), "value");

		if (str_empty(name) || !value || strchr(name, '='))
			return fail(e, EINVAL, "exec: an entry of 'env' is no name with a value");
		strv_addf(env, "%s=%s", name, value);
	}
	return 0;
}

static int read_args(struct json_object *list, strv *args, struct error *e)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *item = json_item(list, i);

		if (!json_object_is_type(item, json_type_string))
			return fail(e, EINVAL, "exec: an entry of 'args' is no text");
		strv_add(args, json_object_get_string(item));
	}
	return 0;
}

static int read_interaction(const char *name, enum kube_interaction *ret_interaction,
			    struct error *e)
{
	for (int i = 0; i < N_KUBE_INTERACTION; i++)
		if (!name || strcmp(name, interactions[i]) == 0) {
			*ret_interaction = name ? (enum kube_interaction)i : KUBE_IF_AVAILABLE;
			return 0;
		}
	return fail(e, EINVAL, "exec: 'interactiveMode' is '%s'", name);
}

static bool is_known(const char *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (str_equal(version, versions[i]))
			return true;
	return false;
}

int kube_plugin_read(struct json_object *exec, const char *dir, struct kube_plugin **ret_plugin,
		     struct error *e)
{
	_cleanup_(kube_plugin_freep) struct kube_plugin *p = xcalloc(1, sizeof(*p));
	const char *command = json_get_str(exec, "command");
	const char *version = json_get_str(exec, "apiVersion");

	if (str_empty(command))
		return fail(e, EINVAL, "exec: it names no command");
	if (!is_known(version))
		return fail(e, EINVAL, "exec: the version '%s' is not known",
			    version ? version : "");
	p->command = command[0] != '/' && strchr(command, '/') ? path_join(dir, command)
							       : xstrdup(command);
	p->api_version = xstrdup(version);
	str_set(&p->install_hint, json_get_str(exec, "installHint"));
	if (read_args(json_at(exec, "args"), &p->args, e) < 0 ||
	    read_env(json_at(exec, "env"), &p->env, e) < 0 ||
	    read_interaction(json_get_str(exec, "interactiveMode"), &p->interaction, e) < 0)
		return -e->code;
	*ret_plugin = TAKE_PTR(p);
	return 0;
}

/* ---- what the program says ---- */

static int read_expiry(const char *text, int64_t *ret_seconds, struct error *e)
{
	*ret_seconds = INT64_MAX;
	if (!text || timestamp_parse(text, ret_seconds))
		return 0;
	return fail(e, EPROTO, "its expirationTimestamp is no time");
}

int kube_credential_parse(const char *text, size_t len, const char *api_version,
			  struct kube_credential *ret_credential, struct error *e)
{
	_credential_ struct kube_credential c = { 0 };
	_json_ struct json_object *object = NULL;
	struct json_object *status;

	if (json_parse(text, len, "ExecCredential", &object, e) < 0)
		return -e->code;
	status = json_at(object, "status");
	if (!str_equal(json_get_str(object, "kind"), "ExecCredential") ||
	    !str_equal(json_get_str(object, "apiVersion"), api_version))
		return fail(e, EPROTO, "it is no ExecCredential of version '%s'", api_version);
	str_set(&c.token, json_get_str(status, "token"));
	str_set(&c.cert_pem, json_get_str(status, "clientCertificateData"));
	str_set(&c.key_pem, json_get_str(status, "clientKeyData"));
	if ((!c.token && !c.cert_pem) || !c.cert_pem != !c.key_pem)
		return fail(e, EPROTO, "it has neither a token nor a certificate with its key");
	if (read_expiry(json_get_str(status, "expirationTimestamp"), &c.expires_s, e) < 0)
		return -e->code;
	*ret_credential = c;
	c = (struct kube_credential){ 0 };
	return 0;
}

/* ---- the run ---- */

static bool is_interactive(const struct kube_plugin *p)
{
	return p->interaction != KUBE_NEVER && isatty(STDIN_FILENO);
}

static char *make_info(const struct kube_plugin *p)
{
	_json_ struct json_object *info = json_object_new_object();
	struct json_object *spec;

	json_set_str(info, "apiVersion", p->api_version);
	json_set_str(info, "kind", "ExecCredential");
	spec = json_set_object(info, "spec");
	json_set_bool(spec, "interactive", is_interactive(p));
	if (p->cluster)
		(void)json_object_object_add(spec, "cluster", json_object_get(p->cluster));
	return xasprintf(INFO "=%s", json_text(info));
}

/* Of two values of a name programs may take either: ours is the only one. */
static void set_variable(strv *env, const char *pair)
{
	size_t len = strcspn(pair, "=") + 1;

	for (char **old = *env; old && *old; old++)
		if (strncmp(*old, pair, len) == 0) {
			str_set(old, pair);
			return;
		}
	strv_add(env, pair);
}

static strv make_env(const struct kube_plugin *p)
{
	_free_ char *info = make_info(p);
	strv env = strv_copy(environ);

	for (char *const *pair = p->env; pair && *pair; pair++)
		set_variable(&env, *pair);
	set_variable(&env, info);
	return env;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Caller frees; NULL if it is not there. */
static char *find_program(const char *command)
{
	const char *path = getenv("PATH");
	_strv_ strv dirs = strv_split(path ? path : "", ":");

	if (strchr(command, '/'))
		return is_program(command) ? xstrdup(command) : NULL;
	for (char **dir = dirs; dir && *dir; dir++) {
		_free_ char *file = path_join(*dir, command);

		/* What is found in the working directory is nobody's plugin. */
		if ((*dir)[0] == '/' && is_program(file))
			return TAKE_PTR(file);
	}
	return NULL;
}

static int run_program(const struct kube_plugin *p, const char *program, uint64_t deadline_ms,
		       const struct cancel *cancel, char **ret_output, struct error *e)
{
	/* Its standard error comes after the one that would be collected, and counts. */
	const struct proc_fd fds[] = { { STDERR_FILENO, STDERR_FILENO },
				       { STDIN_FILENO, STDIN_FILENO } };
	_strv_ strv argv = NULL;
	_strv_ strv env = make_env(p);
	struct proc_spec spec = { .fds = fds, .n_fds = is_interactive(p) ? 2 : 1, .cwd = "." };
	int status;

	strv_add(&argv, program);
	strv_add_all(&argv, p->args);
	spec.argv = argv;
	spec.env = env;
	if (proc_run(&spec, deadline_ms, cancel, OUTPUT_MAX, &status, ret_output, e) < 0)
		return -e->code;
	if (status != 0)
		return fail(e, EACCES, "the login by '%s' ended with status %d", p->command,
			    status);
	return 0;
}

int kube_plugin_run(const struct kube_plugin *p, uint64_t deadline_ms, const struct cancel *cancel,
		    struct kube_credential *ret_credential, struct error *e)
{
	_free_ char *program = find_program(p->command);
	_free_ char *output = NULL;
	int r;

	if (!program)
		return fail(e, ENOENT, "the program '%s', which logs in, is not there%s%s",
			    p->command, p->install_hint ? ": " : "",
			    p->install_hint ? p->install_hint : "");
	if (p->interaction == KUBE_ALWAYS && !isatty(STDIN_FILENO))
		return fail(e, EACCES, "'%s' has to ask a person, and there is no terminal",
			    p->command);
	r = run_program(p, program, deadline_ms, cancel, &output, e);
	if (r < 0)
		return r;
	r = kube_credential_parse(output, strlen(output), p->api_version, ret_credential, e);
	explicit_bzero(output, strlen(output));
	return r < 0 ? fail_wrap(e, "the answer of '%s'", p->command) : 0;
}
