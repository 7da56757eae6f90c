/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kube_config - kubeconfigs as kubectl reads them, and programs that log in.
 */

#include "tests/unit/folder.h"

#include <string.h>

#include "tests/unit/fake-api.h"
#include "tests/unit/owner.h"

#include "lib/file.h"
#include "lib/kube/apply.h"
#include "lib/kube/config.h"

#define WAIT_MS 5000

static const struct kube_choice as_it_says = { 0 };

static int parse(const char *text, const struct kube_choice *choice, struct kube_config *c,
		 struct error *e)
{
	return kube_config_parse(text, strlen(text), "/k/config", choice, c, e);
}

static void parse_well(const char *text, const struct kube_choice *choice, struct kube_config *c)
{
	struct error e;

	if (parse(text, choice, c, &e) < 0)
		fail_msg("%s", e.msg);
}

/* USER is the mapping of the one user, CLUSTER that of the cluster without its server. */
#define KUBECONFIG(cluster, user)                                        \
	"current-context: c\n"                                           \
	"contexts: [{name: c, context: {cluster: k, user: u}}]\n"        \
	"clusters: [{name: k, cluster: {server: 'https://h:1/' " cluster \
	"}}]\n"                                                          \
	"users: [{name: u, user: {" user "}}]\n"

static void test_kubeconfig_is_read(void **state)
{
	static const char text[] = KUBECONFIG(
		", certificate-authority-data: Y2E=, tls-server-name: api.x,"
		"proxy-url: 'socks5://p:1'",
		"token: t, as: jane, as-uid: '7', as-groups: [a, b],"
		"as-user-extra: {acme.com/reason: [x, y]}");
	static const char *const headers[] = { "Impersonate-User: jane",
					       "Impersonate-Uid: 7",
					       "Impersonate-Group: a",
					       "Impersonate-Group: b",
					       "Impersonate-Extra-acme.com%2Freason: x",
					       "Impersonate-Extra-acme.com%2Freason: y" };
	_kube_config_ struct kube_config c = { 0 };

	(void)state;
	parse_well(text, &as_it_says, &c);
	assert_string_equal(c.server, "https://h:1");
	assert_string_equal(c.ca_pem, "ca");
	assert_string_equal(c.token, "t");
	assert_string_equal(c.namespace, "default");
	assert_string_equal(c.server_name, "api.x");
	assert_string_equal(c.proxy, "socks5://p:1");
	assert_false(c.is_insecure);
	assert_int_equal(strv_len(c.impersonate), ARRAY_SIZE(headers));
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		assert_string_equal(c.impersonate[i], headers[i]);
}

/* Programs that log in read it with their own types. */
static void test_extension_keeps_its_types(void **state)
{
	static const char text[] = KUBECONFIG(
		", extensions: [{name: client.authentication.k8s.io/exec, extension: "
		"{n: 5, s: '5', v: 1.2.3, b: true, z: ~, l: [-1, x-1]}}]",
		"exec: {apiVersion: client.authentication.k8s.io/v1, command: y,"
		"args: [5], provideClusterInfo: true}");
	_kube_config_ struct kube_config c = { 0 };
	struct json_object *config;

	(void)state;
	parse_well(text, &as_it_says, &c);
	config = json_member(c.plugin->cluster, "config");
	assert_string_equal(json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN),
			    "{\"n\":5,\"s\":\"5\",\"v\":\"1.2.3\",\"b\":true,\"z\":null,"
			    "\"l\":[-1,\"x-1\"]}");
	assert_string_equal(c.plugin->args[0], "5");
}

static void test_choice_is_before_what_the_file_says(void **state)
{
	static const char text[] =
		"current-context: c\n"
		"contexts: [{name: c, context: {cluster: k, user: u}},"
		"{name: d, context: {cluster: l, user: v, namespace: n}}]\n"
		"clusters: [{name: k, cluster: {server: 'https://k'}},"
		"{name: l, cluster: {server: 'https://l'}}]\n"
		"users: [{name: u, user: {token: t}}, {name: v, user: {token: w}}]\n";
	static char group[] = "g";
	static char *groups[] = { group, NULL };
	const struct kube_choice context = { .context = "d" };
	const struct kube_choice all = { .context = "d",
					 .cluster = "k",
					 .user = "u",
					 .namespace = "m",
					 .as = "jane",
					 .as_groups = groups,
					 .is_insecure = true };
	_kube_config_ struct kube_config c = { 0 };
	_kube_config_ struct kube_config d = { 0 };

	(void)state;
	parse_well(text, &context, &c);
	assert_string_equal(c.server, "https://l");
	assert_string_equal(c.token, "w");
	assert_string_equal(c.namespace, "n");
	parse_well(text, &all, &d);
	assert_string_equal(d.server, "https://k");
	assert_string_equal(d.token, "t");
	assert_string_equal(d.namespace, "m");
	assert_true(d.is_insecure);
	assert_string_equal(d.impersonate[0], "Impersonate-User: jane");
	assert_string_equal(d.impersonate[1], "Impersonate-Group: g");
}

