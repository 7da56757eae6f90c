/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SCRIPTED_NODE_H
#define TESTS_UNIT_SCRIPTED_NODE_H

/*
 * A node for tests of runs that end early: its API server is a script, and its files are a folder
 * of the test.  The release is missing, which an installation finds before its first step;
 * containerd is missing, which a removal finds when the labels and the RuntimeClasses are done.
 */

#include <string.h>

#include "deploy/settings.h"
#include "lib/host/manifest.h"
#include "lib/host/store.h"
#include "lib/sha256.h"
#include "tests/unit/fake-api.h"

#define SHARED   "\"katacontainers.io/kata-runtime\""
#define INSTANCE "\"kata-deploy.katacontainers.io/default\""
#define OTHER    "\"kata-deploy.katacontainers.io/other\""

#define NODE(labels)                                                                              \
	{                                                                                         \
		{ "GET /api/v1/nodes/n1 " }, "200 OK",                                            \
			"{\"metadata\":{\"uid\":\"u\",\"labels\":{" labels "}}}", FAKE_KEEP, NULL \
	}
#define LABELS(...)                                                                            \
	{                                                                                      \
		{ "PATCH /api/v1/nodes/n1?fieldManager=kata-deploy ", __VA_ARGS__ }, "200 OK", \
			"{}", FAKE_KEEP, NULL                                                  \
	}
#define TOLD(reason, text)                                                                \
	{ { "POST /apis/events.k8s.io/v1/namespaces/default/events?", reason, text },     \
	  "201 Created",                                                                  \
	  "{}",                                                                           \
	  FAKE_KEEP,                                                                      \
	  NULL },                                                                         \
	{                                                                                 \
		{ "PATCH /api/v1/nodes/n1/status?", "\"KataReady\"", "\"False\"", text }, \
			"200 OK", "{}", FAKE_KEEP, NULL                                   \
	}
#define ANSWER(request, status, body)                      \
	{                                                  \
		{ request }, status, body, FAKE_KEEP, NULL \
	}
#define DAEMONSET(status, body) \
	ANSWER("GET /apis/apps/v1/namespaces/kata-system/daemonsets/kata-deploy ", status, body)
#define NAMESPACE(status, body) ANSWER("GET /api/v1/namespaces/kata-system ", status, body)
#define CLASS(name) \
	ANSWER("GET /apis/node.k8s.io/v1/runtimeclasses/" name " ", "404 Not Found", "{}")
#define NODES(items)                                                                               \
	ANSWER("GET /api/v1/nodes?labelSelector=kata-deploy.katacontainers.io/default,", "200 OK", \
	       "{\"items\":[" items "]}")
#define REFUSED "403 Forbidden"

/* A node that consists of a folder and an object. */
struct world {
	char *dir;
	struct fake_api api;
	struct settings settings;
};

static inline void set_env(const char *const (*pairs)[2], size_t n)
{
	assert_int_equal(clearenv(), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(setenv(pairs[i][0], pairs[i][1], 1), 0);
}

static inline void start(struct world *w, const struct fake_turn *turns, size_t n)
{
	_free_ char *socket = NULL;
	struct error e;

	*w = (struct world){ .dir = folder_new() };
	assert_true(fake_start(&w->api, turns, n, NULL));
	socket = path_join(w->dir, "containerd.sock");
	set_env((const char *const[][2]){ { "NODE_NAME", "n1" },
					  { "INSTALLATION_PREFIX", w->dir },
					  { "KATA_ARTIFACTS", w->dir },
					  { "KATA_CONTAINERD_DIR", w->dir },
					  { "KATA_CONTAINERD_SOCKET", socket },
					  { "KATA_CUSTOM_CONFIGS", w->dir },
					  { "KATA_LOCKS", w->dir },
					  { "KATA_REFUSED_WAIT", "0" } },
		8);
	fake_kubeconfig(&w->api, w->dir);
	assert_int_equal(settings_read(&w->settings, &e), 0);
}

/* Makes a version of one empty file current. */
static inline void install_version(const struct world *w)
{
	char empty[SHA256_HEX + 1], digest[SHA256_HEX + 1];
	_manifest_ struct manifest m = { 0 };
	_free_ char *root = settings_root(&w->settings);
	_free_ char *folder = NULL;
	_free_ char *path = NULL;
	_free_ char *body = NULL;
	_free_ char *text = NULL;
	struct error e;

	sha256_bytes("", 0, empty);
	body = xasprintf("kata-manifest 1\nversion 1\narch x86_64\nfile 0644 0 %s shim\n", empty);
	sha256_bytes(body, strlen(body), digest);
	text = xasprintf("%sdigest %s\n", body, digest);
	assert_int_equal(manifest_parse(text, strlen(text), "m", &m, &e), 0);
	folder = manifest_folder(&m);
	path = xasprintf("%s/versions/%s", root, folder);
	folder_put(path, MANIFEST_NAME, text);
	folder_put(path, "shim", "");
	assert_int_equal(store_switch(root, folder, &e), 0);
}

static inline void stop(struct world *w)
{
	const char *fault = fake_stop(&w->api);

	if (fault)
		fail_msg("%s", fault);
	settings_done(&w->settings);
	folder_remove(w->dir);
}

#endif