/* As kubectl has it: a server that is named has no more the name of the file, whom to trust
 * replaces both ways to say it, a token is not beaten by the file's certificate. */
static void test_trust_and_login_may_be_chosen(void **state)
{
	static const char text[] =
		"current-context: c\n"
		"contexts: [{name: c, context: {cluster: k, user: u}}]\n"
		"clusters: [{name: k, cluster: {server: 'https://k', tls-server-name: n,"
		"insecure-skip-tls-verify: true}}]\n"
		"users: [{name: u, user: {client-certificate-data: Yw==, client-key-data: "
		"aw==}}]\n";
	char *dir = folder_new();
	_free_ char *file = path_join(dir, "pem");
	const struct kube_choice choices[] = {
		{ .server = "https://other/" },
		{ .server_name = "m", .ca_file = file },
		{ .token = "t" },
		{ .cert_file = file },
		{ .key_file = file },
		{ .token = "t", .cert_file = file },
	};
	struct kube_config c[ARRAY_SIZE(choices)] = { 0 };

	(void)state;
	folder_put(dir, "pem", "chosen");
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		parse_well(text, &choices[i], &c[i]);
	assert_string_equal(c[0].server, "https://other");
	assert_null(c[0].server_name);
	assert_string_equal(c[1].server_name, "m");
	assert_string_equal(c[1].ca_pem, "chosen");
	assert_false(c[1].is_insecure);
	assert_string_equal(c[2].token, "t");
	assert_null(c[2].cert_pem);
	assert_string_equal(c[3].cert_pem, "chosen");
	assert_string_equal(c[3].key_pem, "k");
	assert_string_equal(c[4].cert_pem, "c");
	assert_string_equal(c[4].key_pem, "chosen");
	assert_string_equal(c[5].cert_pem, "chosen");
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		kube_config_done(&c[i]);
	folder_remove(dir);
}

/* Without a kubeconfig and out of a pod. */
static void test_choice_may_say_all(void **state)
{
	static char pair[] = "a/b=c=d";
	static char *extra[] = { pair, NULL };
	const struct kube_choice choice = {
		.server = "http://h:1", .token = "t", .as = "jane", .as_extra = extra
	};
	_kube_config_ struct kube_config c = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(setenv("HOME", "/nowhere", 1), 0);
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
	if (kube_config_choose(&choice, &c, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(c.server, "http://h:1");
	assert_string_equal(c.token, "t");
	assert_string_equal(c.namespace, "default");
	assert_string_equal(c.impersonate[1], "Impersonate-Extra-a%2Fb: c=d");
}

static void test_choice_that_leads_nowhere_is_refused(void **state)
{
	static char group[] = "g";
	static char *groups[] = { group, NULL };
	const struct kube_choice choices[] = {
		{ .context = "d", .server = "https://h" },
		{ .context = "d", .cluster = "k" },
		{ .cluster = "l" },
		{ .user = "v" },
		{ .as_groups = groups },
		{ .as_uid = "7" },
		{ .as_extra = groups },
		{ .as = "jane", .as_extra = groups },
		{ .is_insecure = true, .ca_file = "/dev/null" },
		{ .ca_file = "/nowhere" },
		{ .cert_file = "/nowhere" },
		{ .key_file = "/nowhere" },
		{ .token = "t", .key_file = "/nowhere" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		_kube_config_ struct kube_config c = { 0 };
		struct error e;

		if (parse(KUBECONFIG("", "token: t"), &choices[i], &c, &e) >= 0)
			fail_msg("case %zu is accepted", i);
	}
}

static void test_kubeconfig_that_is_wrong_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[",
		"current-context: c\n",
		"current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n",
		"? [a]\n: b\n",
		"a: &a [*a]\n",
		KUBECONFIG(", certificate-authority-data: '%'", ""),
		KUBECONFIG("", "exec: {command: y}"),
		KUBECONFIG("", "exec: {apiVersion: client.authentication.k8s.io/v1}"),
		KUBECONFIG("",
			   "exec: {apiVersion: client.authentication.k8s.io/v1, command: y,"
			   "interactiveMode: Sometimes}"),
		KUBECONFIG("",
			   "exec: {apiVersion: client.authentication.k8s.io/v1, command: y,"
			   "env: [{name: 'a=b', value: c}]}"),
		KUBECONFIG("", "auth-provider: {name: gcp}"),
		KUBECONFIG("", "username: u, password: p"),
		KUBECONFIG("", "client-certificate: /nowhere"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_kube_config_ struct kube_config c = { 0 };
		struct error e;

		if (parse(texts[i], &as_it_says, &c, &e) >= 0)
			fail_msg("accepted: %s", texts[i]);
	}
}

/* Nine levels of nine aliases each. */
static void test_document_that_grows_by_aliases_is_refused(void **state)
{
	static const char text[] =
		"a: &a [x,x,x,x,x,x,x,x,x]\n"
		"b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
		"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
		"f: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
	_kube_config_ struct kube_config c = { 0 };
	struct error e;

	(void)state;
	assert_int_equal(parse(text, &as_it_says, &c, &e), -E2BIG);
}

static void test_files_are_merged_and_the_first_counts(void **state)
{
	char *dir = folder_new();
	_free_ char *list =
		xasprintf("%s/missing:%s/one/config:%s/empty:%s/two", dir, dir, dir, dir);
	_kube_config_ struct kube_config c = { 0 };
	struct error e;

	(void)state;
	folder_put(dir, "empty", "\n");
	folder_put(dir, "one/cert", "certificate of one");
	folder_put(dir, "one/key", "key of one");
	folder_put(dir, "one/config",
		   "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
		   "users: [{name: u, user: {client-certificate: cert, client-key: ./key}}]\n");
	folder_put(dir, "two",
		   "current-context: c\n"
		   "contexts: [{name: c, context: {cluster: other}}]\n"
		   "clusters: [{name: k, cluster: {server: 'http://h:1', insecure-skip-tls-verify: "
		   "true}}]\n"
		   "users: [{name: u, user: {token: of-two}}]\n");
	assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
	if (kube_config_choose(&as_it_says, &c, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(c.server, "http://h:1");
	assert_true(c.is_insecure);
	assert_string_equal(c.cert_pem, "certificate of one");
	assert_string_equal(c.key_pem, "key of one");
	assert_null(c.token);
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
	folder_remove(dir);
}

static void test_home_is_looked_into_and_a_named_file_must_be_there(void **state)
{
	char *dir = folder_new();
	const struct kube_choice missing = { .file = "/nowhere/config" };
	_free_ char *file = path_join(dir, "a:b");
	const struct kube_choice named = { .file = file };
	_kube_config_ struct kube_config c = { 0 };
	_kube_config_ struct kube_config d = { 0 };
	struct error e;

	(void)state;
	folder_put(dir, ".kube/config", KUBECONFIG("", "token: t"));
	folder_put(dir, "a:b", KUBECONFIG("", "token: u"));
	assert_int_equal(unsetenv("KUBECONFIG"), 0);
	assert_int_equal(setenv("HOME", dir, 1), 0);
	assert_int_equal(kube_config_choose(&as_it_says, &c, &e), 0);
	assert_string_equal(c.token, "t");
	assert_int_equal(kube_config_choose(&missing, &c, &e), -ENOENT);
	assert_int_equal(kube_config_choose(&named, &d, &e), 0);
	assert_string_equal(d.token, "u");
	folder_remove(dir);
}

/* ---- programs that log in ---- */

#define API "client.authentication.k8s.io/v1"

static void test_exec_credential_is_read(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *token;
		int64_t expires_s;
	} cases[] = {
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\","
		  "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"2026-01-02T03:04:05Z\"}}",
		  0, "t", 1767323045 },
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\","
		  "\"status\":{\"token\":\"t\"}}",
		  0, "t", INT64_MAX },
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\",\"status\":{"
		  "\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}}",
		  0, NULL, INT64_MAX },
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\",\"status\":{"
		  "\"clientCertificateData\":\"c\"}}",
		  -EPROTO, NULL, 0 },
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\",\"status\":{}}", -EPROTO,
		  NULL, 0 },
		{ "{\"apiVersion\":\"" API "beta1\",\"kind\":\"ExecCredential\","
		  "\"status\":{\"token\":\"t\"}}",
		  -EPROTO, NULL, 0 },
		{ "{\"apiVersion\":\"" API "\",\"kind\":\"ExecCredential\","
		  "\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}}",
		  -EPROTO, NULL, 0 },
		{ "not JSON", -EINVAL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_credential_ struct kube_credential c = { 0 };
		struct error e;

		assert_int_equal(
			kube_credential_parse(cases[i].text, strlen(cases[i].text), API, &c, &e),
			cases[i].result);
		if (cases[i].result < 0)
			continue;
		assert_true(str_equal(c.token, cases[i].token));
		assert_true(c.expires_s == cases[i].expires_s);
		assert_true(kube_credential_is_good(&c, cases[i].expires_s - 11));
		assert_false(kube_credential_is_good(&c, cases[i].expires_s - 10));
	}
}

/* A program that says a token made of its argument, of a variable of the kubeconfig and of how
 * often it ran, and that it expires at EXPIRES. */
static void put_program(const char *dir, const char *expires)
{
	_free_ char *path = path_join(dir, "login");
	_free_ char *text = xasprintf(
		"#!/bin/sh\necho x >>%s/runs\n"
		"case $KUBERNETES_EXEC_INFO in *'\"server\":\"http'*) info=told ;; esac\n"
		"cat <<END\n{\"apiVersion\":\"" API
		"\",\"kind\":\"ExecCredential\",\"status\":"
		"{\"token\":\"$1-$WHO-$info-$(wc -l "
		"<%s/runs)\",\"expirationTimestamp\":\"%s\"}}\nEND\n",
		dir, dir, expires);

	folder_put(dir, "login", text);
	assert_int_equal(chmod(path, 0755), 0);
}

/* A client that logs in by the program. */
static struct kube_client *open_client(const struct fake_api *api, const char *dir)
{
	_free_ char *text = xasprintf(
		"current-context: c\n"
		"contexts: [{name: c, context: {cluster: k, user: u}}]\n"
		"clusters: [{name: k, cluster: {server: '%s'}}]\n"
		"users: [{name: u, user: {exec: {apiVersion: " API
		", command: ./login,"
		"args: ['a b'], env: [{name: WHO, value: me}], provideClusterInfo: true}}}]\n",
		api->url);
	_free_ char *name = path_join(dir, "config");
	_kube_config_ struct kube_config c = { 0 };
	struct kube_client *kube;
	struct error e;

	if (kube_config_parse(text, strlen(text), name, &as_it_says, &c, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(kube_open(&c, &test_owner, &kube, &e), 0);
	kube_set_backoff(kube, 1, 5);
	return kube;
}

static void get(struct kube_client *kube)
{
	struct error e;

	if (kube_get(kube, "/x", deadline_in(WAIT_MS), NULL, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

#define ASKED_AS(token, status)                                                                \
	{                                                                                      \
		{ "GET /x ", "Authorization: Bearer " token "\r\n" }, status, "{}", FAKE_KEEP, \
			NULL                                                                   \
	}

static void assert_logins(const char *expires, const struct fake_turn *turns, size_t n,
			  unsigned gets)
{
	char *dir = folder_new();
	struct fake_api api;
	struct kube_client *kube;
	const char *fault;

	put_program(dir, expires);
	assert_true(fake_start(&api, turns, n, NULL));
	kube = open_client(&api, dir);
	for (unsigned i = 0; i < gets; i++)
		get(kube);
	kube_close(kube);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	folder_remove(dir);
}

static void test_login_is_kept_until_it_expires(void **state)
{
	static const struct fake_turn turns[] = {
		ASKED_AS("a b-me-told-1", "200 OK"),
		ASKED_AS("a b-me-told-1", "200 OK"),
	};

	(void)state;
	assert_logins("2999-01-01T00:00:00Z", turns, ARRAY_SIZE(turns), 2);
}

static void test_login_that_expired_is_made_anew(void **state)
{
	static const struct fake_turn turns[] = {
		ASKED_AS("a b-me-told-1", "200 OK"),
		ASKED_AS("a b-me-told-2", "200 OK"),
	};

	(void)state;
	assert_logins("2020-01-01T00:00:00Z", turns, ARRAY_SIZE(turns), 2);
}

static void test_login_that_is_refused_is_made_anew_once(void **state)
{
	static const struct fake_turn turns[] = {
		ASKED_AS("a b-me-told-1", "200 OK"),
		ASKED_AS("a b-me-told-1", "401 Unauthorized"),
		ASKED_AS("a b-me-told-2", "401 Unauthorized"),
		ASKED_AS("a b-me-told-2", "200 OK"),
	};

	(void)state;
	assert_logins("2999-01-01T00:00:00Z", turns, ARRAY_SIZE(turns), 2);
}

/* Where no refusal is doubted, as for a person who waits, a login that has passed is still. */
static void test_login_that_is_refused_is_made_anew_without_patience(void **state)
{
	static const struct fake_turn turns[] = {
		ASKED_AS("a b-me-told-1", "200 OK"),
		ASKED_AS("a b-me-told-1", "401 Unauthorized"),
		ASKED_AS("a b-me-told-2", "200 OK"),
		ASKED_AS("a b-me-told-2", "401 Unauthorized"),
		ASKED_AS("a b-me-told-3", "401 Unauthorized"),
	};
	char *dir = folder_new();
	struct fake_api api;
	struct kube_client *kube;
	const char *fault;
	struct error e;

	(void)state;
	put_program(dir, "2999-01-01T00:00:00Z");
	assert_true(fake_start(&api, turns, ARRAY_SIZE(turns), NULL));
	kube = open_client(&api, dir);
	kube_set_refusal(kube, 0);
	get(kube);
	get(kube);
	assert_int_equal(kube_get(kube, "/x", deadline_in(WAIT_MS), NULL, NULL, &e), -EACCES);
	kube_close(kube);
	fault = fake_stop(&api);
	if (fault)
		fail_msg("%s", fault);
	folder_remove(dir);
}

static void test_program_that_lacks_or_fails_is_named(void **state)
{
	static const char *const commands[] = { "/nowhere/login", "no-such-login", "/bin/false",
						/* A folder, in which one may search. */
						"/usr/bin" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		_free_ char *text = xasprintf("{\"apiVersion\":\"" API
					      "\",\"command\":\"%s\",\"installHint\":\"get it\"}",
					      commands[i]);
		_cleanup_(kube_plugin_freep) struct kube_plugin *p = NULL;
		_credential_ struct kube_credential c = { 0 };
		_json_ struct json_object *exec = NULL;
		struct error e;

		assert_int_equal(json_parse(text, strlen(text), "exec", &exec, &e), 0);
		assert_int_equal(kube_plugin_read(exec, "/", &p, &e), 0);
		assert_true(kube_plugin_run(p, deadline_in(WAIT_MS), NULL, &c, &e) < 0);
		assert_non_null(strstr(e.msg, commands[i]));
		assert_true((e.code == ENOENT) == (strstr(e.msg, "get it") != NULL));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kubeconfig_is_read),
		cmocka_unit_test(test_extension_keeps_its_types),
		cmocka_unit_test(test_choice_is_before_what_the_file_says),
		cmocka_unit_test(test_trust_and_login_may_be_chosen),
		cmocka_unit_test(test_choice_may_say_all),
		cmocka_unit_test(test_choice_that_leads_nowhere_is_refused),
		cmocka_unit_test(test_kubeconfig_that_is_wrong_is_refused),
		cmocka_unit_test(test_document_that_grows_by_aliases_is_refused),
		cmocka_unit_test(test_files_are_merged_and_the_first_counts),
		cmocka_unit_test(test_home_is_looked_into_and_a_named_file_must_be_there),
		cmocka_unit_test(test_exec_credential_is_read),
		cmocka_unit_test(test_login_is_kept_until_it_expires),
		cmocka_unit_test(test_login_that_expired_is_made_anew),
		cmocka_unit_test(test_login_that_is_refused_is_made_anew_once),
		cmocka_unit_test(test_login_that_is_refused_is_made_anew_without_patience),
		cmocka_unit_test(test_program_that_lacks_or_fails_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
